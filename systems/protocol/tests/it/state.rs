//! Someone wants to know how everything is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use detector_components::action::{
    Absence, ActionKind, ActionServers, Origin, Outcome, RecentAction, RecentActions,
};
use detector_components::camera::{
    Camera, CameraCounters, CameraSource, Impairment, StreamFacts, StreamState,
};
use detector_components::clock::Moment;
use detector_components::identity::SubscriptionId;
use detector_components::integrity::{Integrity, PictureFault};
use detector_components::secret::{Secret, SecretUrl};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::pictures::get;
use crate::scene::{Scene, faults, finding, frame};
use crate::stand::Engine;

#[test]
fn the_state_tells_everything_and_no_secret() {
    let engine = Engine::start_with(|config| config.token = Some(Secret::new("s3cret")));
    let mut cms = engine.connect_to("/?token=s3cret").unwrap();
    cms.next_of("stateReport");
    engine.ask(|world| {
        let scene = Scene::new(world);
        scene.subscribe(world, "gate;cam", None);
        scene.show(world, frame(7, Moment::default()));
        let reason = Arc::from("401 Unauthorized");
        world.entity_mut(scene.camera).insert(StreamState::Reconnecting { reason });
    });
    engine.tell(|world| {
        let camera = world.query::<&mut StreamState>().single_mut(world);
        *camera.unwrap() = StreamState::Running;
    });
    let answer = get(&engine, "/state?token=s3cret");
    assert_eq!(answer.status, 200);
    let state = answer.json();
    let camera = &state["cameras"][0];
    assert_eq!(camera["source"], "rtsp://host/stream");
    assert_eq!((&camera["state"], &camera["width"]), (&json!("running"), &json!(64)));
    assert_eq!(camera["lastError"]["reason"], "401 Unauthorized", "kept while it runs again");
    let subscription = &state["subscriptions"][0];
    assert_eq!(subscription["subscriptionIdentifier"], "gate;cam");
    assert_eq!(subscription["view"], state["views"][0]["id"]);
    assert_eq!(state["views"][0]["camera"], camera["id"]);
    assert_eq!(state["models"][0]["state"], "ready");
    assert_eq!(state["clients"][0]["subscriptions"], 1);
    assert_eq!(state["displays"][0]["displayIdentifier"], "gate");
    assert_eq!(state["counters"]["clientsConnected"], 1);
    let text = String::from_utf8(answer.body).unwrap();
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn the_state_tells_what_is_known_of_a_stream() {
    let engine = Engine::start();
    let camera = |engine: &Engine| get(engine, "/state").json()["cameras"][0].take();
    let scene = engine.ask(Scene::new);
    let unknown = camera(&engine);
    assert_eq!(unknown["faults"], json!({}));
    for fact in ["integrity", "codec", "transport", "keyIntervalMs", "clockOffsetMs"] {
        assert_eq!(unknown.get(fact), Some(&Value::Null), "{fact} is not known yet");
    }
    engine.ask(move |world| {
        let mut suspicious = frame(7, Moment::default());
        suspicious.integrity = Integrity::Suspicious(PictureFault::Blocks);
        scene.show(world, suspicious);
        let lost = [PictureFault::PacketsLost, PictureFault::Blocks, PictureFault::PacketsLost];
        world.entity_mut(scene.camera).insert((
            StreamFacts {
                codec: Some("H.264".into()),
                transport: Some("udp"),
                key_interval: Some(Duration::from_millis(2_000)),
                clock_offset: Some(SignedDuration::from_millis(-1_250)),
            },
            CameraCounters { faults: faults(&lost), ..CameraCounters::default() },
            StreamState::Impaired {
                impairment: Impairment::Damaged,
                reason: Arc::from("packets of 40 of 50 pictures were lost"),
            },
        ));
    });
    let known = camera(&engine);
    for (fact, expected) in [
        ("state", json!("damaged")),
        ("reason", json!("packets of 40 of 50 pictures were lost")),
        ("faults", json!({"packets_lost": 2, "blocks": 1})),
        ("integrity", json!("blocks")),
        ("codec", json!("H.264")),
        ("transport", json!("udp")),
        ("keyIntervalMs", json!(2_000)),
        ("clockOffsetMs", json!(-1_250)),
    ] {
        assert_eq!(known[fact], expected, "{fact}");
    }
}

#[test]
fn the_state_tells_the_last_actions_and_where_they_go() {
    let engine = Engine::start_beside(
        |_| {},
        |app| {
            app.init_resource::<RecentActions>().init_resource::<ActionServers>();
        },
    );
    let places = engine.ask(|world| {
        let origin = Origin {
            subscription: SubscriptionId::new("gate;cam"),
            model_name: "Cars".into(),
            node: "cars".into(),
        };
        let refused = RecentAction {
            kind: ActionKind::Publish,
            origin: origin.into(),
            outcome: Outcome::Refused,
            reason: Some("no permissions".into()),
            at: Moment { nanos: 1_500_000_000 },
            times: 1,
        };
        let done = RecentAction { outcome: Outcome::Executed, reason: None, ..refused.clone() };
        let recent = world.resource::<RecentActions>();
        [done.clone(), refused, done].into_iter().for_each(|action| recent.note(action));
        let servers = world.resource::<ActionServers>();
        let places = ["redis://a:6379/0", "redis://b:6379/0"].map(|name| servers.add(name));
        let since = Moment { nanos: 2_000_000_000 };
        places[1].set(Some(Absence { reason: "refused".into(), since }));
        places
    });
    let actions = &get(&engine, "/state").json()["actions"];
    let done = json!({
        "type": "redis_publish", "subscriptionIdentifier": "gate;cam", "modelName": "Cars",
        "node": "cars", "outcome": "executed", "reason": null,
        "timestamp": "1970-01-01T00:00:01.500Z", "times": 2,
    });
    assert_eq!(actions["recent"][0], done);
    assert_eq!(actions["recent"][1]["reason"], "no permissions");
    let away = json!({"reason": "refused", "timestamp": "1970-01-01T00:00:02.000Z"});
    let servers = json!([
        {"server": "redis://a:6379/0", "away": null},
        {"server": "redis://b:6379/0", "away": away},
    ]);
    assert_eq!(actions["servers"], servers);
    drop(places);
}

/// What Prometheus would read.
fn scrape(engine: &Engine) -> String {
    let answer = get(engine, "/metrics");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    String::from_utf8(answer.body).unwrap()
}

fn names(text: &str) -> BTreeSet<String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn what_happened_is_counted() {
    let engine = Engine::start();
    let mut cms = engine.connect();
    cms.next_of("stateReport");
    engine.ask(|world| {
        let scene = Scene::new(world);
        scene.subscribe(world, "gate;cam", None);
        let car = finding("car", 0.9, [4.0, 4.0, 60.0, 44.0]);
        scene.finish(world, frame(1, Moment::default()), vec![car]);
    });
    cms.next_of("imageDetection");
    cms.send(&json!({"type": "levitate"}));
    cms.next_of("error");
    let text = scrape(&engine);
    for expected in [
        "detector_clients 1.0",
        "detector_messages_refused_total{code=\"invalid_message\"} 1",
        "detector_messages_refused_total{code=\"forbidden_url\"} 0",
        "detector_messages_sent_total{type=\"imageDetection\"} 1",
        "detector_camera_online{camera=\"rtsp://host/stream\"} 1.0",
        "detector_cameras{state=\"failed\"} 0.0",
        "detector_step_duration_seconds_count{step=\"frame_age\"} 1",
    ] {
        let found = text.lines().any(|line| {
            line == expected || line == expected.replace("1.0", "1").replace("0.0", "0")
        });
        assert!(found, "no {expected} in\n{text}");
    }
}

#[test]
fn pictures_with_faults_are_counted_by_camera_and_fault() {
    let engine = Engine::start();
    engine.ask(|world| {
        // The second differs in what may not be told, the third has no faults and no clock.
        use PictureFault::{Frozen, PacketsLost};
        for (url, lost, offset_millis) in [
            ("rtsp://a:b@host/stream", vec![PacketsLost; 3], Some(250)),
            ("rtsp://c:d@host/stream", vec![Frozen, PacketsLost], Some(-1_500)),
            ("rtsp://other/stream", vec![], None),
        ] {
            world.spawn((
                Camera { source: CameraSource::stream(SecretUrl::parse(url).unwrap()) },
                CameraCounters { faults: faults(&lost), ..CameraCounters::default() },
                StreamFacts {
                    clock_offset: offset_millis.map(SignedDuration::from_millis),
                    ..StreamFacts::default()
                },
            ));
        }
    });
    let text = scrape(&engine);
    let of = |name: &str| -> BTreeSet<&str> {
        text.lines().filter_map(|line| line.strip_prefix(name)).collect()
    };
    let sample = |fault: PictureFault| {
        let count = match fault {
            PictureFault::PacketsLost => 4,
            PictureFault::Frozen => 1,
            _ => 0,
        };
        format!("{{camera=\"rtsp://host/stream\",fault=\"{}\"}} {count}", fault.as_str())
    };
    let expected = PictureFault::ALL.map(sample);
    assert_eq!(
        of("detector_camera_pictures_faulty_total"),
        expected.iter().map(String::as_str).collect()
    );
    let expected = BTreeSet::from(["{camera=\"rtsp://host/stream\"} -1.5"]);
    assert_eq!(of("detector_camera_clock_offset_seconds"), expected);
}

#[test]
fn each_state_of_a_camera_is_counted() {
    let engine = Engine::start();
    engine.ask(|world| {
        let scene = Scene::new(world);
        let (impairment, reason) = (Impairment::Covered, Arc::from("black for 12 s"));
        world.entity_mut(scene.camera).insert(StreamState::Impaired { impairment, reason });
    });
    let text = scrape(&engine);
    for state in StreamState::NAMES {
        let count = u8::from(state == "covered");
        let sample = format!("detector_cameras{{state=\"{state}\"}} {count}");
        assert!(text.lines().any(|line| line.starts_with(&sample)), "no {sample} in\n{text}");
    }
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let engine = Engine::start();
    let page = std::fs::read_to_string("../../docs/ref/metrics.md").unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `detector_"));
    let documented: BTreeSet<String> =
        rows.map(|row| format!("detector_{}", row.split('`').next().unwrap())).collect();
    assert_eq!(documented, names(&scrape(&engine)));
}

#[test]
fn the_dashboard_shows_metrics_that_exist() {
    let engine = Engine::start();
    let known = names(&scrape(&engine));
    let text = std::fs::read_to_string("../../deploy/grafana/detector-worker.json").unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let expressions: Vec<&str> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    assert!(expressions.len() > 10);
    let faults = "sum by (fault) (rate(detector_camera_pictures_faulty_total";
    assert!(expressions.iter().any(|expression| expression.starts_with(faults)));
    for expression in expressions {
        let words =
            expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        for word in words.filter(|word| word.starts_with("detector_")) {
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|part| word.strip_suffix(part))
                .unwrap_or(word);
            assert!(known.contains(base) || known.contains(word), "{word} in {expression}");
        }
    }
}

#[test]
fn many_ask_at_once_and_all_are_answered() {
    let engine = Engine::start();
    let pause = engine.pause();
    let ask = || {
        let url = format!("http://{}/state", engine.address);
        engine.runtime.spawn(async move { reqwest::get(url).await.unwrap().status().as_u16() })
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let asked: Vec<_> = (0..20).map(|_| ask()).collect();
    drop(pause);
    for answer in asked {
        assert_eq!(engine.runtime.block_on(answer).unwrap(), 200);
    }
}
