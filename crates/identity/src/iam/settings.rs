//! Settings of an account: its alias, its password policy; and its summary.

use async_trait::async_trait;
use strongroom_api_iam as api;
use strongroom_gate::{Authorized, ErrorReply, Handle, Mutation, Reply, settled};
use strongroom_storage::Partition;
use strongroom_types::AccountId;

use super::error::{IamError, Missing, commit_reply};
use super::row::{self, PasswordPolicyRow, TokenPreferencesRow};
use super::view::{Change, View};
use super::{limits, mfa, root_key};
use crate::Identity;
use crate::row::{alias, alias_of, decode, encode};

/// The alias of an account. Aliases are of the whole installation, so they lie in the partition `Org`.
pub(crate) async fn alias_of_account(
    identity: &Identity,
    account: AccountId,
) -> Result<Option<String>, IamError> {
    let row = identity.store.get(Partition::Org, &alias_of(account)).await?;
    Ok(row.map(|row| decode(&row.value)).transpose()?)
}

fn configured(mutation: &mut Mutation, account: AccountId) {
    mutation.touch(format!("arn:aws:iam::{account}:root"));
}

#[async_trait]
impl Handle<api::op::CreateAccountAlias> for Identity {
    async fn handle(
        &self,
        mut request: Authorized<api::CreateAccountAliasInput>,
    ) -> Result<Reply<api::CreateAccountAliasOutput>, ErrorReply> {
        let account = View::of(self, &request)?.account;
        let new = request.input().account_alias.clone();
        for _ in 0..limits::MAX_TRIES {
            let row = self.store.get(Partition::Org, &alias_of(account)).await.map_err(IamError::from)?;
            let version = row.as_ref().map(|row| row.version);
            let old: Option<String> =
                row.map(|row| decode(&row.value)).transpose().map_err(IamError::from)?;
            let mut mutation = Mutation::new();
            mutation.unchanged(alias_of(account), version);
            if let Some(old) = &old {
                mutation.delete(alias(old));
            }
            if old.as_ref() != Some(&new) {
                let taken = self.store.get(Partition::Org, &alias(&new)).await.map_err(IamError::from)?;
                if taken.is_some() {
                    return Err(IamError::AliasExists(new).into());
                }
                mutation.unchanged(alias(&new), None);
            }
            mutation.put(alias(&new), encode(&account.to_string()));
            mutation.put(alias_of(account), encode(&new));
            configured(&mut mutation, account);
            if settled(request.commit_in(&*self.store, Partition::Org, mutation).await)? {
                return Ok(Reply::new(api::CreateAccountAliasOutput {}));
            }
        }
        Err(IamError::Contended.into())
    }
}

#[async_trait]
impl Handle<api::op::DeleteAccountAlias> for Identity {
    async fn handle(
        &self,
        mut request: Authorized<api::DeleteAccountAliasInput>,
    ) -> Result<Reply<api::DeleteAccountAliasOutput>, ErrorReply> {
        let account = View::of(self, &request)?.account;
        let old = request.input().account_alias.clone();
        let row = self.store.get(Partition::Org, &alias_of(account)).await.map_err(IamError::from)?;
        let missing = || IamError::NoSuch(Missing::Alias(old.clone()));
        let row = row.ok_or_else(missing)?;
        if decode::<String>(&row.value).map_err(IamError::from)? != old {
            return Err(missing().into());
        }
        let mut mutation = Mutation::new();
        mutation.unchanged(alias_of(account), Some(row.version));
        mutation.delete(alias_of(account));
        mutation.delete(alias(&old));
        configured(&mut mutation, account);
        match request.commit_in(&*self.store, Partition::Org, mutation).await {
            Ok(_) => Ok(Reply::new(api::DeleteAccountAliasOutput {})),
            Err(error) => Err(commit_reply(&error)),
        }
    }
}

pub(crate) async fn list_account_aliases(
    view: &View,
    _input: &api::ListAccountAliasesInput,
) -> Result<api::ListAccountAliasesOutput, IamError> {
    let alias = alias_of_account(&view.identity, view.account).await?;
    Ok(api::ListAccountAliasesOutput {
        account_aliases: alias.into_iter().collect(),
        is_truncated: Some(false),
        marker: None,
    })
}

