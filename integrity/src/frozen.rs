//! The same picture again and again.

use std::time::Duration;

use detector_components::clock::Moment;
use detector_components::frame::Pixels;
use xxhash_rust::xxh3::Xxh3;

/// How long the same picture came.
#[derive(Debug, Default)]
pub struct Frozen {
    /// The newest picture's luma, and when it came first. None when it was not looked at.
    same: Option<(u64, Moment)>,
}

impl Frozen {
    /// Notes a picture, and tells for how long it was the same. `alike` says that it may be the same as the
    /// one before: only then is all of it read.
    pub fn note(&mut self, pixels: &Pixels, alike: bool, at: Moment) -> Duration {
        if !alike {
            self.same = None;
            return Duration::ZERO;
        }
        let hash = hash(pixels);
        match self.same {
            Some((before, since)) if before == hash => at.since(since),
            _ => {
                self.same = Some((hash, at));
                Duration::ZERO
            }
        }
    }
}

/// Hashes the first plane: luma, or all of an RGB picture.
fn hash(pixels: &Pixels) -> u64 {
    let (row, rows) = (pixels.size().width as usize, pixels.size().height as usize);
    let row = match pixels.strides().len() {
        1 => row * 3,
        _ => row,
    };
    let (plane, stride) = (pixels.plane(0), pixels.strides()[0]);
    let mut hasher = Xxh3::new();
    for y in 0..rows {
        hasher.update(&plane[y * stride..][..row]);
    }
    hasher.digest()
}
