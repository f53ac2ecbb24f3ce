//! Templates with their values in.

use detector_components::action::{Piece, Template};
use serde_json::Value;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// It is no name of ours: the braces are part of the text.
    Unknown,
    /// A name of ours that has no value here and now.
    Missing,
    /// Its value.
    Known(String),
}

/// A name without a value, so that the text cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{{{0}}} has no value")]
pub struct MissingFact(pub String);

/// Replaces each `{name}` that is known; any other brace stays as it is, so that JSON needs no
/// escaping.
///
/// A template that is JSON once its places hold numbers stays JSON: inside a text a value is escaped,
/// and elsewhere one that is no JSON by itself becomes a text.
///
/// # Errors
/// At the first known name without a value.
pub fn expand(template: &Template, fact: impl Fn(&str) -> Fact) -> Result<String, MissingFact> {
    let mut values = Vec::new();
    for piece in template.pieces() {
        values.push(match piece {
            Piece::Text(_) => None,
            Piece::Name(name) => match fact(name) {
                Fact::Unknown => None,
                Fact::Missing => return Err(MissingFact(name.to_owned())),
                Fact::Known(value) => Some(value),
            },
        });
    }
    let pieces: Vec<_> = template.pieces().into_iter().zip(values).collect();
    if !is_json(template, &pieces) {
        return Ok(pieces.iter().map(|(piece, value)| shown(piece, value.as_deref())).collect());
    }
    let mut text = String::with_capacity(template.as_str().len());
    let mut quotes = Quotes::default();
    for (piece, value) in &pieces {
        match value {
            Some(value) if quotes.open => text.push_str(&inside_quotes(value)),
            Some(value) => text.push_str(&as_json(value)),
            None => {
                let piece = shown(piece, None);
                quotes.read(&piece);
                text.push_str(&piece);
            }
        }
    }
    Ok(text)
}

/// A piece as it stands in the text; a name that is not known keeps its braces.
fn shown(piece: &Piece, value: Option<&str>) -> String {
    match (piece, value) {
        (Piece::Name(_), Some(value)) => value.to_owned(),
        (Piece::Name(name), None) => format!("{{{name}}}"),
        (Piece::Text(text), _) => (*text).to_owned(),
    }
}

fn is_json(template: &Template, pieces: &[(Piece, Option<String>)]) -> bool {
    if !template.as_str().trim_start().starts_with(['{', '[']) {
        return false;
    }
    // A digit is right both inside a text and in the place of a number.
    let probe: String =
        pieces.iter().map(|(piece, value)| shown(piece, value.as_ref().map(|_| "0"))).collect();
    let value = serde_json::from_str::<Value>(&probe);
    value.is_ok_and(|value| value.is_object() || value.is_array())
}

/// Whether JSON that was read so far ends within a text.
#[derive(Default)]
struct Quotes {
    open: bool,
    escaped: bool,
}

impl Quotes {
    fn read(&mut self, json: &str) {
        for char in json.chars() {
            match char {
                _ if self.escaped => self.escaped = false,
                '\\' if self.open => self.escaped = true,
                '"' => self.open = !self.open,
                _ => {}
            }
        }
    }
}

fn inside_quotes(value: &str) -> String {
    let quoted = Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn as_json(value: &str) -> String {
    match serde_json::from_str::<Value>(value) {
        Ok(_) => value.to_owned(),
        Err(_) => Value::from(value).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(name: &str) -> Fact {
        match name {
            "class" => Fact::Known("car".to_owned()),
            "confidence" => Fact::Known("0.91".to_owned()),
            "bbox" => Fact::Known("[1,2,3,4]".to_owned()),
            "plate.class" => Fact::Known(r#"a"b\c"#.to_owned()),
            "session_id" => Fact::Missing,
            _ => Fact::Unknown,
        }
    }

    #[track_caller]
    fn check(template: &str, expected: &str) {
        assert_eq!(expand(&Template::new(template), fact).as_deref(), Ok(expected));
    }

    #[test]
    fn known_names_are_replaced() {
        check("det:{class}:{confidence}", "det:car:0.91");
    }

    #[test]
    fn other_braces_stay() {
        check("{colour} {} {class", "{colour} {} {class");
        check("{{class}}", "{car}");
    }

    #[test]
    fn json_needs_no_escaping() {
        check(
            r#"{"class":"{class}","score":{confidence},"more":{"x":1}}"#,
            r#"{"class":"car","score":0.91,"more":{"x":1}}"#,
        );
    }

    #[test]
    fn values_in_json_are_escaped() {
        check(r#"{"plate": "{plate.class}"}"#, r#"{"plate": "a\"b\\c"}"#);
        check(r#"{"a\"{class}": "{plate.class}"}"#, r#"{"a\"car": "a\"b\\c"}"#);
    }

    #[test]
    fn what_is_no_json_by_itself_becomes_a_text_of_it() {
        check(r#"[{class}, {bbox}, {plate.class}]"#, r#"["car", [1,2,3,4], "a\"b\\c"]"#);
    }

    #[test]
    fn values_in_other_texts_are_not() {
        check("plate {plate.class}", r#"plate a"b\c"#);
        check("{plate.class}", r#"a"b\c"#);
    }

    #[test]
    fn a_name_without_a_value_is_an_error() {
        let error = expand(&Template::new("s:{session_id}"), fact).unwrap_err();
        assert_eq!(error.to_string(), "{session_id} has no value");
    }
}
