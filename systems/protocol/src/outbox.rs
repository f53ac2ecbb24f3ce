//! What waits to be sent to one client, never more than a bounded amount.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use bevy_ecs::prelude::*;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Replies that wait at most. The oldest make room.
const MAX_REPLIES: usize = 256;
/// Detections that wait at most for each subscription. The oldest make room.
const MAX_DETECTIONS_EACH: usize = 2;
/// Bytes that wait at most, all together.
const MAX_BYTES: usize = 4 << 20;

/// What waits to be sent to one client. The world puts in, the client's task takes out.
///
/// Replies come first, in order; then the newest heartbeat; then detections, subscription after
/// subscription, the oldest of each first. A client that does not read finds, when it reads again:
/// the newest [`MAX_REPLIES`] replies, the newest heartbeat, the newest [`MAX_DETECTIONS_EACH`]
/// detections of each subscription, within [`MAX_BYTES`]. What made room is counted.
#[derive(Clone, Component, Default)]
pub struct Outbox(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Default)]
struct Waiting {
    replies: VecDeque<Letter>,
    heartbeat: Option<Letter>,
    detections: HashMap<Entity, VecDeque<Letter>>,
    /// The subscriptions that have detections here, whose turn is next first.
    turns: VecDeque<Entity>,
    bytes: usize,
    dropped: Dropped,
}

/// A message, and since when it waits.
pub struct Letter {
    /// What is to be sent.
    pub text: Utf8Bytes,
    /// When it was put in.
    pub since: Instant,
}

impl Letter {
    fn new(text: Utf8Bytes) -> Self {
        Self { text, since: Instant::now() }
    }

    fn len(&self) -> usize {
        self.text.len()
    }
}

/// What was never sent, because something newer took its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Replies and errors.
    pub replies: u64,
    /// Heartbeats.
    pub heartbeats: u64,
    /// Detections.
    pub detections: u64,
}

impl Outbox {
    /// Adds a reply. When they are too many, the oldest is dropped.
    pub fn reply(&self, text: Utf8Bytes) {
        let mut waiting = self.lock();
        if waiting.replies.len() == MAX_REPLIES {
            waiting.drop_reply();
        }
        while !waiting.fits(&text) && (waiting.drop_detection() || waiting.drop_reply()) {}
        if !waiting.fits(&text) {
            waiting.dropped.replies += 1;
            return;
        }
        waiting.bytes += text.len();
        waiting.replies.push_back(Letter::new(text));
        drop(waiting);
        self.0.filled.notify_one();
    }

    /// Replaces the heartbeat.
    pub fn heartbeat(&self, text: Utf8Bytes) {
        let mut waiting = self.lock();
        if let Some(old) = waiting.heartbeat.take() {
            waiting.bytes -= old.len();
            waiting.dropped.heartbeats += 1;
        }
        while !waiting.fits(&text) && waiting.drop_detection() {}
        if !waiting.fits(&text) {
            waiting.dropped.heartbeats += 1;
            return;
        }
        waiting.bytes += text.len();
        waiting.heartbeat = Some(Letter::new(text));
        drop(waiting);
        self.0.filled.notify_one();
    }

    /// Adds a detection of a subscription. When its detections are too many, the oldest is
    /// dropped; when bytes are too many, those of whoever's turn is next.
    pub fn detection(&self, subscription: Entity, text: Utf8Bytes) {
        let mut waiting = self.lock();
        if waiting.detections.get(&subscription).is_some_and(|own| own.len() >= MAX_DETECTIONS_EACH)
        {
            waiting.drop_detection_of(subscription);
        }
        while !waiting.fits(&text) && waiting.drop_detection() {}
        if !waiting.fits(&text) {
            waiting.dropped.detections += 1;
            return;
        }
        waiting.bytes += text.len();
        let own = waiting.detections.entry(subscription).or_default();
        own.push_back(Letter::new(text));
        if own.len() == 1 && !waiting.turns.contains(&subscription) {
            waiting.turns.push_back(subscription);
        }
        drop(waiting);
        self.0.filled.notify_one();
    }

    /// Takes what is to be sent next.
    pub fn take(&self) -> Option<Letter> {
        let mut waiting = self.lock();
        let letter = waiting
            .replies
            .pop_front()
            .or_else(|| waiting.heartbeat.take())
            .or_else(|| waiting.take_detection())?;
        waiting.bytes -= letter.len();
        Some(letter)
    }

    /// How many messages wait, and how many bytes they have.
    pub fn waiting(&self) -> (usize, usize) {
        let waiting = self.lock();
        let detections: usize = waiting.detections.values().map(VecDeque::len).sum();
        let heartbeat = usize::from(waiting.heartbeat.is_some());
        (waiting.replies.len() + heartbeat + detections, waiting.bytes)
    }

    /// Returns when something may have been added since this was last asked. For one waiter.
    pub async fn filled(&self) {
        self.0.filled.notified().await;
    }

