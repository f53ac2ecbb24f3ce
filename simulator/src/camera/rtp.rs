//! Pictures as RTP payloads: RFC 6184, 7798, 2435, 6416 and 7741. And RTCP.

use bytes::Bytes;

use crate::elementary::Codec;

/// Cuts the units of a picture into payloads of at most `most` bytes.
pub fn payloads(codec: Codec, nals: &[Bytes], most: usize, aggregate: bool) -> Vec<Vec<u8>> {
    match codec {
        Codec::H264 => packed(nals, most, aggregate, 1, h264_fragments, h264_aggregate),
        Codec::H265 => packed(nals, most, aggregate, 2, h265_fragments, h265_aggregate),
        Codec::Jpeg => nals.iter().flat_map(|jpeg| jpeg_payloads(jpeg, most)).collect(),
        Codec::Mpeg4 => {
            nals.iter().flat_map(|picture| picture.chunks(most).map(<[u8]>::to_vec)).collect()
        }
        Codec::Vp8 => {
            let picture = nals.iter().flat_map(|picture| picture.chunks(most - 1));
            // The S bit marks where the partition begins; all else of the descriptor is optional.
            let descriptor = |at| if at == 0 { 0x10 } else { 0 };
            picture.enumerate().map(|(at, part)| [&[descriptor(at)], part].concat()).collect()
        }
    }
}

/// NAL units alone, together or in fragments.
fn packed(
    nals: &[Bytes],
    most: usize,
    aggregate: bool,
    header: usize,
    fragments: fn(&[u8], usize) -> Vec<Vec<u8>>,
    together: fn(&[Bytes]) -> Vec<u8>,
) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    let mut rest = nals;
    while let Some(first) = rest.first() {
        let mut count = 1;
        if aggregate {
            let mut bytes = header + 2 + first.len();
            while let Some(next) = rest.get(count)
                && bytes + 2 + next.len() <= most
            {
                bytes += 2 + next.len();
                count += 1;
            }
        }
        if count > 1 {
            payloads.push(together(&rest[..count]));
        } else if first.len() <= most {
            payloads.push(first.to_vec());
        } else {
            payloads.extend(fragments(first, most));
        }
        rest = &rest[count..];
    }
    payloads
}

/// The bits that mark the first and the last fragment.
fn ends(at: usize, count: usize) -> u8 {
    u8::from(at == 0) << 7 | u8::from(at + 1 == count) << 6
}

/// FU-A, RFC 6184, section 5.8.
fn h264_fragments(nal: &[u8], most: usize) -> Vec<Vec<u8>> {
    let (header, body) = (nal[0], &nal[1..]);
    let parts: Vec<&[u8]> = body.chunks(most - 2).collect();
    let packed = parts.iter().enumerate().map(|(at, part)| {
        [&[header & 0xe0 | 28, ends(at, parts.len()) | header & 0x1f], *part].concat()
    });
    packed.collect()
}

/// STAP-A, RFC 6184, section 5.7.1.
fn h264_aggregate(nals: &[Bytes]) -> Vec<u8> {
    let importance = nals.iter().map(|nal| nal[0] & 0x60).max().unwrap_or(0);
    let mut payload = vec![importance | 24];
    append_sized(&mut payload, nals);
    payload
}

/// FU, RFC 7798, section 4.4.3.
fn h265_fragments(nal: &[u8], most: usize) -> Vec<Vec<u8>> {
    let (header, body) = nal.split_at(2);
    let parts: Vec<&[u8]> = body.chunks(most - 3).collect();
    let kind = header[0] >> 1 & 0x3f;
    let packed = parts.iter().enumerate().map(|(at, part)| {
        [&[header[0] & 0x81 | 49 << 1, header[1], ends(at, parts.len()) | kind], *part].concat()
    });
    packed.collect()
}

/// AP, RFC 7798, section 4.4.2.
fn h265_aggregate(nals: &[Bytes]) -> Vec<u8> {
    // The lowest layer and temporal identifiers; here all are alike.
    let mut payload = vec![nals[0][0] & 0x81 | 48 << 1, nals[0][1]];
    append_sized(&mut payload, nals);
    payload
}

fn append_sized(payload: &mut Vec<u8>, nals: &[Bytes]) {
    for nal in nals {
        payload.extend_from_slice(&(nal.len() as u16).to_be_bytes());
        payload.extend_from_slice(nal);
    }
}

/// RFC 2435: a baseline JPEG without its headers, and the quantisation tables in the first packet.
fn jpeg_payloads(jpeg: &[u8], most: usize) -> Vec<Vec<u8>> {
    let Some(Jpeg { width, height, kind, tables, scan }) = Jpeg::read(jpeg) else {
        return Vec::new();
    };
    let mut payloads = Vec::new();
    let mut offset = 0;
    while offset < scan.len() {
        let place = (offset as u32).to_be_bytes();
        // The type, tables follow (Q is 255), and the size in blocks of eight; 0 is larger than 2040.
        let blocks = |side: u16| u8::try_from(side.div_ceil(8)).unwrap_or(0);
        let mut payload =
            vec![0, place[1], place[2], place[3], kind, 255, blocks(width), blocks(height)];
        if offset == 0 {
            payload.extend_from_slice(&[0, 0]);
            payload.extend_from_slice(&(tables.len() as u16).to_be_bytes());
            payload.extend_from_slice(&tables);
        }
        let room = most.saturating_sub(payload.len()).max(1);
        let part = &scan[offset..scan.len().min(offset + room)];
        payload.extend_from_slice(part);
        offset += part.len();
        payloads.push(payload);
    }
    payloads
}

