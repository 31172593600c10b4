//! Where connections come in: TCP, TLS, the limits of a connection, and the checker of raw heads under hyper.
//!
//! [`Listeners::bind`] opens the sockets, [`Listeners::run`] serves them until a shutdown is asked for. Only HTTP/1.1
//! is offered, as S3 does.

mod checked;
mod connection;
mod entrance;
#[cfg(test)]
mod entrance_tests;
pub mod fault;
pub mod flood;
pub mod head;
pub mod limits;
mod network;
pub mod proxy;
mod shutdown;
pub mod source;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use self::connection::Serve;
pub use self::entrance::Entrance;
pub use self::fault::HeadFault;
pub use self::flood::{Admit, FloodBudget, FloodLimits, Refusals};
use self::limits::ACCEPT_RETRY;
pub use self::limits::ConnectionLimits;
pub(crate) use self::network::hold_everybody;
pub use self::network::{Network, NotANetwork};
pub use self::shutdown::{Shutdown, ShutdownTrigger};
use self::source::ConnectionCounts;
pub use self::source::Source;
use crate::admin::{Admin, Readiness};
use crate::http::{Connection, Handler};

/// Which addresses to listen on.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// TLS.
    pub listen: Option<SocketAddr>,
    /// Plain HTTP, only where an operator asked for it.
    pub listen_plaintext: Option<SocketAddr>,
    /// The admin listener; a loopback address.
    pub admin: SocketAddr,
    /// Those of VPC endpoints and of balancers.
    pub entrances: Vec<Entrance>,
}

/// Why the listeners could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The operating system refused an address.
    #[error("cannot listen on {address}; is another process using it? choose another address")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The network interface is not there, or not for this process.
    #[error(
        "cannot listen on {address} through the network interface {interface}; is there such an interface?"
    )]
    Interface {
        /// The interface.
        interface: String,
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The admin listener has no authentication, so it must not be reachable.
    #[error("the admin listener must be on a loopback address such as 127.0.0.1:9001, not on {address}")]
    AdminNotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// Neither a TLS nor a plaintext address.
    #[error("there is no address to listen on; give --listen ADDR:PORT")]
    NoAddress,
}

/// Open sockets.
#[derive(Debug)]
pub struct Listeners {
    tls: Option<TcpListener>,
    plaintext: Option<TcpListener>,
    entrances: Vec<(TcpListener, Entrance)>,
    admin: Admin,
    config: Arc<ServerConfig>,
    limits: ConnectionLimits,
}

