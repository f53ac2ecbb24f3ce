//! `detector-worker demo`: the whole job on this machine, with real models and real video.
//!
//! Around a worker as it is deployed stand cameras, a CMS and a consumer at Redis, all on loopback.
//! Nothing in the worker knows of them.

mod cms;
mod inbox;
mod screen;
mod surroundings;
mod verdict;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use console::style;
use serde_json::json;

use self::cms::{Told, Wish};
use self::inbox::Inbox;
use self::screen::{Scene, Screen};
use self::surroundings::Surroundings;
use crate::cli::DemoArgs;
use crate::config::Config;
use crate::worker::Running;
use crate::{log, stop};

/// Between two drawings, and two looks at whether it is over.
const FRAME: Duration = Duration::from_millis(250);
/// Between two annotated pictures of each subscription.
const PICTURE_INTERVAL: Duration = Duration::from_secs(1);
/// The subscription that looks at the picture of a bus.
const SNAPSHOT: &str = "lobby;bus-stop";

/// Runs the command. `false`: something that it is to show did not happen.
///
/// # Errors
/// When it cannot begin, or standard output is closed.
pub fn demo(args: &DemoArgs) -> Result<bool> {
    let output = match &args.output {
        Some(output) => output.clone(),
        None => std::env::temp_dir().join("detector-demo"),
    };
    fs::create_dir_all(&output).with_context(|| format!("making {}", output.display()))?;
    let _log = log::start_in_file(&output, "info")?;
    let over = Arc::new(AtomicBool::new(false));
    let ask = over.clone();
    stop::on_signal(move || ask.store(true, Ordering::Release))?;

    step("starting cameras, a web server and Redis");
    let assets = args.assets.clone().map_or_else(default_assets, Ok)?;
    let surroundings = Surroundings::start(&assets)?;
    for (what, address) in surroundings.described() {
        println!("  {what:<28} {address}");
    }

    step("starting the worker");
    let worker = Running::start(Config {
        listen: "127.0.0.1:0".to_owned(),
        device: args.device.clone(),
        ..Config::default()
    })?;
    println!("  {:<28} ws://{}/", "the worker", worker.address());
    println!("  {:<28} {}", "inference", worker.device());

    step("subscribing, as a CMS would");
    let wishes = wishes(&surroundings);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("demo")
        .enable_all()
        .build()
        .context("starting the demo's threads")?;
    let (told, inbox) = (Told::default(), Inbox::default());
    let model = json!({"modelUrl": surroundings.model_url(), "modelId": 1, "modelName": "Street"});
    let watching = cms::watch(worker.address(), model, wishes.clone(), told.clone());
    let failing = told.clone();
    runtime.spawn(async move {
        if let Err(error) = watching.await {
            failing.lock().ended = Some(format!("{error:#}"));
        }
    });
    let (listening, failing, redis) = (inbox.clone(), told.clone(), surroundings.redis_address());
    runtime.spawn(async move {
        if let Err(error) = listening.listen(redis).await {
            failing.lock().errors.push(format!("{error:#}"));
        }
    });
    runtime.spawn(save_pictures(worker.address(), wishes.clone(), output.clone()));
    println!();

    let began = Instant::now();
    let length = args.seconds.map(Duration::from_secs);
    let mut screen = Screen::new();
    let pictures = format!("{}/*.jpg", output.display());
    loop {
        let remaining = length.map(|length| length.saturating_sub(began.elapsed()));
        screen.draw(&Scene {
            wishes: &wishes,
            book: &told.lock(),
            mail: &inbox.lock(),
            device: worker.device(),
            pictures: &pictures,
            remaining,
        })?;
        if remaining == Some(Duration::ZERO) || over.load(Ordering::Acquire) || worker.has_ended() {
            break;
        }
        thread::sleep(FRAME);
    }

    let shortfalls = verdict::shortfalls(&wishes, SNAPSHOT, &told.lock(), &inbox.lock());
    drop(runtime);
    worker.stop().context("stopping the worker")?;
    summarise(&wishes, &told, &inbox, &output, began.elapsed(), &shortfalls)?;
    // Who ends the demo early has seen what there was to see.
    Ok(shortfalls.is_empty() || (length.is_none() && over.load(Ordering::Acquire)))
}

