//! How long to wait before a camera is opened again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::config::IngestConfig;
use crate::failure::{Failure, FailureKind};

/// The first wait after a login was refused. Cameras lock an account after a few wrong passwords, some
/// of them for as long as somebody tries.
const FIRST_LOGIN_WAIT: Duration = Duration::from_secs(2 * 60);
/// The longest wait after a login was refused.
const LONGEST_LOGIN_WAIT: Duration = Duration::from_secs(30 * 60);

/// Waits that double up to a cap, with a little randomness so that cameras do not return all at
/// once. Starts anew once frames have flowed.
///
/// A refused login has waits of its own, from two minutes up to half an hour.
pub struct Backoff {
    waits: ExponentialBackoff,
    login_wait: Duration,
    left: Option<u32>,
}

impl Backoff {
    /// As the configuration says.
    pub fn new(config: &IngestConfig) -> Self {
        let builder = ExponentialBuilder::new()
            .with_min_delay(config.reconnect_base)
            .with_max_delay(config.reconnect_cap)
            .with_jitter()
            .without_max_times();
        let (waits, left) = (builder.build(), config.max_retries);
        Self { waits, login_wait: FIRST_LOGIN_WAIT, left }
    }

    /// The next wait, after a failure of this kind. None when the camera was opened often enough.
    pub fn next(&mut self, kind: FailureKind) -> Option<Duration> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        if kind == FailureKind::Login {
            let wait = self.login_wait;
            self.login_wait = (wait * 2).min(LONGEST_LOGIN_WAIT);
            return Some(wait);
        }
        self.waits.next()
    }

    /// The camera works: the next failure is the first again.
    pub fn reset(&mut self, config: &IngestConfig) {
        *self = Self::new(config);
    }
}

/// A failure for people, who are told when a wait is long.
pub fn with_wait(failure: &Failure, wait: Duration) -> String {
    match failure.kind {
        FailureKind::Login => {
            format!("{}; next attempt in {} min", failure.text, wait.as_secs().div_ceil(60))
        }
        _ => failure.text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: FailureKind = FailureKind::Silent;

    #[test]
    fn waits_grow_up_to_the_cap() {
        let config = IngestConfig { reconnect_cap: Duration::from_secs(5), ..Default::default() };
        let mut backoff = Backoff::new(&config);
        let waits: Vec<_> = std::iter::from_fn(|| backoff.next(KIND)).take(20).collect();
        assert_eq!(waits.len(), 20);
        assert!(waits[0] >= config.reconnect_base);
        assert!(waits.iter().all(|wait| *wait <= config.reconnect_cap * 2), "{waits:?}");
    }

    #[test]
    fn retries_are_counted_in_a_row() {
        let config = IngestConfig { max_retries: Some(2), ..Default::default() };
        let mut backoff = Backoff::new(&config);
        for expected in [true, true, false] {
            assert_eq!(backoff.next(KIND).is_some(), expected);
        }
        backoff.reset(&config);
        assert!(backoff.next(KIND).is_some());
    }

    #[test]
    fn a_refused_login_waits_for_minutes() {
        let mut backoff = Backoff::new(&IngestConfig::default());
        backoff.next(KIND);
        let minutes = |wait: Duration| wait.as_secs() / 60;
        let waits: Vec<_> =
            (0..6).filter_map(|_| backoff.next(FailureKind::Login)).map(minutes).collect();
        assert_eq!(waits, [2, 4, 8, 16, 30, 30]);
        let failure = Failure::new(FailureKind::Login, "the camera refuses user or password");
        assert_eq!(
            with_wait(&failure, Duration::from_secs(120)),
            "the camera refuses user or password; next attempt in 2 min"
        );
    }
}
