use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use detector_components::display::SessionPatch;
use detector_components::stage::{Deliver, StageSystems};

use crate::census::remember_errors;
use crate::config::ProtocolConfig;
use crate::detections::send_detections;
use crate::failures::{send_failures, send_refusals};
use crate::heartbeat::{NextHeartbeat, send_reports};
use crate::impairments::log_impairments;
use crate::inquiries::{InquiryQueue, answer_inquiries};
use crate::server::ProtocolServer;
use crate::sessions::{merge_patches, send_patch_results, send_patches};
use crate::shots::answer_pictures;
use crate::systems::{
    ClientEvents, PictureQueue, Surroundings, beat, count_dropped, follow_config, receive,
};

/// Adds this stage to an app, and the server to its resources. Its [`ProtocolConfig`] may be replaced
/// at any time.
pub struct ProtocolPlugin {
    /// The port, just bound. It is plugged in once.
    pub server: ProtocolServer,
}

impl Plugin for ProtocolPlugin {
    /// # Panics
    /// When the server was plugged in before.
    fn build(&self, app: &mut App) {
        let inlet = self.server.take_inlet().expect("a server is plugged in once");
        app.insert_resource(self.server.clone())
            .insert_resource(ClientEvents(inlet.events))
            .insert_resource(PictureQueue(inlet.pictures))
            .insert_resource(InquiryQueue(inlet.inquiries))
            .insert_resource(inlet.config)
            .insert_resource(Surroundings {
                settings: inlet.settings,
                timepiece: inlet.timepiece,
                vitals: inlet.vitals,
            })
            .insert_resource(inlet.pulse)
            .insert_resource(inlet.counters)
            // The sockets count too, and they were there first.
            .insert_resource(inlet.timings)
            .init_resource::<NextHeartbeat>()
            .add_systems(
                Deliver,
                (follow_config.run_if(resource_changed::<ProtocolConfig>), beat, receive)
                    .chain()
                    .in_set(StageSystems::Receive),
            )
            .add_systems(
                Deliver,
                (
                    merge_patches.run_if(on_message::<SessionPatch>),
                    send_patches,
                    send_detections,
                    send_refusals,
                    send_patch_results,
                    send_failures,
                    send_reports,
                    answer_pictures,
                    count_dropped,
                    remember_errors,
                    log_impairments,
                    answer_inquiries,
                )
                    .chain()
                    .in_set(StageSystems::Publish),
            );
    }
}
