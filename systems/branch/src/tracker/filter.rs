//! Where a box is expected, from where it was seen.

use std::time::Duration;

use detector_components::geometry::BBox;

/// Standard deviation of a box's place from one frame of the papers to the next, in parts of its
/// size.
const PLACE_PART: f64 = 1.0 / 20.0;
/// The same of its velocity, for each such frame.
const VELOCITY_PART: f64 = 1.0 / 160.0;
/// Time between two frames in the papers' data (MOT17: 30 a second), which their numbers are for.
const FRAME_SECS: f64 = 1.0 / 30.0;

/// A Kalman filter over a box's centre and size, each moving at a constant velocity.
///
/// It is the filter of DeepSORT and ByteTrack in the form of BoT-SORT, which measures width rather
/// than the ratio of the sides. No matrix of it ties one coordinate to another, so its eight-fold
/// state falls apart into four filters of two, with the same numbers. Time is the frames' own, not
/// their count: a view that skips frames is not thrown off.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxFilter {
    /// Centre x, centre y, width, height.
    axes: [Axis; 4],
}

/// One coordinate: where it is, in pixels, how fast it moves, in pixels a second, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Axis {
    place: f64,
    velocity: f64,
    place_variance: f64,
    covariance: f64,
    velocity_variance: f64,
}

impl BoxFilter {
    /// A box that was seen once, and may move anywhere.
    pub fn new(seen: BBox) -> Self {
        let measured = measured(seen);
        let axis = |index: usize| {
            let size = measured[2 + index % 2];
            Axis {
                place: measured[index],
                velocity: 0.0,
                place_variance: squared(2.0 * PLACE_PART * size),
                covariance: 0.0,
                velocity_variance: squared(10.0 * VELOCITY_PART * size / FRAME_SECS),
            }
        };
        Self { axes: [0, 1, 2, 3].map(axis) }
    }

    /// Lets time pass.
    pub fn predict(&mut self, time: Duration) {
        let secs = time.as_secs_f64();
        let frames = secs / FRAME_SECS;
        let sizes = [self.axes[2].place, self.axes[3].place];
        for (index, axis) in self.axes.iter_mut().enumerate() {
            let size = sizes[index % 2].max(1.0);
            axis.place += axis.velocity * secs;
            axis.place_variance += secs * (2.0 * axis.covariance + secs * axis.velocity_variance)
                + squared(PLACE_PART * size) * frames;
            axis.covariance += secs * axis.velocity_variance;
            axis.velocity_variance += squared(VELOCITY_PART * size / FRAME_SECS) * frames;
        }
    }

    /// Corrects it by what was seen.
    pub fn update(&mut self, seen: BBox) {
        let measured = measured(seen);
        let sizes = [self.axes[2].place, self.axes[3].place];
        for (index, axis) in self.axes.iter_mut().enumerate() {
            let noise = squared(PLACE_PART * sizes[index % 2].max(1.0));
            let certainty = 1.0 / (axis.place_variance + noise);
            let (place_gain, velocity_gain) =
                (axis.place_variance * certainty, axis.covariance * certainty);
            let surprise = measured[index] - axis.place;
            axis.place += place_gain * surprise;
            axis.velocity += velocity_gain * surprise;
            axis.velocity_variance -= velocity_gain * axis.covariance;
            axis.covariance *= 1.0 - place_gain;
            axis.place_variance *= 1.0 - place_gain;
        }
    }

    /// Lets it keep its size: what is out of sight is not known to grow.
    pub fn hold_size(&mut self) {
        self.axes[2].velocity = 0.0;
        self.axes[3].velocity = 0.0;
    }

    /// Where the box is now.
    pub fn bbox(&self) -> BBox {
        let [x, y, width, height] = self.axes.map(|axis| axis.place);
        let (width, height) = (width.max(0.0) / 2.0, height.max(0.0) / 2.0);
        let corners = [x - width, y - height, x + width, y + height].map(|corner| corner as f32);
        let [x1, y1, x2, y2] = corners;
        BBox { x1, y1, x2, y2 }
    }
}

fn measured(bbox: BBox) -> [f64; 4] {
    let [x1, y1, x2, y2] = [bbox.x1, bbox.y1, bbox.x2, bbox.y2].map(f64::from);
    [(x1 + x2) / 2.0, (y1 + y2) / 2.0, (x2 - x1).max(1.0), (y2 - y1).max(1.0)]
}

fn squared(value: f64) -> f64 {
    value * value
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(100);

    fn at(x: f32) -> BBox {
        BBox { x1: x, y1: 100.0, x2: x + 40.0, y2: 180.0 }
    }

    #[test]
    fn a_steady_movement_is_learned_and_goes_on() {
        let mut filter = BoxFilter::new(at(0.0));
        for step in 1..=20 {
            filter.predict(FRAME);
            filter.update(at(step as f32 * 8.0));
        }
        filter.hold_size();
        filter.predict(Duration::from_secs(2));
        assert!(filter.bbox().iou(&at(320.0)) > 0.9, "{:?}", filter.bbox());
    }

    #[test]
    fn skipped_frames_do_not_change_what_is_expected() {
        let mut filter = BoxFilter::new(at(0.0));
        for step in [1, 2, 5, 6, 9, 10, 15, 16, 17, 20] {
            let before = (filter.bbox().x1 / 8.0).round() as i32;
            filter.predict(FRAME * (step - before).unsigned_abs());
            filter.update(at(step as f32 * 8.0));
        }
        filter.predict(FRAME * 5);
        assert!(filter.bbox().iou(&at(200.0)) > 0.8, "{:?}", filter.bbox());
    }

    #[test]
    fn a_box_that_shrinks_away_is_not_turned_inside_out() {
        let mut filter = BoxFilter::new(at(0.0));
        for side in [30.0, 20.0, 10.0] {
            filter.predict(FRAME);
            filter.update(BBox { x1: 0.0, y1: 0.0, x2: side, y2: side });
        }
        filter.predict(Duration::from_secs(60));
        let bbox = filter.bbox();
        assert!(bbox.x1 <= bbox.x2 && bbox.y1 <= bbox.y2, "{bbox:?}");
    }
}
