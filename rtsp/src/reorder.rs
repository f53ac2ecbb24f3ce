//! RTP packets in order, and which are missing.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtp_types::RtpPacket;

/// One RTP packet.
#[derive(Clone, Debug)]
pub struct Packet {
    /// All of it.
    pub bytes: Bytes,
    /// What it carries.
    pub payload: Bytes,
    /// Its number.
    pub sequence: u16,
    /// Its time, in ticks of the media's clock.
    pub timestamp: u32,
    /// Whether it is the last of a picture, as the camera says.
    pub marker: bool,
    /// What it is encoded as.
    pub payload_type: u8,
    /// Who sent it.
    pub ssrc: u32,
    /// When it came.
    pub arrived: Instant,
}

impl Packet {
    /// Reads a packet. None when it is none.
    pub fn parse(bytes: Bytes, arrived: Instant) -> Option<Self> {
        let packet = RtpPacket::parse(&bytes).ok()?;
        let start = packet.payload_offset();
        let payload = bytes.slice(start..start + packet.payload_len());
        Some(Self {
            payload,
            sequence: packet.sequence_number(),
            timestamp: packet.timestamp(),
            marker: packet.marker_bit(),
            payload_type: packet.payload_type(),
            ssrc: packet.ssrc(),
            arrived,
            bytes: bytes.clone(),
        })
    }
}

/// A packet, and whether others are missing before it.
#[derive(Clone, Debug)]
pub struct Ordered {
    /// The packet.
    pub packet: Packet,
    /// How many packets are missing before it.
    pub missing: u64,
    /// The numbers began anew, so that it is not known what is missing.
    pub restarted: bool,
}

/// Puts packets in order.
///
/// Numbers begin with the first packet, and anew when the sender (SSRC) changes or the numbers jump.
/// A packet whose predecessors are missing waits for them, no longer than `wait`.
pub struct Reorder {
    wait: Duration,
    ssrc: Option<u32>,
    /// The sender before this one, and when it was left.
    left: Option<(u32, Instant)>,
    /// A sender whose packets are mixed in between.
    ignored: Option<u32>,
    expected: u64,
    held: BTreeMap<u64, Packet>,
    /// The number that would confirm a jump.
    suspected: Option<u16>,
}

/// Packets that wait at most.
const MAX_HELD: usize = 2048;
/// A number further ahead than this is a jump rather than a loss.
const MAX_AHEAD: i16 = 6000;
/// A number further behind than this is a jump rather than a late packet.
const MAX_BEHIND: i16 = 1000;
/// Within this, a sender that was left and returns is one that is mixed in.
const FLAPPING: Duration = Duration::from_secs(1);

impl Reorder {
    /// Waits at most so long for missing packets. Over a reliable connection: zero.
    pub fn new(wait: Duration) -> Self {
        Self {
            wait,
            ssrc: None,
            left: None,
            ignored: None,
            expected: 0,
            held: BTreeMap::new(),
            suspected: None,
        }
    }

    /// Takes a packet; what is in order then is added to `out`.
    pub fn push(&mut self, packet: Packet, out: &mut VecDeque<Ordered>) {
        if self.ignored == Some(packet.ssrc) {
            return;
        }
        match self.ssrc {
            Some(ssrc) if ssrc == packet.ssrc => {}
            None => return self.begin(packet, false, out),
            Some(ssrc) => {
                let returns = self.left.is_some_and(|(left, at)| {
                    left == packet.ssrc && packet.arrived.duration_since(at) < FLAPPING
                });
                if returns {
                    // Two senders at once: the first one stays.
                    self.ignored = Some(ssrc);
                }
                self.left = Some((ssrc, packet.arrived));
                return self.begin(packet, true, out);
            }
        }
        let ahead = packet.sequence.wrapping_sub(self.expected as u16).cast_signed();
        match ahead {
            0.. if ahead <= MAX_AHEAD => {
                self.suspected = None;
                let number = self.expected + u64::from(ahead.cast_unsigned());
                self.held.insert(number, packet);
                self.release(None, out);
            }
            _ => {
                // A late packet, a copy, or a jump; the next one tells.
                let confirmed = self.suspected == Some(packet.sequence);
                let reliable_jump =
                    self.wait.is_zero() && !(-MAX_BEHIND..=MAX_AHEAD).contains(&ahead);
                self.suspected = Some(packet.sequence.wrapping_add(1));
                if confirmed || reliable_jump {
                    self.begin(packet, true, out);
                }
            }
        }
    }

    /// Gives up on what was waited for too long.
    pub fn expire(&mut self, now: Instant, out: &mut VecDeque<Ordered>) {
        self.release(Some(now), out);
    }

    /// When to call [`expire`](Self::expire).
    pub fn deadline(&self) -> Option<Instant> {
        self.held.values().next().map(|packet| packet.arrived + self.wait)
    }

