//! The service and what it stands on.

use std::sync::Arc;

use strongroom_crypto::Entropy as _;
use strongroom_kms::Keys;
use strongroom_storage::{MetaStore, Partition, StoreClock};
use strongroom_types::AccountId;

use crate::facts::FactsCache;
use crate::iam::{Noted, Turns};
use crate::{IdentityError, row};

/// Accounts and credentials of an installation.
#[derive(Clone)]
pub struct Identity {
    pub(crate) store: Arc<dyn MetaStore>,
    pub(crate) clock: Arc<dyn StoreClock>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) turns: Arc<Turns>,
    pub(crate) facts: Arc<FactsCache>,
    pub(crate) noted: Arc<Noted>,
}

impl Identity {
    /// A service over a store that seals rows.
    pub fn new(store: Arc<dyn MetaStore>, clock: Arc<dyn StoreClock>, keys: Arc<Keys>) -> Self {
        let (turns, facts, noted) = (Arc::new(Turns::new()), Arc::default(), Arc::default());
        Self { store, clock, keys, turns, facts, noted }
    }

    /// The management account, which owns the installation.
    ///
    /// # Errors
    /// [`IdentityError::NoSuchAccount`] before the installation was initialised; errors of the store.
    pub async fn management_account(&self) -> Result<AccountId, IdentityError> {
        let row =
            self.store.get(Partition::Org, row::MANAGEMENT).await?.ok_or(IdentityError::NoSuchAccount)?;
        let id: String = row::decode(&row.value)?;
        AccountId::parse(&id).map_err(|_| IdentityError::Damaged)
    }

    /// Random bytes, from the source that keys come from.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.keys.entropy().fill(&mut out);
        out
    }
}
