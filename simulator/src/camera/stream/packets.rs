//! The packets of a picture, and what is wrong with them.

use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::super::route::Piece;
use super::super::{rtp, sdp};
use super::{RATE, State, Stream};
use crate::elementary::{AccessUnit, Codec, Elementary};
use crate::fault::{Clock, ParameterSets, Reports, Track};
use crate::script::Behaviour;

/// From sender report to sender report.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// From 1900 to 1970, in seconds.
const NTP_TO_UNIX: u64 = 2_208_988_800;

impl Stream {
    /// The RTP timestamp of a picture that is shown `ahead` pictures after its turn.
    pub(super) fn timestamp(
        &mut self,
        state: &State,
        behaviour: &Behaviour,
        at: Duration,
        ahead: i64,
    ) -> u32 {
        let base = state.start.timestamp;
        let pictures = (state.index as i64 + ahead) as f64;
        let ticks = |pictures: f64| (pictures * RATE / self.shown.fps) as i64;
        let jumps = |by: Duration, every: Duration| {
            let times = (at.as_secs_f64() / every.as_secs_f64()).floor();
            (by.as_secs_f64() * RATE * times) as i64
        };
        let on = match behaviour.clock {
            Clock::Right | Clock::Wrap => ticks(pictures),
            Clock::Constant => 0,
            Clock::Zero => return 0,
            Clock::Back(by, every) => ticks(pictures) - jumps(by, every),
            Clock::Forward(by, every) => ticks(pictures) + jumps(by, every),
            Clock::Random => return self.random.next() as u32,
            Clock::Jitter => ticks(pictures) + (self.random.share() * 18_000.0) as i64 - 9_000,
            Clock::Saw => ticks((state.index % 20) as f64),
            Clock::Speed(factor) => ticks(pictures * factor),
        };
        base.wrapping_add(on as u32)
    }

    /// A sender report, when one is due.
    pub(super) fn report(
        &self,
        state: &mut State,
        behaviour: &Behaviour,
        due: Instant,
        timestamp: u32,
    ) -> Vec<Piece> {
        let recent = state.last_report.is_some_and(|last| due < last + REPORT_INTERVAL);
        if recent || behaviour.reports == Reports::Missing {
            return Vec::new();
        }
        state.last_report = Some(due);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // When the picture was there to be seen, not when it is sent.
        let late = due.elapsed();
        let seconds = now.saturating_sub(late).as_secs_f64() + NTP_TO_UNIX as f64;
        let seconds = match behaviour.reports {
            Reports::Right | Reports::Missing => seconds,
            Reports::Zero => 0.0,
            Reports::Jump if state.reports > 0 => seconds - 5.0 * 3600.0,
            Reports::Jump => seconds,
            Reports::Offset(offset) => seconds + offset,
        };
        state.reports += 1;
        let ntp = (seconds.trunc() as u64) << 32 | (seconds.fract() * 2_f64.powi(32)) as u64;
        let report =
            rtp::sender_report(state.start.ssrc, ntp, timestamp, state.packets, state.bytes);
        vec![Piece::Rtcp(report)]
    }

