//! What the CMS asked to be watched.

use std::sync::Arc;

use bevy_ecs::prelude::*;

use crate::identity::{ExternalId, SubscriptionId};

/// A display's wish to see a camera through a model. Replaced whole when its content changes.
///
/// Always comes with [`Watches`](crate::view::Watches) and [`ShownOn`](crate::display::ShownOn).
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Subscription {
    /// Unique among subscriptions.
    pub id: SubscriptionId,
    /// The CMS's identifier of the model, given back with each detection.
    pub model_id: ExternalId,
    /// The CMS's name of the model.
    pub model_name: Arc<str>,
    /// The crop as it was asked for.
    pub crop_in_frame: Option<crate::command::Crop>,
}

/// Points from a subscription to the client that made it. Absent once that client is gone.
#[derive(Component, Debug)]
#[relationship(relationship_target = Owns)]
pub struct OwnedBy(pub Entity);

/// The subscriptions that a client made. Kept by [`OwnedBy`].
#[derive(Component, Debug)]
#[relationship_target(relationship = OwnedBy)]
pub struct Owns(Vec<Entity>);

/// A subscription whose client is gone, and since when. Ends after the grace time, unless a client
/// subscribes it again.
#[derive(Component, Debug, Clone, Copy)]
pub struct Orphaned {
    /// When its client went.
    pub since: crate::clock::Moment,
}
