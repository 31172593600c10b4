use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::tests::{Server, limits, rest, serve_at};
use super::{ConnectionLimits, Entrance, ListenError};

const BOUND: &str = "vpce-0123456789abcdef0";
const SAID: &str = "vpce-08d2bf15fac5001c9";
const REQUEST: &[u8] = b"GET /whose HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

fn entrance(endpoint: Option<&str>, balancers: &[&str]) -> Entrance {
    Entrance {
        listen: "127.0.0.1:0".parse().unwrap(),
        interface: None,
        plaintext: true,
        endpoint: endpoint.map(Into::into),
        balancers: balancers.iter().map(|network| network.parse().unwrap()).collect(),
    }
}

/// A header of a balancer; of a client at 192.0.2.7.
fn header(endpoint: Option<&str>) -> Vec<u8> {
    let extension = endpoint.map(|id| {
        let length = u16::try_from(id.len() + 1).unwrap().to_be_bytes();
        [&[0xEA], length.as_slice(), &[1], id.as_bytes()].concat()
    });
    let rest = [[192, 0, 2, 7, 127, 0, 0, 1, 0x30, 0x39, 0x01, 0xbb].to_vec(), extension.unwrap_or_default()]
        .concat();
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n\x21\x11".as_slice(), &length, &rest].concat()
}

fn address(server: &Server) -> SocketAddr {
    server.entrances[0]
}

/// The end of the answer to what is sent, or nothing where the connection is closed.
async fn answer(server: &Server, sent: &[u8]) -> String {
    answer_at(address(server), sent).await
}

async fn answer_at(address: SocketAddr, sent: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(sent).await.unwrap();
    let mut text = Vec::new();
    let reading = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut text);
    // A connection that is closed on bytes which nobody read ends with a reset.
    drop(tokio::time::timeout(Duration::from_secs(10), reading).await.expect("the server closes"));
    let text = String::from_utf8_lossy(&text).into_owned();
    text.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_comes_in_at_an_endpoints_address_is_the_endpoints() {
    let server = serve_at(limits(), vec![entrance(Some(BOUND), &[])]).await;
    assert_eq!(answer(&server, REQUEST).await, format!("127.0.0.1 {BOUND}"));
    // Nobody is believed there.
    let forged = [header(Some(SAID)), REQUEST.to_vec()].concat();
    assert!(!answer(&server, &forged).await.contains(SAID));
}

#[tokio::test]
async fn a_balancer_says_where_a_connection_comes_from_and_of_which_endpoint_it_is() {
    let server = serve_at(limits(), vec![entrance(None, &["127.0.0.1"])]).await;
    let through = async |header: Vec<u8>| answer(&server, &[header, REQUEST.to_vec()].concat()).await;
    assert_eq!(through(header(Some(SAID))).await, format!("192.0.2.7 {SAID}"));
    assert_eq!(through(header(None)).await, "192.0.2.7 public");
    let own = [b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00".as_slice()].concat();
    assert_eq!(through(own).await, "127.0.0.1 public", "its own connections");
    for bad in [
        Vec::new(),
        b"PROXY TCP4 192.0.2.7 127.0.0.1 12345 443\r\n".to_vec(),
        [header(Some(SAID)), header(Some(SAID))].concat(),
    ] {
        let said = through(bad.clone()).await;
        assert!(!said.contains("192.0.2.7 ") && !said.contains("public"), "{said} to {bad:?}");
    }
}

#[tokio::test]
async fn nobody_but_the_balancers_may_connect_where_they_are_expected() {
    let server = serve_at(limits(), vec![entrance(None, &["10.0.0.0/8", "127.0.0.2"])]).await;
    let sent = [header(Some(SAID)), REQUEST.to_vec()].concat();
    assert_eq!(answer(&server, &sent).await, "");
}

#[tokio::test]
async fn a_balancer_cannot_make_a_connection_another_endpoints_than_the_addresss() {
    let server = serve_at(limits(), vec![entrance(Some(BOUND), &["127.0.0.1"])]).await;
    let through = async |header: Vec<u8>| answer(&server, &[header, REQUEST.to_vec()].concat()).await;
    assert_eq!(through(header(None)).await, format!("192.0.2.7 {BOUND}"));
    assert_eq!(through(header(Some(BOUND))).await, format!("192.0.2.7 {BOUND}"));
    assert_eq!(through(header(Some(SAID))).await, "");
}

#[tokio::test]
async fn clients_behind_a_balancer_are_counted_each_for_itself() {
    let limits = ConnectionLimits { max_connections_per_source: 1, ..limits() };
    let server = serve_at(limits, vec![entrance(None, &["127.0.0.1"])]).await;
    let mut first = TcpStream::connect(address(&server)).await.unwrap();
    first.write_all(&header(None)).await.unwrap();
    first.write_all(b"GET /whose HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut begun = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut first, &mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200", "the first of this client");
    let mut other = header(None);
    other[16] = 198;
    assert!(answer(&server, &[other, REQUEST.to_vec()].concat()).await.starts_with("198.0.2.7"));
    assert_eq!(
        answer(&server, &[header(None), REQUEST.to_vec()].concat()).await,
        "",
        "the second of the first"
    );
}

#[tokio::test(start_paused = true)]
async fn a_header_that_does_not_come_is_not_waited_for() {
    let server = serve_at(limits(), vec![entrance(None, &["127.0.0.1"])]).await;
    for begun in [0, 1, 15, 16, 20] {
        let mut stream = TcpStream::connect(address(&server)).await.unwrap();
        stream.write_all(&header(Some(SAID))[..begun]).await.unwrap();
        assert_eq!(rest(&mut stream).await, "", "{begun} bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_that_does_not_come_does_not_hold_a_shutdown() {
    let server = serve_at(limits(), vec![entrance(None, &["127.0.0.1"])]).await;
    let mut waiting = TcpStream::connect(address(&server)).await.unwrap();
    // One that came later is served already, so the first is accepted.
    assert_eq!(answer(&server, &[header(None), REQUEST.to_vec()].concat()).await, "192.0.2.7 public");
    let before = tokio::time::Instant::now();
    server.end().await;
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(rest(&mut waiting).await, "");
}

#[tokio::test]
async fn where_both_families_come_in_an_address_of_ipv4_is_one() {
    let both = |balancers: &[&str]| Entrance {
        listen: "[::]:0".parse().unwrap(),
        ..entrance(Some(BOUND), balancers)
    };
    let server = serve_at(limits(), vec![both(&[]), both(&["127.0.0.1"])]).await;
    let at = |entrance: usize| SocketAddr::from(([127, 0, 0, 1], server.entrances[entrance].port()));
    assert_eq!(answer_at(at(0), REQUEST).await, format!("127.0.0.1 {BOUND}"));
    let mapped = "::ffff:192.0.2.7".parse::<std::net::Ipv6Addr>().unwrap().octets();
    let rest = [mapped.as_slice(), &mapped, &[0x30, 0x39, 0x01, 0xbb]].concat();
    let header = [b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24".as_slice(), &rest].concat();
    assert_eq!(answer_at(at(1), &[header, REQUEST.to_vec()].concat()).await, format!("192.0.2.7 {BOUND}"));
}

#[tokio::test]
async fn an_interface_that_is_not_there_is_named() {
    let error =
        Entrance { interface: Some("nowhere0".to_owned()), ..entrance(Some(BOUND), &[]) }.bind().await;
    let error = error.expect_err("there is no such interface");
    assert!(
        matches!(&error, ListenError::Interface { interface, .. } if interface == "nowhere0"),
        "{error:?}"
    );
    assert!(!error.to_string().contains("another process"), "{error}");
}
