//! The loop of the main thread.

use std::time::Duration;

use bevy_app::prelude::*;
use bevy_ecs::prelude::*;
use detector_components::clock::{Clock, Moment, Timepiece};
use detector_components::pass::Pass;
use detector_components::stage::{Deliver, Sample};
use detector_components::wake::{Reasons, Sleeper};
use detector_protocol::NextHeartbeat;
use tracing::warn;

/// The longest that the main thread sleeps: timers are looked at that often.
pub const TICK: Duration = Duration::from_millis(100);

/// Runs the schedules whenever there is something to do, until the worker is asked to end.
///
/// `before_run` may change the world between two runs.
///
/// The only thing that is waited for is the wake, with the next tick or heartbeat as its time-out.
/// After a wake both schedules run, whatever the reason: what comes back from the device makes room
/// for a frame that waits, and a run without work costs microseconds. A run that takes long makes
/// the calls meanwhile melt into one: ticks are skipped, never queued.
pub fn run_until_asked_to_end(
    app: &mut App,
    sleeper: &Sleeper,
    tick: Duration,
    mut before_run: impl FnMut(&mut World),
) {
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
        before_run(app.world_mut());
        run_once(app.world_mut());
    }
}

/// One run of both schedules, at the time that it is.
pub fn run_once(world: &mut World) {
    turn_clock(world);
    world.run_schedule(Deliver);
    world.run_schedule(Sample);
    world.clear_trackers();
}

/// Lets the passes that were begun come to their results, which are acted on and sent as ever, for
/// at most so long. No frame is looked at any more.
pub fn finish_passes(app: &mut App, sleeper: &Sleeper, grace: Duration) {
    let world = app.world_mut();
    let over = world.resource::<Timepiece>().now() + grace;
    let mut passes = world.query_filtered::<(), With<Pass>>();
    while passes.iter(world).next().is_some() {
        let now = world.resource::<Timepiece>().now();
        if over <= now {
            warn!("not everything that was begun was finished within {} ms", grace.as_millis());
            return;
        }
        sleeper.wait(TICK.min(over.since(now)));
        // `Sample` alone begins passes.
        turn_clock(world);
        world.run_schedule(Deliver);
        world.clear_trackers();
    }
}

fn turn_clock(world: &mut World) {
    let now = world.resource::<Timepiece>().now();
    let mut clock = world.resource_mut::<Clock>();
    clock.now = now;
    clock.run += 1;
}

#[cfg(test)]
mod tests {
    use detector_components::geometry::Region;
    use detector_components::stage::StagePlugin;
    use detector_components::wake::wake;

    use super::*;

    /// A world in which a pass takes so many runs.
    fn app(runs: u64) -> App {
        let mut app = App::empty();
        let finish =
            move |passes: Query<Entity, With<Pass>>, clock: Res<Clock>, mut commands: Commands| {
                if runs <= clock.run {
                    passes.iter().for_each(|pass| commands.entity(pass).despawn());
                }
            };
        let begin = |mut commands: Commands| {
            commands.spawn(pass());
        };
        app.add_plugins(StagePlugin)
            .insert_resource(Timepiece::real())
            .init_resource::<Clock>()
            .add_systems(Deliver, finish)
            .add_systems(Sample, begin);
        app.world_mut().spawn(pass());
        app
    }

    fn pass() -> Pass {
        let region = Region { x: 0, y: 0, width: 1, height: 1 };
        Pass { started: Moment::default(), region, inference_nanos: 0 }
    }

    #[test]
    fn what_was_begun_is_finished_and_nothing_new_is_begun() {
        let (mut app, (wake, sleeper)) = (app(3), wake());
        wake.call(Reasons::DELIVERY);
        finish_passes(&mut app, &sleeper, Duration::from_secs(60));
        assert_eq!(app.world().resource::<Clock>().run, 3);
        assert_eq!(app.world_mut().query::<&Pass>().iter(app.world()).count(), 0);
    }

    #[test]
    fn what_does_not_finish_is_not_waited_for_without_end() {
        let (mut app, (_wake, sleeper)) = (app(u64::MAX), wake());
        finish_passes(&mut app, &sleeper, Duration::ZERO);
        assert_eq!(app.world_mut().query::<&Pass>().iter(app.world()).count(), 1);
    }
}
