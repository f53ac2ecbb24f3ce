//! The same as the rest of `host`, a sample at a time: what the fast code is compared with.

use detector_components::frame::Pixels;
use detector_components::geometry::{Filter, Placement};
use detector_picture::rgb;

use crate::axis::{Axis, Window, Windows, down_first};

/// A row of a slot: `[3, height, width]`.
pub fn fill_plainly(pixels: &Pixels, placement: &Placement) -> Vec<f32> {
    let picture = rgb(pixels, placement.source);
    let pixel = |channel: usize, x: u32, y: u32| {
        i32::from(
            picture.data[(y as usize * picture.size.width as usize + x as usize) * 3 + channel],
        )
    };
    let [across, down] = Axis::both(placement);
    let width = placement.tensor.width as usize;
    let plane = width * placement.tensor.height as usize;
    let mut bytes = vec![Placement::PADDING; 3 * plane];
    let mut put = |channel: usize, column: usize, row: usize, value: i32| {
        bytes[channel * plane + (down.at + row) * width + across.at + column] =
            value.try_into().unwrap();
    };
    match placement.filter {
        Filter::Bilinear => {
            let (columns, rows) = (across.columns(), down.rows());
            for channel in 0..3 {
                for (at_row, row) in rows.iter().enumerate() {
                    for (at_column, column) in columns.iter().enumerate() {
                        let mixed = |y: u32| {
                            let low = pixel(channel, column.low, y) * i32::from(column.weights[0]);
                            let high =
                                pixel(channel, column.high, y) * i32::from(column.weights[1]);
                            (low + high) >> 4
                        };
                        let low = (mixed(row.low) * i32::from(row.weights[0])) >> 16;
                        let high = (mixed(row.high) * i32::from(row.weights[1])) >> 16;
                        put(channel, at_column, at_row, (low + high + 2) >> 2);
                    }
                }
            }
        }
        Filter::Antialiased => {
            let (columns, rows) = (across.windows(), down.windows());
            let down_first = down_first(placement.source.size(), placement.resized);
            for channel in 0..3 {
                for (at_row, &row) in rows.windows.iter().enumerate() {
                    for (at_column, &column) in columns.windows.iter().enumerate() {
                        let value = if down_first {
                            sum(&columns, column, |x| sum(&rows, row, |y| pixel(channel, x, y)))
                        } else {
                            sum(&rows, row, |y| sum(&columns, column, |x| pixel(channel, x, y)))
                        };
                        put(channel, at_column, at_row, value);
                    }
                }
            }
        }
    }
    bytes.into_iter().map(|byte| f32::from(byte) / 255.0).collect()
}

fn sum(windows: &Windows, window: Window, sample: impl Fn(u32) -> i32) -> i32 {
    let weighted =
        (window.first..).zip(windows.weights(window)).map(|(at, weight)| sample(at) * weight);
    ((weighted.sum::<i32>() + Windows::HALF) >> Windows::BITS).clamp(0, 255)
}
