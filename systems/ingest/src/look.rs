//! One close look at a camera, outside any world.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use detector_components::camera::{CameraSource, StreamFacts};
use detector_components::clock::Timepiece;
use detector_components::frame::Frame;
use detector_components::integrity::FaultCounter;
use detector_components::secret::SecretUrl;
use detector_components::slot::FrameSlot;
use detector_components::timing::Timings;
use detector_components::wake::wake;
use tokio::runtime::{Builder, Runtime};

use crate::accounts::Accounts;
use crate::attempt::{End, Stream, run};
use crate::config::IngestConfig;
use crate::failure::{Failure, FailureKind};
use crate::gauge::{Gauge, Measured};
use crate::http::{self, Requests};
use crate::plugin::Outside;
use crate::snapshot;
use crate::status::supervision;

/// Between two looks at whether it is over.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// What a look at a camera has shown.
pub struct Seen {
    /// What came.
    pub measured: Measured,
    /// Why it ended before its time.
    pub failure: Option<Failure>,
}

/// Whether an address gives one picture for each request. Else it is a stream.
///
/// # Errors
/// When the camera does not answer, or refuses.
pub fn gives_snapshots(url: &SecretUrl, config: &IngestConfig) -> Result<bool, Failure> {
    let requests =
        Requests::new(http::client(config), config.reach.clone(), Accounts::default(), url);
    Ok(runtime()?.block_on(snapshot::is_still(&requests, config))?)
}

/// Opens a camera once, as the worker does, and watches it until its first frame and for `length`
/// from then on. [`init`](crate::init) comes first.
pub fn look(source: CameraSource, config: IngestConfig, length: Duration) -> Seen {
    let gauge = Arc::new(Gauge::default());
    let mut facts = StreamFacts::default();
    let failure = match &source {
        CameraSource::Snapshot { url, interval } => {
            fetch(url, *interval, &config, length, &gauge).err()
        }
        CameraSource::Stream { .. } | CameraSource::File { .. } | CameraSource::Device(_) => {
            watch(source, config, length, &gauge, &mut facts).err()
        }
    };
    Seen { measured: Measured { facts, ..gauge.measured() }, failure }
}

fn watch(
    source: CameraSource,
    config: IngestConfig,
    length: Duration,
    gauge: &Arc<Gauge>,
    facts: &mut StreamFacts,
) -> Result<(), Failure> {
    let (timepiece, runtime) = (Timepiece::real(), runtime()?);
    // Nobody sleeps: the report is a means to end the attempt.
    let (wake, _sleeper) = wake();
    let (supervised, report) = supervision(wake.clone());
    let stream = Stream {
        source,
        slot: FrameSlot::new(timepiece.clone(), wake),
        sequence: Arc::new(AtomicU64::new(0)),
        timepiece,
        timings: Timings::default(),
        faults: FaultCounter::default(),
        outside: Outside::new(runtime.handle().clone(), &config),
        gauge: Some(gauge.clone()),
    };
    let attempt = thread::Builder::new()
        .name("camera".to_owned())
        .spawn(move || run(&stream, &report).0)
        .map_err(|error| Failure::other(format!("no thread for the camera: {error}")))?;
    let mut first_frame = None;
    while !attempt.is_finished() {
        if first_frame.is_none() && gauge.has_frame() {
            first_frame = Some(Instant::now());
        }
        if first_frame.is_some_and(|first| first.elapsed() >= length) {
            break;
        }
        thread::sleep(LOOK_INTERVAL);
    }
    *facts = supervised.facts();
    drop(supervised);
    match attempt.join() {
        Ok(End::Unwanted | End::Finished) => Ok(()),
        Ok(End::Failed(failure)) => Err(failure),
        Err(_) => Err(Failure::other("opening the camera panicked")),
    }
}

fn fetch(
    url: &SecretUrl,
    interval: Duration,
    config: &IngestConfig,
    length: Duration,
    gauge: &Gauge,
) -> Result<(), Failure> {
    let requests =
        Requests::new(http::client(config), config.reach.clone(), Accounts::default(), url);
    let (timepiece, sequence) = (Timepiece::real(), AtomicU64::new(0));
    let began = Instant::now();
    runtime()?.block_on(async {
        loop {
            let picture = snapshot::picture(&requests, config).await?;
            let frame = Frame::new(
                sequence.fetch_add(1, Ordering::Relaxed) + 1,
                timepiece.now(),
                Arc::new(picture.pixels),
            );
            gauge.snapshot(&picture.content_type, picture.bytes, &frame);
            if began.elapsed() + interval >= length {
                return Ok(());
            }
            tokio::time::sleep(interval).await;
        }
    })
}

fn runtime() -> Result<Runtime, Failure> {
    // A thread of its own: the attempt waits for what is asked over HTTP.
    Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(|error| {
        Failure::new(FailureKind::Other, format!("starting the threads for sockets: {error}"))
    })
}
