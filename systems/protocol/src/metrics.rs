//! What is counted, as Prometheus wants it. `docs/ref/metrics.md` documents each; a test keeps it
//! equal to what is here.

use std::collections::BTreeMap;

use detector_components::camera::StreamState;
use detector_components::clock::Moment;
use detector_components::command::RefusalCode;
use detector_components::integrity::PictureFault;
use detector_components::model::ModelState;
use detector_components::network::NetworkState;
use detector_components::timing::{Step, Timings};
use jiff::SignedDuration;

use crate::census::Census;
use crate::exposition::{Labels, Metrics};

/// Looks at everything that is counted.
pub fn gather(census: &Census) -> Metrics {
    let mut metrics = Metrics::default();
    worker(&mut metrics, census);
    clients(&mut metrics, census);
    world(&mut metrics, census);
    cameras(&mut metrics, census);
    views(&mut metrics, census);
    networks(&mut metrics, census);
    actions(&mut metrics, census);
    queues(&mut metrics, census);
    steps(&mut metrics, &census.timings);
    metrics
}

fn one(name: &'static str, value: impl Into<String>) -> Labels {
    vec![(name, value.into())]
}

fn worker(metrics: &mut Metrics, census: &Census) {
    let around = &census.surroundings;
    let vitals = *around.vitals.borrow();
    let labels = vec![
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("worker_id", around.config().worker_id.clone()),
    ];
    metrics.gauge("detector_info", "Always 1; its labels say what runs", [(labels, 1.0)]);
    let uptime = around.timepiece.now().since(Moment::default()).as_secs_f64();
    metrics.gauge("detector_uptime_seconds", "Time since the start", [(vec![], uptime)]);
    metrics.counter(
        "detector_engine_runs",
        "Runs of the engine's schedules",
        [(vec![], census.clock.run)],
    );
    for (name, help, percent) in [
        ("detector_cpu_usage_ratio", "Load of all processors, 0 to 1", vitals.cpu_percent),
        ("detector_memory_usage_ratio", "Memory in use, 0 to 1", vitals.memory_percent),
        ("detector_gpu_usage_ratio", "Load of the GPU, 0 to 1", vitals.gpu_percent),
        (
            "detector_gpu_memory_usage_ratio",
            "The GPU's memory in use, 0 to 1",
            vitals.gpu_memory_percent,
        ),
    ] {
        metrics.gauge(name, help, [(vec![], f64::from(percent) / 100.0)]);
    }
}

fn clients(metrics: &mut Metrics, census: &Census) {
    let counts = census.counters.counts();
    let connected = census.clients.iter().count() as f64;
    metrics.gauge("detector_clients", "WebSocket clients now", [(vec![], connected)]);
    metrics.counter(
        "detector_clients_connected",
        "WebSocket clients that connected",
        [(vec![], counts.clients)],
    );
    metrics.counter(
        "detector_connections_turned_away",
        "Connections without the token, or one too many",
        [(vec![], counts.turned_away)],
    );
    metrics.counter(
        "detector_messages_received",
        "Messages that clients sent, whatever they were",
        [(vec![], counts.messages)],
    );
    metrics.counter(
        "detector_messages_refused",
        "Messages that were refused, by the code of the error",
        RefusalCode::ALL
            .map(|code| (one("code", code.as_str()), census.counters.refused_for(code))),
    );
    metrics.counter(
        "detector_messages_sent",
        "Messages put into clients' outboxes, by type",
        [
            ("stateReport", counts.reports),
            ("imageDetection", counts.detections),
            ("patchSession", counts.patches),
        ]
        .map(|(kind, count)| (one("type", kind), count)),
    );
    metrics.counter(
        "detector_messages_dropped",
        "Messages that a client did not read in time, by what they were",
        [
            ("reply", counts.dropped_replies),
            ("heartbeat", counts.dropped_heartbeats),
            ("detection", counts.dropped_detections),
        ]
        .map(|(kind, count)| (one("kind", kind), count)),
    );
    metrics.counter(
        "detector_session_patch_results",
        "What the CMS says became of our patchSession messages",
        [("true", counts.patches_taken), ("false", counts.patches_failed)]
            .map(|(success, count)| (one("success", success), count)),
    );
}

fn world(metrics: &mut Metrics, census: &Census) {
    for (name, help, count) in [
        ("detector_subscriptions", "Subscriptions now", census.subscriptions.iter().count()),
        ("detector_displays", "Displays now", census.displays.iter().count()),
        ("detector_views", "Views now", census.views.iter().count()),
    ] {
        metrics.gauge(name, help, [(vec![], count as f64)]);
    }
    let states = census.cameras.iter().map(|(_, _, state, ..)| state.as_str());
    let all = StreamState::NAMES;
    metrics.gauge("detector_cameras", "Cameras now, by state", by_state(all, states));
    let states = census.models.iter().map(|(_, _, state, ..)| match state {
        ModelState::Fetching => "fetching",
        ModelState::Loading => "loading",
        ModelState::Ready => "ready",
        ModelState::Failed { .. } => "failed",
    });
    let all = ["fetching", "loading", "ready", "failed"];
    metrics.gauge("detector_models", "Models now, by state", by_state(all, states));
    let states = census.networks.iter().map(|(_, _, state, ..)| match state {
        NetworkState::Loading => "loading",
        NetworkState::Ready => "ready",
        NetworkState::Failed { .. } => "failed",
    });
    let all = ["loading", "ready", "failed"];
    metrics.gauge("detector_networks", "Networks now, by state", by_state(all, states));
}

