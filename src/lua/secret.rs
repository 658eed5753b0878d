//! `secret "NAME"`: a value that policy code can join to texts and pass on, and never read.
//! Only the name is in the VM; what it stands for never is. May import: `model`.

use crate::model::effect::{Text, TextPart};
use mlua::{MetaMethod, UserData, UserDataMethods, Value};

/// A text with secrets in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Secret(pub(super) Text);

/// Longest text that `..` makes with a secret, in bytes: it lives outside the VM's memory limit.
const LONGEST: usize = 64 * 1024;

impl Secret {
    pub(super) fn named(name: &str) -> Secret {
        Secret(Text(vec![TextPart::Secret(name.into())]))
    }

    fn bytes(&self) -> usize {
        let part = |p: &TextPart| match p {
            TextPart::Plain(text) | TextPart::Secret(text) => text.len() + 24,
        };
        self.0.0.iter().map(part).sum()
    }

    fn push(&mut self, value: &Value) -> Result<(), String> {
        match value {
            Value::String(text) => self.plain(&text.to_string_lossy()),
            Value::Number(_) | Value::Integer(_) => self.plain(&super::value::number_text(value)),
            Value::UserData(data) => match data.borrow::<Secret>() {
                Ok(other) => self.0.0.extend(other.0.0.iter().cloned()),
                Err(_) => return Err("a secret joins texts, numbers and secrets only".into()),
            },
            other => return Err(format!("a secret cannot be joined to a {}", other.type_name())),
        }
        Ok(())
    }

    fn plain(&mut self, text: &str) {
        if let Some(TextPart::Plain(last)) = self.0.0.last_mut() {
            last.push_str(text);
        } else {
            self.0.0.push(TextPart::Plain(text.into()));
        }
    }
}

impl UserData for Secret {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_function(MetaMethod::Concat, |_, (a, b): (Value, Value)| {
            let mut joined = Secret(Text(Vec::new()));
            for value in [&a, &b] {
                joined.push(value).map_err(mlua::Error::runtime)?;
            }
            if joined.bytes() > LONGEST {
                return Err(mlua::Error::runtime("a text with a secret in it is longer than 64 KiB"));
            }
            Ok(joined)
        });
        methods.add_meta_function(MetaMethod::ToString, |_, _: Value| Ok("***"));
    }
}
