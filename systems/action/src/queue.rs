//! What waits for one server, never more than a bounded amount.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use detector_components::action::{ActionCounters, ActionKind, Backlog, Outcome};
use tokio::sync::Notify;

use crate::errand::Parcel;

/// Parcels that wait for one server: at most so many, and at most so many bytes. The oldest make
/// room, and are counted; while the server is away nothing is lost within the bound.
pub struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
    max_parcels: usize,
    max_bytes: u64,
    counters: ActionCounters,
}

#[derive(Default)]
struct Waiting {
    parcels: VecDeque<Parcel>,
    bytes: u64,
    /// What the courier has in hand: the kinds of its actions, and how much it was when it was put.
    in_hand: Option<(Vec<ActionKind>, Backlog)>,
    closed: bool,
}

impl Queue {
    /// An empty queue.
    pub fn new(max_parcels: usize, max_bytes: u64, counters: ActionCounters) -> Self {
        let waiting = Mutex::new(Waiting::default());
        Self { waiting, changed: Notify::new(), max_parcels, max_bytes, counters }
    }

    /// Adds a parcel; older ones make room for it.
    pub fn put(&self, parcel: Parcel) {
        let mut waiting = self.lock();
        self.counters.begin_waiting(parcel.backlog());
        waiting.bytes += parcel.bytes;
        waiting.parcels.push_back(parcel);
        while waiting.parcels.len() > self.max_parcels
            || (waiting.bytes > self.max_bytes && waiting.parcels.len() > 1)
        {
            let Some(oldest) = waiting.parcels.pop_front() else { break };
            waiting.bytes -= oldest.bytes;
            self.counters.end_waiting(oldest.backlog());
            self.count(oldest.kinds(), Outcome::CrowdedOut);
        }
        drop(waiting);
        self.changed.notify_one();
    }

    /// Takes the oldest parcel, waiting for one. None when the queue is closed and empty. For one
    /// courier, who says [`Queue::done`] or [`Queue::put_back`] before it takes the next.
    pub async fn next(&self) -> Option<Parcel> {
        loop {
            {
                let mut waiting = self.lock();
                if let Some(parcel) = waiting.parcels.pop_front() {
                    waiting.bytes -= parcel.bytes;
                    waiting.in_hand = Some((parcel.kinds(), parcel.backlog()));
                    return Some(parcel);
                }
                if waiting.closed {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    /// The parcel in hand waits no more.
    pub fn done(&self) {
        if let Some((_, backlog)) = self.lock().in_hand.take() {
            self.counters.end_waiting(backlog);
        }
    }

    /// Puts the parcel in hand back to the front: not all of it was sent.
    pub fn put_back(&self, parcel: Parcel) {
        let mut waiting = self.lock();
        if let Some((_, backlog)) = waiting.in_hand.take() {
            self.counters.end_waiting(backlog);
        }
        self.counters.begin_waiting(parcel.backlog());
        waiting.bytes += parcel.bytes;
        waiting.parcels.push_front(parcel);
    }

    /// Says that nothing more comes.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Gives up what is left, whose courier has stopped; says how many actions that were.
    pub fn abandon(&self) -> usize {
        let mut waiting = self.lock();
        let mut kinds = Vec::new();
        if let Some((in_hand, backlog)) = waiting.in_hand.take() {
            self.counters.end_waiting(backlog);
            kinds.extend(in_hand);
        }
        for parcel in waiting.parcels.drain(..) {
            self.counters.end_waiting(parcel.backlog());
            kinds.extend(parcel.kinds());
        }
        waiting.bytes = 0;
        let lost = kinds.len();
        self.count(kinds, Outcome::Ended);
        lost
    }

    fn count(&self, kinds: Vec<ActionKind>, outcome: Outcome) {
        for kind in kinds {
            self.counters.count(kind, outcome);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Held only to move a few parcels.
        self.waiting.lock().expect("never held across a panic")
    }
}
