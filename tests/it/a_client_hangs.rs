//! A CMS hangs: it has subscribed a thousand displays and reads nothing of what it is sent, for half a
//! minute. Whoever reads notices nothing, and the worker's memory stays within its bound.

use std::io::Write;
use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio_tungstenite::tungstenite::Message;

use crate::program::Program;
use crate::stand::{Cms, start_camera, start_web_server, state};

/// Heartbeats of a second each, for which it does not read.
const HEARTBEATS: usize = 30;
/// What may wait for one client: `outbox.rs` in the stage.
const MAX_WAITING_BYTES: u64 = 4 << 20;
/// What the process may grow by meanwhile, for whatever reason. What is sent to who does not read is
/// several times as much.
const MAX_GROWTH_BYTES: u64 = 48 << 20;
const DISPLAYS: usize = 1_000;

/// A client that takes a few kilobytes from the worker, and then nothing more.
struct Hung {
    _runtime: tokio::runtime::Runtime,
    _socket: tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>,
}

impl Hung {
    fn connect(worker: SocketAddr, message: &Value) -> Self {
        use futures_util::SinkExt;

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let socket = runtime.block_on(async {
            let socket = TcpSocket::new_v4().unwrap();
            // The system keeps what was not read: little of it here.
            socket.set_recv_buffer_size(4_096).unwrap();
            let stream = socket.connect(worker).await.unwrap();
            let (mut socket, _) =
                tokio_tungstenite::client_async(format!("ws://{worker}/"), stream).await.unwrap();
            socket.send(Message::text(message.to_string())).await.unwrap();
            socket
        });
        Self { _runtime: runtime, _socket: socket }
    }
}

fn dropped(state: &Value) -> u64 {
    state["counters"]["droppedDetections"].as_u64().unwrap()
}

#[test]
fn a_client_that_stops_reading_for_30_s_changes_nothing_for_others() {
    let (camera, web) = (start_camera(), start_web_server(1));
    let (url, model) = (camera.url("/drawn").to_string(), web.url("/colors.mpta").to_string());
    let worker = Program::start(&["run", "--device", "cpu", "--set", "heartbeat_interval_secs=1"]);
    let address = worker.address();
    let mut reading = Cms::connect(address);
    reading.subscribe("gate;drawn", &url, &model);
    reading.wait_for_detection("gate;drawn");

    let subscription = |number| {
        json!({"subscriptionIdentifier": format!("hung-{number};drawn"), "rtspUrl": url,
            "modelUrl": model, "modelId": 7, "modelName": "Colours"})
    };
    let subscriptions: Vec<_> = (0..DISPLAYS).map(subscription).collect();
    let list = json!({"type": "setSubscriptionList", "subscriptions": subscriptions});
    let _hung = Hung::connect(address, &list);
    // Its socket is full: newer detections take the place of older ones.
    let mut before = Value::Null;
    reading.wait_for("something to be dropped", |message| {
        message["type"] == "stateReport"
            && message["cameraConnections"].as_array().unwrap().len() > DISPLAYS
    });
    while before.is_null() || dropped(&before) == 0 {
        reading.wait_for_detection("gate;drawn");
        before = state(address);
    }
    let memory_before = worker.memory();

    let mut last = 0;
    for heartbeat in 0..HEARTBEATS {
        let mut seen = 0;
        // A report lists what all clients watch.
        reading.wait_for("a heartbeat", |message| {
            if message["type"] == "imageDetection" {
                let frame = message["frame"].as_u64().unwrap();
                assert!(frame > last, "{frame} after {last}");
                last = frame;
                seen += 1;
            }
            message["type"] == "stateReport"
        });
        assert!(seen > 0, "nothing was seen between two heartbeats");
        let now = state(address);
        let clients = now["clients"].as_array().unwrap();
        assert_eq!(clients.len(), 2, "nobody was sent away");
        let mut waiting: Vec<_> =
            clients.iter().map(|client| client["waitingBytes"].as_u64().unwrap()).collect();
        waiting.sort_unstable();
        assert!(waiting[0] < 100_000, "who reads waits for nothing: {waiting:?}");
        assert!(waiting[1] <= MAX_WAITING_BYTES, "{waiting:?}");
        assert!(waiting[1] > waiting[0], "{waiting:?}");
        let memory = worker.memory();
        let grown = memory.saturating_sub(memory_before);
        let _ = writeln!(
            std::io::stderr(),
            "{heartbeat}: {seen} seen, {} dropped, {} bytes wait, {grown} bytes more",
            dropped(&now),
            waiting[1],
        );
        assert!(grown <= MAX_GROWTH_BYTES, "{memory_before} bytes have become {memory}");
    }
    let after = state(address);
    assert!(dropped(&after) > dropped(&before));
    assert_eq!(after["counters"]["droppedReplies"], 0);
    assert_eq!(worker.end(), Some(0));
}
