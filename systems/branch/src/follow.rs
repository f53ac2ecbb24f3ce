//! Gives detections the numbers of their tracks.

use bevy_ecs::prelude::*;
use detector_components::detection::{DetectedBy, Detection, DetectionOf, Detections, Track};
use detector_components::frame::Frame;
use detector_components::job::Jobs;
use detector_components::node::{Nodes, Tracking};
use detector_components::pass::{Finished, Pass, PassOf};
use detector_components::view::RunsPipeline;

use crate::tracker::{Sighting, Tracker};

/// The tracks of a view, node by node. They go with it.
#[derive(Component, Default)]
pub struct Tracks {
    trackers: Vec<(Entity, Tracker)>,
    /// The last number that was given. Numbers are the view's, so no two nodes give the same.
    last_number: u64,
}

/// A box that is too weak to be a detection, and keeps a track alive. Comes with [`DetectionOf`] and
/// [`DetectedBy`].
#[derive(Component)]
pub struct Faint(pub Sighting);

/// Follows what a pass has found, once everything in it has answered: boxes are in frame pixels, so a
/// node that runs on many crops is followed like one that sees the whole picture.
pub fn follow_detections(
    passes: Query<
        (&PassOf, &Frame, Option<&Detections>),
        (With<Pass>, Without<Jobs>, Without<Finished>),
    >,
    found: Query<(Entity, AnyOf<(&Detection, &Faint)>, &DetectedBy), With<DetectionOf>>,
    mut views: Query<(&RunsPipeline, &mut Tracks)>,
    models: Query<&Nodes>,
    nodes: Query<(Entity, &Tracking)>,
    mut commands: Commands,
) {
    for (of, frame, detections) in &passes {
        let Ok((runs, mut tracks)) = views.get_mut(of.0) else { continue };
        let Ok(members) = models.get(runs.0) else { continue };
        for (node, rules) in nodes.iter_many(members.iter()).matched() {
            let mut ids = Vec::new();
            let mut sightings = Vec::new();
            let all = detections.into_iter().flat_map(Detections::iter);
            for (id, (detection, faint), by) in found.iter_many(all).matched() {
                if by.0 != node {
                    continue;
                }
                let sighting = match (detection, faint) {
                    (Some(detection), _) => Sighting {
                        bbox: detection.bbox_in_frame,
                        class_id: detection.class_id,
                        confidence: detection.confidence,
                        strong: true,
                    },
                    (None, Some(Faint(sighting))) => *sighting,
                    (None, None) => continue,
                };
                ids.push(id);
                sightings.push(sighting);
            }
            let Tracks { trackers, last_number } = &mut *tracks;
            let at = trackers.iter().position(|(other, _)| *other == node).unwrap_or_else(|| {
                trackers.push((node, Tracker::default()));
                trackers.len() - 1
            });
            let numbers = trackers[at].1.update(&sightings, frame.captured, rules, last_number);
            for (id, number) in ids.into_iter().zip(numbers) {
                if let Some(number) = number {
                    commands.entity(id).insert(Track(number));
                }
            }
        }
    }
}
