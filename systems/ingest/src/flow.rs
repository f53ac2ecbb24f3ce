//! What flows through one attempt at a stream: coded pictures in, frames out.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use detector_bitstream::UnitKind;
use detector_components::camera::{CameraSource, StreamFacts, StreamState};
use detector_components::clock::{Moment, Timepiece};
use detector_components::frame::Frame;
use detector_components::integrity::{FaultCounter, Integrity, PictureFault};
use detector_components::slot::FrameSlot;
use detector_components::timing::{Step, Timings};
use detector_integrity::{CheckConfig, PictureCheck, Verdict};
use gstreamer as gst;
use jiff::Timestamp;
use tracing::{debug, warn};

use crate::attempt::Stream;
use crate::coded::CodedStream;
use crate::decoder_log;
use crate::gate::{Arrival, Decision, Gate};
use crate::gauge::Gauge;
use crate::health::{self, Health};
use crate::mark;
use crate::picture::pixels;
use crate::web::Segments;

/// Coded pictures that are remembered until they are decoded. Decoders hold back a few.
const MAX_MARKS: usize = 64;
/// Pictures whose arrival is remembered until the parser has passed them on.
const MAX_ARRIVALS: usize = 1024;

/// What flows through one attempt at a stream.
pub struct Flow {
    frames: AtomicU64,
    pictures: AtomicU64,
    judge: Mutex<Judge>,
    check: Mutex<PictureCheck>,
    /// How long the segments are that the stream comes in.
    segments: Segments,
    facts: Mutex<StreamFacts>,
    slot: FrameSlot,
    sequence: Arc<AtomicU64>,
    timepiece: Timepiece,
    timings: Timings,
    faults: FaultCounter,
    gauge: Option<Arc<Gauge>>,
    /// Whether suspicious pictures are handed on.
    infers_suspicious: bool,
    max_pixels: u64,
    opened: Moment,
    /// For lines of the log.
    camera: CameraSource,
}

/// What is known of the pictures on their way.
#[derive(Default)]
struct Judge {
    arrivals: VecDeque<Received>,
    coded: Option<CodedStream>,
    gate: Gate,
    health: Health,
    marks: VecDeque<Mark>,
    next: u64,
    /// The first picture that the decoder failed on, and the next that it began anew with.
    damaged: Option<(u64, Option<u64>)>,
    /// Complaints of the decoder's thread when it was given the newest picture.
    complaints: u64,
    last_key: Option<Moment>,
    /// Why the stream must end.
    fatal: Option<String>,
}

/// A coded picture as it was received.
struct Received {
    pts: gst::ClockTime,
    at: Moment,
    camera_time: Option<Timestamp>,
    after_gap: bool,
}

/// A coded picture on its way through the decoder.
#[derive(Clone, Copy)]
struct Mark {
    number: u64,
    at: Moment,
    camera_time: Option<Timestamp>,
    /// Why its picture is not shown.
    hidden: Option<PictureFault>,
}

impl Flow {
    /// Nothing has come yet.
    pub fn new(stream: &Stream) -> Self {
        let settings = stream.outside.settings.get();
        Self {
            frames: AtomicU64::new(0),
            pictures: AtomicU64::new(0),
            judge: Mutex::default(),
            check: Mutex::new(PictureCheck::new(CheckConfig {
                freeze_after: settings.freeze_after,
                covered_after: settings.covered_after,
                ..CheckConfig::default()
            })),
            segments: Segments::default(),
            facts: Mutex::default(),
            slot: stream.slot.clone(),
            sequence: stream.sequence.clone(),
            timepiece: stream.timepiece.clone(),
            timings: stream.timings.clone(),
            faults: stream.faults.clone(),
            gauge: stream.gauge.clone(),
            infers_suspicious: settings.infer_suspicious,
            max_pixels: settings.max_pixels,
            opened: stream.timepiece.now(),
            camera: stream.source.clone(),
        }
    }

