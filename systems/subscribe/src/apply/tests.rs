use std::time::Duration;

use bevy_app::prelude::*;
use detector_components::client::{Client, Refused};
use detector_components::clock::{Clock, Moment};
use detector_components::command::{ClientCommand, Crop};
use detector_components::secret::SecretUrl;
use detector_components::stage::{Deliver, StagePlugin};
use detector_components::view::WatchedBy;

use super::*;
use crate::{SubscribeConfig, SubscribePlugin};

/// A world with this stage alone, and clients that speak to it.
struct Stage {
    app: App,
}

impl Stage {
    fn new() -> Self {
        Self::with(SubscribeConfig::default())
    }

    fn with(config: SubscribeConfig) -> Self {
        let mut app = App::empty();
        app.init_resource::<Clock>().add_plugins((StagePlugin, SubscribePlugin { config }));
        Self { app }
    }

    fn client(&mut self) -> Entity {
        self.app.world_mut().spawn(Client { peer: "test".into() }).id()
    }

    fn send(&mut self, client: Entity, command: Command) -> Vec<Refusal> {
        self.app.world_mut().write_message(ClientCommand { client, command });
        self.run();
        let world = self.app.world_mut();
        world.resource_mut::<Messages<Refused>>().drain().map(|refused| refused.refusal).collect()
    }

    fn run(&mut self) {
        self.app.world_mut().run_schedule(Deliver);
    }

    fn wait(&mut self, time: Duration) {
        let mut clock = self.app.world_mut().resource_mut::<Clock>();
        clock.now = clock.now + time;
        self.run();
    }

    fn entities<C: Component>(&mut self) -> Vec<Entity> {
        let world = self.app.world_mut();
        world.query_filtered::<Entity, With<C>>().iter(world).collect()
    }

    fn count<C: Component>(&mut self) -> usize {
        self.entities::<C>().len()
    }
}

fn wish(id: &str, camera: &str) -> Subscribe {
    Subscribe {
        id: SubscriptionId::new(id),
        camera: CameraSource::Stream(SecretUrl::parse(camera).unwrap()),
        model: ModelSource::Url(SecretUrl::parse("http://models/vehicle.mpta").unwrap()),
        model_name: "Vehicles".into(),
        model_id: ExternalId::Number(101),
        crop_in_frame: None,
    }
}

fn subscribe(id: &str, camera: &str) -> Command {
    Command::Subscribe(wish(id, camera))
}

const GATE: &str = "rtsp://gate/stream";
const YARD: &str = "rtsp://yard/stream";

#[test]
fn equal_subscriptions_share_one_view() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    stage.send(client, subscribe("b;gate", GATE));

    assert_eq!(stage.count::<Subscription>(), 2);
    assert_eq!(stage.count::<View>(), 1);
    assert_eq!(stage.count::<Camera>(), 1);
}

#[test]
fn another_crop_is_another_view_of_the_same_camera() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    let crop = Some(Crop { x1: 0, y1: 0, x2: 100, y2: 100 });
    let cropped = Subscribe { crop_in_frame: crop, ..wish("b;gate", GATE) };
    stage.send(client, Command::Subscribe(cropped));

    assert_eq!(stage.count::<View>(), 2);
    assert_eq!(stage.count::<Camera>(), 1);
    assert_eq!(stage.count::<Model>(), 1);
}

#[test]
fn the_same_again_changes_nothing() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    let before = (stage.entities::<Subscription>(), stage.entities::<View>());
    stage.send(client, subscribe("a;gate", GATE));

    assert_eq!((stage.entities::<Subscription>(), stage.entities::<View>()), before);
}

#[test]
fn other_content_replaces_without_closing_the_camera() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    let camera = stage.entities::<Camera>();
    let crop = Some(Crop { x1: 0, y1: 0, x2: 100, y2: 100 });
    stage.send(
        client,
        Command::Subscribe(Subscribe { crop_in_frame: crop, ..wish("a;gate", GATE) }),
    );

    assert_eq!(stage.entities::<Camera>(), camera);
    assert_eq!(stage.count::<Subscription>(), 1);
    assert_eq!(stage.count::<View>(), 1);
}

#[test]
fn the_last_subscription_closes_the_camera() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    stage.send(client, subscribe("b;gate", GATE));

    stage.send(client, Command::Unsubscribe(SubscriptionId::new("a;gate")));
    assert_eq!(stage.count::<Camera>(), 1);

    stage.send(client, Command::Unsubscribe(SubscriptionId::new("b;gate")));
    assert_eq!(stage.count::<Camera>(), 0);
    assert_eq!(stage.count::<View>(), 0);
    assert_eq!(stage.count::<Display>(), 0);
    assert_eq!(stage.count::<Model>(), 1, "kept warm for a while");
}