/// The account's password policy.
pub(crate) async fn password_policy(view: &View) -> Result<Option<PasswordPolicyRow>, IamError> {
    view.get(row::PASSWORD_POLICY).await
}

fn no_password_policy(view: &View) -> IamError {
    IamError::NoSuch(Missing::PasswordPolicy(view.account.to_string()))
}

pub(crate) async fn get_account_password_policy(
    view: &View,
    _input: &api::GetAccountPasswordPolicyInput,
) -> Result<api::GetAccountPasswordPolicyOutput, IamError> {
    let row = password_policy(view).await?.ok_or_else(|| no_password_policy(view))?;
    let password_policy = api::PasswordPolicy {
        minimum_password_length: Some(row.minimum_length),
        require_symbols: Some(row.symbols),
        require_numbers: Some(row.numbers),
        require_uppercase_characters: Some(row.uppercase),
        require_lowercase_characters: Some(row.lowercase),
        allow_users_to_change_password: Some(row.users_may_change),
        expire_passwords: Some(row.max_age_days.is_some()),
        max_password_age: row.max_age_days,
        password_reuse_prevention: row.reuse_prevention,
        hard_expiry: row.hard_expiry,
    };
    Ok(api::GetAccountPasswordPolicyOutput { password_policy })
}

/// Source: IAM API Reference, UpdateAccountPasswordPolicy: "This operation does not support partial updates. ... If you
/// do not specify a value for a parameter, then the default value for that parameter will be used."
pub(crate) fn update_account_password_policy(
    change: &mut Change,
    input: &api::UpdateAccountPasswordPolicyInput,
) -> api::UpdateAccountPasswordPolicyOutput {
    let row = PasswordPolicyRow {
        minimum_length: input.minimum_password_length.unwrap_or(6),
        symbols: input.require_symbols == Some(true),
        numbers: input.require_numbers == Some(true),
        uppercase: input.require_uppercase_characters == Some(true),
        lowercase: input.require_lowercase_characters == Some(true),
        users_may_change: input.allow_users_to_change_password == Some(true),
        max_age_days: input.max_password_age.filter(|days| *days > 0),
        reuse_prevention: input.password_reuse_prevention.filter(|count| *count > 0),
        hard_expiry: input.hard_expiry,
    };
    change.put(row::PASSWORD_POLICY.to_vec(), &row);
    change.touch(format!("arn:aws:iam::{}:root", change.view.account));
    api::UpdateAccountPasswordPolicyOutput {}
}

pub(crate) async fn delete_account_password_policy(
    change: &mut Change,
    _input: &api::DeleteAccountPasswordPolicyInput,
) -> Result<api::DeleteAccountPasswordPolicyOutput, IamError> {
    password_policy(&change.view).await?.ok_or_else(|| no_password_policy(&change.view))?;
    change.delete(row::PASSWORD_POLICY.to_vec());
    change.touch(format!("arn:aws:iam::{}:root", change.view.account));
    Ok(api::DeleteAccountPasswordPolicyOutput {})
}

/// Which kind of session tokens the global endpoint gives. There is one kind here, good in every region, as AWS's second
/// is; what was chosen is kept and shown.
pub(crate) fn set_security_token_service_preferences(
    change: &mut Change,
    input: &api::SetSecurityTokenServicePreferencesInput,
) -> api::SetSecurityTokenServicePreferencesOutput {
    let version = match input.global_endpoint_token_version {
        Some(api::GlobalEndpointTokenVersion::V1Token) => 1,
        Some(api::GlobalEndpointTokenVersion::V2Token) | None => 2,
    };
    change.put(row::TOKEN_PREFERENCES.to_vec(), &TokenPreferencesRow { version });
    change.touch(format!("arn:aws:iam::{}:root", change.view.account));
    api::SetSecurityTokenServicePreferencesOutput {}
}