    /// The engine's time now.
    pub fn now(&self) -> Moment {
        self.timepiece.now()
    }

    /// Frames that were handed on.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Coded pictures that came, whatever became of them.
    pub fn pictures(&self) -> u64 {
        self.pictures.load(Ordering::Relaxed)
    }

    /// Who measures, if anyone does.
    pub fn gauge(&self) -> Option<&Arc<Gauge>> {
        self.gauge.as_ref()
    }

    /// How long the segments are that the stream comes in.
    pub fn segments(&self) -> &Segments {
        &self.segments
    }

    /// What is known of the stream so far.
    pub fn facts(&self) -> StreamFacts {
        self.facts.lock().expect("never held across a panic").clone()
    }

    /// Notes what is known of the stream.
    pub fn know(&self, note: impl FnOnce(&mut StreamFacts)) {
        note(&mut self.facts.lock().expect("never held across a panic"));
    }

    /// How the camera is doing. None before its first picture.
    pub fn state(&self) -> Option<StreamState> {
        let now = self.timepiece.now();
        let judge = self.judge();
        // Parsers hold back what comes before the first parameter sets.
        let waits = || {
            let first = judge.arrivals.front().filter(|_| judge.next == 0)?;
            (now.since(first.at) >= health::KEY_FRAME_PATIENCE).then(health::before_key_frame)
        };
        judge.health.state(now).or_else(waits)
    }

    /// Why the stream must end, if it must.
    pub fn fatal(&self) -> Option<String> {
        self.judge().fatal.clone()
    }

    /// Why no coded picture goes to the decoder at present.
    pub fn closed(&self) -> Option<PictureFault> {
        self.judge().gate.closed()
    }

    /// A coded picture was received, before it is parsed. Its `pts` leads back to it.
    pub fn received(
        &self,
        pts: gst::ClockTime,
        at: Moment,
        camera_time: Option<Timestamp>,
        after_gap: bool,
    ) {
        self.pictures.fetch_add(1, Ordering::Relaxed);
        let mut judge = self.judge();
        if judge.arrivals.len() == MAX_ARRIVALS {
            judge.arrivals.pop_front();
            self.count(PictureFault::NoKeyFrame);
        }
        judge.arrivals.push_back(Received { pts, at, camera_time, after_gap });
        drop(judge);
        if let Some(camera_time) = camera_time {
            let offset = camera_time.duration_since(self.timepiece.wall(at));
            self.know(|facts| facts.clock_offset = Some(offset));
        }
    }

    /// Coded pictures were left out before they reached the decoder.
    pub fn lost(&self, fault: PictureFault, pictures: u64) {
        let now = self.timepiece.now();
        let mut judge = self.judge();
        for _ in 0..pictures {
            self.pictures.fetch_add(1, Ordering::Relaxed);
            self.count(fault);
            judge.health.left_out(now, fault);
        }
    }

