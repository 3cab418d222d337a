//! Which IP addresses are reachable without an operator's word: those of the public internet, and no others.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not of the public internet; `None` if it is. Addresses inside others (mapped, NAT64, 6to4) count as
/// what they hold. Ranges after the special-purpose registries (RFC 6890), with the metadata services of clouds.
pub(crate) fn forbidden(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(ip) => forbidden_v4(ip),
        IpAddr::V6(ip) => forbidden_v6(ip),
    }
}

fn forbidden_v4(ip: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = ip.octets();
    Some(match (a, b, c) {
        (0, ..) => "this network",
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => "private",
        (100, 64..=127, _) => "shared address space of a carrier or cloud",
        (127, ..) => "loopback",
        (169, 254, _) => "link-local, metadata service",
        // Azure's host, reachable from its machines only.
        (168, 63, 129) if ip == Ipv4Addr::new(168, 63, 129, 16) => "metadata service",
        (192, 0, 0) => "protocol assignments",
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => "documentation",
        (192, 88, 99) => "6to4 relay",
        (198, 18..=19, _) => "benchmarks",
        (224..=239, ..) => "multicast",
        (240..=255, ..) => "reserved",
        _ => return None,
    })
}

fn forbidden_v6(ip: Ipv6Addr) -> Option<&'static str> {
    let [first, second, third, fourth, fifth, sixth, high, low] = ip.segments();
    let inside = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        forbidden_v4(Ipv4Addr::new(a, b, c, d))
    };
    if ip.is_unspecified() || ip.is_loopback() {
        return Some("loopback");
    }
    match (first, second) {
        // Mapped, translated and compatible addresses: nobody needs to write them.
        (0, 0) if (third, fourth) == (0, 0) => Some("IPv4 in IPv6"),
        (0x64, 0xff9b) if (third, fourth, fifth, sixth) == (0, 0, 0, 0) => inside(high, low),
        (0x64, 0xff9b) => Some("local translation"),
        (0x100, 0) => Some("discarded"),
        (0x2001, 0..=0x1ff) => Some("protocol assignments"),
        (0x2001, 0xdb8) | (0x3fff, 0..=0xfff) => Some("documentation"),
        (0x2002, high) => inside(high, third),
        (0x5f00, _) => Some("segment routing"),
        (0xfc00..=0xfdff, _) => Some("private"),
        (0xfe80..=0xfebf, _) => Some("link-local"),
        (0xfec0..=0xfeff, _) => Some("site-local"),
        (0xff00..=0xffff, _) => Some("multicast"),
        (0x2000..=0x3fff, _) => None,
        _ => Some("not global"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_are_allowed_and_their_neighbours_in_special_ranges_are_not() {
        for (allowed, refused) in [
            ("9.255.255.255", "10.0.0.0"),
            ("11.0.0.0", "10.255.255.255"),
            ("100.63.255.255", "100.64.0.0"),
            ("100.128.0.0", "100.127.255.255"),
            ("126.255.255.255", "127.0.0.0"),
            ("128.0.0.0", "127.255.255.255"),
            ("169.253.255.255", "169.254.0.0"),
            ("169.255.0.0", "169.254.255.255"),
            ("168.63.129.15", "168.63.129.16"),
            ("172.15.255.255", "172.16.0.0"),
            ("172.32.0.0", "172.31.255.255"),
            ("192.167.255.255", "192.168.0.0"),
            ("198.17.255.255", "198.18.0.0"),
            ("198.20.0.0", "198.19.255.255"),
            ("223.255.255.255", "224.0.0.0"),
            ("1.0.0.0", "0.255.255.255"),
            ("8.8.8.8", "255.255.255.255"),
            ("2606:4700::1", "fd00::1"),
            ("2a00::1", "fe80::1"),
            ("2001:4860:4860::8888", "2001:db8::1"),
            ("2001:200::1", "2001::1"),
            ("64:ff9b::808:808", "64:ff9b::7f00:1"),
            ("2002:808:808::1", "2002:a00:1::1"),
            ("2400::1", "ff02::1"),
            ("3000::1", "::1"),
        ] {
            assert_eq!(forbidden(allowed.parse().unwrap()), None, "{allowed}");
            assert!(forbidden(refused.parse().unwrap()).is_some(), "{refused}");
        }
        for refused in ["::", "::ffff:8.8.8.8", "::8.8.8.8", "::ffff:0:808:808", "64:ff9b:1::1", "100::1", "4000::1"] {
            assert!(forbidden(refused.parse().unwrap()).is_some(), "{refused}");
        }
    }
}
