//! Sends the pictures of one session at their times, with everything that is wrong with them.

mod packets;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{Mutex, watch};

use super::record::SentPicture;
use super::route::{Piece, Route};
use super::{Shared, rtp};
use crate::elementary::Elementary;
use crate::fault::{Clock, End, Freeze, Join, Track};
use crate::random::Random;
use crate::script::Behaviour;

/// Ticks of the RTP clock in a second.
const RATE: f64 = 90_000.0;

/// What replies and packets are written to, whole ones each.
pub type Writer = Arc<Mutex<Box<dyn AsyncWrite + Send + Unpin>>>;

/// A track that was set up.
pub struct Setup {
    pub track: Track,
    /// As the description counts.
    pub index: usize,
    pub route: Route,
}

/// With what the first packet of a session begins.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

impl Start {
    pub fn random(random: &mut Random, clock: Clock) -> Self {
        let timestamp = match clock {
            Clock::Zero => 0,
            Clock::Wrap => 0_u32.wrapping_sub(3 * RATE as u32),
            _ => random.next() as u32,
        };
        Self { sequence: random.next() as u16, timestamp, ssrc: random.next() as u32 }
    }
}

/// The stream of one session.
pub struct Stream {
    pub shared: Arc<Shared>,
    pub connection: u64,
    pub writer: Writer,
    pub setups: Vec<Arc<Setup>>,
    pub shown: Arc<Elementary>,
    pub later: Option<Arc<Elementary>>,
    pub start: Start,
    pub random: Random,
    /// Becomes true with the first picture.
    pub began: watch::Sender<bool>,
}

/// Where a stream is.
struct State {
    start: Start,
    sequence: u16,
    /// Of the pictures sent, or left out, so far; frozen time counts.
    index: u64,
    /// In the order of sending, from the footage's first unit on.
    position: u64,
    packets: u32,
    bytes: u32,
    /// Packets that are still to be left out in a row.
    lost_run: u32,
    reports: u64,
    last_report: Option<Instant>,
    /// What waits while the connection stands still.
    held: Vec<Piece>,
    held_pictures: Vec<SentPicture>,
    switched: bool,
    new_ssrc: bool,
    broken: bool,
    extra_sequence: u16,
}

impl Stream {
    /// Sends until the stream is to end, and says how. None when the client is gone.
    pub async fn run(mut self) -> Option<End> {
        // An error is a client that left, which is its right.
        self.send().await.unwrap_or_default()
    }

    async fn send(&mut self) -> io::Result<Option<End>> {
        let played = Instant::now();
        let behaviour = self.shared.behaviour();
        let begin = played + behaviour.pause;
        let count = self.shown.units.len() as u64;
        let mut state = State {
            start: self.start,
            sequence: self.start.sequence,
            index: 0,
            position: match behaviour.join {
                Join::At(position) => position,
                Join::Live => {
                    (self.shared.started.elapsed().as_secs_f64() * self.shown.fps) as u64 % count
                }
            },
            packets: 0,
            bytes: 0,
            lost_run: 0,
            reports: 0,
            last_report: None,
            held: Vec::new(),
            held_pictures: Vec::new(),
            switched: false,
            new_ssrc: false,
            broken: false,
            extra_sequence: 0,
        };
        let cached = match behaviour.gop_cache {
            None => 0,
            Some(Some(pictures)) => u64::from(pictures),
            Some(None) => self.group_after(state.position),
        };
        loop {
            let late = state.index.saturating_sub(cached) as f64 / self.shown.fps;
            let due = begin + Duration::from_secs_f64(late);
            tokio::time::sleep_until(due.into()).await;
            // It may have been changed meanwhile.
            let behaviour = self.shared.behaviour();
            let at = due - played;
            if let Some((after, how)) = behaviour.end
                && at >= after
            {
                return self.end(how, &state).await.map(|()| Some(how));
            }
            if behaviour.endless_fragment {
                return self.endless_fragment(state).await.map(|()| None);
            }
            self.picture(&mut state, &behaviour, at, due).await?;
            self.began.send_replace(true);
            state.index += 1;
        }
    }

    /// How many pictures there are from here up to the next key picture.
    fn group_after(&self, position: u64) -> u64 {
        let count = self.shown.units.len() as u64;
        let key = |at: u64| self.shown.units[(at % count) as usize].key;
        (1..=count).find(|&ahead| key(position + ahead)).unwrap_or(count)
    }

