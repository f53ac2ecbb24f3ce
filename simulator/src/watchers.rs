//! Who watches what.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// A connection, while it exists.
pub type ClientId = usize;

/// The clients that play a path.
#[derive(Debug, Default)]
pub struct Watchers {
    playing: Mutex<HashSet<(ClientId, String)>>,
    changed: Condvar,
}

impl Watchers {
    pub fn started(&self, client: ClientId, path: String) {
        self.lock().insert((client, path));
        self.changed.notify_all();
    }

    pub fn stopped(&self, client: ClientId, path: &str) {
        self.lock().retain(|(other, watched)| *other != client || watched != path);
        self.changed.notify_all();
    }

    pub fn left(&self, client: ClientId) {
        self.lock().retain(|(other, _)| *other != client);
        self.changed.notify_all();
    }

    /// All who play a path.
    pub fn of(&self, path: &str) -> HashSet<ClientId> {
        self.lock().iter().filter(|(_, watched)| watched == path).map(|(id, _)| *id).collect()
    }

    /// Waits until so many clients play a path.
    ///
    /// # Errors
    /// How many there are when the time is over.
    pub fn wait_for(&self, path: &str, expected: usize, timeout: Duration) -> Result<(), usize> {
        let deadline = Instant::now() + timeout;
        let mut playing = self.lock();
        loop {
            let found = playing.iter().filter(|(_, watched)| watched == path).count();
            if found == expected {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(found);
            }
            playing = self.changed.wait_timeout(playing, left).expect("no holder panics").0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<(ClientId, String)>> {
        self.playing.lock().expect("no holder panics")
    }
}
