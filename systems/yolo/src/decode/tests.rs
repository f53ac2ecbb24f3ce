use super::*;

const LAYOUT: Levels = Levels { width: 4, height: 2, stride: 8 };

/// A head with one level, two bins and three classes, in which nothing is found.
struct Levels {
    width: usize,
    height: usize,
    stride: usize,
}

struct Raw {
    layout: AnchorLayout,
    values: Vec<f32>,
}

impl Raw {
    fn new(bins: usize) -> Self {
        let Levels { width, height, stride } = LAYOUT;
        let levels = vec![Level { width, height, stride }];
        let layout = AnchorLayout { bins, classes: 3, more: More::Nothing, once: false, levels };
        let mut values = vec![0.0; layout.rows() * layout.anchors()];
        values[4 * bins * layout.anchors()..].fill(-20.0);
        Self { layout, values }
    }

    fn with(mut self, row: usize, anchor: usize, value: f32) -> Self {
        let anchors = self.layout.anchors();
        self.values[row * anchors + anchor] = value;
        self
    }

    fn score(self, class: usize, anchor: usize, logit: f32) -> Self {
        let row = 4 * self.layout.bins + class;
        self.with(row, anchor, logit)
    }

    fn decode(&self, criteria: &Criteria) -> Vec<ScoredBox> {
        let columns = Columns { values: &self.values, count: self.layout.anchors(), anchors: None };
        decode(columns, &[], &self.layout, criteria)
    }
}

#[test]
fn a_box_lies_around_its_anchor() {
    // Anchor 5 is the second of the second row: its middle is at (1.5, 1.5) strides. Two equal
    // bins of 0 and 1 mean half a stride to each side.
    let found = Raw::new(2).score(1, 5, 3.0).decode(&Criteria::default());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].bbox, [8.0, 8.0, 16.0, 16.0]);
    assert_eq!(found[0].class, 1);
    assert!((found[0].confidence - 0.952_574).abs() < 1e-5);
}

#[test]
fn a_single_bin_is_the_distance_itself() {
    let raw = Raw::new(1).score(0, 0, 3.0).with(0, 0, 0.5).with(2, 0, 1.5).with(3, 0, 2.0);
    assert_eq!(raw.decode(&Criteria::default())[0].bbox, [0.0, 4.0, 16.0, 20.0]);
}

#[test]
fn a_confidence_equal_to_the_threshold_is_not_enough() {
    let raw = Raw::new(2).score(0, 3, 0.0);
    let found = |min_confidence| raw.decode(&Criteria { min_confidence, ..Criteria::default() });
    assert!(found(0.5).is_empty());
    assert_eq!(found(0.499_999).len(), 1);
    // Nothing is impossible: every anchor counts.
    assert_eq!(found(0.0).len(), 8);
    assert!(found(1.0).is_empty());
    assert!(found(f32::NAN).is_empty());
}

#[test]
fn boxes_come_by_falling_confidence() {
    let raw = Raw::new(2).score(0, 0, 1.0).score(1, 2, 3.0).score(2, 7, 2.0);
    let classes: Vec<u32> =
        raw.decode(&Criteria::default()).iter().map(|found| found.class).collect();
    assert_eq!(classes, [1, 2, 0]);
}

#[test]
fn an_anchor_counts_by_its_best_class() {
    let raw = Raw::new(2).score(0, 0, 1.0).score(1, 0, 2.0);
    let wanted = |classes: &[u32]| {
        raw.decode(&Criteria { classes: Some(classes.into()), ..Criteria::default() }).len()
    };
    assert_eq!(wanted(&[1]), 1);
    assert_eq!(wanted(&[0]), 0);
    assert_eq!(wanted(&[]), 0);
}

#[test]
fn what_is_not_a_number_is_removed() {
    for bad in [f32::NAN, f32::INFINITY] {
        let boxed = Raw::new(2).score(0, 0, 1.0).with(3, 0, bad).score(1, 4, 1.0);
        assert_eq!(boxed.decode(&Criteria::default()).len(), 1);
    }
    assert!(Raw::new(2).score(0, 0, f32::NAN).decode(&Criteria::default()).is_empty());
}