    async fn picture(
        &mut self,
        state: &mut State,
        behaviour: &Behaviour,
        at: Duration,
        due: Instant,
    ) -> io::Result<()> {
        self.changes(state, behaviour, at);
        let frozen = behaviour.freeze.filter(|&(after, _, length)| {
            at >= after && length.is_none_or(|length| at < after + length)
        });
        let footage = self.footage(state);
        let count = footage.units.len() as u64;
        let position = match frozen.map(|(_, how, _)| how) {
            None => state.position,
            Some(Freeze::Silent) => return Ok(()),
            Some(Freeze::Reports) => {
                let timestamp = self.timestamp(state, behaviour, at, 0);
                let mut pieces = self.report(state, behaviour, due, timestamp);
                self.extras(state, timestamp, &mut pieces);
                return self.deliver(pieces, behaviour).await;
            }
            Some(Freeze::Repeat) => state.position.saturating_sub(1),
            Some(Freeze::Key) => {
                let is_key = |at: &u64| footage.units[(at % count) as usize].key;
                (0..=state.position.saturating_sub(1)).rev().find(is_key).unwrap_or(0)
            }
        };
        if frozen.is_none() {
            state.position += 1;
        }
        let place = position % count;
        let unit = &footage.units[place as usize];
        if unit.key && behaviour.no_key_frame {
            return Ok(());
        }
        // With B-frames the order of sending is not the order of display.
        let ahead = unit.number as i64 - place as i64;
        let timestamp = self.timestamp(state, behaviour, at, ahead);
        let mut pieces = self.report(state, behaviour, due, timestamp);
        let sent_before = state.packets;
        let complete = self.packets(state, behaviour, at, &footage, unit, timestamp, &mut pieces);
        self.extras(state, timestamp, &mut pieces);
        let sent = state.packets - sent_before;
        let picture = SentPicture {
            connection: self.connection,
            number: unit.number,
            codec: footage.codec,
            size: footage.size,
            key: unit.key,
            complete,
            due,
            sent: Instant::now(),
        };
        self.shared.recorder.change(|record| record.packets_sent += u64::from(sent));
        state.held.append(&mut pieces);
        state.held_pictures.push(picture);
        let stands = behaviour.burst.is_some_and(|(pause, period)| {
            at.as_secs_f64() % period.as_secs_f64() >= (period - pause).as_secs_f64()
        });
        if stands {
            return Ok(());
        }
        // Before they are written: who receives a picture finds it in the record.
        let sent = Instant::now();
        for picture in state.held_pictures.drain(..) {
            self.shared.recorder.picture(SentPicture { sent, ..picture });
        }
        let pieces = std::mem::take(&mut state.held);
        self.deliver(pieces, behaviour).await
    }

    fn footage(&self, state: &State) -> Arc<Elementary> {
        match &self.later {
            Some(later) if state.switched => later.clone(),
            _ => self.shown.clone(),
        }
    }

    /// What changes once in a session.
    fn changes(&mut self, state: &mut State, behaviour: &Behaviour, at: Duration) {
        let is_over = |time: Option<Duration>| time.is_some_and(|time| at >= time);
        if is_over(behaviour.later) && !state.switched && self.later.is_some() {
            state.switched = true;
            state.position = 0;
        }
        if is_over(behaviour.new_ssrc) && !state.new_ssrc {
            state.new_ssrc = true;
            state.start = Start::random(&mut self.random, Clock::Right);
            state.sequence = state.start.sequence;
        }
    }

    async fn deliver(&mut self, pieces: Vec<Piece>, behaviour: &Behaviour) -> io::Result<()> {
        let Some(video) = self.setups.iter().find(|setup| setup.track == Track::Video) else {
            return Ok(());
        };
        if let Route::Udp(udp) = &video.route {
            let received = udp.send(&pieces, &self.setups, behaviour, &mut self.random).await?;
            if received > 0 {
                self.shared.recorder.change(|record| record.reports_received += received);
            }
            return Ok(());
        }
        let mut bytes = Vec::new();
        for piece in &pieces {
            let channel = match (piece, &video.route) {
                (Piece::Extra(place, _), _) => self.setups[*place].route.channel(),
                (Piece::Rtcp(_), route) => route.control_channel(),
                (_, route) => behaviour.data_channel.or(route.channel()),
            };
            piece.write(channel, &mut bytes);
        }
        self.writer.lock().await.write_all(&bytes).await
    }

    async fn end(&mut self, how: End, state: &State) -> io::Result<()> {
        self.shared.recorder.change(|record| record.ended_streams += 1);
        if matches!(how, End::Bye | End::ByeOnly) {
            let bye = vec![Piece::Rtcp(rtp::bye(state.start.ssrc))];
            self.deliver(bye, &Behaviour::default()).await?;
        }
        Ok(())
    }
}
