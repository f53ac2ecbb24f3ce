//! Screens of the CMS, and their sessions.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use indexmap::IndexMap;

use crate::identity::{DisplayId, ExternalId};

/// A screen of the CMS. Exists while it has a subscription, a session or a stage.
#[derive(Component, Debug, Clone, PartialEq, Eq)]
pub struct Display {
    /// Its name.
    pub id: DisplayId,
}

/// The session that runs on a display. Absent when none does.
#[derive(Component, Debug, Clone, PartialEq, Eq)]
pub struct Session(pub ExternalId);

/// The values of the session on a display, by their keys: `{session.KEY}` of templates. Absent
/// without any.
#[derive(Component, Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionValues(pub IndexMap<Arc<str>, Arc<str>>);

impl SessionValues {
    /// Values of one session at most: whatever clients and pipelines add, it stays small.
    pub const MAX: usize = 256;

    /// Adds values, each in the place of an older one with its key; `None` takes one away. Changes
    /// nothing when they would be too many.
    ///
    /// # Errors
    /// When they would be more than [`SessionValues::MAX`]: how many.
    pub fn merge<'a>(
        &mut self,
        data: impl IntoIterator<Item = (&'a Arc<str>, Option<&'a Arc<str>>)>,
    ) -> Result<(), usize> {
        let mut merged = self.0.clone();
        for (key, value) in data {
            match value {
                Some(value) => merged.insert(key.clone(), value.clone()),
                None => merged.shift_remove(key),
            };
        }
        if merged.len() > Self::MAX {
            return Err(merged.len());
        }
        self.0 = merged;
        Ok(())
    }
}

/// How far the CMS says that things are on a display, such as `car_wait_staff`: `{progression_stage}`
/// of templates. Absent when it says nothing.
#[derive(Component, Debug, Clone, PartialEq, Eq)]
pub struct ProgressionStage(pub Arc<str>);

/// A pipeline has something to add to the session on a display. Written by `action`; `protocol`
/// merges it into [`SessionValues`] and tells the clients that own subscriptions of the display.
#[derive(Message, Debug, Clone)]
pub struct SessionPatch {
    /// Which display.
    pub display: DisplayId,
    /// Its session at that time.
    pub session: ExternalId,
    /// What is added, by its keys.
    pub data: IndexMap<Arc<str>, Arc<str>>,
}

/// The subscriptions shown on a display. Kept by [`ShownOn`].
#[derive(Component, Debug)]
#[relationship_target(relationship = ShownOn)]
pub struct Shows(Vec<Entity>);

/// Points from a subscription to its display.
#[derive(Component, Debug)]
#[relationship(relationship_target = Shows)]
pub struct ShownOn(pub Entity);
