//! Follows things from frame to frame by their boxes.
//!
//! Two methods, each as its paper has it:
//!
//! * ByteTrack (Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box",
//!   ECCV 2022): boxes find their tracks by overlap with where those are expected, strong boxes
//!   first; weak boxes may go on with a track, and never begin one.
//! * OC-SORT (Cao et al., "Observation-Centric SORT: Rethinking SORT for Robust Multi-Object
//!   Tracking", CVPR 2023) on top of it: a pair is the likelier the better it fits the direction in
//!   which the track was seen to move; what found nothing is compared with where it was last seen;
//!   and what is found again has its filter led along the way that it must have taken.
//!
//! Time is the capture time of the frames, not their count: a view under load skips frames, and a
//! camera that is slow is not a camera on which everything moves fast. Nothing here is random or
//! depends on hash order: the same frames give the same numbers.

use std::collections::VecDeque;
use std::time::Duration;

use detector_components::clock::Moment;
use detector_components::geometry::BBox;
use detector_components::node::{Tracking, TrackingMethod};

mod assignment;
mod filter;

use self::assignment::assign;
use self::filter::BoxFilter;

/// Least overlap of a weak box with where its track is expected, as ByteTrack has it: weak boxes are
/// what is left of something hidden, and must lie well.
const WEAK_OVERLAP: f64 = 0.5;
/// How much the direction counts beside the overlap, as OC-SORT has it.
const INERTIA: f64 = 0.2;
/// How many observations back a direction is measured from, as OC-SORT has it.
const DIRECTION_SPAN: usize = 3;
/// The longest step in which a filter is led along a way that was not seen.
const REPLAY_STEP: Duration = Duration::from_millis(100);
/// Tracks that one tracker holds; the ones out of sight for longest make room. A network finds 300
/// boxes in a frame by default.
const MAX_TRACKS: usize = 2_000;

/// A box that may belong to a track.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sighting {
    /// In pixels of the camera's frame.
    pub bbox: BBox,
    /// Number of its class.
    pub class_id: u32,
    /// 0 to 1.
    pub confidence: f32,
    /// Whether it counts as found: the others only keep tracks alive.
    pub strong: bool,
}

/// The tracks of one node in one view.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    tracks: Vec<Track>,
    updated: Option<Moment>,
}

#[derive(Clone, Debug)]
struct Track {
    /// None until it is stable.
    number: Option<u64>,
    class_id: u32,
    /// Where it is expected now.
    filter: BoxFilter,
    /// The filter as it was when it was last seen.
    when_seen: BoxFilter,
    /// What was seen of it, the newest last; at most [`DIRECTION_SPAN`] and one.
    seen: VecDeque<(Moment, BBox)>,
    /// Frames in which it was seen.
    frames: u32,
    /// Whether it was seen in the last frame.
    in_sight: bool,
}

impl Tracker {
    /// Takes what was found in one frame, and says for each of it the number of its track: none for
    /// what is weak, or not yet stable. New numbers are drawn from `next_number`.
    ///
    /// A frame that is older than the last one is not looked at.
    pub fn update(
        &mut self,
        sightings: &[Sighting],
        captured: Moment,
        rules: &Tracking,
        next_number: &mut u64,
    ) -> Vec<Option<u64>> {
        let mut numbers = vec![None; sightings.len()];
        if self.updated.is_some_and(|updated| captured < updated) {
            return numbers;
        }
        self.forget(captured, rules.lost);
        let passed = self.updated.map_or(Duration::ZERO, |updated| captured.since(updated));
        self.updated = Some(captured);
        for track in &mut self.tracks {
            if !track.in_sight {
                track.filter.hold_size();
            }
            track.filter.predict(passed);
        }

        let pairs = self.associate(sightings, rules);
        let mut of_sighting = vec![None; sightings.len()];
        for (track, sighting) in pairs {
            self.tracks[track].see(&sightings[sighting], captured, rules.method);
            of_sighting[sighting] = Some(track);
        }
        for track in &mut self.tracks {
            track.in_sight = track.last_seen().0 == captured;
        }
        for (index, sighting) in sightings.iter().enumerate() {
            if sighting.strong && of_sighting[index].is_none() {
                of_sighting[index] = Some(self.tracks.len());
                self.tracks.push(Track::new(sighting, captured));
            }
        }
        for (index, track) in of_sighting.into_iter().enumerate() {
            let Some(track) = track.map(|track| &mut self.tracks[track]) else { continue };
            if track.number.is_none() && track.frames >= rules.stable_after {
                *next_number += 1;
                track.number = Some(*next_number);
            }
            numbers[index] = track.number.filter(|_| sightings[index].strong);
        }
        numbers
    }

