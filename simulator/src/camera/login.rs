//! Logins by RFC 7617 (basic) and RFC 7616 (digest), as a camera checks them.

use std::collections::BTreeMap;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::fault::{DigestHash, Scheme};

/// Who may watch.
pub struct Account<'a> {
    pub user: &'a str,
    pub password: &'a str,
    pub realm: &'a str,
}

/// What a request's login is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is none.
    Missing,
    /// It is right.
    Right,
    /// It is right for a nonce that is not good any more.
    Stale,
    /// It is wrong, or by a scheme that was not asked for.
    Wrong,
}

/// The nonce that a connection's client was given, and how often it was used.
#[derive(Debug, Default)]
pub struct Nonce {
    /// Empty before the first challenge.
    pub value: String,
    uses: u64,
    last_count: Option<u64>,
}

impl Nonce {
    pub fn new(value: String) -> Self {
        Self { value, ..Self::default() }
    }
}

/// The values of the headers `WWW-Authenticate`.
pub fn challenges(schemes: &[Scheme], realm: &str, nonce: &str, stale: bool) -> Vec<String> {
    schemes
        .iter()
        .map(|scheme| match *scheme {
            Scheme::Basic => format!("Basic realm=\"{realm}\""),
            Scheme::Digest { qop, named, .. } => {
                let mut text = format!("Digest realm=\"{realm}\", nonce=\"{nonce}\"");
                if qop {
                    text += ", qop=\"auth\", opaque=\"abc\"";
                }
                if named {
                    // Writing to a string does not fail.
                    let _ = write!(text, ", algorithm={}", algorithm(scheme));
                }
                if stale { text + ", stale=TRUE" } else { text }
            }
        })
        .collect()
}

fn algorithm(scheme: &Scheme) -> &'static str {
    match *scheme {
        Scheme::Basic => "",
        Scheme::Digest { hash: DigestHash::Md5, session: false, .. } => "MD5",
        Scheme::Digest { hash: DigestHash::Md5, session: true, .. } => "MD5-sess",
        Scheme::Digest { hash: DigestHash::Sha256, session: false, .. } => "SHA-256",
        Scheme::Digest { hash: DigestHash::Sha256, session: true, .. } => "SHA-256-sess",
    }
}

/// Judges the header `Authorization` of a request.
pub fn check(
    header: Option<&str>,
    schemes: &[Scheme],
    account: &Account,
    nonce: &mut Nonce,
    life: Option<u64>,
    (method, url): (&str, &str),
) -> Verdict {
    let Some(header) = header else { return Verdict::Missing };
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    if scheme.eq_ignore_ascii_case("basic") {
        let expected = format!("{}:{}", account.user, account.password);
        let right = STANDARD.decode(rest.trim()).is_ok_and(|sent| sent == expected.as_bytes());
        return if right && schemes.contains(&Scheme::Basic) {
            Verdict::Right
        } else {
            Verdict::Wrong
        };
    }
    if !scheme.eq_ignore_ascii_case("digest") {
        return Verdict::Wrong;
    }
    let sent = parameters(rest);
    let get = |name: &str| sent.get(name).map_or("", String::as_str);
    let answered = schemes.iter().find(|scheme| match scheme {
        Scheme::Basic => false,
        // RFC 7616, 3.3: what is not named is MD5.
        Scheme::Digest { named: false, .. } => matches!(get("algorithm"), "" | "MD5"),
        scheme => {
            get("algorithm").eq_ignore_ascii_case(algorithm(scheme))
                // Clients before RFC 7616 do not name what they take for granted.
                || algorithm(scheme) == "MD5" && get("algorithm").is_empty()
        }
    });
    let Some(&Scheme::Digest { hash, session, qop, .. }) = answered else {
        return Verdict::Wrong;
    };
    // Section 3.4.6 asks the server to make sure that both name the same.
    if get("uri") != url || get("username") != account.user || get("realm") != account.realm {
        return Verdict::Wrong;
    }
    if qop && (get("qop") != "auth" || get("opaque") != "abc") {
        return Verdict::Wrong;
    }
    let digest = |text: &str| match hash {
        DigestHash::Md5 => hex(&md5::Md5::digest(text)),
        DigestHash::Sha256 => hex(&Sha256::digest(text)),
    };
    let mut secret = digest(&format!("{}:{}:{}", account.user, account.realm, account.password));
    if session {
        secret = digest(&format!("{secret}:{}:{}", get("nonce"), get("cnonce")));
    }
    let request = digest(&format!("{method}:{}", get("uri")));
    let expected = if qop {
        let (nc, cnonce) = (get("nc"), get("cnonce"));
        digest(&format!("{secret}:{}:{nc}:{cnonce}:auth:{request}", get("nonce")))
    } else {
        digest(&format!("{secret}:{}:{request}", get("nonce")))
    };
    if !get("response").eq_ignore_ascii_case(&expected) {
        return Verdict::Wrong;
    }
    if get("nonce") != nonce.value {
        return Verdict::Stale;
    }
    if qop {
        // The same count twice is a replay.
        let count = u64::from_str_radix(get("nc"), 16).ok();
        if get("nc").len() != 8 || count.is_none() || count <= nonce.last_count {
            return Verdict::Wrong;
        }
        nonce.last_count = count;
    }
    nonce.uses += 1;
    if life.is_some_and(|life| nonce.uses > life) { Verdict::Stale } else { Verdict::Right }
}

