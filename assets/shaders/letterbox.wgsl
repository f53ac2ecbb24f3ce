// A part of a frame into one row of a network's input: colour, crop, resampling, padding.
//
// In: the planes of a picture as they lie in memory, and tables of what each column and row is made
// of. Out: `[height, width, 3]`, red, green and blue from 0 to 1. One invocation for each two pixels
// of the input, so that those of 16 bits fill whole words. All arithmetic is of whole numbers, and
// gives the same bits as `fill_host` on the CPU. Behind `planes.wgsl`.

struct Job {
    frame: Planes,
    // First column and row of the part that is looked at.
    origin: vec2<u32>,
    // The input's columns and rows.
    tensor: vec2<u32>,
    // Where in the input the picture begins, and how much of it is seen.
    at: vec2<u32>,
    seen: vec2<u32>,
    // Where the tables of its columns and of its rows begin.
    tables: vec2<u32>,
    // Pixels of the slot before this row of it.
    first_pixel: u32,
    // 0: two by two neighbours. Every pixel that shrinks into one: 1: first across, 2: first down.
    filter_kind: u32,
    // 0: 32 bits, 1: 16 bits.
    half: u32,
}

@group(0) @binding(1) var<storage, read_write> slot: array<u32>;
@group(0) @binding(2) var<uniform> job: Job;
// The values of the samples 0 to 255, as they lie in the slot; then what the jobs point at.
@group(0) @binding(3) var<storage, read> tables: array<u32>;

const PADDING: vec3<i32> = vec3(114);

// A pixel of the part that is looked at, 0 to 255.
fn pixel(at: vec2<u32>) -> vec3<i32> {
    return pixel_of(job.frame, job.origin + at);
}

// Two neighbours and how much of each, 11 bits behind the point.
struct Pair {
    low: u32,
    high: u32,
    low_weight: i32,
    high_weight: i32,
}

fn pair(table: u32, index: u32) -> Pair {
    let samples = tables[table + 2u * index];
    let weights = tables[table + 2u * index + 1u];
    return Pair(
        samples & 0xffffu,
        samples >> 16u,
        i32(weights & 0xffffu),
        i32(weights >> 16u),
    );
}

fn mixed(columns: Pair, row: u32) -> vec3<i32> {
    let low = pixel(vec2(columns.low, row)) * columns.low_weight;
    let high = pixel(vec2(columns.high, row)) * columns.high_weight;
    return (low + high) >> vec3(4u);
}

// Two by two neighbours, with the roundings of OpenCV's `INTER_LINEAR`.
fn bilinear(at: vec2<u32>) -> vec3<i32> {
    let columns = pair(job.tables.x, at.x);
    let rows = pair(job.tables.y, at.y);
    let low = (mixed(columns, rows.low) * rows.low_weight) >> vec3(16u);
    let high = (mixed(columns, rows.high) * rows.high_weight) >> vec3(16u);
    return (low + high + vec3(2)) >> vec3(2u);
}

// The samples, side by side, that a sample is made of, and where their weights are: 22 bits behind
// the point.
struct Window {
    first: u32,
    count: u32,
    weights: u32,
}

fn window(table: u32, index: u32) -> Window {
    let samples = tables[table + 2u * index];
    return Window(samples & 0xffffu, samples >> 16u, tables[table + 2u * index + 1u]);
}

const HALF: vec3<i32> = vec3(1 << 21u);

fn rounded(sum: vec3<i32>) -> vec3<i32> {
    return clamp(sum >> vec3(22u), vec3(0), vec3(255));
}

// Every pixel counts, with the roundings of Pillow's `BILINEAR`: to eight bits after the first of the
// two ways, and again after the second.
fn antialiased(at: vec2<u32>) -> vec3<i32> {
    var first = window(job.tables.x, at.x);
    var second = window(job.tables.y, at.y);
    let down_first = job.filter_kind == 2u;
    if down_first {
        let across = first;
        first = second;
        second = across;
    }
    var sum = HALF;
    for (var outer = 0u; outer < second.count; outer++) {
        var part = HALF;
        for (var inner = 0u; inner < first.count; inner++) {
            let place = vec2(first.first + inner, second.first + outer);
            let weight = bitcast<i32>(tables[first.weights + inner]);
            part += pixel(select(place, place.yx, down_first)) * weight;
        }
        sum += rounded(part) * bitcast<i32>(tables[second.weights + outer]);
    }
    return rounded(sum);
}

// The values of a pixel of the input, as they lie in the slot.
fn values(index: u32) -> vec3<u32> {
    let place = vec2(index % job.tensor.x, index / job.tensor.x);
    var samples = PADDING;
    if all(place >= job.at) && all(place < job.at + job.seen) {
        let at = place - job.at;
        if job.filter_kind == 0u {
            samples = bilinear(at);
        } else {
            samples = antialiased(at);
        }
    }
    return vec3(tables[samples.x], tables[samples.y], tables[samples.z]);
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
    let one = values(first);
    let both = first + 1u < pixels;
    var two = vec3(0u);
    if both {
        two = values(first + 1u);
    }
    let place = (job.first_pixel + first) * 3u;
    if job.half == 1u {
        let word = place / 2u;
        slot[word] = one.x | (one.y << 16u);
        slot[word + 1u] = one.z | (two.x << 16u);
        if both {
            slot[word + 2u] = two.y | (two.z << 16u);
        }
    } else {
        slot[place] = one.x;
        slot[place + 1u] = one.y;
        slot[place + 2u] = one.z;
        if both {
            slot[place + 3u] = two.x;
            slot[place + 4u] = two.y;
            slot[place + 5u] = two.z;
        }
    }
}
