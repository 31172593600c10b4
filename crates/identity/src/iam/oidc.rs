//! OpenID Connect providers: whose tokens the roles of an account may trust.
//!
//! Source: IAM API Reference, operations on OpenID Connect providers; IAM User Guide, "Create an OpenID Connect (OIDC)
//! identity provider in IAM".

use strongroom_api_iam as api;
use strongroom_types::{AccountId, Arn, Timestamp};

use super::entity::TagRow;
use super::error::{IamError, Missing};
use super::name::{self, tag_shapes};
use super::page::Page;
use super::row::{self, OidcRow};
use super::view::{Change, View};
use super::{limits, tag};
use crate::{Identity, IdentityError};

impl OidcRow {
    pub(crate) fn arn(&self, account: AccountId) -> String {
        Arn::new("iam", "", &account.to_string(), &format!("oidc-provider/{}", self.url)).to_string()
    }
}

/// Source: CreateOpenIDConnectProvider, `Url`: "The URL must begin with https:// and should correspond to the iss claim in
/// the provider's OpenID Connect ID tokens. ... path components are allowed but query parameters are not. Typically the
/// URL consists of only a hostname ... should not contain a port number". The last is a recommendation of AWS's that its
/// own examples of self-hosted issuers do not keep: a port is taken.
fn url_without_scheme(url: &str) -> Result<&str, IamError> {
    let bad = || {
        IamError::InvalidInput(
            "The URL must begin with https://, and must not have a query, a fragment or a user.",
        )
    };
    let rest = url.strip_prefix("https://").ok_or_else(bad)?.trim_end_matches('/');
    let good = |byte: u8| byte.is_ascii_graphic() && !b"?#@\\\"<>%{}|^`".contains(&byte);
    let host = rest.split('/').next().unwrap_or_default();
    let host_good = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    if rest.len() <= limits::OIDC_URL_CHARS
        && !host.is_empty()
        && host.bytes().all(host_good)
        && rest.bytes().all(good)
    {
        Ok(rest)
    } else {
        Err(bad())
    }
}

/// Source: CreateOpenIDConnectProvider, `ThumbprintList`: 40 characters. They are kept and shown; whom we fetch keys from is
/// proved by its certificate.
fn check_thumbprints(thumbprints: &[String]) -> Result<(), IamError> {
    if thumbprints.len() > limits::OIDC_THUMBPRINTS {
        let limit = limits::OIDC_THUMBPRINTS;
        return Err(IamError::Limit { quota: "ThumbprintsPerOpenIdConnectProvider", limit });
    }
    let good = |text: &String| text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if thumbprints.iter().all(good) {
        return Ok(());
    }
    Err(IamError::InvalidInput("A thumbprint has 40 letters and digits."))
}

fn check_client_ids(ids: &[String]) -> Result<(), IamError> {
    if ids.len() > limits::OIDC_CLIENT_IDS {
        let limit = limits::OIDC_CLIENT_IDS;
        return Err(IamError::Limit { quota: "ClientIdsPerOpenIdConnectProvider", limit });
    }
    Ok(())
}

fn check_tags(tags: &[TagRow]) -> Result<(), IamError> {
    if tags.len() > limits::TAGS {
        return Err(IamError::Limit { quota: "TagsPerOpenIDConnectProvider", limit: limits::TAGS });
    }
    Ok(())
}

fn url_of(account: AccountId, arn: &str) -> Option<&str> {
    arn.strip_prefix(&format!("arn:aws:iam::{account}:oidc-provider/"))
}

/// The provider that an ARN names.
///
/// # Errors
/// `NoSuchEntity`; `InvalidInput` for an ARN that is none of a provider.
async fn provider(view: &View, arn: &str) -> Result<OidcRow, IamError> {
    let missing = || IamError::NoSuch(Missing::OidcProvider(arn.to_owned()));
    if !arn.contains(":oidc-provider/") {
        return Err(IamError::Arn(arn.to_owned()));
    }
    let url = url_of(view.account, arn).ok_or_else(missing)?;
    view.get(&row::oidc_provider(url)).await?.ok_or_else(missing)
}

impl Identity {
    /// The provider of an account whose URL, without its scheme, is that of an issuer.
    pub(crate) async fn oidc_provider(
        &self,
        account: AccountId,
        issuer: &str,
    ) -> Result<Option<OidcRow>, IdentityError> {
        let key = row::oidc_provider(issuer);
        let row = self.store.get(strongroom_storage::Partition::Iam(account), &key).await?;
        row.map(|row| crate::row::decode(&row.value)).transpose()
    }
}

