use super::*;

/// Ten frames a second.
const PERIOD: Duration = Duration::from_millis(100);

fn rules() -> Tracking {
    Tracking::default()
}

fn car(x: f32) -> Sighting {
    let bbox = BBox { x1: x, y1: 100.0, x2: x + 60.0, y2: 140.0 };
    Sighting { bbox, class_id: 2, confidence: 0.9, strong: true }
}

fn moment(frame: u32) -> Moment {
    Moment::default() + PERIOD * frame
}

/// A tracker, and the numbers that it gives.
#[derive(Default)]
struct Followed {
    tracker: Tracker,
    last: u64,
}

impl Followed {
    fn see(&mut self, frame: u32, sightings: &[Sighting], rules: &Tracking) -> Vec<Option<u64>> {
        self.tracker.update(sightings, moment(frame), rules, &mut self.last)
    }
}

#[test]
fn what_moves_on_keeps_its_number() {
    let mut followed = Followed::default();
    for frame in 0..50 {
        let x = frame as f32 * 6.0;
        let numbers = followed.see(frame, &[car(x), car(900.0 - x)], &rules());
        assert_eq!(numbers, [Some(1), Some(2)], "frame {frame}");
    }
}

#[test]
fn what_is_hidden_for_two_seconds_keeps_its_number_and_for_too_long_does_not() {
    for (method, hidden, number) in [
        (TrackingMethod::OcSort, 20, 1),
        (TrackingMethod::ByteTrack, 20, 1),
        (TrackingMethod::OcSort, 60, 2),
    ] {
        let rules = Tracking { method, ..rules() };
        let mut followed = Followed::default();
        for frame in 0..20 {
            followed.see(frame, &[car(frame as f32 * 6.0)], &rules);
        }
        for frame in 20..20 + hidden {
            assert_eq!(followed.see(frame, &[], &rules), []);
        }
        let frame = 20 + hidden;
        let numbers = followed.see(frame, &[car(frame as f32 * 6.0)], &rules);
        assert_eq!(numbers, [Some(number)], "{method:?}");
    }
}

#[test]
fn what_stops_behind_something_is_found_where_it_was_last_seen() {
    let mut followed = Followed::default();
    for frame in 0..20 {
        followed.see(frame, &[car(frame as f32 * 6.0)], &rules());
    }
    assert_eq!(followed.see(40, &[car(120.0)], &rules()), [Some(1)]);
}

#[test]
fn weak_boxes_go_on_with_a_track_and_begin_none() {
    let weak = |x| Sighting { strong: false, confidence: 0.15, ..car(x) };
    let rules = Tracking { lost: Duration::from_millis(500), ..rules() };
    let mut followed = Followed::default();
    assert_eq!(followed.see(0, &[weak(500.0)], &rules), [None]);
    followed.see(1, &[car(0.0)], &rules);
    for frame in 2..20 {
        assert_eq!(followed.see(frame, &[weak(frame as f32)], &rules), [None]);
    }
    // Far longer than it may be lost, and it never was.
    assert_eq!(followed.see(20, &[car(20.0)], &rules), [Some(1)]);
}

#[test]
fn a_number_comes_when_something_is_stable() {
    let rules = Tracking { stable_after: 3, ..rules() };
    let mut followed = Followed::default();
    assert_eq!(followed.see(0, &[car(0.0), car(500.0)], &rules), [None, None]);
    assert_eq!(followed.see(1, &[car(2.0)], &rules), [None]);
    assert_eq!(followed.see(2, &[car(4.0), car(500.0)], &rules), [Some(1), None]);
}

#[test]
fn a_car_does_not_become_a_bus_unless_it_may() {
    let bus = Sighting { class_id: 5, ..car(0.0) };
    for (per_class, number) in [(true, 2), (false, 1)] {
        let rules = Tracking { per_class, ..rules() };
        let mut followed = Followed::default();
        followed.see(0, &[car(0.0)], &rules);
        assert_eq!(followed.see(1, &[bus], &rules), [Some(number)]);
    }
}

#[test]
fn a_frame_from_the_past_changes_nothing() {
    let mut followed = Followed::default();
    followed.see(5, &[car(0.0)], &rules());
    assert_eq!(followed.see(4, &[car(700.0)], &rules()), [None]);
    assert_eq!(followed.see(6, &[car(0.0)], &rules()), [Some(1)]);
}

/// Sixteen things on straight ways at different speeds that cross in the middle. Each is hidden for
/// two seconds once, its boxes tremble, one in twelve is not found, some frames are skipped.
struct Scene {
    seed: u64,
}

impl Scene {
    const THINGS: u32 = 16;
    const FRAMES: u32 = 120;

    fn chance(&mut self) -> f32 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.seed >> 40) as f32 / (1 << 24) as f32
    }

    fn tremble(&mut self) -> f32 {
        (self.chance() - 0.5) * 4.0
    }

    /// What is found in a frame: the thing, and its box.
    fn frame(&mut self, frame: u32) -> Vec<(u32, Sighting)> {
        let mut found = Vec::new();
        for thing in 0..Self::THINGS {
            let hidden = 30 + thing * 3..50 + thing * 3;
            let missed = self.chance() < 1.0 / 12.0;
            let trembles = [(); 4].map(|()| self.tremble());
            if hidden.contains(&frame) || missed {
                continue;
            }
            // Half go right and half go down, in lanes of their own.
            let lane = 60.0 + (thing / 2) as f32 * 110.0;
            let way = frame as f32 * (4.0 + (thing % 5) as f32 * 1.5);
            let (x, y) = if thing % 2 == 0 { (way, lane) } else { (lane, way) };
            let (width, height) = (70.0, 50.0);
            let bbox = BBox {
                x1: x + trembles[0],
                y1: y + trembles[1],
                x2: x + width + trembles[2],
                y2: y + height + trembles[3],
            };
            found.push((thing, Sighting { bbox, ..car(0.0) }));
        }
        found
    }
}

/// How often a thing's number changed, and how many numbers were given.
fn switches(method: TrackingMethod, seed: u64) -> (u32, u64) {
    let rules = Tracking { method, ..rules() };
    let mut scene = Scene { seed };
    let mut followed = Followed::default();
    let mut known = [None; Scene::THINGS as usize];
    let mut switches = 0;
    for frame in 0..Scene::FRAMES {
        let found = scene.frame(frame);
        if frame % 7 == 3 {
            continue;
        }
        let sightings: Vec<_> = found.iter().map(|(_, sighting)| *sighting).collect();
        let numbers = followed.see(frame, &sightings, &rules);
        for ((thing, _), number) in found.iter().zip(numbers) {
            let before = known[*thing as usize].replace(number);
            switches += u32::from(before.is_some_and(|before| before != number));
        }
    }
    (switches, followed.last)
}

#[test]
fn numbers_survive_two_hidden_seconds_in_a_crossing_crowd() {
    let mut all = 0;
    for seed in 1..=10 {
        let (switches, given) = switches(TrackingMethod::OcSort, seed);
        println!("seed {seed}: {switches} switches, {given} numbers for {} things", Scene::THINGS);
        all += switches;
    }
    assert_eq!(all, 0);
}
