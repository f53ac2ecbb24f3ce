//! H.265 in RTP (RFC 7798).

use super::nal::{NalKind, Payload};

const AGGREGATION: u8 = 48;
const FRAGMENTATION: u8 = 49;

/// What a payload carries. Decoding order numbers (`sprop-max-don-diff`) are not supported: no camera
/// reorders units.
pub fn payload(payload: &[u8]) -> Payload<'_> {
    let [first, second, rest @ ..] = payload else { return Payload::Unknown };
    match first >> 1 & 63 {
        0..=47 => Payload::Single(payload),
        AGGREGATION => Payload::Aggregate(rest),
        FRAGMENTATION => {
            let Some((fu, part)) = rest.split_first() else { return Payload::Unknown };
            Payload::Fragment {
                header: [first & 0x81 | (fu & 63) << 1, *second],
                header_length: 2,
                start: fu & 0x80 != 0,
                end: fu & 0x40 != 0,
                part,
            }
        }
        _ => Payload::Unknown,
    }
}

/// What a unit is.
pub fn kind(nal: &[u8]) -> NalKind {
    let Some(header) = nal.first() else { return NalKind::default() };
    let first_slice = nal.get(2).is_some_and(|byte| byte & 0x80 != 0);
    match header >> 1 & 63 {
        // Pictures that a decoder can begin with.
        16..=23 => NalKind {
            is_picture: true,
            starts_picture: first_slice,
            may_begin: true,
            ..NalKind::default()
        },
        0..=31 => NalKind { is_picture: true, starts_picture: first_slice, ..NalKind::default() },
        32..=34 => NalKind { starts_picture: true, is_parameter_set: true, ..NalKind::default() },
        35 => NalKind { starts_picture: true, ..NalKind::default() },
        39 => NalKind { starts_picture: true, may_begin: true, ..NalKind::default() },
        _ => NalKind::default(),
    }
}
