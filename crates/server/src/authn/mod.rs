//! Who signed: a caller out of an authentication input, or the error that AWS gives.

mod fault;

use strongroom_gate::{Caller, ErrorReply};
use strongroom_identity::Identity;
use strongroom_record::SignatureRecord;
use strongroom_sigv4::{
    AuthInput, BodyDigest, ExpectedScope, Mechanism, PayloadCheck, PostInput, RegionRule, SignedRequest,
    SigningKeyCache, VerifiedPost,
};
use strongroom_types::{Region, Timestamp};

use crate::post::PostForm;

pub(crate) use fault::{auth_reply, body_reply, post_reply};

/// Verifies signatures against the installation's credentials.
pub(crate) struct Authn {
    identity: Identity,
    signing_keys: SigningKeyCache,
    regions: std::sync::Arc<[Region]>,
}

/// A request whose author is known (or is nobody), and what is still to be checked of its body.
pub(crate) struct Authenticated {
    pub(crate) caller: Caller,
    pub(crate) signature: Option<SignatureRecord>,
    pub(crate) payload: PayloadCheck,
    pub(crate) region: Option<Region>,
}

impl Authn {
    pub(crate) fn new(identity: Identity, regions: std::sync::Arc<[Region]>) -> Self {
        Self { identity, signing_keys: SigningKeyCache::new(), regions }
    }

    /// Verifies a request for the service that its scope names.
    ///
    /// # Errors
    /// AWS's code for each failure; the same for unknown and inactive keys.
    pub(crate) async fn authenticate(
        &self,
        input: &AuthInput,
        now: Timestamp,
        body: BodyDigest,
    ) -> Result<Authenticated, ErrorReply> {
        let AuthInput::Signed(signed) = input else {
            return Ok(Authenticated {
                caller: Caller::Anonymous,
                signature: None,
                payload: PayloadCheck::Unsigned,
                region: None,
            });
        };
        let service = signed.scope().service().to_owned();
        let is_s3 = signed.scope().is_s3();
        let region = self.expected_region(signed);
        let rule = if is_s3 { RegionRule::Exactly(&region) } else { RegionRule::Any };
        let expected = ExpectedScope { region: rule, service: &service };
        let fail = |error| auth_reply(&error, is_s3);
        signed.check_scope_and_time(now, &expected).map_err(fail)?;
        if signed.session_token().is_some() {
            return Err(fault::unknown_token(is_s3));
        }
        let credential = signed.credential();
        let found = self.identity.credential(&credential.access_key_id).await.map_err(ErrorReply::from)?;
        let found = found.ok_or_else(|| fault::unknown_key(&credential.access_key_id, is_s3))?;
        let key = self.signing_keys.signing_key(&credential.access_key_id, &found.secret, signed.scope());
        let verified = signed.verify(&key, now, &expected, body).map_err(fail)?;
        let (head, payload) = verified.into_parts();
        Ok(Authenticated {
            caller: found.caller,
            signature: Some(signature_record(head.mechanism())),
            payload,
            region: Some(head.scope().region().clone()),
        })
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
        if signed.session_token().is_some() {
            return Err(fault::unknown_token(true));
        }
        let credential = signed.credential();
        let region = self.region_or_home(credential.scope.region());
        let expected = ExpectedScope { region: RegionRule::Exactly(&region), service: "s3" };
        let found = self.identity.credential(&credential.access_key_id).await.map_err(ErrorReply::from)?;
        let found = found.ok_or_else(|| fault::unknown_key(&credential.access_key_id, true))?;
        let key = self.signing_keys.signing_key(&credential.access_key_id, &found.secret, &credential.scope);
        let verified = signed.verify(&key, now, &expected).map_err(|error| post_reply(&error))?;
        let signature = SignatureRecord { version: "SigV4".to_owned(), method: "POST".to_owned() };
        let authenticated = Authenticated {
            caller: found.caller,
            signature: Some(signature),
            payload: PayloadCheck::Unsigned,
            region: Some(verified.scope().region().clone()),
        };
        Ok((authenticated, Some(verified)))
    }

    /// The region of the scope, if it is one of ours; otherwise the home region, which the error then names.
    fn expected_region(&self, signed: &SignedRequest) -> Region {
        self.region_or_home(signed.scope().region())
    }

    fn region_or_home(&self, named: &Region) -> Region {
        let ours = self.regions.iter().find(|region| *region == named).or_else(|| self.regions.first());
        ours.cloned().unwrap_or_else(Region::us_east_1)
    }
}

/// How a request is signed, as records say it.
pub(crate) fn signature_record(mechanism: Mechanism) -> SignatureRecord {
    let method = match mechanism {
        Mechanism::Header => "AuthHeader",
        Mechanism::Presigned { .. } => "QueryString",
    };
    SignatureRecord { version: "SigV4".to_owned(), method: method.to_owned() }
}
