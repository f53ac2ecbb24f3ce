//! Colours that tell classes apart.

use std::f64::consts::TAU;

/// Chosen so that the classes that are watched most differ well: see the tests.
const SEED: u64 = 973;

/// Lightness of classes, so that those whose hues are close may still differ. Bright enough for a
/// dark street, dark enough for the sky.
const LIGHTNESS: [f64; 3] = [0.74, 0.62, 0.86];

/// The most colourful that is asked for; less where the screen cannot show it.
const CHROMA: f64 = 0.25;

/// A colour for a class, always the same, as red, green and blue.
///
/// It depends on the name alone: a car is as blue in one pipeline as in another, and the nodes of a
/// pipeline need not agree on numbers. Two names may come close to each other.
///
/// Chosen in Oklch, where equal steps look equal (Björn Ottosson, "A perceptual color space for
/// image processing", 2020).
pub fn color_of(class: &str) -> [u8; 3] {
    let hash = hash(class);
    let hue = (hash as f64 / u64::MAX as f64) * TAU;
    let lightness = LIGHTNESS[(hash % LIGHTNESS.len() as u64) as usize];
    let mut chroma = CHROMA;
    loop {
        let linear = linear_from_oklab(lightness, chroma * hue.cos(), chroma * hue.sin());
        // Grey can always be shown, so this ends.
        if chroma <= 0.0 || linear.iter().all(|channel| (0.0..=1.0).contains(channel)) {
            return linear.map(|channel| (gamma(channel.clamp(0.0, 1.0)) * 255.0).round() as u8);
        }
        chroma -= 0.005;
    }
}

/// FNV-1a with `SEED` in the place of its own beginning, and its bits mixed (the end of
/// SplitMix64), or short names would all begin alike. Part of what makes a colour stable: the
/// standard library's hashes may change.
fn hash(name: &str) -> u64 {
    let hash = name
        .bytes()
        .fold(SEED, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

fn linear_from_oklab(lightness: f64, a: f64, b: f64) -> [f64; 3] {
    let long = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let medium = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let short = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    [
        4.076_741_662_1 * long - 3.307_711_591_3 * medium + 0.230_969_929_2 * short,
        -1.268_438_004_6 * long + 2.609_757_401_1 * medium - 0.341_319_396_5 * short,
        -0.004_196_086_3 * long - 0.703_418_614_7 * medium + 1.707_614_701_0 * short,
    ]
}

/// IEC 61966-2-1, section 4.2.
fn gamma(linear: f64) -> f64 {
    if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What streets, yards and the simulator's cameras show.
    const COMMON: [&str; 12] = [
        "person",
        "car",
        "bus",
        "truck",
        "bicycle",
        "motorcycle",
        "plate",
        "dog",
        "cat",
        "bird",
        "square",
        "ball",
    ];

    fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
        (0..3).map(|i| u32::from(a[i].abs_diff(b[i]))).sum()
    }

    #[test]
    fn a_class_has_the_colour_that_it_always_had() {
        assert_eq!(color_of("person"), [232, 67, 4]);
    }

    #[test]
    fn common_classes_differ_much() {
        for (index, a) in COMMON.iter().enumerate() {
            for b in &COMMON[..index] {
                let (color_a, color_b) = (color_of(a), color_of(b));
                assert!(distance(color_a, color_b) >= 97, "{a} {color_a:?} {b} {color_b:?}");
            }
        }
    }

    #[test]
    fn every_name_has_a_colour_that_is_seen() {
        for number in 0..1_000 {
            let color = color_of(&number.to_string());
            assert!(color.iter().max() > Some(&120), "{color:?}");
        }
        color_of("");
    }
}
