//! GetBucketWebsite, PutBucketWebsite, DeleteBucketWebsite: stored and checked; pages are not served.

use async_trait::async_trait;
use strongroom_api_s3::{
    Condition, DeleteBucketWebsiteInput, DeleteBucketWebsiteOutput, GetBucketWebsiteInput,
    GetBucketWebsiteOutput, PutBucketWebsiteInput, PutBucketWebsiteOutput, Redirect, RoutingRule,
    WebsiteConfiguration, op,
};
use strongroom_gate::{Authorized, ErrorReply, Handle, Reply};

use super::limits::MAX_ROUTING_RULES;
use super::{document, settings};
use crate::S3;
use crate::error;

/// Source: S3 API Reference, "GetBucketWebsite".
#[async_trait]
impl Handle<op::GetBucketWebsite> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetBucketWebsiteInput>,
    ) -> Result<Reply<GetBucketWebsiteOutput>, ErrorReply> {
        let bucket = request.bucket()?.clone();
        let stored =
            self.configuration::<WebsiteConfiguration>(bucket.partition(), settings::name::WEBSITE).await?;
        let Some((stored, _)) = stored else {
            return Err(error::not_configured(
                "NoSuchWebsiteConfiguration",
                "The specified bucket does not have a website configuration",
                bucket.name(),
            ));
        };
        Ok(Reply::new(GetBucketWebsiteOutput {
            redirect_all_requests_to: stored.redirect_all_requests_to,
            index_document: stored.index_document,
            error_document: stored.error_document,
            routing_rules: stored.routing_rules,
        }))
    }
}

/// Source: S3 API Reference, "PutBucketWebsite".
#[async_trait]
impl Handle<op::PutBucketWebsite> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<PutBucketWebsiteInput>,
    ) -> Result<Reply<PutBucketWebsiteOutput>, ErrorReply> {
        let asked = &request.input().website_configuration;
        check(asked)?;
        let document = Some(document::encode(asked));
        self.configure(&mut request, settings::name::WEBSITE, document).await?;
        Ok(Reply::new(PutBucketWebsiteOutput {}))
    }
}

/// Source: S3 API Reference, "DeleteBucketWebsite".
#[async_trait]
impl Handle<op::DeleteBucketWebsite> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<DeleteBucketWebsiteInput>,
    ) -> Result<Reply<DeleteBucketWebsiteOutput>, ErrorReply> {
        self.configure(&mut request, settings::name::WEBSITE, None).await?;
        Ok(Reply::new(DeleteBucketWebsiteOutput {}))
    }
}

/// Source: S3 API Reference, "WebsiteConfiguration"; S3 User Guide, "Configuring an index document", "Configuring a
/// custom error document", "Routing rule elements".
fn check(website: &WebsiteConfiguration) -> Result<(), ErrorReply> {
    if let Some(redirect) = &website.redirect_all_requests_to {
        let others = website.index_document.is_some()
            || website.error_document.is_some()
            || website.routing_rules.is_some();
        if others {
            return Err(error::invalid_argument(
                "RedirectAllRequestsTo",
                "not null",
                "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
            ));
        }
        return host_name(&redirect.host_name);
    }
    let Some(index) = &website.index_document else {
        return Err(error::invalid_argument(
            "IndexDocument",
            "null",
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
        ));
    };
    if index.suffix.is_empty() || index.suffix.contains('/') {
        let message = "The IndexDocument Suffix is not well formed";
        return Err(error::invalid_argument("IndexDocument", index.suffix.as_str(), message));
    }
    if let Some(error) = website.error_document.as_ref().filter(|error| error.key.is_empty()) {
        let message = "The ErrorDocument Key is not well formed";
        return Err(error::invalid_argument("ErrorDocument", error.key.as_str(), message));
    }
    let rules = website.routing_rules.as_deref().unwrap_or_default();
    if website.routing_rules.is_some() && rules.is_empty() {
        return Err(error::malformed_xml());
    }
    if rules.len() > MAX_ROUTING_RULES {
        return Err(error::invalid_request(format!(
            "{} routing rules provided, the number of routing rules in a website configuration is limited to \
             {MAX_ROUTING_RULES}.",
            rules.len()
        )));
    }
    rules.iter().try_for_each(check_rule)
}

fn check_rule(rule: &RoutingRule) -> Result<(), ErrorReply> {
    rule.condition.as_deref().map_or(Ok(()), check_condition)?;
    check_redirect(&rule.redirect)
}

fn check_condition(condition: &Condition) -> Result<(), ErrorReply> {
    if condition.http_error_code_returned_equals.is_none() && condition.key_prefix_equals.is_none() {
        return Err(error::invalid_request(
            "Condition cannot be empty. To redirect all requests without a condition, the condition element \
             shouldn't be present.",
        ));
    }
    match &condition.http_error_code_returned_equals {
        Some(code) if !status(code).is_some_and(|code| (400..600).contains(&code)) => {
            Err(error::invalid_request(format!(
                "The provided HTTP error code ({}) is not valid. Valid codes are 4XX or 5XX.",
                code.escape_default()
            )))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_redirect(redirect: &Redirect) -> Result<(), ErrorReply> {
    let Redirect { host_name: host, http_redirect_code, protocol, replace_key_prefix_with, replace_key_with } =
        redirect;
    if host.is_none()
        && http_redirect_code.is_none()
        && protocol.is_none()
        && replace_key_prefix_with.is_none()
        && replace_key_with.is_none()
    {
        return Err(error::malformed_xml());
    }
    if replace_key_with.is_some() && replace_key_prefix_with.is_some() {
        return Err(error::invalid_request(
            "You can only define ReplaceKeyPrefix or ReplaceKey but not both.",
        ));
    }
    host.as_deref().map_or(Ok(()), host_name)?;
    match http_redirect_code {
        Some(code) if !status(code).is_some_and(|code| (301..400).contains(&code)) => {
            Err(error::invalid_request(format!(
                "The provided HTTP redirect code ({}) is not valid. Valid codes are 3XX except 300.",
                code.escape_default()
            )))
        }
        Some(_) | None => Ok(()),
    }
}

/// Three digits.
fn status(text: &str) -> Option<u16> {
    (text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// A host, perhaps with a port: nothing that could break out of a `Location` header or name a path.
fn host_name(host: &str) -> Result<(), ErrorReply> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if !host.is_empty() && host.len() <= 255 && host.bytes().all(legal) {
        return Ok(());
    }
    let message = "The host name provided is not well formed";
    Err(error::invalid_argument("HostName", host.escape_default().to_string(), message))
}