/// What of a JPEG goes into RTP.
struct Jpeg<'a> {
    width: u16,
    height: u16,
    /// 0: chroma at half the width; 1: at half the width and height.
    kind: u8,
    tables: Vec<u8>,
    scan: &'a [u8],
}

impl<'a> Jpeg<'a> {
    fn read(jpeg: &'a [u8]) -> Option<Self> {
        let (mut size, mut kind, mut tables) = (None, 0, Vec::new());
        let mut at = 2;
        loop {
            let marker = *jpeg.get(at + 1)?;
            let length = usize::from(u16::from_be_bytes([*jpeg.get(at + 2)?, *jpeg.get(at + 3)?]));
            let segment = jpeg.get(at + 4..at + 2 + length)?;
            match marker {
                0xdb => tables.extend(segment.chunks_exact(65).map(|table| &table[1..])),
                0xc0 => {
                    let side = |at: usize| u16::from_be_bytes([segment[at], segment[at + 1]]);
                    if segment.len() < 8 {
                        return None;
                    }
                    size = Some((side(3), side(1)));
                    kind = u8::from(segment[7] == 0x22);
                }
                0xda => {
                    let scan = &jpeg[at + 2 + length..];
                    let scan = scan.strip_suffix(&[0xff, 0xd9]).unwrap_or(scan);
                    // Tables that are the same are sent once, for all components.
                    tables.dedup();
                    let (width, height) = size?;
                    return Some(Self { width, height, kind, tables: tables.concat(), scan });
                }
                _ => {}
            }
            at += 2 + length;
        }
    }
}

/// The fixed header of an RTP packet, RFC 3550, section 5.1.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// With an extension of one word and four bytes of padding.
    pub extended: bool,
}

impl Header {
    pub fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::with_capacity(28 + payload.len());
        packet.push(if self.extended { 0xb0 } else { 0x80 });
        packet.push(u8::from(self.marker) << 7 | self.payload_type);
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&self.timestamp.to_be_bytes());
        packet.extend_from_slice(&self.ssrc.to_be_bytes());
        if self.extended {
            packet.extend_from_slice(&[0xab, 0xac, 0, 1, 1, 2, 3, 4]);
        }
        packet.extend_from_slice(payload);
        if self.extended {
            packet.extend_from_slice(&[0, 0, 0, 4]);
        }
        packet
    }
}

/// A sender report and the camera's name, RFC 3550, sections 6.4.1 and 6.5. `ntp` is in seconds since
/// 1900, with a fraction of 32 bits.
pub fn sender_report(ssrc: u32, ntp: u64, timestamp: u32, packets: u32, bytes: u32) -> Vec<u8> {
    let mut report = vec![0x80, 200, 0, 6];
    report.extend_from_slice(&ssrc.to_be_bytes());
    report.extend_from_slice(&ntp.to_be_bytes());
    for word in [timestamp, packets, bytes] {
        report.extend_from_slice(&word.to_be_bytes());
    }
    report.extend_from_slice(&[0x81, 202, 0, 4]);
    report.extend_from_slice(&ssrc.to_be_bytes());
    report.extend_from_slice(b"\x01\x06camera\0\0\0\0");
    report
}

/// RFC 3550, section 6.6.
pub fn bye(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x81, 203, 0, 1];
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_make_the_unit_again() {
        let h264 = Bytes::from([&[0x65_u8][..], &[7; 250]].concat());
        let parts = payloads(Codec::H264, &[h264], 100, false);
        let ends: Vec<u8> = parts.iter().map(|part| part[1]).collect();
        assert_eq!(ends, [0x85, 0x05, 0x45]);
        assert!(parts.iter().all(|part| part[0] == 0x7c && part.len() <= 100));
        assert_eq!(parts.iter().map(|part| part.len() - 2).sum::<usize>(), 250);

        let h265 = Bytes::from([&[19 << 1, 1][..], &[7; 250]].concat());
        let parts = payloads(Codec::H265, &[h265], 100, false);
        let ends: Vec<u8> = parts.iter().map(|part| part[2]).collect();
        assert_eq!(ends, [0x80 | 19, 19, 0x40 | 19]);
        assert!(parts.iter().all(|part| part[..2] == [49 << 1, 1]));
    }

    #[test]
    fn small_units_share_a_packet() {
        let nals = [&[0x67_u8, 1][..], &[0x68, 2, 3], &[0x65, 9]].map(Bytes::copy_from_slice);
        let parts = payloads(Codec::H264, &nals, 100, true);
        assert_eq!(parts, [[0x78, 0, 2, 0x67, 1, 0, 3, 0x68, 2, 3, 0, 2, 0x65, 9]]);
        assert_eq!(payloads(Codec::H264, &nals, 100, false).len(), 3);
    }
}
