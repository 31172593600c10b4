//! How a handler changes what a bucket is set to: its state row, or one configuration document.

use strongroom_gate::{Authorized, CommitError, ErrorReply, Mutation, settled};
use strongroom_record::{Effect, EffectKind};
use strongroom_shape::Structure;
use strongroom_storage::{Partition, RowVersion};

use super::document;
use super::limits::MAX_TRIES;
use crate::S3;
use crate::error;
use crate::row::{self, Coded as _, StateRow};

/// Names of the configuration rows (`c` name).
pub(crate) mod name {
    /// The bucket's tags: `Tagging`.
    pub(crate) const TAGGING: &str = "tagging";
    /// `CORSConfiguration`.
    pub(crate) const CORS: &str = "cors";
    /// `ServerSideEncryptionConfiguration`.
    pub(crate) const ENCRYPTION: &str = "encryption";
    /// `WebsiteConfiguration`.
    pub(crate) const WEBSITE: &str = "website";
    /// `CreateBucketConfiguration` with the constraint "EU", where the bucket was made with it.
    pub(crate) const LOCATION: &str = "location";

    /// The bucket's policy, JSON with its principals by unique id.
    pub(crate) const POLICY: &str = "policy";

    /// All of them.
    pub(crate) const ALL: [&str; 6] = [TAGGING, CORS, ENCRYPTION, WEBSITE, LOCATION, POLICY];
}

/// The effect of changing a setting.
pub(crate) fn configured() -> Effect {
    Effect { kind: EffectKind::Configure, ..Effect::default() }
}

/// Something that AWS has and this store has not, which a document asks for.
pub(super) fn not_built(message: &'static str) -> ErrorReply {
    ErrorReply::new(501, "NotImplemented", message)
}

impl S3 {
    /// The state of a bucket, and the version of its row.
    pub(crate) async fn state(&self, partition: Partition) -> Result<(StateRow, RowVersion), ErrorReply> {
        self.read(partition, row::STATE).await?.ok_or_else(error::internal)
    }

    /// Changes the state of the request's bucket, and so its generation, unless the change changes nothing.
    pub(super) async fn change_state<I: Send>(
        &self,
        request: &mut Authorized<I>,
        change: impl Fn(&mut StateRow) -> Result<(), ErrorReply> + Send,
    ) -> Result<(), ErrorReply> {
        for _ in 0..MAX_TRIES {
            let (before, version) = self.state(request.bucket()?.partition()).await?;
            let mut state = before.clone();
            change(&mut state)?;
            if state == before {
                return Ok(());
            }
            state.generation = before.generation.saturating_add(1);
            let mut mutation = Mutation::new();
            mutation.unchanged(row::STATE, Some(version));
            mutation.put(row::STATE, state.encode());
            mutation.effect(configured());
            if settled(request.commit(&*self.store, mutation).await)? {
                return Ok(());
            }
        }
        Err(CommitError::Conflict.reply())
    }

    /// A configuration of a bucket, and the version of its row.
    pub(crate) async fn configuration<T: Structure + Default>(
        &self,
        partition: Partition,
        name: &str,
    ) -> Result<Option<(T, RowVersion)>, ErrorReply> {
        let row = self.store.get(partition, &row::config(name)).await;
        let row = row.map_err(|error| ErrorReply::from(&error))?;
        row.map(|row| Ok((document::decode(&row.value)?, row.version))).transpose()
    }

    /// Sets a configuration of the request's bucket; `None` removes it.
    pub(super) async fn configure<I: Send>(
        &self,
        request: &mut Authorized<I>,
        name: &str,
        document: Option<Vec<u8>>,
    ) -> Result<(), ErrorReply> {
        for _ in 0..MAX_TRIES {
            let mut mutation = Mutation::new();
            match &document {
                Some(bytes) => mutation.put(row::config(name), bytes.clone()),
                None => mutation.delete(row::config(name)),
            }
            mutation.effect(configured());
            if settled(request.commit(&*self.store, mutation).await)? {
                return Ok(());
            }
        }
        Err(CommitError::Conflict.reply())
    }
}