#[test]
fn an_idle_model_is_unloaded_in_time() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    stage.send(client, Command::Unsubscribe(SubscriptionId::new("a;gate")));

    stage.wait(Duration::from_secs(299));
    assert_eq!(stage.count::<Model>(), 1);
    stage.wait(Duration::from_secs(1));
    assert_eq!(stage.count::<Model>(), 0);
}

#[test]
fn a_failed_model_is_tried_anew() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    let failed = stage.entities::<Model>()[0];
    let reason = "not found".into();
    stage.app.world_mut().entity_mut(failed).insert(ModelState::Failed { reason });
    stage.send(client, subscribe("b;gate", GATE));

    assert_eq!(stage.count::<Model>(), 2);
}

#[test]
fn an_unknown_subscription_is_refused() {
    let mut stage = Stage::new();
    let client = stage.client();
    let refusals = stage.send(client, Command::Unsubscribe(SubscriptionId::new("nobody")));
    assert_eq!(refusals[0].code, RefusalCode::UnknownSubscription);
}

#[test]
fn one_camera_too_many_is_refused_and_leaves_nothing() {
    let mut stage = Stage::with(SubscribeConfig { max_streams: 1, ..SubscribeConfig::default() });
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    let refusals = stage.send(client, subscribe("a;yard", YARD));

    assert_eq!(refusals[0].code, RefusalCode::LimitReached);
    assert_eq!((stage.count::<Camera>(), stage.count::<Subscription>()), (1, 1));
    // A second look at an open camera needs no further stream.
    assert!(stage.send(client, subscribe("b;gate", GATE)).is_empty());
}

#[test]
fn two_clients_may_hold_the_same_thing() {
    let mut stage = Stage::new();
    let (first, second) = (stage.client(), stage.client());
    stage.send(first, subscribe("a;gate", GATE));
    assert!(stage.send(second, subscribe("a;gate", GATE)).is_empty());

    stage.send(first, Command::Unsubscribe(SubscriptionId::new("a;gate")));
    assert_eq!(stage.count::<Subscription>(), 1);
    assert_eq!(stage.count::<Camera>(), 1);
}

#[test]
fn another_clients_identifier_cannot_be_taken_for_something_else() {
    let mut stage = Stage::new();
    let (first, second) = (stage.client(), stage.client());
    stage.send(first, subscribe("a;gate", GATE));
    let refusals = stage.send(second, subscribe("a;gate", YARD));

    assert_eq!(refusals[0].code, RefusalCode::Conflict);
    assert_eq!(stage.count::<Camera>(), 1);
}

#[test]
fn a_client_that_comes_back_finds_its_streams_warm() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    let camera = stage.entities::<Camera>();
    stage.app.world_mut().entity_mut(client).despawn();
    stage.wait(Duration::from_secs(29));

    let back = stage.client();
    stage.send(back, subscribe("a;gate", GATE));
    stage.wait(Duration::from_secs(60));

    assert_eq!(stage.entities::<Camera>(), camera);
    assert_eq!(stage.count::<Orphaned>(), 0);
}

#[test]
fn orphans_end_after_the_grace_time() {
    let mut stage = Stage::new();
    let client = stage.client();
    stage.send(client, subscribe("a;gate", GATE));
    stage.app.world_mut().entity_mut(client).despawn();
    stage.run();
    stage.wait(Duration::from_secs(30));

    assert_eq!(stage.count::<Subscription>(), 0);
    assert_eq!(stage.count::<Camera>(), 0);
}

#[test]
fn a_session_may_come_before_any_subscription() {
    let mut stage = Stage::new();
    let client = stage.client();
    let session = Some(ExternalId::Number(10001));
    let display = DisplayId::new("display-1");
    stage.send(client, Command::SetSession { display: display.clone(), session });
    stage.send(client, subscribe("display-1;gate", GATE));

    assert_eq!(stage.entities::<Session>(), stage.entities::<Display>());

    stage.send(client, Command::SetSession { display, session: None });
    assert_eq!((stage.count::<Session>(), stage.count::<Display>()), (0, 1));
}

#[test]
fn nothing_is_left_after_many_subscriptions() {
    let mut stage = Stage::new();
    let client = stage.client();
    for n in 0..1_000 {
        let id = format!("d{};c{}", n % 7, n % 5);
        stage.send(client, subscribe(&id, [GATE, YARD][n % 2]));
        stage.send(client, Command::Unsubscribe(SubscriptionId::new(id)));
    }
    stage.wait(Duration::from_secs(600));

    assert_eq!(stage.count::<WatchedBy>() + stage.count::<View>() + stage.count::<Camera>(), 0);
    assert_eq!(stage.count::<Model>() + stage.count::<Display>(), 0);
    assert!(stage.app.world().resource::<Clock>().now > Moment::default());
}
