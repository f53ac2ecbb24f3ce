// A frame's planes as they lie in memory, into a picture to be shown: colours as `letterbox.wgsl` has
// them, to the same bits.

struct Picture {
    // First byte, and bytes from row to row, of each plane.
    plane: vec4<u32>,
    stride: vec4<u32>,
    // 0: RGB, 1: NV12, 2: I420.
    format: u32,
    black: i32,
    // Luma and chroma to RGB, 16 bits behind the point.
    luma: i32,
    red_from_v: i32,
    green_from_u: i32,
    green_from_v: i32,
    blue_from_u: i32,
    // Every so many columns and rows is shown: a frame may be larger than a texture.
    pace: u32,
}

@group(0) @binding(0) var<storage, read> planes: array<u32>;
@group(0) @binding(1) var<uniform> picture: Picture;

fn byte_at(place: u32) -> i32 {
    return i32((planes[place >> 2u] >> ((place & 3u) * 8u)) & 0xffu);
}

// A pixel of the frame, 0 to 255.
fn pixel(at: vec2<u32>) -> vec3<i32> {
    if picture.format == 0u {
        let place = picture.plane.x + at.y * picture.stride.x + at.x * 3u;
        return vec3(byte_at(place), byte_at(place + 1u), byte_at(place + 2u));
    }
    let luma = byte_at(picture.plane.x + at.y * picture.stride.x + at.x);
    let half = at / vec2(2u);
    var u: i32;
    var v: i32;
    if picture.format == 1u {
        let place = picture.plane.y + half.y * picture.stride.y + half.x * 2u;
        u = byte_at(place) - 128;
        v = byte_at(place + 1u) - 128;
    } else {
        u = byte_at(picture.plane.y + half.y * picture.stride.y + half.x) - 128;
        v = byte_at(picture.plane.z + half.y * picture.stride.z + half.x) - 128;
    }
    let grey = (luma - picture.black) * picture.luma + 32768;
    let fixed = vec3(
        grey + picture.red_from_v * v,
        grey + picture.green_from_u * u + picture.green_from_v * v,
        grey + picture.blue_from_u * u,
    );
    return clamp(fixed >> vec3(16u), vec3(0), vec3(255));
}

// One triangle that covers the whole picture.
@vertex
fn cover(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    let corner = vec2(f32(index & 1u), f32(index >> 1u)) * 4.0 - 1.0;
    return vec4(corner, 0.0, 1.0);
}

@fragment
fn show(@builtin(position) at: vec4<f32>) -> @location(0) vec4<f32> {
    return vec4(vec3<f32>(pixel(vec2<u32>(at.xy) * picture.pace)) / 255.0, 1.0);
}
