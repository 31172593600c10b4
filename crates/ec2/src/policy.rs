//! Endpoint policies. Source: AWS PrivateLink Guide, "Control access to VPC endpoints using endpoint policies".

use strongroom_gate::{Authorized, ErrorReply};
use strongroom_policy::{Document, Kind};

use crate::error::Ec2Error;

/// "If you do not attach an endpoint policy, we attach the default endpoint policy", which allows everything.
pub(crate) const DEFAULT: &str = r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

/// A policy that a request brings, as it is kept: users and roles by their unique ids, so that one who is made again under
/// the same name is not let through by what was written for the first.
///
/// # Errors
/// `InvalidPolicyDocument`; errors of the store.
pub(crate) async fn kept<I: Send + Sync>(
    request: &mut Authorized<I>,
    text: &str,
) -> Result<String, ErrorReply> {
    let document = Document::parse(text.as_bytes(), Kind::Endpoint).map_err(Ec2Error::from)?;
    let kept = request.keep_principals(&document).await.map_err(|reply| match reply.code.as_ref() {
        "MalformedPolicy" => Ec2Error::Policy(reply.message).into(),
        _ => reply,
    })?;
    Ok(kept.as_str().to_owned())
}

/// A policy that is kept, as it is shown.
///
/// # Errors
/// `InternalError` for one that does not read; errors of the store.
pub(crate) async fn shown<I: Send + Sync>(
    request: &mut Authorized<I>,
    kept: &str,
) -> Result<String, ErrorReply> {
    let document = Document::stored(kept, Kind::Endpoint).map_err(|_| Ec2Error::Damaged)?;
    Ok(request.show_principals(&document).await?.as_str().to_owned())
}
