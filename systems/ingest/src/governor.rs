//! How many cameras are opened at once.
//!
//! After a power cut every camera is opened anew. Opened all at once they would compete for the network
//! and the processor until most of them time out; so each waits for its turn, and says how many are
//! ahead of it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// How long to wait before looking whether the camera is still wanted.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Gives out turns to connect, in order, bounded in all and for each host.
#[derive(Clone, Debug, Default)]
pub struct Governor(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    turns: Mutex<Turns>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Turns {
    waiting: VecDeque<(u64, String)>,
    connecting: HashMap<String, usize>,
    next: u64,
}

/// How many may connect at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectLimits {
    /// In all.
    pub all: usize,
    /// To one host.
    pub host: usize,
}

/// A turn; it ends when this is dropped.
#[derive(Debug)]
pub struct Turn {
    governor: Governor,
    host: String,
}

impl Governor {
    /// Waits for a turn to connect to `host`. `waiting` is called with the number of cameras ahead, and
    /// ends the waiting when it returns false.
    pub fn turn(
        &self,
        host: &str,
        limits: ConnectLimits,
        mut waiting: impl FnMut(usize) -> bool,
    ) -> Option<Turn> {
        let mut turns = self.lock();
        let ticket = turns.next;
        turns.next += 1;
        turns.waiting.push_back((ticket, host.to_owned()));
        loop {
            if turns.is_due(ticket, limits) {
                turns.waiting.retain(|(waiting, _)| *waiting != ticket);
                *turns.connecting.entry(host.to_owned()).or_default() += 1;
                drop(turns);
                // The next one may be due too.
                self.0.changed.notify_all();
                return Some(Turn { governor: self.clone(), host: host.to_owned() });
            }
            let ahead = turns.waiting.iter().position(|(waiting, _)| *waiting == ticket);
            if !waiting(ahead.unwrap_or(0)) {
                turns.waiting.retain(|(waiting, _)| *waiting != ticket);
                drop(turns);
                self.0.changed.notify_all();
                return None;
            }
            let waited = self.0.changed.wait_timeout(turns, LOOK_INTERVAL);
            turns = waited.expect("never held across a panic").0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Turns> {
        self.0.turns.lock().expect("never held across a panic")
    }
}

impl Turns {
    /// Whether everyone ahead waits for another host.
    fn is_due(&self, ticket: u64, limits: ConnectLimits) -> bool {
        let all: usize = self.connecting.values().sum();
        let has_room = |host: &str| {
            self.connecting.get(host).is_none_or(|connecting| *connecting < limits.host.max(1))
        };
        let first = self.waiting.iter().find(|(_, host)| has_room(host));
        all < limits.all.max(1) && first.is_some_and(|(first, _)| *first == ticket)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut turns = self.governor.lock();
        if let Some(connecting) = turns.connecting.get_mut(&self.host) {
            *connecting -= 1;
            if *connecting == 0 {
                turns.connecting.remove(&self.host);
            }
        }
        drop(turns);
        self.governor.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use crossbeam_channel::unbounded;

    use super::*;

    const LIMITS: ConnectLimits = ConnectLimits { all: 2, host: 1 };

    /// Whether a turn is to be had without waiting.
    fn turn(governor: &Governor, host: &str) -> Option<Turn> {
        governor.turn(host, LIMITS, |_| false)
    }

    #[test]
    fn turns_are_bounded_in_all_and_for_each_host() {
        let governor = Governor::default();
        let first = turn(&governor, "a").unwrap();
        assert!(turn(&governor, "a").is_none(), "one for each host");
        let _second = turn(&governor, "b").unwrap();
        assert!(turn(&governor, "c").is_none(), "two in all");
        drop(first);
        assert!(turn(&governor, "c").is_some());
    }

    #[test]
    fn whoever_waits_is_told_how_many_are_ahead_and_comes_next() {
        let governor = Governor::default();
        let (first, _second) = (turn(&governor, "a").unwrap(), turn(&governor, "b").unwrap());
        let (tell, told) = unbounded();
        let waiting = governor.clone();
        let waiter = thread::spawn(move || {
            waiting.turn("c", LIMITS, |ahead| tell.send(ahead).is_ok()).is_some()
        });
        assert_eq!(told.recv(), Ok(0));
        drop(first);
        assert!(waiter.join().unwrap());
    }

    #[test]
    fn a_busy_host_holds_up_no_other() {
        let governor = Governor::default();
        let _first = turn(&governor, "a").unwrap();
        let (tell, told) = unbounded();
        let waiting = governor.clone();
        let waiter =
            thread::spawn(move || waiting.turn("a", LIMITS, |_| tell.send(()).is_ok()).is_some());
        told.recv().unwrap();
        assert!(turn(&governor, "b").is_some());
        drop(told);
        assert!(!waiter.join().unwrap());
    }
}
