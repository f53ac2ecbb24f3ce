//! Screens of the CMS, and their sessions.

use bevy_ecs::prelude::*;

use crate::identity::{DisplayId, ExternalId};

/// A screen of the CMS. Exists while it has a session or a subscription.
#[derive(Component, Debug, Clone, PartialEq, Eq)]
pub struct Display {
    /// Its name.
    pub id: DisplayId,
}

/// The session that runs on a display. Absent when none does.
#[derive(Component, Debug, Clone, PartialEq, Eq)]
pub struct Session(pub ExternalId);

/// The subscriptions shown on a display. Kept by [`ShownOn`].
#[derive(Component, Debug)]
#[relationship_target(relationship = ShownOn)]
pub struct Shows(Vec<Entity>);

/// Points from a subscription to its display.
#[derive(Component, Debug)]
#[relationship(relationship_target = Shows)]
pub struct ShownOn(pub Entity);
