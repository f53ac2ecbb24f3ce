//! The NAL units of H.264 and H.265: where they begin, and which ones matter to a camera.

use bytes::Bytes;

/// Splits a byte stream at its start codes. What is before the first one is left out.
pub fn split(stream: &Bytes) -> Vec<Bytes> {
    let mut starts = Vec::new();
    let mut at = 0;
    while at + 3 <= stream.len() {
        if stream[at..at + 3] == [0, 0, 1] {
            starts.push(at + 3);
            at += 3;
        } else {
            at += 1;
        }
    }
    let ends = starts.iter().skip(1).map(|&next| next - 3).chain([stream.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| {
            // Zeros before a start code belong to it.
            let used =
                stream[start..end].iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1);
            stream.slice(start..start + used)
        })
        .filter(|nal| !nal.is_empty())
        .collect()
}

/// `nal_unit_type` of H.264 (table 7-1).
pub fn h264_type(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |first| first & 0x1f)
}

/// `nal_unit_type` of H.265 (table 7-1).
pub fn h265_type(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |first| first >> 1 & 0x3f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_what_is_between_start_codes() {
        let stream = Bytes::from_static(&[9, 0, 0, 0, 1, 7, 1, 0, 0, 1, 8, 0, 0, 0, 1, 5, 0, 2]);
        assert_eq!(split(&stream), [&[7, 1][..], &[8], &[5, 0, 2]]);
        assert!(split(&Bytes::new()).is_empty());
    }
}
