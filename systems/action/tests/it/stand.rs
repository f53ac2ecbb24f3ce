//! A world with this stage alone. The test finds things, in the place of networks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use detector_action::{ActConfig, ActPlugin, Dispatcher};
use detector_components::action::{Action, ActionCounters, Deed, Outcome, PictureFormat, Template};
use detector_components::clock::{Clock, Moment, Timepiece};
use detector_components::display::{Display, SessionPatch, ShownOn};
use detector_components::frame::{Frame, Pixels};
use detector_components::geometry::{BBox, Region, Size};
use detector_components::identity::{ExternalId, SubscriptionId};
use detector_components::model::{Model, ModelSource, RedisServer as Server};
use detector_components::node::{Actions, BranchInput, BranchOf, Node, NodeOf, Trigger};
use detector_components::pass::{Finished, Pass, PassOf};
use detector_components::results::{BranchFindings, Finding, PassResults, Results};
use detector_components::secret::Secret;
use detector_components::stage::{Deliver, StagePlugin};
use detector_components::subscription::Subscription;
use detector_components::view::{RunsPipeline, View, ViewOf, Watches};
use detector_simulator::{RedisServer, RedisSettings};
use tokio::runtime::Runtime;

/// The longest that anything may take. Reaching it is a failure.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Engine {
    pub app: App,
    pub runtime: Runtime,
    pub timepiece: Timepiece,
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "who writes rows asks"))]
    pub model: Entity,
    pub display: Entity,
    pub root: Entity,
    pub branch: Entity,
    view: Entity,
    passes: u64,
}

impl Engine {
    /// A model of a node `cars` with these actions, and a branch `color` of it.
    pub fn new(server: Option<Server>, config: ActConfig, actions: Actions) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let timepiece = Timepiece::manual();
        let mut app = App::empty();
        app.insert_resource(timepiece.clone()).init_resource::<Clock>().add_plugins((
            StagePlugin,
            ActPlugin { config, runtime: runtime.handle().clone(), timepiece: timepiece.clone() },
        ));
        let world = app.world_mut();
        let model = world.spawn(Model { source: ModelSource::File("a.mpta".into()) }).id();
        if let Some(server) = server {
            world.entity_mut(model).insert(server);
        }
        let root = world.spawn((Node { name: "cars".into() }, NodeOf(model), actions)).id();
        let on_box = Trigger { input: BranchInput::TriggeringBox, ..Trigger::default() };
        let branch = (Node { name: "color".into() }, NodeOf(model), BranchOf(root), on_box);
        let branch = world.spawn(branch).id();
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
        Self { app, runtime, timepiece, model, display, root, branch, view, passes: 0 }
    }

    /// Finds a car in a frame of its own.
    pub fn find(&mut self) {
        self.find_all(vec![finding("car")]);
    }

    /// Finds all of this in a frame of its own.
    pub fn find_all(&mut self, findings: Vec<Finding>) {
        self.passes += 1;
        let now = self.timepiece.now();
        let size = Size { width: 16, height: 16 };
        let pixels = Arc::new(Pixels::rgb(size, vec![90; 16 * 16 * 3]).unwrap());
        let frame = Frame::new(self.passes, now, pixels);
        let results = Arc::new(Results {
            frame: frame.clone(),
            node: self.root,
            findings,
            inference_nanos: 0,
        });
        let pass =
            Pass { started: Moment::default(), region: Region::whole(size), inference_nanos: 0 };
        let world = self.app.world_mut();
        world.resource_mut::<Clock>().now = now;
        let pass =
            world.spawn((pass, PassOf(self.view), frame, PassResults(results), Finished)).id();
        world.run_schedule(Deliver);
        world.despawn(pass);
    }

    /// A finding that its branch says something of.
    pub fn with_color(&self, class: &str, color: &str) -> Finding {
        let branch = BranchFindings {
            node: self.branch,
            name: "color".into(),
            findings: vec![finding(color)],
        };
        Finding { branches: vec![branch], ..finding(class) }
    }

    pub fn counters(&self) -> ActionCounters {
        self.app.world().resource::<ActionCounters>().clone()
    }

    pub fn total(&self, outcome: Outcome) -> u64 {
        self.counters().total(outcome)
    }

    /// What was added to sessions in the last run.
    pub fn patches(&mut self) -> Vec<SessionPatch> {
        self.app.world_mut().resource_mut::<Messages<SessionPatch>>().drain().collect()
    }

    /// Waits until so many actions came to this end.
    #[track_caller]
    pub fn wait_for(&self, outcome: Outcome, count: u64) {
        let counters = self.counters();
        wait_for(
            || counters.total(outcome) >= count,
            || {
                let counted: Vec<_> = counters.all().filter(|(.., count)| *count > 0).collect();
                format!("{count} times {outcome:?}, counted {counted:?}")
            },
        );
    }

    /// Ends in order, as the worker does.
    pub fn flush(&mut self) {
        self.flush_within(PATIENCE);
    }

    pub fn flush_within(&mut self, deadline: Duration) {
        let dispatcher = self.app.world_mut().remove_resource::<Dispatcher>().unwrap();
        self.runtime.block_on(dispatcher.flush(deadline));
    }
}

