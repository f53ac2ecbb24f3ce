//! What waits for one Redis server, never more than a bounded amount.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::errand::Parcel;

/// Parcels that wait for one server: at most so many, and at most so many bytes. The oldest make
/// room; while Redis is away nothing is lost within the bound.
pub struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
    max_parcels: usize,
    max_bytes: usize,
}

#[derive(Default)]
struct Waiting {
    parcels: VecDeque<Parcel>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    /// An empty queue.
    pub fn new(max_parcels: usize, max_bytes: usize) -> Self {
        let waiting = Mutex::new(Waiting::default());
        Self { waiting, changed: Notify::new(), max_parcels, max_bytes }
    }

    /// Adds a parcel, and returns how many older ones made room for it.
    pub fn put(&self, parcel: Parcel) -> usize {
        let mut waiting = self.lock();
        waiting.bytes += parcel.bytes();
        waiting.parcels.push_back(parcel);
        let mut dropped = 0;
        while waiting.parcels.len() > self.max_parcels
            || (waiting.bytes > self.max_bytes && waiting.parcels.len() > 1)
        {
            let Some(oldest) = waiting.parcels.pop_front() else { break };
            waiting.bytes -= oldest.bytes();
            dropped += 1;
        }
        drop(waiting);
        self.changed.notify_one();
        dropped
    }

    /// Puts a parcel back to the front: it was not sent.
    pub fn put_back(&self, parcel: Parcel) {
        let mut waiting = self.lock();
        waiting.bytes += parcel.bytes();
        waiting.parcels.push_front(parcel);
    }

    /// Takes the oldest parcel, waiting for one. None when the queue is closed and empty. For one
    /// waiter.
    pub async fn next(&self) -> Option<Parcel> {
        loop {
            {
                let mut waiting = self.lock();
                if let Some(parcel) = waiting.parcels.pop_front() {
                    waiting.bytes -= parcel.bytes();
                    return Some(parcel);
                }
                if waiting.closed {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    /// Says that nothing more comes.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Held only to move a few parcels.
        self.waiting.lock().expect("never held across a panic")
    }
}
