//! `detector-worker config`: every value that is in force, and who has set it.

use std::io::Write;

use anyhow::{Context, Result};
use console::style;
use detector_components::secret::SecretUrl;
use serde_json::{Map, Value, json};

use super::layers::{leaves, pointer, variable};
use super::{Loaded, Origin};
use crate::cli::ConfigArgs;

/// Runs the command.
///
/// # Errors
/// When the configuration is wrong.
pub fn show(args: &ConfigArgs) -> Result<()> {
    let loaded = args.settings.sources().load()?;
    let text = if args.json {
        let mut text = serde_json::to_string_pretty(&as_json(&loaded)).context("writing it")?;
        text.push('\n');
        text
    } else {
        as_table(&loaded)
    };
    std::io::stdout().write_all(text.as_bytes()).context("writing to standard output")
}

/// One row each: path, value, origin. What somebody has set stands out.
fn as_table(loaded: &Loaded) -> String {
    let rows: Vec<_> = shown(loaded)
        .into_iter()
        .map(|(path, value, origin)| (path, value.to_string(), origin))
        .collect();
    let widest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
    let names = widest(&mut rows.iter().map(|(path, ..)| path.len()));
    let values = widest(&mut rows.iter().map(|(_, value, _)| value.chars().count())).min(40);
    let rows = rows.iter().map(|(path, value, origin)| {
        let row = format!("{path:<names$}  {value:<values$}  ");
        match origin {
            Origin::Default => format!("{row}{}\n", style(origin).dim()),
            _ => format!("{}{}\n", style(row).bold(), style(origin).cyan()),
        }
    });
    rows.collect()
}

/// By path: value, origin, and the variable that would set it.
fn as_json(loaded: &Loaded) -> Value {
    let values = shown(loaded).into_iter().map(|(path, value, origin)| {
        let origin = match origin {
            Origin::Default => json!({"kind": "default"}),
            Origin::File { file, line } => json!({"kind": "file", "file": file, "line": line}),
            Origin::Variable(name) => json!({"kind": "variable", "name": name}),
            Origin::Flag(name) => json!({"kind": "flag", "name": name}),
        };
        let variable = variable(&path);
        (path, json!({"value": value, "origin": origin, "variable": variable}))
    });
    Value::Object(values.collect::<Map<_, _>>())
}

/// Every value as it may be shown.
fn shown(loaded: &Loaded) -> Vec<(String, Value, Origin)> {
    let tree = serde_json::to_value(&loaded.config).expect("a configuration is plain data");
    let rows = leaves(&tree).into_iter().map(|path| {
        let value = tree.pointer(&pointer(&path)).cloned().unwrap_or_default();
        let origin = loaded.origin(&path);
        (path.clone(), presentable(&path, value), origin)
    });
    rows.collect()
}

/// A value without credentials: stars for what is one, and an address without its own.
pub fn presentable(path: &str, value: Value) -> Value {
    let name = path.rsplit('.').next().unwrap_or(path);
    let secret = ["token", "password", "secret"].iter().any(|word| name.contains(word));
    match value {
        Value::Null => Value::Null,
        _ if secret => "***".into(),
        Value::String(text) => match SecretUrl::parse(&text) {
            Ok(url) if url.expose().has_host() => url.to_string().into(),
            _ => text.into(),
        },
        other => other,
    }
}
