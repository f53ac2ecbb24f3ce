//! The thread of a device: the only one that calls burn for it.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bevy_ecs::prelude::*;
use burn::tensor::{Device, Tensor};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use detector_components::job::Answer;
use detector_components::wake::{Reasons, Wake};
use detector_gpu::{InputSlot, Precision, SlotShape};
use detector_yolo::{Checkpoint, Criteria, LoadOptions, Network, NetworkInfo};
use tracing::{debug, warn};

use crate::answer::answer;
use crate::choice::{DeviceChoice, PrecisionChoice};
use crate::device::InferenceDevice;
use crate::{proof, slots};

/// Requests that wait for the thread. Slots bound the batches among them, a few for each network;
/// what does not fit is offered again in the next run.
const MAX_WAITING: usize = 256;
/// The most inputs of a batch.
const MAX_BATCH: usize = 8;
/// A network that takes longer than this for one input is not tried with more: the first answers of
/// a batch would wait for the last.
const SLOW: Duration = Duration::from_millis(50);
/// A batch must take less than this part of what its inputs would take one by one.
const WORTH_IT: f64 = 0.8;

/// Something for the thread to do.
pub enum Request {
    /// Reads a checkpoint, builds its network and runs it once.
    Load { network: Entity, path: Arc<Path> },
    /// Makes slots for inputs of this size.
    MakeSlots { network: Entity, width: usize, height: usize },
    /// Runs a network on the first rows of a slot.
    Run { batch: Entity, network: Entity, slot: InputSlot, criteria: Vec<Criteria> },
    /// Gives a network's memory back.
    Unload { network: Entity },
}

/// What the thread has done.
pub enum Reply {
    /// A network is ready, or cannot be.
    Loaded { network: Entity, result: Result<Loaded, String> },
    /// There are slots, none when they could not be made.
    Slots { network: Entity, slots: Vec<InputSlot> },
    /// A batch was run. An answer for each row, or why there is none.
    Ran {
        batch: Entity,
        network: Entity,
        slot: InputSlot,
        result: Result<Vec<Answer>, String>,
        took: Duration,
    },
}

/// A network that is ready.
pub struct Loaded {
    /// What its checkpoint says.
    pub info: NetworkInfo,
    /// How many inputs it should be given at once.
    pub batch: usize,
    /// Slots of its own size.
    pub slots: Vec<InputSlot>,
    /// Why it runs on the CPU and not on the device, if it does.
    pub doubt: Option<String>,
}

/// The main thread's end of a device's thread, which ends when this is dropped.
#[derive(Resource)]
pub struct DeviceThread {
    requests: Sender<Request>,
    replies: Receiver<Reply>,
}

impl DeviceThread {
    /// Starts the thread.
    pub fn start(device: InferenceDevice, wake: Wake) -> std::io::Result<Self> {
        let (requests, waiting) = bounded::<Request>(MAX_WAITING);
        // Never full before the requests are: there is one reply for each at most.
        let (done, replies) = bounded(MAX_WAITING);
        let work = move || {
            let mut worker =
                DeviceWorker { device, fallback: None, networks: HashMap::new(), slots: 0 };
            for request in waiting {
                let Some(reply) = worker.answer(request) else { continue };
                if done.send(reply).is_err() {
                    break;
                }
                wake.call(Reasons::DELIVERY);
            }
        };
        thread::Builder::new().name("inference".to_owned()).spawn(work)?;
        Ok(Self { requests, replies })
    }

    /// Hands over a request. Comes back when there is no room.
    #[expect(clippy::result_large_err, reason = "what was not taken is given back whole")]
    pub fn ask(&self, request: Request) -> Result<(), Request> {
        self.requests.try_send(request).map_err(|refused| match refused {
            TrySendError::Full(request) | TrySendError::Disconnected(request) => request,
        })
    }

    /// What was done since this was last asked.
    pub fn replies(&self) -> impl Iterator<Item = Reply> {
        self.replies.try_iter()
    }
}

/// A network on its device.
struct Seated {
    network: Network,
    /// How many inputs it should be given at once.
    batch: usize,
    /// Whether it runs on the CPU because the device computes it wrong.
    fell_back: bool,
}

struct DeviceWorker {
    device: InferenceDevice,
    /// The CPU, opened when a network needs it.
    fallback: Option<InferenceDevice>,
    networks: HashMap<Entity, Seated>,
    /// Slots that were ever made.
    slots: u64,
}

impl DeviceWorker {
    fn answer(&mut self, request: Request) -> Option<Reply> {
        match request {
            Request::Load { network, path } => {
                let result = guarded(|| self.load(network, &path)).and_then(|result| result);
                Some(Reply::Loaded { network, result })
            }
            Request::MakeSlots { network, width, height } => {
                let seated = self.networks.get(&network);
                let (batch, fell_back) =
                    seated.map_or((1, false), |seated| (seated.batch, seated.fell_back));
                let shape = SlotShape { batch, height, width };
                let slots = guarded(|| self.make_slots(shape, fell_back))
                    .and_then(|slots| slots)
                    .unwrap_or_else(|reason| {
                        warn!(width, height, reason, "no input slots were made");
                        Vec::new()
                    });
                Some(Reply::Slots { network, slots })
            }
            Request::Run { batch, network, slot, criteria } => {
                let began = Instant::now();
                let result = guarded(|| self.run(network, &slot, &criteria)).and_then(|run| run);
                let took = began.elapsed();
                Some(Reply::Ran { batch, network, slot, result, took })
            }
            Request::Unload { network } => {
                // Dropping tensors of a device that was lost may panic as well.
                if let Err(reason) = guarded(|| drop(self.networks.remove(&network))) {
                    debug!(reason, "a network was not unloaded cleanly");
                }
                None
            }
        }
    }