/// Two displays that look at different parts of the same camera, and one that looks at a still.
fn wishes(surroundings: &Surroundings) -> Vec<Wish> {
    let street = surroundings.street_url();
    let part = |x1: u32, x2: u32| json!({"rtspUrl": street, "cropX1": x1, "cropY1": 0, "cropX2": x2, "cropY2": 272});
    vec![
        Wish { id: "gate;street", title: "RTSP, left of the street", payload: part(0, 352) },
        Wish { id: "office;street", title: "RTSP, right of the street", payload: part(288, 640) },
        Wish {
            id: SNAPSHOT,
            title: "HTTP snapshot",
            payload: json!({
                "snapshotUrl": surroundings.snapshot_url(), "snapshotInterval": 2_000,
            }),
        },
    ]
}

/// Fetches what each display sees, boxes drawn, as a person would with a browser.
async fn save_pictures(worker: SocketAddr, wishes: Vec<Wish>, output: PathBuf) {
    let mut interval = tokio::time::interval(PICTURE_INTERVAL);
    loop {
        interval.tick().await;
        for wish in &wishes {
            let id = wish.id.replace(';', "%3B");
            let url = format!("http://{worker}/camera/{id}/image?annotated=1");
            let Ok(response) = reqwest::get(url).await else { continue };
            // No frame yet is no fault: the next second has one.
            if !response.status().is_success() {
                continue;
            }
            let Ok(bytes) = response.bytes().await else { continue };
            let file = output.join(format!("{}.jpg", wish.id.replace(';', "-")));
            if let Err(error) = write_whole(&file, &bytes) {
                tracing::warn!(file = %file.display(), %error, "a picture was not written");
            }
        }
    }
}

/// A viewer that watches the file never sees half of it.
fn write_whole(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let partial = file.with_extension("part");
    fs::write(&partial, bytes)?;
    fs::rename(&partial, file)
}

fn summarise(
    wishes: &[Wish],
    told: &Told,
    inbox: &Inbox,
    output: &Path,
    took: Duration,
    shortfalls: &[String],
) -> Result<()> {
    let (book, mail) = (told.lock(), inbox.lock());
    if let Some((_, bytes)) = &mail.newest_picture {
        write_whole(&output.join("redis.jpg"), bytes).context("writing the picture of Redis")?;
    }
    println!("\n{}", style(format!("After {:.0} s", took.as_secs_f64())).bold());
    for wish in wishes {
        let entry = book.subscriptions.get(wish.id).cloned().unwrap_or_default();
        let classes: Vec<_> =
            entry.most.iter().map(|(class, count)| format!("{count} x {class}")).collect();
        println!("  {:<18} {} results, at most {}", wish.id, entry.messages, classes.join(", "));
    }
    println!("  {:<18} {} messages, {} pictures", "Redis", mail.messages, mail.pictures);
    println!("  {:<18} {}", "pictures and log", output.display());
    if shortfalls.is_empty() {
        println!("{}", style("Every part did its job.").green().bold());
    }
    for shortfall in shortfalls {
        println!("{} {shortfall}", style("missing:").red().bold());
    }
    Ok(())
}

fn step(text: &str) {
    println!("{} {text}", style("==").cyan().bold());
}

fn default_assets() -> Result<PathBuf> {
    let cache = dirs::cache_dir().context("there is no cache directory: name one by --assets")?;
    let assets = cache.join("detector-worker/assets");
    if !assets.exists() {
        bail!("{} is not there: run script/demo, or script/assets first", assets.display());
    }
    Ok(assets)
}