fn save(change: &mut Change, provider: &OidcRow) {
    change.put(row::oidc_provider(&provider.url), provider);
    change.touch(provider.arn(change.view.account));
}

pub(crate) async fn create_openid_connect_provider(
    change: &mut Change,
    input: &api::CreateOpenIDConnectProviderInput,
) -> Result<api::CreateOpenIDConnectProviderOutput, IamError> {
    let url = url_without_scheme(&input.url)?;
    let (client_ids, thumbprints) = (
        unique(input.client_id_list.as_deref().unwrap_or_default()),
        unique(input.thumbprint_list.as_deref().unwrap_or_default()),
    );
    check_client_ids(&client_ids)?;
    check_thumbprints(&thumbprints)?;
    let tags = name::tag_rows(input.tags.as_deref())?;
    check_tags(&tags)?;
    if change.view.get::<OidcRow>(&row::oidc_provider(url)).await?.is_some() {
        return Err(IamError::OidcProviderExists(input.url.clone()));
    }
    if change.counts.providers >= limits::OIDC_PROVIDERS {
        let limit = usize::try_from(limits::OIDC_PROVIDERS).unwrap_or(usize::MAX);
        return Err(IamError::Limit { quota: "OpenIdConnectProvidersPerAccount", limit });
    }
    change.counts.providers = change.counts.providers.saturating_add(1);
    let created_millis = change.view.now.as_millis();
    let provider = OidcRow { url: url.to_owned(), client_ids, thumbprints, created_millis, tags };
    save(change, &provider);
    Ok(api::CreateOpenIDConnectProviderOutput {
        openid_connect_provider_arn: Some(provider.arn(change.view.account)),
        tags: tag_shapes(&provider.tags),
    })
}

/// Each once, in their order.
fn unique(texts: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::with_capacity(texts.len());
    for text in texts {
        if !all.contains(text) {
            all.push(text.clone());
        }
    }
    all
}

/// One that is not there is no mistake. Source: DeleteOpenIDConnectProvider: "This operation is idempotent". Roles that
/// trust it stay; nobody can assume them by it.
pub(crate) async fn delete_openid_connect_provider(
    change: &mut Change,
    input: &api::DeleteOpenIDConnectProviderInput,
) -> Result<api::DeleteOpenIDConnectProviderOutput, IamError> {
    match provider(&change.view, &input.openid_connect_provider_arn).await {
        Ok(provider) => {
            change.delete(row::oidc_provider(&provider.url));
            change.counts.providers = change.counts.providers.saturating_sub(1);
            change.touch(provider.arn(change.view.account));
        }
        Err(IamError::NoSuch(_)) => {}
        Err(error) => return Err(error),
    }
    Ok(api::DeleteOpenIDConnectProviderOutput {})
}

pub(crate) async fn get_openid_connect_provider(
    view: &View,
    input: &api::GetOpenIDConnectProviderInput,
) -> Result<api::GetOpenIDConnectProviderOutput, IamError> {
    let provider = provider(view, &input.openid_connect_provider_arn).await?;
    Ok(api::GetOpenIDConnectProviderOutput {
        url: Some(provider.url.clone()),
        create_date: Some(Timestamp::from_millis(provider.created_millis)),
        tags: tag_shapes(&provider.tags),
        client_id_list: Some(provider.client_ids),
        thumbprint_list: Some(provider.thumbprints),
        ..api::GetOpenIDConnectProviderOutput::default()
    })
}

pub(crate) async fn list_openid_connect_providers(
    view: &View,
    _input: &api::ListOpenIDConnectProvidersInput,
) -> Result<api::ListOpenIDConnectProvidersOutput, IamError> {
    let mut providers = Vec::new();
    for url in view.suffixes(row::OIDC_PROVIDERS).await? {
        let row: Option<OidcRow> = view.get(&row::oidc_provider(&url)).await?;
        providers.extend(row.map(|row| api::OpenidConnectProviderListEntry {
            arn: Some(row.arn(view.account)),
            ..api::OpenidConnectProviderListEntry::default()
        }));
    }
    Ok(api::ListOpenIDConnectProvidersOutput { openid_connect_provider_list: Some(providers) })
}