    /// Drops what is out of sight for too long, and what was never stable.
    fn forget(&mut self, now: Moment, lost: Duration) {
        self.tracks.retain(|track| {
            let hidden = now.since(track.last_seen().0);
            hidden <= lost && (track.in_sight || track.number.is_some())
        });
        if self.tracks.len() > MAX_TRACKS {
            self.tracks.sort_by_key(|track| std::cmp::Reverse(track.last_seen().0));
            self.tracks.truncate(MAX_TRACKS);
        }
    }

    /// Which track each sighting belongs to, as (track, sighting).
    fn associate(&self, sightings: &[Sighting], rules: &Tracking) -> Vec<(usize, usize)> {
        let observed = rules.method == TrackingMethod::OcSort;
        let least = f64::from(rules.min_overlap);
        let mut matching = Matching {
            tracks: &self.tracks,
            sightings,
            per_class: rules.per_class,
            free_tracks: (0..self.tracks.len()).collect(),
            free_sightings: (0..sightings.len()).collect(),
            pairs: Vec::new(),
        };
        matching.stage(
            |_| true,
            |sighting| sighting.strong,
            |track, sighting| {
                let overlap = overlap(track.filter.bbox(), sighting.bbox);
                let turned = if observed { track.turn_towards(sighting) } else { 0.0 };
                (overlap >= least).then_some(1.0 - overlap + INERTIA * turned)
            },
        );
        matching.stage(
            |track| track.in_sight,
            |sighting| !sighting.strong,
            |track, sighting| {
                let overlap = overlap(track.filter.bbox(), sighting.bbox);
                (overlap >= WEAK_OVERLAP).then_some(1.0 - overlap)
            },
        );
        if observed {
            matching.stage(
                |_| true,
                |sighting| sighting.strong,
                |track, sighting| {
                    let overlap = overlap(track.last_seen().1, sighting.bbox);
                    (overlap >= least).then_some(1.0 - overlap)
                },
            );
        }
        matching.pairs
    }
}

/// Tracks and sightings that look for each other, stage by stage.
struct Matching<'a> {
    tracks: &'a [Track],
    sightings: &'a [Sighting],
    per_class: bool,
    free_tracks: Vec<usize>,
    free_sightings: Vec<usize>,
    pairs: Vec<(usize, usize)>,
}

impl Matching<'_> {
    /// Pairs those that are free and take part, at the least cost in all; a pair without a cost is
    /// none.
    fn stage(
        &mut self,
        tracks_in: impl Fn(&Track) -> bool,
        sightings_in: impl Fn(&Sighting) -> bool,
        cost: impl Fn(&Track, &Sighting) -> Option<f64>,
    ) {
        let (tracks, sightings) = (self.tracks, self.sightings);
        let rows: Vec<_> =
            self.free_tracks.iter().copied().filter(|track| tracks_in(&tracks[*track])).collect();
        let columns: Vec<_> = self
            .free_sightings
            .iter()
            .copied()
            .filter(|sighting| sightings_in(&sightings[*sighting]))
            .collect();
        let price = |row: usize, column: usize| {
            let (track, sighting) = (&tracks[rows[row]], &sightings[columns[column]]);
            let other = self.per_class && track.class_id != sighting.class_id;
            if other { None } else { cost(track, sighting) }
        };
        let pairs = assign(rows.len(), columns.len(), price);
        for (row, column) in pairs {
            let (track, sighting) = (rows[row], columns[column]);
            self.free_tracks.retain(|free| *free != track);
            self.free_sightings.retain(|free| *free != sighting);
            self.pairs.push((track, sighting));
        }
    }
}

