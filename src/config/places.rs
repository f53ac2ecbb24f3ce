//! On which line of a file each field stands.

/// A field that a file sets, as `limits.clients`, and the line that it stands on, from 1.
pub type Place = (String, usize);

/// The fields that a configuration sets, in RON or in JSON, in the order in which they stand.
///
/// It looks at names and brackets only: whether the text is a configuration is for its parser to
/// say. Of a list, the field that holds it is told, and nothing inside it.
pub fn places(text: &str) -> Vec<Place> {
    let mut scanner = Scanner { rest: text.chars().peekable(), line: 1 };
    let mut found = Vec::new();
    // The field that each open bracket is the value of. None: no field, or inside a list.
    let mut open: Vec<Option<String>> = Vec::new();
    let mut field: Option<String> = None;
    let mut name: Option<Place> = None;
    while let Some(token) = scanner.next() {
        match token {
            Token::Name(text, line) => name = Some((text, line)),
            Token::Sign(':') => {
                let Some((text, line)) = name.take() else { continue };
                let listed = open.len() > 1 && open.iter().skip(1).any(Option::is_none);
                if !listed {
                    let outer = open.iter().flatten();
                    let path: Vec<&str> = outer.map(String::as_str).chain([&*text]).collect();
                    found.push((path.join("."), line));
                }
                field = Some(text);
            }
            Token::Sign('(' | '{') => open.push(field.take()),
            Token::Sign('[') => {
                open.push(None);
                field = None;
            }
            Token::Sign(')' | '}' | ']') => {
                open.pop();
            }
            Token::Sign(',') => field = None,
            Token::Sign(_) => {}
        }
    }
    found
}

enum Token {
    /// A bare word or a text in quotes, and its line.
    Name(String, usize),
    /// Anything else but comments and blanks.
    Sign(char),
}

struct Scanner<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line: usize,
}

impl Scanner<'_> {
    fn next(&mut self) -> Option<Token> {
        loop {
            let line = self.line;
            let sign = self.take()?;
            match sign {
                '/' if self.rest.peek() == Some(&'/') => while self.take()? != '\n' {},
                '/' if self.rest.peek() == Some(&'*') => self.skip_block()?,
                '"' => return Some(Token::Name(self.quoted()?, line)),
                'r' if matches!(self.rest.peek(), Some('"' | '#')) => {
                    let mut hashes = 0;
                    while self.rest.peek() == Some(&'#') {
                        self.take();
                        hashes += 1;
                    }
                    if self.rest.peek() == Some(&'"') {
                        self.take();
                        return Some(Token::Name(self.raw(hashes)?, line));
                    }
                }
                sign if sign.is_alphanumeric() || sign == '_' => {
                    let mut word = String::from(sign);
                    while let Some(next) = self
                        .rest
                        .next_if(|next| next.is_alphanumeric() || matches!(next, '_' | '.' | '-'))
                    {
                        word.push(next);
                    }
                    return Some(Token::Name(word, line));
                }
                sign if sign.is_whitespace() => {}
                sign => return Some(Token::Sign(sign)),
            }
        }
    }

    fn take(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        self.line += usize::from(next == '\n');
        Some(next)
    }

    /// The rest of a comment, in which others may be nested.
    fn skip_block(&mut self) -> Option<()> {
        let mut depth = 0;
        let mut before = '/';
        loop {
            let next = self.take()?;
            match (before, next) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    before = next;
                    continue;
                }
            }
            if depth == 0 {
                return Some(());
            }
            before = ' ';
        }
    }

    /// The rest of a text. What is escaped stays so: no field's name is.
    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.take()? {
                '"' => return Some(text),
                '\\' => {
                    text.push('\\');
                    text.push(self.take()?);
                }
                other => text.push(other),
            }
        }
    }

    /// The rest of a raw text, which ends with a quote and as many hashes.
    fn raw(&mut self, hashes: usize) -> Option<String> {
        let end = format!("\"{}", "#".repeat(hashes));
        let mut text = String::new();
        while !text.ends_with(&end) {
            text.push(self.take()?);
        }
        text.truncate(text.len() - end.len());
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, usize)]) {
        let expected: Vec<_> =
            expected.iter().map(|(path, line)| (path.to_string(), *line)).collect();
        assert_eq!(places(text), expected);
    }

    #[test]
    fn fields_of_groups_carry_the_groups_name() {
        let text = "(\n  target_fps: 5,\n  limits: (\n    clients: 3, archive_bytes: 9),\n max_retries: -1,\n)";
        let expected = [
            ("target_fps", 2),
            ("limits", 3),
            ("limits.clients", 4),
            ("limits.archive_bytes", 4),
            ("max_retries", 5),
        ];
        check(text, &expected);
    }

    #[test]
    fn what_looks_like_a_field_in_a_comment_or_a_text_is_none() {
        let text = r##"( // listen: 1
            /* auth: /* token: */ 2 */
            listen: "a: b\" c: d", device: r#"gpu: "0" "#, head: Some("x"))"##;
        check(text, &[("listen", 3), ("device", 3), ("head", 3)]);
    }

    #[test]
    fn json_is_read_alike() {
        let text = "{\n \"target_fps\": 5,\n \"limits\": {\"clients\": 3}\n}";
        check(text, &[("target_fps", 2), ("limits", 3), ("limits.clients", 3)]);
    }

    #[test]
    fn nothing_inside_a_list_is_told() {
        check(
            "(hosts: [(name: 1)], named: Config(a: 2))",
            &[("hosts", 1), ("named", 1), ("named.a", 1)],
        );
    }
}
