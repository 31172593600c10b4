//! What an operator does to a running server: backups, the scrub and questions about decisions, operations of the service
//! `strongroom`. Accounts, its other operations, are the crate `organizations`'s.

mod backup;
mod explain;
mod row;
mod scrub;

use std::sync::Arc;

use strongroom_crypto::Entropy as _;
use strongroom_gate::{ErrorReply, Gate};
use strongroom_kms::Keys;
use strongroom_storage::StoreError;
use strongroom_trail::Archive;
use strongroom_types::Region;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) use scrub::ScrubSettings;

use self::backup::Backups;
use self::explain::Explainer;
use self::scrub::Scrubber;
use crate::installation::Installation;

/// The operator's part of the service `strongroom`.
#[derive(Clone)]
pub(crate) struct Operator {
    keys: Arc<Keys>,
    backups: Arc<Backups>,
    scrubber: Arc<Scrubber>,
    explainer: Arc<Explainer>,
}

/// What goes on until the server ends.
pub(crate) struct Work {
    backups: Arc<Backups>,
    scrubbing: JoinHandle<()>,
}

impl Operator {
    /// The operator's part for an installation whose archive is open. The scrub goes on where it was, until `stop` turns
    /// true.
    pub(crate) fn start(
        installation: &Installation,
        archive: &Arc<Archive>,
        (gate, home): (&Gate, &Region),
        settings: ScrubSettings,
        stop: watch::Receiver<bool>,
    ) -> (Self, Work) {
        let explainer = Arc::new(Explainer::new(gate, installation, archive.clone(), home));
        let backups = Arc::new(Backups::new(installation, archive.clone()));
        let scrubber = Arc::new(Scrubber::new(installation, archive.clone(), settings));
        let scrubbing = tokio::spawn(scrubber.clone().run(stop));
        let work = Work { backups: backups.clone(), scrubbing };
        (Self { keys: installation.keys.clone(), backups, scrubber, explainer }, work)
    }

    /// One for which nothing goes on.
    #[cfg(test)]
    pub(crate) async fn idle(installation: &Installation, gate: &Gate) -> Self {
        let archive = archive(installation).await;
        let home = Region::us_east_1();
        let explainer = Arc::new(Explainer::new(gate, installation, archive.clone(), &home));
        let settings = ScrubSettings::from(&crate::config::Scrub::default());
        let backups = Arc::new(Backups::new(installation, archive.clone()));
        let scrubber = Arc::new(Scrubber::new(installation, archive, settings));
        Self { keys: installation.keys.clone(), backups, scrubber, explainer }
    }
}

/// The archive of an installation, as the server opens it.
#[cfg(test)]
async fn archive(installation: &Installation) -> Arc<Archive> {
    let seal = Arc::new(crate::installation::ArchiveSeal(installation.keys.clone()));
    let (store, journal) = (installation.store.clone(), installation.journal.clone());
    Archive::open(&installation.data, store, journal, seal).await.unwrap()
}

impl Work {
    /// Waits for the end of what goes on, once it was told to stop: a backup ends unfinished, the scrub keeps its place.
    pub(crate) async fn end(self) {
        self.backups.stop().await;
        drop(self.scrubbing.await);
    }
}

/// A name for a backup or a scrub.
fn fresh_id(keys: &Keys) -> String {
    let mut random = [0; 8];
    keys.entropy().fill(&mut random);
    hex::encode(random)
}

/// A number as the wire has it.
fn wire(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn store_failed(error: &StoreError) -> ErrorReply {
    ErrorReply::from(error)
}

fn stopping() -> ErrorReply {
    ErrorReply::new(503, "ServiceUnavailable", "The server is stopping.")
}
