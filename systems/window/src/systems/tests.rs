use std::sync::Mutex;

use bevy_app::prelude::*;
use detector_components::camera::CameraSource;
use detector_components::frame::{Frame, Pixels};
use detector_components::geometry::Size;
use detector_components::model::ModelSource;
use detector_components::node::NodeOf;
use detector_components::stage::{Deliver, StagePlugin};

use super::*;
use crate::link::{News, Wishes};
use crate::plugin::WindowPlugin;

/// A world with this stage alone: one camera through one node. The test looks at it.
struct Stage {
    app: App,
    link: Link,
    wishes: Wishes,
    told: Arc<Mutex<Vec<News>>>,
    camera: Entity,
    view: Entity,
    node: Entity,
}

impl Stage {
    fn new(may_change: bool) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let telling = told.clone();
        let (link, wishes) = Link::new(move |news| telling.lock().unwrap().push(news));
        let mut app = App::empty();
        app.init_resource::<Clock>().add_plugins((
            StagePlugin,
            WindowPlugin { link: link.clone(), may_change, disclose: false },
        ));
        let world = app.world_mut();
        let source = CameraSource::File { path: "/a.mp4".into(), looped: true, real_time: true };
        let camera = world.spawn(Camera { source }).id();
        let model = world.spawn(Model { source: ModelSource::File("a.mpta".into()) }).id();
        let node = world.spawn((Node { name: "cars".into() }, NodeOf(model))).id();
        let view = (View { crop_in_frame: None }, ViewOf(camera), RunsPipeline(model));
        let view = world.spawn(view).id();
        Self { app, link, wishes, told, camera, view, node }
    }

    fn run(&mut self) {
        self.app.world_mut().run_schedule(Deliver);
    }

    fn see_frame(&mut self, sequence: u64) {
        let size = Size { width: 1, height: 1 };
        let pixels = Arc::new(Pixels::rgb(size, vec![0; 3]).unwrap());
        let frame = Frame::new(sequence, Default::default(), pixels);
        self.app.world_mut().entity_mut(self.camera).insert(LatestFrame(frame));
    }

    fn threshold(&self) -> f32 {
        self.app.world().get::<Keep>(self.node).unwrap().min_confidence
    }

    fn is_disclosed(&self) -> bool {
        self.app.world().get::<Disclosed>(self.node).is_some()
    }
}

#[test]
fn a_slow_window_sees_the_newest_scene_and_is_told_once() {
    let mut stage = Stage::new(false);
    for sequence in 1..=3 {
        stage.see_frame(sequence);
        stage.run();
    }
    assert_eq!(*stage.told.lock().unwrap(), [News::Scene]);
    let scene = stage.link.take().unwrap();
    assert_eq!(scene.looks[0].latest.as_ref().unwrap().sequence, 3);
    assert!(stage.link.take().is_none());
}

#[test]
fn for_nobody_no_scene_is_made() {
    let mut stage = Stage::new(false);
    stage.link.close();
    stage.run();
    assert!(stage.link.take().is_none());
}

#[test]
fn a_frame_that_is_shown_is_not_copied() {
    let mut stage = Stage::new(false);
    stage.see_frame(1);
    stage.run();
    let scene = stage.link.take().unwrap();
    let shown = &scene.looks[0].latest.as_ref().unwrap().pixels;
    let LatestFrame(seen) = stage.app.world().get(stage.camera).unwrap();
    assert!(Arc::ptr_eq(shown, &seen.pixels));
}

#[test]
fn a_threshold_is_changed_where_that_is_allowed() {
    let mut stage = Stage::new(true);
    stage.wishes.ask(Command::SetThreshold { node: stage.node, min_confidence: 0.75 });
    stage.run();
    assert_eq!(stage.threshold(), 0.75);
}

#[test]
fn the_window_of_a_worker_changes_no_threshold() {
    let mut stage = Stage::new(false);
    let before = stage.threshold();
    stage.wishes.ask(Command::SetThreshold { node: stage.node, min_confidence: 0.75 });
    stage.run();
    assert_eq!(stage.threshold(), before);
}

#[test]
fn what_is_left_out_is_told_while_somebody_looks() {
    let mut stage = Stage::new(false);
    stage.run();
    assert!(!stage.is_disclosed());
    stage.wishes.ask(Command::Disclose { view: stage.view, on: true });
    stage.run();
    assert!(stage.is_disclosed());
    stage.link.close();
    stage.run();
    assert!(!stage.is_disclosed());
}

#[test]
fn more_wishes_than_are_kept_are_dropped_and_hold_up_nobody() {
    let mut stage = Stage::new(true);
    for number in 0..1_000 {
        let min_confidence = number as f32 / 1_000.0;
        stage.wishes.ask(Command::SetThreshold { node: stage.node, min_confidence });
    }
    stage.run();
    assert_eq!(stage.threshold(), 0.063);
}

#[test]
fn the_window_is_told_of_the_engines_end_however_it_ends() {
    let stage = Stage::new(false);
    let end = stage.link.end_on_drop();
    let work = move || {
        let _end = end;
        panic!("on purpose");
    };
    assert!(std::thread::spawn(work).join().is_err());
    assert_eq!(*stage.told.lock().unwrap(), [News::Ended]);
}