    /// A coded picture is about to be decoded. False: it must not be.
    pub fn coded(&self, buffer: &mut gst::Buffer, caps: Option<&gst::CapsRef>) -> bool {
        let now = self.timepiece.now();
        if let Some(gauge) = &self.gauge {
            gauge.picture(buffer, caps);
        }
        let mut judge = self.judge();
        judge.hear_decoder();
        let (received, withheld) = judge.received(buffer.pts());
        if received.is_none() {
            self.pictures.fetch_add(1, Ordering::Relaxed);
        }
        for _ in 0..withheld {
            self.count(PictureFault::NoKeyFrame);
            judge.health.left_out(now, PictureFault::NoKeyFrame);
        }
        let (at, camera_time) = match &received {
            Some(received) => (received.at, received.camera_time),
            None => (now, None),
        };
        let is_first = judge.next == 0;
        // Elements mark what follows a gap; the first picture follows nothing.
        let marked = buffer.flags().contains(gst::BufferFlags::DISCONT) && !is_first;
        let after_gap = received.map_or(marked, |received| received.after_gap || marked);
        judge.read_caps(caps, self);
        let Some(coded) = &mut judge.coded else {
            // Nothing is known of this encoding: the decoder decides.
            self.mark(&mut judge, buffer, at, camera_time, None);
            return true;
        };
        let unit = match buffer.map_readable() {
            Ok(bytes) => coded.read(&bytes),
            Err(_) => return false,
        };
        if let Some((width, height)) = coded.size()
            && u64::from(width) * u64::from(height) > self.max_pixels
        {
            let limit = self.max_pixels;
            judge.fatal = Some(format!(
                "its pictures have {width}x{height} pixels, more than the {limit} allowed"
            ));
            return false;
        }
        if unit.kind == UnitKind::RandomAccess
            && let Some(last) = judge.last_key.replace(at)
        {
            let interval = at.since(last);
            judge.health.key_interval(interval);
            self.know(|facts| facts.key_interval = Some(interval));
        }
        let (lag, after_opening) = (now.since(at), at.since(self.opened));
        let was_closed = judge.gate.closed().is_some();
        match judge.gate.decide(&Arrival { unit, after_gap, lag, after_opening }) {
            Decision::Drop(fault) => {
                self.count(fault);
                judge.health.left_out(now, fault);
                false
            }
            Decision::Show => {
                let next = judge.next;
                if was_closed && let Some((_, until @ None)) = &mut judge.damaged {
                    *until = Some(next);
                }
                self.mark(&mut judge, buffer, at, camera_time, None);
                true
            }
            Decision::Prepare(fault) => {
                self.mark(&mut judge, buffer, at, camera_time, Some(fault));
                true
            }
        }
    }

    fn mark(
        &self,
        judge: &mut Judge,
        buffer: &mut gst::Buffer,
        at: Moment,
        camera_time: Option<Timestamp>,
        hidden: Option<PictureFault>,
    ) {
        let number = judge.next;
        judge.next += 1;
        judge.complaints = decoder_log::complaints();
        if judge.marks.len() == MAX_MARKS {
            judge.marks.pop_front();
        }
        judge.marks.push_back(Mark { number, at, camera_time, hidden });
        mark::set(buffer.make_mut(), number);
    }

    /// A picture was decoded.
    pub fn decoded(&self, sample: &gst::Sample) {
        let Some(buffer) = sample.buffer() else { return };
        let now = self.timepiece.now();
        let mut judge = self.judge();
        judge.hear_decoder();
        let mark = judge.mark_of(buffer);
        if let Some(mark) = mark {
            self.timings.record(Step::Decode, now.since(mark.at));
        } else {
            // Raw pictures of a device, which no decoder has seen.
            self.pictures.fetch_add(1, Ordering::Relaxed);
            if let Some(gauge) = &self.gauge {
                gauge.picture(buffer, sample.caps());
            }
        }
        let broken = match mark {
            Some(Mark { hidden: Some(fault), .. }) => Some(fault),
            _ if buffer.flags().contains(gst::BufferFlags::CORRUPTED) => {
                Some(PictureFault::DecoderError)
            }
            Some(mark) if judge.is_damaged(mark.number) => Some(PictureFault::DecoderError),
            _ => None,
        };
        if let Some(fault) = broken {
            self.leave_out(&mut judge, fault, now);
            return;
        }
        let complains = judge.gate.is_odd();
        drop(judge);
        let pixels = match pixels(sample) {
            Ok(pixels) => pixels,
            Err(error) => {
                warn!(camera = %self.camera, %error, "a picture was left out");
                return;
            }
        };
        let captured = mark.map_or(now, |mark| mark.at);
        let integrity = match complains {
            true => Integrity::Suspicious(PictureFault::DecoderError),
            false => Integrity::Good,
        };
        let frame = Frame {
            integrity,
            camera_time: mark.and_then(|mark| mark.camera_time),
            ..Frame::new(0, captured, Arc::new(pixels))
        };
        self.show(frame);
    }

