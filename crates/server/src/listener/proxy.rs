//! PROXY protocol, version 2: what a balancer says, before the first byte of a connection, of where it comes from.
//!
//! Only peers that the configuration names are believed, on listeners that expect it, and there nothing else is taken:
//! no connection without a header, and none of version 1, which is text that a client could send itself. Beside the
//! addresses two extensions are read: the checksum, and the VPC endpoint that a connection came through.
//!
//! Source: HAProxy, "The PROXY protocol, versions 1 & 2", section 2.2; Elastic Load Balancing, "Network Load Balancers",
//! "Proxy protocol" (`PP2_TYPE_AWS`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::limits::{MAX_PROXY_ENDPOINT_BYTES, MAX_PROXY_HEADER_BYTES};

/// Signature, version and command, family, length.
const FIXED_BYTES: usize = 16;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Version 2 and the command: the balancer's own connection, or one that it passes on.
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;

/// TCP over IPv4 and over IPv6.
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

const CRC32C: u8 = 0x03;
const AWS: u8 = 0xEA;
/// Of [`AWS`]: the id of the VPC endpoint.
const VPCE: u8 = 0x01;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxied {
    /// Where the connection comes from; `None` for the balancer's own (its health checks).
    pub source: Option<SocketAddr>,
    /// The VPC endpoint that it came through, if any; not yet known to be one.
    pub endpoint: Option<String>,
}

/// Why a header was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ProxyFault {
    /// It does not begin as one of version 2.
    #[error("no header of PROXY protocol version 2")]
    Signature,
    /// A command that version 2 has not.
    #[error("an unknown command")]
    Command,
    /// Not TCP over IP.
    #[error("an address that is none of TCP")]
    Family,
    /// Longer than the limit.
    #[error("a header of {0} bytes")]
    TooLong(usize),
    /// It ends within an address or an extension.
    #[error("a header that breaks off within")]
    Truncated,
    /// An extension is there twice.
    #[error("an extension that is there twice")]
    Twice,
    /// The checksum is another.
    #[error("a wrong checksum")]
    Checksum,
    /// The id of the endpoint is none.
    #[error("a VPC endpoint whose id is none")]
    Endpoint,
    /// The peer sent nothing more.
    #[error("the header could not be read")]
    Read(#[from] io::Error),
}

/// Reads a header and not a byte more.
///
/// # Errors
/// [`ProxyFault`].
///
/// # Limits
/// [`MAX_PROXY_HEADER_BYTES`]. How long it may take is the caller's to say.
pub(super) async fn receive<T: AsyncRead + Unpin>(stream: &mut T) -> Result<Proxied, ProxyFault> {
    let mut header = vec![0; FIXED_BYTES];
    stream.read_exact(&mut header).await?;
    let length = whole_length(&header)?;
    header.resize(length, 0);
    stream.read_exact(header.get_mut(FIXED_BYTES..).unwrap_or_default()).await?;
    parse(&header)
}

/// The length of the header that begins so.
fn whole_length(fixed: &[u8]) -> Result<usize, ProxyFault> {
    if !fixed.starts_with(&SIGNATURE) {
        return Err(ProxyFault::Signature);
    }
    let [.., high, low] = *fixed else { return Err(ProxyFault::Truncated) };
    let length = FIXED_BYTES + usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_PROXY_HEADER_BYTES { Err(ProxyFault::TooLong(length)) } else { Ok(length) }
}

fn parse(header: &[u8]) -> Result<Proxied, ProxyFault> {
    let (fixed, rest) = header.split_at_checked(FIXED_BYTES).ok_or(ProxyFault::Truncated)?;
    if whole_length(fixed)? != header.len() {
        return Err(ProxyFault::Truncated);
    }
    let [command, family, ..] = *fixed.get(SIGNATURE.len()..).unwrap_or_default() else {
        return Err(ProxyFault::Truncated);
    };
    match (command, family) {
        // "The receiver must … use the real connection endpoints and discard the protocol block including the family which
        // is ignored."
        (LOCAL, _) => Ok(Proxied { source: None, endpoint: None }),
        (PROXY, TCP4) => {
            let (addresses, extensions) = rest.split_first_chunk::<12>().ok_or(ProxyFault::Truncated)?;
            let [a, b, c, d, _, _, _, _, high, low, ..] = *addresses;
            let source = SocketAddr::from((Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])));
            Ok(Proxied { source: Some(source), endpoint: endpoint(header, extensions)? })
        }
        (PROXY, TCP6) => {
            let (addresses, extensions) = rest.split_first_chunk::<36>().ok_or(ProxyFault::Truncated)?;
            let (address, behind) = addresses.split_first_chunk::<16>().ok_or(ProxyFault::Truncated)?;
            let [high, low, ..] = *behind.get(16..).unwrap_or_default() else {
                return Err(ProxyFault::Truncated);
            };
            // An IPv4 address that is mapped into IPv6 is the IPv4 address, as everywhere.
            let address = IpAddr::V6(Ipv6Addr::from(*address)).to_canonical();
            let source = SocketAddr::from((address, u16::from_be_bytes([high, low])));
            Ok(Proxied { source: Some(source), endpoint: endpoint(header, extensions)? })
        }
        (PROXY, _) => Err(ProxyFault::Family),
        (_, _) => Err(ProxyFault::Command),
    }
}

