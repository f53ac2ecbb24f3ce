//! How fast one client is read.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A bucket of messages that refills at a steady rate. Who empties it waits.
///
/// Waiting instead of refusing: TCP then holds back whoever sends too fast, nothing is lost, and an
/// honest burst is only slowed.
#[derive(Debug)]
pub struct Budget {
    /// Time that one message costs.
    cost: Duration,
    /// How far ahead of its time a client may be.
    burst: Duration,
    /// When everything taken so far is paid for.
    paid: Instant,
}

impl Budget {
    /// A full bucket of one second's worth.
    pub fn new(per_second: u32) -> Self {
        let per_second = per_second.max(1);
        Self {
            cost: Duration::from_secs(1) / per_second,
            burst: Duration::from_secs(1),
            paid: Instant::now(),
        }
    }

    /// Takes one message out; returns when there is one to take.
    pub async fn take(&mut self) {
        let now = Instant::now();
        self.paid = self.paid.max(now) + self.cost;
        if self.paid > now + self.burst {
            sleep_until(self.paid - self.burst).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_seconds_worth_comes_at_once() {
        let mut budget = Budget::new(1_000);
        let start = Instant::now();
        for _ in 0..1_000 {
            budget.take().await;
        }
        assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn what_is_beyond_waits_its_turn() {
        let mut budget = Budget::new(1_000);
        let start = Instant::now();
        for _ in 0..1_050 {
            budget.take().await;
        }
        assert!(start.elapsed() >= Duration::from_millis(40), "{:?}", start.elapsed());
    }
}
