use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use detector_components::stage::{Deliver, Sample, StageSystems};

use crate::follow::follow_detections;
use crate::systems::{
    JobOrder, clear_finished, finish_passes, ready_models, reload_models, start_passes,
    take_answers,
};

/// Adds this stage to an app.
pub struct BranchPlugin;

impl Plugin for BranchPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<JobOrder>()
            .add_systems(Sample, start_passes.in_set(StageSystems::Branch))
            .add_systems(
                Deliver,
                (
                    (reload_models, ready_models, take_answers, follow_detections, finish_passes)
                        .chain()
                        .in_set(StageSystems::Branch),
                    clear_finished.after(StageSystems::Publish),
                ),
            );
    }
}
