//! How many slices a picture has.
//!
//! A slice does not say where it ends, so that a picture whose last slices are missing looks whole. But
//! most encoders cut all pictures of a kind into the same number of slices.

use crate::trust::Trust;

/// Pictures in a row with the same number of slices, after which that is the usual number.
const USUAL: u32 = 8;
/// Pictures in a row with a smaller number, after which that is the usual one.
const CHANGED: u32 = 3;

/// The numbers of slices in a stream.
#[derive(Debug, Default)]
pub(crate) struct SliceCounts {
    /// Of pictures that refer to others, and of those that do not.
    kinds: [Count; 2],
    trust: Trust,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    usual: u32,
    last: u32,
    /// Pictures in a row with as many as the last one.
    run: u32,
}

impl SliceCounts {
    /// A picture came with so many slices. Some when it has fewer than all before it.
    pub fn observe(&mut self, is_intra: bool, slices: u32) -> Option<&'static str> {
        let count = &mut self.kinds[usize::from(is_intra)];
        count.run = if count.last == slices { count.run.saturating_add(1) } else { 1 };
        count.last = slices;
        if count.run >= USUAL || (count.usual > 0 && count.run >= CHANGED) {
            count.usual = slices;
        }
        let is_short = slices < count.usual;
        self.trust.weigh(!is_short);
        (is_short && !self.trust.is_lost()).then_some("slices are missing")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these pictures are said to lack slices.
    #[track_caller]
    fn check(counts: &[u32], expected: &[usize]) {
        let mut slices = SliceCounts::default();
        let short: Vec<_> = counts
            .iter()
            .enumerate()
            .filter(|(_, count)| slices.observe(false, **count).is_some())
            .map(|(place, _)| place)
            .collect();
        assert_eq!(short, expected);
    }

    #[test]
    fn a_picture_with_fewer_slices_than_usual_is_short() {
        check(&[4, 4, 4, 4, 4, 4, 4, 4, 2, 4, 4], &[8]);
        check(&[4, 4, 4, 2, 4, 4], &[]);
    }

    #[test]
    fn a_camera_that_changes_its_slices_is_followed() {
        check(&[4, 4, 4, 4, 4, 4, 4, 4, 2, 2, 2, 2, 2], &[8, 9]);
    }

    #[test]
    fn nothing_is_said_of_slices_that_vary() {
        let varying: Vec<_> = (0..100).map(|place| 1 + place * 7 % 5).collect();
        check(&varying, &[]);
    }
}
