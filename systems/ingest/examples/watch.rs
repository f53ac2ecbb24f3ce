//! Watches cameras that show numbered pictures, and compares each picture with its source.
//!
//! `watch SECONDS` reads one camera a line, in JSON, from standard input, watches all of them at once
//! for so long, and writes one line a camera, in JSON, to standard output. See [`Wanted`] and
//! [`Report`] for what they hold. Used by `tests/cameras/run`.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use crossbeam_channel::{Receiver, unbounded};
use detector_components::camera::{
    Camera, CameraCounters, CameraSource, LatestFrame, StreamFacts, StreamOptions, StreamState,
    Transport,
};
use detector_components::clock::{Clock, Timepiece};
use detector_components::frame::Pixels;
use detector_components::secret::SecretUrl;
use detector_components::stage::{Deliver, Sample, StagePlugin};
use detector_components::wake::wake;
use detector_ingest::{IngestConfig, IngestPlugin};
use detector_simulator::NumberedScene;
use serde::{Deserialize, Serialize};

/// One camera to watch.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Names it in the report.
    name: String,
    /// RTSP or HTTP.
    address: String,
    /// As in a subscription: `auto`, `tcp`, `udp`, `multicast`, `http`.
    #[serde(default = "auto")]
    transport: String,
    /// Of a still picture: milliseconds from fetch to fetch.
    snapshot_ms: Option<u64>,
    /// Seconds from the start until it is opened.
    #[serde(default)]
    after: f64,
    /// The least PSNR of the worst part of a picture that counts as right, in dB.
    #[serde(default = "undamaged")]
    least_db: f64,
}

fn auto() -> String {
    "auto".to_owned()
}

fn undamaged() -> f64 {
    NumberedScene::UNDAMAGED_PSNR
}

