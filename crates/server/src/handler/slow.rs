//! Operations that may take long: the answer begins before they end.
//!
//! Source: S3 API Reference, CompleteMultipartUpload: "Amazon S3 periodically sends white space characters to keep the
//! connection from timing out. A request could fail after the initial 200 OK response has been sent."

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use strongroom_gate::ErrorReply;
use tokio::task::JoinHandle;

use super::{Exchange, Services};
use crate::encode::{self, Answer, Ids};
use crate::http::OutgoingBody;

/// How long an operation may take before its answer begins, and between signs of life.
const PATIENCE: Duration = Duration::from_secs(5);

type Outcome = Result<Answer, ErrorReply>;

impl Services {
    /// Runs an operation; if it takes longer than [`PATIENCE`], answers 200 and keeps the connection alive with spaces
    /// until the document is there.
    pub(crate) async fn dispatch_slowly(self: &Arc<Self>, exchange: Exchange) -> Outcome {
        let services = self.clone();
        let routed = exchange.routed.clone();
        let request_id = exchange.request_id.clone();
        let mut running = tokio::spawn(async move { services.dispatch(exchange).await });
        match tokio::time::timeout(PATIENCE, &mut running).await {
            Ok(ended) => ended.unwrap_or_else(|_| Err(encode::internal_error())),
            Err(_) => {
                let error_document = move |reply: &ErrorReply| {
                    let ids = Ids { request_id: &request_id, host_id: "", resource: "" };
                    encode::failure(routed.protocol, routed.service, reply, ids)
                };
                Ok(alive(running, error_document))
            }
        }
    }
}

/// An answer that has begun.
fn alive(
    running: JoinHandle<Outcome>,
    error_document: impl Fn(&ErrorReply) -> Answer + Send + 'static,
) -> Answer {
    let declaration = Bytes::from_static(strongroom_codec::XML_DECLARATION.as_bytes());
    let beginning = futures_util::stream::once(std::future::ready(Ok(declaration)));
    let rest = futures_util::stream::unfold(Some((running, error_document)), |state| async move {
        let (mut running, error_document) = state?;
        match tokio::time::timeout(PATIENCE, &mut running).await {
            Err(_) => Some((Ok(Bytes::from_static(b" ")), Some((running, error_document)))),
            Ok(ended) => {
                let outcome = ended.unwrap_or_else(|_| Err(encode::internal_error()));
                let answer = outcome.unwrap_or_else(|reply| error_document(&reply));
                Some((Ok(document(answer.body)), None))
            }
        }
    });
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    let body = OutgoingBody::Stream { len: None, chunks: Box::pin(beginning.chain(rest)) };
    Answer { status: 200, headers, body, error: None, object_size: None }
}

/// A document without its declaration, which was sent already.
fn document(body: OutgoingBody) -> Bytes {
    match body {
        OutgoingBody::Full(bytes) => {
            let declared = bytes.starts_with(strongroom_codec::XML_DECLARATION.as_bytes());
            if declared { bytes.slice(strongroom_codec::XML_DECLARATION.len()..) } else { bytes }
        }
        OutgoingBody::Empty | OutgoingBody::Stream { .. } => Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document_answer(body: &str) -> Answer {
        let body = OutgoingBody::Full(Bytes::from(format!("{}{body}", strongroom_codec::XML_DECLARATION)));
        Answer { status: 200, headers: HeaderMap::new(), body, error: None, object_size: None }
    }

    /// Everything that is sent of an answer that has begun, with the seconds at which it is.
    async fn sent(outcome: Outcome, takes: Duration) -> Vec<(u64, String)> {
        let running = tokio::spawn(async move {
            tokio::time::sleep(takes).await;
            outcome
        });
        let answer = alive(running, |reply| document_answer(&format!("<Error>{}</Error>", reply.code)));
        assert_eq!(answer.status, 200);
        let OutgoingBody::Stream { len: None, mut chunks } = answer.body else { panic!("not a stream") };
        let began = tokio::time::Instant::now();
        let mut sent = Vec::new();
        while let Some(chunk) = chunks.next().await {
            sent.push((began.elapsed().as_secs(), String::from_utf8(chunk.unwrap().to_vec()).unwrap()));
        }
        sent
    }

    #[tokio::test(start_paused = true)]
    async fn spaces_keep_the_connection_alive_and_one_document_follows() {
        let sent = sent(Ok(document_answer("<Done/>")), Duration::from_secs(12)).await;
        let expected = [(0, strongroom_codec::XML_DECLARATION), (5, " "), (10, " "), (12, "<Done/>")];
        assert_eq!(sent, expected.map(|(second, text)| (second, text.to_owned())));
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_after_the_beginning_comes_in_the_body_of_the_200() {
        let error = ErrorReply::new(400, "InvalidPart", "One part could not be found.");
        let sent = sent(Err(error), Duration::from_secs(6)).await;
        assert_eq!(sent.last(), Some(&(6, "<Error>InvalidPart</Error>".to_owned())));
    }
}
