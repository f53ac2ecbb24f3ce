//! Motion JPEG over HTTP: pictures one after the other in one answer.
//!
//! The answer is read as fast as it comes, and the newest whole picture waits to be decoded. One that
//! comes before the last was taken takes its place: nothing is ever queued, and the age of a frame
//! does not depend on how fast this machine is.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded, select};
use detector_components::clock::{Moment, Timepiece};
use detector_components::frame::Frame;
use detector_components::integrity::PictureFault;
use detector_components::secret::SecretUrl;
use detector_components::timing::Step;
use detector_picture::{Content, decode};
use reqwest::Response;
use tracing::{debug, warn};

use crate::attempt::{End, Stream};
use crate::failure::{Failure, FailureKind};
use crate::flow::Flow;
use crate::http::{RequestError, Requests, content_type};
use crate::multipart::{Multipart, Part, SAMPLE, holds_pictures};
use crate::status::Report;

/// Between two looks at whether the camera is still wanted and still gives frames.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Bytes that are looked at for parts at a time. Many tiny ones cost little then.
const PIECE: usize = 16 << 10;

/// Opens a camera's address over HTTP, and hands on the pictures that its answer holds until that ends.
/// Returns why it ended, and whether frames flowed. None: it holds something else than pictures one
/// after the other, which GStreamer may know.
pub fn run(stream: &Stream, url: &SecretUrl, report: &Report) -> Option<(End, bool)> {
    let settings = stream.outside.settings.get();
    let requests = stream.outside.stream_of(url);
    let (newest, arrived) = Newest::new();
    let (told, events) = bounded(2);
    let reader = Reader {
        newest: newest.clone(),
        told,
        timepiece: stream.timepiece.clone(),
        max_part: settings.snapshot_max_bytes,
    };
    let reading = stream.outside.runtime.spawn(reader.read(requests));
    let end = Attempt::new(stream).watch(report, &newest, &arrived, &events);
    // Closes the connection.
    reading.abort();
    end
}

/// What the reading side tells.
enum Event {
    /// It is something else.
    Other,
    /// There is no more to be had.
    Ended(Failure),
}

/// A whole picture, and when its last byte came.
struct Arrived {
    bytes: Bytes,
    at: Moment,
    /// Parts before it that nobody took.
    overtaken: u64,
}

/// Place for the newest whole part.
struct Newest {
    place: Mutex<Place>,
    arrived: Sender<()>,
}

#[derive(Default)]
struct Place {
    newest: Option<Arrived>,
    /// Parts that were cut since somebody looked.
    cut: u64,
}

impl Newest {
    /// An empty place, and what becomes readable when something is put there.
    fn new() -> (Arc<Self>, Receiver<()>) {
        let (arrived, readable) = bounded(1);
        (Arc::new(Self { place: Mutex::default(), arrived }), readable)
    }

    fn put(&self, part: Part, at: Moment) {
        // Held only to move a few words.
        let mut place = self.place.lock().expect("never held across a panic");
        match part.whole {
            true => {
                let overtaken = place.newest.take().map_or(0, |older| older.overtaken + 1);
                *place =
                    Place { newest: Some(Arrived { bytes: part.bytes, at, overtaken }), ..*place };
            }
            false => place.cut += 1,
        }
        drop(place);
        // Full: it was said already.
        let _ = self.arrived.try_send(());
    }

    fn take(&self) -> Place {
        std::mem::take(&mut *self.place.lock().expect("never held across a panic"))
    }
}

/// Reads the camera's answer.
struct Reader {
    newest: Arc<Newest>,
    told: Sender<Event>,
    timepiece: Timepiece,
    max_part: usize,
}

impl Reader {
    async fn read(self, requests: Requests) {
        let event = match self.follow(requests).await {
            Ok(event) => event,
            Err(error) => Event::Ended(error.into()),
        };
        // Nobody listens any more when this fails.
        let _ = self.told.try_send(event);
    }

    async fn follow(&self, requests: Requests) -> Result<Event, RequestError> {
        let mut answer = requests.get().await?;
        let kind = content_type(&answer);
        let Some(first) = beginning(&mut answer, &kind).await? else { return Ok(Event::Other) };
        if Content::of(&first) == Content::WebPage {
            let text = "the camera answers with a web page instead of pictures";
            return Ok(Event::Ended(Failure::new(FailureKind::Undecodable, text)));
        }
        let mut multipart = Multipart::new(&kind, self.max_part);
        let (mut piece, mut parts) = (Some(first), 0_u64);
        while let Some(bytes) = piece {
            for bytes in bytes.chunks(PIECE) {
                multipart.push(bytes);
                loop {
                    match multipart.next() {
                        Ok(None) => break,
                        Ok(Some(part)) => {
                            parts += 1;
                            self.newest.put(part, self.timepiece.now());
                        }
                        Err(error) => return Ok(Event::Ended(Failure::other(error.to_string()))),
                    }
                }
            }
            piece = answer.chunk().await.map_err(RequestError::within)?;
        }
        if let Some(part) = multipart.finish() {
            parts += 1;
            self.newest.put(part, self.timepiece.now());
        }
        let text = match parts {
            1 => "the camera gives one picture at a time: give its address as that of a snapshot",
            _ => "the camera ended the stream",
        };
        Ok(Event::Ended(Failure::new(FailureKind::Ended, text)))
    }
}

