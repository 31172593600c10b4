//! Account Management: contacts, name and regions of an account. Source: Account Management API Reference.
//!
//! Without an account id an operation is about the caller's account. With one the gate lets through the management
//! account and delegated administrators of this service, and they need trusted access for it.

use async_trait::async_trait;
use strongroom_api_account as api;
use strongroom_api_account::op;
use strongroom_gate::{Authorized, Caller, ErrorReply, Handle, Mutation, Reply, settled};
use strongroom_identity::Account;
use strongroom_storage::{Partition, RowVersion};
use strongroom_types::{AccountId, Timestamp};

use crate::error::OrganizationsError;
use crate::row::{self, AlternateRow, ContactsRow, PrimaryRow, decode, encode};
use crate::trusted::is_trusted;
use crate::view::{Change, View, asker};
use crate::{Organizations, limits};

/// The service's principal, for trusted access and delegation.
pub const SERVICE: &str = "account.amazonaws.com";

fn not_found(what: &str) -> ErrorReply {
    ErrorReply::new(404, "ResourceNotFoundException", format!("No {what} found for the account."))
}

fn invalid(message: &str) -> ErrorReply {
    ErrorReply::new(400, "ValidationException", message).member("reason", "fieldValidationFailed")
}

/// The account that a request is about.
async fn subject(
    organizations: &Organizations,
    asker: (Caller, Timestamp),
    named: Option<&str>,
) -> Result<AccountId, ErrorReply> {
    let view = View::of(organizations, asker).await?;
    let own = view.own_account()?;
    let Some(named) = named.filter(|named| *named != own.to_string()) else { return Ok(own) };
    let member = view.member(named).await?;
    let member = member.ok_or_else(|| invalid("The account is not a member of the organization."))?;
    // Source: as the module, `AccountId`: "the organization must have trusted access enabled for the Account Management
    // service".
    if !is_trusted(&view, SERVICE).await? {
        return Err(OrganizationsError::NoTrustedAccess.into());
    }
    Ok(member.account()?)
}

impl Organizations {
    async fn contacts(
        &self,
        account: AccountId,
    ) -> Result<(ContactsRow, Option<RowVersion>), OrganizationsError> {
        let row = self.store.get(Partition::Org, &row::contacts(account)).await?;
        let version = row.as_ref().map(|row| row.version);
        Ok((row.map(|row| decode(&row.value)).transpose()?.unwrap_or_default(), version))
    }

    /// Changes the contacts of an account.
    async fn change_contacts<I: Send + Sync>(
        &self,
        request: &mut Authorized<I>,
        account: AccountId,
        change: impl Fn(&mut ContactsRow) -> Result<(), ErrorReply> + Send + Sync,
    ) -> Result<(), ErrorReply> {
        for _ in 0..limits::MAX_TRIES {
            let (mut contacts, version) = self.contacts(account).await?;
            change(&mut contacts)?;
            let mut mutation = Mutation::new();
            mutation.unchanged(row::contacts(account), version);
            mutation.put(row::contacts(account), encode(&contacts));
            mutation.touch(format!("arn:aws:account::{account}:account"));
            if settled(request.commit_in(&*self.store, Partition::Org, mutation).await)? {
                return Ok(());
            }
        }
        Err(OrganizationsError::Contended.into())
    }

    async fn account_of(
        &self,
        asker: (Caller, Timestamp),
        named: Option<&str>,
    ) -> Result<Account, ErrorReply> {
        let account = subject(self, asker, named).await?;
        Ok(self.identity.find_account(account).await?)
    }
}

impl ContactsRow {
    fn alternate(
        &mut self,
        kind: Option<api::AlternateContactType>,
    ) -> Result<&mut Option<AlternateRow>, ErrorReply> {
        match kind {
            Some(api::AlternateContactType::Billing) => Ok(&mut self.billing),
            Some(api::AlternateContactType::Operations) => Ok(&mut self.operations),
            Some(api::AlternateContactType::Security) => Ok(&mut self.security),
            None => Err(invalid("AlternateContactType must be BILLING, OPERATIONS or SECURITY.")),
        }
    }
}