    /// What was dropped since this was last asked.
    pub fn take_dropped(&self) -> Dropped {
        std::mem::take(&mut self.lock().dropped)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Both sides hold the lock only to move and drop a few texts.
        self.0.waiting.lock().expect("never held across a panic")
    }
}

impl Waiting {
    fn fits(&self, text: &Utf8Bytes) -> bool {
        self.bytes + text.len() <= MAX_BYTES
    }

    fn drop_reply(&mut self) -> bool {
        let Some(oldest) = self.replies.pop_front() else {
            return false;
        };
        self.bytes -= oldest.len();
        self.dropped.replies += 1;
        true
    }

    /// Drops the oldest detection of the subscription whose turn is next.
    fn drop_detection(&mut self) -> bool {
        let Some(oldest) = self.take_detection() else {
            return false;
        };
        self.bytes -= oldest.len();
        self.dropped.detections += 1;
        true
    }

    fn drop_detection_of(&mut self, subscription: Entity) {
        if let Some(oldest) = self.detections.get_mut(&subscription).and_then(VecDeque::pop_front) {
            self.bytes -= oldest.len();
            self.dropped.detections += 1;
        }
    }

    fn take_detection(&mut self) -> Option<Letter> {
        let subscription = self.turns.pop_front()?;
        let own = self.detections.get_mut(&subscription)?;
        let text = own.pop_front();
        if own.is_empty() {
            self.detections.remove(&subscription);
        } else {
            self.turns.push_back(subscription);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(number: u32) -> Entity {
        Entity::from_raw_u32(number).unwrap()
    }

    fn text(text: impl Into<String>) -> Utf8Bytes {
        Utf8Bytes::from(text.into())
    }

    fn taken(outbox: &Outbox) -> Vec<String> {
        std::iter::from_fn(|| outbox.take()).map(|letter| letter.text.as_str().to_owned()).collect()
    }

    #[test]
    fn replies_come_first_then_the_heartbeat_then_detections() {
        let outbox = Outbox::default();
        outbox.detection(subscription(1), text("detection"));
        outbox.heartbeat(text("heartbeat"));
        outbox.reply(text("first"));
        outbox.reply(text("second"));
        assert_eq!(taken(&outbox), ["first", "second", "heartbeat", "detection"]);
        assert_eq!(outbox.take_dropped(), Dropped::default());
    }

    #[test]
    fn only_the_newest_heartbeat_waits() {
        let outbox = Outbox::default();
        outbox.heartbeat(text("old"));
        outbox.heartbeat(text("new"));
        assert_eq!(taken(&outbox), ["new"]);
        assert_eq!(outbox.take_dropped().heartbeats, 1);
    }

    #[test]
    fn the_newest_detections_of_each_subscription_wait() {
        let outbox = Outbox::default();
        for number in 0..1_000 {
            outbox.detection(subscription(1), text(format!("a{number}")));
            outbox.detection(subscription(2), text(format!("b{number}")));
        }
        assert_eq!(taken(&outbox), ["a998", "b998", "a999", "b999"]);
        assert_eq!(outbox.take_dropped().detections, 1_996);
    }

    #[test]
    fn a_busy_subscription_does_not_starve_a_quiet_one() {
        let outbox = Outbox::default();
        outbox.detection(subscription(1), text("a1"));
        outbox.detection(subscription(1), text("a2"));
        outbox.detection(subscription(2), text("b1"));
        assert_eq!(outbox.take().unwrap().text.as_str(), "a1");
        outbox.detection(subscription(1), text("a3"));
        assert_eq!(taken(&outbox), ["b1", "a2", "a3"]);
    }

    #[test]
    fn old_replies_make_room() {
        let outbox = Outbox::default();
        for number in 0..MAX_REPLIES + 3 {
            outbox.reply(text(number.to_string()));
        }
        let replies = taken(&outbox);
        assert_eq!(replies.len(), MAX_REPLIES);
        assert_eq!(replies[0], "3");
        assert_eq!(outbox.take_dropped().replies, 3);
    }

    #[test]
    fn bytes_are_bounded_whatever_is_put_in() {
        let outbox = Outbox::default();
        let large = text("x".repeat(MAX_BYTES / 5));
        for number in 0..100 {
            outbox.detection(subscription(number), large.clone());
            outbox.reply(large.clone());
            outbox.heartbeat(large.clone());
        }
        assert!(outbox.lock().bytes <= MAX_BYTES);
        outbox.reply(text("y".repeat(MAX_BYTES + 1)));

        let bytes: usize = taken(&outbox).iter().map(String::len).sum();

        assert!(bytes <= MAX_BYTES);
        let waiting = outbox.lock();
        assert_eq!((waiting.bytes, waiting.turns.len(), waiting.detections.len()), (0, 0, 0));
    }
}
