//! Where values come from, one layer over the other.

use std::collections::BTreeMap;
use std::path::Path;

use ron::extensions::Extensions;
use serde_json::Value;

use super::places::places;
use super::{Config, ConfigError, Loaded, Origin};

/// What the names of variables begin with.
const PREFIX: &str = "DETECTOR_";

/// Names that the old worker's configuration has for fields.
const OLD_NAMES: [(&str, &str); 1] = [("reconnect_interval_sec", "reconnect_interval_secs")];

/// A configuration as a tree, and who has set which of its values.
pub struct Layers {
    tree: Value,
    origins: BTreeMap<String, Origin>,
}

impl Default for Layers {
    fn default() -> Self {
        Self::of(Config::default(), BTreeMap::new())
    }
}

impl Layers {
    fn of(config: Config, origins: BTreeMap<String, Origin>) -> Self {
        let tree = serde_json::to_value(config).expect("a configuration is plain data");
        Self { tree, origins }
    }

    /// Reads a file. One whose name ends in `.json` is the old worker's `config.json`.
    pub fn from_file(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file)
            .map_err(|source| ConfigError::Read { file: file.to_owned(), source })?;
        let json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let parsed = if json { from_json(&text) } else { from_ron(&text) };
        let config = parsed.map_err(|fault| ConfigError::File { file: file.to_owned(), fault })?;
        let set = places(&text).into_iter().map(|(name, line)| {
            let old = OLD_NAMES.iter().find(|(old, _)| *old == name);
            let path = old.map_or(name, |(_, path)| (*path).to_owned());
            (path, Origin::File { file: file.to_owned(), line })
        });
        Ok(Self::of(config, set.collect()))
    }

    /// Lays a variable over it, if its name says that it is one of ours. `DETECTOR_AUTH_TOKEN` is
    /// `auth.token`.
    pub fn set_variable(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        if !name.starts_with(PREFIX) {
            return Ok(());
        }
        let paths = leaves(&self.tree);
        let known: Vec<_> = paths.iter().map(|path| variable(path)).collect();
        let origin = Origin::Variable(name.to_owned());
        match known.iter().position(|known| known == name) {
            Some(at) => self.set(&paths[at], text, origin),
            None => Err(unknown(origin, name, &known)),
        }
    }

    /// Lays a flag over it, which sets the value at `path`.
    pub fn set_flag(&mut self, flag: &str, path: &str, text: &str) -> Result<(), ConfigError> {
        let paths = leaves(&self.tree);
        let origin = Origin::Flag(flag.to_owned());
        if paths.iter().any(|known| known == path) {
            self.set(path, text, origin)
        } else {
            Err(unknown(origin, path, &paths))
        }
    }

    fn set(&mut self, path: &str, text: &str, origin: Origin) -> Result<(), ConfigError> {
        let list = text.split(',').map(|part| Value::from(part.trim())).collect();
        // A token may look like a number: the first reading that fits the field wins.
        let readings = [
            serde_json::from_str(text).unwrap_or(Value::Null),
            Value::from(text),
            Value::Array(list),
        ];
        let fitting = readings.into_iter().filter(|reading| !reading.is_null()).find_map(|value| {
            let mut tree = self.tree.clone();
            *tree.pointer_mut(&pointer(path))? = value;
            serde_json::from_value::<Config>(tree.clone()).ok().map(|_| tree)
        });
        let Some(tree) = fitting else {
            let like = serde_json::to_value(Config::default()).expect("it is plain data");
            let like = like.pointer(&pointer(path)).cloned().unwrap_or_default();
            let fault = format!("{path}: expected a value like {like}");
            return Err(ConfigError::Setting { origin: origin.to_string(), fault });
        };
        self.tree = tree;
        self.origins.insert(path.to_owned(), origin);
        Ok(())
    }

    /// What came out.
    pub fn finish(self) -> Loaded {
        let config = serde_json::from_value(self.tree).expect("every value was tried");
        Loaded { config, origins: self.origins }
    }
}

/// Reads RON. The error begins with line and column.
pub fn from_ron(text: &str) -> Result<Config, String> {
    let options = ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME);
    options.from_str(text).map_err(|error| {
        let place = error.span.start;
        let fault = match &error.code {
            ron::Error::NoSuchStructField { expected, found, .. } => no_field(found, expected),
            code => code.to_string(),
        };
        format!("{}:{}: {fault}", place.line, place.col)
    })
}

/// Reads the old worker's `config.json`: the same names, in JSON.
fn from_json(text: &str) -> Result<Config, String> {
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let message = error.to_string();
        // The place stands at the end, for people; here it stands at the front, for editors.
        let message = message.rsplit_once(" at line ").map_or(&*message, |(message, _)| message);
        let fault = match message.strip_prefix("unknown field ") {
            Some(rest) => {
                let mut names = rest.split('`').skip(1).step_by(2);
                let found = names.next().unwrap_or_default();
                no_field(found, &names.collect::<Vec<_>>())
            }
            None => message.to_owned(),
        };
        format!("{line}:{column}: {fault}")
    })
}

fn no_field(found: &str, expected: &[&str]) -> String {
    match nearest(found, expected) {
        Some(name) => format!("there is no field `{found}`; is `{name}` meant?"),
        None => format!("there is no field `{found}`; there are {}", expected.join(", ")),
    }
}

fn unknown(origin: Origin, name: &str, known: &[String]) -> ConfigError {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let fault = match nearest(name, &known) {
        Some(near) => format!("no such setting; is {near} meant?"),
        None => "no such setting; `detector-worker config` lists them".to_owned(),
    };
    ConfigError::Setting { origin: origin.to_string(), fault }
}

/// The path of every value that can be set, such as `limits.clients`.
pub fn leaves(tree: &Value) -> Vec<String> {
    fn walk(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (field, value) in fields {
                    let dot = if path.is_empty() { "" } else { "." };
                    walk(value, &format!("{path}{dot}{field}"), found);
                }
            }
            _ => found.push(path.to_owned()),
        }
    }
    let mut found = Vec::new();
    walk(tree, "", &mut found);
    found
}

/// The environment's name of a value.
pub fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.to_uppercase().replace('.', "_"))
}

/// The JSON pointer of a value: RFC 6901.
pub fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

/// The known name that `name` is most likely a slip of.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known), *known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}
