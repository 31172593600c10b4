//! The agent: its two listeners and its renewal.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_crypto::Entropy;
use strongroom_types::{Region, Timestamp};
use tokio::task::JoinSet;

use crate::credentials::{Source, Store};
use crate::imds::Imds;
use crate::renew::{Renewal, Schedule};
use crate::serve::{Answering, Loopback};
use crate::token_file::{SecretToken, TokenFile};
use crate::{Admitted, AgentError, RoleArn, container};

/// What the agent serves, to whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The role whose credentials are handed out.
    pub role: RoleArn,
    /// The region that the metadata service tells.
    pub region: Region,
    /// When credentials are renewed.
    pub schedule: Schedule,
    /// Address of the container protocol.
    pub credentials: Option<SocketAddr>,
    /// The file for its token.
    pub token_file: Option<PathBuf>,
    /// Address of the metadata service.
    pub imds: Option<SocketAddr>,
    /// Whose programs are answered.
    pub admitted: Admitted,
}

/// An agent whose sockets are open.
pub struct Agent {
    settings: Settings,
    credentials: Option<(Loopback, SecretToken, TokenFile)>,
    imds: Option<Loopback>,
}

impl Agent {
    /// Opens the sockets and writes the token's file; nothing is accepted and nothing is asked for yet.
    ///
    /// # Errors
    /// [`AgentError`].
    pub fn bind(settings: Settings, entropy: &dyn Entropy) -> Result<Self, AgentError> {
        if settings.credentials.is_none() && settings.imds.is_none() {
            return Err(AgentError::NothingToServe);
        }
        let imds = settings.imds.map(Loopback::bind).transpose()?;
        let credentials = match settings.credentials {
            None => None,
            Some(address) => {
                let path = settings.token_file.as_deref().ok_or(AgentError::NoTokenFile)?;
                let socket = Loopback::bind(address)?;
                let token = SecretToken::new(entropy);
                let file = TokenFile::write(path, &token)?;
                Some((socket, token, file))
            }
        };
        Ok(Self { settings, credentials, imds })
    }

    /// The address of the container protocol, with the port that port 0 became, and the file of its token.
    pub fn credentials(&self) -> Option<(SocketAddr, &Path)> {
        self.credentials.as_ref().map(|(socket, _, file)| (socket.address(), file.path()))
    }

    /// The address of the metadata service, with the port that port 0 became.
    pub fn imds(&self) -> Option<SocketAddr> {
        self.imds.as_ref().map(Loopback::address)
    }

    /// Serves, and renews the credentials of `source`, until `end` is over. `clock` is the wall's.
    pub async fn run(
        self,
        source: Arc<dyn Source>,
        clock: fn() -> Timestamp,
        entropy: Arc<dyn Entropy>,
        end: impl Future<Output = ()>,
    ) {
        let Self { settings, credentials, imds } = self;
        let store = Arc::new(Store::default());
        // All of them go on for ever, and end with this set.
        let mut tasks = JoinSet::new();
        if let Some(socket) = imds {
            let imds =
                Imds::new(entropy.clone(), store.clone(), settings.role.clone(), settings.region.clone());
            let answering: Answering = Arc::new(move |head| imds.answer(head, clock()));
            tasks.spawn(socket.run(answering, settings.admitted.clone()));
        }
        let _token_file = credentials.map(|(socket, token, file)| {
            let (store, role) = (store.clone(), settings.role.clone());
            let answering: Answering =
                Arc::new(move |head| container::answer(head, &token, &store, &role, clock()));
            tasks.spawn(socket.run(answering, settings.admitted.clone()));
            file
        });
        tasks.spawn(Renewal { store, source, schedule: settings.schedule, clock, entropy }.run());
        tokio::select! {
            () = end => {}
            // None of them ends; if one breaks, an agent that half works helps nobody.
            _ = tasks.join_next() => tracing::error!("a part of the agent ended; restart it"),
        }
        tasks.shutdown().await;
    }
}
