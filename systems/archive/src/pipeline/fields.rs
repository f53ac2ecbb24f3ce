//! The fields of one JSON object: each is taken once, by its type; what is left over is unknown.

use std::collections::BTreeSet;
use std::sync::Arc;

use detector_components::geometry::Size;
use detector_components::secret::Secret;
use indexmap::IndexMap;
use serde_json::{Map, Value};

/// The fields of one object, and what is wrong with them.
pub struct Fields<'a> {
    path: String,
    object: &'a Map<String, Value>,
    known: BTreeSet<&'static str>,
    faults: Vec<String>,
    warnings: Vec<String>,
}

impl<'a> Fields<'a> {
    /// The fields of the object at `path`.
    pub fn new(path: &str, object: &'a Map<String, Value>) -> Self {
        Self {
            path: path.to_owned(),
            object,
            known: BTreeSet::new(),
            faults: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Everything that is wrong, and everything that is odd, unknown fields among it.
    pub fn done(mut self) -> (Vec<String>, Vec<String>) {
        for key in self.object.keys() {
            if !self.known.contains(key.as_str()) {
                let near = self
                    .known
                    .iter()
                    .map(|known| (strsim::jaro_winkler(key, known), known))
                    .filter(|(likeness, _)| *likeness > 0.8)
                    .max_by(|a, b| a.0.total_cmp(&b.0));
                let hint =
                    near.map(|(_, near)| format!("; is {near:?} meant?")).unwrap_or_default();
                self.warnings.push(format!("{}: unknown{hint}", joined(&self.path, key)));
            }
        }
        (self.faults, self.warnings)
    }

    /// The path of a field.
    pub fn path(&self, key: &str) -> String {
        joined(&self.path, key)
    }

    /// Notes a fault, with its path in it.
    pub fn fault(&mut self, fault: &str) {
        self.faults.push(fault.to_owned());
    }

    /// Notes something that is odd, with its path in it.
    pub fn warn(&mut self, warning: &str) {
        self.warnings.push(warning.to_owned());
    }

    /// Whether a field is not there, or `null`.
    pub fn is_absent(&self, key: &str) -> bool {
        self.object.get(key).is_none_or(Value::is_null)
    }

    /// A field of any type.
    pub fn take(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.insert(key);
        self.object.get(key)
    }

    fn typed<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        // `null` is how many writers say that a field is not there.
        let value = self.take(key).filter(|value| !value.is_null())?;
        let read = read(value);
        if read.is_none() {
            let mut found = value.to_string();
            if found.len() > 60 {
                found = format!("{}…", found.chars().take(60).collect::<String>());
            }
            self.faults.push(format!("{}: expected {expected}, found {found}", self.path(key)));
        }
        read
    }

    /// A text that is not empty.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.typed(key, "a text", |value| {
            value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        })
    }

    /// A text that faults do not repeat.
    pub fn secret(&mut self, key: &'static str) -> Option<Secret> {
        let value = self.take(key).filter(|value| !value.is_null())?;
        let secret = value.as_str().map(Secret::new);
        if secret.is_none() {
            self.faults.push(format!("{}: expected a text", self.path(key)));
        }
        secret
    }

    /// A text that must be there.
    pub fn required_text(&mut self, key: &'static str) -> Option<String> {
        if self.is_absent(key) {
            self.known.insert(key);
            self.faults.push(format!("{}: missing", self.path(key)));
            return None;
        }
        self.text(key)
    }

    /// True or false.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.typed(key, "true or false", Value::as_bool)
    }

    /// A number from 0 to 1.
    pub fn fraction(&mut self, key: &'static str) -> Option<f32> {
        self.typed(key, "a number from 0 to 1", |value| {
            let number = value.as_f64().filter(|number| (0.0..=1.0).contains(number))?;
            Some(number as f32)
        })
    }

    /// A whole number within bounds.
    pub fn whole(&mut self, key: &'static str, least: i64, most: i64) -> Option<i64> {
        self.typed(key, &format!("a whole number from {least} to {most}"), |value| {
            value.as_i64().filter(|number| (least..=most).contains(number))
        })
    }

    /// A number within bounds.
    pub fn number(&mut self, key: &'static str, least: f64, most: f64) -> Option<f64> {
        self.typed(key, &format!("a number from {least} to {most}"), |value| {
            value.as_f64().filter(|number| (least..=most).contains(number))
        })
    }

    /// An object of texts that must be there, by their keys.
    pub fn required_texts_by_key(
        &mut self,
        key: &'static str,
    ) -> Option<IndexMap<Arc<str>, Arc<str>>> {
        if self.is_absent(key) {
            self.known.insert(key);
            self.faults.push(format!("{}: missing", self.path(key)));
            return None;
        }
        self.typed(key, "an object of texts, not empty", |value| {
            let texts = value.as_object().filter(|texts| !texts.is_empty())?;
            texts
                .iter()
                .map(|(key, text)| Some((key.as_str().into(), text.as_str()?.into())))
                .collect()
        })
    }

    /// A list of texts; empty when it is not there.
    pub fn texts(&mut self, key: &'static str) -> Vec<Arc<str>> {
        self.typed(key, "a list of texts", |value| {
            value.as_array()?.iter().map(|text| Some(text.as_str()?.into())).collect()
        })
        .unwrap_or_default()
    }

    /// A width and a height in pixels.
    pub fn size(&mut self, key: &'static str) -> Option<Size> {
        self.typed(key, "[width, height] from 1 to 8192", |value| {
            let [width, height] = value.as_array()?.as_slice() else { return None };
            let side = |value: &Value| {
                let side = u32::try_from(value.as_u64()?).ok()?;
                (1..=8_192).contains(&side).then_some(side)
            };
            Some(Size { width: side(width)?, height: side(height)? })
        })
    }

    /// An object.
    pub fn object(&mut self, key: &'static str) -> Option<&'a Map<String, Value>> {
        self.typed(key, "an object", Value::as_object)
    }

    /// A list of objects, each with its place; empty when it is not there.
    pub fn objects(&mut self, key: &'static str) -> Vec<(usize, &'a Map<String, Value>)> {
        let list = self.typed(key, "a list of objects", Value::as_array);
        let mut objects = Vec::new();
        for (index, value) in list.into_iter().flatten().enumerate() {
            match value.as_object() {
                Some(object) => objects.push((index, object)),
                None => {
                    let path = self.path(key);
                    self.faults.push(format!("{path}[{index}]: expected an object"));
                }
            }
        }
        objects
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
