//! Where values come from, one layer over the other.

use std::path::Path;

use ron::extensions::Extensions;
use serde_json::Value;

use super::{Config, ConfigError};

/// What the names of variables begin with.
const PREFIX: &str = "DETECTOR_";

/// Reads a file.
pub fn read(file: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(file)
        .map_err(|source| ConfigError::Read { file: file.to_owned(), source })?;
    let json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let parsed = if json { from_json(&text) } else { from_ron(&text) };
    parsed.map_err(|fault| ConfigError::File { file: file.to_owned(), fault })
}

/// Reads RON. The error says line and column.
pub fn from_ron(text: &str) -> Result<Config, String> {
    let options = ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME);
    options.from_str(text).map_err(|error| {
        let hint = match &error.code {
            ron::Error::NoSuchStructField { expected, found, .. } => nearest(found, expected),
            _ => None,
        };
        let place = format!("line {}, column {}", error.span.start.line, error.span.start.col);
        match hint {
            Some(name) => format!("{place}: {}; is `{name}` meant?", error.code),
            None => format!("{place}: {}", error.code),
        }
    })
}

/// Reads the old worker's `config.json`: the same names, in JSON.
fn from_json(text: &str) -> Result<Config, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Lays the environment over a configuration. `DETECTOR_AUTH_TOKEN` is `auth.token`.
pub fn with_environment(
    config: Config,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let mut variables: Vec<_> =
        environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    // The same environment gives the same error.
    variables.sort();
    if variables.is_empty() {
        return Ok(config);
    }
    let mut tree = serde_json::to_value(config).expect("a configuration is plain data");
    for (name, text) in variables {
        let fault = |fault: String| ConfigError::Variable { name: name.clone(), fault };
        let leaves = leaves(&tree);
        let Some((_, path)) = leaves.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = leaves.iter().map(|(known, _)| &**known).collect();
            return Err(fault(match nearest(&name, &known) {
                Some(near) => format!("no such setting; is {near} meant?"),
                None => "no such setting".to_owned(),
            }));
        };
        // A token may look like a number: the first reading that fits the field wins.
        let readings = [serde_json::from_str(&text).unwrap_or(Value::Null), Value::String(text)];
        let fitting =
            readings.into_iter().filter(|reading| !reading.is_null()).find_map(|reading| {
                let mut tree = tree.clone();
                *tree.pointer_mut(path)? = reading;
                serde_json::from_value::<Config>(tree.clone()).ok().map(|_| tree)
            });
        tree = fitting.ok_or_else(|| {
            let before = tree.pointer(path);
            fault(format!("expected a value like {}", before.unwrap_or(&Value::Null)))
        })?;
    }
    Ok(serde_json::from_value(tree).expect("every value was tried"))
}

/// The variable's name and the JSON pointer of every value that can be set.
fn leaves(tree: &Value) -> Vec<(String, String)> {
    fn walk(value: &Value, name: &str, path: &str, found: &mut Vec<(String, String)>) {
        match value {
            Value::Object(fields) => {
                for (field, value) in fields {
                    let name = format!("{name}_{}", field.to_uppercase());
                    walk(value, &name, &format!("{path}/{field}"), found);
                }
            }
            _ => found.push((name.to_owned(), path.to_owned())),
        }
    }
    let mut found = Vec::new();
    walk(tree, PREFIX.trim_end_matches('_'), "", &mut found);
    found
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
