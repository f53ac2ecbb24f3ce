use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use detector_components::stage::{Deliver, Sample, StageSystems};
use detector_components::wake::Wake;
use detector_gpu::Gpu;

use crate::filler::Filler;
use crate::systems::{BatchOrder, form_batches, receive_filled};

/// Adds this stage to an app, which must have a [`Wake`].
pub struct PreprocessPlugin {
    /// The device that inference runs on: its shader is compiled at the start. None: the CPU.
    pub gpu: Option<Gpu>,
}

impl Plugin for PreprocessPlugin {
    fn build(&self, app: &mut App) {
        let wake = app.world().resource::<Wake>().clone();
        let filler = Filler::start(self.gpu.clone(), wake).expect("the system gives a thread");
        app.insert_resource(filler).init_resource::<BatchOrder>();
        app.add_systems(Sample, form_batches.in_set(StageSystems::Preprocess)).add_systems(
            Deliver,
            (receive_filled, form_batches).chain().in_set(StageSystems::Preprocess),
        );
    }
}
