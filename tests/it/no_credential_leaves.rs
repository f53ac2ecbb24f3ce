//! Everything that a CMS says may hold a credential: cameras, snapshots, signed archives, the Redis
//! that an archive names, the token. None of them is ever seen again: not in the log, text or JSON,
//! not in a message, an error, or anything that HTTP answers.

use detector_components::camera::{Camera, CameraSource};
use detector_components::model::{Model, ModelSource, RedisServer};
use detector_components::secret::{Secret, SecretUrl};
use detector_simulator::{Footage, Login, RtspServer, Stream};
use serde_json::{Value, json};

use crate::program::Program;
use crate::stand::{Cms, archive, colors, start_web_server};

/// Part of every credential here.
const SECRET: &str = "s3cr3t";

fn secret(what: &str) -> String {
    format!("{SECRET}-{what}")
}

/// A camera that wants a login, by the digest scheme.
fn locked_camera() -> RtspServer {
    let server = RtspServer::start(([127, 0, 0, 1], 0).into()).unwrap();
    let login = Login { user: "viewer".to_owned(), password: secret("camera"), digest: true };
    server.add("/drawn", Stream::new(Footage::drawn()).login(login)).unwrap();
    server
}

fn with_login(mut url: url::Url, password: &str) -> String {
    url.set_username("viewer").unwrap();
    url.set_password(Some(password)).unwrap();
    url.set_query(Some(&format!("key={}", secret("query"))));
    url.into()
}

/// What a CMS may subscribe, right and wrong.
fn wishes(camera: &RtspServer, web: &detector_simulator::HttpServer) -> Vec<(&'static str, Value)> {
    let model = format!("{}?sig={}", web.url("/colors.mpta"), secret("signature"));
    let locked = with_login(web.url("/colors.mpta"), &secret("archive"));
    let missing = with_login(web.url("/none.mpta"), &secret("archive"));
    let wrong_redis = format!("{}?sig={}", web.url("/wrong-redis.mpta"), secret("signature"));
    let good = with_login(camera.url("/drawn"), &secret("camera"));
    let refused = with_login(camera.url("/drawn"), &secret("wrong"));
    let nobody = format!("rtsp://viewer:{}@127.0.0.1:1/none", secret("nobody"));
    let still = with_login(web.url("/still.jpg"), &secret("snapshot"));
    let broken = format!("rtsp://viewer:{}@127.0.0.1:port/", secret("broken"));
    let ftp = format!("ftp://viewer:{}@127.0.0.1/", secret("ftp"));
    vec![
        ("good", json!({"rtspUrl": good, "modelUrl": model})),
        ("refused", json!({"rtspUrl": refused, "modelUrl": locked})),
        ("nobody", json!({"rtspUrl": nobody, "modelUrl": model})),
        ("still", json!({"snapshotUrl": still, "snapshotInterval": 200, "modelUrl": model})),
        ("modelless", json!({"rtspUrl": good, "modelUrl": missing})),
        ("redisless", json!({"rtspUrl": good, "modelUrl": wrong_redis})),
        ("broken", json!({"rtspUrl": broken, "modelUrl": model})),
        ("forbidden", json!({"rtspUrl": ftp, "modelUrl": ftp})),
        ("mistyped", json!({"rtspUrl": [good], "modelUrl": {"url": missing}})),
    ]
}

