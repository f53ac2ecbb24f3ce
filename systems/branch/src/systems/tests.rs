use std::time::Duration;

use bevy_app::prelude::*;
use detector_components::camera::{Camera, CameraSource};
use detector_components::command::Crop;
use detector_components::frame::Pixels;
use detector_components::geometry::{BBox, Size};
use detector_components::integrity::{Integrity, PictureFault};
use detector_components::job::{Answer, TensorBox};
use detector_components::model::ModelSource;
use detector_components::network::{Network, Provenance, Task};
use detector_components::node::BranchInput;
use detector_components::stage::{Deliver, Sample, StagePlugin};

use super::*;
use crate::BranchPlugin;

/// A world with this stage alone. The test stands in for the networks.
struct Stage {
    app: App,
    camera: Entity,
    model: Entity,
    sequence: u64,
}

const VEHICLES: [&str; 3] = ["person", "car", "bus"];

impl Stage {
    /// A root that finds vehicles, and one branch on cars.
    fn new(branch: Trigger) -> Self {
        let mut app = App::empty();
        app.init_resource::<Clock>().add_plugins((StagePlugin, BranchPlugin));
        let world = app.world_mut();
        let source = CameraSource::File { path: "a.mp4".into(), looped: true, real_time: true };
        let camera = world.spawn(Camera { source }).id();
        let source = ModelSource::File("a.mpta".into());
        let model = world.spawn((Model { source }, ModelState::Loading)).id();
        let root = Self::node(world, model, "vehicles", &VEHICLES, None);
        Self::node(world, model, "plates", &["plate"], Some((root, branch)));
        Self { app, camera, model, sequence: 0 }
    }

    fn plain() -> Self {
        Self::new(Trigger {
            classes: vec!["car".into()],
            min_confidence: 0.5,
            input: BranchInput::TriggeringBox,
        })
    }

    fn node(
        world: &mut World,
        model: Entity,
        name: &str,
        classes: &[&str],
        branch: Option<(Entity, Trigger)>,
    ) -> Entity {
        let info = NetworkInfo {
            task: Task::Detect,
            classes: classes.iter().map(|class| Arc::from(*class)).collect(),
            input: Size { width: 640, height: 640 },
            stride: 32,
            provenance: Provenance::default(),
        };
        let network =
            world.spawn((Network { sha256: name.into() }, NetworkState::Ready, info)).id();
        let node = world.spawn((Node { name: name.into() }, NodeOf(model), RunsNetwork(network)));
        let node = node.id();
        if let Some((parent, trigger)) = branch {
            world.entity_mut(node).insert((BranchOf(parent), trigger));
        }
        node
    }

    fn view(&mut self, crop_in_frame: Option<Crop>) -> Entity {
        let (camera, model) = (self.camera, self.model);
        let view = (View { crop_in_frame }, ViewOf(camera), RunsPipeline(model));
        self.app.world_mut().spawn(view).id()
    }

    fn frame(&mut self) {
        self.frame_of(Integrity::Good);
    }

    fn frame_of(&mut self, integrity: Integrity) {
        self.sequence += 1;
        let size = Size { width: 640, height: 640 };
        let pixels = Arc::new(Pixels::rgb(size, vec![0; 640 * 640 * 3]).unwrap());
        let captured = self.app.world().resource::<Clock>().now;
        let frame = Frame { integrity, ..Frame::new(self.sequence, captured, pixels) };
        self.app.world_mut().entity_mut(self.camera).insert(LatestFrame(frame));
        self.sample();
    }

    fn sample(&mut self) {
        self.app.world_mut().run_schedule(Sample);
    }

    fn jobs(&mut self) -> Vec<(Entity, Job)> {
        let world = self.app.world_mut();
        let mut jobs: Vec<_> = world
            .query::<(Entity, &Job)>()
            .iter(world)
            .map(|(id, job)| (id, job.clone()))
            .collect();
        jobs.sort_by_key(|(_, job)| job.order);
        jobs
    }

    fn answer(&mut self, job: Entity, answer: Result<Answer, Arc<str>>) {
        let device_nanos = 5;
        self.app.world_mut().write_message(JobAnswered { job, answer, device_nanos });
        self.app.world_mut().run_schedule(Deliver);
    }

    fn latest(&self, view: Entity) -> Option<Arc<Results>> {
        self.app.world().get::<LatestResults>(view).map(|latest| latest.0.clone())
    }

    fn counters(&self, view: Entity) -> ViewCounters {
        *self.app.world().get::<ViewCounters>(view).unwrap()
    }

    fn state(&self) -> ModelState {
        self.app.world().get::<ModelState>(self.model).unwrap().clone()
    }

