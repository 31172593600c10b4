//! Work without a request from outside, on the way of a request: gate, handler, record.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use strongroom_gate::{
    Body, ByteStream, Caller, Dispatch, ErrorReply, Ledger, Reply, ReplyBody, RequestFacts, ServicePrincipal,
    WireFacts, is_read_only,
};
use strongroom_record::{Completed, Outcome, Record, encode};
use strongroom_shape::{Operation, ServiceSchema};
use strongroom_storage::{StoreClock, StoreError};
use strongroom_types::Region;

use super::{Serves, Services};
use crate::record::{Opened, Place, Registry, Unrecordable};

/// Does the errands of the store's own services.
pub struct Errands {
    pub(crate) services: Arc<Services>,
    pub(crate) registry: Arc<Registry>,
}

#[async_trait]
impl<O: Operation> Dispatch<O> for Errands
where
    Services: Serves<O>,
{
    async fn dispatch(
        &self,
        service: ServicePrincipal,
        region: Region,
        input: O::Input,
        body: Option<Body>,
    ) -> Result<Reply<O::Output>, ErrorReply> {
        let served = <Services as Serves<O>>::SERVICE;
        let Opened { mut decided, now, place } = self.registry.open().await.map_err(unrecorded)?;
        describe(&mut decided, &service, &region, (served, O::SCHEMA.name));
        decided.request_parameters =
            Some(strongroom_codec::render_cloudtrail_request(served, O::SCHEMA, &input));
        let completed = Completed {
            request_id: decided.request_id.clone(),
            outcome: Outcome::Aborted, // until it has ended
            ..Completed::default()
        };
        let (ledger, clock) = (Ledger::new(decided), self.registry.clock.clone());
        let mut ending =
            Ending { place: Some(place), ledger: ledger.clone(), clock, began: Instant::now(), completed };
        let facts = RequestFacts {
            service: served.name,
            region,
            now,
            source_ip: LOOPBACK,
            secure_transport: true,
            wire: WireFacts::default(),
        };
        let caller = Caller::Service(service);
        let result = match self.services.gate.authorize(caller, facts, input, body, &ledger).await {
            Ok(authorized) => Serves::<O>::handler(&*self.services).handle(authorized).await,
            Err(refusal) => Err(refusal.reply()),
        };
        ending.completed.outcome = Outcome::Sent;
        match result {
            Ok(mut reply) => {
                ending.completed.status = reply.status.unwrap_or(O::SCHEMA.status);
                ending.completed.object_size = reply.object_size;
                reply.body = reply.body.map(|body| ending.until_read(body));
                Ok(reply)
            }
            Err(reply) => {
                ending.completed.status = reply.status;
                ending.completed.error_code = Some(reply.code.to_string());
                ending.completed.error_message = Some(reply.message.clone());
                Err(reply)
            }
        }
    }
}

/// Errands come from this very process.
const LOOPBACK: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn unrecorded(why: Unrecordable) -> ErrorReply {
    match why {
        Unrecordable::Broken => {
            ErrorReply::new(503, "ServiceUnavailable", "Records cannot be kept now, so nothing is done.")
        }
        Unrecordable::Busy => ErrorReply::new(503, "SlowDown", "Please reduce your request rate."),
    }
}

/// Fills in what a record says of an errand. As in CloudTrail's events of services, the service's name stands where the
/// address and the user agent of a request would.
fn describe(
    decided: &mut strongroom_record::Decided,
    service: &ServicePrincipal,
    region: &Region,
    (served, operation): (&'static ServiceSchema, &'static str),
) {
    decided.caller = Caller::Service(service.clone()).record();
    service.name.clone_into(&mut decided.source_ip);
    decided.user_agent = Some(service.name.to_owned());
    decided.region = region.to_string();
    served.signing_name.clone_into(&mut decided.service);
    operation.clone_into(&mut decided.operation);
    decided.read_only = is_read_only(operation);
}

/// The rest of an errand's record, given when the errand is over: with its answer, with the last byte read of that, or
/// when whoever had sent it gives up.
struct Ending {
    /// There until the last record is given.
    place: Option<Place>,
    ledger: Ledger,
    clock: Arc<dyn StoreClock>,
    began: Instant,
    completed: Completed,
}

impl Ending {
    fn until_read(self, body: ReplyBody) -> ReplyBody {
        let bytes: ByteStream = Box::pin(ReadToEnd { bytes: body.bytes, rest: body.length, ending: self });
        ReplyBody { length: body.length, bytes }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        if let Some(record) = self.ledger.outstanding() {
            place.give(record);
        }
        self.completed.completed_at_millis = self.clock.now().as_millis();
        self.completed.total_micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.completed.turn_around_micros = self.completed.total_micros;
        place.give_last(encode(&Record::Completed(Box::new(std::mem::take(&mut self.completed)))));
    }
}

/// An answer's bytes, counted; one that is dropped before its end was aborted.
struct ReadToEnd {
    bytes: ByteStream,
    rest: u64,
    ending: Ending,
}

impl Stream for ReadToEnd {
    type Item = Result<Bytes, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.bytes.as_mut().poll_next(context);
        if let Poll::Ready(Some(Ok(piece))) = &next {
            let length = piece.len() as u64;
            self.rest = self.rest.saturating_sub(length);
            self.ending.completed.bytes_out = self.ending.completed.bytes_out.saturating_add(length);
        }
        next
    }
}

impl Drop for ReadToEnd {
    fn drop(&mut self) {
        if self.rest > 0 {
            self.ending.completed.outcome = Outcome::Aborted;
        }
    }
}

#[cfg(test)]
mod tests;
