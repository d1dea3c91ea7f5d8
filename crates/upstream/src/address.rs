//! Which range an address is in, so that a name in the config cannot lead the gateway inside.
//!
//! INVARIANT: an IPv6 address that carries an IPv4 address is judged by both, and the worse one counts.
//! Ranges: the IANA special-purpose registries (RFC 6890 and its successors), and the metadata services of
//! the large clouds, which stand partly in public ranges.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A kind of range, from harmless to dangerous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressClass {
    /// Globally reachable.
    Public,
    /// RFC 1918 and unique local (RFC 4193).
    Private,
    /// The machine itself.
    Loopback,
    /// Carrier-grade NAT (RFC 6598).
    Shared,
    /// For documentation.
    Documentation,
    /// For benchmarks (RFC 2544, RFC 5180).
    Benchmarking,
    /// Reserved, deprecated, or not assigned for global use.
    Reserved,
    /// To many.
    Multicast,
    /// No address (`0.0.0.0/8`, `::`), which systems connect to themselves.
    Unspecified,
    /// Link-local; clouds keep their metadata services here.
    LinkLocal,
    /// A cloud's metadata service.
    Metadata,
}

impl AddressClass {
    /// The name that errors use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Loopback => "loopback",
            Self::Shared => "carrier-grade nat",
            Self::Documentation => "documentation",
            Self::Benchmarking => "benchmarking",
            Self::Reserved => "reserved",
            Self::Multicast => "multicast",
            Self::Unspecified => "unspecified",
            Self::LinkLocal => "link-local",
            Self::Metadata => "cloud metadata",
        }
    }
}

/// The range of an address; for an IPv6 address that carries an IPv4 address, the worse of the two.
#[must_use]
pub fn classify(ip: IpAddr) -> AddressClass {
    match ip {
        IpAddr::V4(v4) => of_v4(v4),
        IpAddr::V6(v6) => of_v6(v6),
    }
}

/// Whether a connection may be made, by the upstream's own word.
pub(crate) fn permitted(ip: IpAddr, allow_private: bool, allow: &[ipnet::IpNet]) -> Result<(), AddressClass> {
    let class = classify(ip);
    let listed = || allow.iter().any(|net| net.contains(&ip) || net.contains(&ip.to_canonical()));
    match class {
        AddressClass::Public => Ok(()),
        AddressClass::Private | AddressClass::Loopback if allow_private => Ok(()),
        _ if listed() => Ok(()),
        refused => Err(refused),
    }
}

/// Metadata services outside the link-local range: Alibaba, Oracle, Azure's wire server.
const METADATA_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(168, 63, 129, 16),
];

/// AWS (instance metadata, pod identity, containers' own), Google, Scaleway.
const METADATA_V6: [Ipv6Addr; 4] = [
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x42),
];

fn of_v4(ip: Ipv4Addr) -> AddressClass {
    if METADATA_V4.contains(&ip) {
        return AddressClass::Metadata;
    }
    match ip.octets() {
        [0, ..] => AddressClass::Unspecified,
        [127, ..] => AddressClass::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => AddressClass::Private,
        [169, 254, ..] => AddressClass::LinkLocal,
        [100, 64..=127, ..] => AddressClass::Shared,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => AddressClass::Documentation,
        [198, 18..=19, ..] => AddressClass::Benchmarking,
        [192, 0, 0, _] | [192, 88, 99, _] => AddressClass::Reserved,
        [224..=239, ..] => AddressClass::Multicast,
        [240..=255, ..] => AddressClass::Reserved,
        _ => AddressClass::Public,
    }
}

fn of_v6(ip: Ipv6Addr) -> AddressClass {
    if METADATA_V6.contains(&ip) {
        return AddressClass::Metadata;
    }
    if ip.is_unspecified() {
        return AddressClass::Unspecified;
    }
    if ip.is_loopback() {
        return AddressClass::Loopback;
    }
    let s = ip.segments();
    let tail = v4_from(s[6], s[7]);
    match s {
        // Compatible (deprecated), mapped, translated (RFC 2765).
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] => of_v4(tail),
        // NAT64, the well-known prefix (RFC 6052).
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => of_v4(tail),
        // NAT64, the local-use prefix (RFC 8215): the address stands where the site's prefix length says;
        // what can be neither a /96 nor a /48 is refused.
        [0x64, 0xff9b, 1, 0, 0, 0, _, _] => of_v4(tail),
        [0x64, 0xff9b, 1, high, low, last, 0, 0] if low >> 8 == 0 && last & 0xff == 0 => {
            of_v4(v4_from(high, (low << 8) | (last >> 8)))
        }
        // Teredo (RFC 4380): the server, and the client with its bits turned over.
        [0x2001, 0, a, b, _, _, c, d] => {
            of_v4(v4_from(a, b)).max(of_v4(v4_from(!c, !d))).max(AddressClass::Reserved)
        }
        // 6to4 (RFC 3056).
        [0x2002, a, b, ..] => of_v4(v4_from(a, b)).max(of_isatap(s)),
        _ => of_native_v6(s).max(of_isatap(s)),
    }
}

/// ISATAP (RFC 5214): the IPv4 address is the end of the interface identifier, under any prefix.
fn of_isatap(s: [u16; 8]) -> AddressClass {
    if matches!(s[4], 0 | 0x0200) && s[5] == 0x5efe {
        of_v4(v4_from(s[6], s[7]))
    } else {
        AddressClass::Public
    }
}

fn of_native_v6(s: [u16; 8]) -> AddressClass {
    match s {
        [0xfe80..=0xfebf, ..] => AddressClass::LinkLocal,
        [0xfc00..=0xfdff, ..] => AddressClass::Private,
        [0xff00..=0xffff, ..] => AddressClass::Multicast,
        [0x2001, 0x0db8, ..] | [0x3fff, 0x0000..=0x0fff, ..] => AddressClass::Documentation,
        [0x2001, 0x0002, 0, ..] => AddressClass::Benchmarking,
        // The IETF's protocol assignments, 2001::/23.
        [0x2001, 0x0000..=0x01ff, ..] => AddressClass::Reserved,
        [0x2000..=0x3fff, ..] => AddressClass::Public,
        _ => AddressClass::Reserved,
    }
}

fn v4_from(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}
