//! Which addresses a name may lead to. Every address that is not of the public internet is refused unless it was granted
//! by itself. Not here: looking names up.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

use crate::canonical::{Canonical, DecodeError, Decoder, Encoder};

/// A text that is not an address or a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address or a range of them, as in `10.0.0.0/8`")]
pub struct ParseCidrError(pub String);

/// A range of addresses, by its first address and the bits that are the same (RFC 4632).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cidr(IpNet);

impl Cidr {
    /// Whether the address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether all addresses of `other` are in it.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }
}

/// That address alone.
impl From<IpAddr> for Cidr {
    fn from(address: IpAddr) -> Self {
        Self(address.into())
    }
}

impl FromStr for Cidr {
    type Err = ParseCidrError;

    fn from_str(text: &str) -> Result<Self, ParseCidrError> {
        let wrong = || ParseCidrError(text.chars().take(80).collect());
        let net = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse::<IpNet>().map_err(|_| wrong())?,
        };
        // A range that is written by one of its later addresses is a slip of the pen.
        if net.trunc() == net {
            Ok(Self(net))
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Canonical for Cidr {
    fn encode(&self, out: &mut Encoder) {
        self.to_string().encode(out);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let text = String::decode(from)?;
        let parsed: Self = text.parse().map_err(|_| from.invalid("a range of addresses"))?;
        if parsed.to_string() == text {
            Ok(parsed)
        } else {
            Err(from.invalid("a range of addresses in another form"))
        }
    }
}

/// Why an address is not of the public internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// This machine.
    Loopback,
    /// A network of its own (RFC 1918, RFC 4193, RFC 6598).
    Private,
    /// The same wire (RFC 3927, RFC 4291); where clouds keep their metadata.
    LinkLocal,
    /// Many receivers.
    Multicast,
    /// An IPv4 address in the clothes of an IPv6 one (NAT64, 6to4, Teredo, mapped or compatible).
    Embedded,
    /// Nobody's: documentation, benchmarks, "this network", what is reserved.
    Reserved,
}

impl AddressClass {
    /// The word in messages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Multicast => "a multicast address",
            Self::Embedded => "an IPv4 address inside an IPv6 one",
            Self::Reserved => "a reserved address",
        }
    }
}

const V4: [([u8; 4], u8, AddressClass); 16] = [
    ([0, 0, 0, 0], 8, AddressClass::Reserved),
    ([10, 0, 0, 0], 8, AddressClass::Private),
    ([100, 64, 0, 0], 10, AddressClass::Private),
    ([127, 0, 0, 0], 8, AddressClass::Loopback),
    ([169, 254, 0, 0], 16, AddressClass::LinkLocal),
    ([172, 16, 0, 0], 12, AddressClass::Private),
    ([192, 0, 0, 0], 24, AddressClass::Reserved),
    ([192, 0, 2, 0], 24, AddressClass::Reserved),
    ([192, 88, 99, 0], 24, AddressClass::Reserved),
    ([192, 168, 0, 0], 16, AddressClass::Private),
    ([198, 18, 0, 0], 15, AddressClass::Reserved),
    ([198, 51, 100, 0], 24, AddressClass::Reserved),
    ([203, 0, 113, 0], 24, AddressClass::Reserved),
    ([168, 63, 129, 16], 32, AddressClass::LinkLocal),
    ([224, 0, 0, 0], 4, AddressClass::Multicast),
    ([240, 0, 0, 0], 4, AddressClass::Reserved),
];

const V6: [([u16; 8], u8, AddressClass); 15] = [
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, AddressClass::Loopback),
    ([0, 0, 0, 0, 0, 0, 0, 0], 96, AddressClass::Embedded),
    ([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, AddressClass::Embedded),
    ([0, 0, 0, 0, 0xffff, 0, 0, 0], 96, AddressClass::Embedded),
    ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, AddressClass::Embedded),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, AddressClass::Embedded),
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64, AddressClass::Reserved),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, AddressClass::Embedded),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, AddressClass::Reserved),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, AddressClass::Reserved),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, AddressClass::Embedded),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, AddressClass::Reserved),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, AddressClass::Private),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, AddressClass::LinkLocal),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, AddressClass::Multicast),
];

/// What keeps an address from being of the public internet; none where it is.
///
/// After the IANA special-purpose registries (RFC 6890): of IPv6 only 2000::/3 is given out, so the rest is refused.
pub fn class_of(address: IpAddr) -> Option<AddressClass> {
    match address {
        IpAddr::V4(address) => class_of_v4(address),
        IpAddr::V6(address) => {
            let bits = u128::from(address);
            let found = V6.iter().find(|(net, len, _)| {
                let net = u128::from(Ipv6Addr::from(*net));
                (net ^ bits).leading_zeros() >= u32::from(*len)
            });
            match found {
                Some((_, _, class)) => Some(*class),
                None if bits >> 125 == 0b001 => None,
                None => Some(AddressClass::Reserved),
            }
        }
    }
}

fn class_of_v4(address: Ipv4Addr) -> Option<AddressClass> {
    let bits = u32::from(address);
    let found = V4.iter().find(|(net, len, _)| {
        let net = u32::from(Ipv4Addr::from(*net));
        (net ^ bits).leading_zeros() >= u32::from(*len)
    });
    found.map(|(_, _, class)| *class)
}
