//! Addresses that stand for something else than a host somewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address, and the IPv4 addresses that it carries packets to: mapped (RFC 4291), translated
/// (NAT64, RFC 6052) or tunnelled (6to4, RFC 3056).
pub fn meanings(address: IpAddr) -> impl Iterator<Item = IpAddr> {
    let within = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => embedded(v6).map(IpAddr::V4),
    };
    [Some(address), within].into_iter().flatten()
}

fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => Some(v4(g, h)),
        // `::1` and `::` are no IPv4 addresses.
        [0, 0, 0, 0, 0, 0] if g != 0 => Some(v4(g, h)),
        [0x2002, ..] => Some(v4(b, c)),
        _ => None,
    }
}

/// What is special about an address, if no camera and no model can be there.
pub fn what(address: IpAddr) -> Option<&'static str> {
    const METADATA: &str = "where clouds give out credentials";
    match address {
        IpAddr::V4(v4) => match v4.octets() {
            // Also where AWS, Azure, Google and most others answer.
            [169, 254, ..] => Some("link-local"),
            // Alibaba, Oracle (classic), Azure's agent.
            [100, 100, 100, 200] | [192, 0, 0, 192] | [168, 63, 129, 16] => Some(METADATA),
            _ => None,
        },
        IpAddr::V6(v6) => match v6.segments() {
            [first, ..] if first & 0xffc0 == 0xfe80 => Some("link-local"),
            // AWS, Google.
            [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => {
                Some(METADATA)
            }
            _ => None,
        },
    }
}
