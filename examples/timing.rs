//! How well a worker keeps its time: heartbeats, replies and the age of frames.
//!
//! ```text
//! timing CHECKPOINT [SIDE]
//! ```
//!
//! A drawn camera at ten frames a second is watched through the checkpoint, whose input is SIDE
//! pixels wide and high. With a network that takes over a second, heartbeats are to keep within
//! 100 ms of their interval and `requestState` is to be answered within 100 ms; the age of a frame
//! when its detections are sent is to be the time of inference and at most 20 ms more, at the median.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use detector::config::Config;
use detector::worker::Running;
use detector_archive::pack;
use detector_simulator::{Footage, HttpServer, RtspServer, Scene, Stream};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

/// How long is measured, once the first detection has come.
const LENGTH: Duration = Duration::from_secs(30);
const HEARTBEAT: Duration = Duration::from_millis(500);

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let checkpoint: PathBuf = arguments.next().context("usage: timing CHECKPOINT [SIDE]")?.into();
    let side: Option<u32> = arguments.next().map(|side| side.parse()).transpose()?;

    let camera = RtspServer::start((Ipv4Addr::LOCALHOST, 0).into())?;
    camera.add("/drawn", Stream::new(Footage::Drawn { scene: Scene::default(), fps: 10 }))?;
    let folder = tempfile::tempdir()?;
    let archive = folder.path().join("model.mpta");
    let mut root = json!({"modelId": "m", "modelFile": "m.pt", "minConfidence": 0.05});
    if let Some(side) = side {
        root["resizeTarget"] = json!([side, side]);
    }
    pack(&archive, &json!({ "pipeline": root }), &[("m.pt", &checkpoint)])?;
    let web = HttpServer::start()?;
    web.put("/model.mpta", "application/zip", std::fs::read(&archive)?);
    let worker = Running::start(Config {
        listen: "127.0.0.1:0".to_owned(),
        device: "cpu".to_owned(),
        heartbeat_interval_secs: HEARTBEAT.as_secs_f64(),
        ..Config::default()
    })?;

    let subscribe = json!({"type": "subscribe", "payload": {
        "subscriptionIdentifier": "d;c", "rtspUrl": camera.url("/drawn").to_string(),
        "modelUrl": web.url("/model.mpta").to_string(), "modelId": 1, "modelName": "m",
    }});
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let taken = runtime.block_on(measure(worker.address(), subscribe))?;
    worker.stop()?;
    taken.print();
    Ok(())
}

#[derive(Default)]
struct Taken {
    heartbeats: Vec<f64>,
    replies: Vec<f64>,
    overheads: Vec<f64>,
    inferences: Vec<f64>,
}

/// Listens, and asks for the state every 700 ms. Heartbeats are told from replies by the client that
/// they come to: one asks, the other does not.
async fn measure(address: std::net::SocketAddr, subscribe: Value) -> Result<Taken> {
    let url = format!("ws://{address}/");
    let (mut listener, _) = tokio_tungstenite::connect_async(&url).await?;
    listener.send(Message::text(subscribe.to_string())).await?;
    let (mut asker, _) = tokio_tungstenite::connect_async(&url).await?;
    // The asker's own heartbeats come too: an answer is what comes first after asking.
    let ask = Message::text(json!({"type": "requestState"}).to_string());
    let mut asking = tokio::time::interval(Duration::from_millis(700));
    let (mut asked, mut began) = (None::<Instant>, None::<Instant>);
    let (mut last_beat, mut inference) = (None::<Instant>, None::<f64>);
    let mut taken = Taken::default();
    loop {
        if began.is_some_and(|began| began.elapsed() > LENGTH) {
            return Ok(taken);
        }
        tokio::select! {
            _ = asking.tick() => {
                asked = Some(Instant::now());
                asker.send(ask.clone()).await?;
            }
            answer = asker.next() => {
                answer.context("the worker closed the connection")??;
                if let (Some(asked), Some(_)) = (asked.take(), began) {
                    taken.replies.push(asked.elapsed().as_secs_f64() * 1e3);
                }
            }
            message = listener.next() => {
                let message = message.context("the worker closed the connection")??;
                let Ok(message) = serde_json::from_str::<Value>(message.to_text()?) else { continue };
                if message["type"] == "imageDetection" {
                    began.get_or_insert_with(Instant::now);
                    if let (Some(inference), Some(age)) = (inference, message["frameAgeMs"].as_f64()) {
                        taken.overheads.push(age - inference);
                    }
                } else if message["type"] == "stateReport" {
                    if let (Some(last), Some(_)) = (last_beat.replace(Instant::now()), began) {
                        let off = last.elapsed().as_secs_f64() - HEARTBEAT.as_secs_f64();
                        taken.heartbeats.push(off.abs() * 1e3);
                    }
                    inference = message["cameraConnections"][0]["inferenceMs"].as_f64().or(inference);
                    taken.inferences.extend(inference);
                }
            }
        }
    }
}

impl Taken {
    fn print(mut self) {
        for (what, values) in [
            ("inference, ms", &mut self.inferences),
            ("heartbeat off its interval, ms", &mut self.heartbeats),
            ("requestState answered after, ms", &mut self.replies),
            ("age beyond inference, ms", &mut self.overheads),
        ] {
            values.sort_by(f64::total_cmp);
            let (Some(most), count) = (values.last(), values.len()) else {
                println!("{what:<34} nothing was measured");
                continue;
            };
            println!("{what:<34} median {:.1}, most {most:.1} of {count}", values[count / 2]);
        }
    }
}
