//! One command, applied to the world.
//!
//! Looking things up walks the few entities of a kind: there are as many as people configured, and
//! commands are rare. An index would be one more thing that can be wrong.

use bevy_ecs::prelude::*;
use detector_components::client::SessionPatched;
use detector_components::command::{Command, Refusal};
use detector_components::display::{ProgressionStage, Session};

use crate::displays::{patch, set_session, set_stage};
use crate::subscriptions::{Others, settle, unsubscribe};

/// Does what `client` asks for, wholly or not at all.
pub fn apply(world: &mut World, client: Entity, command: Command) -> Result<(), Refusal> {
    match command {
        Command::Subscribe(wish) => settle(world, client, vec![wish], Others::Stay),
        Command::SetSubscriptions(wishes) => settle(world, client, wishes, Others::End),
        Command::Unsubscribe(id) => unsubscribe(world, client, id),
        Command::SetSession { display, session } => {
            set_session(world, display, session.map(Session))
        }
        Command::SetStage { display, stage } => {
            set_stage(world, display, stage.map(ProgressionStage))
        }
        Command::PatchSession { session, data } => {
            let result = patch(world, &session, &data);
            world.write_message(SessionPatched { client, session, result });
            Ok(())
        }
    }
}