    fn deliver(&mut self) {
        self.app.world_mut().run_schedule(Deliver);
        self.sample();
    }
}

fn boxes(boxes: &[(u32, f32, f32)]) -> Result<Answer, Arc<str>> {
    let boxes = boxes.iter().map(|&(class_id, confidence, left)| TensorBox {
        bbox_in_tensor: BBox { x1: left, y1: 0.0, x2: left + 64.0, y2: 32.0 },
        outline_in_tensor: None,
        confidence,
        class_id,
    });
    Ok(Answer::Boxes(boxes.collect()))
}

fn ready() -> (Stage, Entity) {
    let mut stage = Stage::plain();
    let view = stage.view(None);
    stage.deliver();
    (stage, view)
}

#[test]
fn a_model_is_ready_when_its_networks_are() {
    let mut stage = Stage::plain();
    stage.deliver();
    assert_eq!(stage.state(), ModelState::Ready);
}

#[test]
fn a_class_that_no_network_has_fails_the_model() {
    let mut stage = Stage::new(Trigger { classes: vec!["lorry".into()], ..Trigger::default() });
    stage.deliver();
    let ModelState::Failed { reason } = stage.state() else { panic!("it cannot run") };
    assert!(reason.contains("lorry") && reason.contains("person, car, bus"), "{reason}");
}

#[test]
fn a_network_that_failed_fails_the_model_with_its_reason() {
    let mut stage = Stage::plain();
    let world = stage.app.world_mut();
    let mut networks = world.query::<&mut NetworkState>();
    *networks.iter_mut(world).next().unwrap() =
        NetworkState::Failed { reason: "model.3: not supported".into() };
    stage.deliver();
    let ModelState::Failed { reason } = stage.state() else { panic!("it cannot run") };
    assert_eq!(&*reason, "vehicles: model.3: not supported");
}

#[test]
fn a_model_whose_network_lost_its_device_waits_until_it_is_back() {
    let (mut stage, _) = ready();
    let set = |stage: &mut Stage, to: NetworkState| {
        let world = stage.app.world_mut();
        let mut networks = world.query::<&mut NetworkState>();
        networks.iter_mut(world).for_each(|mut state| *state = to.clone());
        stage.deliver();
    };
    set(&mut stage, NetworkState::Loading);
    assert_eq!(stage.state(), ModelState::Loading);
    stage.frame();
    assert_eq!(stage.jobs().len(), 0);

    set(&mut stage, NetworkState::Ready);
    assert_eq!(stage.state(), ModelState::Ready);
    stage.frame();
    assert_eq!(stage.jobs().len(), 1);
}

#[test]
fn an_input_has_the_shape_of_what_stays_and_not_of_boxes() {
    let inputs = |resizable: bool, input: BranchInput| {
        let mut stage = Stage::new(Trigger { input, ..Trigger::default() });
        stage.view(Some(Crop { x1: 0, y1: 0, x2: 640, y2: 200 }));
        stage.deliver();
        if resizable {
            let world = stage.app.world_mut();
            let networks: Vec<Entity> =
                world.query_filtered::<Entity, With<Network>>().iter(world).collect();
            for id in networks {
                world.entity_mut(id).insert(Resizable);
            }
        }
        stage.frame();
        let root = stage.jobs().remove(0);
        stage.answer(root.0, boxes(&[(1, 0.9, 10.0)]));
        let branch = stage.jobs().remove(0);
        [root, branch].map(|(_, job)| (job.placement.tensor.width, job.placement.tensor.height))
    };
    let (square, fitted) = ((640, 640), (640, 224));

    assert_eq!(inputs(true, BranchInput::ParentImage), [fitted, fitted]);
    assert_eq!(inputs(true, BranchInput::TriggeringBox), [fitted, square]);
    assert_eq!(inputs(false, BranchInput::ParentImage), [square, square]);
}

#[test]
fn a_frame_starts_one_pass_a_view() {
    let (mut stage, view) = ready();
    stage.frame();
    let jobs = stage.jobs();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].1.placement.source, Region::whole(Size { width: 640, height: 640 }));

    stage.answer(jobs[0].0, boxes(&[(0, 0.9, 10.0)]));

    assert_eq!(stage.latest(view).unwrap().findings.len(), 1);
    assert_eq!(stage.counters(view).finished, 1);
    assert_eq!(stage.jobs().len(), 0);
}

#[test]
fn results_say_whether_their_frame_can_be_trusted() {
    let (mut stage, view) = ready();
    let suspicious = Integrity::Suspicious(PictureFault::Blocks);
    stage.frame_of(suspicious);
    let job = stage.jobs()[0].0;
    // A frame that is good comes while the pass runs.
    stage.frame();
    stage.answer(job, boxes(&[(0, 0.9, 0.0)]));
    let frame = &stage.latest(view).unwrap().frame;
    assert_eq!((frame.sequence, frame.integrity), (1, suspicious));
}

