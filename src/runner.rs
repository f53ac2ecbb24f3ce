//! The loop of the main thread.

use std::time::Duration;

use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use detector_components::clock::{Clock, Moment, Timepiece};
use detector_components::stage::{Deliver, Sample};
use detector_components::wake::{Reasons, Sleeper};
use detector_protocol::NextHeartbeat;

/// The longest that the main thread sleeps: timers are looked at that often.
pub const TICK: Duration = Duration::from_millis(100);

/// Runs the schedules whenever there is something to do, until the worker is asked to end.
///
/// The only thing that is waited for is the wake, with the next tick or heartbeat as its time-out.
/// After a wake both schedules run, whatever the reason: what comes back from the device makes room
/// for a frame that waits, and a run without work costs microseconds. A run that takes long makes
/// the calls meanwhile melt into one: ticks are skipped, never queued.
pub fn run_until_asked_to_end(app: &mut App, sleeper: &Sleeper, tick: Duration) {
    app.finish();
    app.cleanup();
    let mut next_tick = Moment::default();
    loop {
        let now = app.world().resource::<Timepiece>().now();
        if now >= next_tick {
            next_tick = now + tick;
        }
        let deadline = match app.world().get_resource::<NextHeartbeat>() {
            Some(NextHeartbeat(Some(heartbeat))) => next_tick.min(*heartbeat),
            _ => next_tick,
        };
        let reasons = sleeper.wait(deadline.since(now));
        if reasons.contains(Reasons::EXIT) {
            return;
        }
        run_once(app.world_mut());
    }
}

/// One run of both schedules, at the time that it is.
pub fn run_once(world: &mut World) {
    let now = world.resource::<Timepiece>().now();
    let mut clock = world.resource_mut::<Clock>();
    clock.now = now;
    clock.run += 1;
    world.run_schedule(Deliver);
    world.run_schedule(Sample);
    world.clear_trackers();
}
