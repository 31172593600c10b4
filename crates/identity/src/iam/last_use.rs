//! When keys, users and roles were used last, and for what.
//!
//! Source: IAM User Guide, "Refine permissions in AWS using last accessed information", and IAM API Reference,
//! `AccessKeyLastUsed`. No decision depends on these rows, so they are written without a new generation, and for each
//! key and service at most once in a while: as in AWS's own reports, a quarter of an hour is as exact as it gets.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use strongroom_gate::Caller;
use strongroom_storage::{Batch, Partition, Precondition, StoreError};
use strongroom_types::{Region, Timestamp};

use super::limits::{LAST_USE_KEPT, LAST_USE_STEP_MILLIS};
use super::row::{self, LastUseRow};
use crate::row::encode;
use crate::{Identity, IdentityError};

/// When what was last noted.
#[derive(Default)]
pub(crate) struct Noted(Mutex<HashMap<(String, String), i64>>);

impl Noted {
    /// Whether a use is news, which it then is no more.
    fn is_news(&self, id: &str, service: &str, now: Timestamp) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() >= LAST_USE_KEPT {
            noted.clear();
        }
        let now = now.as_millis();
        let last = noted.entry((id.to_owned(), service.to_owned())).or_insert(i64::MIN);
        let news = last.saturating_add(LAST_USE_STEP_MILLIS) <= now;
        if news {
            *last = now;
        }
        news
    }
}

/// What was used: the row that must be there, and the id under which the use is noted.
struct Used<'a> {
    account: strongroom_types::AccountId,
    /// Of a user or role.
    entity: Option<&'a str>,
    /// Under which key.
    key: &'a str,
    witness: Option<Vec<u8>>,
}

fn used(caller: &Caller) -> Option<Used<'_>> {
    let used = match caller {
        Caller::Root(root) => {
            Used { account: root.account, entity: None, key: root.access_key_id.as_str(), witness: None }
        }
        Caller::User(user) => Used {
            account: user.account,
            entity: Some(&user.user_id),
            key: user.access_key_id.as_str(),
            witness: Some(row::entity(&user.user_id)),
        },
        Caller::Role(role) => Used {
            account: role.account,
            entity: Some(&role.role_id),
            key: &role.role_id,
            witness: Some(row::entity(&role.role_id)),
        },
        Caller::Anonymous | Caller::Federated(_) | Caller::WebIdentity(_) | Caller::Service(_) => {
            return None;
        }
    };
    // Temporary keys are nobody's to look up; their users and roles are.
    let lasting = matches!(caller, Caller::Role(_)) || caller.session().is_none();
    Some(Used { key: if lasting { used.key } else { used.entity? }, ..used })
}

fn last_use(service: &str, region: &Region, now: Timestamp) -> Vec<u8> {
    let (service, region) = (service.to_owned(), region.to_string());
    encode(&LastUseRow { at_millis: now.as_millis(), service, region })
}

impl Identity {
    /// Notes that a caller signed a request to a service, unless it is noted already; whether it was news.
    ///
    /// # Errors
    /// Those of the store. The request itself need not fail for that.
    pub async fn note_use(
        &self,
        caller: &Caller,
        service: &str,
        region: &Region,
        now: Timestamp,
    ) -> Result<bool, IdentityError> {
        let Some(used) = used(caller) else { return Ok(false) };
        if !self.noted.is_news(used.key, service, now) {
            return Ok(false);
        }
        let use_ = last_use(service, region, now);
        let mut rows = vec![(row::last_use(used.key), use_.clone())];
        rows.extend(used.entity.map(|entity| (row::last_use_of_service(entity, service), use_)));
        self.keep_uses(used, rows).await
    }

    /// Notes that a user or role asked for an action, given as policies name it, that is about no object's content: those
    /// of objects would be too many. As [`Identity::note_use`].
    ///
    /// # Errors
    /// Those of the store. The request itself need not fail for that.
    pub async fn note_action(
        &self,
        caller: &Caller,
        (service, action): (&str, &str),
        region: &Region,
        now: Timestamp,
    ) -> Result<bool, IdentityError> {
        let Some(used) = used(caller) else { return Ok(false) };
        let Some(entity) = used.entity else { return Ok(false) };
        if !self.noted.is_news(entity, action, now) {
            return Ok(false);
        }
        let rows = vec![(row::last_use_of_action(entity, action), last_use(service, region, now))];
        self.keep_uses(used, rows).await
    }

    async fn keep_uses(&self, used: Used<'_>, rows: Vec<(Vec<u8>, Vec<u8>)>) -> Result<bool, IdentityError> {
        let partition = Partition::Iam(used.account);
        let mut batch = Batch::new(partition);
        if let Some(witness) = used.witness {
            // Nothing is noted of what was deleted meanwhile.
            let Some(row) = self.store.get(partition, &witness).await? else { return Ok(false) };
            batch.require(Precondition::RowIs(witness, row.version));
        }
        for (key, value) in rows {
            batch.put(key, value);
        }
        match self.store.commit(batch).await {
            Ok(_) | Err(StoreError::Conflict) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_news_once_in_a_quarter_of_an_hour() {
        let noted = Noted::default();
        let at = |minutes: i64| Timestamp::from_millis(minutes * 60_000);
        assert!(noted.is_news("k", "s3", at(0)));
        assert!(!noted.is_news("k", "s3", at(14)));
        assert!(noted.is_news("k", "iam", at(14)));
        assert!(noted.is_news("k", "s3", at(15)));
        assert!(!noted.is_news("k", "s3", at(29)));
    }
}