#[test]
fn levels_follow_each_other() {
    let levels =
        vec![Level { width: 2, height: 2, stride: 8 }, Level { width: 1, height: 1, stride: 16 }];
    let layout = AnchorLayout { bins: 1, classes: 1, more: More::Nothing, once: false, levels };
    let mut values = vec![0.5; layout.rows() * layout.anchors()];
    values[4 * 5..].copy_from_slice(&[-20.0, -20.0, -20.0, -20.0, 4.0]);
    let found = decode(
        Columns { values: &values, count: layout.anchors(), anchors: None },
        &[],
        &layout,
        &Criteria::default(),
    );
    assert_eq!(found[0].bbox, [0.0, 0.0, 16.0, 16.0]);
}

#[test]
fn an_exponential_is_one() {
    for step in 0..=870_000 {
        let x = -(step as f32) / 1e4;
        let (found, expected) = (exponential(x), f64::from(x).exp() as f32);
        assert!((found - expected).abs() <= 2.5 * f32::EPSILON * expected, "{x}: {found}");
    }
    assert!(exponential(f32::NAN).is_nan());
    assert!(exponential(f32::NEG_INFINITY) < 1e-37);
}

#[test]
fn probabilities_sum_to_one() {
    let probabilities = softmax(&[1000.0, 1000.0, 999.0]);
    assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    assert_eq!(probabilities[0], probabilities[1]);
    assert!(probabilities[2] < probabilities[0]);
}

/// A crowd as a network of eighty classes tells it at 640: three hundred things, each found by seven
/// anchors or so, two thousand in all.
fn crowd() -> Raw {
    let levels = [80, 40, 20].map(|side| Level { width: side, height: side, stride: 640 / side });
    let more = More::Nothing;
    let layout = AnchorLayout { bins: 16, classes: 80, more, once: false, levels: levels.into() };
    let anchors = layout.anchors();
    let mut values = vec![0.0; layout.rows() * anchors];
    values[64 * anchors..].fill(-8.0);
    let mut raw = Raw { layout, values };
    let mut candidates = 0;
    for thing in 0..300 {
        // The middle of a 3 x 3 neighbourhood on the finest grid; all but its corners are confident.
        let (x, y) = (1 + thing % 25 * 3, 1 + thing / 25 * 6);
        for (dx, dy) in [(1, 1), (0, 1), (1, 0), (2, 1), (1, 2), (0, 0), (2, 2)] {
            let anchor = (y + dy) * 80 + x + dx;
            let distances = [1 + dx, 1 + dy, 3 - dx, 3 - dy];
            for (side, distance) in distances.into_iter().enumerate() {
                raw = raw.with(side * 16 + distance, anchor, 9.0);
            }
            raw = raw.score(thing % 3, anchor, 1.0 + (candidates % 97) as f32 / 97.0);
            candidates += 1;
        }
    }
    raw
}

#[test]
fn each_of_a_crowd_is_found_once() {
    assert_eq!(crowd().decode(&Criteria::default()).len(), 300);
}

#[test]
#[ignore = "measures"]
fn the_time_of_a_crowd() {
    let (crowd, criteria) = (crowd(), Criteria::default());
    let mut micros: Vec<u128> = (0..200)
        .map(|_| {
            let start = std::time::Instant::now();
            std::hint::black_box(crowd.decode(&criteria));
            start.elapsed().as_micros()
        })
        .collect();
    micros.sort_unstable();
    println!("{} candidates: median {} us, best {} us", 2_100, micros[100], micros[0]);
}

#[test]
fn columns_that_were_picked_tell_the_same_as_all_of_them() {
    let raw = Raw::new(2).score(1, 5, 3.0).score(0, 2, 1.0).score(2, 7, 2.0);
    let (all, picked) = (raw.layout.anchors(), [2_u32, 5, 7]);
    let values: Vec<f32> = raw
        .values
        .chunks_exact(all)
        .flat_map(|row| picked.map(|anchor| row[anchor as usize]))
        .collect();
    let columns = Columns { values: &values, count: picked.len(), anchors: Some(&picked) };
    let found = decode(columns, &[], &raw.layout, &Criteria::default());
    assert_eq!(found.len(), 3);
    assert_eq!(found, raw.decode(&Criteria::default()));

    let none = Columns { values: &[], count: 0, anchors: Some(&[]) };
    assert!(decode(none, &[], &raw.layout, &Criteria::default()).is_empty());
}