/// Central management of root users' credentials has not begun: no feature is enabled.
#[async_trait]
impl Handle<api::op::ListOrganizationsFeatures> for Identity {
    async fn handle(
        &self,
        request: Authorized<api::ListOrganizationsFeaturesInput>,
    ) -> Result<Reply<api::ListOrganizationsFeaturesOutput>, ErrorReply> {
        let account = View::of(self, &request)?.account;
        let facts = request.account_facts(account).await.map_err(|error| ErrorReply::from(&error))?;
        let organization = facts.organization.as_ref().ok_or(IamError::NoOrganization)?;
        if self.management_account().await? != account {
            return Err(IamError::NotManagement.into());
        }
        Ok(Reply::new(api::ListOrganizationsFeaturesOutput {
            organization_id: Some(organization.id.clone()),
            enabled_features: Some(Vec::new()),
        }))
    }
}

pub(crate) async fn get_account_summary(
    view: &View,
    _input: &api::GetAccountSummaryInput,
) -> Result<api::GetAccountSummaryOutput, IamError> {
    let counts = view.generation().await?;
    let root_keys = !root_key::list(view).await?.is_empty();
    let preferences: Option<TokenPreferencesRow> = view.get(row::TOKEN_PREFERENCES).await?;
    let root_mfa = !mfa::root_serials(view).await?.is_empty();
    let n = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    let z = |limit: usize| i32::try_from(limit).unwrap_or(i32::MAX);
    let map = [
        ("Users", n(counts.users)),
        ("UsersQuota", n(limits::USERS)),
        ("Groups", n(counts.groups)),
        ("GroupsQuota", n(limits::GROUPS)),
        ("Roles", n(counts.roles)),
        ("RolesQuota", n(limits::ROLES)),
        ("Policies", n(counts.policies)),
        ("PoliciesQuota", n(limits::POLICIES)),
        ("PolicyVersionsInUse", n(counts.versions)),
        ("PolicyVersionsInUseQuota", n(limits::VERSIONS_IN_USE)),
        ("VersionsPerPolicyQuota", z(limits::VERSIONS_PER_POLICY)),
        ("PolicySizeQuota", z(limits::MANAGED_POLICY_MAX_CHARS)),
        ("UserPolicySizeQuota", z(limits::USER_INLINE_MAX_CHARS)),
        ("GroupPolicySizeQuota", z(limits::GROUP_INLINE_MAX_CHARS)),
        ("RolePolicySizeQuota", z(limits::ROLE_INLINE_MAX_CHARS)),
        ("AssumeRolePolicySizeQuota", z(limits::TRUST_POLICY_MAX_CHARS)),
        ("AttachedPoliciesPerUserQuota", z(limits::ATTACHED_POLICIES)),
        ("AttachedPoliciesPerGroupQuota", z(limits::ATTACHED_POLICIES)),
        ("AttachedPoliciesPerRoleQuota", z(limits::ATTACHED_POLICIES)),
        ("GroupsPerUserQuota", z(limits::GROUPS_PER_USER)),
        ("AccessKeysPerUserQuota", z(limits::ACCESS_KEYS)),
        ("InstanceProfiles", n(counts.instance_profiles)),
        ("InstanceProfilesQuota", n(limits::INSTANCE_PROFILES)),
        ("Providers", n(counts.providers)),
        ("MFADevices", n(counts.mfa_devices)),
        ("MFADevicesInUse", n(counts.mfa_devices_in_use)),
        ("AccountMFAEnabled", i32::from(root_mfa)),
        ("AccountAccessKeysPresent", i32::from(root_keys)),
        ("AccountPasswordPresent", 0),
        ("AccountSigningCertificatesPresent", 0),
        ("SigningCertificatesPerUserQuota", limits::SIGNING_CERTIFICATES_PER_USER),
        ("ServerCertificates", 0),
        ("ServerCertificatesQuota", limits::SERVER_CERTIFICATES),
        ("GlobalEndpointTokenVersion", preferences.map_or(2, |preferences| preferences.version.into())),
    ];
    let summary_map = map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(api::GetAccountSummaryOutput { summary_map: Some(summary_map) })
}