/// Checks the extensions, and finds the endpoint among them.
fn endpoint(header: &[u8], mut extensions: &[u8]) -> Result<Option<String>, ProxyFault> {
    let (mut checked, mut found) = (false, None);
    while let Some((&[kind, high, low], rest)) = extensions.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (value, behind) = rest.split_at_checked(length).ok_or(ProxyFault::Truncated)?;
        match (kind, value) {
            (CRC32C, _) => {
                if checked {
                    return Err(ProxyFault::Twice);
                }
                check_sum(header, value, behind.len())?;
                checked = true;
            }
            (AWS, [VPCE, id @ ..]) => {
                if found.is_some() {
                    return Err(ProxyFault::Twice);
                }
                found = Some(endpoint_id(id)?);
            }
            _ => {}
        }
        extensions = behind;
    }
    if extensions.is_empty() { Ok(found) } else { Err(ProxyFault::Truncated) }
}

/// "The CRC32c checksum … of the PROXY protocol header … with the checksum field replaced by zeros."
fn check_sum(header: &[u8], value: &[u8], behind: usize) -> Result<(), ProxyFault> {
    let sum: [u8; 4] = value.try_into().map_err(|_| ProxyFault::Checksum)?;
    let (before, after) =
        header.split_at_checked(header.len().saturating_sub(behind)).ok_or(ProxyFault::Truncated)?;
    let before = before.get(..before.len().saturating_sub(sum.len())).unwrap_or_default();
    let of = [before, &[0; 4], after].iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part));
    if of == u32::from_be_bytes(sum) { Ok(()) } else { Err(ProxyFault::Checksum) }
}

fn endpoint_id(id: &[u8]) -> Result<String, ProxyFault> {
    let good = !id.is_empty() && id.len() <= MAX_PROXY_ENDPOINT_BYTES && id.iter().all(u8::is_ascii_graphic);
    match std::str::from_utf8(id) {
        Ok(id) if good => Ok(id.to_owned()),
        Ok(_) | Err(_) => Err(ProxyFault::Endpoint),
    }
}

