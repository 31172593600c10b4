//! Whose program asks.
//!
//! A loopback address keeps other machines out, but every user of this one can connect to it, and the metadata service has
//! no secret that a program shows. So the agent asks the system which user has the other end of a connection.
//!
//! Source: proc(5), "/proc/net/tcp": a line a socket, with its two addresses, its state and its user.

use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::limits::{MAX_SOCKET_TABLE_BYTES, SOCKET_TABLE_TRIES};

/// Which users' programs are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admitted {
    /// Those of these users, by their numbers.
    Users(Vec<u32>),
    /// Those of every user.
    Everybody,
}

impl Admitted {
    /// This process's own user and root, who could read the credentials anyway, and these.
    pub fn own_and(users: &[u32]) -> Self {
        let own = [rustix::process::geteuid().as_raw(), 0];
        Self::Users([&own, users].concat())
    }

    /// Whether the other end of a connection belongs to one of them. Nobody's is not answered.
    pub(crate) async fn admits(&self, peer: SocketAddr, local: SocketAddr) -> bool {
        let Self::Users(users) = self else { return true };
        for _ in 0..SOCKET_TABLE_TRIES {
            match tokio::task::spawn_blocking(move || owner(peer, local)).await {
                Ok(Ok(Some(user))) => return users.contains(&user),
                Ok(Ok(None)) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the system does not tell whose program asks, so it is refused");
                    return false;
                }
                Err(_) => return false,
            }
        }
        false
    }
}

/// The user whose socket is the other end.
fn owner(peer: SocketAddr, local: SocketAddr) -> io::Result<Option<u32>> {
    // A socket of IPv6 that talks IPv4, as Java's do, is in the second table.
    for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let mut table = String::new();
        match std::fs::File::open(path) {
            Ok(file) => file.take(MAX_SOCKET_TABLE_BYTES).read_to_string(&mut table)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if let Some(user) = find(&table, peer, local) {
            return Ok(Some(user));
        }
    }
    Ok(None)
}

/// State `ESTABLISHED`. A socket that its program closed already has another, and is shown as root's.
const ESTABLISHED: &str = "01";

fn find(table: &str, peer: SocketAddr, local: SocketAddr) -> Option<u32> {
    let ends = [forms(peer), forms(local)];
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (theirs, ours, state) = (fields.next()?, fields.next()?, fields.next()?);
        let is_it = ends[0].iter().any(|form| form == theirs)
            && ends[1].iter().any(|form| form == ours)
            && state == ESTABLISHED;
        if is_it { fields.nth(3)?.parse().ok() } else { None }
    })
}

/// An address as the tables write it: as IPv4, where it is one, and as IPv6.
fn forms(address: SocketAddr) -> [String; 2] {
    let word = |bytes: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(bytes));
    let long =
        |ip: Ipv6Addr| ip.octets().as_chunks::<4>().0.iter().map(|bytes| word(*bytes)).collect::<String>();
    let port = address.port();
    let (short, long) = match address.ip().to_canonical() {
        IpAddr::V4(ip) => (word(ip.octets()), long(ip.to_ipv6_mapped())),
        IpAddr::V6(ip) => (long(ip), long(ip)),
    };
    [format!("{short}:{port:04X}"), format!("{long}:{port:04X}")]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[cfg(target_endian = "little")]
    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
       0: 0100007F:1A0A 0100007F:584A 06 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n\
       1: 0100007F:1A0B 0100007F:584A 01 00000000:00000000 00:00000000 00000000  1000        0 2 1 0\n\
       2: 0100007F:584A 0100007F:1A0B 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0\n\
       3: 0000000000000000FFFF00000100007F:1A0C 0000000000000000FFFF00000100007F:584A 01 0:0 0:0 0  1001 0 4 1 0\n";

    #[test]
    #[cfg(target_endian = "little")]
    fn the_line_of_the_other_end_tells_its_user() {
        let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(find(TABLE, at(0x1a0b), at(0x584a)), Some(1000));
        assert_eq!(find(TABLE, at(0x1a0c), at(0x584a)), Some(1001), "a socket of IPv6");
        assert_eq!(find(TABLE, at(0x1a0a), at(0x584a)), None, "one that is closed already");
        assert_eq!(find(TABLE, at(0x1a0d), at(0x584a)), None);
    }

    #[tokio::test]
    async fn a_connection_s_user_is_the_one_who_made_it() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = tokio::net::TcpListener::bind(address).await else { continue };
            let local = listener.local_addr().unwrap();
            let _client = tokio::net::TcpStream::connect(local).await.unwrap();
            let (_stream, peer) = listener.accept().await.unwrap();
            let me = rustix::process::geteuid().as_raw();
            assert!(Admitted::own_and(&[]).admits(peer, local).await);
            assert!(!Admitted::Users(vec![me.wrapping_add(1)]).admits(peer, local).await);
            assert!(Admitted::Everybody.admits(peer, local).await);
        }
    }

    proptest! {
        #[test]
        fn any_table_is_read(table in "(sl\n)?([0-9A-F: a-z\u{e9}]{0,80}\n){0,5}", port: u16) {
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            let _ = find(&table, address, address);
        }
    }
}
