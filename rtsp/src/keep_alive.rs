//! Keeping a session alive: cameras end those that hear nothing for their time-out.

use std::time::Duration;

/// What a camera says when it is silent about its time-out (RFC 2326, 12.37).
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// Half of a time-out is waited, within these bounds.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// When to say that somebody still watches, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// The session, as later requests name it.
    pub session: String,
    /// Time between two requests: half of the camera's time-out.
    pub interval: Duration,
    /// Whether `GET_PARAMETER` was refused or never answered.
    prefers_options: bool,
    /// Whether an answer is awaited.
    waits: bool,
}

impl KeepAlive {
    /// From the field `Session` (`1234;timeout=60`) and the methods that the camera says it has.
    pub fn new(session: &str, public: Option<&str>) -> Self {
        let mut parts = session.split(';');
        let id = parts.next().unwrap_or_default().trim().to_owned();
        let timeout = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            let seconds = value.trim().parse().ok().filter(|seconds| *seconds > 0)?;
            name.trim().eq_ignore_ascii_case("timeout").then(|| Duration::from_secs(seconds))
        });
        let interval = timeout.unwrap_or(DEFAULT_TIMEOUT) / 2;
        let has_parameters =
            public.is_none_or(|methods| methods.to_ascii_uppercase().contains("GET_PARAMETER"));
        Self {
            session: id,
            interval: interval.clamp(INTERVALS.0, INTERVALS.1),
            prefers_options: !has_parameters,
            waits: false,
        }
    }

    /// The method of the next request.
    pub fn next(&mut self) -> &'static str {
        // The last one was not answered in all this time.
        self.prefers_options |= std::mem::replace(&mut self.waits, true);
        if self.prefers_options { "OPTIONS" } else { "GET_PARAMETER" }
    }

    /// An answer came.
    pub fn answered(&mut self, status: u16) {
        self.waits = false;
        self.prefers_options |= status >= 400 && status != 401;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_time_out_is_waited() {
        for (session, seconds) in [
            ("1;timeout=10", 5),
            ("1", 30),
            ("1; Timeout = 60", 30),
            ("1;timeout=0", 30),
            ("1;timeout=1", 1),
        ] {
            let keep_alive = KeepAlive::new(session, None);
            assert_eq!((&*keep_alive.session, keep_alive.interval.as_secs()), ("1", seconds));
        }
    }

    #[test]
    fn a_method_that_is_refused_or_ignored_is_replaced() {
        let mut refused = KeepAlive::new("1", None);
        assert_eq!(refused.next(), "GET_PARAMETER");
        refused.answered(200);
        assert_eq!(refused.next(), "GET_PARAMETER");
        refused.answered(501);
        assert_eq!(refused.next(), "OPTIONS");
        let mut ignored = KeepAlive::new("1", Some("OPTIONS, GET_PARAMETER"));
        ignored.next();
        assert_eq!(ignored.next(), "OPTIONS");
        assert_eq!(KeepAlive::new("1", Some("OPTIONS, PLAY")).next(), "OPTIONS");
    }
}
