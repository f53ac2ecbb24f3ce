//! How the planes of a frame lie in a device's memory: as they lie in main memory, one after the other.

use detector_components::frame::Pixels;

/// Where the planes of a frame lie in a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlaneLayout {
    /// First byte of each plane, a multiple of 4.
    pub offsets: [u32; 4],
    /// Bytes from row to row of each plane.
    pub strides: [u32; 4],
}

/// The planes of a frame, each with where it begins on the device, and how they lie there.
pub fn planes(pixels: &Pixels) -> (Vec<(usize, &[u8])>, PlaneLayout) {
    let mut layout = PlaneLayout::default();
    let mut parts = Vec::new();
    let mut end: usize = 0;
    let sizes = pixels.format().plane_sizes(pixels.size());
    for (index, (row, rows)) in sizes.into_iter().enumerate() {
        let start = end.next_multiple_of(4);
        let stride = pixels.strides()[index];
        // Up to the last sample: what lies behind it belongs to nobody.
        let plane = &pixels.plane(index)[..stride * (rows - 1) + row];
        layout.offsets[index] = start as u32;
        layout.strides[index] = stride as u32;
        end = start + plane.len();
        parts.push((start, plane));
    }
    (parts, layout)
}
