//! A change, bound to what was decided.

use std::collections::BTreeSet;

use strongroom_record::{Effect, EffectKind};
use strongroom_storage::{Batch, Partition, Precondition, RowVersion, StagedBlob, Write};
use strongroom_types::BlobId;

use crate::requirement::action;
use crate::{BodyVerified, Permit};

/// Where the bytes of a staged blob come from.
pub enum Provenance<'a> {
    /// From outside, verified.
    Uploaded(&'a BodyVerified),
    /// From an object that the caller may read.
    Copied(&'a Permit<action::GetObject>),
}

/// Rows and blobs to be committed together, and what the record says of them. Can be built anew for another try.
#[derive(Default)]
pub struct Mutation {
    pub(crate) preconditions: Vec<Precondition>,
    pub(crate) writes: Vec<Write>,
    pub(crate) blobs: Vec<StagedBlob>,
    pub(crate) released: Vec<BlobId>,
    effects: Vec<Effect>,
    touched: BTreeSet<String>,
    pub(crate) frees_space: bool,
}

impl Mutation {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a row.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.writes.push(Write::Put { key: key.into(), value: value.into() });
    }

    /// Removes a row.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) {
        self.writes.push(Write::Delete { key: key.into() });
    }

    /// Sets a row under `prefix` and the commit's position.
    pub fn append(&mut self, prefix: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.writes.push(Write::Append { prefix: prefix.into(), value: value.into() });
    }

    /// Demands that a row is as it was read: written by `version`, or absent.
    pub fn unchanged(&mut self, key: impl Into<Vec<u8>>, version: Option<RowVersion>) {
        self.preconditions.push(match version {
            Some(version) => Precondition::RowIs(key.into(), version),
            None => Precondition::RowAbsent(key.into()),
        });
    }

    /// Demands anything else.
    pub fn require(&mut self, precondition: Precondition) {
        self.preconditions.push(precondition);
    }

    /// Makes a staged blob part of the change. Whoever has no proof of where its bytes come from cannot call this.
    pub fn blob(&mut self, blob: &StagedBlob, provenance: &Provenance<'_>) {
        match provenance {
            Provenance::Uploaded(_) | Provenance::Copied(_) => self.blobs.push(blob.clone()),
        }
    }

    /// Gives a blob's space back once the change is through.
    pub fn release(&mut self, blob: BlobId) {
        self.released.push(blob);
    }

    /// How many rows and blobs it changes, so that a large change can be parted.
    pub fn changes(&self) -> usize {
        self.writes.len() + self.blobs.len() + self.released.len()
    }

    /// Says that the change gives space back, so that it goes on while the disk is nearly full.
    pub fn frees_space(&mut self) {
        self.frees_space = true;
    }

    /// Adds to what the record says was touched.
    pub fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Says that the thing of this ARN is changed; once is enough.
    pub fn touch(&mut self, arn: String) {
        self.touched.insert(arn);
    }

    /// Whether it changes no row and no blob.
    pub fn is_empty(&self) -> bool {
        self.changes() == 0
    }

    /// What the record says of it.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        let mut effects = std::mem::take(&mut self.effects);
        let configured = |arn| Effect { kind: EffectKind::Configure, key: Some(arn), ..Effect::default() };
        effects.extend(std::mem::take(&mut self.touched).into_iter().map(configured));
        effects
    }

    pub(crate) fn into_batch(self, partition: Partition, guards: &[Precondition], record: Vec<u8>) -> Batch {
        let mut batch = Batch::new(partition);
        batch.preconditions = guards.iter().cloned().chain(self.preconditions).collect();
        batch.writes = self.writes;
        batch.blobs = self.blobs;
        batch.released = self.released;
        batch.records = vec![record];
        batch.frees_space = self.frees_space;
        batch
    }
}
