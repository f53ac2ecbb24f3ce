//! What waits for one server, never more than a bounded amount.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use detector_components::action::{ActionKind, Backlog, Origin, Outcome};
use tokio::sync::Notify;

use crate::errand::Parcel;
use crate::ledger::Ledger;

/// Parcels that wait for one server: at most so many, and at most so many bytes. The oldest make
/// room, and are counted; while the server is away nothing is lost within the bound.
pub struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
    max_parcels: usize,
    max_bytes: u64,
    ledger: Ledger,
}

#[derive(Default)]
struct Waiting {
    parcels: VecDeque<Parcel>,
    bytes: u64,
    /// What the courier has in hand.
    in_hand: Option<Label>,
    closed: bool,
}

/// What a parcel is, for who does not hold it.
struct Label {
    origin: Arc<Origin>,
    kinds: Vec<ActionKind>,
    /// How much it was when it was taken.
    backlog: Backlog,
}

impl Label {
    fn of(parcel: &Parcel) -> Self {
        let (origin, kinds, backlog) = (parcel.origin.clone(), parcel.kinds(), parcel.backlog());
        Self { origin, kinds, backlog }
    }
}

impl Queue {
    /// An empty queue.
    pub fn new(max_parcels: usize, max_bytes: u64, ledger: Ledger) -> Self {
        let waiting = Mutex::new(Waiting::default());
        Self { waiting, changed: Notify::new(), max_parcels, max_bytes, ledger }
    }

    /// Adds a parcel; older ones make room for it.
    pub fn put(&self, parcel: Parcel) {
        let mut waiting = self.lock();
        self.ledger.counters.begin_waiting(parcel.backlog());
        waiting.bytes += parcel.bytes;
        waiting.parcels.push_back(parcel);
        while waiting.parcels.len() > self.max_parcels
            || (waiting.bytes > self.max_bytes && waiting.parcels.len() > 1)
        {
            let Some(oldest) = waiting.parcels.pop_front() else { break };
            waiting.bytes -= oldest.bytes;
            self.ledger.counters.end_waiting(oldest.backlog());
            self.note(Label::of(&oldest), Outcome::CrowdedOut);
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
                    waiting.in_hand = Some(Label::of(&parcel));
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
        if let Some(in_hand) = self.lock().in_hand.take() {
            self.ledger.counters.end_waiting(in_hand.backlog);
        }
    }

    /// Puts the parcel in hand back to the front: not all of it was sent.
    pub fn put_back(&self, parcel: Parcel) {
        let mut waiting = self.lock();
        if let Some(in_hand) = waiting.in_hand.take() {
            self.ledger.counters.end_waiting(in_hand.backlog);
        }
        self.ledger.counters.begin_waiting(parcel.backlog());
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
        let mut left: Vec<_> = waiting.in_hand.take().into_iter().collect();
        left.extend(waiting.parcels.drain(..).map(|parcel| Label::of(&parcel)));
        waiting.bytes = 0;
        let mut lost = 0;
        for parcel in left {
            self.ledger.counters.end_waiting(parcel.backlog);
            lost += parcel.kinds.len();
            self.note(parcel, Outcome::Ended);
        }
        lost
    }

    fn note(&self, parcel: Label, outcome: Outcome) {
        for kind in parcel.kinds {
            self.ledger.note(kind, &parcel.origin, outcome);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Held only to move a few parcels.
        self.waiting.lock().expect("never held across a panic")
    }
}
