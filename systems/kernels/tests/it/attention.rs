use detector_kernels::{AttentionOptions, Shape};
use proptest::prelude::*;

use crate::reference::{Tensor, check};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_place_looks_at_its_area(
        heads in 1..4_usize,
        key_dim in 1..34_usize,
        head_dim in 1..34_usize,
        areas in 1..4_usize,
        rows in 1..5_usize,
        width in 1..13_usize,
        scale in 0.1..2.0_f32,
    ) {
        let height = rows * areas;
        let (keys, values) = (heads * key_dim, heads * head_dim);
        let input = Tensor::random(Shape { channels: 2 * keys + values, height, width }, 1);
        let options = AttentionOptions { heads, key_dim, head_dim, scale, areas };
        let of_area = height * width / areas;
        let place = |place: usize| (place / width, place % width);
        let expected = Tensor::new(Shape { channels: values, height, width }, |channel, y, x| {
            let head = channel / head_dim;
            let area = (y * width + x) / of_area;
            let scores: Vec<f64> = (area * of_area..(area + 1) * of_area)
                .map(|other| {
                    let (other_y, other_x) = place(other);
                    let product: f64 = (head * key_dim..(head + 1) * key_dim)
                        .map(|key| input.at(key, y, x) * input.at(keys + key, other_y, other_x))
                        .sum();
                    (product * f64::from(scale)).exp()
                })
                .collect();
            let sum: f64 = scores.iter().sum();
            let seen = scores.iter().enumerate().map(|(index, score)| {
                let (y, x) = place(area * of_area + index);
                score / sum * input.at(2 * keys + channel, y, x)
            });
            seen.sum()
        });
        check(&input, &expected, |network, x| {
            let queries = network.channels(x, 0..keys)?;
            let keys_of_all = network.channels(x, keys..2 * keys)?;
            let values_of_all = network.channels(x, 2 * keys..2 * keys + values)?;
            network.attention(queries, keys_of_all, values_of_all, options)
        });
    }
}