#[async_trait]
impl Handle<op::GetAlternateContact> for Organizations {
    async fn handle(
        &self,
        request: Authorized<api::GetAlternateContactInput>,
    ) -> Result<Reply<api::GetAlternateContactOutput>, ErrorReply> {
        let account = subject(self, asker(&request), request.input().account_id.as_deref()).await?;
        let kind = request.input().alternate_contact_type;
        let (mut contacts, _) = self.contacts(account).await?;
        let row =
            contacts.alternate(kind)?.take().ok_or_else(|| not_found("contact of the inputted type"))?;
        let alternate_contact = Some(Box::new(api::AlternateContact {
            name: Some(row.name),
            title: Some(row.title),
            email_address: Some(row.email),
            phone_number: Some(row.phone),
            alternate_contact_type: kind,
        }));
        Ok(Reply::new(api::GetAlternateContactOutput { alternate_contact }))
    }
}

#[async_trait]
impl Handle<op::PutAlternateContact> for Organizations {
    async fn handle(
        &self,
        mut request: Authorized<api::PutAlternateContactInput>,
    ) -> Result<Reply<api::PutAlternateContactOutput>, ErrorReply> {
        let account = subject(self, asker(&request), request.input().account_id.as_deref()).await?;
        let input = request.input();
        let kind = input.alternate_contact_type;
        let row = AlternateRow {
            name: input.name.clone(),
            title: input.title.clone(),
            email: input.email_address.clone(),
            phone: input.phone_number.clone(),
        };
        self.change_contacts(&mut request, account, |contacts| {
            *contacts.alternate(kind)? = Some(row.clone());
            Ok(())
        })
        .await?;
        Ok(Reply::new(api::PutAlternateContactOutput {}))
    }
}

#[async_trait]
impl Handle<op::DeleteAlternateContact> for Organizations {
    async fn handle(
        &self,
        mut request: Authorized<api::DeleteAlternateContactInput>,
    ) -> Result<Reply<api::DeleteAlternateContactOutput>, ErrorReply> {
        let account = subject(self, asker(&request), request.input().account_id.as_deref()).await?;
        let kind = request.input().alternate_contact_type;
        self.change_contacts(&mut request, account, |contacts| {
            let there = contacts.alternate(kind)?.take();
            there.map(drop).ok_or_else(|| not_found("contact of the inputted type"))
        })
        .await?;
        Ok(Reply::new(api::DeleteAlternateContactOutput {}))
    }
}

#[async_trait]
impl Handle<op::GetContactInformation> for Organizations {
    async fn handle(
        &self,
        request: Authorized<api::GetContactInformationInput>,
    ) -> Result<Reply<api::GetContactInformationOutput>, ErrorReply> {
        let account = subject(self, asker(&request), request.input().account_id.as_deref()).await?;
        let row = self.contacts(account).await?.0.primary;
        let row = row.ok_or_else(|| not_found("contact information"))?;
        let mut lines = row.address_lines.into_iter();
        let contact_information = Some(Box::new(api::ContactInformation {
            full_name: row.full_name,
            address_line1: lines.next().unwrap_or_default(),
            address_line2: lines.next(),
            address_line3: lines.next(),
            city: row.city,
            state_or_region: row.state,
            district_or_county: row.district,
            postal_code: row.postal_code,
            country_code: row.country,
            phone_number: row.phone,
            company_name: row.company,
            website_url: row.website,
        }));
        let verification_status = Some(api::PhoneNumberVerificationStatus::NotSupported);
        Ok(Reply::new(api::GetContactInformationOutput { contact_information, verification_status }))
    }
}

#[async_trait]
impl Handle<op::PutContactInformation> for Organizations {
    async fn handle(
        &self,
        mut request: Authorized<api::PutContactInformationInput>,
    ) -> Result<Reply<api::PutContactInformationOutput>, ErrorReply> {
        let account = subject(self, asker(&request), request.input().account_id.as_deref()).await?;
        let asked = request.input().contact_information.clone();
        let lines = [Some(asked.address_line1), asked.address_line2, asked.address_line3];
        let primary = PrimaryRow {
            full_name: asked.full_name,
            address_lines: lines.into_iter().flatten().collect(),
            city: asked.city,
            state: asked.state_or_region,
            district: asked.district_or_county,
            postal_code: asked.postal_code,
            country: asked.country_code,
            phone: asked.phone_number,
            company: asked.company_name,
            website: asked.website_url,
        };
        self.change_contacts(&mut request, account, |contacts| {
            contacts.primary = Some(primary.clone());
            Ok(())
        })
        .await?;
        Ok(Reply::new(api::PutContactInformationOutput {}))
    }
}