    /// Judges what a frame shows, and hands it on with a number of its own, unless it is broken, or
    /// suspicious and such frames are not wanted.
    pub fn show(&self, mut frame: Frame) {
        let now = self.timepiece.now();
        let mut check = self.check.lock().expect("never held across a panic");
        let verdict = check.check(&frame.pixels, frame.captured);
        drop(check);
        let mut judge = self.judge();
        match verdict {
            Verdict::Broken(fault) => return self.leave_out(&mut judge, fault, now),
            Verdict::Suspicious(fault) => frame.integrity = Integrity::Suspicious(fault),
            Verdict::Good => {}
        }
        let fault = frame.integrity.fault();
        judge.health.usable(now, fault);
        drop(judge);
        if let Some(fault) = fault {
            self.count(fault);
        }
        self.frames.fetch_add(1, Ordering::Relaxed);
        if fault.is_some() && !self.infers_suspicious {
            return;
        }
        frame.sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(gauge) = &self.gauge {
            gauge.frame(&frame);
        }
        self.slot.put(frame);
    }

    fn leave_out(&self, judge: &mut Judge, fault: PictureFault, now: Moment) {
        debug!(camera = %self.camera, fault = fault.as_str(), "a picture was left out");
        self.count(fault);
        judge.health.left_out(now, fault);
    }

    fn count(&self, fault: PictureFault) {
        self.faults.count(fault);
        if let Some(gauge) = &self.gauge {
            gauge.fault(fault);
        }
    }

    fn judge(&self) -> MutexGuard<'_, Judge> {
        self.judge.lock().expect("never held across a panic")
    }
}

impl Judge {
    /// How a coded picture was received, and how many before it the parser has kept to itself: it has
    /// no parameter sets for them.
    fn received(&mut self, pts: Option<gst::ClockTime>) -> (Option<Received>, usize) {
        let place = self.arrivals.iter().position(|received| Some(received.pts) == pts);
        let Some(place) = place else { return (None, 0) };
        let mut passed = self.arrivals.drain(..=place);
        let received = passed.next_back().map(|mut received| {
            received.after_gap |= passed.any(|earlier| earlier.after_gap);
            received
        });
        (received, place)
    }

    /// Follows a stream that changes what it is encoded as.
    fn read_caps(&mut self, caps: Option<&gst::CapsRef>, flow: &Flow) {
        let Some(caps) = caps else { return };
        if self.coded.as_ref().is_some_and(|coded| coded.is_of(caps)) {
            return;
        }
        self.coded = CodedStream::of(caps);
        if let Some(coded) = &self.coded {
            flow.know(|facts| facts.codec = Some(coded.name().into()));
        }
    }

    /// Whether the decoder has complained since it was given the newest picture: then that one is
    /// damaged, and what refers to it.
    fn hear_decoder(&mut self) {
        let complaints = decoder_log::complaints();
        if std::mem::replace(&mut self.complaints, complaints) == complaints || self.next == 0 {
            return;
        }
        if self.gate.decoder_failed() {
            match &mut self.damaged {
                Some((_, None)) => {}
                damaged => *damaged = Some((self.next - 1, None)),
            }
        }
    }

    fn is_damaged(&self, number: u64) -> bool {
        self.damaged
            .is_some_and(|(from, until)| number >= from && until.is_none_or(|until| number < until))
    }

    /// The coded picture that a decoded one was made of. The newest, where the decoder does not say.
    fn mark_of(&mut self, buffer: &gst::BufferRef) -> Option<Mark> {
        match mark::get(buffer) {
            Some(number) => {
                let place = self.marks.iter().position(|mark| mark.number == number)?;
                self.marks.remove(place)
            }
            None => self.marks.back().copied(),
        }
    }
}
