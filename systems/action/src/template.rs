//! Texts with `{name}` places.

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
/// A template that is JSON once its places hold numbers stays JSON: values are escaped as the inside
/// of a JSON string.
///
/// # Errors
/// At the first known name without a value.
pub fn expand(template: &str, fact: impl Fn(&str) -> Fact) -> Result<String, MissingFact> {
    let json = is_json(template, &fact);
    replace(template, |name| match fact(name) {
        Fact::Known(value) if json => Fact::Known(escaped(&value)),
        other => other,
    })
}

fn is_json(template: &str, fact: &impl Fn(&str) -> Fact) -> bool {
    if !template.trim_start().starts_with(['{', '[']) {
        return false;
    }
    // A digit is right both inside a string and in the place of a number.
    let probe = replace(template, |name| match fact(name) {
        Fact::Unknown => Fact::Unknown,
        Fact::Missing | Fact::Known(_) => Fact::Known("0".to_owned()),
    });
    let value = probe.ok().and_then(|probe| serde_json::from_str::<Value>(&probe).ok());
    value.is_some_and(|value| value.is_object() || value.is_array())
}

fn replace(template: &str, fact: impl Fn(&str) -> Fact) -> Result<String, MissingFact> {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        text.push_str(before);
        let name = from[1..].split_once('}').map(|(name, _)| name).filter(|name| is_name(name));
        match name.map(|name| (name, fact(name))) {
            Some((name, Fact::Known(value))) => {
                text.push_str(&value);
                rest = &from[name.len() + 2..];
            }
            Some((name, Fact::Missing)) => return Err(MissingFact(name.to_owned())),
            Some((_, Fact::Unknown)) | None => {
                text.push('{');
                rest = &from[1..];
            }
        }
    }
    text.push_str(rest);
    Ok(text)
}

/// Node names are the archive's: anything that is not JSON's own punctuation.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(['{', '"', ':', ',', '\n', ' '])
}

fn escaped(value: &str) -> String {
    let quoted = Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(name: &str) -> Fact {
        match name {
            "class" => Fact::Known("car".to_owned()),
            "confidence" => Fact::Known("0.91".to_owned()),
            "plate.class" => Fact::Known(r#"a"b\c"#.to_owned()),
            "session_id" => Fact::Missing,
            _ => Fact::Unknown,
        }
    }

    #[track_caller]
    fn check(template: &str, expected: &str) {
        assert_eq!(expand(template, fact).as_deref(), Ok(expected));
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
    }

    #[test]
    fn values_in_other_texts_are_not() {
        check("plate {plate.class}", r#"plate a"b\c"#);
        check("{plate.class}", r#"a"b\c"#);
    }

    #[test]
    fn a_name_without_a_value_is_an_error() {
        let error = expand("s:{session_id}", fact).unwrap_err();
        assert_eq!(error.to_string(), "{session_id} has no value");
    }
}
