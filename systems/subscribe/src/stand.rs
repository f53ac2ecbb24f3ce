//! This stage alone in a world, for its tests.

use std::time::Duration;

use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use detector_components::camera::CameraSource;
use detector_components::client::{Client, Refused};
use detector_components::clock::Clock;
use detector_components::command::{ClientCommand, Command, Refusal, Subscribe};
use detector_components::identity::{ExternalId, SubscriptionId};
use detector_components::model::ModelSource;
use detector_components::secret::SecretUrl;
use detector_components::stage::{Deliver, StagePlugin};

use crate::{SubscribeConfig, SubscribePlugin};

/// A world with this stage alone, and clients that speak to it.
pub struct Stage {
    pub app: App,
}

impl Stage {
    pub fn new() -> Self {
        Self::with(SubscribeConfig::default())
    }

    pub fn with(config: SubscribeConfig) -> Self {
        let mut app = App::empty();
        app.init_resource::<Clock>().add_plugins((StagePlugin, SubscribePlugin { config }));
        Self { app }
    }

    pub fn client(&mut self) -> Entity {
        self.app.world_mut().spawn(Client { peer: "test".into() }).id()
    }

    pub fn send(&mut self, client: Entity, command: Command) -> Vec<Refusal> {
        self.app.world_mut().write_message(ClientCommand { client, command });
        self.run();
        let world = self.app.world_mut();
        world.resource_mut::<Messages<Refused>>().drain().map(|refused| refused.refusal).collect()
    }

    pub fn run(&mut self) {
        self.app.world_mut().run_schedule(Deliver);
    }

    pub fn wait(&mut self, time: Duration) {
        let mut clock = self.app.world_mut().resource_mut::<Clock>();
        clock.now = clock.now + time;
        self.run();
    }

    pub fn entities<C: Component>(&mut self) -> Vec<Entity> {
        let world = self.app.world_mut();
        world.query_filtered::<Entity, With<C>>().iter(world).collect()
    }

    pub fn count<C: Component>(&mut self) -> usize {
        self.entities::<C>().len()
    }
}

pub fn wish(id: &str, camera: &str) -> Subscribe {
    Subscribe {
        id: SubscriptionId::new(id),
        camera: CameraSource::stream(SecretUrl::parse(camera).unwrap()),
        model: ModelSource::Url(SecretUrl::parse("http://models/vehicle.mpta").unwrap()),
        model_name: "Vehicles".into(),
        model_id: ExternalId::Number(101),
        crop_in_frame: None,
    }
}

pub fn subscribe(id: &str, camera: &str) -> Command {
    Command::Subscribe(wish(id, camera))
}

pub const GATE: &str = "rtsp://gate/stream";
pub const YARD: &str = "rtsp://yard/stream";
