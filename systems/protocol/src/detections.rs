//! Tells clients what was seen.

use bevy_ecs::prelude::*;
use detector_components::display::{Session, ShownOn};
use detector_components::pass::{Finished, PassOf};
use detector_components::results::PassResults;
use detector_components::subscription::{OwnedBy, Subscription};
use detector_components::timing::{Step, Timings};
use detector_components::view::WatchedBy;

use crate::counters::ProtocolCounters;
use crate::outbox::Outbox;
use crate::systems::Surroundings;
use crate::wire::detection::{Seen, finding, image_detection};

/// Sends what finished passes found to everyone who watches their views. A pass that found nothing
/// is not mentioned.
pub fn send_detections(
    passes: Query<(&PassResults, &PassOf), With<Finished>>,
    views: Query<&WatchedBy>,
    subscriptions: Query<(Entity, &Subscription, &OwnedBy, &ShownOn)>,
    sessions: Query<&Session>,
    outboxes: Query<&Outbox>,
    surroundings: Res<Surroundings>,
    counters: Res<ProtocolCounters>,
    timings: Res<Timings>,
) {
    let timepiece = &surroundings.timepiece;
    for (PassResults(results), of) in &passes {
        let captured = results.frame.captured;
        timings.record(Step::FrameAge, timepiece.now().since(captured));
        let Ok(watchers) = views.get(of.0) else { continue };
        if results.findings.is_empty() {
            continue;
        }
        let size = results.frame.pixels.size();
        let seen = Seen {
            captured: timepiece.wall(captured),
            frame_age_millis: timepiece.now().since(captured).as_millis() as u64,
            sequence: results.frame.sequence,
            width: size.width,
            height: size.height,
            integrity: results.frame.integrity,
            camera_time: results.frame.camera_time,
            detections: results.findings.iter().map(finding).collect(),
        };
        for (id, subscription, owner, shown) in subscriptions.iter_many(watchers.iter()).matched() {
            let Ok(outbox) = outboxes.get(owner.0) else { continue };
            let session = sessions.get(shown.0).ok();
            if let Some(text) = image_detection(&seen, subscription, session) {
                outbox.detection(id, text);
                counters.detection();
            }
        }
    }
}
