//! Who signed: a caller out of an authentication input, or the error that AWS gives.

mod fault;
mod root_use;

use strongroom_gate::{Caller, ErrorReply, SignatureFacts};
use strongroom_identity::{Credential, Identity};
use strongroom_record::SignatureRecord;
use strongroom_sigv4::{
    AuthInput, BodyDigest, ExpectedScope, Mechanism, PayloadCheck, PostInput, RegionRule, SessionToken,
    SignedRequest, SigningKeyCache, VerifiedHead, VerifiedPost,
};
use strongroom_types::{AccessKeyId, AccountId, Region, Timestamp};

use crate::post::PostForm;

pub(crate) use fault::{auth_reply, body_reply, post_reply};
pub(crate) use root_use::RootUses;

/// Verifies signatures against the installation's credentials.
pub(crate) struct Authn {
    identity: Identity,
    signing_keys: SigningKeyCache,
    regions: std::sync::Arc<[Region]>,
}

/// How a request was signed: for its record, and for policies.
pub(crate) struct Signature {
    pub(crate) record: SignatureRecord,
    pub(crate) facts: SignatureFacts,
}

/// A request whose author is known (or is nobody), and what is still to be checked of its body.
pub(crate) struct Authenticated {
    pub(crate) caller: Caller,
    pub(crate) signature: Option<Signature>,
    pub(crate) payload: PayloadCheck,
    pub(crate) region: Option<Region>,
}

impl Authn {
    pub(crate) fn new(identity: Identity, regions: std::sync::Arc<[Region]>) -> Self {
        Self { identity, signing_keys: SigningKeyCache::new(), regions }
    }

    /// Verifies a request for the service that its scope names; of S3 signed for our region, unless the operation is one
    /// that is `everywhere`.
    ///
    /// # Errors
    /// AWS's code for each failure; the same for unknown and inactive keys.
    pub(crate) async fn authenticate(
        &self,
        input: &AuthInput,
        now: Timestamp,
        body: BodyDigest,
        everywhere: bool,
    ) -> Result<Authenticated, ErrorReply> {
        let signed = match input {
            AuthInput::Signed(signed) => signed,
            AuthInput::Anonymous(body) => {
                let payload = body.check();
                return Ok(Authenticated {
                    caller: Caller::Anonymous,
                    signature: None,
                    payload,
                    region: None,
                });
            }
        };
        let service = signed.scope().service().to_owned();
        let is_s3 = signed.scope().is_s3();
        let region = self.expected_region(signed);
        let rule = if is_s3 && !everywhere { RegionRule::Exactly(&region) } else { RegionRule::Any };
        let expected = ExpectedScope { region: rule, service: &service };
        let fail = |error| auth_reply(&error, is_s3);
        signed.check_scope_and_time(now, &expected).map_err(fail)?;
        let credential = signed.credential();
        let found = self.find(&credential.access_key_id, signed.session_token(), now, is_s3).await?;
        let key = self.signing_keys.signing_key(&credential.access_key_id, &found.secret, signed.scope());
        let verified = signed.verify(&key, now, &expected, body).map_err(fail)?;
        let (head, payload) = verified.into_parts();
        Ok(Authenticated {
            caller: found.caller,
            signature: Some(signature(&head)),
            payload,
            region: Some(head.scope().region().clone()),
        })
    }

    /// The account whose key a request names, if there is such a key and scope and time are good. Nothing is proven by
    /// that: it says whose room a body takes until its signature can be verified.
    pub(crate) async fn claimed_account(&self, input: &AuthInput, now: Timestamp) -> Option<AccountId> {
        let AuthInput::Signed(signed) = input else { return None };
        let scope = signed.scope();
        let expected = ExpectedScope { region: RegionRule::Any, service: scope.service() };
        signed.check_scope_and_time(now, &expected).ok()?;
        let key = &signed.credential().access_key_id;
        self.find(key, signed.session_token(), now, scope.is_s3()).await.ok()?.caller.account()
    }

    /// Verifies a browser upload's form; its policy, too, has to allow the form.
    ///
    /// # Errors
    /// As [`Authn::authenticate`], and those of forms.
    pub(crate) async fn authenticate_form(
        &self,
        form: &PostForm,
        now: Timestamp,
    ) -> Result<(Authenticated, Option<VerifiedPost>), ErrorReply> {
        let input = PostInput::from_fields(&form.fields()).map_err(|error| post_reply(&error))?;
        let PostInput::Signed(signed) = input else {
            let payload = PayloadCheck::Unsigned;
            let anonymous =
                Authenticated { caller: Caller::Anonymous, signature: None, payload, region: None };
            return Ok((anonymous, None));
        };
        let credential = signed.credential();
        let region = self.region_or_home(credential.scope.region());
        let expected = ExpectedScope { region: RegionRule::Exactly(&region), service: "s3" };
        let found = self.find(&credential.access_key_id, signed.session_token(), now, true).await?;
        let key = self.signing_keys.signing_key(&credential.access_key_id, &found.secret, &credential.scope);
        let verified = signed.verify(&key, now, &expected).map_err(|error| post_reply(&error))?;
        let record = SignatureRecord { version: "SigV4".to_owned(), method: "POST".to_owned() };
        let signed_at = verified.signed_at();
        let facts = SignatureFacts { auth_type: "POST", signed_at, content_sha256: None };
        let signature = Signature { record, facts };
        let authenticated = Authenticated {
            caller: found.caller,
            signature: Some(signature),
            payload: PayloadCheck::Unsigned,
            region: Some(verified.scope().region().clone()),
        };
        Ok((authenticated, Some(verified)))
    }

    /// The credential that a request names: a temporary one has a session token, all others have none.
    async fn find(
        &self,
        id: &AccessKeyId,
        token: Option<&SessionToken>,
        now: Timestamp,
        is_s3: bool,
    ) -> Result<Credential, ErrorReply> {
        let Some(token) = token else {
            let found = self.identity.credential(id).await.map_err(ErrorReply::from)?;
            return found.ok_or_else(|| fault::unknown_key(id, is_s3));
        };
        let found = self.identity.temporary_credential(id, token.expose(), now).await;
        found.map_err(|error| fault::session_reply(error, is_s3))
    }

    /// The region of the scope, if it is one of ours; otherwise the home region, which the error then names.
    fn expected_region(&self, signed: &SignedRequest) -> Region {
        self.region_or_home(signed.scope().region())
    }

    /// A region of ours: the one that is named, or home.
    pub(crate) fn region_or_home(&self, named: &Region) -> Region {
        let ours = self.regions.iter().find(|region| *region == named).or_else(|| self.regions.first());
        ours.cloned().unwrap_or_else(Region::us_east_1)
    }
}

/// How a request was signed. Source: S3 API Reference, "Amazon S3 Signature Version 4 authentication specific policy
/// keys".
fn signature(head: &VerifiedHead) -> Signature {
    let auth_type = match head.mechanism() {
        Mechanism::Header => "REST-HEADER",
        Mechanism::Presigned { .. } => "REST-QUERY-STRING",
    };
    let facts =
        SignatureFacts { auth_type, signed_at: head.signed_at(), content_sha256: head.content_sha256() };
    Signature { record: signature_record(head.mechanism()), facts }
}

/// How a request is signed, as records say it.
pub(crate) fn signature_record(mechanism: Mechanism) -> SignatureRecord {
    let method = match mechanism {
        Mechanism::Header => "AuthHeader",
        Mechanism::Presigned { .. } => "QueryString",
    };
    SignatureRecord { version: "SigV4".to_owned(), method: method.to_owned() }
}