    fn begin(&mut self, packet: Packet, restarted: bool, out: &mut VecDeque<Ordered>) {
        self.flush(out);
        self.ssrc = Some(packet.ssrc);
        self.suspected = None;
        // Far from zero: packets before the first one have numbers too.
        self.expected = (1 << 32) + u64::from(packet.sequence) + 1;
        out.push_back(Ordered { packet, missing: 0, restarted });
    }

    /// Everything that waits, in order.
    fn flush(&mut self, out: &mut VecDeque<Ordered>) {
        while let Some((number, packet)) = self.held.pop_first() {
            self.emit(number, packet, out);
        }
    }

    fn release(&mut self, now: Option<Instant>, out: &mut VecDeque<Ordered>) {
        while let Some((number, packet)) = self.held.pop_first() {
            let waited = now.map_or(Duration::ZERO, |now| now.duration_since(packet.arrived));
            let in_order = number <= self.expected;
            let given_up = self.wait.is_zero()
                || (now.is_some() && waited >= self.wait)
                || self.held.len() >= MAX_HELD;
            if !in_order && !given_up {
                self.held.insert(number, packet);
                return;
            }
            self.emit(number, packet, out);
        }
    }

    fn emit(&mut self, number: u64, packet: Packet, out: &mut VecDeque<Ordered>) {
        let missing = number.saturating_sub(self.expected);
        self.expected = number + 1;
        out.push_back(Ordered { packet, missing, restarted: false });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub fn packet(sequence: u16, ssrc: u32, arrived: Instant) -> Packet {
        Packet {
            bytes: Bytes::new(),
            payload: Bytes::new(),
            sequence,
            timestamp: 0,
            marker: false,
            payload_type: 96,
            ssrc,
            arrived,
        }
    }

    /// Sequence numbers that come out; `+n` before one: so many are missing, `!`: a new beginning.
    #[track_caller]
    fn check(wait_millis: u64, sequences: &[(u32, u16)], expected: &str) {
        let mut reorder = Reorder::new(Duration::from_millis(wait_millis));
        let (mut out, now) = (VecDeque::new(), Instant::now());
        for (ssrc, sequence) in sequences {
            reorder.push(packet(*sequence, *ssrc, now), &mut out);
        }
        reorder.expire(now + Duration::from_secs(1), &mut out);
        let text: Vec<_> = out
            .iter()
            .map(|Ordered { packet, missing, restarted }| match (missing, restarted) {
                (0, false) => packet.sequence.to_string(),
                (0, true) => format!("!{}", packet.sequence),
                (missing, _) => format!("+{missing} {}", packet.sequence),
            })
            .collect();
        assert_eq!(text.join(" "), expected);
    }

    fn of_one(sequences: &[u16]) -> Vec<(u32, u16)> {
        sequences.iter().map(|sequence| (1, *sequence)).collect()
    }

    #[test]
    fn over_tcp_missing_packets_are_seen_at_once() {
        check(0, &of_one(&[65534, 65535, 0, 1, 4, 5]), "65534 65535 0 1 +2 4 5");
    }

    #[test]
    fn over_udp_packets_wait_for_those_they_overtook() {
        check(50, &of_one(&[1, 3, 2, 4, 4, 6, 5, 9]), "1 2 3 4 5 6 +2 9");
    }

    #[test]
    fn late_packets_and_copies_are_dropped() {
        check(50, &of_one(&[10, 11, 9, 11, 12]), "10 11 12");
    }

    #[test]
    fn numbers_that_jump_begin_anew() {
        check(0, &of_one(&[10, 11, 40_000, 40_001]), "10 11 !40000 40001");
        check(50, &of_one(&[10, 11, 40_000, 40_001, 40_002]), "10 11 !40001 40002");
        check(0, &of_one(&[5000, 5001, 7, 8, 9]), "5000 5001 !7 8 9");
        check(0, &of_one(&[5000, 5001, 4900, 4901, 4902]), "5000 5001 !4901 4902");
    }

    #[test]
    fn a_new_sender_begins_anew() {
        check(0, &[(1, 10), (1, 11), (2, 500), (2, 501)], "10 11 !500 501");
    }

    #[test]
    fn a_sender_that_is_mixed_in_is_left_out() {
        let mixed = [(1, 10), (2, 500), (1, 11), (2, 501), (1, 12), (2, 502), (1, 13)];
        check(0, &mixed, "10 !500 !11 12 13");
    }

    proptest! {
        #[test]
        fn packets_come_out_in_order_and_bounded(
            sequences in proptest::collection::vec(0u16..300, 0..400)
        ) {
            let mut reorder = Reorder::new(Duration::from_millis(50));
            let (mut out, now) = (VecDeque::new(), Instant::now());
            for sequence in &sequences {
                reorder.push(packet(*sequence, 1, now), &mut out);
            }
            reorder.expire(now + Duration::from_secs(1), &mut out);
            prop_assert!(out.len() <= sequences.len());
            let runs = out.make_contiguous().windows(2).all(|pair| {
                pair[1].restarted || pair[0].packet.sequence < pair[1].packet.sequence
            });
            prop_assert!(runs);
        }
    }
}
