// A frame into a picture to be shown. Behind `planes.wgsl`.

struct Picture {
    frame: Planes,
    // Every so many columns and rows is shown: a frame may be larger than a texture.
    pace: u32,
}

@group(0) @binding(1) var<uniform> picture: Picture;

// One triangle that covers the whole picture.
@vertex
fn cover(@builtin(vertex_index) index: u32) -> @builtin(position) vec4<f32> {
    let corner = vec2(f32(index & 1u), f32(index >> 1u)) * 4.0 - 1.0;
    return vec4(corner, 0.0, 1.0);
}

@fragment
fn show(@builtin(position) at: vec4<f32>) -> @location(0) vec4<f32> {
    let pixel = pixel_of(picture.frame, vec2<u32>(at.xy) * picture.pace);
    return vec4(vec3<f32>(pixel) / 255.0, 1.0);
}
