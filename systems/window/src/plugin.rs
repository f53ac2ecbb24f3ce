use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use detector_components::stage::{Deliver, StageSystems};

use crate::link::Link;
use crate::systems::{Audience, cover_up, do_what_is_asked, leave_scene};

/// Adds this stage to an app.
pub struct WindowPlugin {
    /// To the window.
    pub link: Link,
    /// Whether what the window asks for may change what is found.
    pub may_change: bool,
    /// Whether what nodes leave out is told from the start, rather than when the user asks.
    pub disclose: bool,
}

impl Plugin for WindowPlugin {
    fn build(&self, app: &mut App) {
        let Self { link, may_change, disclose } = self;
        app.insert_resource(Audience::new(link.clone(), *may_change, *disclose)).add_systems(
            Deliver,
            (
                (do_what_is_asked, cover_up)
                    .chain()
                    .after(StageSystems::Ingest)
                    .before(StageSystems::Decode),
                leave_scene.after(StageSystems::Publish),
            ),
        );
    }
}
