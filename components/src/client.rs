//! Connected clients.

use std::sync::Arc;

use bevy_ecs::prelude::*;

use crate::command::Refusal;
use crate::identity::ExternalId;

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

/// A client asked for values to be merged into a session. Written by `subscribe`.
#[derive(Message, Clone, Debug)]
pub struct SessionPatched {
    /// Who asked. It may be gone.
    pub client: Entity,
    /// Into which session.
    pub session: ExternalId,
    /// Why it was not done, if it was not.
    pub result: Result<(), Arc<str>>,
}
