//! Which camera and which model a view is of, for lines of the log.

use std::fmt::Display;

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use detector_components::camera::Camera;
use detector_components::model::Model;
use detector_components::view::{RunsPipeline, ViewOf};

/// Looks up where a view looks, and through what.
#[derive(SystemParam)]
pub struct Origins<'w, 's> {
    views: Query<'w, 's, (&'static ViewOf, &'static RunsPipeline)>,
    cameras: Query<'w, 's, &'static Camera>,
    models: Query<'w, 's, &'static Model>,
}

impl Origins<'_, '_> {
    /// The address of a view's camera, without credentials. None once it is gone.
    pub fn camera(&self, view: Entity) -> Option<impl Display> {
        let (of, _) = self.views.get(view).ok()?;
        self.cameras.get(of.0).ok().map(|camera| &camera.source)
    }

    /// The address of a view's model, without credentials. None once it is gone.
    pub fn model(&self, view: Entity) -> Option<impl Display> {
        let (_, runs) = self.views.get(view).ok()?;
        self.models.get(runs.0).ok().map(|model| &model.source)
    }
}
