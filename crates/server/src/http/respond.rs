//! One request from hyper to the pipeline and back.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderValue, SERVER, STRICT_TRANSPORT_SECURITY,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tokio::sync::{mpsc, oneshot};

use super::body::{IncomingBody, Rest, RestSlot};
use super::handler::{Connection, Handler, Incoming, MalformedHead};
use super::outgoing::{AnswerBody, Finish, Outgoing, OutgoingBody};
use super::wire::Wire;
use crate::listener::ConnectionLimits;
use crate::listener::fault::HeadFault;
use crate::listener::limits::{DRAIN_TIMEOUT, MAX_DRAIN_BYTES};

/// The value of `Server`.
const SERVER_NAME: HeaderValue = HeaderValue::from_static("Strongroom");

/// A browser that has seen this uses TLS for a year (RFC 6797).
const STRICT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What the requests of one connection share.
#[derive(Clone)]
pub(crate) struct Responder {
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) connection: Arc<Connection>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) limits: ConnectionLimits,
    /// Held by every task that works on a request; the server waits for the last to go.
    pub(crate) alive: mpsc::Sender<()>,
}

impl Responder {
    /// Answers one request. The pipeline's call runs in a task of its own, so that it is not dropped half way when
    /// the client goes away; its answer is then reported as unsent.
    pub(crate) async fn respond(
        self,
        request: Request<hyper::body::Incoming>,
    ) -> Result<Response<AnswerBody>, Infallible> {
        if let Some(fault) = self.wire.next_served() {
            let answer = self.answer_malformed(fault).await;
            return Ok(self.finish(answer, request.method(), true));
        }
        let (parts, body) = request.into_parts();
        let strict = self.connection.tls.is_some() && !is_of_this_machine(&parts.headers);
        let awaits_continue = parts
            .headers
            .get(EXPECT)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let (body, rest) = IncomingBody::new(body, self.limits, awaits_continue);
        let target = parts.uri.path_and_query().map_or_else(|| "*".to_owned(), |it| it.as_str().to_owned());
        let incoming = Incoming {
            connection: Arc::clone(&self.connection),
            received_at: Instant::now(),
            method: parts.method.clone(),
            target,
            headers: parts.headers,
            body,
        };
        let answer = self.answer(incoming).await;
        let close = self.settle_rest(&rest);
        let mut response = self.finish(answer, &parts.method, close);
        if strict {
            response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, STRICT);
        }
        Ok(response)
    }

    async fn answer(&self, incoming: Incoming) -> Answer {
        let handler = Arc::clone(&self.handler);
        self.in_own_task(async move { handler.handle(incoming).await }).await
    }

    async fn answer_malformed(&self, fault: HeadFault) -> Answer {
        let (handler, connection) = (Arc::clone(&self.handler), Arc::clone(&self.connection));
        let malformed = MalformedHead { fault, received_at: Instant::now() };
        self.in_own_task(async move { handler.malformed(connection, malformed).await }).await
    }

    async fn in_own_task(&self, call: impl Future<Output = Outgoing> + Send + 'static) -> Answer {
        let (sender, receiver) = oneshot::channel();
        let alive = self.alive.clone();
        tokio::spawn(async move {
            let answer = Answer::new(call.await);
            // Without a receiver the answer is dropped here, and so reported as unsent.
            drop(sender.send(answer));
            drop(alive);
        });
        receiver.await.unwrap_or_else(|_| {
            tracing::error!(connection = self.connection.id, "a request's handler panicked");
            Answer::new(self.handler.panicked(&self.connection))
        })
    }

    /// Decides what becomes of the unread rest of a body, and whether the connection must close for it.
    fn settle_rest(&self, slot: &RestSlot) -> bool {
        let rest = std::mem::replace(&mut *slot.lock().unwrap_or_else(PoisonError::into_inner), Rest::Held);
        match rest {
            Rest::Held | Rest::Read => false,
            Rest::Unread { body, left: Some(left), awaits_continue: false } if left <= MAX_DRAIN_BYTES => {
                tokio::spawn(drain(body, self.alive.clone()));
                false
            }
            // Whether a client that awaits 100 Continue will send the body after all cannot be known (RFC 9110
            // section 10.1.1).
            Rest::Failed | Rest::Unread { .. } => true,
        }
    }

    fn finish(&self, answer: Answer, method: &Method, close: bool) -> Response<AnswerBody> {
        let Answer { status, mut headers, body, finish } = answer;
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = frame_answer(status, method, &mut headers, body);
        headers.insert(SERVER, SERVER_NAME);
        if close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let mut response = Response::new(AnswerBody::new(body, finish, &self.wire));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

/// Whether a request names its host as the machine it runs on. Other programs listen there too, without TLS, and a browser
/// would keep from them what it was told here: strictness holds for a host with all its ports.
fn is_of_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name =
        host.rsplit_once(':').map_or(host, |(name, _)| name).trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Sets the framing fields, and takes away the body that an answer must not have (RFC 9110 sections 6.4.1, 8.6).
fn frame_answer(
    status: StatusCode,
    method: &Method,
    headers: &mut HeaderMap,
    body: OutgoingBody,
) -> OutgoingBody {
    headers.remove(TRANSFER_ENCODING);
    if status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED || status.is_informational() {
        headers.remove(CONTENT_LENGTH);
        return OutgoingBody::Empty;
    }
    if method == Method::HEAD {
        if let Some(len) = body.len().filter(|len| *len > 0) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(len));
        }
        return OutgoingBody::Empty;
    }
    match body.len() {
        Some(len) => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(len));
        }
        None => {
            headers.remove(CONTENT_LENGTH);
        }
    }
    body
}

/// Reads the small rest of a body, so that the connection can be kept.
async fn drain(mut body: hyper::body::Incoming, alive: mpsc::Sender<()>) {
    let whole = async { while let Some(Ok(_)) = body.frame().await {} };
    drop(tokio::time::timeout(DRAIN_TIMEOUT, whole).await);
    drop(alive);
}

/// An answer on its way to the connection.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: OutgoingBody,
    finish: Finish,
}

impl Answer {
    fn new(outgoing: Outgoing) -> Self {
        let Outgoing { status, headers, body, finished } = outgoing;
        Self { status, headers, body, finish: Finish::new(finished) }
    }
}
