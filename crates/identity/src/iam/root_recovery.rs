//! The way back to a root user whose keys are gone or lost: offline, on the data directory.

use strongroom_record::{
    CallerKind, CallerRecord, Completed, Decided, Effect, EffectKind, Outcome, Record, Verdict,
};
use strongroom_storage::{Batch, Partition, Precondition, StoreError};
use strongroom_types::{AccessKeyId, AccountId, CanonicalUserId, HostId, Region, RequestId, SecretAccessKey};

use super::limits;
use crate::row::{AccessKeyRow, RootKeysRow, access_key, decode, encode, root_keys};
use crate::{Identity, IdentityError};

/// Whoever recovers a root user, as records name it.
const RECOVERY: &str = "recover-root.strongroom";

/// A new root key, and the only showing of its secret.
#[derive(Debug)]
pub struct RecoveredKey {
    /// The account.
    pub account: AccountId,
    /// The key's id.
    pub access_key_id: AccessKeyId,
    /// The key's secret.
    pub secret_access_key: SecretAccessKey,
    /// Keys that are inactive now.
    pub deactivated: Vec<String>,
    /// Keys that were inactive before and are gone now.
    pub deleted: Vec<String>,
}

/// Why a root user got no new key.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// It has as many as a user may have.
    #[error(
        "the root user of {account} has two access keys already; give --replace to make them inactive, or use one of them"
    )]
    TooMany {
        /// The account.
        account: AccountId,
    },
    /// The account, or the store.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// What became of the keys that were there.
#[derive(Default)]
struct Replaced {
    deactivated: Vec<String>,
    deleted: Vec<String>,
}

impl Identity {
    /// Gives the root user of an account a key without asking the gate: for whoever holds the data directory and its root
    /// key, while no server runs. `replace` makes its other keys inactive, and deletes those that were so already.
    ///
    /// The record says who did so and is durable with the key: an event `RecoverRoot` of the trail. `operator`
    /// is the number of the system's user who does so.
    ///
    /// # Errors
    /// [`RecoverError`].
    pub async fn recover_root(
        &self,
        account: AccountId,
        replace: bool,
        operator: u32,
    ) -> Result<RecoveredKey, RecoverError> {
        let row = self.account(account).await?;
        let canonical = CanonicalUserId::parse(&row.canonical).map_err(|_| IdentityError::Damaged)?;
        let stored =
            self.store.get(Partition::Org, &root_keys(account)).await.map_err(IdentityError::from)?;
        let mut keys: RootKeysRow =
            stored.as_ref().map(|row| decode(&row.value)).transpose()?.unwrap_or_default();
        if !replace && keys.ids.len() >= limits::ACCESS_KEYS {
            return Err(RecoverError::TooMany { account });
        }
        let mut batch = Batch::new(Partition::Org);
        batch.require(match &stored {
            Some(row) => Precondition::RowIs(root_keys(account), row.version),
            None => Precondition::RowAbsent(root_keys(account)),
        });
        let replaced =
            if replace { self.set_aside(&mut keys, &mut batch).await? } else { Replaced::default() };
        let (access_key_id, secret_access_key, key) = self.new_root_key(account, canonical);
        keys.ids.push(access_key_id.to_string());
        batch.put(access_key(&access_key_id), encode(&key));
        batch.put(root_keys(account), encode(&keys));
        let Replaced { deactivated, deleted } = replaced;
        let recovered = RecoveredKey { account, access_key_id, secret_access_key, deactivated, deleted };
        batch.records = self.records_of(&recovered, operator);
        match self.store.commit(batch).await {
            Ok(_) => Ok(recovered),
            // Nobody else has the directory open.
            Err(StoreError::Conflict) => Err(IdentityError::Damaged.into()),
            Err(error) => Err(IdentityError::from(error).into()),
        }
    }

    /// Makes all keys inactive, and takes those away that are so already.
    async fn set_aside(&self, keys: &mut RootKeysRow, batch: &mut Batch) -> Result<Replaced, IdentityError> {
        let mut replaced = Replaced::default();
        for id in std::mem::take(&mut keys.ids) {
            let place = access_key(&AccessKeyId::parse(&id).map_err(|_| IdentityError::Damaged)?);
            let stored = self.store.get(Partition::Org, &place).await?;
            match stored.map(|row| decode::<AccessKeyRow>(&row.value)).transpose()? {
                Some(key) if key.active => {
                    batch.put(place, encode(&AccessKeyRow { active: false, ..key }));
                    keys.ids.push(id.clone());
                    replaced.deactivated.push(id);
                }
                Some(_) | None => {
                    batch.delete(place);
                    replaced.deleted.push(id);
                }
            }
        }
        Ok(replaced)
    }

