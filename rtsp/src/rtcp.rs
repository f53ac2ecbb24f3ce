//! RTCP: sender reports and ends are read, receiver reports written (RFC 3550, 6).

use rtcp_types::prelude::*;
use rtcp_types::{Compound, Packet, ReceiverReport, Sdes, SdesChunk, SdesItem};

/// What a camera reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// One moment in the camera's wall clock (NTP, 32.32 bits) and in the media's clock.
    Sender {
        /// Who.
        ssrc: u32,
        /// The wall clock.
        ntp: u64,
        /// The media's clock.
        rtp: u32,
    },
    /// The stream is over.
    Bye,
}

/// Reads a compound packet. What cannot be read is left out.
pub fn read(bytes: &[u8]) -> Vec<Report> {
    let Ok(compound) = Compound::parse(bytes) else { return Vec::new() };
    compound
        .map_while(Result::ok)
        .filter_map(|packet| match packet {
            Packet::Sr(report) => Some(Report::Sender {
                ssrc: report.ssrc(),
                ntp: report.ntp_timestamp(),
                rtp: report.rtp_timestamp(),
            }),
            Packet::Bye(_) => Some(Report::Bye),
            _ => None,
        })
        .collect()
}

/// A receiver report that only says that somebody watches: cameras stop sending without.
pub fn receiver_report(ssrc: u32) -> Vec<u8> {
    let name = SdesItem::builder(SdesItem::CNAME, "detector-worker");
    let description = Sdes::builder().add_chunk(SdesChunk::builder(ssrc).add_item(name));
    let compound =
        Compound::builder().add_packet(ReceiverReport::builder(ssrc)).add_packet(description);
    let mut bytes = vec![0; 256];
    match compound.write_into(&mut bytes) {
        Ok(length) => bytes.truncate(length),
        // Its size is constant and far below.
        Err(_) => bytes.clear(),
    }
    bytes
}

#[cfg(test)]
mod tests {
    use rtcp_types::{Bye, SenderReport};

    use super::*;

    #[test]
    fn reports_are_read() {
        let compound = Compound::builder()
            .add_packet(SenderReport::builder(7).ntp_timestamp(3 << 32).rtp_timestamp(9))
            .add_packet(Bye::builder().add_source(7));
        let mut bytes = vec![0; 100];
        let length = compound.write_into(&mut bytes).unwrap();
        let sender = Report::Sender { ssrc: 7, ntp: 3 << 32, rtp: 9 };
        assert_eq!(read(&bytes[..length]), [sender, Report::Bye]);
        assert_eq!(read(&bytes[..length - 3]), []);
    }

    #[test]
    fn a_receiver_report_is_well_formed() {
        let bytes = receiver_report(5);
        assert!(!bytes.is_empty());
        assert!(Compound::parse(&bytes).unwrap().all(|packet| packet.is_ok()));
    }
}
