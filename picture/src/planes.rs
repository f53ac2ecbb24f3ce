//! The planes of a frame, as shaders read them.

use bytemuck::{Pod, Zeroable};
use detector_components::frame::{PixelFormat, Pixels};

use crate::matrix::ToRgb;

/// What a shader that reads frames begins with: `Planes`, and `pixel_of` of them.
pub const PLANES_SHADER: &str = include_str!("../../assets/shaders/planes.wgsl");

/// What [`PLANES_SHADER`] calls `Planes`: how a frame's planes lie in a buffer, and what makes colours of
/// them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct ShaderPlanes {
    /// First byte of each plane, a multiple of 4.
    start: [u32; 4],
    /// Bytes from row to row of each plane.
    stride: [u32; 4],
    format: u32,
    black: i32,
    luma: i32,
    red_from_v: i32,
    green_from_u: i32,
    green_from_v: i32,
    blue_from_u: i32,
    /// A shader's structures are whole vectors.
    unused: u32,
}

/// The planes of a frame one after the other, each with its first byte in a buffer, and how a shader
/// finds them there.
pub fn planes(pixels: &Pixels) -> (Vec<(usize, &[u8])>, ShaderPlanes) {
    let ToRgb { black, luma, red_from_v, green_from_u, green_from_v, blue_from_u } =
        ToRgb::new(pixels.color());
    let format = match pixels.format() {
        PixelFormat::Rgb => 0,
        PixelFormat::Nv12 => 1,
        PixelFormat::I420 => 2,
    };
    let mut planes = ShaderPlanes {
        format,
        black,
        luma,
        red_from_v,
        green_from_u,
        green_from_v,
        blue_from_u,
        ..ShaderPlanes::default()
    };
    let mut parts = Vec::new();
    let mut end: usize = 0;
    let sizes = pixels.format().plane_sizes(pixels.size());
    for (index, (row, rows)) in sizes.into_iter().enumerate() {
        let start = end.next_multiple_of(4);
        let stride = pixels.strides()[index];
        // Up to the last sample: what lies behind it belongs to nobody.
        let plane = &pixels.plane(index)[..stride * (rows - 1) + row];
        planes.start[index] = start as u32;
        planes.stride[index] = stride as u32;
        end = start + plane.len();
        parts.push((start, plane));
    }
    (parts, planes)
}
