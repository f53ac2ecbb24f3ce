use detector_kernels::{Activation, Shape};
use proptest::prelude::*;

use crate::reference::{Tensor, check};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn channels_are_chosen_and_put_together(
        channels in 1..60_usize,
        chosen in prop::collection::vec(any::<prop::sample::Index>(), 1..50),
    ) {
        let shape = Shape { channels, height: 3, width: 5 };
        let input = Tensor::random(shape, 1);
        let chosen: Vec<usize> = chosen.iter().map(|index| index.index(channels)).collect();
        let all = Shape { channels: channels + chosen.len(), ..shape };
        let expected = Tensor::new(all, |channel, y, x| {
            let channel = channel.checked_sub(channels).map_or(channel, |index| chosen[index]);
            input.at(channel, y, x)
        });
        check(&input, &expected, |network, x| {
            let some = network.select_channels(x, &chosen)?;
            network.concatenate(&[x, some])
        });
    }

    #[test]
    fn a_range_of_channels(channels in 1..70_usize, ends in [0.0..1.0, 0.0..1.0]) {
        let mut ends = ends.map(|end: f64| (end * channels as f64) as usize);
        ends.sort_unstable();
        let (start, end) = (ends[0], ends[1] + 1);
        let shape = Shape { channels, height: 4, width: 2 };
        let input = Tensor::random(shape, 1);
        let expected = Tensor::new(Shape { channels: end - start, ..shape }, |channel, y, x| {
            input.at(start + channel, y, x).max(0.0)
        });
        check(&input, &expected, |network, x| {
            let range = network.channels(x, start..end)?;
            network.activation(range, Activation::Relu)
        });
    }

    #[test]
    fn places_are_repeated(
        size in [1..12_usize, 1..12_usize],
        factors in [1..4_usize, 1..4_usize],
        other in [1..30_usize, 1..30_usize],
    ) {
        let shape = Shape { channels: 18, height: size[0], width: size[1] };
        let input = Tensor::random(shape, 1);
        let larger =
            Shape { height: size[0] * factors[0], width: size[1] * factors[1], ..shape };
        let expected = Tensor::new(larger, |channel, y, x| {
            input.at(channel, y / factors[0], x / factors[1])
        });
        check(&input, &expected, |network, x| network.upsample_nearest(x, factors));

        let resized = Shape { height: other[0], width: other[1], ..shape };
        let expected = Tensor::new(resized, |channel, y, x| {
            input.at(channel, y * size[0] / other[0], x * size[1] / other[1])
        });
        check(&input, &expected, |network, x| network.resize_nearest(x, other[0], other[1]));
    }

    #[test]
    fn a_border_is_added(
        size in [1..9_usize, 1..9_usize],
        border in [0..4_usize, 0..4_usize, 0..4_usize, 0..4_usize],
    ) {
        let [left, right, top, bottom] = border;
        let shape = Shape { channels: 5, height: size[0], width: size[1] };
        let input = Tensor::random(shape, 1);
        let padded =
            Shape { height: size[0] + top + bottom, width: size[1] + left + right, ..shape };
        let expected = Tensor::new(padded, |channel, y, x| {
            let from = [y as isize - top as isize, x as isize - left as isize];
            input.get(channel, from[0], from[1]).unwrap_or(-0.5)
        });
        check(&input, &expected, |network, x| network.pad(x, left, right, top, bottom, -0.5));
    }
}
