//! Faults as they are written: `NAME` or `NAME=VALUE`.

use std::str::FromStr;
use std::time::Duration;

use super::Fault;
use super::known::KNOWN;

/// The longest time that is accepted: a day.
const LONGEST: f64 = 86_400.0;

/// Why a text is no fault.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FaultError {
    /// There is none of this name.
    #[error("there is no fault {name:?}{}", did_you_mean(.nearest))]
    Unknown {
        /// What was written.
        name: String,
        /// A name that looks like it.
        nearest: Option<&'static str>,
    },
    /// It is written otherwise.
    #[error("the fault {name} is written {form}: {reason}")]
    Value {
        /// Which.
        name: &'static str,
        /// Its form.
        form: String,
        /// What is wrong.
        reason: String,
    },
}

fn did_you_mean(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!(": did you mean {nearest:?}?"))
}

/// A fault's name and what it does.
#[derive(Clone, Copy, Debug)]
pub struct KnownFault {
    /// Its name.
    pub name: &'static str,
    /// What may follow after `=`; empty when nothing does. In brackets what may be left out.
    pub value: &'static str,
    /// In a line.
    pub about: &'static str,
    pub(super) parse: fn(&mut Values) -> Result<Fault, String>,
}

impl KnownFault {
    /// As it is written: `loss=P[,RUN]`.
    pub fn form(&self) -> String {
        match self.value.strip_prefix('[') {
            _ if self.value.is_empty() => self.name.to_owned(),
            // All of it may be left out, the sign too.
            Some(rest) if self.value.ends_with(']') => format!("{}[={rest}", self.name),
            _ => format!("{}={}", self.name, self.value),
        }
    }
}

impl Fault {
    /// All faults by name, in groups.
    pub const KNOWN: &'static [KnownFault] = KNOWN;
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (text.trim(), None),
        };
        let Some(known) = KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(name)) else {
            let nearest = KNOWN
                .iter()
                .map(|known| (strsim::jaro_winkler(known.name, &name.to_lowercase()), known.name))
                .filter(|&(likeness, _)| likeness > 0.7)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let nearest = nearest.map(|(_, name)| name);
            return Err(FaultError::Unknown { name: name.to_owned(), nearest });
        };
        let mut values = Values::new(value);
        (known.parse)(&mut values)
            .and_then(|fault| values.end().map(|()| fault))
            .map_err(|reason| FaultError::Value { name: known.name, form: known.form(), reason })
    }
}

/// What is written after `=`, separated by commas.
pub struct Values<'a> {
    rest: Option<&'a str>,
}

impl<'a> Values<'a> {
    fn new(value: Option<&'a str>) -> Self {
        Self { rest: value }
    }

    pub fn optional(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let (value, rest) = match rest.split_once(',') {
            Some((value, rest)) => (value, Some(rest)),
            None => (rest, None),
        };
        self.rest = rest;
        Some(value.trim())
    }

    pub fn required(&mut self) -> Result<&'a str, String> {
        self.optional().filter(|value| !value.is_empty()).ok_or_else(|| "a value is missing".into())
    }

    /// Whether all that is left is this word, which is taken then.
    pub fn is(&mut self, word: &str) -> bool {
        self.rest.take_if(|rest| rest == &word).is_some()
    }

    fn end(&self) -> Result<(), String> {
        self.rest.map_or(Ok(()), |rest| Err(format!("{rest:?} is too much")))
    }

    pub fn number<T: FromStr + PartialOrd + std::fmt::Display>(
        &mut self,
        least: T,
        most: T,
    ) -> Result<T, String> {
        number(self.required()?, least, most)
    }

    pub fn optional_number<T: FromStr + PartialOrd + std::fmt::Display>(
        &mut self,
        least: T,
        most: T,
    ) -> Result<Option<T>, String> {
        self.optional().map(|value| number(value, least, most)).transpose()
    }

    pub fn probability(&mut self) -> Result<f64, String> {
        self.number(0.0, 1.0)
    }

    pub fn seconds(&mut self) -> Result<Duration, String> {
        seconds(self.required()?)
    }

    pub fn optional_seconds(&mut self) -> Result<Option<Duration>, String> {
        self.optional().map(seconds).transpose()
    }

    pub fn one_of<T: Copy>(&mut self, known: &[(&str, T)]) -> Result<T, String> {
        one_of(self.required()?, known)
    }

    pub fn optional_one_of<T: Copy>(&mut self, known: &[(&str, T)]) -> Result<Option<T>, String> {
        self.optional().map(|value| one_of(value, known)).transpose()
    }

    pub fn many<T: Copy>(&mut self, known: &[(&str, T)]) -> Result<Vec<T>, String> {
        let mut found = vec![self.one_of(known)?];
        while let Some(value) = self.optional() {
            found.push(one_of(value, known)?);
        }
        Ok(found)
    }
}

