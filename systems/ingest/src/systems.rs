use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bevy_ecs::prelude::*;
use detector_components::camera::{
    Camera, CameraCounters, CameraSource, LastBegun, LatestFrame, Pace, StreamFacts, StreamState,
};
use detector_components::clock::{Clock, Moment, Timepiece};
use detector_components::integrity::FaultCounter;
use detector_components::slot::FrameSlot;
use detector_components::timing::Timings;
use detector_components::wake::Wake;
use tracing::{error, info, warn};

use crate::attempt::Stream;
use crate::config::IngestConfig;
use crate::plugin::Outside;
use crate::snapshot;
use crate::status::{Supervised, supervision};
use crate::stream::supervise;

/// How many frames a camera had given, when, and when the last one came.
#[derive(Component, Clone, Copy, Default)]
pub struct Meter {
    received: u64,
    since: Moment,
    seen: u64,
    last: Moment,
}

/// Time over which frames a second are counted.
const METER_NANOS: u64 = 1_000_000_000;

/// Takes a new configuration over: to what runs outside, and to cameras whose next frame would be
/// due later than is wanted now.
pub fn follow_config(
    mut cameras: Query<(&FrameSlot, &mut Pace)>,
    config: Res<IngestConfig>,
    outside: Res<Outside>,
    clock: Res<Clock>,
) {
    outside.settings.set(config.clone());
    for (slot, mut pace) in &mut cameras {
        let latest = clock.now + config.frame_period;
        if pace.due > latest {
            pace.due = latest;
            slot.set_due(latest);
        }
    }
}

/// Opens cameras that are new.
pub fn open_cameras(
    cameras: Query<(Entity, &Camera), Without<Supervised>>,
    outside: Res<Outside>,
    timepiece: Res<Timepiece>,
    timings: Res<Timings>,
    wake: Res<Wake>,
    clock: Res<Clock>,
    mut commands: Commands,
) {
    for (entity, camera) in &cameras {
        let (supervised, report) = supervision(wake.clone());
        let slot = FrameSlot::new(timepiece.clone(), wake.clone());
        let faults = FaultCounter::default();
        let stream = Stream {
            source: camera.source.clone(),
            slot: slot.clone(),
            sequence: Arc::new(AtomicU64::new(0)),
            timepiece: timepiece.clone(),
            timings: timings.clone(),
            faults: faults.clone(),
            outside: outside.clone(),
            gauge: None,
        };
        info!(camera = %camera.source, "opening");
        match &camera.source {
            CameraSource::Snapshot { url, interval } => {
                let (url, interval) = (url.clone(), *interval);
                outside.runtime.spawn(snapshot::follow(url, interval, stream, report));
            }
            CameraSource::Stream { .. } | CameraSource::File { .. } | CameraSource::Device(_) => {
                if let Err(error) = supervise(stream, report) {
                    // Tried again in the next run.
                    error!(camera = %camera.source, %error, "no thread for the camera");
                    continue;
                }
            }
        }
        let meter = Meter { since: clock.now, last: clock.now, ..Meter::default() };
        commands.entity(entity).insert((supervised, slot, faults, meter));
    }
}

/// Takes the newest frame of each camera that is due.
pub fn take_frames(
    mut cameras: Query<(Entity, &FrameSlot, &mut Pace, &mut CameraCounters)>,
    config: Res<IngestConfig>,
    clock: Res<Clock>,
    mut commands: Commands,
) {
    for (camera, slot, mut pace, mut counters) in &mut cameras {
        if clock.now < pace.due {
            continue;
        }
        let Some(frame) = slot.take() else { continue };
        counters.sampled += 1;
        counters.skipped += pace.taken(clock.now, config.frame_period);
        slot.set_due(pace.due);
        commands.entity(camera).insert(LatestFrame(frame));
    }
}

/// Puts the newest frame in the place of a sampled one that no view has begun on yet.
///
/// A view that waited for the device so meets what the camera sees now, not what it saw when the
/// frame was due. This samples no more frames: each due time still has one.
pub fn refresh_frames(mut cameras: Query<(&FrameSlot, &mut LatestFrame, &LastBegun)>) {
    for (slot, mut latest, begun) in &mut cameras {
        if begun.0 != Some(latest.0.sequence)
            && let Some(newer) = slot.take()
        {
            latest.0 = newer;
        }
    }
}

