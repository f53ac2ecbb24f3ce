//! Connected clients.

use bevy_ecs::prelude::*;

use crate::command::Refusal;

/// A client whose socket is open. Despawned when it closes; its subscriptions stay for a while.
#[derive(Component, Debug)]
pub struct Client {
    /// Where it connects from, for the log.
    pub peer: String,
}

/// Something a client asked for was not done.
#[derive(Message, Clone, Debug)]
pub struct Refused {
    /// Who asked. It may be gone.
    pub client: Entity,
    /// What and why.
    pub refusal: Refusal,
}
