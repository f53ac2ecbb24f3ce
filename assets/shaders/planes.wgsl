// The planes of a frame as they lie in memory, and the colours that they make. Every shader that reads
// frames begins with this; `detector_picture::ShaderPlanes` says the same on the CPU.

struct Planes {
    // First byte, and bytes from row to row, of each plane.
    start: vec4<u32>,
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
}

@group(0) @binding(0) var<storage, read> samples: array<u32>;

fn byte_at(place: u32) -> i32 {
    return i32((samples[place >> 2u] >> ((place & 3u) * 8u)) & 0xffu);
}

// A pixel of a frame, 0 to 255.
fn pixel_of(frame: Planes, at: vec2<u32>) -> vec3<i32> {
    if frame.format == 0u {
        let place = frame.start.x + at.y * frame.stride.x + at.x * 3u;
        return vec3(byte_at(place), byte_at(place + 1u), byte_at(place + 2u));
    }
    let luma = byte_at(frame.start.x + at.y * frame.stride.x + at.x);
    let half = at / vec2(2u);
    var u: i32;
    var v: i32;
    if frame.format == 1u {
        let place = frame.start.y + half.y * frame.stride.y + half.x * 2u;
        u = byte_at(place) - 128;
        v = byte_at(place + 1u) - 128;
    } else {
        u = byte_at(frame.start.y + half.y * frame.stride.y + half.x) - 128;
        v = byte_at(frame.start.z + half.y * frame.stride.z + half.x) - 128;
    }
    let grey = (luma - frame.black) * frame.luma + 32768;
    let fixed = vec3(
        grey + frame.red_from_v * v,
        grey + frame.green_from_u * u + frame.green_from_v * v,
        grey + frame.blue_from_u * u,
    );
    return clamp(fixed >> vec3(16u), vec3(0), vec3(255));
}
