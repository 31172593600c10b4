//! From a decided request to its handler. The table names every operation that is built; all others are authenticated,
//! decided, recorded and answered 501.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use strongroom_codec::RequestHead;
use strongroom_gate::{Body, Caller, ErrorReply, Gate, Handle, Ledger, RequestFacts};
use strongroom_identity::Identity;
use strongroom_s3::S3;
use strongroom_shape::{Operation, ServiceSchema, Structure};

use crate::decode;
use crate::encode::{self, Answer};
use crate::route::Routed;

/// The services.
pub(crate) struct Services {
    pub(crate) gate: Gate,
    pub(crate) s3: S3,
    pub(crate) identity: Identity,
}

/// Everything that one request brings to its handler.
pub(crate) struct Exchange {
    pub(crate) routed: Routed,
    pub(crate) method: http::Method,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: http::HeaderMap,
    pub(crate) caller: Caller,
    pub(crate) facts: RequestFacts,
    /// The whole body, for operations that need it before they are decided on.
    pub(crate) whole_body: Bytes,
    /// The streaming body.
    pub(crate) body: Option<Body>,
    pub(crate) ledger: Ledger,
    pub(crate) request_id: String,
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<Answer, ErrorReply>> + Send + 'a>>;

impl Exchange {
    fn decode(&self, input: &mut dyn Structure) -> Result<(), ErrorReply> {
        let head = RequestHead {
            method: &self.method,
            labels: &self.routed.labels,
            query: &self.query,
            headers: &self.headers,
        };
        let decoded = if self.caller == Caller::Anonymous {
            decode::decode_head(&self.routed, &head, input);
            Ok(())
        } else {
            decode::decode(&self.routed, &head, &self.whole_body, input)
        };
        let shown =
            strongroom_codec::render_cloudtrail_request(self.routed.service, self.routed.operation, &*input);
        self.ledger.fill(|decided| decided.request_parameters = Some(shown));
        decoded
    }
}

/// Decodes, decides, handles and encodes one operation.
async fn run<O: Operation>(
    gate: &Gate,
    handler: &dyn Handle<O>,
    mut exchange: Exchange,
) -> Result<Answer, ErrorReply> {
    let mut input = O::Input::default();
    exchange.decode(&mut input)?;
    let body = exchange.body.take();
    let Exchange { caller, facts, ledger, routed, request_id, .. } = exchange;
    let authorized = gate.authorize(caller, facts, input, body, &ledger).await.map_err(|no| no.reply())?;
    let reply = handler.handle(authorized).await?;
    let (output, extras) = encode::split(reply);
    encode::success(&routed, &output, extras, &request_id)
}

/// Decodes and decides one operation that is not built.
async fn refuse<O: Operation>(gate: &Gate, mut exchange: Exchange) -> Result<Answer, ErrorReply> {
    let mut input = O::Input::default();
    exchange.decode(&mut input)?;
    let body = exchange.body.take();
    let Exchange { caller, facts, ledger, routed, .. } = exchange;
    gate.authorize(caller, facts, input, body, &ledger).await.map_err(|no| no.reply())?;
    Err(encode::not_implemented(routed.operation.name))
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
    ($dispatch:ident, $api:ident, $handler:ident: built [$($built:ident)*] unbuilt [$($unbuilt:ident)*]) => {
        impl Services {
            pub(super) fn $dispatch(&self, name: &str, exchange: Exchange) -> Running<'_> {
                match name {
                    $(stringify!($built) => Box::pin(run::<$api::op::$built>(&self.gate, &self.$handler, exchange)),)*
                    $(stringify!($unbuilt) => Box::pin(refuse::<$api::op::$unbuilt>(&self.gate, exchange)),)*
                    other => Box::pin(std::future::ready(Err(encode::not_implemented(other)))),
                }
            }
        }

        $(impl Serves<$api::op::$built> for Services {
            const SERVICE: &'static ServiceSchema = &$api::SERVICE;

            fn handler(&self) -> &dyn Handle<$api::op::$built> {
                &self.$handler
            }
        })*
    };
}

impl Services {
    /// Runs the operation that `exchange` was routed to.
    pub(crate) fn dispatch(self: &Arc<Self>, exchange: Exchange) -> Running<'_> {
        let name = exchange.routed.operation.name;
        match exchange.routed.service.name {
            "s3" => self.dispatch_s3(name, exchange),
            "s3control" => self.dispatch_s3control(name, exchange),
            "sts" => self.dispatch_sts(name, exchange),
            "strongroom" => self.dispatch_strongroom(name, exchange),
            _ => Box::pin(std::future::ready(Err(encode::not_implemented(name)))),
        }
    }
}

pub(crate) mod errand;
mod slow;
mod table;