impl Listeners {
    /// Opens the sockets; nothing is accepted yet.
    ///
    /// # Errors
    /// [`ListenError`], before any socket serves.
    pub async fn bind(
        addresses: &Addresses,
        config: Arc<ServerConfig>,
        limits: ConnectionLimits,
    ) -> Result<Self, ListenError> {
        if addresses.listen.is_none() && addresses.listen_plaintext.is_none() {
            return Err(ListenError::NoAddress);
        }
        let admin = Admin::bind(addresses.admin).await?;
        let tls = match addresses.listen {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let plaintext = match addresses.listen_plaintext {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let mut entrances = Vec::with_capacity(addresses.entrances.len());
        for entrance in &addresses.entrances {
            entrances.push((entrance.bind().await?, entrance.clone()));
        }
        Ok(Self { tls, plaintext, entrances, admin, config, limits })
    }

    /// The address of the TLS listener, with the port that port 0 became.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// The address of the plaintext listener.
    pub fn plaintext_address(&self) -> Option<SocketAddr> {
        self.plaintext.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// The addresses of VPC endpoints and balancers, in the order in which they were given.
    pub fn entrances(&self) -> impl Iterator<Item = Option<SocketAddr>> {
        self.entrances.iter().map(|(listener, _)| listener.local_addr().ok())
    }

    /// The address of the admin listener.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.address()
    }

    /// Serves until `shutdown` is asked for; then accepts no more, closes idle connections, and gives what is in
    /// flight [`ConnectionLimits::shutdown_grace`] to finish. The admin listener answers until the very end.
    pub async fn run(
        self,
        handler: Arc<dyn Handler>,
        readiness: Arc<dyn Fn() -> Readiness + Send + Sync>,
        shutdown: Shutdown,
    ) {
        let Self { tls, plaintext, entrances, admin, config, limits } = self;
        let (admin_end, admin_shutdown) = ShutdownTrigger::new();
        let admin = tokio::spawn(admin.run(readiness, admin_shutdown));
        let (alive, mut ended) = mpsc::channel::<()>(1);
        let front = Front {
            handler,
            limits,
            counts: ConnectionCounts::new(limits.max_connections, limits.max_connections_per_source),
            ids: Arc::new(AtomicU64::new(0)),
            shutdown: shutdown.clone(),
            alive,
        };
        let mut accepting = JoinSet::new();
        let acceptor = Some(TlsAcceptor::from(config));
        if let Some(listener) = tls {
            accepting
                .spawn(front.clone().accept(listener, Way { acceptor: acceptor.clone(), entrance: None }));
        }
        if let Some(listener) = plaintext {
            accepting.spawn(front.clone().accept(listener, Way { acceptor: None, entrance: None }));
        }
        for (listener, entrance) in entrances {
            let acceptor = acceptor.clone().filter(|_| !entrance.plaintext);
            let way = Way { acceptor, entrance: Some(Arc::new(entrance)) };
            accepting.spawn(front.clone().accept(listener, way));
        }
        drop(front);
        while accepting.join_next().await.is_some() {}
        // Every connection and every task of a request holds `alive`; none is left once the channel ends.
        if tokio::time::timeout(limits.shutdown_grace, ended.recv()).await.is_err() {
            tracing::warn!("requests were still in flight when the time to finish them ended");
        }
        admin_end.request();
        drop(admin.await);
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError::Bind { address, source })
}

/// The address that a client has for itself: on an address of IPv6 that takes both, one of IPv4 is mapped into IPv6.
fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

/// How connections come in on one address.
#[derive(Clone)]
struct Way {
    acceptor: Option<TlsAcceptor>,
    entrance: Option<Arc<Entrance>>,
}

/// What every accepted connection shares.
#[derive(Clone)]
struct Front {
    handler: Arc<dyn Handler>,
    limits: ConnectionLimits,
    counts: ConnectionCounts,
    ids: Arc<AtomicU64>,
    shutdown: Shutdown,
    alive: mpsc::Sender<()>,
}

impl Front {
    async fn accept(self, listener: TcpListener, way: Way) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.shutdown.requested() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer, way.clone()),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    /// Serves a connection in a task of its own, or closes it when there are too many.
    fn admit(&self, mut stream: TcpStream, peer: SocketAddr, Way { acceptor, entrance }: Way) {
        let peer = canonical(peer);
        if entrance.as_ref().is_some_and(|entrance| !entrance.admits(peer.ip())) {
            tracing::debug!(%peer, "a peer was refused that is none of the balancers");
            return;
        }
        // The client may be gone already; then there is nobody to serve.
        let Ok(local) = stream.local_addr() else { return };
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let mut connection = Connection { id, peer, local, tls: None, endpoint: None };
        let behind_balancer = entrance.as_ref().is_some_and(|entrance| entrance.is_behind_balancer());
        let place =
            if behind_balancer { self.counts.enter_from_balancer() } else { self.counts.enter(peer.ip()) };
        let Some(mut place) = place else {
            self.handler.overloaded(&connection);
            return;
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was refused");
        }
        let serve = Serve {
            handler: Arc::clone(&self.handler),
            limits: self.limits,
            shutdown: self.shutdown.clone(),
            alive: self.alive.clone(),
        };
        tokio::spawn(async move {
            if let Some(entrance) = entrance {
                let handler = Arc::clone(&serve.handler);
                let introduced = tokio::select! {
                    biased;
                    () = serve.shutdown.requested() => return,
                    introduced = entrance.introduce(&mut stream, &mut connection, &mut place, &*handler) => introduced,
                };
                if !introduced {
                    return;
                }
            }
            serve.stream(stream, connection, acceptor).await;
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests;
