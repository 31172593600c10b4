//! From a decided request to its handler. The table names every operation that is built; all others are authenticated,
//! decided, recorded and answered 501.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use strongroom_codec::RequestHead;
use strongroom_ec2::Ec2;
use strongroom_gate::{Authorized, Body, Caller, ErrorReply, Gate, Handle, Ledger, Refusal, RequestFacts};
use strongroom_identity::Identity;
use strongroom_organizations::Organizations;
use strongroom_posture::Posture;
use strongroom_s3::S3;
use strongroom_shape::{Input, Operation, ServiceSchema, Structure, Untyped};

use crate::decode;
use crate::encode::{self, Answer};
use crate::operator::Operator;
use crate::route::Routed;

/// The services.
pub(crate) struct Services {
    pub(crate) gate: Gate,
    pub(crate) s3: S3,
    pub(crate) identity: Identity,
    pub(crate) organizations: Organizations,
    pub(crate) ec2: Ec2,
    pub(crate) posture: Posture,
    pub(crate) operator: Operator,
}

/// Everything that one request brings to its handler.
pub(crate) struct Exchange {
    pub(crate) routed: Routed,
    pub(crate) method: http::Method,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: http::HeaderMap,
    pub(crate) caller: Caller,
    pub(crate) facts: RequestFacts,
    pub(crate) content: Content,
    pub(crate) ledger: Ledger,
    pub(crate) request_id: String,
}

/// What of a request's body its operation gets.
#[derive(Default)]
pub(crate) struct Content {
    /// The whole body, for operations that need it before they are decided on.
    pub(crate) whole: Bytes,
    /// The whole body, of a caller whom nobody knows: read once the head alone is allowed.
    pub(crate) deferred: Option<Deferred>,
    /// The streaming body.
    pub(crate) stream: Option<Body>,
    /// What is wrong with the body, which then is not there. It is told to those who may do what they ask.
    pub(crate) spoiled: Option<ErrorReply>,
}

/// A body that is still to be read.
pub(crate) type Deferred = Pin<Box<dyn Future<Output = Result<Bytes, ErrorReply>> + Send>>;

type Running<'a> = Pin<Box<dyn Future<Output = Result<Answer, ErrorReply>> + Send + 'a>>;

impl Exchange {
    fn decode(&self, input: &mut dyn Structure) -> Result<(), ErrorReply> {
        let head = RequestHead {
            method: &self.method,
            labels: &self.routed.labels,
            query: &self.query,
            headers: &self.headers,
        };
        let decoded = if self.content.deferred.is_some() {
            decode::decode_head(&self.routed, &head, input);
            Ok(())
        } else {
            decode::decode(&self.routed, &head, &self.content.whole, input)
        };
        let shown =
            strongroom_codec::render_cloudtrail_request(self.routed.service, self.routed.operation, &*input);
        self.ledger.fill(|decided| decided.request_parameters = Some(shown));
        decoded
    }

    /// Reads a body that was put off, if the head alone is allowed.
    async fn take_deferred(&mut self, gate: &Gate) -> Result<(), ErrorReply> {
        if self.content.deferred.is_none() {
            return Ok(());
        }
        let operation = self.routed.operation;
        let mut input = Untyped::input(operation);
        self.decode(&mut input)?;
        let (caller, facts) = (self.caller.clone(), self.facts.clone());
        let admitted = gate.decide(caller, facts, operation, &input, &self.ledger).await;
        admitted.map_err(|refusal| refusal.reply())?;
        if let Some(body) = self.content.deferred.take() {
            self.content.whole = body.await?;
        }
        Ok(())
    }
}

/// Decodes and decides. What does not decode is answered only to those whom the gate lets through, on as much as could be
/// read: a stranger learns that he is one, as on AWS.
async fn decide<I: Input>(gate: &Gate, mut exchange: Exchange) -> Result<Authorized<I>, ErrorReply> {
    exchange.take_deferred(gate).await?;
    let mut input = I::default();
    let decoded = exchange.decode(&mut input);
    let Exchange { caller, facts, ledger, content: Content { stream, spoiled, .. }, .. } = exchange;
    judge(gate.authorize(caller, facts, input, stream, &ledger).await, spoiled.map_or(decoded, Err))
}

