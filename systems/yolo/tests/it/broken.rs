//! Files that came to harm on their way: cut off, with bits turned over, with numbers that are none.
//! Each is refused, or runs without a panic.

use burn::tensor::{Device, Tensor};
use detector_yolo::{Checkpoint, Criteria, Network, Prediction};

use crate::fixture::{self, Parts};

/// Numbers that look random and are the same at every run (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}

/// Runs a network on a small picture.
fn run(network: &Network) -> Vec<Prediction> {
    let side = 16_usize.next_multiple_of(network.info().stride);
    let picture = Tensor::ones([1, 3, side, side], &Device::flex()) * 0.5;
    network.predict(picture, &[Criteria::default()]).unwrap()
}

#[test]
fn seeds_run_as_they_are() {
    for (name, bytes) in fixture::seeds() {
        let network = fixture::load(&Checkpoint::from_bytes(bytes).unwrap());
        run(&network.unwrap_or_else(|error| panic!("{name}: {error}")));
    }
}

#[test]
fn a_real_file_that_is_cut_off_anywhere_is_refused() {
    for (name, bytes) in fixture::seeds() {
        let mut random = Random(1);
        for _ in 0..200 {
            let length = random.below(bytes.len());
            let cut = Checkpoint::from_bytes(&bytes[..length]);
            assert!(cut.is_err(), "{name} of {length} bytes");
        }
    }
}

/// The directory of an archive says where all is: what is cut out of the middle moves it.
#[test]
fn a_real_file_that_lacks_something_in_its_middle_does_not_panic() {
    for (_, bytes) in fixture::seeds() {
        let mut random = Random(2);
        for _ in 0..200 {
            let start = random.below(bytes.len());
            let end = (start + 1 + random.below(4096)).min(bytes.len());
            let cut = [&bytes[..start], &bytes[end..]].concat();
            if let Ok(checkpoint) = Checkpoint::from_bytes(cut)
                && let Ok(network) = fixture::load(&checkpoint)
            {
                run(&network);
            }
        }
    }
}

#[test]
fn turned_bits_make_no_real_file_panic() {
    let (mut ran, mut refused) = (0, 0);
    for (_, bytes) in fixture::seeds() {
        let mut random = Random(3);
        for _ in 0..400 {
            let mut turned = bytes.clone();
            for _ in 0..1 + random.below(4) {
                turned[random.below(bytes.len())] ^= 1 << random.below(8);
            }
            let network = Checkpoint::from_bytes(turned).ok().and_then(|c| fixture::load(&c).ok());
            match network {
                Some(network) => {
                    run(&network);
                    ran += 1;
                }
                None => refused += 1,
            }
        }
    }
    assert!(ran > 100 && refused > 100, "{ran} ran, {refused} were refused");
}

/// What a training that went astray leaves behind: it runs, and finds nothing.
#[test]
fn weights_that_are_no_numbers_find_nothing() {
    // Not a number, and the two infinities.
    for number in [0x7e00, 0x7c00, 0xfc00] {
        for name in ["ages/now", "tiny-v8-cls"] {
            let bytes = Parts::of(name).with_numbers(number);
            let Ok(network) = fixture::load(&Checkpoint::from_bytes(bytes).unwrap()) else {
                // The numbers of the bins must be those that they always are.
                continue;
            };
            for prediction in run(&network) {
                match prediction {
                    Prediction::Boxes(boxes) => assert_eq!(boxes, []),
                    Prediction::Probabilities(all) => assert!(all.iter().all(|p| p.is_nan())),
                }
            }
        }
    }
}
