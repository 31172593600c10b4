//! Bucket policies: PutBucketPolicy, GetBucketPolicy, DeleteBucketPolicy, GetBucketPolicyStatus.
//!
//! A policy is kept with its principals by unique id, so that a user who is made again under an old name has no old
//! rights, and is shown with their ARNs. The bucket's state says whether there is one and whether it is public: it is
//! what every decision reads, and what a change of the policy rewrites.

use async_trait::async_trait;
use strongroom_api_s3::{
    DeleteBucketPolicyInput, DeleteBucketPolicyOutput, GetBucketPolicyInput, GetBucketPolicyOutput,
    GetBucketPolicyStatusInput, GetBucketPolicyStatusOutput, PolicyStatus, PutBucketPolicyInput,
    PutBucketPolicyOutput, op,
};
use strongroom_gate::generated::{self, Action};
use strongroom_gate::{
    Authorized, BucketGrant, CommitError, ErrorReply, Handle, Mutation, Reply, aside, assess, settled,
    warn_of_findings,
};
use strongroom_policy::document::{Statement, Word};
use strongroom_policy::public::{self, Exposure};
use strongroom_policy::{Document, Kind, PolicyError, wildcard_match};
use strongroom_types::BucketName;

use super::limits::MAX_TRIES;
use super::settings::{configured, name};
use crate::S3;
use crate::error;
use crate::row::{self, Coded as _};

/// Source: S3 API Reference, "PutBucketPolicy".
#[async_trait]
impl Handle<op::PutBucketPolicy> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<PutBucketPolicyInput>,
    ) -> Result<Reply<PutBucketPolicyOutput>, ErrorReply> {
        let bucket = request.bucket()?.clone();
        let document = Document::parse(request.input().policy.as_bytes(), Kind::Bucket)
            .map_err(|error| malformed(&error))?;
        let (given, name) = (document.clone(), bucket.name().clone());
        let checked = aside(move || {
            let about = about_this_bucket(&given, &name);
            if about.is_ok() {
                warn_of_findings(&given);
            }
            about
        });
        checked.await??;
        let document = request.keep_principals(&document).await?;
        let exposure = assess(&document, bucket.owner()).await?;
        if let Some(exposure) = &exposure
            && self.effective_block(&bucket).await?.block_public_policy
        {
            return Err(refused_as_public(&request, bucket.name(), exposure));
        }
        let confirmed = request.input().confirm_remove_self_bucket_access == Some(true);
        if !confirmed {
            request.keeps_itself("s3:PutBucketPolicy", &document).await?;
        }
        let kept = (document.as_str().as_bytes().to_vec(), exposure.is_some());
        self.change_policy(&mut request, Some(kept)).await?;
        // The model says 200; S3 answers as its reference shows.
        let mut reply = Reply::new(PutBucketPolicyOutput {});
        reply.status = Some(204);
        Ok(reply)
    }
}

/// Source: S3 API Reference, "GetBucketPolicy".
#[async_trait]
impl Handle<op::GetBucketPolicy> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<GetBucketPolicyInput>,
    ) -> Result<Reply<GetBucketPolicyOutput>, ErrorReply> {
        let bucket = request.bucket()?.clone();
        let document = self.stored_policy(&bucket).await?;
        let shown = request.show_principals(&document).await?;
        Ok(Reply::new(GetBucketPolicyOutput { policy: Some(shown.as_str().to_owned()) }))
    }
}

/// By AWS's published rule alone, as tools know it; what is blocked goes by the exact verdict too.
///
/// Source: S3 API Reference, "GetBucketPolicyStatus"; S3 User Guide, "The meaning of public".
#[async_trait]
impl Handle<op::GetBucketPolicyStatus> for S3 {
    async fn handle(
        &self,
        request: Authorized<GetBucketPolicyStatusInput>,
    ) -> Result<Reply<GetBucketPolicyStatusOutput>, ErrorReply> {
        let bucket = request.bucket()?.clone();
        let is_public = public::aws_public(&self.stored_policy(&bucket).await?).is_some();
        let policy_status = Some(Box::new(PolicyStatus { is_public: Some(is_public) }));
        Ok(Reply::new(GetBucketPolicyStatusOutput { policy_status }))
    }
}

/// Source: S3 API Reference, "DeleteBucketPolicy".
#[async_trait]
impl Handle<op::DeleteBucketPolicy> for S3 {
    async fn handle(
        &self,
        mut request: Authorized<DeleteBucketPolicyInput>,
    ) -> Result<Reply<DeleteBucketPolicyOutput>, ErrorReply> {
        self.change_policy(&mut request, None).await?;
        Ok(Reply::new(DeleteBucketPolicyOutput {}))
    }
}

impl S3 {
    async fn stored_policy(&self, bucket: &BucketGrant) -> Result<Document, ErrorReply> {
        let row = self.store.get(bucket.partition(), &row::config(name::POLICY)).await;
        let row = row.map_err(|error| ErrorReply::from(&error))?.ok_or_else(|| no_policy(bucket))?;
        let text = std::str::from_utf8(&row.value).map_err(|_| error::internal())?;
        Document::stored(text, Kind::Bucket).map_err(|_| error::internal())
    }