/// How the answer begins, if it holds pictures, or a page for people.
async fn beginning(answer: &mut Response, kind: &str) -> Result<Option<Bytes>, RequestError> {
    let mut first = Vec::new();
    loop {
        match holds_pictures(kind, &first) {
            Some(true) => return Ok(Some(first.into())),
            Some(false) if Content::of(&first) == Content::WebPage => {
                return Ok(Some(first.into()));
            }
            Some(false) => return Ok(None),
            None if first.len() > SAMPLE => return Ok(None),
            None => {}
        }
        match answer.chunk().await.map_err(RequestError::within)? {
            Some(bytes) => first.extend_from_slice(&bytes),
            None => return Ok(None),
        }
    }
}

/// What one attempt has seen.
struct Attempt<'s> {
    stream: &'s Stream,
    flow: Flow,
    frames: u64,
    /// When the last whole picture came, or the attempt began.
    last_frame: Instant,
    /// Pictures since then that were left out, and why the last one was.
    left_out: u64,
    fault: Option<String>,
}

impl<'s> Attempt<'s> {
    fn new(stream: &'s Stream) -> Self {
        Self {
            stream,
            flow: Flow::new(stream),
            frames: 0,
            last_frame: Instant::now(),
            left_out: 0,
            fault: None,
        }
    }

    fn watch(
        mut self,
        report: &Report,
        newest: &Newest,
        arrived: &Receiver<()>,
        events: &Receiver<Event>,
    ) -> Option<(End, bool)> {
        let end = loop {
            let mut event = None;
            select! {
                recv(report.ended()) -> _ => break End::Unwanted,
                recv(arrived) -> _ => {}
                recv(events) -> told => event = Some(told),
                default(LOOK_INTERVAL) => {}
            }
            let Place { newest, cut } = newest.take();
            for _ in 0..cut {
                self.leave_out(PictureFault::Truncated, "the picture is incomplete".to_owned());
            }
            if let Some(arrived) = newest {
                self.show(arrived, report);
            }
            match event {
                Some(Ok(Event::Other)) => return None,
                Some(Ok(Event::Ended(failure))) => break End::Failed(failure),
                Some(Err(_)) => break End::Failed(Failure::other("reading the stream stopped")),
                None => {}
            }
            if let Some(failure) = self.patience_ended() {
                break End::Failed(failure);
            }
        };
        Some((end, self.frames > 0))
    }

    /// Decodes a picture and hands it on. One that is not whole is left out and counted.
    fn show(&mut self, Arrived { bytes, at, overtaken }: Arrived, report: &Report) {
        let stream = self.stream;
        if let Some(gauge) = &stream.gauge {
            gauge.still(overtaken, bytes.len());
        }
        let decoded = decode(&bytes);
        stream.timings.record(Step::Decode, stream.timepiece.now().since(at));
        stream.sequence.fetch_add(overtaken, Ordering::Relaxed);
        match decoded {
            Ok(pixels) => {
                self.flow.show(Frame::new(0, at, Arc::new(pixels)));
                if self.flow.frames() > self.frames {
                    self.frames = self.flow.frames();
                    self.last_frame = Instant::now();
                    self.left_out = 0;
                }
                if let Some(state) = self.flow.state() {
                    report.tell(state);
                }
            }
            Err(error) => self.leave_out(error.fault(), error.to_string()),
        }
    }

    /// Counts a picture that is not shown.
    fn leave_out(&mut self, fault: PictureFault, error: String) {
        let stream = self.stream;
        self.flow.lost(fault, 1);
        match self.fault {
            None => warn!(camera = %stream.source, error, "a picture was left out"),
            Some(_) => debug!(camera = %stream.source, error, "a picture was left out"),
        }
        self.left_out += 1;
        self.fault = Some(error);
    }

    /// Why the camera is not waited for any longer.
    fn patience_ended(&self) -> Option<Failure> {
        let config = self.stream.outside.settings.get();
        let (patience, when) = match self.frames {
            0 => (config.first_frame_timeout, "within"),
            _ => (config.stall_timeout, "for"),
        };
        if self.last_frame.elapsed() <= patience {
            return None;
        }
        let after = patience.as_secs_f64();
        Some(match self.left_out {
            0 => Failure::new(FailureKind::Silent, format!("no frame came {when} {after} s")),
            count => {
                let fault = self.fault.as_deref().unwrap_or_default();
                let text =
                    format!("no whole picture came {when} {after} s; {count} others: {fault}");
                Failure::new(FailureKind::Undecodable, text)
            }
        })
    }
}