/// What was seen of a camera.
#[derive(Serialize)]
struct Report {
    name: String,
    /// How packets arrived.
    transport: Option<&'static str>,
    codec: Option<String>,
    /// Its state at the end, and why.
    state: &'static str,
    reason: Option<String>,
    /// Each state that it had, with the seconds since it was opened at which it began.
    states: Vec<(&'static str, f64)>,
    /// Seconds from opening it to its first picture.
    first: Option<f64>,
    /// Seconds from its first picture to the end.
    watched: f64,
    /// Pictures that the camera's stream gave, seen or overwritten by newer ones.
    given: u64,
    /// Pictures that were taken.
    shown: u64,
    /// Pictures that were not compared, as comparing could not follow.
    uncompared: u64,
    /// Pictures that were not like their source.
    wrong: u64,
    /// The first of those.
    examples: Vec<String>,
    /// Pictures that came after one that is up to 16 newer.
    backwards: u64,
    /// Pictures shown a second, between the first and the last.
    fps: f64,
    /// From the arrival of a picture until it could be taken, in milliseconds.
    age_median_ms: f64,
    age_p95_ms: f64,
    /// The worst part of all pictures, in dB.
    lowest_db: Option<f64>,
    /// Pictures that were left out or suspicious, by cause.
    faults: BTreeMap<&'static str, u64>,
    reconnects: u64,
    /// Seconds between key pictures, as the worker sees it.
    key_interval: Option<f64>,
}

/// What comparing found.
#[derive(Default)]
struct Judged {
    wrong: u64,
    examples: Vec<String>,
    lowest_db: Option<f64>,
}

/// A camera while it is watched.
struct Watched {
    wanted: Wanted,
    opened: Option<(Entity, Instant)>,
    states: Vec<(&'static str, f64)>,
    first: Option<(Instant, u64)>,
    last: Option<(Instant, u64)>,
    shown: u64,
    uncompared: u64,
    backwards: u64,
    number: Option<u64>,
    ages_ms: Vec<f64>,
    judged: Arc<Mutex<Judged>>,
}

/// A picture to compare, and where the verdict goes.
struct Picture {
    pixels: Arc<Pixels>,
    sequence: u64,
    number: Option<u64>,
    least_db: f64,
    judged: Arc<Mutex<Judged>>,
    bytes: usize,
}

/// Examples and states that are kept of a camera.
const KEPT: usize = 24;

/// Bytes of the pictures that wait to be compared.
const MAX_WAITING: usize = 1 << 30;

fn main() -> Result<(), Box<dyn Error>> {
    let seconds = std::env::args().nth(1).ok_or("usage: watch SECONDS < CAMERAS")?;
    let seconds = Duration::try_from_secs_f64(seconds.parse()?)?;
    let mut watched = Vec::new();
    for line in std::io::stdin().lines() {
        let line = line?;
        if !line.trim().is_empty() {
            watched.push(Watched::new(serde_json::from_str(&line)?));
        }
    }
    // Bounded in bytes, below.
    let (pictures, waiting) = unbounded::<Picture>();
    let waiting_bytes = Arc::new(AtomicUsize::new(0));
    let comparers: Vec<_> = (0..2)
        .map(|_| {
            let (waiting, waiting_bytes) = (waiting.clone(), waiting_bytes.clone());
            thread::spawn(move || compare(&waiting, &waiting_bytes))
        })
        .collect();

    detector_ingest::init()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (wake, sleeper) = wake();
    // Every picture is wanted, so the period is shorter than that of any camera. Which camera is
    // opened first is not of interest here, so none waits for another.
    let config = IngestConfig {
        frame_period: Duration::from_millis(1),
        connects: 256,
        connects_per_host: 256,
        ..IngestConfig::default()
    };
    let mut app = App::empty();
    app.init_resource::<Clock>().add_plugins((
        StagePlugin,
        IngestPlugin {
            config,
            runtime: runtime.handle().clone(),
            timepiece: Timepiece::real(),
            wake,
        },
    ));
    app.finish();
    app.cleanup();

    let started = Instant::now();
    while started.elapsed() < seconds {
        let world = app.world_mut();
        for one in &mut watched {
            one.open_when_due(world, started)?;
        }
        let now = world.resource::<Timepiece>().now();
        world.resource_mut::<Clock>().now = now;
        world.run_schedule(Deliver);
        world.run_schedule(Sample);
        world.clear_trackers();
        for one in &mut watched {
            let Some(picture) = one.look(world) else { continue };
            if waiting_bytes.load(Ordering::Relaxed) + picture.bytes > MAX_WAITING {
                one.uncompared += 1;
                continue;
            }
            waiting_bytes.fetch_add(picture.bytes, Ordering::Relaxed);
            pictures.send(picture)?;
        }
        sleeper.wait(Duration::from_millis(20));
    }
    let ended = Instant::now();
    drop(pictures);
    for comparer in comparers {
        comparer.join().map_err(|_| "comparing panicked")?;
    }
    for one in watched {
        println!("{}", serde_json::to_string(&one.report(app.world(), ended))?);
    }
    Ok(())
}

fn compare(waiting: &Receiver<Picture>, waiting_bytes: &AtomicUsize) {
    for Picture { pixels, sequence, number, least_db, judged, bytes } in waiting {
        waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        let found = number.map(|number| {
            let size = pixels.size();
            let scene = NumberedScene::default().with_size(size.width, size.height);
            (number, scene.worst_psnr(&pixels, number))
        });
        let mut judged = judged.lock().unwrap_or_else(PoisonError::into_inner);
        let example = match found {
            Some((number, db)) => {
                judged.lowest_db = Some(judged.lowest_db.map_or(db, |lowest| lowest.min(db)));
                (db < least_db).then(|| format!("frame {sequence}: picture {number}, {db:.1} dB"))
            }
            None => Some(format!("frame {sequence}: no number")),
        };
        if let Some(example) = example {
            judged.wrong += 1;
            if judged.examples.len() < KEPT {
                judged.examples.push(example);
            }
        }
    }
}

impl Watched {
    fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            opened: None,
            states: Vec::new(),
            first: None,
            last: None,
            shown: 0,
            uncompared: 0,
            backwards: 0,
            number: None,
            ages_ms: Vec::new(),
            judged: Arc::default(),
        }
    }

    fn open_when_due(&mut self, world: &mut World, started: Instant) -> Result<(), Box<dyn Error>> {
        if self.opened.is_none() && started.elapsed().as_secs_f64() >= self.wanted.after {
            let source = self.wanted.source()?;
            self.opened = Some((world.spawn(Camera { source }).id(), Instant::now()));
        }
        Ok(())
    }