/// `name=value` pairs separated by commas; values may be quoted.
fn parameters(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', ',', '\t']).to_ascii_lowercase();
        let after = after.trim_start();
        let mut value = String::new();
        if let Some(quoted) = after.strip_prefix('"') {
            let mut characters = quoted.char_indices();
            let mut end = quoted.len();
            while let Some((at, character)) = characters.next() {
                match character {
                    '"' => {
                        end = at + 1;
                        break;
                    }
                    '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                    other => value.push(other),
                }
            }
            rest = &quoted[end..];
        } else {
            let end = after.find(',').unwrap_or(after.len());
            value.push_str(after[..end].trim());
            rest = &after[end..];
        }
        found.insert(name, value);
    }
    found
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: Scheme =
        Scheme::Digest { hash: DigestHash::Md5, session: false, qop: true, named: true };
    const SHA256: Scheme =
        Scheme::Digest { hash: DigestHash::Sha256, session: false, qop: true, named: true };

    /// The example of RFC 7616, section 3.9.1.
    #[track_caller]
    fn check_example(algorithm: &str, response: &str, schemes: &[Scheme], expected: Verdict) {
        let value = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v".to_owned();
        let header = format!(
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", \
             algorithm={algorithm}, nonce=\"{value}\", nc=00000001, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, \
             response=\"{response}\", opaque=\"abc\""
        );
        let account =
            Account { user: "Mufasa", password: "Circle of Life", realm: "http-auth@example.org" };
        let request = ("GET", "/dir/index.html");
        let mut nonce = Nonce::new(value);
        let mut judge = |life| check(Some(&header), schemes, &account, &mut nonce, life, request);
        assert_eq!(judge(None), expected);
        if expected == Verdict::Right {
            // The same count again is a replay.
            assert_eq!(judge(None), Verdict::Wrong);
        }
    }

    #[test]
    fn the_examples_of_the_standard_are_right() {
        let md5 = "8ca523f5e9506fed4657c9700eebdbec";
        let sha256 = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
        check_example("MD5", md5, &[MD5], Verdict::Right);
        check_example("SHA-256", sha256, &[SHA256, MD5], Verdict::Right);
        check_example("MD5", md5, &[SHA256], Verdict::Wrong);
        check_example("SHA-256", md5, &[SHA256], Verdict::Wrong);
    }

    #[test]
    fn quotes_in_values_are_read() {
        let found = parameters(r#"a="x, \"y\"", b=2 ,C = "" "#);
        assert_eq!(found["a"], "x, \"y\"");
        assert_eq!(found["b"], "2");
        assert_eq!(found["c"], "");
    }
}
