//! How long to wait before a camera is opened again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::config::IngestConfig;

/// Waits that double up to a cap, with a little randomness so that cameras do not return all at
/// once. Starts anew once frames have flowed.
pub struct Backoff {
    waits: ExponentialBackoff,
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
        Self { waits: builder.build(), left: config.max_retries }
    }

    /// The next wait. None when the camera was opened often enough.
    pub fn next(&mut self) -> Option<Duration> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        self.waits.next()
    }

    /// The camera works: the next failure is the first again.
    pub fn reset(&mut self, config: &IngestConfig) {
        *self = Self::new(config);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_cap() {
        let config = IngestConfig { reconnect_cap: Duration::from_secs(5), ..Default::default() };
        let mut backoff = Backoff::new(&config);
        let waits: Vec<_> = std::iter::from_fn(|| backoff.next()).take(20).collect();
        assert_eq!(waits.len(), 20);
        assert!(waits[0] >= config.reconnect_base);
        assert!(waits.iter().all(|wait| *wait <= config.reconnect_cap * 2), "{waits:?}");
    }

    #[test]
    fn retries_are_counted_in_a_row() {
        let config = IngestConfig { max_retries: Some(2), ..Default::default() };
        let mut backoff = Backoff::new(&config);
        assert!(backoff.next().is_some() && backoff.next().is_some() && backoff.next().is_none());
        backoff.reset(&config);
        assert!(backoff.next().is_some());
    }
}
