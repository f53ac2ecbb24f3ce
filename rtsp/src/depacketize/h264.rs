//! H.264 in RTP (RFC 6184).

use super::nal::{NalKind, Payload};

const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// What a payload carries.
pub fn payload(payload: &[u8]) -> Payload<'_> {
    let Some((indicator, rest)) = payload.split_first() else { return Payload::Unknown };
    match indicator & 31 {
        1..=23 => Payload::Single(payload),
        STAP_A => Payload::Aggregate(rest),
        FU_A => {
            let Some((fu, part)) = rest.split_first() else { return Payload::Unknown };
            Payload::Fragment {
                header: [indicator & 0xe0 | fu & 31, 0],
                header_length: 1,
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
    // first_mb_in_slice is 0: one bit.
    let first_slice = nal.get(1).is_some_and(|byte| byte & 0x80 != 0);
    match header & 31 {
        1 => NalKind { is_picture: true, starts_picture: first_slice, ..NalKind::default() },
        2 => NalKind { is_picture: true, starts_picture: first_slice, ..NalKind::default() },
        3 | 4 => NalKind { is_picture: true, ..NalKind::default() },
        5 => NalKind {
            is_picture: true,
            starts_picture: first_slice,
            may_begin: true,
            ..NalKind::default()
        },
        6 => NalKind { starts_picture: true, may_begin: true, ..NalKind::default() },
        7 | 8 => NalKind { starts_picture: true, is_parameter_set: true, ..NalKind::default() },
        9 => NalKind { starts_picture: true, ..NalKind::default() },
        _ => NalKind::default(),
    }
}
