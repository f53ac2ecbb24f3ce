use std::sync::Mutex;

use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use detector_components::device::DeviceState;
use detector_components::stage::{Deliver, Sample, StageSystems};
use detector_components::wake::Wake;

use crate::device::InferenceDevice;
use crate::systems::{
    load_networks, provide_slots, receive_replies, share_networks, submit_batches, unload_networks,
};
use crate::thread::DeviceThread;

/// Adds this stage to an app, which must have a [`Wake`].
pub struct InferPlugin {
    device: Mutex<Option<InferenceDevice>>,
}

impl InferPlugin {
    /// Runs networks on `device`.
    pub fn new(device: InferenceDevice) -> Self {
        Self { device: Mutex::new(Some(device)) }
    }
}

impl Plugin for InferPlugin {
    fn build(&self, app: &mut App) {
        let device = self.device.lock().expect("locked here only").take();
        let device = device.expect("a plugin is built once");
        let wake = app.world().resource::<Wake>().clone();
        let state = DeviceState { name: device.to_string().into(), losses: 0, last_loss: None };
        let thread = DeviceThread::start(device, wake).expect("the system gives a thread");
        app.insert_resource(thread)
            .insert_resource(state)
            .add_systems(
                Deliver,
                (
                    receive_replies.in_set(StageSystems::Decode),
                    (unload_networks, share_networks, load_networks, provide_slots, submit_batches)
                        .chain()
                        .in_set(StageSystems::Infer),
                ),
            )
            .add_systems(Sample, provide_slots.in_set(StageSystems::Infer));
    }
}