#[async_trait]
impl Handle<op::GetPrimaryEmail> for Organizations {
    async fn handle(
        &self,
        request: Authorized<api::GetPrimaryEmailInput>,
    ) -> Result<Reply<api::GetPrimaryEmailOutput>, ErrorReply> {
        let account = self.account_of(asker(&request), Some(&request.input().account_id)).await?;
        Ok(Reply::new(api::GetPrimaryEmailOutput { primary_email: Some(account.email) }))
    }
}

#[async_trait]
impl Handle<op::GetAccountInformation> for Organizations {
    async fn handle(
        &self,
        request: Authorized<api::GetAccountInformationInput>,
    ) -> Result<Reply<api::GetAccountInformationOutput>, ErrorReply> {
        let account = self.account_of(asker(&request), request.input().account_id.as_deref()).await?;
        let asker = asker(&request);
        let view = View::of(self, asker).await?;
        let closed = view.account(&account.id.to_string()).await?.closed_millis.is_some();
        Ok(Reply::new(api::GetAccountInformationOutput {
            account_id: Some(account.id.to_string()),
            account_name: Some(account.name.unwrap_or(account.email)),
            account_created_date: Some(account.created),
            account_state: Some(if closed {
                api::AccountState::Suspended
            } else {
                api::AccountState::Active
            }),
        }))
    }
}

#[async_trait]
impl Handle<op::PutAccountName> for Organizations {
    async fn handle(
        &self,
        mut request: Authorized<api::PutAccountNameInput>,
    ) -> Result<Reply<api::PutAccountNameOutput>, ErrorReply> {
        let account = subject(self, asker(&request), request.input().account_id.as_deref()).await?;
        let name = request.input().account_name.clone();
        for _ in 0..limits::MAX_TRIES {
            let _turn = self.turn.lock().await;
            let asker = asker(&request);
            let mut change = Change::of(View::of(self, asker).await?);
            let (key, value) = self.identity.renamed_account(account, &name).await?;
            change.put_raw(key, value);
            change.touch(change.view.organization.account_arn(&account.to_string()));
            if change.commit(&mut request).await? {
                return Ok(Reply::new(api::PutAccountNameOutput {}));
            }
        }
        Err(OrganizationsError::Contended.into())
    }
}

/// All regions of the installation are on, for every account, from the beginning; there are no others.
#[async_trait]
impl Handle<op::ListRegions> for Organizations {
    async fn handle(
        &self,
        request: Authorized<api::ListRegionsInput>,
    ) -> Result<Reply<api::ListRegionsOutput>, ErrorReply> {
        subject(self, asker(&request), request.input().account_id.as_deref()).await?;
        let input = request.input();
        let status = api::RegionOptStatus::EnabledByDefault;
        let wanted = input.region_opt_status_contains.as_ref().is_none_or(|asked| asked.contains(&status));
        let mut names: Vec<String> =
            self.regions.iter().map(ToString::to_string).filter(|_| wanted).collect();
        names.sort_unstable();
        // A token is the last region shown.
        names.retain(|name| input.next_token.as_ref().is_none_or(|last| name > last));
        let limit = input.max_results.and_then(|n| usize::try_from(n).ok()).unwrap_or(names.len()).max(1);
        let next_token =
            names.get(limit..).filter(|rest| !rest.is_empty()).and_then(|_| names.get(limit - 1).cloned());
        names.truncate(limit);
        let shape = |name| api::Region { region_name: Some(name), region_opt_status: Some(status) };
        let regions = Some(names.into_iter().map(shape).collect());
        Ok(Reply::new(api::ListRegionsOutput { next_token, regions }))
    }
}

#[async_trait]
impl Handle<op::GetRegionOptStatus> for Organizations {
    async fn handle(
        &self,
        request: Authorized<api::GetRegionOptStatusInput>,
    ) -> Result<Reply<api::GetRegionOptStatusOutput>, ErrorReply> {
        subject(self, asker(&request), request.input().account_id.as_deref()).await?;
        let name = request.input().region_name.clone();
        // Source: GetRegionOptStatus, `RegionName`: "This function will return the status of whatever Region you pass into
        // this parameter."
        let is_ours = self.regions.iter().any(|region| region.as_str() == name);
        let status =
            if is_ours { api::RegionOptStatus::EnabledByDefault } else { api::RegionOptStatus::Disabled };
        Ok(Reply::new(api::GetRegionOptStatusOutput {
            region_name: Some(name),
            region_opt_status: Some(status),
        }))
    }
}
