//! The thread of a device: the only one that calls burn for it.

use std::any::Any;
use std::collections::BTreeMap;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bevy_ecs::prelude::*;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use detector_components::job::Answer;
use detector_components::network::{LoadProgress, LoadStep};
use detector_components::wake::{Reasons, Wake};
use detector_gpu::{InputSlot, SlotShape};
use detector_yolo::{Checkpoint, Criteria, Network, NetworkInfo, Pictures};
use tracing::{debug, error, info_span, warn};

use crate::answer::answer;
use crate::choice::{DeviceChoice, PrecisionChoice};
use crate::device::InferenceDevice;
use crate::load::{load, reference};
use crate::predict::predict;
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
/// Batches that a device must have run before it is opened a second time. One that is lost again and
/// again leaves its networks to the CPU.
const STEADY: u64 = 1_000;

/// Something for the thread to do.
pub enum Request {
    /// Reads a checkpoint, builds its network and makes it ready to run at full speed.
    Load { network: Entity, path: Arc<Path>, progress: LoadProgress },
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
    /// The device was lost. The networks on it are being loaded anew; no slot with a number below
    /// `first_slot` can be used any more.
    Lost { reason: String, networks: Vec<Entity>, first_slot: u64 },
    /// What networks run on now.
    Reopened { device: String },
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
    /// Whether it takes any size at once.
    pub resizable: bool,
    /// Slots of its own size where it has one, and of those that it had when its device was lost.
    pub slots: Vec<InputSlot>,
    /// What it runs on.
    pub device: String,
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
        // Hardly ever full before the requests are: there is one reply for each, and a few more when
        // the device was lost. The thread then waits for the main thread, which never waits for it.
        let (done, replies) = bounded(MAX_WAITING);
        let work = move || {
            let mut worker = DeviceWorker {
                device,
                fallback: None,
                networks: BTreeMap::new(),
                slots: 0,
                runs_since_loss: None,
                mouth: Mouth { done, wake },
            };
            for request in waiting {
                if worker.answer(request).is_err() {
                    break;
                }
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
    /// Where it was read from.
    path: Arc<Path>,
    progress: LoadProgress,
    /// How many inputs it should be given at once.
    batch: usize,
    /// Whether it runs on the CPU because the device computes it wrong.
    fell_back: bool,
    /// Widths and heights of its slots.
    sizes: Vec<(usize, usize)>,
}

/// A network whose device was lost.
struct Homeless {
    network: Entity,
    path: Arc<Path>,
    progress: LoadProgress,
    sizes: Vec<(usize, usize)>,
}

/// Tells the main thread what was done.
struct Mouth {
    done: Sender<Reply>,
    wake: Wake,
}

/// The main thread has gone.
struct Unheard;

impl Mouth {
    fn say(&self, reply: Reply) -> Result<(), Unheard> {
        self.done.send(reply).map_err(|_| Unheard)?;
        self.wake.call(Reasons::DELIVERY);
        Ok(())
    }
}

struct DeviceWorker {
    device: InferenceDevice,
    /// The CPU, opened when a network needs it.
    fallback: Option<InferenceDevice>,
    networks: BTreeMap<Entity, Seated>,
    /// Slots that were ever made.
    slots: u64,
    /// Batches that ran since a device was lost. None: none was.
    runs_since_loss: Option<u64>,
    mouth: Mouth,
}

impl DeviceWorker {
    fn answer(&mut self, request: Request) -> Result<(), Unheard> {
        match request {
            Request::Load { network, path, progress } => {
                let mut result = self.loaded(network, &path, &progress);
                if result.is_err() && self.lost() {
                    self.recover()?;
                    result = self.loaded(network, &path, &progress);
                }
                self.mouth.say(Reply::Loaded { network, result })
            }
            Request::MakeSlots { network, width, height } => {
                let slots = self.slots_of_size(network, width, height);
                self.mouth.say(Reply::Slots { network, slots })
            }
            Request::Run { batch, network, slot, criteria } => {
                let began = Instant::now();
                let result = guarded(|| self.run(network, &slot, &criteria)).and_then(|run| run);
                let took = began.elapsed();
                if let (Some(runs), Ok(_)) = (&mut self.runs_since_loss, &result) {
                    *runs += 1;
                }
                let lost = result.is_err() && self.lost();
                self.mouth.say(Reply::Ran { batch, network, slot, result, took })?;
                if lost { self.recover() } else { Ok(()) }
            }
            Request::Unload { network } => {
                // Dropping tensors of a device that was lost may panic as well.
                let seated = self.networks.remove(&network);
                let path = seated.as_ref().map(|seated| seated.path.clone());
                if let Err(reason) = guarded(|| drop(seated)) {
                    let checkpoint = path.as_deref().map(|path| path.display().to_string());
                    debug!(checkpoint, reason, "a network was not unloaded cleanly");
                }
                Ok(())
            }
        }
    }

    /// Whether the device is gone: a driver that was reset, a GPU that was taken away.
    fn lost(&self) -> bool {
        self.device.shared().is_some() && guarded(|| self.device.responds()) != Ok(true)
    }

    /// Opens the device once more after it was lost, or takes the CPU, and loads its networks anew.
    fn recover(&mut self) -> Result<(), Unheard> {
        let mut homeless = Vec::new();
        loop {
            let reason = format!("{} was lost", self.device);
            error!("{reason}: its networks are loaded anew");
            self.give_up(&mut homeless);
            let networks = homeless.iter().map(|it: &Homeless| it.network).collect();
            let first_slot = self.slots;
            self.mouth.say(Reply::Lost { reason: reason.clone(), networks, first_slot })?;
            self.device = self.another(&reason);
            warn!(device = %self.device, "inference goes on");
            self.mouth.say(Reply::Reopened { device: self.device.to_string() })?;
            if self.house(&mut homeless)? {
                return Ok(());
            }
        }
    }

    /// Takes every network from the device, in the order of their entities.
    fn give_up(&mut self, homeless: &mut Vec<Homeless>) {
        let (gone, kept): (BTreeMap<_, _>, _) =
            mem::take(&mut self.networks).into_iter().partition(|(_, seated)| !seated.fell_back);
        self.networks = kept;
        homeless.extend(gone.iter().map(|(&network, seated)| Homeless {
            network,
            path: seated.path.clone(),
            progress: seated.progress.clone(),
            sizes: seated.sizes.clone(),
        }));
        // Dropping tensors of a device that was lost may panic.
        if let Err(reason) = guarded(|| drop(gone)) {
            debug!(reason, "what was on the device was not dropped cleanly");
        }
    }

    /// The device in the place of one that was lost: the same, or the CPU where that is lost too often.
    fn another(&mut self, lost: &str) -> InferenceDevice {
        let opened = match self.runs_since_loss.replace(0) {
            Some(runs) if runs < STEADY => Err(format!("and before, {runs} batches ago")),
            _ => guarded(|| self.device.reopen())
                .and_then(|opened| opened.map_err(|error| chain(&error))),
        };
        opened.unwrap_or_else(|why| self.device.instead(&format!("{lost}; {why}")))
    }

    /// Loads networks on the device that there is now. False when that was lost as well; who has no
    /// home then is left.
    fn house(&mut self, homeless: &mut Vec<Homeless>) -> Result<bool, Unheard> {
        while let Some(Homeless { network, path, progress, sizes }) = homeless.first() {
            let network = *network;
            let mut result = self.loaded(network, path, progress);
            if result.is_err() && self.lost() {
                return Ok(false);
            }
            if let Ok(loaded) = &mut result {
                for &(width, height) in sizes {
                    if !self.has_slots_of(network, width, height) {
                        loaded.slots.extend(self.slots_of_size(network, width, height));
                    }
                }
            }
            homeless.remove(0);
            self.mouth.say(Reply::Loaded { network, result })?;
        }
        Ok(true)
    }

    fn has_slots_of(&self, network: Entity, width: usize, height: usize) -> bool {
        self.networks.get(&network).is_some_and(|seated| seated.sizes.contains(&(width, height)))
    }

    /// Slots of a size; none when they cannot be made.
    fn slots_of_size(&mut self, network: Entity, width: usize, height: usize) -> Vec<InputSlot> {
        let Some(seated) = self.networks.get_mut(&network) else { return Vec::new() };
        if !seated.sizes.contains(&(width, height)) {
            seated.sizes.push((width, height));
        }
        let (shape, fell_back) =
            (SlotShape { batch: seated.batch, height, width }, seated.fell_back);
        let seated_at = seated.path.clone();
        guarded(|| self.make_slots(shape, fell_back)).and_then(|slots| slots).unwrap_or_else(
            |reason| {
                let checkpoint = seated_at.display();
                warn!(%checkpoint, width, height, reason, "no input slots were made");
                Vec::new()
            },
        )
    }

    fn loaded(
        &mut self,
        network: Entity,
        path: &Arc<Path>,
        progress: &LoadProgress,
    ) -> Result<Loaded, String> {
        guarded(|| self.load(network, path, progress)).and_then(|result| result)
    }

    /// Puts a network on the device, or on the CPU when the device computes it wrong: no client must
    /// ever see what a broken driver makes of a picture.
    fn load(
        &mut self,
        entity: Entity,
        path: &Arc<Path>,
        progress: &LoadProgress,
    ) -> Result<Loaded, String> {
        // Lines of what is below here name it.
        let _about = info_span!("loading", checkpoint = %path.display()).entered();
        progress.begin(LoadStep::Reading);
        let checkpoint = Checkpoint::open(path).map_err(|error| chain(&error))?;
        let mut network = load(&checkpoint, &self.device).map_err(|error| chain(&error))?;
        let mut doubt = None;
        if self.device.shared().is_some() {
            progress.begin(LoadStep::Comparing);
            let reference = reference(&checkpoint, self.fallback()?);
            let reference = reference.map_err(|error| chain(&error))?;
            // A driver that fails is as bad as one that errs.
            let proved = guarded(|| proof::prove(&network, &self.device, &reference));
            if let Err(reason) = proved.and_then(|proved| proved) {
                network = reference;
                doubt = Some(format!("{}: {reason}", self.device));
            }
        }
        let fell_back = doubt.is_some();
        let info = network.info().clone();
        progress.begin(LoadStep::WarmingUp);
        let [width, height] = info.input;
        let resizable = self.seat(fell_back)?.shared().is_none();
        let (batch, slots) = if resizable {
            // All cores work on one input: the next one gains nothing by waiting with it. Memory is
            // taken for the sizes that come.
            network.prepare(width, height).map_err(|error| chain(&error))?;
            (1, Vec::new())
        } else {
            let batch = worthwhile_batch(&network, &info, self.seat(fell_back)?)?;
            let shape = SlotShape { batch, height, width };
            (batch, self.make_slots(shape, fell_back)?)
        };
        let device = self.seat(fell_back)?.to_string();
        let sizes = if resizable { Vec::new() } else { vec![(width, height)] };
        let (path, progress) = (path.clone(), progress.clone());
        self.networks.insert(entity, Seated { network, path, progress, batch, fell_back, sizes });
        Ok(Loaded { info, batch, resizable, slots, device, doubt })
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
        let input = slots::pictures(slot, criteria.len())?;
        let predictions = predict(&seated.network, device, input, criteria);
        let predictions = predictions.map_err(|error| chain(&error))?;
        Ok(predictions.into_iter().map(answer).collect())
    }
}

/// How many inputs at once this network answers faster than one by one on a GPU. Runs it, which also
/// takes its memory, and compiles and tunes its kernels.
fn worthwhile_batch(
    network: &Network,
    info: &NetworkInfo,
    device: &InferenceDevice,
) -> Result<usize, String> {
    let [width, height] = info.input;
    let run = |inputs: usize| -> Result<Duration, String> {
        let zeros = vec![0.0; inputs * 3 * height * width];
        let input = Pictures::new(zeros, [inputs, 3, height, width]);
        let criteria = vec![Criteria::default(); inputs];
        let began = Instant::now();
        predict(network, device, input, &criteria).map_err(|error| chain(&error))?;
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