    /// Notes the state, and takes the newest picture if it was not taken yet.
    fn look(&mut self, world: &World) -> Option<Picture> {
        let (camera, opened) = self.opened?;
        let state = world.get::<StreamState>(camera)?.as_str();
        if self.states.last().is_none_or(|(last, _)| *last != state) && self.states.len() < KEPT {
            self.states.push((state, round(opened.elapsed().as_secs_f64(), 2)));
        }
        let frame = &world.get::<LatestFrame>(camera)?.0;
        if self.last.is_some_and(|(_, last)| frame.sequence <= last) {
            return None;
        }
        let now = Instant::now();
        self.first.get_or_insert((now, frame.sequence));
        self.last = Some((now, frame.sequence));
        self.shown += 1;
        let age = world.resource::<Timepiece>().now().since(frame.captured);
        self.ages_ms.push(age.as_secs_f64() * 1e3);
        let number = NumberedScene::identify(&frame.pixels);
        if let Some((number, before)) = number.zip(self.number)
            && (1..=16).contains(&before.saturating_sub(number))
        {
            self.backwards += 1;
        }
        self.number = number.or(self.number);
        let planes = frame.pixels.format().plane_sizes(frame.pixels.size());
        Some(Picture {
            bytes: planes.into_iter().map(|(row, rows)| row * rows).sum(),
            pixels: frame.pixels.clone(),
            sequence: frame.sequence,
            number,
            least_db: self.wanted.least_db,
            judged: self.judged.clone(),
        })
    }

    fn report(mut self, world: &World, ended: Instant) -> Report {
        let entity = self.opened.map(|(entity, _)| entity);
        let state = entity.and_then(|entity| world.get::<StreamState>(entity));
        let facts = entity.and_then(|entity| world.get::<StreamFacts>(entity));
        let counters = entity.and_then(|entity| world.get::<CameraCounters>(entity));
        let judged =
            std::mem::take(&mut *self.judged.lock().unwrap_or_else(PoisonError::into_inner));
        let between = self
            .first
            .zip(self.last)
            .map_or(0.0, |((first, _), (last, _))| last.duration_since(first).as_secs_f64());
        self.ages_ms.sort_by(f64::total_cmp);
        let age = |share: f64| {
            let at = (self.ages_ms.len() as f64 * share) as usize;
            round(self.ages_ms.get(at).copied().unwrap_or(0.0), 1)
        };
        Report {
            transport: facts.and_then(|facts| facts.transport),
            codec: facts.and_then(|facts| facts.codec.as_deref().map(str::to_owned)),
            state: state.map_or("not opened", StreamState::as_str),
            reason: state.and_then(StreamState::reason).map(|reason| reason.to_string()),
            first: self
                .first
                .zip(self.opened)
                .map(|((first, _), (_, opened))| round((first - opened).as_secs_f64(), 2)),
            watched: self.first.map_or(0.0, |(first, _)| round((ended - first).as_secs_f64(), 2)),
            given: self.first.zip(self.last).map_or(0, |((_, first), (_, last))| last - first + 1),
            fps: round(self.shown.saturating_sub(1) as f64 / between.max(0.1), 2),
            age_median_ms: age(0.5),
            age_p95_ms: age(0.95),
            wrong: judged.wrong,
            examples: judged.examples,
            lowest_db: judged.lowest_db.map(|db| round(db, 1)),
            faults: counters
                .map(|counters| counters.faults.iter().map(|(f, n)| (f.as_str(), n)).collect())
                .unwrap_or_default(),
            reconnects: counters.map_or(0, |counters| counters.reconnects),
            key_interval: facts
                .and_then(|facts| facts.key_interval)
                .map(|interval| round(interval.as_secs_f64(), 2)),
            name: self.wanted.name,
            states: self.states,
            shown: self.shown,
            uncompared: self.uncompared,
            backwards: self.backwards,
        }
    }
}

impl Wanted {
    fn source(&self) -> Result<CameraSource, Box<dyn Error>> {
        let url = SecretUrl::parse(&self.address)?;
        if let Some(millis) = self.snapshot_ms {
            return Ok(CameraSource::Snapshot { url, interval: Duration::from_millis(millis) });
        }
        let named = Transport::NAMES.iter().find(|(name, _)| *name == self.transport);
        let (_, transport) = named.ok_or_else(|| format!("no transport {}", self.transport))?;
        let options = StreamOptions { transport: *transport, ..StreamOptions::default() };
        Ok(CameraSource::Stream { url, options })
    }
}

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}