impl Track {
    fn new(sighting: &Sighting, captured: Moment) -> Self {
        let filter = BoxFilter::new(sighting.bbox);
        Self {
            number: None,
            class_id: sighting.class_id,
            when_seen: filter.clone(),
            filter,
            seen: VecDeque::from([(captured, sighting.bbox)]),
            frames: 1,
            in_sight: true,
        }
    }

    fn last_seen(&self) -> (Moment, BBox) {
        *self.seen.back().expect("a track begins with an observation")
    }

    /// Goes on with what was seen of it.
    fn see(&mut self, sighting: &Sighting, captured: Moment, method: TrackingMethod) {
        if method == TrackingMethod::OcSort && !self.in_sight {
            let (last, from) = self.last_seen();
            self.replay(from, sighting.bbox, captured.since(last));
        }
        self.filter.update(sighting.bbox);
        self.when_seen = self.filter.clone();
        self.class_id = sighting.class_id;
        self.frames = self.frames.saturating_add(1);
        self.seen.push_back((captured, sighting.bbox));
        if self.seen.len() > DIRECTION_SPAN + 1 {
            self.seen.pop_front();
        }
    }

    /// Leads the filter along a straight way from where it was last seen to where it is found again,
    /// so that what it made up meanwhile does not count. The last step is left to be updated.
    fn replay(&mut self, from: BBox, to: BBox, hidden: Duration) {
        let steps = (hidden.div_duration_f64(REPLAY_STEP).ceil() as u32).max(1);
        self.filter = self.when_seen.clone();
        for step in 1..=steps {
            self.filter.predict(hidden / steps);
            if step < steps {
                self.filter.update(between(from, to, f64::from(step) / f64::from(steps)));
            }
        }
    }

    /// From 0 to 1: how far a sighting lies off the direction in which the track was seen to move.
    /// A half, neither for nor against, when it was not seen to move.
    fn turn_towards(&self, sighting: &Sighting) -> f64 {
        let (Some((_, first)), (_, last)) = (self.seen.front(), self.last_seen()) else {
            return 0.5;
        };
        let angle = |from: BBox, to: BBox| {
            let ((x1, y1), (x2, y2)) = (centre(from), centre(to));
            let (x, y) = (x2 - x1, y2 - y1);
            // A still thing's box trembles: less than this is no direction.
            (x.hypot(y) > 1.0).then(|| y.atan2(x))
        };
        match (angle(*first, last), angle(*first, sighting.bbox)) {
            (Some(before), Some(after)) => {
                let turn = (before - after).abs();
                turn.min(std::f64::consts::TAU - turn) / std::f64::consts::PI
            }
            _ => 0.5,
        }
    }
}

fn centre(bbox: BBox) -> (f64, f64) {
    let middle = |from: f32, to: f32| f64::from(from + to) / 2.0;
    (middle(bbox.x1, bbox.x2), middle(bbox.y1, bbox.y2))
}

fn between(from: BBox, to: BBox, part: f64) -> BBox {
    let mix = |from: f32, to: f32| (f64::from(from) + f64::from(to - from) * part) as f32;
    BBox {
        x1: mix(from.x1, to.x1),
        y1: mix(from.y1, to.y1),
        x2: mix(from.x2, to.x2),
        y2: mix(from.y2, to.y2),
    }
}

fn overlap(one: BBox, other: BBox) -> f64 {
    f64::from(one.iou(&other))
}

#[cfg(test)]
mod tests;
