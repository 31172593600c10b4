//! What must hold of a request's head, whichever protocol it is of.

use std::net::IpAddr;

use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderName, StatusCode};

use crate::answer::Answer;

/// Headers by which proxies say for whom they ask.
///
/// Source: EC2 User Guide, "Use the Instance Metadata Service": requests for tokens that have an `X-Forwarded-For` are
/// refused, since a proxy that is open to others passes their requests on. Here all are.
const OF_PROXIES: [HeaderName; 4] = [
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("via"),
];

/// Refuses what a proxy passes on, and what was meant for another name: a page in a browser whose own name resolves to
/// this machine would otherwise be asked and answered as if it were a program here.
///
/// # Errors
/// The refusal.
pub(crate) fn check(head: &Parts) -> Result<(), Answer> {
    if OF_PROXIES.iter().any(|name| head.headers.contains_key(name)) {
        return Err(Answer::text(
            StatusCode::FORBIDDEN,
            "a proxy asks for somebody else; ask directly (add 127.0.0.1 to NO_PROXY)",
        ));
    }
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    if hosts.next().is_none() && host.is_some_and(is_loopback) {
        Ok(())
    } else {
        Err(Answer::text(StatusCode::FORBIDDEN, "name this agent by its loopback address, such as 127.0.0.1"))
    }
}

/// Whether a Host is this machine, by its number or by the name that RFC 6761, section 6.3, gives it.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    if host.contains('@') {
        return false;
    }
    let name = authority.host();
    let number = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || number.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// The head of a request, for tests.
#[cfg(test)]
pub(crate) fn sample(method: &str, path: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::builder().method(method).uri(path).header("host", "127.0.0.1:1338");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_this_machine_s_own_names_are_answered() {
        for good in ["127.0.0.1", "127.0.0.1:80", "localhost:1338", "LOCALHOST", "[::1]:1338", "127.8.9.1:1"]
        {
            assert!(is_loopback(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil@127.0.0.1",
            "192.0.2.1",
            "[fe80::1]",
            "169.254.169.254",
            "127.0.0.1/",
            "0.0.0.0",
        ] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }

    #[test]
    fn what_a_proxy_passes_on_is_refused() {
        assert!(check(&sample("GET", "/", &[])).is_ok());
        for name in ["X-Forwarded-For", "Forwarded", "Via", "X-Forwarded-Host"] {
            assert!(check(&sample("GET", "/", &[(name, "192.0.2.1")])).is_err(), "{name}");
        }
        assert!(check(&sample("GET", "/", &[("Host", "localhost")])).is_err(), "two hosts");
    }

    proptest! {
        #[test]
        fn no_text_is_taken_for_this_machine_unless_it_names_it(host in "[a-z0-9.:@\\[\\]%]{0,20}") {
            if is_loopback(&host) {
                prop_assert!(host.starts_with("localhost") || host.starts_with("127.") || host.starts_with('['));
            }
        }
    }
}
