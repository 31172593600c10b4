//! Where connections come in that are not from everybody: addresses of VPC endpoints, and of balancers.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::limits::PROXY_HEADER_TIMEOUT;
use super::network::Network;
use super::proxy;
use super::source::ConnectionPlace;
use super::{ListenError, bind};
use crate::http::{Connection, Handler};

/// Connections that the operating system holds until they are accepted; what [`TcpListener::bind`] asks for.
const BACKLOG: u32 = 1024;

/// A further address to listen on (`[[listeners]]` of the configuration file), and what comes in there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrance {
    /// The address.
    pub listen: SocketAddr,
    /// The network interface through which connections must come in. An address alone is reached from wherever the
    /// host's other networks lead to it.
    pub interface: Option<String>,
    /// Whether it is without TLS.
    pub plaintext: bool,
    /// The VPC endpoint that every connection there is of.
    pub endpoint: Option<Arc<str>>,
    /// The balancers that may connect, and none but they. They say by PROXY protocol version 2 where a connection comes
    /// from, and of which endpoint it is. Empty: everybody may connect, and nobody is believed.
    pub balancers: Arc<[Network]>,
}

impl Entrance {
    /// Opens the socket.
    ///
    /// # Errors
    /// [`ListenError::Bind`], [`ListenError::Interface`].
    pub(super) async fn bind(&self) -> Result<TcpListener, ListenError> {
        let Some(interface) = &self.interface else { return bind(self.listen).await };
        let address = self.listen;
        let refused = |source| ListenError::Bind { address, source };
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
        let socket = socket.map_err(refused)?;
        socket.set_reuseaddr(true).map_err(refused)?;
        socket.bind_device(Some(interface.as_bytes())).map_err(|source| ListenError::Interface {
            interface: interface.clone(),
            address,
            source,
        })?;
        socket.bind(address).map_err(refused)?;
        socket.listen(BACKLOG).map_err(refused)
    }

    /// Whether connections begin with a header of a balancer.
    pub(super) fn is_behind_balancer(&self) -> bool {
        !self.balancers.is_empty()
    }

    /// Whether a peer may connect at all.
    pub(super) fn admits(&self, peer: IpAddr) -> bool {
        !self.is_behind_balancer() || self.balancers.iter().any(|network| network.contains(peer))
    }

    /// Fills in whose connection it is, and from where; reads the balancer's header. `false`: it is to be closed.
    pub(super) async fn introduce(
        &self,
        stream: &mut TcpStream,
        connection: &mut Connection,
        place: &mut ConnectionPlace,
        handler: &dyn Handler,
    ) -> bool {
        connection.endpoint.clone_from(&self.endpoint);
        if !self.is_behind_balancer() {
            return true;
        }
        let balancer = connection.peer;
        let proxied = match tokio::time::timeout(PROXY_HEADER_TIMEOUT, proxy::receive(stream)).await {
            Ok(Ok(proxied)) => proxied,
            Ok(Err(error)) => {
                tracing::debug!(%balancer, %error, "a balancer's connection was refused");
                return false;
            }
            Err(_) => {
                tracing::debug!(%balancer, "a balancer's header took too long");
                return false;
            }
        };
        match (&self.endpoint, proxied.endpoint) {
            (Some(bound), Some(said)) if **bound != *said => {
                tracing::warn!(%balancer, endpoint = said, "a balancer connects to the address of another VPC endpoint");
                return false;
            }
            (_, Some(said)) => connection.endpoint = Some(said.into()),
            (_, None) => {}
        }
        connection.peer = proxied.source.unwrap_or(balancer);
        let counted = place.belongs_to(connection.peer.ip());
        if !counted {
            handler.overloaded(connection);
        }
        counted
    }
}