    /// Puts a network on the device, or on the CPU when the device computes it wrong: no client must
    /// ever see what a broken driver makes of a picture.
    fn load(&mut self, entity: Entity, path: &Path) -> Result<Loaded, String> {
        let checkpoint = Checkpoint::open(path).map_err(|error| chain(&error))?;
        let mut network = built(&checkpoint, &self.device)?;
        let mut doubt = None;
        if self.device.shared().is_some() {
            let fallback = self.fallback()?;
            let reference = built(&checkpoint, fallback)?;
            // A driver that fails is as bad as one that errs.
            let proved = guarded(|| proof::prove(&network, &reference, self.device.precision));
            if let Err(reason) = proved.and_then(|proved| proved) {
                network = reference;
                doubt = Some(format!("{}: {reason}", self.device));
            }
        }
        let fell_back = doubt.is_some();
        let info = network.info().clone();
        let batch = worthwhile_batch(&network, &info, &self.seat(fell_back)?.burn)?;
        let [width, height] = info.input;
        let slots = self.make_slots(SlotShape { batch, height, width }, fell_back)?;
        self.networks.insert(entity, Seated { network, batch, fell_back });
        Ok(Loaded { info, batch, slots, doubt })
    }

    /// The CPU.
    fn fallback(&mut self) -> Result<&InferenceDevice, String> {
        if self.fallback.is_none() {
            let cpu = InferenceDevice::open(DeviceChoice::Cpu, PrecisionChoice::Auto)
                .map_err(|error| chain(&error))?;
            self.fallback = Some(cpu.with_head(self.device.head));
        }
        self.fallback.as_ref().ok_or_else(|| "the CPU was not opened".to_owned())
    }

    /// The device of a network.
    fn seat(&mut self, fell_back: bool) -> Result<&InferenceDevice, String> {
        if fell_back { self.fallback() } else { Ok(&self.device) }
    }

    fn make_slots(&mut self, shape: SlotShape, fell_back: bool) -> Result<Vec<InputSlot>, String> {
        let first = self.slots;
        let slots = slots::make(shape, self.seat(fell_back)?, first)?;
        self.slots += slots.len() as u64;
        Ok(slots)
    }

    fn run(
        &self,
        network: Entity,
        slot: &InputSlot,
        criteria: &[Criteria],
    ) -> Result<Vec<Answer>, String> {
        let seated = self.networks.get(&network).ok_or("the network was unloaded")?;
        let device = match &self.fallback {
            Some(fallback) if seated.fell_back => fallback,
            _ => &self.device,
        };
        let input = slots::tensor(slot, criteria.len(), &device.burn)?;
        let predictions = seated.network.predict(input, criteria).map_err(|error| chain(&error))?;
        Ok(predictions.into_iter().map(answer).collect())
    }
}

/// The network of a checkpoint on a device.
fn built(checkpoint: &Checkpoint, device: &InferenceDevice) -> Result<Network, String> {
    let options = LoadOptions {
        precision: match device.precision {
            Precision::F32 => detector_yolo::Precision::F32,
            Precision::F16 => detector_yolo::Precision::F16,
        },
        channels_last: device.shared().is_some(),
        branch: device.head,
    };
    Network::load(checkpoint, &device.burn, &options).map_err(|error| chain(&error))
}

/// How many inputs at once this network answers faster than one by one. Runs it, which also
/// compiles and tunes its kernels.
fn worthwhile_batch(
    network: &Network,
    info: &NetworkInfo,
    device: &Device,
) -> Result<usize, String> {
    let [width, height] = info.input;
    let run = |inputs: usize| -> Result<Duration, String> {
        let input = Tensor::zeros([inputs, 3, height, width], device);
        let criteria = vec![Criteria::default(); inputs];
        let began = Instant::now();
        network.predict(input, &criteria).map_err(|error| chain(&error))?;
        Ok(began.elapsed())
    };
    // The first run of each size allocates, compiles and tunes.
    run(1)?;
    let one = run(1)?;
    if one > SLOW {
        return Ok(1);
    }
    run(MAX_BATCH)?;
    let many = run(MAX_BATCH)?.as_secs_f64() / MAX_BATCH as f64;
    Ok(if many < WORTH_IT * one.as_secs_f64() { MAX_BATCH } else { 1 })
}

/// Runs what may panic inside burn: a lost device, memory that ran out.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panicked(&*panic);
        format!("the device failed: {text}")
    })
}

fn panicked(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given")
}

/// An error with what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
