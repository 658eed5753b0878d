//! `secret "NAME"`: a value that policy code can join to texts and pass on, and never read.
//! Only the name is in the VM; what it stands for never is. May import: `model`.

use crate::model::effect::{Text, TextPart};
use mlua::{Lua, MetaMethod, UserData, UserDataMethods, Value};
use std::cell::Cell;
use std::rc::Rc;

/// Longest text that `..` makes with a secret, in bytes.
const LONGEST: usize = 64 * 1024;
/// Most bytes of all such texts of one VM: they live outside its memory limit.
const MOST: usize = 4 << 20;

/// Counts the bytes of a VM's secrets.
pub(super) type Meter = Rc<Cell<usize>>;

/// A text with secrets in it.
pub(super) struct Secret {
    pub(super) text: Text,
    bytes: usize,
    meter: Meter,
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.meter.set(self.meter.get().saturating_sub(self.bytes));
    }
}

impl Secret {
    /// A secret by its name.
    pub(super) fn named(lua: &Lua, name: &str, meter: &Meter) -> Result<Secret, String> {
        Secret::new(lua, Text(vec![TextPart::Secret(name.into())]), meter)
    }

    fn new(lua: &Lua, text: Text, meter: &Meter) -> Result<Secret, String> {
        let part = |p: &TextPart| match p {
            TextPart::Plain(text) | TextPart::Secret(text) => text.len() + 24,
        };
        let bytes = text.0.iter().map(part).sum();
        if bytes > LONGEST {
            return Err("a text with a secret in it is longer than 64 KiB".into());
        }
        if meter.get() + bytes > MOST {
            // Most of them may be garbage that the collector does not know to be large.
            let _ = lua.gc_collect();
        }
        if meter.get() + bytes > MOST {
            return Err("texts with secrets in them take more than 4 MiB".into());
        }
        meter.set(meter.get() + bytes);
        Ok(Secret { text, bytes, meter: meter.clone() })
    }

    fn joined(lua: &Lua, values: [&Value; 2]) -> Result<Secret, String> {
        let mut text = Text::default();
        let mut meter = None;
        for value in values {
            match value {
                Value::String(plain) => add(&mut text, &plain.to_string_lossy()),
                Value::Number(_) | Value::Integer(_) => add(&mut text, &super::value::number_text(value)),
                Value::UserData(data) => {
                    let Ok(other) = data.borrow::<Secret>() else {
                        return Err("a secret joins texts, numbers and secrets only".into());
                    };
                    text.0.extend(other.text.0.iter().cloned());
                    meter = Some(other.meter.clone());
                }
                other => return Err(format!("a secret cannot be joined to a {}", other.type_name())),
            }
        }
        Secret::new(lua, text, &meter.unwrap_or_default())
    }
}

fn add(text: &mut Text, plain: &str) {
    if let Some(TextPart::Plain(last)) = text.0.last_mut() {
        last.push_str(plain);
    } else {
        text.0.push(TextPart::Plain(plain.into()));
    }
}

impl UserData for Secret {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_function(MetaMethod::Concat, |lua, (a, b): (Value, Value)| {
            Secret::joined(lua, [&a, &b]).map_err(mlua::Error::runtime)
        });
        methods.add_meta_function(MetaMethod::ToString, |_, _: Value| Ok("***"));
    }
}
