// A part of a frame into one row of a network's input: colour, crop, resampling, padding.
//
// In: the planes of a picture as they lie in memory. Out: `[height, width, 3]`, red, green and blue
// from 0 to 1. One invocation for each two pixels of the input, so that those of 16 bits fill whole
// words. The arithmetic is that of `fill_host` on the CPU, to 1/255.

struct Job {
    // First byte, and bytes from row to row, of each plane.
    plane: vec4<u32>,
    stride: vec4<u32>,
    // The part that is looked at: column, row, columns, rows.
    source: vec4<u32>,
    // Its size after resampling, and where that lands in the input.
    resized: vec2<u32>,
    offset: vec2<i32>,
    // The input's columns and rows.
    tensor: vec2<u32>,
    // Pixels of the slot before this row of it.
    first_pixel: u32,
    // 0: RGB, 1: NV12, 2: I420.
    format: u32,
    // 0: two by two neighbours, 1: every pixel that shrinks into one.
    antialiased: u32,
    // 0: 32 bits, 1: 16 bits.
    half: u32,
    padding: f32,
    black: i32,
    // Luma and chroma to RGB, 16 bits behind the point.
    luma: i32,
    red_from_v: i32,
    green_from_u: i32,
    green_from_v: i32,
    blue_from_u: i32,
    unused0: u32,
    unused1: u32,
    unused2: u32,
}

@group(0) @binding(0) var<storage, read> planes: array<u32>;
@group(0) @binding(1) var<storage, read_write> slot: array<u32>;
@group(0) @binding(2) var<uniform> job: Job;

fn byte_at(place: u32) -> u32 {
    return (planes[place >> 2u] >> ((place & 3u) * 8u)) & 0xffu;
}

fn clamped(fixed: i32) -> f32 {
    return f32(clamp(fixed >> 16u, 0, 255));
}

// A pixel of the part that is looked at, 0 to 255.
fn pixel(x: u32, y: u32) -> vec3<f32> {
    let column = job.source.x + x;
    let row = job.source.y + y;
    if job.format == 0u {
        let place = job.plane.x + row * job.stride.x + column * 3u;
        return vec3(f32(byte_at(place)), f32(byte_at(place + 1u)), f32(byte_at(place + 2u)));
    }
    let luma = i32(byte_at(job.plane.x + row * job.stride.x + column));
    var u: i32;
    var v: i32;
    if job.format == 1u {
        let place = job.plane.y + (row / 2u) * job.stride.y + (column / 2u) * 2u;
        u = i32(byte_at(place)) - 128;
        v = i32(byte_at(place + 1u)) - 128;
    } else {
        u = i32(byte_at(job.plane.y + (row / 2u) * job.stride.y + column / 2u)) - 128;
        v = i32(byte_at(job.plane.z + (row / 2u) * job.stride.z + column / 2u)) - 128;
    }
    let grey = (luma - job.black) * job.luma + 32768;
    return vec3(
        clamped(grey + job.red_from_v * v),
        clamped(grey + job.green_from_u * u + job.green_from_v * v),
        clamped(grey + job.blue_from_u * u),
    );
}

// Two by two neighbours at half-pixel centres, the edge repeated.
fn bilinear(at: vec2<u32>) -> vec3<f32> {
    let size = vec2<f32>(job.source.zw);
    let last = job.source.zw - vec2(1u);
    let scale = size / vec2<f32>(job.resized);
    let centre = clamp((vec2<f32>(at) + 0.5) * scale - 0.5, vec2(0.0), vec2<f32>(last));
    let low = vec2<u32>(centre);
    let high = min(low + vec2(1u), last);
    let weight = centre - vec2<f32>(low);
    let above = mix(pixel(low.x, low.y), pixel(high.x, low.y), weight.x);
    let below = mix(pixel(low.x, high.y), pixel(high.x, high.y), weight.x);
    return mix(above, below, weight.y);
}

// First and last source sample that a sample of the resampled picture is made of, and its centre.
struct Window {
    first: u32,
    end: u32,
    centre: f32,
    width: f32,
}

fn window(at: u32, source: u32, resized: u32) -> Window {
    let scale = f32(source) / f32(resized);
    let width = max(scale, 1.0);
    let centre = (f32(at) + 0.5) * scale;
    let first = u32(max(floor(centre - width + 0.5), 0.0));
    let end = min(u32(floor(centre + width + 0.5)), source);
    return Window(first, end, centre, width);
}

fn weight(window: Window, at: u32) -> f32 {
    return max(1.0 - abs((f32(at) + 0.5 - window.centre) / window.width), 0.0);
}

// A triangle as wide as the scale, so that every source pixel counts.
fn antialiased(at: vec2<u32>) -> vec3<f32> {
    let across = window(at.x, job.source.z, job.resized.x);
    let down = window(at.y, job.source.w, job.resized.y);
    var sum = vec3(0.0);
    var weights = 0.0;
    for (var y = down.first; y < down.end; y++) {
        var row = vec3(0.0);
        var row_weights = 0.0;
        for (var x = across.first; x < across.end; x++) {
            let part = weight(across, x);
            row += pixel(x, y) * part;
            row_weights += part;
        }
        let part = weight(down, y);
        // Rounded to eight bits between the passes, as it is on the CPU.
        sum += floor(row / row_weights + 0.5) * part;
        weights += part;
    }
    return sum / weights;
}

// A pixel of the input, 0 to 1.
fn input(index: u32) -> vec3<f32> {
    let at = vec2<i32>(vec2(index % job.tensor.x, index / job.tensor.x)) - job.offset;
    if any(at < vec2(0)) || any(at >= vec2<i32>(job.resized)) {
        return vec3(job.padding);
    }
    var value: vec3<f32>;
    if job.antialiased == 1u {
        value = antialiased(vec2<u32>(at));
    } else {
        value = bilinear(vec2<u32>(at));
    }
    return floor(clamp(value, vec3(0.0), vec3(255.0)) + 0.5) / 255.0;
}

@compute @workgroup_size(64)
fn letterbox(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let first = (id.y * groups.x * 64u + id.x) * 2u;
    let pixels = job.tensor.x * job.tensor.y;
    if first >= pixels {
        return;
    }
    let one = input(first);
    let both = first + 1u < pixels;
    var two = vec3(0.0);
    if both {
        two = input(first + 1u);
    }
    let place = (job.first_pixel + first) * 3u;
    if job.half == 1u {
        let word = place / 2u;
        slot[word] = pack2x16float(one.xy);
        slot[word + 1u] = pack2x16float(vec2(one.z, two.x));
        if both {
            slot[word + 2u] = pack2x16float(two.yz);
        }
    } else {
        slot[place] = bitcast<u32>(one.x);
        slot[place + 1u] = bitcast<u32>(one.y);
        slot[place + 2u] = bitcast<u32>(one.z);
        if both {
            slot[place + 3u] = bitcast<u32>(two.x);
            slot[place + 4u] = bitcast<u32>(two.y);
            slot[place + 5u] = bitcast<u32>(two.z);
        }
    }
}
