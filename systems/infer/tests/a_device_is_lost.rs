//! A GPU goes away while networks are on it: a driver that was reset, a card that fell off its bus. What
//! was under way is answered as failed, the networks come back, and it goes on.

use std::path::Path;
use std::time::Duration;

use bevy_app::prelude::*;
use bevy_ecs::message::MessageCursor;
use bevy_ecs::prelude::*;
use detector_components::device::DeviceState;
use detector_components::geometry::{Filter, Placement, Region, Size};
use detector_components::job::{Answer, Batch, Job, JobAnswered};
use detector_components::network::{NetworkState, RunsOn};
use detector_components::node::{Checkpoint, Keep, Node, ResolvedClasses};
use detector_components::stage::{Deliver, StagePlugin};
use detector_components::wake::{Sleeper, wake};
use detector_gpu::{Filled, Gpu, SlotPool};
use detector_infer::{DeviceChoice, InferPlugin, InferenceDevice, PrecisionChoice};

/// Kernels are compiled on a busy machine meanwhile.
const PATIENCE: Duration = Duration::from_secs(600);
const SIDE: usize = 32;

/// The stage alone, with one network on the software Vulkan device.
struct Stage {
    app: App,
    sleeper: Sleeper,
    answers: MessageCursor<JobAnswered>,
    node: Entity,
}

impl Stage {
    fn new(device: InferenceDevice) -> Self {
        let (wake, sleeper) = wake();
        let mut app = App::empty();
        app.insert_resource(wake).add_plugins((StagePlugin, InferPlugin::new(device)));
        app.finish();
        app.cleanup();
        let checkpoint = Checkpoint {
            path: Path::new("../../tests/fixtures/models/tiny-color-classify.pt").into(),
            sha256: "colours".into(),
        };
        let node = Node { name: "colours".into() };
        let classes = ResolvedClasses::default();
        let node = app.world_mut().spawn((node, Keep::default(), classes, checkpoint)).id();
        Self { app, sleeper, answers: MessageCursor::default(), node }
    }

    fn one<T: Component + Clone>(&mut self) -> Option<T> {
        let world = self.app.world_mut();
        world.query::<&T>().iter(world).next().cloned()
    }

    /// Runs the schedule whenever the device has something to say, until `what` is there.
    #[track_caller]
    fn until<T>(&mut self, mut what: impl FnMut(&mut Self) -> Option<T>) -> T {
        loop {
            self.app.world_mut().run_schedule(Deliver);
            if let Some(found) = what(self) {
                return found;
            }
            let told = self.sleeper.wait(PATIENCE);
            assert_ne!(told, detector_components::wake::Reasons::NONE, "nothing happens any more");
        }
    }

    /// What the network runs on once it is ready.
    fn ready(&mut self) -> RunsOn {
        self.until(|stage| {
            let state = stage.one::<NetworkState>();
            (state == Some(NetworkState::Ready)).then(|| stage.one::<RunsOn>()).flatten()
        })
    }

    fn slot(&mut self) -> Option<detector_gpu::InputSlot> {
        let world = self.app.world_mut();
        world.query::<&mut SlotPool>().single_mut(world).unwrap().take(SIDE, SIDE)
    }

    /// Asks the network about whatever is in a slot.
    fn ask(&mut self) -> Result<Answer, std::sync::Arc<str>> {
        let slot = self.slot().expect("one is free");
        let world = self.app.world_mut();
        let network = world.query_filtered::<Entity, With<NetworkState>>().single(world).unwrap();
        let side = SIDE as u32;
        let size = Size { width: side, height: side };
        let placement = Placement {
            source: Region::whole(size),
            resized: size,
            offset: [0, 0],
            filter: Filter::Bilinear,
            tensor: size,
        };
        let job = world.spawn(Job { order: 1, node: self.node, network, placement }).id();
        let batch = Batch { order: 1, network, jobs: vec![job] };
        world.spawn((batch, Filled(Some(slot))));
        let answered = self.until(|stage| {
            let messages = stage.app.world().resource::<Messages<JobAnswered>>();
            stage.answers.read(messages).last().cloned()
        });
        assert_eq!(answered.job, job);
        answered.answer
    }

    fn losses(&self) -> u64 {
        self.app.world().resource::<DeviceState>().losses
    }
}

fn destroy(gpu: &Gpu) {
    gpu.device.destroy();
}

#[test]
fn it_is_opened_again_and_left_to_the_cpu_when_it_is_lost_too_often() {
    let device = InferenceDevice::open(DeviceChoice::Software, PrecisionChoice::F32).unwrap();
    let gpu = device.shared().expect("a GPU");
    let mut stage = Stage::new(device);
    let first = stage.ready();
    assert_eq!(first.fallback, None);
    assert!(matches!(stage.ask(), Ok(Answer::Probabilities(_))));

    destroy(&gpu);
    assert!(stage.ask().is_err());
    stage.until(|stage| (stage.losses() == 1).then_some(()));
    let second = stage.ready();
    assert!(second.device.contains("opened again"), "{second:?}");
    assert!(matches!(stage.ask(), Ok(Answer::Probabilities(_))));

    let slot = stage.slot().unwrap();
    let detector_gpu::InputSlot::Device(on_device) = &slot else { panic!("not on a GPU") };
    assert_ne!(on_device.gpu.device, gpu.device, "slots belong to the new device");
    destroy(&on_device.gpu.clone());
    assert!(stage.ask().is_err());
    stage.until(|stage| (stage.losses() == 2).then_some(()));
    let third = stage.ready();
    assert!(third.device.starts_with("the CPU"), "{third:?}");
    assert!(matches!(stage.ask(), Ok(Answer::Probabilities(_))));
}