/// Follows what supervisors tell, and what they cannot: a camera whose thread hangs has stalled.
pub fn follow_streams(
    mut cameras: Query<(
        &Camera,
        &Supervised,
        &FrameSlot,
        &FaultCounter,
        &mut StreamState,
        &mut StreamFacts,
        &mut CameraCounters,
        &mut Meter,
    )>,
    config: Res<IngestConfig>,
    clock: Res<Clock>,
) {
    for (camera, supervised, slot, faults, mut state, mut facts, mut counters, mut meter) in
        &mut cameras
    {
        counters.reconnects = supervised.reconnects();
        counters.faults = faults.counts();
        facts.set_if_neq(supervised.facts());
        if let Some(news) = supervised.news() {
            // Ways out of states without usable pictures are logged where those into them are.
            let recovers = matches!(
                *state,
                StreamState::Running
                    | StreamState::WaitingForKeyFrame { .. }
                    | StreamState::Impaired { .. }
            );
            if news == StreamState::Running && !recovers {
                info!(camera = %camera.source, "running");
            }
            state.set_if_neq(news);
        }
        let received = slot.received();
        if received != meter.seen {
            meter.seen = received;
            meter.last = clock.now;
        }
        // Snapshots come at their own interval.
        let patience = match &camera.source {
            CameraSource::Snapshot { interval, .. } => config.stall_timeout + *interval,
            _ => config.stall_timeout,
        };
        let silent = clock.now.since(meter.last) > patience;
        if *state == StreamState::Running && silent {
            warn!(camera = %camera.source, "stalled");
            *state = StreamState::Stalled;
        } else if *state == StreamState::Stalled && !silent {
            *state = StreamState::Running;
        }
        let nanos = clock.now.nanos - meter.since.nanos.min(clock.now.nanos);
        if nanos >= METER_NANOS {
            let fps = (received - meter.received) as f32 / (nanos as f32 / 1e9);
            // The first count is as good as any; later ones are smoothed.
            counters.fps = match meter.received {
                0 => fps,
                _ => counters.fps + (fps - counters.fps) * 0.5,
            };
            meter.received = received;
            meter.since = clock.now;
        }
    }
}

#[cfg(test)]
mod tests {
    use bevy_ecs::system::RunSystemOnce;
    use detector_components::frame::{ColorSpace, Frame, PixelFormat, Pixels};
    use detector_components::geometry::Size;

    use super::*;

    fn frame(sequence: u64, timepiece: &Timepiece) -> Frame {
        let size = Size { width: 1, height: 1 };
        let planes = vec![vec![0; 3]];
        let pixels =
            Pixels::new(PixelFormat::Rgb, size, vec![3], ColorSpace::JPEG, planes).unwrap();
        Frame::new(sequence, timepiece.now(), Arc::new(pixels))
    }

    /// The frame that a camera shows after `newer` came, with the last pass begun on `begun`.
    #[track_caller]
    fn check(begun: Option<u64>, newer: Option<u64>, expected: u64) {
        let (timepiece, (wake, _sleeper)) =
            (Timepiece::manual(), detector_components::wake::wake());
        let slot = FrameSlot::new(timepiece.clone(), wake);
        let mut world = World::new();
        let latest = LatestFrame(frame(1, &timepiece));
        if let Some(newer) = newer {
            slot.put(frame(newer, &timepiece));
        }
        let camera = world.spawn((slot, latest, LastBegun(begun))).id();
        world.run_system_once(refresh_frames).unwrap();
        assert_eq!(world.get::<LatestFrame>(camera).unwrap().0.sequence, expected);
    }

    #[test]
    fn a_frame_that_still_waits_gives_way_to_a_newer_one() {
        check(Some(0), Some(2), 2);
        check(None, Some(2), 2);
    }

    #[test]
    fn a_frame_that_a_pass_began_on_stays_until_the_next_is_due() {
        check(Some(1), Some(2), 1);
    }

    #[test]
    fn without_a_newer_frame_the_sampled_one_stays() {
        check(Some(0), None, 1);
    }
}
