//! Effects as data: what a hook asks for and the edge alone performs. May import: nothing.

use serde::{Deserialize, Serialize};

/// A text that may hold secrets: they stay names until the effect is performed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Text(pub Vec<TextPart>);

/// A piece of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextPart {
    /// Plain text.
    Plain(String),
    /// A secret, by the name that `secret "NAME"` gave.
    Secret(String),
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(vec![TextPart::Plain(text.into())])
    }
}

/// Secrets print as `***`.
impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            TextPart::Plain(text) => f.write_str(text),
            TextPart::Secret(_) => f.write_str("***"),
        })
    }
}

/// JSON-like data whose texts may hold secrets; keys are sorted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// `nil`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A finite number.
    Number(f64),
    /// A text.
    Text(Text),
    /// A table with the keys 1..n.
    List(Vec<Value>),
    /// Any other table.
    Map(Vec<(String, Value)>),
}

/// What a hook asked for. Nothing here has happened yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// What is to be done.
    pub kind: EffectKind,
    /// The arguments as the hook gave them, keys sorted.
    pub arguments: Vec<(String, Value)>,
}

/// The functions of `act`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// `act.webhook { url, body?, method?, headers? }`: an HTTP request.
    Webhook,
    /// `act.slack { url, text }`: a message to an incoming webhook.
    Slack,
    /// `act.github { repo, workflow, ref?, inputs? }`: a workflow dispatch.
    Github,
    /// `act.mcp { server, tool, arguments? }`: a tool of an MCP server.
    Mcp,
    /// `act.llm { gateway, model, prompt }`: a question to a language model.
    Llm,
    /// `act.log(text)`: a line in the log.
    Log,
}

impl EffectKind {
    /// The name in `act.NAME`.
    pub fn name(self) -> &'static str {
        match self {
            EffectKind::Webhook => "webhook",
            EffectKind::Slack => "slack",
            EffectKind::Github => "github",
            EffectKind::Mcp => "mcp",
            EffectKind::Llm => "llm",
            EffectKind::Log => "log",
        }
    }
}

impl Effect {
    /// One line for people, without secrets: `webhook url=*** body={"text":"…"}`.
    pub fn summary(&self) -> String {
        let mut line = String::from(self.kind.name());
        for (key, value) in &self.arguments {
            line.push(' ');
            line.push_str(key);
            line.push('=');
            line.push_str(&value.to_string());
        }
        line
    }
}

/// JSON, with secrets as `***`.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.to_json())
    }
}

impl Value {
    /// As JSON, with secrets as `***`.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => (*b).into(),
            Value::Number(n) if n.fract() == 0.0 && n.abs() < 9e15 => (*n as i64).into(),
            Value::Number(n) => (*n).into(),
            Value::Text(text) => text.to_string().into(),
            Value::List(items) => items.iter().map(Value::to_json).collect(),
            Value::Map(items) => items.iter().map(|(k, v)| (k.clone(), v.to_json())).collect(),
        }
    }
}