#[test]
fn every_triggering_box_starts_its_branch_and_gets_its_answer() {
    let (mut stage, view) = ready();
    stage.frame();
    let root = stage.jobs()[0].0;
    stage.answer(root, boxes(&[(1, 0.9, 0.0), (0, 0.8, 100.0), (1, 0.6, 200.0), (1, 0.4, 300.0)]));
    let branches = stage.jobs();
    assert_eq!(branches.len(), 2);
    assert_eq!(branches[1].1.placement.source, Region { x: 200, y: 0, width: 64, height: 32 });
    assert!(stage.latest(view).is_none(), "the pass waits for its branches");

    // The second answers first, and finds nothing in the other.
    stage.answer(branches[1].0, boxes(&[(0, 0.7, 0.0)]));
    stage.answer(branches[0].0, boxes(&[]));

    let results = stage.latest(view).unwrap();
    assert_eq!(results.findings.len(), 4);
    assert!(results.findings[0].branches.is_empty());
    let plate = &results.findings[2].branches[0].findings[0];
    // 64 x 32 in 640 x 640: scaled by 10, below 160 rows of padding.
    assert_eq!(plate.bbox_in_frame, BBox { x1: 200.0, y1: 0.0, x2: 206.4, y2: 0.0 });
    assert_eq!(results.inference_nanos, 15);
}

#[test]
fn a_failed_branch_leaves_its_siblings_alone() {
    let (mut stage, view) = ready();
    stage.frame();
    let root = stage.jobs()[0].0;
    stage.answer(root, boxes(&[(1, 0.9, 0.0), (1, 0.8, 100.0)]));
    let branches = stage.jobs();
    stage.answer(branches[0].0, Err("the device is gone".into()));
    stage.answer(branches[1].0, boxes(&[(0, 0.7, 0.0)]));

    let results = stage.latest(view).unwrap();
    assert_eq!(results.findings[1].branches[0].findings.len(), 1);
    assert_eq!(stage.counters(view).failed, 1);
}

#[test]
fn frames_that_come_while_a_pass_runs_are_skipped_and_the_newest_is_next() {
    let (mut stage, view) = ready();
    stage.frame();
    let first = stage.jobs()[0].0;
    stage.frame();
    stage.frame();
    stage.frame();
    assert_eq!(stage.jobs().len(), 1);

    stage.answer(first, boxes(&[]));
    stage.sample();

    assert_eq!(stage.jobs().len(), 1);
    let world = stage.app.world_mut();
    let frame = world.query::<&Frame>().single(world).unwrap();
    assert_eq!(frame.sequence, 4);
    assert_eq!(stage.counters(view).skipped, 2);
}

#[test]
fn no_more_passes_begin_than_the_next_batch_holds() {
    let (mut stage, _) = ready();
    for _ in 0..3 {
        stage.view(Some(Crop { x1: 0, y1: 0, x2: 64, y2: 64 }));
    }
    stage.sample();
    stage.frame();
    assert_eq!(stage.jobs().len(), 1);
    let network = stage.jobs()[0].1.network;
    stage.app.world_mut().entity_mut(network).insert(BatchLimit(3));
    stage.sample();
    assert_eq!(stage.jobs().len(), 3);
}

#[test]
fn views_take_turns() {
    let (mut stage, first) = ready();
    let second = stage.view(Some(Crop { x1: 0, y1: 0, x2: 64, y2: 64 }));
    stage.sample();
    for _ in 0..6 {
        stage.frame();
        let job = stage.jobs()[0].0;
        stage.answer(job, boxes(&[]));
        stage.app.world_mut().resource_mut::<Clock>().now.nanos += 1;
    }
    assert_eq!(stage.counters(first).finished, 3);
    assert_eq!(stage.counters(second).finished, 3);
}

#[test]
fn a_crop_is_cut_to_the_frame() {
    let mut stage = Stage::plain();
    stage.view(Some(Crop { x1: 600, y1: -10, x2: 5_000, y2: 20 }));
    stage.deliver();
    stage.frame();
    assert_eq!(stage.jobs()[0].1.placement.source, Region { x: 600, y: 0, width: 40, height: 20 });
}

#[test]
fn a_crop_outside_the_frame_starts_nothing() {
    let mut stage = Stage::plain();
    stage.view(Some(Crop { x1: 700, y1: 0, x2: 800, y2: 20 }));
    stage.deliver();
    stage.frame();
    assert!(stage.jobs().is_empty());
}

