use super::*;

fn axis(source: u32, resized: u32) -> Axis {
    Axis::new(source, resized, 0, resized)
}

#[test]
fn half_as_many_samples_are_the_middles_of_two() {
    let expected = [
        Pair { low: 0, high: 1, weights: [1024; 2] },
        Pair { low: 2, high: 3, weights: [1024; 2] },
    ];
    assert_eq!(axis(4, 2).rows(), expected);
    assert_eq!(axis(4, 2).columns(), expected);
}

#[test]
fn an_edge_has_the_whole_weight_across_and_both_weights_down() {
    let [column, row] = [axis(2, 4).columns()[0], axis(2, 4).rows()[0]];
    assert_eq!(column, Pair { low: 0, high: 0, weights: [2048, 0] });
    assert_eq!(row, Pair { low: 0, high: 0, weights: [512, 1536] });
}

#[test]
fn weights_are_one_in_all() {
    for (source, resized) in [(1, 640), (7, 3), (1079, 360), (1080, 1079), (16_384, 1), (3, 16_384)]
    {
        for Pair { low, high, weights } in axis(source, resized).rows() {
            assert_eq!(weights[0] + weights[1], Pair::ONE);
            assert!(low <= high && high < source && high - low <= 1);
        }
        let made = axis(source, resized).windows();
        for &window in &made.windows {
            assert!(window.first + window.count <= source);
            let all: i32 = made.weights(window).iter().sum();
            // Each weight is rounded by itself.
            assert!((all - (1 << Windows::BITS)).unsigned_abs() <= window.count);
        }
    }
}

#[test]
fn only_what_is_seen_is_computed() {
    // The middle 224 of a long strip.
    let seen = Axis::new(16_384, 3_670_016, -1_834_896, 224);
    assert_eq!((seen.at, seen.count), (0, 224));
    assert_eq!(seen.windows().windows.len(), 224);
    assert_eq!(seen.rows().len(), 224);
    // And a picture that is smaller than the tensor.
    let small = Axis::new(100, 50, 7, 64);
    assert_eq!((small.at, small.count), (7, 50));
}