pub fn number<T: FromStr + PartialOrd + std::fmt::Display>(
    text: &str,
    least: T,
    most: T,
) -> Result<T, String> {
    match text.parse::<T>() {
        Ok(number) if least <= number && number <= most => Ok(number),
        _ => Err(format!("{text:?} is no number of {least} to {most}")),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    number(text.strip_suffix('s').unwrap_or(text), 0.0, LONGEST).map(Duration::from_secs_f64)
}

fn one_of<T: Copy>(text: &str, known: &[(&str, T)]) -> Result<T, String> {
    known
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))
        .map(|&(_, value)| value)
        .ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(|&(name, _)| name).collect();
            format!("{text:?} is none of {}", names.join(", "))
        })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use url::Url;

    use super::super::*;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Fault) {
        assert_eq!(text.parse::<Fault>(), Ok(expected), "{text}");
    }

    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        assert_eq!(text.parse::<Fault>().unwrap_err().to_string(), expected, "{text}");
    }

    #[test]
    fn faults_are_read() {
        check("loss=0.01", Fault::Loss { probability: 0.01, run: 1 });
        check("loss=0.5,3", Fault::Loss { probability: 0.5, run: 3 });
        check("no-key-frame", Fault::NoKeyFrame);
        check("gop-cache", Fault::GopCache(None));
        check("gop-cache=15", Fault::GopCache(Some(15)));
        check("Key-Interval = 10s", Fault::KeyInterval(Duration::from_secs(10)));
        let (pause, period) = (Duration::from_millis(200), Duration::from_secs(2));
        check("burst=0.2,2", Fault::Burst { pause, period });
        check("size=640x360", Fault::Size(640, 360));
        check("tracks=none", Fault::Tracks(vec![]));
        check("tracks=pcma,video", Fault::Tracks(vec![Track::Pcma, Track::Video]));
        check(
            "digest=sha256",
            Fault::Auth(vec![Scheme::Digest {
                hash: DigestHash::Sha256,
                session: false,
                qop: false,
                named: true,
            }]),
        );
        check("timestamps=back,3", {
            Fault::Timestamps(Clock::Back(Duration::from_secs(3), Duration::from_secs(5)))
        });
        let url = Url::parse("rtsp://127.0.0.1/a").unwrap();
        check("redirect=rtsp://127.0.0.1/a,301", Fault::Redirect { to: Some(url), code: 301 });
        let method = "GET_PARAMETER".to_owned();
        check("get-parameter=501", Fault::Answer { method, answer: Answer::Status(501) });
    }

    #[test]
    fn errors_say_what_is_known() {
        check_error("los", "there is no fault \"los\": did you mean \"loss\"?");
        check_error("gopcache=3", "there is no fault \"gopcache\": did you mean \"gop-cache\"?");
        check_error("", "there is no fault \"\"");
        check_error("xyzzy", "there is no fault \"xyzzy\"");
        check_error("loss", "the fault loss is written loss=P[,RUN]: a value is missing");
        check_error(
            "loss=2",
            "the fault loss is written loss=P[,RUN]: \"2\" is no number of 0 to 1",
        );
        check_error(
            "loss=nan",
            "the fault loss is written loss=P[,RUN]: \"nan\" is no number of 0 to 1",
        );
        check_error("no-marker=1", "the fault no-marker is written no-marker: \"1\" is too much");
        check_error(
            "gop-cache=x",
            "the fault gop-cache is written gop-cache[=N]: \"x\" is no number of 1 to 10000",
        );
        check_error(
            "transport=tpc",
            "the fault transport is written transport=both|tcp|udp|udp406|multicast: \"tpc\" is \
             none of both, tcp, udp, udp406, multicast",
        );
    }

    #[test]
    fn names_are_unique_and_lines_are_short() {
        for (at, known) in KNOWN.iter().enumerate() {
            assert!(KNOWN[..at].iter().all(|other| other.name != known.name), "{}", known.name);
            assert!(!known.about.is_empty() && known.about.len() <= 100, "{}", known.name);
        }
    }
}
