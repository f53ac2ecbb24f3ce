//! Models that come from a web server, which is not always kind.

use std::time::{Duration, Instant};

use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use detector_archive::{ArchiveConfig, ArchiveLimits, ArchivePlugin, pack};
use detector_components::model::{Model, ModelSource, ModelState};
use detector_components::node::{BranchOf, Checkpoint, Node, Nodes};
use detector_components::secret::SecretUrl;
use detector_components::stage::{Deliver, StagePlugin};
use detector_components::wake::{Sleeper, wake};
use detector_reach::Reach;
use detector_simulator::HttpServer;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const PATIENCE: Duration = Duration::from_secs(20);

struct Engine {
    app: App,
    sleeper: Sleeper,
    cache: TempDir,
    _runtime: Runtime,
}

impl Engine {
    fn new() -> Self {
        Self::reaching(Reach::models())
    }

    fn reaching(reach: Reach) -> Self {
        let (wake, sleeper) = wake();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let cache = tempfile::tempdir().unwrap();
        let config = ArchiveConfig {
            reach,
            cache_dir: cache.path().to_owned(),
            limits: ArchiveLimits { archive_bytes: 1 << 20, ..ArchiveLimits::default() },
            fetch_timeout: Duration::from_millis(500),
            retries: 2,
            retry_base: Duration::from_millis(10),
            ..ArchiveConfig::default()
        };
        let mut app = App::empty();
        app.add_plugins((
            StagePlugin,
            ArchivePlugin { config, runtime: runtime.handle().clone(), wake },
        ));
        Self { app, sleeper, cache, _runtime: runtime }
    }

    /// Asks for a model, and runs until it is there or is not to be had.
    fn load(&mut self, url: &str) -> (Entity, ModelState) {
        let source = ModelSource::Url(SecretUrl::parse(url).unwrap());
        let model = self.app.world_mut().spawn(Model { source }).id();
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.app.world_mut().run_schedule(Deliver);
            let state = self.app.world().get::<ModelState>(model).unwrap().clone();
            if state != ModelState::Fetching {
                return (model, state);
            }
            assert!(Instant::now() < deadline, "{url} neither came nor failed");
            self.sleeper.wait(Duration::from_millis(20));
        }
    }

    #[track_caller]
    fn refuses(&mut self, url: &str, expected: &str) {
        let (_, state) = self.load(url);
        let ModelState::Failed { reason } = state else { panic!("{state:?}") };
        assert!(reason.contains(expected), "{reason}");
        assert!(!reason.contains("hunter2") && !reason.contains("://"), "{reason}");
        let left: Vec<_> = std::fs::read_dir(self.cache.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

fn archive() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (out, weights) = (folder.path().join("a.mpta"), folder.path().join("a.pt"));
    std::fs::write(&weights, b"weights").unwrap();
    let pipeline = json!({"pipeline": {
        "modelId": "root", "modelFile": "a.pt",
        "branches": [{"modelId": "branch", "modelFile": "a.pt"}],
    }});
    pack(&out, &pipeline, &[("a.pt", &weights)]).unwrap();
    std::fs::read(&out).unwrap()
}

#[test]
fn a_fetched_archive_becomes_nodes() {
    let server = HttpServer::start().unwrap();
    server.put("/a.mpta", "application/zip", archive());
    let mut engine = Engine::new();
    let (model, state) = engine.load(&format!("{}?sig=hunter2", server.url("/a.mpta")));
    assert_eq!(state, ModelState::Loading);
    let world = engine.app.world();
    let nodes: Vec<Entity> = world.get::<Nodes>(model).unwrap().iter().collect();
    let names: Vec<_> = nodes.iter().map(|node| &*world.get::<Node>(*node).unwrap().name).collect();
    assert_eq!(names, ["root", "branch"]);
    assert_eq!(world.get::<BranchOf>(nodes[1]).unwrap().0, nodes[0]);
    let checkpoint = world.get::<Checkpoint>(nodes[0]).unwrap();
    assert_eq!(std::fs::read(&checkpoint.path).unwrap(), b"weights");
    assert_eq!(checkpoint.sha256, world.get::<Checkpoint>(nodes[1]).unwrap().sha256);
}

#[test]
fn what_is_not_there_is_said_at_once() {
    let server = HttpServer::start().unwrap();
    let url = format!("{}?sig=hunter2", server.url("/gone.mpta"));
    Engine::new().refuses(&url, "404 Not Found");
    // Once: what is not there now will not be in a second.
    assert_eq!(server.hits("/gone.mpta"), 1);
}

#[test]
fn a_server_in_trouble_is_asked_again() {
    let server = HttpServer::start().unwrap();
    server.put("/a.mpta", "application/zip", archive());
    server.fail("/a.mpta", 503);
    Engine::new().refuses(server.url("/a.mpta").as_str(), "503 Service Unavailable");
    server.wait_for_hits("/a.mpta", 3, PATIENCE).unwrap();
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for() {
    let server = HttpServer::start().unwrap();
    server.put("/a.mpta", "application/zip", archive());
    server.hang("/a.mpta");
    Engine::new().refuses(server.url("/a.mpta").as_str(), "timed out");
}

#[test]
fn too_large_an_archive_is_refused() {
    let server = HttpServer::start().unwrap();
    server.put("/a.mpta", "application/zip", vec![0_u8; 2 << 20]);
    let expected = "expected at most 1048576";
    Engine::new().refuses(server.url("/a.mpta").as_str(), expected);
}

#[test]
fn where_nobody_may_go_nothing_is_fetched() {
    let server = HttpServer::start().unwrap();
    server.put("/a.mpta", "application/zip", archive());
    let networks = vec!["192.0.2.0/24".parse().unwrap()];
    let elsewhere = Reach { networks, ..Reach::models() };
    let url = format!("{}?sig=hunter2", server.url("/a.mpta"));
    Engine::reaching(elsewhere.clone())
        .refuses(&url, "127.0.0.1 is in none of the allowed networks");
    let by_name = url.replace("127.0.0.1", "localhost");
    Engine::reaching(elsewhere).refuses(&by_name, "is in none of the allowed networks");
    assert_eq!(server.hits("/a.mpta"), 0);
}