    /// The packets of a picture, less those that are left out; whether none is.
    pub(super) fn packets(
        &mut self,
        state: &mut State,
        behaviour: &Behaviour,
        at: Duration,
        footage: &Elementary,
        unit: &AccessUnit,
        timestamp: u32,
        pieces: &mut Vec<Piece>,
    ) -> bool {
        let in_band =
            matches!(behaviour.parameter_sets, ParameterSets::Both | ParameterSets::InBand);
        let mut nals =
            if in_band { unit.nals.clone() } else { unit.without_parameter_sets(footage.codec) };
        let mut complete = true;
        if behaviour.cut.is_some_and(|every| state.index % every == every - 1) {
            cut(footage.codec, &mut nals);
            complete = false;
        }
        let payloads =
            rtp::payloads(footage.codec, &nals, behaviour.packet_size, behaviour.aggregate);
        let payload_type = if state.switched && footage.codec != self.shown.codec {
            sdp::LATER_PAYLOAD_TYPE
        } else if behaviour.new_payload_type.is_some_and(|time| at >= time) {
            sdp::OTHER_PAYLOAD_TYPE
        } else {
            sdp::payload_type(footage.codec)
        };
        let count = payloads.len();
        let (mut sent, mut left_out) = (0, 0_u64);
        for (place, payload) in payloads.iter().enumerate() {
            let header = rtp::Header {
                payload_type,
                marker: place + 1 == count && !behaviour.no_marker,
                sequence: state.sequence,
                timestamp,
                ssrc: state.start.ssrc,
                extended: behaviour.extension,
            };
            state.sequence = state.sequence.wrapping_add(1);
            if state.lost_run == 0
                && let Some((probability, run)) = behaviour.loss
                && self.random.chance(probability)
            {
                state.lost_run = run;
            }
            let chosen = behaviour.lose_packet == Some(unit.number) && place == count / 2;
            if state.lost_run > 0 || chosen {
                state.lost_run = state.lost_run.saturating_sub(1);
                left_out += 1;
                complete = false;
                continue;
            }
            let packet = header.packet(payload);
            if behaviour.broken_frame.is_some_and(|time| at >= time) && !state.broken {
                state.broken = true;
                complete = false;
                left_out += 1;
                pieces.push(Piece::Broken(packet));
                continue;
            }
            sent += 1;
            state.bytes = state.bytes.wrapping_add(payload.len() as u32);
            pieces.push(Piece::Rtp(packet));
            if self.random.chance(behaviour.junk) {
                pieces.push(Piece::Junk);
            }
        }
        state.packets = state.packets.wrapping_add(sent);
        self.shared.recorder.change(|record| record.packets_left_out += left_out);
        complete
    }

    /// A little of every other track that was set up.
    pub(super) fn extras(&self, state: &mut State, timestamp: u32, pieces: &mut Vec<Piece>) {
        state.extra_sequence = state.extra_sequence.wrapping_add(1);
        for (place, setup) in self.setups.iter().enumerate() {
            if matches!(setup.track, Track::Video | Track::Backchannel) {
                continue;
            }
            let header = rtp::Header {
                payload_type: sdp::extra_payload_type(setup.track),
                marker: false,
                sequence: state.extra_sequence,
                timestamp,
                ssrc: 77 + setup.index as u32,
                extended: false,
            };
            pieces.push(Piece::Extra(place, header.packet(&[0xd5; 160])));
        }
    }

    /// A start of a unit, and what follows it for ever.
    pub(super) async fn endless_fragment(&mut self, mut state: State) -> io::Result<()> {
        let codec = self.shown.codec;
        let mut first = true;
        loop {
            let mut pieces = Vec::new();
            for _ in 0..64 {
                let start = if first { 0x80 } else { 0 };
                let head = match codec {
                    Codec::H265 => vec![49 << 1, 1, start | 19],
                    _ => vec![0x7c, start | 5],
                };
                first = false;
                let header = rtp::Header {
                    payload_type: sdp::payload_type(codec),
                    marker: false,
                    sequence: state.sequence,
                    timestamp: state.start.timestamp,
                    ssrc: state.start.ssrc,
                    extended: false,
                };
                state.sequence = state.sequence.wrapping_add(1);
                pieces.push(Piece::Rtp(header.packet(&[&head[..], &[0x55; 1_300]].concat())));
            }
            self.shared.recorder.change(|record| record.packets_sent += pieces.len() as u64);
            self.deliver(pieces, &Behaviour::default()).await?;
            self.began.send_replace(true);
            tokio::task::yield_now().await;
        }
    }
}

/// Leaves out the second half of a picture: half of its slices, or of its one slice's bytes.
fn cut(codec: Codec, nals: &mut Vec<Bytes>) {
    let slices: Vec<usize> = (0..nals.len()).filter(|&at| codec.is_slice(&nals[at])).collect();
    match slices[..] {
        [] => {}
        [only] => {
            let half = nals[only].len() / 2;
            nals[only].truncate(half.max(1));
        }
        _ => nals.truncate(slices[slices.len() / 2]),
    }
}