#[track_caller]
pub fn wait_for(holds: impl Fn() -> bool, what: impl Fn() -> String) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited for {}", what());
        std::thread::yield_now();
    }
}

pub fn finding(class: &str) -> Finding {
    Finding {
        class: class.into(),
        class_id: class.len() as u32,
        confidence: 0.9,
        bbox_in_frame: BBox { x1: 2.0, y1: 3.0, x2: 10.0, y2: 9.0 },
        outline_in_frame: None,
        track: None,
        top: Vec::new(),
        branches: Vec::new(),
    }
}

pub fn action(deed: Deed) -> Action {
    Action { deed, wait_for: [].into() }
}

pub fn save(key: &str) -> Action {
    action(Deed::SaveImage {
        key: Template::new(key),
        region: None,
        format: PictureFormat::Png,
        expire: Some(Duration::from_secs(60)),
    })
}

pub fn publish(channel: &str, message: &str) -> Action {
    action(Deed::Publish { channel: Template::new(channel), message: Template::new(message) })
}

pub fn stream_add(stream: &str, field: &str, value: &str) -> Action {
    action(Deed::StreamAdd {
        stream: Template::new(stream),
        fields: [(field.into(), Template::new(value))].into(),
        max_len: None,
    })
}

pub fn list(actions: impl IntoIterator<Item = Action>) -> Actions {
    Actions { list: actions.into_iter().collect(), ..Actions::default() }
}

/// A picture is saved, and a message says where.
pub fn shot() -> Actions {
    list([save("shot:{frame}"), publish("news", r#"{"n":{frame},"image":"{image_key}"}"#)])
}

pub fn server(port: u16) -> Server {
    Server { host: "127.0.0.1".to_owned(), port, username: None, password: None, db: 0, tls: false }
}

/// A Redis, and a user of it who may save pictures and publish nothing.
pub fn gated() -> (RedisServer, Server) {
    let user = "gate on >secret ~shot:* ~detector-worker:* +@all -publish";
    let settings = RedisSettings { user: Some(user), ..RedisSettings::default() };
    let redis = RedisServer::start_with(settings).unwrap();
    let named = Server {
        username: Some("gate".to_owned()),
        password: Some(Secret::new("secret")),
        ..server(redis.port())
    };
    (redis, named)
}

pub fn impatient() -> ActConfig {
    ActConfig {
        reconnect_base: Duration::from_millis(20),
        reconnect_cap: Duration::from_millis(100),
        ..ActConfig::default()
    }
}

pub fn connection(server: &RedisServer) -> redis::Connection {
    let url = format!("redis://{}/", server.address());
    redis::Client::open(url).unwrap().get_connection().unwrap()
}

/// The values of one field of a stream, oldest first.
pub fn stream(connection: &mut redis::Connection, key: &str) -> Vec<String> {
    let entries: Vec<(String, Vec<String>)> =
        redis::cmd("XRANGE").arg(key).arg("-").arg("+").query(connection).unwrap();
    entries.into_iter().map(|(_, fields)| fields[1].clone()).collect()
}
