//! Watches a pipeline while it runs: how the camera is doing, and when it is over.

use std::time::{Duration, Instant};

use detector_components::camera::CameraSource;
use gstreamer as gst;
use gstreamer::prelude::*;

use crate::attempt::{End, Stream};
use crate::failure::{Failure, FailureKind};
use crate::flow::Flow;
use crate::status::Report;

/// Between two looks at whether the camera is still wanted and still gives frames.
pub const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Cameras that send no key frame for so long send one when they are opened anew.
const KEY_FRAME_PATIENCE: Duration = Duration::from_secs(120);

/// A pipeline that runs.
pub struct Watch<'a> {
    pipeline: &'a gst::Pipeline,
    bus: gst::Bus,
    stream: &'a Stream,
    flow: &'a Flow,
    report: &'a Report,
    frames: u64,
    last_frame: Instant,
    pictures: u64,
    last_picture: Instant,
    /// Since when the decoder could have shown pictures.
    open_since: Option<Instant>,
}

impl<'a> Watch<'a> {
    /// Starts a pipeline.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(
        pipeline: &'a gst::Pipeline,
        stream: &'a Stream,
        flow: &'a Flow,
        report: &'a Report,
    ) -> Result<Self, End> {
        let bus = pipeline.bus().ok_or_else(|| End::Failed(Failure::other("no bus")))?;
        if pipeline.set_state(gst::State::Playing).is_err() {
            let message = bus.timed_pop_filtered(gst::ClockTime::ZERO, &[gst::MessageType::Error]);
            let failure = message.map_or_else(
                || Failure::other("it cannot be opened"),
                |message| Failure::of_message(&message),
            );
            return Err(End::Failed(failure));
        }
        let now = Instant::now();
        Ok(Self {
            pipeline,
            bus,
            stream,
            flow,
            report,
            frames: flow.frames(),
            last_frame: now,
            pictures: flow.pictures(),
            last_picture: now,
            open_since: None,
        })
    }

    /// Lets the pipeline run until it ends, fails, stalls or is not wanted any more.
    pub fn until_end(mut self) -> End {
        let look = gst::ClockTime::from_nseconds(LOOK_INTERVAL.as_nanos() as u64);
        loop {
            let message = self.bus.timed_pop_filtered(look, &MESSAGES);
            if let Some(end) = self.look(message) {
                return end;
            }
        }
    }

    /// Looks once, without waiting. Some: it is over.
    pub fn look_now(&mut self) -> Option<End> {
        let message = self.bus.timed_pop_filtered(gst::ClockTime::ZERO, &MESSAGES);
        self.look(message)
    }

    fn look(&mut self, message: Option<gst::Message>) -> Option<End> {
        if self.report.has_ended() {
            return Some(End::Unwanted);
        }
        let now = Instant::now();
        if self.flow.frames() != self.frames {
            self.frames = self.flow.frames();
            self.last_frame = now;
        }
        if self.flow.pictures() != self.pictures {
            self.pictures = self.flow.pictures();
            self.last_picture = now;
        }
        if let Some(state) = self.flow.state() {
            self.report.tell(state);
        }
        self.report.know(self.flow.facts());
        if let Some(reason) = self.flow.fatal() {
            return Some(End::Failed(Failure::new(FailureKind::TooLarge, reason)));
        }
        match message.as_ref().map(|message| message.type_()) {
            Some(gst::MessageType::Eos) => self.ended(),
            Some(_) => {
                let failure = message.map(|message| Failure::of_message(&message));
                Some(End::Failed(failure.unwrap_or_else(|| Failure::other(""))))
            }
            None => self.silence(now).map(End::Failed),
        }
    }

    /// The source has nothing more.
    fn ended(&self) -> Option<End> {
        let shown = self.flow.frames() > 0;
        match &self.stream.source {
            CameraSource::File { looped: true, .. } if shown => {
                let start = gst::ClockTime::ZERO;
                let sought = self.pipeline.seek_simple(gst::SeekFlags::FLUSH, start);
                let failure = || End::Failed(Failure::other("the file cannot be played again"));
                sought.is_err().then(failure)
            }
            CameraSource::File { .. } if shown => Some(End::Finished),
            _ => {
                let text = "the camera ended the stream";
                Some(End::Failed(Failure::new(FailureKind::Ended, text)))
            }
        }
    }

    /// Why the stream counts as dead: nothing comes, or nothing is made of what comes.
    fn silence(&mut self, now: Instant) -> Option<Failure> {
        let config = self.stream.outside.settings.get();
        let (silent, unseen) = (now - self.last_picture, now - self.last_frame);
        let silent_failure = |text: String| Some(Failure::new(FailureKind::Silent, text));
        if self.pictures == 0 {
            let after = config.first_frame_timeout;
            return (silent > after)
                .then(|| silent_failure(format!("no frame came within {} s", after.as_secs_f64())))
                .flatten();
        }
        if silent > config.stall_timeout {
            let after = config.stall_timeout.as_secs_f64();
            return silent_failure(format!("no frame came for {after} s"));
        }
        if self.flow.closed().is_some() {
            self.open_since = None;
            return (unseen > KEY_FRAME_PATIENCE)
                .then(|| {
                    let after = KEY_FRAME_PATIENCE.as_secs();
                    silent_failure(format!("no key frame came within {after} s"))
                })
                .flatten();
        }
        let open = now - *self.open_since.get_or_insert(now);
        (open.min(unseen) > config.first_frame_timeout.max(config.stall_timeout)).then(|| {
            let text = "pictures come, and the decoder makes none of them visible";
            Failure::new(FailureKind::Undecodable, text)
        })
    }
}

const MESSAGES: [gst::MessageType; 2] = [gst::MessageType::Error, gst::MessageType::Eos];