/// Source: AddClientIDToOpenIDConnectProvider: "This operation is idempotent".
pub(crate) async fn add_client_id(
    change: &mut Change,
    input: &api::AddClientIDToOpenIDConnectProviderInput,
) -> Result<api::AddClientIDToOpenIDConnectProviderOutput, IamError> {
    let mut provider = provider(&change.view, &input.openid_connect_provider_arn).await?;
    if !provider.client_ids.contains(&input.client_id) {
        provider.client_ids.push(input.client_id.clone());
        check_client_ids(&provider.client_ids)?;
        save(change, &provider);
    }
    Ok(api::AddClientIDToOpenIDConnectProviderOutput {})
}

/// Source: RemoveClientIDFromOpenIDConnectProvider: "This operation is idempotent".
pub(crate) async fn remove_client_id(
    change: &mut Change,
    input: &api::RemoveClientIDFromOpenIDConnectProviderInput,
) -> Result<api::RemoveClientIDFromOpenIDConnectProviderOutput, IamError> {
    let mut provider = provider(&change.view, &input.openid_connect_provider_arn).await?;
    provider.client_ids.retain(|id| *id != input.client_id);
    save(change, &provider);
    Ok(api::RemoveClientIDFromOpenIDConnectProviderOutput {})
}

pub(crate) async fn update_thumbprint(
    change: &mut Change,
    input: &api::UpdateOpenIDConnectProviderThumbprintInput,
) -> Result<api::UpdateOpenIDConnectProviderThumbprintOutput, IamError> {
    let mut provider = provider(&change.view, &input.openid_connect_provider_arn).await?;
    provider.thumbprints = unique(&input.thumbprint_list);
    check_thumbprints(&provider.thumbprints)?;
    save(change, &provider);
    Ok(api::UpdateOpenIDConnectProviderThumbprintOutput {})
}

pub(crate) async fn tag_openid_connect_provider(
    change: &mut Change,
    input: &api::TagOpenIDConnectProviderInput,
) -> Result<api::TagOpenIDConnectProviderOutput, IamError> {
    let mut provider = provider(&change.view, &input.openid_connect_provider_arn).await?;
    tag::merge(&mut provider.tags, name::tag_rows(Some(&input.tags))?);
    check_tags(&provider.tags)?;
    save(change, &provider);
    Ok(api::TagOpenIDConnectProviderOutput {})
}

pub(crate) async fn untag_openid_connect_provider(
    change: &mut Change,
    input: &api::UntagOpenIDConnectProviderInput,
) -> Result<api::UntagOpenIDConnectProviderOutput, IamError> {
    let mut provider = provider(&change.view, &input.openid_connect_provider_arn).await?;
    tag::strip(&mut provider.tags, &input.tag_keys);
    save(change, &provider);
    Ok(api::UntagOpenIDConnectProviderOutput {})
}

pub(crate) async fn list_openid_connect_provider_tags(
    view: &View,
    input: &api::ListOpenIDConnectProviderTagsInput,
) -> Result<api::ListOpenIDConnectProviderTagsOutput, IamError> {
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let provider = provider(view, &input.openid_connect_provider_arn).await?;
    let cut = tag::list(&provider.tags, &page);
    Ok(api::ListOpenIDConnectProviderTagsOutput {
        tags: cut.items,
        is_truncated: cut.is_truncated,
        marker: cut.marker,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_https_and_nothing_but_host_and_path() {
        for (url, rest) in [
            ("https://a.example.com", "a.example.com"),
            ("https://a.example.com/", "a.example.com"),
            ("https://a.example.com/realms/x", "a.example.com/realms/x"),
            ("https://127.0.0.1:8443", "127.0.0.1:8443"),
        ] {
            assert_eq!(url_without_scheme(url).unwrap(), rest);
        }
        for url in [
            "http://a.example.com",
            "https://",
            "https:///x",
            "https://a/?q",
            "https://a/#f",
            "https://u@a",
            "https://a/ b",
            "https://a/\0",
            "https://a/%2e",
        ] {
            assert!(url_without_scheme(url).is_err(), "{url}");
        }
    }

    #[test]
    fn thumbprints_have_forty_letters_and_digits() {
        assert!(check_thumbprints(&["0123456789abcdefABCDEF012345678901234567".to_owned()]).is_ok());
        assert!(check_thumbprints(&["0".repeat(39)]).is_err());
        assert!(check_thumbprints(&["/".repeat(40)]).is_err());
    }
}
