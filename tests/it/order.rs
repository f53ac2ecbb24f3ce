//! The order of the systems is declared, not found: no two of them that touch the same data run
//! without an order between them.

use bevy_ecs::schedule::ScheduleLabel;
use detector::config::Config;
use detector::worker::Worker;
use detector_components::stage::{Deliver, Sample};

#[test]
fn no_two_systems_race() {
    let config =
        Config { listen: "127.0.0.1:0".to_owned(), device: "cpu".to_owned(), ..Config::default() };
    let mut worker = Worker::new(&config).unwrap();
    #[cfg(feature = "window")]
    worker.app_mut().add_plugins(detector_window::WindowPlugin {
        link: detector_window::Link::new(|_| {}).0,
        may_change: true,
        disclose: true,
    });
    for label in [Sample.intern(), Deliver.intern()] {
        let conflicts = worker.app_mut().world_mut().schedule_scope(label, |world, schedule| {
            schedule.initialize(world).unwrap();
            let conflicts = schedule.graph().conflicting_systems();
            conflicts.to_string(schedule.graph(), world.components()).collect::<Vec<_>>()
        });
        assert!(conflicts.is_empty(), "{label:?}: {conflicts:#?}");
    }
}