    /// Sets the policy, its text and whether it is public, together with the bucket's state; `None` removes it.
    async fn change_policy<I: Send>(
        &self,
        request: &mut Authorized<I>,
        policy: Option<(Vec<u8>, bool)>,
    ) -> Result<(), ErrorReply> {
        for _ in 0..MAX_TRIES {
            let (mut state, version) = self.state(request.bucket()?.partition()).await?;
            state.public_policy = policy.as_ref().map(|(_, is_public)| *is_public);
            state.generation = state.generation.saturating_add(1);
            let mut mutation = Mutation::new();
            mutation.unchanged(row::STATE, Some(version));
            mutation.put(row::STATE, state.encode());
            match &policy {
                Some((text, _)) => mutation.put(row::config(name::POLICY), text.clone()),
                None => mutation.delete(row::config(name::POLICY)),
            }
            mutation.effect(configured());
            if settled(request.commit(&*self.store, mutation).await)? {
                return Ok(());
            }
        }
        Err(CommitError::Conflict.reply())
    }
}

fn no_policy(bucket: &BucketGrant) -> ErrorReply {
    error::not_configured("NoSuchBucketPolicy", "The bucket policy does not exist", bucket.name())
}

fn malformed(error: &PolicyError) -> ErrorReply {
    ErrorReply::new(400, "MalformedPolicy", error.to_string())
}

fn refused_as_public<I>(request: &Authorized<I>, bucket: &BucketName, exposure: &Exposure) -> ErrorReply {
    let caller = request.caller().arn().map_or_else(|| "anonymous".to_owned(), |arn| arn.to_string());
    error::access_denied(format!(
        "User: {caller} is not authorized to perform: s3:PutBucketPolicy on resource: \"arn:aws:s3:::{bucket}\" because \
         public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access. {exposure}"
    ))
}

/// A bucket's policy speaks of this bucket, and each of its actions of something that the statement names.
/// Source: S3 User Guide, "Troubleshoot access denied (403 Forbidden) errors"; the messages are S3's.
fn about_this_bucket(document: &Document, bucket: &BucketName) -> Result<(), ErrorReply> {
    for resource in document.resources() {
        if !names_bucket(resource.as_str(), bucket) {
            return Err(invalid_resource(document, resource));
        }
    }
    let is_object = |pattern: &str| pattern.contains('/');
    document.statements().iter().try_for_each(|statement| has_fitting_actions(statement, is_object))
}

/// The error for a resource that is none of this policy's.
pub(crate) fn invalid_resource(document: &Document, resource: &Word) -> ErrorReply {
    let place = document.place(resource);
    let message = format!("Policy has invalid resource: {} ({place})", resource.as_str());
    ErrorReply::new(400, "MalformedPolicy", message)
}

/// Whether a pattern speaks of this bucket: its name is written out, as AWS demands, and stands at the front.
fn names_bucket(pattern: &str, bucket: &BucketName) -> bool {
    let rest = pattern.strip_prefix("arn:aws:s3:::").and_then(|rest| rest.strip_prefix(bucket.as_str()));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '*', '?']))
}

/// Whether each action of a statement is known, and can be done to one of its resources: objects, or what holds them.
pub(crate) fn has_fitting_actions(
    statement: &Statement,
    is_object: impl Fn(&str) -> bool,
) -> Result<(), ErrorReply> {
    let patterns = || statement.resource.iter().flat_map(|resource| &resource.patterns);
    let object = patterns().any(|pattern| is_object(pattern.as_str()));
    let bucket = patterns().any(|pattern| !is_object(pattern.as_str()));
    let negated = statement.action.negated || statement.resource.as_ref().is_some_and(|r| r.negated);
    for word in &statement.action.patterns {
        let asked = word.as_str();
        let Some((_, pattern)) = asked.split_once(':') else { continue };
        let pattern = pattern.to_ascii_lowercase();
        let mut known = false;
        let mut fits = negated;
        for action in generated::S3
            .actions
            .iter()
            .filter(|action| wildcard_match(&pattern, &action.name().to_ascii_lowercase()))
        {
            known = true;
            fits |= fits_resources(action, object, bucket);
        }
        if !known {
            return Err(ErrorReply::new(
                400,
                "MalformedPolicy",
                format!("Policy has invalid action: {asked}"),
            ));
        }
        if !fits {
            let message = format!("Action does not apply to any resource(s) in statement: {asked}");
            return Err(ErrorReply::new(400, "MalformedPolicy", message));
        }
    }
    Ok(())
}

/// Whether an action can be done to an object, or to a bucket, of those that are named.
fn fits_resources(action: &Action, object: bool, bucket: bool) -> bool {
    action.on.iter().any(|on| match on.resource {
        "object" => object,
        "bucket" => bucket,
        _ => false,
    })
}
