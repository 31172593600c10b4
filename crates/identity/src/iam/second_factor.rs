//! Codes that callers show as their second factor: whether they are good, once, and how often they may be wrong.
//!
//! What was taken and how often a code was wrong lies in a row of its own beside the device. No decision depends on it, so
//! it is written without a new generation; but each code is taken on condition that the row is as it was read, so that of
//! two requests with the same code one alone gets through. Source: RFC 6238, section 5.2: "The verifier MUST NOT accept
//! the second attempt of the OTP after the successful validation has been issued for the first OTP".

use std::time::Duration;

use strongroom_gate::{Caller, IamUser, RootUser, SecondFactor};
use strongroom_storage::{Batch, Partition, Precondition, Row, RowVersion, StoreError};
use strongroom_types::{AccountId, Timestamp};

use super::limits::{MAX_TRIES, MFA_LONGEST_WAIT, MFA_SHORTEST_WAIT, MFA_WRONG_CODES};
use super::mfa::{ROOT, device_name};
use super::row::{self, MfaRow, MfaUseRow};
use super::totp::{Code, Seed, step_of};
use crate::row::{decode, encode};
use crate::{Identity, IdentityError};

/// A device, and what its codes were used for, as they were read.
pub(super) struct Device {
    pub(super) row: MfaRow,
    pub(super) version: RowVersion,
    pub(super) used: MfaUseRow,
    pub(super) used_version: Option<RowVersion>,
}

impl MfaUseRow {
    /// How long no code is looked at after wrong ones: nothing at first, then twice as long each time. Guessing a code
    /// then takes years, while whoever mistypes waits for half a minute.
    fn wait(&self) -> Duration {
        let Some(beyond) = self.wrong.checked_sub(MFA_WRONG_CODES) else { return Duration::ZERO };
        let doubled = MFA_SHORTEST_WAIT.saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX));
        doubled.min(MFA_LONGEST_WAIT)
    }

    pub(super) fn is_locked(&self, now: Timestamp) -> bool {
        let since = now.since(Timestamp::from_millis(self.wrong_millis));
        self.wrong >= MFA_WRONG_CODES && since < self.wait()
    }

    fn after_wrong(&self, now: Timestamp) -> Self {
        Self { wrong: self.wrong.saturating_add(1), wrong_millis: now.as_millis(), ..self.clone() }
    }
}

impl Identity {
    pub(super) async fn device(
        &self,
        account: AccountId,
        name: &str,
    ) -> Result<Option<Device>, IdentityError> {
        let partition = Partition::Iam(account);
        let Some(Row { value, version, .. }) = self.store.get(partition, &row::mfa_device(name)).await?
        else {
            return Ok(None);
        };
        let used = self.store.get(partition, &row::mfa_use(name)).await?;
        let used_version = used.as_ref().map(|row| row.version);
        let used = used.map(|row| decode(&row.value)).transpose()?.unwrap_or_default();
        Ok(Some(Device { row: decode(&value)?, version, used, used_version }))
    }

    pub(super) fn seed(&self, account: AccountId, device: &MfaRow) -> Result<Seed, IdentityError> {
        let opened = self.keys.open_secret(&seed_context(account, device), &device.sealed_seed);
        Ok(Seed::new(opened.map_err(|_| IdentityError::Damaged)?))
    }

    pub(super) fn seal_seed(&self, account: AccountId, device: &MfaRow, seed: &Seed) -> Vec<u8> {
        self.keys.seal_secret(&seed_context(account, device), seed.expose())
    }

    /// Takes the code that a user or root user shows for one of its devices.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn second_factor(
        &self,
        caller: &Caller,
        serial: &str,
        code: &str,
        now: Timestamp,
    ) -> Result<SecondFactor, IdentityError> {
        let (account, holder) = match caller {
            Caller::Root(RootUser { account, .. }) => (*account, ROOT),
            Caller::User(IamUser { account, user_id, .. }) => (*account, user_id.as_str()),
            Caller::Anonymous
            | Caller::Role(_)
            | Caller::Federated(_)
            | Caller::WebIdentity(_)
            | Caller::Service(_) => return Ok(SecondFactor::NoDevice),
        };
        let Some(name) = device_name(account, serial) else { return Ok(SecondFactor::NoDevice) };
        for _ in 0..MAX_TRIES {
            let Some(device) = self.device(account, name).await? else { return Ok(SecondFactor::NoDevice) };
            if device.row.holder.as_deref() != Some(holder) || device.row.arn(account) != serial {
                return Ok(SecondFactor::NoDevice);
            }
            if device.used.is_locked(now) {
                return Ok(SecondFactor::Locked);
            }
            let step = (step_of(now), device.row.drift_steps);
            let seed = self.seed(account, &device.row)?;
            let taken = Code::parse(code).and_then(|code| seed.near(step, device.used.last_step, &code));
            let used = match taken {
                Some(step) => MfaUseRow { last_step: Some(step), ..MfaUseRow::default() },
                None => device.used.after_wrong(now),
            };
            let outcome = if taken.is_some() { SecondFactor::Proved } else { SecondFactor::WrongCode };
            if self.note_code(account, name, &device, &used).await? {
                return Ok(outcome);
            }
        }
        Err(IdentityError::Store(StoreError::Busy))
    }

    /// Notes a wrong code, so that not every one can be tried.
    pub(super) async fn note_wrong_code(
        &self,
        account: AccountId,
        name: &str,
        now: Timestamp,
    ) -> Result<(), IdentityError> {
        for _ in 0..MAX_TRIES {
            let Some(device) = self.device(account, name).await? else { return Ok(()) };
            if self.note_code(account, name, &device, &device.used.after_wrong(now)).await? {
                return Ok(());
            }
        }
        Err(IdentityError::Store(StoreError::Busy))
    }

    /// Rewrites what is known of a device's codes, provided that nothing else did meanwhile; whether it did not.
    async fn note_code(
        &self,
        account: AccountId,
        name: &str,
        device: &Device,
        used: &MfaUseRow,
    ) -> Result<bool, IdentityError> {
        let mut batch = Batch::new(Partition::Iam(account));
        batch.require(Precondition::RowIs(row::mfa_device(name), device.version));
        batch.require(match device.used_version {
            Some(version) => Precondition::RowIs(row::mfa_use(name), version),
            None => Precondition::RowAbsent(row::mfa_use(name)),
        });
        batch.put(row::mfa_use(name), encode(used));
        match self.store.commit(batch).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// What a sealed seed is bound to.
fn seed_context(account: AccountId, device: &MfaRow) -> Vec<u8> {
    format!("mfa-device:{}", device.arn(account)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_codes_cost_nothing_then_ever_longer_waits() {
        let wait = |wrong| MfaUseRow { wrong, ..MfaUseRow::default() }.wait();
        assert_eq!(wait(MFA_WRONG_CODES - 1), Duration::ZERO);
        assert_eq!(wait(MFA_WRONG_CODES), MFA_SHORTEST_WAIT);
        assert_eq!(wait(MFA_WRONG_CODES + 1), MFA_SHORTEST_WAIT * 2);
        assert_eq!(wait(u32::MAX), MFA_LONGEST_WAIT);
    }
}
