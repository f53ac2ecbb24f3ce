//! How much coded video is read a second, by codec: 1080p of noise that no encoder can make small.
//!
//!     cargo run --release -p detector_bitstream --example throughput

use std::hint::black_box;
use std::time::{Duration, Instant};

use detector_bitstream::Codec;

#[allow(dead_code)]
#[path = "../tests/it/encoded.rs"]
mod encoded;

fn main() {
    let encoders = [
        (
            Codec::H264,
            "x264enc speed-preset=ultrafast bitrate=20000 key-int-max=10 ! video/x-h264,stream-format=byte-stream,alignment=au",
        ),
        (
            Codec::H264,
            "x264enc speed-preset=ultrafast bitrate=20000 key-int-max=10 ! video/x-h264,stream-format=avc,alignment=au",
        ),
        (
            Codec::H265,
            "x265enc speed-preset=ultrafast bitrate=20000 key-int-max=10 ! video/x-h265,stream-format=byte-stream,alignment=au",
        ),
        (Codec::Mpeg4, "avenc_mpeg4 bitrate=20000000"),
        (Codec::Vp8, "vp8enc deadline=1 cpu-used=16"),
        (Codec::Vp9, "vp9enc deadline=1 cpu-used=8"),
        (Codec::Jpeg, "jpegenc"),
    ];
    println!("{:<8}{:>10}{:>10}{:>12}{:>10}", "codec", "units", "kB/unit", "us/unit", "MB/s");
    for (codec, encoder) in encoders {
        let source = "videotestsrc num-buffers=20 pattern=snow ! \
                      video/x-raw,format=I420,width=1920,height=1080,framerate=25/1";
        let encoded = encoded::units(codec, &format!("{source} ! {encoder}"));
        let bytes: usize = encoded.units.iter().map(Vec::len).sum();
        let (start, mut rounds) = (Instant::now(), 0_u32);
        while start.elapsed() < Duration::from_secs(1) {
            black_box(encoded.read());
            rounds += 1;
        }
        let took = start.elapsed().as_secs_f64() / f64::from(rounds);
        let units = encoded.units.len() as f64;
        println!(
            "{:<8}{units:>10}{:>10.1}{:>12.2}{:>10.0}",
            format!("{codec:?}"),
            bytes as f64 / units / 1e3,
            took / units * 1e6,
            bytes as f64 / took / 1e6,
        );
    }
}