    /// Both parts of the record of a recovery: nothing of it is left to do after its commit.
    fn records_of(&self, recovered: &RecoveredKey, operator: u32) -> Vec<Vec<u8>> {
        let now = self.clock.now().as_millis();
        let request_id = RequestId::from_bytes(self.random()).to_string();
        let decided = Decided {
            request_id: request_id.clone(),
            host_id: HostId::from_bytes(&self.random::<48>()).to_string(),
            event_id: strongroom_record::uuid(u128::from_be_bytes(self.random()), 4),
            received_at_millis: now,
            decided_at_millis: now,
            caller: CallerRecord {
                kind: CallerKind::AwsService,
                account: Some(recovered.account.to_string()),
                name: Some(RECOVERY.to_owned()),
                ..CallerRecord::default()
            },
            service: "strongroom".to_owned(),
            operation: "RecoverRoot".to_owned(),
            region: Region::us_east_1().to_string(),
            verdict: Verdict::Allow,
            reason: Some("the data directory and its root key, offline".to_owned()),
            source_ip: RECOVERY.to_owned(),
            user_agent: Some(RECOVERY.to_owned()),
            request_parameters: Some(parameters_of(recovered, operator)),
            effects: vec![Effect {
                kind: EffectKind::Configure,
                key: Some(format!("arn:aws:iam::{}:root", recovered.account)),
                ..Effect::default()
            }],
            ..Decided::default()
        };
        let completed = Completed {
            request_id,
            completed_at_millis: now,
            status: 200,
            outcome: Outcome::Sent,
            ..Completed::default()
        };
        [Record::Decided(Box::new(decided)), Record::Completed(Box::new(completed))]
            .iter()
            .map(strongroom_record::encode)
            .collect()
    }
}

/// As CloudTrail shows parameters. INVARIANT: ids hold letters, digits and underscores, nothing that JSON would escape.
fn parameters_of(recovered: &RecoveredKey, operator: u32) -> String {
    let list = |ids: &[String]| ids.iter().map(|id| format!("\"{id}\"")).collect::<Vec<_>>().join(",");
    format!(
        r#"{{"accountId":"{}","accessKeyId":"{}","deactivated":[{}],"deleted":[{}],"operatingSystemUser":{operator}}}"#,
        recovered.account,
        recovered.access_key_id,
        list(&recovered.deactivated),
        list(&recovered.deleted),
    )
}

#[cfg(test)]
mod tests {
    use strongroom_storage::Journal as _;

    use super::*;
    use crate::iam::testing::World;

    #[tokio::test]
    async fn a_root_user_gets_a_key_and_the_record_says_who_gave_it() {
        let world = World::new().await;
        let recovered = world.identity.recover_root(world.account, false, 1000).await.unwrap();
        assert!(recovered.deactivated.is_empty() && recovered.deleted.is_empty());
        let credential = world.identity.credential(&recovered.access_key_id).await.unwrap().unwrap();
        assert_eq!(credential.secret, recovered.secret_access_key);
        let records = world.store.read(None, 100).await.unwrap();
        let records: Vec<Record> = records
            .iter()
            .flat_map(|(_, records)| records)
            .map(|record| strongroom_record::decode(record).unwrap())
            .collect();
        let [Record::Decided(decided), Record::Completed(completed)] = records.as_slice() else {
            panic!("{records:?}")
        };
        assert_eq!((decided.operation.as_str(), completed.status), ("RecoverRoot", 200));
        assert_eq!(decided.request_id, completed.request_id);
        assert_eq!(decided.caller.account, Some(world.account.to_string()));
        let parameters = decided.request_parameters.clone().unwrap();
        assert!(parameters.contains(recovered.access_key_id.as_str()), "{parameters}");
        assert!(parameters.contains(r#""operatingSystemUser":1000"#), "{parameters}");
        assert!(!format!("{records:?}").contains(recovered.secret_access_key.expose()));
    }

    #[tokio::test]
    async fn its_other_keys_become_inactive_and_those_that_were_go() {
        let world = World::new().await;
        let first = world.root.access_key_id().unwrap().clone();
        let second = world.identity.recover_root(world.account, false, 0).await.unwrap().access_key_id;
        let refused = world.identity.recover_root(world.account, false, 0).await;
        assert!(matches!(refused, Err(RecoverError::TooMany { .. })), "two keys are the most");
        let third = world.identity.recover_root(world.account, true, 0).await.unwrap();
        assert_eq!(third.deactivated, [first.to_string(), second.to_string()]);
        assert!(world.identity.credential(&first).await.unwrap().is_none());
        let fourth = world.identity.recover_root(world.account, true, 0).await.unwrap();
        assert_eq!(fourth.deactivated, [third.access_key_id.to_string()]);
        assert_eq!(fourth.deleted, [first.to_string(), second.to_string()]);
        assert!(world.identity.credential(&fourth.access_key_id).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn an_account_that_is_not_there_has_no_root_user() {
        let world = World::new().await;
        let nobody = AccountId::parse("999999999999").unwrap();
        let refused = world.identity.recover_root(nobody, true, 0).await;
        assert!(matches!(refused, Err(RecoverError::Identity(IdentityError::NoSuchAccount))));
    }
}
