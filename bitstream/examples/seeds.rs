//! Writes a short stream of each codec, as the fuzz target `bitstream` reads them.
//!
//!     cargo run --release -p detector_bitstream --example seeds -- fuzz/seeds/bitstream

use std::path::PathBuf;

use detector_bitstream::{Codec, Framing};

#[allow(dead_code)]
#[path = "../tests/it/encoded.rs"]
mod encoded;

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("usage: seeds FOLDER"));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let x264 = "x264enc key-int-max=4 b-adapt=false bframes=1 option-string=open-gop=1:scenecut=0 ! video/x-h264,alignment=au,stream-format";
    let x265 = "x265enc key-int-max=4 option-string=info=0:b-adapt=0:bframes=1:scenecut=0 ! video/x-h265,alignment=au,stream-format=byte-stream";
    // In the order of the target's codecs.
    for (number, name, codec, encoder) in [
        (0, "h264", Codec::H264, format!("{x264}=byte-stream")),
        (0, "avc", Codec::H264, format!("{x264}=avc")),
        (1, "h265", Codec::H265, x265.into()),
        (1, "hvc1", Codec::H265, format!("{x265} ! h265parse ! video/x-h265,stream-format=hvc1")),
        (2, "mpeg4", Codec::Mpeg4, "avenc_mpeg4 gop-size=4 max-bframes=1".into()),
        (3, "mpeg2", Codec::Mpeg2, "mpeg2enc b-per-refframe=1 ! mpegvideoparse".into()),
        (4, "vp8", Codec::Vp8, "vp8enc token-partitions=2".into()),
        (5, "vp9", Codec::Vp9, "vp9enc auto-alt-ref=true lag-in-frames=4 deadline=1".into()),
        (6, "av1", Codec::Av1, "av1enc cpu-used=8 lag-in-frames=0".into()),
        (7, "jpeg", Codec::Jpeg, "jpegenc".into()),
    ] {
        let source = "videotestsrc num-buffers=8 pattern=ball ! \
                      video/x-raw,format=I420,width=64,height=64,framerate=25/1";
        let encoded = encoded::units(codec, &format!("{source} ! {encoder}"));
        let bytes = if matches!(encoded.framing, Framing::LengthPrefixed { .. }) { 4 } else { 0 };
        let mut seed = vec![number, bytes];
        let header = encoded.header.unwrap_or_default();
        for part in [&header].into_iter().chain(&encoded.units) {
            let length = u16::try_from(part.len()).expect("so small a picture has few bytes");
            seed.extend(length.to_be_bytes());
            seed.extend(part);
        }
        std::fs::write(folder.join(name), seed).expect("a seed can be written");
    }
}
