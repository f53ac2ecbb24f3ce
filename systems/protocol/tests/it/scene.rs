//! What the other stages would have put into the world.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use detector_components::camera::{Camera, CameraCounters, CameraSource, LatestFrame, StreamState};
use detector_components::client::Client;
use detector_components::clock::Moment;
use detector_components::command::Crop;
use detector_components::display::{Display, ShownOn};
use detector_components::frame::{Frame, Pixels};
use detector_components::geometry::{BBox, Size};
use detector_components::identity::{ExternalId, SubscriptionId};
use detector_components::integrity::{FaultCounter, FaultCounts, PictureFault};
use detector_components::model::{Model, ModelSource, ModelState};
use detector_components::pass::{Finished, PassOf};
use detector_components::results::{Finding, PassResults, Results};
use detector_components::secret::SecretUrl;
use detector_components::subscription::{OwnedBy, Subscription};
use detector_components::view::{RunsPipeline, View, ViewOf, Watches};

pub const SIZE: Size = Size { width: 64, height: 48 };

/// A camera that runs, seen whole through a model that is ready.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    pub camera: Entity,
    pub model: Entity,
    pub view: Entity,
}

impl Scene {
    pub fn new(world: &mut World) -> Self {
        let url = |text| SecretUrl::parse(text).unwrap();
        let camera = world
            .spawn((
                Camera { source: CameraSource::stream(url("rtsp://host/stream")) },
                StreamState::Running,
                CameraCounters { fps: 12.34, ..CameraCounters::default() },
            ))
            .id();
        let source = ModelSource::Url(url("http://host/a.mpta"));
        let model = world.spawn((Model { source }, ModelState::Ready)).id();
        let view = (View { crop_in_frame: None }, ViewOf(camera), RunsPipeline(model));
        let view = world.spawn(view).id();
        Self { camera, model, view }
    }

    /// A subscription of the only client, or of none.
    pub fn subscribe(&self, world: &mut World, id: &str, crop_in_frame: Option<Crop>) -> Entity {
        let owner = world.query_filtered::<Entity, With<Client>>().iter(world).next();
        let id = SubscriptionId::new(id);
        let display = world.spawn(Display { id: id.display() }).id();
        let subscription = Subscription {
            id,
            model_id: ExternalId::Number(101),
            model_name: Arc::from("Vehicle Detection"),
            crop_in_frame,
        };
        let mut entity = world.spawn((subscription, Watches(self.view), ShownOn(display)));
        if let Some(owner) = owner {
            entity.insert(OwnedBy(owner));
        }
        entity.id()
    }

    pub fn show(&self, world: &mut World, frame: Frame) {
        world.entity_mut(self.camera).insert(LatestFrame(frame));
    }

    /// A pass that finishes in the next run.
    pub fn finish(&self, world: &mut World, frame: Frame, findings: Vec<Finding>) {
        let results = results(frame, findings);
        world.spawn((PassResults(results), PassOf(self.view), Finished));
    }
}

pub fn results(frame: Frame, findings: Vec<Finding>) -> Arc<Results> {
    let node = Entity::PLACEHOLDER;
    Arc::new(Results { frame, node, findings, inference_nanos: 12_340_000 })
}

/// Red on the left half, blue on the right.
pub fn frame(sequence: u64, captured: Moment) -> Frame {
    let row: Vec<u8> = (0..SIZE.width)
        .flat_map(|x| if x < SIZE.width / 2 { [255, 0, 0] } else { [0, 0, 255] })
        .collect();
    let pixels = Pixels::rgb(SIZE, row.repeat(SIZE.height as usize)).unwrap();
    Frame::new(sequence, captured, Arc::new(pixels))
}

pub fn finding(class: &str, confidence: f32, [x1, y1, x2, y2]: [f32; 4]) -> Finding {
    Finding {
        class: Arc::from(class),
        class_id: 0,
        confidence,
        bbox_in_frame: BBox { x1, y1, x2, y2 },
        outline_in_frame: None,
        track: None,
        top: Vec::new(),
        branches: Vec::new(),
    }
}

/// Faults of pictures, as often as they are listed.
pub fn faults(all: &[PictureFault]) -> FaultCounts {
    let counter = FaultCounter::default();
    all.iter().for_each(|fault| counter.count(*fault));
    counter.counts()
}
