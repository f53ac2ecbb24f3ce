//! Looks whether a value is what a schema says, as far as the schemas here go.
//!
//! A validator from outside would switch on features of what half of the workspace is built on. One
//! stands in `tests/clients/`, in another language; this one refuses keywords that it does not know.

use serde_json::Value;

/// What is wrong with `value`, each with its place.
pub fn faults(value: &Value, schema: &Value, root: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    Validation { root }.look(value, schema, "", &mut faults);
    faults
}

struct Validation<'a> {
    root: &'a Value,
}

impl Validation<'_> {
    fn look(&self, value: &Value, schema: &Value, path: &str, faults: &mut Vec<String>) {
        let Value::Object(keywords) = schema else {
            assert_eq!(schema, &Value::Bool(true), "a schema at {path}");
            return;
        };
        let mut wrong = |what: String| faults.push(format!("{path}: {what}"));
        for (keyword, want) in keywords {
            match keyword.as_str() {
                "title" | "description" | "format" | "default" | "$schema" | "$defs" => {}
                "type" => {
                    if !any(want).any(|name| is(value, name)) {
                        wrong(format!("{value}, expected {want}"));
                    }
                }
                "const" if value != want => wrong(format!("{value}, expected {want}")),
                "const" => {}
                "enum" => {
                    let choices = want.as_array().expect("a list of values");
                    if !choices.contains(value) {
                        wrong(format!("{value}, expected one of {want}"));
                    }
                }
                "minimum" if value.as_f64() < want.as_f64() && value.is_number() => {
                    wrong(format!("{value}, expected at least {want}"));
                }
                "maximum" if value.as_f64() > want.as_f64() && value.is_number() => {
                    wrong(format!("{value}, expected at most {want}"));
                }
                "minimum" | "maximum" => {}
                "minLength" if length(value).is_some_and(|length| length < number(want)) => {
                    wrong(format!("shorter than {want}"));
                }
                "maxLength" if length(value).is_some_and(|length| length > number(want)) => {
                    wrong(format!("longer than {want}"));
                }
                "minItems" if items(value).is_some_and(|count| count < number(want)) => {
                    wrong(format!("fewer than {want}"));
                }
                "maxItems" if items(value).is_some_and(|count| count > number(want)) => {
                    wrong(format!("more than {want}"));
                }
                "minLength" | "maxLength" | "minItems" | "maxItems" => {}
                "required" => {
                    for name in any(want) {
                        if value.is_object() && value.get(name).is_none() {
                            wrong(format!("{name} is missing"));
                        }
                    }
                }
                "$ref" | "properties" | "additionalProperties" | "items" => {}
                "oneOf" | "anyOf" => {}
                unknown => panic!("{path}: the keyword {unknown} is not known here"),
            }
        }
        if let Some(Value::String(reference)) = keywords.get("$ref") {
            let target = reference.strip_prefix('#').and_then(|place| self.root.pointer(place));
            self.look(value, target.expect(reference), path, faults);
        }
        for (keyword, most) in [("oneOf", 1), ("anyOf", usize::MAX)] {
            let Some(choices) = keywords.get(keyword) else { continue };
            let choices = choices.as_array().expect("a list of schemas");
            let tried = choices.iter().map(|choice| {
                let mut faults = Vec::new();
                self.look(value, choice, path, &mut faults);
                faults
            });
            let tried: Vec<_> = tried.collect();
            let fitting = tried.iter().filter(|faults| faults.is_empty()).count();
            if !(1..=most).contains(&fitting) {
                faults.push(format!("{path}: {fitting} of the choices fit: {tried:?}"));
            }
        }
        let properties = keywords.get("properties").and_then(Value::as_object);
        for (name, value) in value.as_object().into_iter().flatten() {
            let own = properties.and_then(|properties| properties.get(name));
            if let Some(schema) = own.or_else(|| keywords.get("additionalProperties")) {
                self.look(value, schema, &format!("{path}.{name}"), faults);
            }
        }
        if let Some(schema) = keywords.get("items") {
            for (number, value) in value.as_array().into_iter().flatten().enumerate() {
                self.look(value, schema, &format!("{path}[{number}]"), faults);
            }
        }
    }
}

/// One text, or a list of texts.
fn any(names: &Value) -> impl Iterator<Item = &str> {
    let list = names.as_array().into_iter().flatten();
    names.as_str().into_iter().chain(list.filter_map(Value::as_str))
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        unknown => panic!("the type {unknown} is not known here"),
    }
}

fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}

fn items(value: &Value) -> Option<u64> {
    value.as_array().map(|list| list.len() as u64)
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number of things")
}
