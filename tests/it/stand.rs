//! What stands around the worker in a test: cameras, a web server, Redis, and a CMS to talk through.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use detector::config::Config;
use detector::worker::Running;
use detector_archive::pack;
use detector_simulator::{Footage, HttpServer, RtspServer, Stream};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// The longest that anything in a test may take. Reaching it is a failure.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A worker with impatient time-outs, so that tests of failures take seconds.
pub fn start_worker(config: Config) -> Running {
    Running::start(Config { listen: "127.0.0.1:0".to_owned(), device: "cpu".to_owned(), ..config })
        .unwrap()
}

pub fn impatient() -> Config {
    Config {
        reconnect_interval_secs: 0.2,
        stall_timeout_secs: 2.0,
        heartbeat_interval_secs: 0.2,
        shutdown_grace_secs: 2.0,
        ..Config::default()
    }
}

/// An RTSP camera at `/drawn` that shows coloured squares and balls.
pub fn start_camera() -> RtspServer {
    start_camera_on((Ipv4Addr::LOCALHOST, 0).into())
}

pub fn start_camera_on(address: SocketAddr) -> RtspServer {
    let server = RtspServer::start(address).unwrap();
    server.add("/drawn", Stream::new(Footage::drawn())).unwrap();
    server
}

pub fn fixture(name: &str) -> PathBuf {
    // Absolute, as the worker may be told to run elsewhere; found where the test is run, not where
    // it was built: a build cache outlives the checkout that filled it.
    std::path::absolute("tests/fixtures/models").unwrap().join(name)
}

/// A web server that has, at `/colors.mpta`, a pipeline that finds squares and balls and says their
/// colour.
pub fn start_web_server(redis_port: u16) -> HttpServer {
    let http = HttpServer::start().unwrap();
    http.put("/colors.mpta", "application/zip", archive(&colors(redis_port)));
    http
}

/// An archive with networks that find squares and balls, tell their colours, and find a bit of everything
/// everywhere.
pub fn archive(pipeline: &Value) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("archive.mpta");
    let (detect, classify) = (fixture("tiny-color-detect.pt"), fixture("tiny-color-classify.pt"));
    let unsure = fixture("tiny-v8.pt");
    let files = [
        ("detect.pt", detect.as_path()),
        ("classify.pt", classify.as_path()),
        ("unsure.pt", unsure.as_path()),
    ];
    pack(&out, pipeline, &files).unwrap();
    std::fs::read(&out).unwrap()
}

pub fn colors(redis_port: u16) -> Value {
    json!({
        "pipeline": {
            "modelId": "shape",
            "modelFile": "detect.pt",
            "minConfidence": 0.5,
            "branches": [{
                "modelId": "color",
                "modelFile": "classify.pt",
                "triggerClasses": ["square", "ball"],
                "crop": true,
                "minConfidence": 0.5,
            }],
            "actions": [
                {"type": "redis_save_image", "key": "shot:{camera_id}:{frame}:{uuid}", "expire_seconds": 60},
                {
                    "type": "redis_publish",
                    "channel": "shapes",
                    "message": r#"{"camera":"{camera_id}","shape":"{class}","color":"{color}","image":"{image_key}"}"#,
                },
            ],
        },
        "redis": {"host": "127.0.0.1", "port": redis_port},
    })
}

/// A CMS: a WebSocket client that waits for what it expects.
pub struct Cms {
    runtime: Runtime,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Every message that came, where that is kept.
    heard: Option<String>,
}

impl Cms {
    pub fn connect(worker: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (socket, _) =
            runtime.block_on(tokio_tungstenite::connect_async(format!("ws://{worker}/"))).unwrap();
        Self { runtime, socket, heard: None }
    }

    /// Connects to a worker that wants a token.
    pub fn connect_with(worker: SocketAddr, token: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let url = format!("ws://{worker}/?token={token}");
        let (socket, _) = runtime.block_on(tokio_tungstenite::connect_async(url)).unwrap();
        Self { runtime, socket, heard: None }
    }

    /// Keeps every message from here on.
    pub fn keep_what_is_heard(&mut self) {
        self.heard = Some(String::new());
    }

    /// Every message that was kept, one a line.
    pub fn heard(&self) -> &str {
        self.heard.as_deref().unwrap_or_default()
    }

