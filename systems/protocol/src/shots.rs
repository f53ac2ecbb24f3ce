//! Looks up what someone over HTTP wants to see.

use bevy_ecs::prelude::*;
use detector_components::camera::LatestFrame;
use detector_components::subscription::Subscription;
use detector_components::view::{LatestResults, ViewOf, Watches};

use crate::event::{MAX_REQUESTS, NoShot, Shot};
use crate::systems::PictureQueue;

/// Answers those who want pictures: with the pixels, which are shared, not copied; encoding them is
/// theirs.
pub fn answer_pictures(
    mut queue: ResMut<PictureQueue>,
    subscriptions: Query<(&Subscription, &Watches)>,
    views: Query<(&ViewOf, Option<&LatestResults>)>,
    cameras: Query<Option<&LatestFrame>>,
) {
    for _ in 0..MAX_REQUESTS {
        let Ok(request) = queue.0.try_recv() else {
            return;
        };
        let shot = |(subscription, watches): (&Subscription, &Watches), cropped: bool| {
            let (of, results) = views.get(watches.0).map_err(|_| NoShot::NoFrame)?;
            let results = results.filter(|_| request.annotated).map(|results| results.0.clone());
            // The boxes fit the frame that they were found in, and no newer one.
            let frame = match &results {
                Some(results) => Some(results.frame.clone()),
                None => cameras.get(of.0).ok().flatten().map(|latest| latest.0.clone()),
            };
            Ok(Shot {
                frame: frame.ok_or(NoShot::NoFrame)?,
                crop: subscription.crop_in_frame.filter(|_| cropped),
                results,
            })
        };
        let wanted = &*request.of;
        let exact = subscriptions.iter().find(|(held, _)| held.id.as_str() == wanted);
        let answer = match exact {
            Some(subscription) => shot(subscription, true),
            None => {
                // Several displays may show a camera of this name, or different ones: the first
                // that has a picture, always in the same order.
                let mut named: Vec<_> =
                    subscriptions.iter().filter(|(held, _)| held.id.camera() == wanted).collect();
                named.sort_by_key(|(held, _)| &held.id);
                let shots = named.into_iter().map(|subscription| shot(subscription, false));
                shots.reduce(Result::or).unwrap_or(Err(NoShot::Unknown))
            }
        };
        // Whoever asked may have gone meanwhile.
        let _ = request.answer.send(answer);
    }
}
