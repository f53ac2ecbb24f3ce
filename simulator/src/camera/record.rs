//! What a scripted camera was asked and what it sent, to be waited for.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use detector_components::geometry::Size;

use crate::elementary::Codec;

/// Requests and pictures beyond so many are forgotten, the oldest first.
const KEPT: usize = 100_000;

/// What a camera has seen and done since its start.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Connections that are open now.
    pub open: usize,
    /// Connections ever.
    pub connections: u64,
    /// Sessions that play now.
    pub playing: usize,
    /// Requests, oldest first; the last 100,000 of them.
    pub requests: VecDeque<Request>,
    /// Requests with a login that was refused. One without a login is not counted, nor is one whose
    /// nonce was merely too old.
    pub refused_logins: u64,
    /// Sessions that were ended for want of requests.
    pub timed_out_sessions: u64,
    /// Requests that kept a playing session alive.
    pub keep_alives: u64,
    /// RTCP packets of clients.
    pub reports_received: u64,
    /// RTP packets of pictures.
    pub packets_sent: u64,
    /// RTP packets of pictures that were left out on purpose.
    pub packets_left_out: u64,
    /// Streams that were ended on purpose.
    pub ended_streams: u64,
    /// Pictures ever.
    pub pictures_sent: u64,
    /// Pictures, oldest first; the last 100,000 of them.
    pub pictures: VecDeque<SentPicture>,
}

impl Record {
    /// How often a method was asked for.
    pub fn count(&self, method: &str) -> usize {
        self.requests.iter().filter(|request| request.method == method).count()
    }
}

/// In a line.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} connections ({} open, {} playing), {} pictures, {} packets sent and {} left out, {} \
             logins refused, {} sessions timed out",
            self.connections,
            self.open,
            self.playing,
            self.pictures_sent,
            self.packets_sent,
            self.packets_left_out,
            self.refused_logins,
            self.timed_out_sessions
        )?;
        let last = self.requests.len().saturating_sub(12);
        let separators = std::iter::once("; last requests: ").chain(std::iter::repeat(", "));
        for (request, separator) in self.requests.iter().skip(last).zip(separators) {
            write!(f, "{separator}{}", request.method)?;
        }
        Ok(())
    }
}

/// A request of a client.
#[derive(Clone, Debug)]
pub struct Request {
    /// Of which connection, from 1 on.
    pub connection: u64,
    /// In capitals, such as `DESCRIBE`.
    pub method: String,
    /// What was asked for.
    pub url: String,
    /// By name in lower case. Of several with one name the last counts.
    pub headers: BTreeMap<String, String>,
    /// When it came.
    pub at: Instant,
}

/// A picture that was sent, or would have been.
#[derive(Clone, Copy, Debug)]
pub struct SentPicture {
    /// On which connection, from 1 on.
    pub connection: u64,
    /// What its strip shows.
    pub number: u64,
    /// How it is compressed.
    pub codec: Codec,
    /// Columns and rows.
    pub size: Size,
    /// Whether decoding can begin with it.
    pub key: bool,
    /// Whether all of it was sent.
    pub complete: bool,
    /// When it was due, which is when its scene was there to be seen.
    pub due: Instant,
    /// When it was handed to the network.
    pub sent: Instant,
}

/// A record that several threads write and wait for.
#[derive(Default)]
pub(crate) struct Recorder {
    record: Mutex<Record>,
    changed: Condvar,
}

impl Recorder {
    pub fn change<T>(&self, change: impl FnOnce(&mut Record) -> T) -> T {
        let mut record = self.lock();
        let result = change(&mut record);
        drop(record);
        self.changed.notify_all();
        result
    }

    pub fn request(&self, request: Request) {
        self.change(|record| push(&mut record.requests, request));
    }

    pub fn picture(&self, picture: SentPicture) {
        self.change(|record| {
            record.pictures_sent += 1;
            push(&mut record.pictures, picture);
        });
    }

    pub fn read<T>(&self, read: impl FnOnce(&Record) -> T) -> T {
        read(&self.lock())
    }

    /// Waits until something is so, or for `timeout`. Gives the record at that moment, and whether it
    /// is so.
    pub fn wait(&self, timeout: Duration, is_so: impl Fn(&Record) -> bool) -> (Record, bool) {
        let (record, _) = self
            .changed
            .wait_timeout_while(self.lock(), timeout, |record| !is_so(record))
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        (record.clone(), is_so(&record))
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        // A closure of a test that panics leaves nothing half done.
        self.record.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn push<T>(queue: &mut VecDeque<T>, entry: T) {
    if queue.len() == KEPT {
        queue.pop_front();
    }
    queue.push_back(entry);
}
