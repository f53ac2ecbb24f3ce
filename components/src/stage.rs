//! The stages and their order, in one place.

use bevy_app::prelude::*;
use bevy_ecs::message::message_update_system;
use bevy_ecs::prelude::*;
use bevy_ecs::schedule::ScheduleLabel;

use crate::client::{Refused, SessionPatched};
use crate::command::ClientCommand;
use crate::display::SessionPatch;
use crate::job::JobAnswered;
use crate::timing::Timings;

/// Runs when a camera that is due has a frame, and once every tick: takes frames, asks for
/// inference.
#[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sample;

/// Runs whenever clients spoke or outside work answered, and once every tick: follows branches, acts,
/// publishes. A result never waits for the next tick.
#[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Deliver;

/// The stages of a run, in order. Each schedule runs those of its stages that have work in it.
#[derive(SystemSet, Clone, Debug, PartialEq, Eq, Hash)]
pub enum StageSystems {
    /// Clients' messages come in.
    Receive,
    /// They become subscriptions, views, cameras, models; what nobody wants any more goes.
    Subscribe,
    /// Archives come in and become nodes.
    Archive,
    /// Frames come in.
    Ingest,
    /// Answers of the networks come in.
    Decode,
    /// Sampled frames start their pipelines; answers become detections, and start branches.
    Branch,
    /// Jobs become batches; the batches' inputs are filled.
    Preprocess,
    /// Filled batches go to the device.
    Infer,
    /// Finished passes are acted on.
    Act,
    /// Finished passes, replies and state go to the clients.
    Publish,
}

impl StageSystems {
    const fn all() -> (Self, Self, Self, Self, Self, Self, Self, Self, Self, Self) {
        (
            Self::Receive,
            Self::Subscribe,
            Self::Archive,
            Self::Ingest,
            Self::Decode,
            Self::Branch,
            Self::Preprocess,
            Self::Infer,
            Self::Act,
            Self::Publish,
        )
    }
}

/// Declares both schedules, the order of the stages in them, the messages between stages, and the
/// [`Timings`] that they count.
///
/// Every plugin of a stage builds on it; tests of a single stage add it too, so that they run in the
/// order of the whole.
pub struct StagePlugin;

impl Plugin for StagePlugin {
    fn build(&self, app: &mut App) {
        for schedule in [Schedule::new(Sample), Schedule::new(Deliver)] {
            app.add_schedule(schedule);
        }
        app.configure_sets(Sample, StageSystems::all().chain())
            .configure_sets(Deliver, StageSystems::all().chain())
            .add_systems(Deliver, message_update_system.before(StageSystems::Receive))
            .init_resource::<Timings>()
            .add_message::<ClientCommand>()
            .add_message::<Refused>()
            .add_message::<SessionPatched>()
            .add_message::<JobAnswered>()
            .add_message::<SessionPatch>();
    }
}