/// The outcome of a decision on an input that may not have been sound.
fn judge<T>(decided: Result<T, Refusal>, sound: Result<(), ErrorReply>) -> Result<T, ErrorReply> {
    match (decided, sound) {
        (Ok(allowed), Ok(())) => Ok(allowed),
        (Ok(_) | Err(Refusal::Target(_)), Err(unsound)) => Err(unsound),
        (Err(refusal), _) => Err(refusal.reply()),
    }
}

/// Decodes, decides, handles and encodes one operation.
async fn run<O: Operation>(
    gate: &Gate,
    handler: &dyn Handle<O>,
    exchange: Exchange,
) -> Result<Answer, ErrorReply> {
    let (routed, request_id) = (exchange.routed.clone(), exchange.request_id.clone());
    let authorized = decide::<O::Input>(gate, exchange).await?;
    let concealment = authorized.concealment();
    let is_charged = authorized.is_charged_to_requester();
    let mut reply = match (handler.handle(authorized).await, concealment) {
        (Ok(reply), _) => reply,
        (Err(error), None) => return Err(error),
        (Err(error), Some(concealment)) => return Err(concealment.of(error).await),
    };
    if is_charged {
        reply.headers.push(("x-amz-request-charged", "requester".to_owned()));
    }
    let (output, extras) = encode::split(reply);
    encode::success(&routed, &output, extras, &request_id)
}

/// Decodes and decides one operation that is not built.
async fn refuse(gate: &Gate, mut exchange: Exchange) -> Result<Answer, ErrorReply> {
    exchange.take_deferred(gate).await?;
    let operation = exchange.routed.operation;
    let mut input = Untyped::input(operation);
    let decoded = exchange.decode(&mut input);
    let Exchange { caller, facts, ledger, content, .. } = exchange;
    let decided = gate.decide(caller, facts, operation, &input, &ledger).await;
    judge(decided, content.spoiled.map_or(decoded, Err))?;
    Err(encode::not_implemented(operation.name))
}

/// An operation that is built, and who handles it. The table implements it, so that work without a request reaches
/// exactly the operations that requests reach.
pub(crate) trait Serves<O: Operation> {
    /// The operation's service.
    const SERVICE: &'static ServiceSchema;

    /// Its handler.
    fn handler(&self) -> &dyn Handle<O>;
}

macro_rules! table {
    ($dispatch:ident, $api:ident, $($handler:ident: $($built:ident)*);+) => {
        impl Services {
            pub(super) fn $dispatch(&self, exchange: Exchange) -> Running<'_> {
                match exchange.routed.operation.name {
                    $($(stringify!($built) => {
                        Box::pin(run::<$api::op::$built>(&self.gate, &self.$handler, exchange))
                    })*)+
                    _ => Box::pin(refuse(&self.gate, exchange)),
                }
            }
        }

        $($(impl Serves<$api::op::$built> for Services {
            const SERVICE: &'static ServiceSchema = &$api::SERVICE;

            fn handler(&self) -> &dyn Handle<$api::op::$built> {
                &self.$handler
            }
        })*)+
    };
}

impl Services {
    /// Runs the operation that `exchange` was routed to.
    pub(crate) fn dispatch(self: &Arc<Self>, exchange: Exchange) -> Running<'_> {
        match exchange.routed.service.name {
            "s3" => self.dispatch_s3(exchange),
            "s3control" => self.dispatch_s3control(exchange),
            "iam" => self.dispatch_iam(exchange),
            "sts" => self.dispatch_sts(exchange),
            "organizations" => self.dispatch_organizations(exchange),
            "account" => self.dispatch_account(exchange),
            "accessanalyzer" => self.dispatch_accessanalyzer(exchange),
            "ec2" => self.dispatch_ec2(exchange),
            "strongroom" => self.dispatch_strongroom(exchange),
            _ => Box::pin(refuse(&self.gate, exchange)),
        }
    }
}

pub(crate) mod errand;
mod slow;
mod table;
