//! `detector-worker view`: one pipeline on one source, in a window, without a CMS.
//!
//! The same engine as the worker's, without its port and its actions: what is seen is what a client
//! would be sent.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use bevy_app::prelude::*;
use detector_components::camera::{Camera, CameraSource};
use detector_components::clock::Timepiece;
use detector_components::model::{Model, ModelSource};
use detector_components::secret::SecretUrl;
use detector_components::view::{RunsPipeline, View, ViewOf};
use detector_components::wake::{Sleeper, Wake, wake};
use detector_ingest::IngestPlugin;
use detector_window::{Link, Window, WindowPlugin};

use crate::cli::ViewArgs;
use crate::config::Config;
use crate::engine::{Engine, ingest, open_device};
use crate::runner::{TICK, run_until_asked_to_end};
use crate::source::camera;
use crate::stop::Stop;
use crate::wishes::{RootWishes, WishesPlugin, as_side, in_part};
use crate::{log, stop};

/// Runs the command, until the window is closed or a signal ends it.
///
/// # Errors
/// When there is no display, no such device, or the source names no camera.
pub fn view(args: &ViewArgs) -> Result<()> {
    in_part("--conf", args.conf)?;
    as_side("--imgsz", args.imgsz)?;
    let config = config(args);
    config.check()?;
    let _log = log::start(&config.log)?;
    detector_ingest::init()?;
    let (source, model) = (camera(&args.source)?, model(&args.model));
    let window = Window::new(format!("{source} · {model}"))?;
    let (wake, sleeper) = wake();
    let stopping = Stop::new(wake.clone());
    let on_signal = stopping.clone();
    stop::on_signal(move || on_signal.ask())?;

    let viewing = Viewing {
        config,
        source,
        model,
        wishes: RootWishes { size: args.imgsz, min_confidence: args.conf, ..RootWishes::default() },
        length: args.seconds.map(Duration::from_secs_f64),
        stop: stopping.clone(),
        link: window.link(),
    };
    let engine = thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || viewing.run(wake, &sleeper))
        .context("starting the engine's thread")?;
    let shown = window.show();
    stopping.ask();
    // Why the engine could not begin is the reason why there was nothing to show.
    engine.join().map_err(|_| anyhow!("the engine's thread panicked"))??;
    shown?;
    Ok(())
}

/// What the engine is told.
struct Viewing {
    config: Config,
    source: CameraSource,
    model: ModelSource,
    wishes: RootWishes,
    length: Option<Duration>,
    stop: Stop,
    link: Link,
}

impl Viewing {
    fn run(self, wake: Wake, sleeper: &Sleeper) -> Result<()> {
        let Self { config, source, model, wishes, length, stop, link } = self;
        let _end = link.end_on_drop();
        let engine = Engine::new(Timepiece::real(), wake)?;
        let device = open_device(&config)?;
        let mut app = App::empty();
        engine.build(&mut app, &config, device);
        app.add_plugins((
            IngestPlugin {
                config: ingest(&config),
                runtime: engine.runtime.handle().clone(),
                timepiece: engine.timepiece.clone(),
                wake: engine.wake.clone(),
            },
            WishesPlugin(wishes),
            WindowPlugin { link, may_change: true, disclose: true },
        ));
        let world = app.world_mut();
        let model = world.spawn(Model { source: model }).id();
        let camera = world.spawn(Camera { source }).id();
        world.spawn((View { crop_in_frame: None }, ViewOf(camera), RunsPipeline(model)));

        let over = length.map(|length| engine.timepiece.now() + length);
        run_until_asked_to_end(&mut app, sleeper, TICK, |world| {
            let now = world.resource::<Timepiece>().now();
            if over.is_some_and(|over| over <= now) {
                stop.ask();
            }
        });
        Ok(())
    }
}

fn config(args: &ViewArgs) -> Config {
    Config {
        device: args.on.device.clone(),
        precision: args.on.precision.clone(),
        target_fps: args.fps,
        ..Config::default()
    }
}

/// A file, or what is to be fetched.
fn model(text: &str) -> ModelSource {
    let url = SecretUrl::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.map_or_else(|| ModelSource::File(text.into()), ModelSource::Url)
}