    /// What HTTP answers: status, headers and body.
    pub fn get(&self, url: &str, token: Option<&str>) -> String {
        let client = http_client();
        self.runtime.block_on(async {
            let mut request = client.get(url);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let response = request.send().await.unwrap();
            let head = format!("{} {:?}\n", response.status(), response.headers());
            head + &response.text().await.unwrap() + "\n"
        })
    }

    /// Waits until the worker closes the connection: what it says then.
    pub fn wait_for_close(&mut self) -> Option<String> {
        loop {
            let message = self
                .runtime
                .block_on(async { tokio::time::timeout(PATIENCE, self.socket.next()).await });
            match message.expect("an end in time") {
                Some(Ok(Message::Close(frame))) => {
                    return frame.map(|frame| frame.reason.as_str().to_owned());
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    pub fn send(&mut self, message: &Value) {
        self.send_raw(Message::text(message.to_string()));
    }

    pub fn send_raw(&mut self, message: Message) {
        self.runtime.block_on(self.socket.send(message)).unwrap();
    }

    pub fn subscribe(&mut self, id: &str, camera: &str, model: &str) {
        self.send(&json!({"type": "subscribe", "payload": {
            "subscriptionIdentifier": id, "rtspUrl": camera,
            "modelUrl": model, "modelId": 7, "modelName": "Colours",
        }}));
    }

    pub fn unsubscribe(&mut self, id: &str) {
        self.send(&json!({"type": "unsubscribe", "payload": {"subscriptionIdentifier": id}}));
    }

    /// The next message. Fails when there is none in time.
    pub fn next(&mut self) -> Value {
        loop {
            let message = self
                .runtime
                .block_on(async { tokio::time::timeout(PATIENCE, self.socket.next()).await });
            match message.expect("a message in time").expect("an open socket").unwrap() {
                Message::Text(text) => {
                    if let Some(heard) = &mut self.heard {
                        heard.push_str(&text);
                        heard.push('\n');
                    }
                    return serde_json::from_str(&text).unwrap();
                }
                _ => continue,
            }
        }
    }

    /// The first message from here on that is as wanted. Fails when there is none in time.
    #[track_caller]
    pub fn wait_for(&mut self, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut last = Value::Null;
        while Instant::now() < deadline {
            let message = self.next();
            if wanted(&message) {
                return message;
            }
            last = message;
        }
        panic!("no {what} in time; the last message was {last}");
    }

    #[track_caller]
    pub fn wait_for_detection(&mut self, id: &str) -> Value {
        self.wait_for("detection", |message| {
            message["type"] == "imageDetection" && message["subscriptionIdentifier"] == id
        })
    }

    #[track_caller]
    pub fn wait_for_state(&mut self, id: &str, state: &str) -> Value {
        self.wait_for(state, |message| entry(message, id).is_some_and(|e| e["state"] == state))
    }
}

impl Cms {
    /// Waits until a report says why a subscription does not run, whatever its state is called.
    #[track_caller]
    pub fn wait_for_reason(&mut self, id: &str) -> String {
        let failed = |entry: &Value| {
            matches!(entry["state"].as_str(), Some("reconnecting" | "failed"))
                && entry["reason"].is_string()
        };
        let report = self.wait_for("a reason", |report| entry(report, id).is_some_and(failed));
        entry(&report, id).unwrap()["reason"].as_str().unwrap().to_owned()
    }
}

/// The entry of a subscription in a state report.
pub fn entry<'a>(report: &'a Value, id: &str) -> Option<&'a Value> {
    let entries = report["cameraConnections"].as_array()?;
    entries.iter().find(|entry| entry["subscriptionIdentifier"] == id)
}

fn http_client() -> reqwest::Client {
    // Whoever comes first installs it; they are all the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// `GET /state`.
pub fn state(worker: SocketAddr) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("http://{worker}/state");
    let client = http_client();
    let text = runtime.block_on(async { client.get(url).send().await?.text().await }).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The state, once `done` says so.
#[track_caller]
pub fn state_when(worker: SocketAddr, cms: &mut Cms, done: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let state = state(worker);
        if done(&state) {
            return state;
        }
        assert!(Instant::now() < deadline, "{state:#}");
        // Heartbeats set the pace.
        cms.wait_for("a heartbeat", |message| message["type"] == "stateReport");
    }
}
