//! An engine with nothing but this stage, and a camera in it.

use std::time::{Duration, Instant};

use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use detector_components::camera::{Camera, CameraCounters, CameraSource, LatestFrame, StreamState};
use detector_components::clock::{Clock, Timepiece};
use detector_components::frame::Frame;
use detector_components::integrity::FaultCounts;
use detector_components::secret::SecretUrl;
use detector_components::stage::{Deliver, Sample, StagePlugin};
use detector_components::wake::{Sleeper, wake};
use detector_ingest::{IngestConfig, IngestPlugin};
use detector_reach::Reach;
use tokio::runtime::Runtime;

/// The longest that anything may take. Reaching it is a failure.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Engine {
    app: App,
    sleeper: Sleeper,
    _runtime: Runtime,
}

impl Engine {
    pub fn new() -> Self {
        Self::reaching(Reach::cameras())
    }

    pub fn reaching(reach: Reach) -> Self {
        Self::with(IngestConfig {
            reach,
            frame_period: Duration::from_millis(20),
            first_frame_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_millis(700),
            reconnect_base: Duration::from_millis(100),
            reconnect_cap: Duration::from_millis(500),
            ..IngestConfig::default()
        })
    }

    /// Takes every frame, and gives cameras time.
    pub fn patient() -> Self {
        Self::with(IngestConfig {
            frame_period: Duration::from_millis(1),
            first_frame_timeout: Duration::from_secs(10),
            connects: 64,
            connects_per_host: 64,
            ..IngestConfig::default()
        })
    }

    pub fn with(config: IngestConfig) -> Self {
        detector_ingest::init().unwrap();
        let (wake, sleeper) = wake();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let mut app = App::empty();
        let runtime_handle = runtime.handle().clone();
        app.init_resource::<Clock>().add_plugins((
            StagePlugin,
            IngestPlugin { config, runtime: runtime_handle, timepiece: Timepiece::real(), wake },
        ));
        app.finish();
        app.cleanup();
        Self { app, sleeper, _runtime: runtime }
    }

    pub fn open(&mut self, source: CameraSource) -> Entity {
        self.app.world_mut().spawn(Camera { source }).id()
    }

    pub fn open_stream(&mut self, url: &str) -> Entity {
        self.open(CameraSource::stream(SecretUrl::parse(url).unwrap()))
    }

    pub fn close(&mut self, camera: Entity) {
        self.app.world_mut().despawn(camera);
    }

    pub fn state(&self, camera: Entity) -> StreamState {
        self.app.world().get::<StreamState>(camera).unwrap().clone()
    }

    pub fn frame(&self, camera: Entity) -> Option<Frame> {
        self.app.world().get::<LatestFrame>(camera).map(|latest| latest.0.clone())
    }

    /// How many pictures had each fault.
    pub fn faults(&self, camera: Entity) -> FaultCounts {
        self.app.world().get::<CameraCounters>(camera).unwrap().faults
    }

    /// Runs the schedules until `done` says so. False: it did not in time.
    pub fn try_until(&mut self, mut done: impl FnMut(&Self) -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while !self.run_once(&mut done) {
            if Instant::now() > deadline {
                return false;
            }
        }
        true
    }

    fn run_once(&mut self, done: &mut impl FnMut(&Self) -> bool) -> bool {
        let world = self.app.world_mut();
        let now = world.resource::<Timepiece>().now();
        world.resource_mut::<Clock>().now = now;
        world.run_schedule(Deliver);
        world.run_schedule(Sample);
        world.clear_trackers();
        if done(self) {
            return true;
        }
        self.sleeper.wait(Duration::from_millis(20));
        false
    }

    /// Runs the schedules until `done` says so.
    #[track_caller]
    pub fn run_until<T>(&mut self, what: &str, mut done: impl FnMut(&Self) -> Option<T>) -> T {
        let mut found = None;
        let in_time = self.try_until(|engine| {
            found = done(engine);
            found.is_some()
        });
        assert!(in_time, "no {what} in time");
        found.expect("it was found in time")
    }

    /// The next frame that is newer than `sequence`.
    #[track_caller]
    pub fn frame_after(&mut self, camera: Entity, sequence: u64) -> Frame {
        self.run_until("frame", |engine| {
            engine.frame(camera).filter(|frame| frame.sequence > sequence)
        })
    }

    #[track_caller]
    pub fn wait_for(&mut self, camera: Entity, state: &str) -> StreamState {
        self.run_until(state, |engine| {
            let now = engine.state(camera);
            format!("{now:?}").starts_with(state).then_some(now)
        })
    }

    /// Why the camera is opened again, or was given up.
    #[track_caller]
    pub fn reason(&mut self, camera: Entity) -> String {
        self.run_until("reason", |engine| match engine.state(camera) {
            StreamState::Reconnecting { reason } | StreamState::Failed { reason } => {
                Some(reason.to_string())
            }
            _ => None,
        })
    }
}