/// How many are in each state; none is left out.
fn by_state<const N: usize>(
    all: [&'static str; N],
    found: impl Iterator<Item = &'static str>,
) -> Vec<(Labels, f64)> {
    let mut counts = all.map(|state| (state, 0.0));
    for state in found {
        if let Some((_, count)) = counts.iter_mut().find(|(known, _)| *known == state) {
            *count += 1.0;
        }
    }
    counts.map(|(state, count)| (one("state", state), count)).to_vec()
}

/// A camera as it is called in labels. Cameras whose addresses differ in what may not be told are
/// counted together.
#[derive(Default)]
struct CameraSum {
    online: f64,
    fps: f64,
    received: u64,
    sampled: u64,
    reconnects: u64,
    overwritten: u64,
    skipped: u64,
    faults: BTreeMap<PictureFault, u64>,
    /// The larger of several: a sum would say nothing.
    clock_offset: Option<SignedDuration>,
}

fn cameras(metrics: &mut Metrics, census: &Census) {
    let mut sums: BTreeMap<String, CameraSum> = BTreeMap::new();
    for (_, camera, state, counters, facts, _, slot, _) in &census.cameras {
        let sum = sums.entry(camera.source.to_string()).or_default();
        sum.online += f64::from(u8::from(state.is_online()));
        sum.fps += f64::from(counters.fps);
        sum.received += slot.map_or(0, |slot| slot.received());
        sum.sampled += counters.sampled;
        sum.reconnects += counters.reconnects;
        sum.overwritten += slot.map_or(0, |slot| slot.overwritten());
        sum.skipped += counters.skipped;
        for (fault, count) in counters.faults.iter() {
            *sum.faults.entry(fault).or_default() += count;
        }
        let offsets = sum.clock_offset.into_iter().chain(facts.clock_offset);
        sum.clock_offset = offsets.max_by_key(|offset| offset.unsigned_abs());
    }
    let label = |camera: &String| one("camera", camera.clone());
    let gauges = |value: fn(&CameraSum) -> f64| {
        sums.iter().map(move |(camera, sum)| (label(camera), value(sum))).collect::<Vec<_>>()
    };
    let counters = |value: fn(&CameraSum) -> u64| {
        sums.iter().map(move |(camera, sum)| (label(camera), value(sum))).collect::<Vec<_>>()
    };
    metrics.gauge("detector_camera_online", "1 while it gives frames", gauges(|sum| sum.online));
    metrics.gauge("detector_camera_fps", "Frames a second that arrive", gauges(|sum| sum.fps));
    metrics.counter(
        "detector_camera_frames_received",
        "Frames that arrived",
        counters(|sum| sum.received),
    );
    metrics.counter(
        "detector_camera_frames_sampled",
        "Frames handed to the views",
        counters(|sum| sum.sampled),
    );
    let dropped = sums.iter().flat_map(|(camera, sum)| {
        [("overwritten", sum.overwritten), ("not_due", sum.skipped)].map(|(reason, count)| {
            (vec![("camera", camera.clone()), ("reason", reason.to_owned())], count)
        })
    });
    metrics.counter(
        "detector_camera_frames_dropped",
        "overwritten: a newer frame came first; not_due: a due time passed without a frame",
        dropped.collect::<Vec<_>>(),
    );
    metrics.counter(
        "detector_camera_reconnects",
        "Times that the stream was opened again",
        counters(|sum| sum.reconnects),
    );
    // A fault that is not there yet would hide its first increase from `rate`.
    let faulty = sums.iter().filter(|(_, sum)| !sum.faults.is_empty()).flat_map(|(camera, sum)| {
        PictureFault::ALL.map(|fault| {
            let labels = vec![("camera", camera.clone()), ("fault", fault.as_str().to_owned())];
            (labels, sum.faults.get(&fault).copied().unwrap_or_default())
        })
    });
    metrics.counter(
        "detector_camera_pictures_faulty",
        "Pictures that were left out or may show something wrong, by what is wrong with them",
        faulty.collect::<Vec<_>>(),
    );
    let offsets = sums.iter().filter_map(|(camera, sum)| {
        sum.clock_offset.map(|offset| (label(camera), offset.as_secs_f64()))
    });
    metrics.gauge(
        "detector_camera_clock_offset_seconds",
        "How far the camera's clock is ahead of this machine's, where the camera says the time",
        offsets.collect::<Vec<_>>(),
    );
}

fn views(metrics: &mut Metrics, census: &Census) {
    // Views of one camera through one model differ in their crops only.
    let mut sums: BTreeMap<(String, String), [u64; 3]> = BTreeMap::new();
    for (_, _, of, runs, counters) in &census.views {
        let Ok((_, camera, ..)) = census.cameras.get(of.0) else { continue };
        let Ok((_, model, ..)) = census.models.get(runs.0) else { continue };
        let sum = sums.entry((camera.source.to_string(), model.source.to_string())).or_default();
        for (sum, count) in
            sum.iter_mut().zip([counters.finished, counters.skipped, counters.failed])
        {
            *sum += count;
        }
    }
    let labels = |(camera, model): &(String, String)| {
        vec![("camera", camera.clone()), ("model", model.clone())]
    };
    let column = |place: usize| {
        sums.iter().map(move |(key, sum)| (labels(key), sum[place])).collect::<Vec<_>>()
    };
    metrics.counter("detector_passes_finished", "Pipelines run over a frame", column(0));
    metrics.counter(
        "detector_frames_left_out",
        "Frames that came while the view's pass before was still running",
        column(1),
    );
    metrics.counter("detector_inferences_failed", "Jobs that no network answered", column(2));
}

fn networks(metrics: &mut Metrics, census: &Census) {
    let label = |sha256: &str| one("network", sha256.get(..12).unwrap_or(sha256));
    let all: Vec<_> = census.networks.iter().collect();
    let column = |value: fn(&detector_components::network::NetworkCounters) -> u64| {
        all.iter()
            .map(|(_, network, _, counters, ..)| (label(&network.sha256), value(counters)))
            .collect::<Vec<_>>()
    };
    metrics.counter("detector_network_inputs", "Inputs answered", column(|c| c.inputs));
    metrics.counter("detector_network_batches", "Batches run", column(|c| c.batches));
    metrics.counter("detector_network_inputs_failed", "Inputs that failed", column(|c| c.failed));
    metrics.gauge(
        "detector_network_fell_back",
        "1 when it does not run on the device that others run on",
        all.iter()
            .map(|(_, network, .., on)| {
                let fell_back = on.is_some_and(|on| on.fallback.is_some());
                (label(&network.sha256), f64::from(u8::from(fell_back)))
            })
            .collect::<Vec<_>>(),
    );
    let losses = census.device.as_ref().map_or(0, |device| device.losses);
    metrics.counter("detector_device_losses", "Times that the device was lost", [(vec![], losses)]);
    metrics.gauge(
        "detector_network_last_batch_seconds",
        "Time of the newest batch on the device",
        all.iter()
            .map(|(_, network, _, counters, ..)| {
                (label(&network.sha256), counters.last_batch_nanos as f64 / 1e9)
            })
            .collect::<Vec<_>>(),
    );
}

fn actions(metrics: &mut Metrics, census: &Census) {
    let counted = census.actions.iter().flat_map(|actions| actions.all());
    metrics.counter(
        "detector_actions",
        "What happened to actions, by type and outcome",
        counted
            .map(|(kind, outcome, count)| {
                let labels = vec![
                    ("type", kind.as_str().to_owned()),
                    ("outcome", outcome.as_str().to_owned()),
                ];
                (labels, count)
            })
            .collect::<Vec<_>>(),
    );
    let backlog = census.actions.as_ref().map(|actions| actions.backlog()).unwrap_or_default();
    metrics.gauge(
        "detector_actions_waiting",
        "Actions that wait for servers that are away or busy",
        [(vec![], backlog.actions as f64)],
    );
    metrics.gauge(
        "detector_actions_waiting_bytes",
        "Bytes of actions that wait, pictures included",
        [(vec![], backlog.bytes as f64)],
    );
}

fn queues(metrics: &mut Metrics, census: &Census) {
    let in_batch = census.jobs.iter().filter(|in_batch| *in_batch).count();
    let waiting = census.jobs.iter().count() - in_batch;
    let (messages, bytes) = census
        .clients
        .iter()
        .map(|(_, outbox, _)| outbox.waiting())
        .fold((0, 0), |(messages, bytes), (more, larger)| (messages + more, bytes + larger));
    metrics.gauge(
        "detector_queue_length",
        "How many wait: passes under way, jobs without and with a batch, batches, messages to clients",
        [
            ("passes", census.passes.iter().count()),
            ("jobs_waiting", waiting),
            ("jobs_in_batch", in_batch),
            ("batches", census.batches.iter().count()),
            ("outbox", messages),
        ]
        .map(|(queue, length)| (one("queue", queue), length as f64)),
    );
    metrics.gauge(
        "detector_outbox_bytes",
        "Bytes of messages that wait for clients",
        [(vec![], bytes as f64)],
    );
}

fn steps(metrics: &mut Metrics, timings: &Timings) {
    metrics.histogram(
        "detector_step_duration_seconds",
        "How long each step from a camera to a client takes",
        Step::ALL.map(|step| (one("step", step.as_str()), timings.of(step))),
    );
}