#[test]
fn a_view_that_goes_takes_its_pass_along() {
    let (mut stage, view) = ready();
    stage.frame();
    let job = stage.jobs()[0].0;
    stage.app.world_mut().entity_mut(view).despawn();
    assert!(stage.jobs().is_empty());
    // The answer comes all the same.
    stage.answer(job, boxes(&[(0, 0.9, 10.0)]));
    let world = stage.app.world_mut();
    assert_eq!(world.query::<&Detection>().iter(world).count(), 0);
}

#[test]
fn an_answer_says_how_old_its_frame_is() {
    let (mut stage, view) = ready();
    stage.frame();
    let job = stage.jobs()[0].0;
    let mut clock = stage.app.world_mut().resource_mut::<Clock>();
    clock.now = clock.now + Duration::from_millis(30);
    stage.answer(job, boxes(&[]));
    assert_eq!(stage.counters(view).last_age_nanos, 30_000_000);
}

/// A root that finds vehicles, on cars a network that finds plates, on plates one that finds letters.
fn nested() -> (Stage, Entity) {
    let mut stage = Stage::plain();
    let model = stage.model;
    let world = stage.app.world_mut();
    let mut nodes = world.query::<(Entity, &Node)>();
    let plates = nodes.iter(world).find(|(_, node)| &*node.name == "plates").unwrap().0;
    let crop = Trigger { input: BranchInput::TriggeringBox, ..Trigger::default() };
    Stage::node(world, model, "letters", &["A", "B"], Some((plates, crop)));
    let view = stage.view(None);
    stage.deliver();
    (stage, view)
}

#[test]
fn nested_boxes_do_not_stay_in_crop_space() {
    let (mut stage, view) = nested();
    stage.frame();
    let root = stage.jobs()[0].0;
    stage.answer(root, boxes(&[(1, 0.9, 200.0)]));
    let plate = stage.jobs()[0].clone();
    assert_eq!(plate.1.placement.source, Region { x: 200, y: 0, width: 64, height: 32 });
    // 64 x 32 fills 640 x 640 ten times as large, below 160 rows of padding.
    let tensor = |x1, x2| TensorBox {
        bbox_in_tensor: BBox { x1, y1: 160.0, x2, y2: 480.0 },
        outline_in_tensor: None,
        confidence: 0.8,
        class_id: 0,
    };
    stage.answer(plate.0, Ok(Answer::Boxes(vec![tensor(320.0, 640.0)])));
    let letter = stage.jobs()[0].clone();
    assert_eq!(letter.1.placement.source, Region { x: 232, y: 0, width: 32, height: 32 });
    // 32 x 32 fills 640 x 640 twenty times as large.
    let quarter = TensorBox {
        bbox_in_tensor: BBox { x1: 0.0, y1: 320.0, x2: 320.0, y2: 640.0 },
        ..tensor(0.0, 0.0)
    };
    stage.answer(letter.0, Ok(Answer::Boxes(vec![quarter])));

    let results = stage.latest(view).unwrap();
    let plate = &results.findings[0].branches[0].findings[0];
    assert_eq!(plate.bbox_in_frame, BBox { x1: 232.0, y1: 0.0, x2: 264.0, y2: 32.0 });
    let letter = &plate.branches[0].findings[0];
    assert_eq!(letter.bbox_in_frame, BBox { x1: 232.0, y1: 16.0, x2: 248.0, y2: 32.0 });
}

/// Tracks the root, and answers with a car of this confidence.
fn tracked() -> (Stage, Entity) {
    let (mut stage, view) = ready();
    let world = stage.app.world_mut();
    let mut roots = world.query_filtered::<Entity, (With<Node>, Without<BranchOf>)>();
    let root = roots.single(world).unwrap();
    world.entity_mut(root).insert(Tracking::default());
    (stage, view)
}

#[test]
fn what_is_tracked_has_its_number_in_the_results() {
    let (mut stage, view) = tracked();
    // A person: no branch runs.
    for (frame, (confidence, number)) in
        [(0.9, Some(1)), (0.15, None), (0.9, Some(1))].into_iter().enumerate()
    {
        stage.frame();
        let job = stage.jobs()[0].0;
        stage.answer(job, boxes(&[(0, confidence, 10.0 + frame as f32)]));
        stage.deliver();
        let mut clock = stage.app.world_mut().resource_mut::<Clock>();
        clock.now = clock.now + Duration::from_millis(100);
        let findings = &stage.latest(view).unwrap().findings;
        let numbers: Vec<_> = findings.iter().map(|finding| finding.track).collect();
        let expected: Vec<_> = number.into_iter().map(Some).collect();
        assert_eq!(numbers, expected, "a weak box is not found, and keeps the track alive");
    }
}
