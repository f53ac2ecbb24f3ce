//! What runs on the device.

use burn::cubecl;
use burn::cubecl::prelude::*;

/// One invocation for each anchor of each picture.
#[cube(launch_unchecked)]
pub fn pick<F: Float>(
    rows: &Tensor<F>,
    least: &[f32],
    found: &[Atomic<u32>],
    anchors: &mut [u32],
    values: &mut [f32],
    #[comptime] first_class: usize,
    #[comptime] end_class: usize,
    #[comptime] capacity: usize,
    #[define(F)] _dtype: ElemType,
) {
    let anchor = ABSOLUTE_POS_X as usize;
    let picture = CUBE_POS_Y as usize;
    let height = rows.shape(1);
    if anchor >= rows.shape(2) {
        terminate!();
    }
    let column = picture * rows.stride(0) + anchor * rows.stride(2);
    let mut best = f32::cast_from(rows[column + first_class * rows.stride(1)]);
    for class in first_class + 1..end_class {
        best = max(best, f32::cast_from(rows[column + class * rows.stride(1)]));
    }
    if best >= least[picture] {
        let place = found[picture].fetch_add(1) as usize;
        if place < capacity {
            let place = picture * capacity + place;
            anchors[place] = anchor as u32;
            for row in 0..height {
                values[place * height + row] = f32::cast_from(rows[column + row * rows.stride(1)]);
            }
        }
    }
}