/// Reads a header from arbitrary bytes: the fuzz entry. One with a checksum is another with any byte changed.
#[doc(hidden)]
pub fn fuzz_proxy_header(data: &[u8]) {
    let Ok(proxied) = parse(data) else { return };
    if let Some(endpoint) = &proxied.endpoint {
        assert!(endpoint.len() <= MAX_PROXY_ENDPOINT_BYTES && !endpoint.contains(char::is_whitespace));
    }
    let longer = [data, b"x"].concat();
    assert!(parse(&longer).is_err(), "a header is read beyond its length");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "vpce-08d2bf15fac5001c9";

    fn extension(kind: u8, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap().to_be_bytes();
        [&[kind], length.as_slice(), value].concat()
    }

    fn of_endpoint(id: &str) -> Vec<u8> {
        extension(AWS, &[&[VPCE], id.as_bytes()].concat())
    }

    fn header(command: u8, family: u8, addresses: &[u8], extensions: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len() + extensions.len()).unwrap().to_be_bytes();
        [SIGNATURE.as_slice(), &[command, family], &length, addresses, extensions].concat()
    }

    fn tcp4(extensions: &[u8]) -> Vec<u8> {
        header(PROXY, TCP4, &[192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 0x01, 0xbb], extensions)
    }

    /// A header whose last extension is its checksum.
    fn summed(extensions: &[u8]) -> Vec<u8> {
        let mut header = tcp4(&[extensions, &extension(CRC32C, &[0; 4])].concat());
        let sum = crc32c::crc32c(&header).to_be_bytes();
        let at = header.len() - 4;
        header[at..].copy_from_slice(&sum);
        header
    }

    #[test]
    fn the_source_and_the_endpoint_are_read() {
        let source = Some("192.0.2.7:12345".parse().unwrap());
        assert_eq!(parse(&tcp4(&[])).unwrap(), Proxied { source, endpoint: None });
        let endpoint = Some(ID.to_owned());
        assert_eq!(parse(&tcp4(&of_endpoint(ID))).unwrap(), Proxied { source, endpoint: endpoint.clone() });
        let padded = [extension(0x04, &[0; 9]), of_endpoint(ID), extension(0x05, b"unique")].concat();
        assert_eq!(parse(&summed(&padded)).unwrap(), Proxied { source, endpoint });
        let other_subtype = extension(AWS, b"\x02vpce-1");
        assert_eq!(parse(&tcp4(&other_subtype)).unwrap().endpoint, None);
    }

    #[test]
    fn addresses_of_ipv6_are_read_and_mapped_ones_are_ipv4() {
        let of = |source: &str| {
            let source: Ipv6Addr = source.parse().unwrap();
            let addresses = [&source.octets(), &[0; 16], [0, 80].as_slice(), &[1, 187]].concat();
            parse(&header(PROXY, TCP6, &addresses, &of_endpoint(ID))).unwrap().source.unwrap().to_string()
        };
        assert_eq!(of("2001:db8::7"), "[2001:db8::7]:80");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7:80");
    }

    #[test]
    fn a_balancers_own_connection_is_of_no_endpoint() {
        let local = header(LOCAL, 0, &[], &of_endpoint(ID));
        assert_eq!(parse(&local).unwrap(), Proxied { source: None, endpoint: None });
    }

    #[test]
    fn what_is_no_header_of_version_2_is_refused() {
        let fault = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
        let one = b"PROXY TCP4 192.0.2.7 198.51.100.1 1 443\r\n";
        assert!(matches!(parse(one), Err(ProxyFault::Signature)), "version 1");
        assert!(matches!(parse(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Err(ProxyFault::Signature)));
        assert!(matches!(parse(&header(0x11, TCP4, &[0; 12], &[])), Err(ProxyFault::Command)));
        assert!(matches!(parse(&header(0x22, TCP4, &[0; 12], &[])), Err(ProxyFault::Command)));
        for family in [0x00, 0x12, 0x22, 0x31] {
            assert!(matches!(parse(&header(PROXY, family, &[0; 216], &[])), Err(ProxyFault::Family)));
        }
        assert!(matches!(parse(&header(PROXY, TCP4, &[0; 11], &[])), Err(ProxyFault::Truncated)));
        assert!(matches!(parse(&header(PROXY, TCP6, &[0; 35], &[])), Err(ProxyFault::Truncated)));
        assert!(matches!(parse(&tcp4(&[AWS, 0])), Err(ProxyFault::Truncated)));
        assert!(matches!(parse(&tcp4(&[AWS, 0, 9, VPCE])), Err(ProxyFault::Truncated)));
        assert_eq!(fault(&tcp4(&vec![4; 2000])), "a header of 2028 bytes");
    }

    #[test]
    fn an_endpoint_is_named_once_and_has_a_plain_id() {
        let twice = [of_endpoint(ID), of_endpoint("vpce-00000000000000000")].concat();
        assert!(matches!(parse(&tcp4(&twice)), Err(ProxyFault::Twice)));
        for bad in ["", "vpce 1", "vpce-\n", "vpce-é", &"v".repeat(65)] {
            assert!(matches!(parse(&tcp4(&of_endpoint(bad))), Err(ProxyFault::Endpoint)), "{bad:?}");
        }
    }

    #[test]
    fn a_checksum_is_verified_and_stands_once() {
        assert!(parse(&summed(&of_endpoint(ID))).is_ok());
        assert!(matches!(parse(&tcp4(&extension(CRC32C, &[0; 4]))), Err(ProxyFault::Checksum)));
        assert!(matches!(parse(&tcp4(&extension(CRC32C, &[0; 3]))), Err(ProxyFault::Checksum)));
        let inner = summed(&[]);
        let twice = summed(&inner[FIXED_BYTES + 12..]);
        assert!(parse(&twice).is_err());
    }

    #[tokio::test]
    async fn not_a_byte_behind_the_header_is_taken() {
        let bytes = [tcp4(&of_endpoint(ID)), b"GET /".to_vec()].concat();
        let mut stream = bytes.as_slice();
        assert_eq!(receive(&mut stream).await.unwrap().endpoint.as_deref(), Some(ID));
        assert_eq!(stream, b"GET /");
        let mut short = &bytes[..20];
        assert!(matches!(receive(&mut short).await, Err(ProxyFault::Read(_))));
    }

    proptest! {
        #[test]
        fn a_header_with_a_checksum_survives_no_changed_byte(at in 0usize..200, flip in 1u8..) {
            let whole = summed(&of_endpoint(ID));
            let mut header = whole.clone();
            let at = at % header.len();
            header[at] ^= flip;
            // The balancer's own connection has nothing that counts.
            let own = Proxied { source: None, endpoint: None };
            prop_assert!(parse(&header).map_or(true, |proxied| proxied == own || at_checksum(&header, &whole)));
        }

        #[test]
        fn arbitrary_bytes_never_panic(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            fuzz_proxy_header(&data);
            let length = u16::try_from(data.len()).unwrap().to_be_bytes();
            for family in [TCP4, TCP6] {
                fuzz_proxy_header(&[SIGNATURE.as_slice(), &[PROXY, family], &length, &data].concat());
            }
        }
    }

    /// Whether the change made something else of the checksum's extension, so that there is none to verify.
    fn at_checksum(changed: &[u8], whole: &[u8]) -> bool {
        let at = whole.len() - 7;
        changed[at] != whole[at]
    }
}
