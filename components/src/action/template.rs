//! Texts with `{name}` places.

use std::sync::Arc;

/// A text with `{name}` places. Names that are not known are left as they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Template(Arc<str>);

/// A part of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Stands as it is.
    Text(&'a str),
    /// What stood between braces and may be a name.
    Name(&'a str),
}

impl Template {
    /// Takes the text as it stands in the archive.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text as it stands in the archive.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts in order. Braces that hold no name, JSON's among them, are text.
    pub fn pieces(&self) -> Vec<Piece<'_>> {
        let mut pieces = Vec::new();
        let mut text = 0;
        let mut from = 0;
        while let Some(open) = self.0[from..].find('{').map(|open| from + open) {
            let inside = &self.0[open + 1..];
            match inside.split_once('}').filter(|(name, _)| is_name(name)) {
                Some((name, _)) => {
                    if text < open {
                        pieces.push(Piece::Text(&self.0[text..open]));
                    }
                    pieces.push(Piece::Name(name));
                    from = open + name.len() + 2;
                    text = from;
                }
                None => from = open + 1,
            }
        }
        if text < self.0.len() {
            pieces.push(Piece::Text(&self.0[text..]));
        }
        pieces
    }
}

/// Node names are the archive's: anything that is not JSON's own punctuation.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(['{', '"', ':', ',', '\n', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(template: &str, expected: &[Piece]) {
        assert_eq!(Template::new(template).pieces(), expected);
    }

    #[test]
    fn a_name_stands_between_braces() {
        check("det:{class}!", &[Piece::Text("det:"), Piece::Name("class"), Piece::Text("!")]);
        check("{a}{b.c}", &[Piece::Name("a"), Piece::Name("b.c")]);
    }

    #[test]
    fn braces_of_json_are_text() {
        let pieces = [Piece::Text(r#"{"a":{"b":"#), Piece::Name("b"), Piece::Text("}}")];
        check(r#"{"a":{"b":{b}}}"#, &pieces);
        check("{} {class", &[Piece::Text("{} {class")]);
        check("{{class}}", &[Piece::Text("{"), Piece::Name("class"), Piece::Text("}")]);
        check("", &[]);
    }

    #[test]
    fn the_pieces_make_the_template() {
        for template in ["{é}{", "}{a}{{", "{a}}}", "{ü {b}ö"] {
            let whole: String = Template::new(template)
                .pieces()
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => (*text).to_owned(),
                    Piece::Name(name) => format!("{{{name}}}"),
                })
                .collect();
            assert_eq!(whole, template);
        }
    }
}
