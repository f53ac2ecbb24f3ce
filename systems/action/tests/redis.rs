//! Actions against a real Redis that comes and goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use detector_action::{ActConfig, ActPlugin, ActionCounters, Dispatcher};
use detector_components::action::{Action, PictureFormat, Template};
use detector_components::clock::{Clock, Moment, Timepiece};
use detector_components::display::{Display, ShownOn};
use detector_components::frame::{Frame, Pixels};
use detector_components::geometry::{BBox, Region, Size};
use detector_components::identity::{ExternalId, SubscriptionId};
use detector_components::model::{Model, ModelSource, RedisServer as Server};
use detector_components::node::{Actions, Node, NodeOf};
use detector_components::pass::{Finished, Pass, PassOf};
use detector_components::results::{Finding, PassResults, Results};
use detector_components::secret::Secret;
use detector_components::stage::{Deliver, StagePlugin};
use detector_components::subscription::Subscription;
use detector_components::view::{RunsPipeline, View, ViewOf, Watches};
use detector_simulator::RedisServer;
use tokio::runtime::Runtime;

const PATIENCE: Duration = Duration::from_secs(20);

struct Engine {
    app: App,
    runtime: Runtime,
    view: Entity,
    node: Entity,
    passes: u64,
}

impl Engine {
    fn new(port: u16, password: Option<&str>, config: ActConfig) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let mut app = App::empty();
        app.insert_resource(Timepiece::manual())
            .init_resource::<Clock>()
            .add_plugins((StagePlugin, ActPlugin { config, runtime: runtime.handle().clone() }));
        let world = app.world_mut();
        let server = Server {
            host: "127.0.0.1".to_owned(),
            port,
            username: None,
            password: password.map(Secret::new),
            db: 0,
            tls: false,
        };
        let model = Model { source: ModelSource::File("a.mpta".into()) };
        let model = world.spawn((model, server)).id();
        let actions: [Action; 2] = [
            Action::RedisSaveImage {
                key: Template::new("shot:{frame}"),
                region: None,
                format: PictureFormat::Png,
                expire: Some(Duration::from_secs(60)),
            },
            Action::RedisPublish {
                channel: Template::new("news"),
                message: Template::new(r#"{"n":{frame},"image":"{image_key}"}"#),
            },
        ];
        let node = Node { name: "car".into() };
        let node = world.spawn((node, NodeOf(model), Actions(actions.into()))).id();
        let camera = world.spawn_empty().id();
        let view =
            world.spawn((View { crop_in_frame: None }, ViewOf(camera), RunsPipeline(model))).id();
        let id = SubscriptionId::new("gate;cam");
        let display = world.spawn(Display { id: id.display() }).id();
        // Two clients hold the same identifier: it is acted on once.
        for _ in 0..2 {
            let subscription = Subscription {
                id: id.clone(),
                model_id: ExternalId::Number(7),
                model_name: "Cars".into(),
                crop_in_frame: None,
            };
            world.spawn((subscription, Watches(view), ShownOn(display)));
        }
        Self { app, runtime, view, node, passes: 0 }
    }

    /// Finds a car in a frame of its own.
    fn find(&mut self) {
        self.passes += 1;
        let size = Size { width: 16, height: 16 };
        let pixels = Arc::new(Pixels::rgb(size, vec![90; 16 * 16 * 3]).unwrap());
        let frame = Frame { sequence: self.passes, captured: Moment::default(), pixels };
        let finding = Finding {
            class: "car".into(),
            class_id: 2,
            confidence: 0.9,
            bbox_in_frame: BBox { x1: 2.0, y1: 3.0, x2: 10.0, y2: 9.0 },
            outline_in_frame: None,
            track: None,
            top: Vec::new(),
            branches: Vec::new(),
        };
        let results = Arc::new(Results {
            frame: frame.clone(),
            node: self.node,
            findings: vec![finding],
            inference_nanos: 0,
        });
        let pass =
            Pass { started: Moment::default(), region: Region::whole(size), inference_nanos: 0 };
        let world = self.app.world_mut();
        let pass =
            world.spawn((pass, PassOf(self.view), frame, PassResults(results), Finished)).id();
        world.run_schedule(Deliver);
        world.despawn(pass);
    }

    fn executed(&self) -> u64 {
        self.app.world().resource::<ActionCounters>().totals().executed
    }

    /// Ends in order, as the worker does.
    fn flush(&mut self) {
        let dispatcher = self.app.world_mut().remove_resource::<Dispatcher>().unwrap();
        self.runtime.block_on(dispatcher.flush(PATIENCE));
    }
}

fn impatient() -> ActConfig {
    ActConfig {
        reconnect_base: Duration::from_millis(20),
        reconnect_cap: Duration::from_millis(100),
        ..ActConfig::default()
    }
}

fn connection(server: &RedisServer) -> redis::Connection {
    let url = format!("redis://{}/", server.address());
    redis::Client::open(url).unwrap().get_connection().unwrap()
}

#[test]
fn pictures_are_saved_and_messages_published_in_order() {
    let server = RedisServer::start().unwrap();
    let mut listener = connection(&server);
    listener.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut channel = listener.as_pubsub();
    channel.subscribe("news").unwrap();
    let mut engine = Engine::new(server.port(), None, impatient());
    for _ in 0..5 {
        engine.find();
    }
    for number in 1..=5 {
        let message: String = channel.get_message().unwrap().get_payload().unwrap();
        assert_eq!(message, format!(r#"{{"n":{number},"image":"shot:{number}"}}"#));
        // The picture was there before the message that names it.
        let mut reader = connection(&server);
        let picture: Vec<u8> =
            redis::cmd("GET").arg(format!("shot:{number}")).query(&mut reader).unwrap();
        let size = detector_picture::decode(&picture).unwrap().size();
        assert_eq!(size, Size { width: 8, height: 6 });
        let left: i64 = redis::cmd("TTL").arg(format!("shot:{number}")).query(&mut reader).unwrap();
        assert!((1..=60).contains(&left), "{left}");
    }
    engine.flush();
    assert_eq!(engine.executed(), 10);
}

#[test]
fn nothing_is_lost_while_redis_is_away() {
    let server = RedisServer::start().unwrap();
    let port = server.port();
    drop(server);
    let mut engine = Engine::new(port, Some("secret"), impatient());
    for _ in 0..20 {
        engine.find();
    }
    assert_eq!(engine.executed(), 0);
    let _server = RedisServer::start_on(port, Some("secret")).unwrap();
    engine.flush();
    assert_eq!(engine.executed(), 40);
}

#[test]
fn what_does_not_fit_makes_room_and_is_counted() {
    let server = RedisServer::start().unwrap();
    let port = server.port();
    drop(server);
    let mut engine = Engine::new(port, None, ActConfig { max_waiting: 3, ..impatient() });
    for _ in 0..10 {
        engine.find();
    }
    let counters = engine.app.world().resource::<ActionCounters>().clone();
    let deadline = Instant::now() + PATIENCE;
    while counters.totals().crowded_out < 6 {
        assert!(Instant::now() < deadline, "{:?}", counters.totals());
        std::thread::yield_now();
    }
    let server = RedisServer::start_on(port, None).unwrap();
    engine.flush();
    let kept: bool = redis::cmd("EXISTS").arg("shot:10").query(&mut connection(&server)).unwrap();
    assert!(kept, "the newest is kept");
    assert!(counters.totals().executed <= 8, "{:?}", counters.totals());
}