/// Everything that a worker has said, wherever, to a CMS that tells it secrets.
fn everything_said(format: &str) -> String {
    let (camera, web) = (locked_camera(), start_web_server(1));
    // A password of the wrong type is refused, and a server that is not there is tried.
    let mut wrong = colors(1);
    wrong["redis"]["password"] = json!([secret("redis")]);
    web.put("/wrong-redis.mpta", "application/zip", archive(&wrong));
    let mut right = colors(1);
    right["redis"]["username"] = json!("worker");
    right["redis"]["password"] = json!(secret("redis"));
    web.put("/colors.mpta", "application/zip", archive(&right));
    web.put("/still.jpg", "image/jpeg", still());

    let logs = tempfile::tempdir().unwrap();
    let directory = format!("log.directory={}", logs.path().display());
    let format = format!("log.format={format}");
    let token = format!("auth.token={}", secret("token"));
    let settings = [
        "log.level=trace",
        &*format,
        &*directory,
        &*token,
        "heartbeat_interval_secs=0.2",
        "reconnect_interval_secs=0.2",
    ];
    let mut args = vec!["run", "--device", "cpu"];
    args.extend(settings.iter().flat_map(|setting| ["--set", setting]));
    let worker = Program::start(&args);

    let mut cms = Cms::connect_with(worker.address(), &secret("token"));
    cms.keep_what_is_heard();
    for (camera, payload) in wishes(&camera, &web) {
        let mut payload = payload;
        payload["subscriptionIdentifier"] = json!(format!("gate;{camera}"));
        payload["modelId"] = json!(1);
        payload["modelName"] = json!("Colours");
        cms.send(&json!({"type": "subscribe", "payload": payload}));
    }
    cms.wait_for_detection("gate;good");
    cms.wait_for_detection("gate;still");
    cms.wait_for_state("gate;modelless", "model_failed");
    cms.wait_for_state("gate;redisless", "model_failed");
    cms.wait_for_reason("gate;refused");
    cms.wait_for_reason("gate;nobody");
    let mut said = cms.heard().to_owned();
    let address = worker.address();
    for path in ["/state", "/metrics", "/healthz", "/readyz", "/camera/none/image", "/none"] {
        for token in [Some(secret("token")), None] {
            said.push_str(&cms.get(&format!("http://{address}{path}"), token.as_deref()));
        }
    }
    worker.signal(signal_hook::consts::SIGTERM);
    let (status, lines) = worker.wait_for_end();
    assert_eq!(status, Some(0), "{lines}");
    let file = std::fs::read_to_string(logs.path().join("detector_worker.log")).unwrap();
    assert!(file.contains("gate") || file.contains("127.0.0.1"), "{file}");
    said.push_str(&lines);
    said.push_str(&file);
    said
}

fn still() -> Vec<u8> {
    let still = detector_simulator::Scene::default().draw(0);
    let whole = detector_components::geometry::Region::whole(still.size());
    detector_picture::encode_jpeg(&still, whole, 95).unwrap()
}

#[track_caller]
fn check(said: &str) {
    let leak = said.lines().find(|line| line.contains(SECRET));
    assert!(leak.is_none(), "a credential leaves: {}", leak.unwrap_or_default());
}

#[test]
fn none_is_in_a_log_for_people_or_in_what_a_client_is_told() {
    let said = everything_said("text");
    check(&said);
    // The camera that a line is about is in it.
    assert!(said.lines().any(|line| line.contains("refuses user or password")
        && line.contains("camera=rtsp://127.0.0.1")));
}

#[test]
fn none_is_in_a_log_for_machines() {
    let said = everything_said("json");
    check(&said);
    let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_cameras = lines.filter(|line| line["level"].is_string() && line["camera"].is_string());
    assert!(of_cameras.count() > 0, "{said}");
}

#[test]
fn none_is_in_a_debug_print_of_the_world() {
    let url = |what: &str| {
        let text = format!("http://u:{}@host/a?sig={}", secret(what), secret("signature"));
        SecretUrl::parse(&text).unwrap()
    };
    let redis = RedisServer {
        host: "redis".to_owned(),
        port: 6379,
        username: Some("worker".to_owned()),
        password: Some(Secret::new(secret("redis"))),
        db: 0,
        tls: false,
    };
    let printed = [
        format!("{:?}", Camera { source: CameraSource::stream(url("camera")) }),
        format!("{:?}", Model { source: ModelSource::Url(url("model")) }),
        format!("{redis:?}"),
        format!(
            "{:?}",
            detector::config::Auth { token: Some(secret("token")), ..Default::default() }
        ),
    ];
    check(&printed.join("\n"));
    assert!(printed.iter().all(|text| text.len() > 10));
}
