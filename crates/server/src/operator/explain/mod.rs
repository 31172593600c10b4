//! `ExplainDecision` and `ListWhoCan`: why a request is allowed or denied, and who could make it.

mod shape;
mod who_can;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use async_trait::async_trait;
use strongroom_api_strongroom as api;
use strongroom_gate::{
    Authorized, Caller, ErrorReply, Gate, Handle, Hypothesis, Reply, RequestFacts, Unaskable, WireFacts,
};
use strongroom_identity::{Identity, IdentityError};
use strongroom_policy::ContextMap;
use strongroom_policy::document::AwsPrincipal;
use strongroom_record::{CallerKind, Completed, Decided, Record};
use strongroom_storage::StoreClock;
use strongroom_trail::{Archive, Query};
use strongroom_types::{Region, Timestamp};

use super::{Operator, store_failed};
use crate::installation::Installation;

/// Records of one request that are looked at: its two parts, and as many continuations as stand between them.
const RECORDS: usize = 64;

/// Answers questions about decisions.
pub(super) struct Explainer {
    gate: Gate,
    identity: Identity,
    archive: Arc<Archive>,
    clock: Arc<dyn StoreClock>,
    home: Region,
}

/// A question about a request that nobody made, or made earlier.
struct Question {
    principal: String,
    action: String,
    resource: String,
    request: RequestFacts,
    supposed: ContextMap,
}

impl Explainer {
    pub(super) fn new(
        gate: &Gate,
        installation: &Installation,
        archive: Arc<Archive>,
        home: &Region,
    ) -> Self {
        let (identity, clock) = (installation.identity.clone(), installation.clock.clone());
        Self { gate: gate.clone(), identity, archive, clock, home: home.clone() }
    }

    /// A request over TLS that comes now, from no particular address.
    fn facts(&self) -> RequestFacts {
        RequestFacts {
            service: "s3",
            region: self.home.clone(),
            now: self.clock.now(),
            source_ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            secure_transport: true,
            wire: WireFacts { tls_version: Some("1.3"), ..WireFacts::default() },
        }
    }

    async fn explain(&self, question: &Question) -> Result<api::Explanation, ErrorReply> {
        let caller = self.caller(&question.principal).await?;
        let hypothesis = Hypothesis {
            caller,
            request: question.request.clone(),
            action: &question.action,
            resource: &question.resource,
            supposed: &question.supposed,
        };
        let explained = self.gate.explain(&hypothesis).await.map_err(|error| unaskable(&error))?;
        let Question { principal, action, resource, .. } = question;
        Ok(shape::explanation([principal, action, resource], explained))
    }

    async fn caller(&self, principal: &str) -> Result<Caller, ErrorReply> {
        if principal == "anonymous" {
            return Ok(Caller::Anonymous);
        }
        let parsed = AwsPrincipal::parse(principal).ok_or_else(|| unknown_principal(principal))?;
        let caller = self.identity.caller_named(&parsed, self.clock.now()).await;
        caller.map_err(identity_failed)?.ok_or_else(|| unknown_principal(principal))
    }

    /// What the records tell of a request.
    async fn recorded(&self, id: &str) -> Result<(Box<Decided>, Option<Box<Completed>>), ErrorReply> {
        let query = Query { request_id: Some(id.to_owned()), ..Query::default() };
        let found = self.archive.find(&query, None, RECORDS).await.map_err(|error| {
            tracing::error!(%error, "the records of a request could not be looked up");
            ErrorReply::new(500, "ServiceException", "The records could not be read.")
        })?;
        let (mut decided, mut completed) = (None, None);
        for (_, record) in found {
            match record {
                Record::Decided(first) => decided = Some(first),
                Record::Completed(second) => completed = Some(second),
                Record::Continued(_) | Record::Coalesced(_) => {}
            }
        }
        decided.map(|decided| (decided, completed)).ok_or_else(|| {
            let message = format!(
                "No request {id} is recorded. A record is found some 200 ms after its answer, and as long as records are kept."
            );
            ErrorReply::new(400, "RequestNotFoundException", message)
        })
    }

    /// The question that an earlier request was, as far as the record tells; `None` if there was nothing to decide.
    fn again(&self, decided: &Decided) -> Option<Question> {
        let principal = match (&decided.caller.arn, decided.caller.kind) {
            (Some(arn), _) => arn.clone(),
            (None, CallerKind::Anonymous) => "anonymous".to_owned(),
            (None, _) => return None,
        };
        let request = RequestFacts {
            region: Region::parse(&decided.region).unwrap_or_else(|_| self.home.clone()),
            now: Timestamp::from_millis(decided.received_at_millis),
            source_ip: decided.source_ip.parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            secure_transport: decided.tls.is_some(),
            wire: WireFacts {
                user_agent: decided.user_agent.clone(),
                referer: decided.referer.clone(),
                ..WireFacts::default()
            },
            ..self.facts()
        };
        Some(Question {
            principal,
            action: decided.action.clone()?,
            resource: resource_of(decided),
            request,
            // By this key alone the endpoint and its policy are found, as they are now.
            supposed: decided
                .vpc_endpoint_id
                .iter()
                .fold(ContextMap::new(), |map, id| map.with("aws:SourceVpce", id)),
        })
    }
}

/// What a request was about: through an access point, as its caller's policies know it.
fn resource_of(decided: &Decided) -> String {
    match (&decided.access_point_arn, &decided.key, decided.resources.first()) {
        (Some(arn), Some(key), _) => format!("{arn}/object/{key}"),
        (Some(arn), None, _) => arn.clone(),
        (None, _, Some(resource)) => resource.arn.clone(),
        (None, _, None) => "*".to_owned(),
    }
}

fn supposed(entries: Option<&Vec<api::ContextEntry>>) -> ContextMap {
    let mut map = ContextMap::new();
    for entry in entries.into_iter().flatten() {
        map.insert(&entry.key.to_lowercase(), entry.values.clone());
    }
    map
}

fn invalid(message: impl Into<String>) -> ErrorReply {
    ErrorReply::new(400, "InvalidInputException", message.into()).member("Reason", "INVALID_QUESTION")
}

fn unknown_principal(principal: &str) -> ErrorReply {
    let message = format!(
        "{principal} is no principal of this installation: give the ARN of a user, a role or a role's session, an account's number, or \"anonymous\"."
    );
    ErrorReply::new(400, "PrincipalNotFoundException", message)
}

fn unaskable(error: &Unaskable) -> ErrorReply {
    match error {
        Unaskable::NoSuchBucket(_) | Unaskable::NoSuchAccessPoint(_) | Unaskable::Resource(_) => {
            invalid(error.to_string())
        }
        Unaskable::Store(error) => store_failed(error),
    }
}

fn identity_failed(error: IdentityError) -> ErrorReply {
    if let IdentityError::Store(error) = error {
        return store_failed(&error);
    }
    tracing::error!(%error, "an identity could not be read");
    ErrorReply::new(500, "ServiceException", "An identity could not be read.")
}

#[async_trait]
impl Handle<api::op::ExplainDecision> for Operator {
    async fn handle(
        &self,
        request: Authorized<api::ExplainDecisionInput>,
    ) -> Result<Reply<api::ExplainDecisionOutput>, ErrorReply> {
        let explainer = &self.explainer;
        let input = request.input();
        let supposed = supposed(input.context.as_ref());
        if let Some(id) = &input.request_id {
            if input.principal.is_some() || input.action.is_some() || input.resource.is_some() {
                return Err(invalid("Give either a request id, or a principal, an action and a resource."));
            }
            let (decided, completed) = explainer.recorded(id).await?;
            let explanation = match explainer.again(&decided) {
                // Its caller or its bucket may be gone: what was recorded still holds.
                Some(question) => explainer.explain(&Question { supposed, ..question }).await.ok(),
                None => None,
            };
            let request = Some(Box::new(shape::recorded(&decided, completed.as_deref())));
            return Ok(Reply::new(api::ExplainDecisionOutput {
                explanation: explanation.map(Box::new),
                request,
            }));
        }
        let (Some(principal), Some(action), Some(resource)) =
            (&input.principal, &input.action, &input.resource)
        else {
            return Err(invalid("Give a request id, or a principal, an action and a resource."));
        };
        let question = Question {
            principal: principal.clone(),
            action: action.clone(),
            resource: resource.clone(),
            request: explainer.facts(),
            supposed,
        };
        let explanation = Some(Box::new(explainer.explain(&question).await?));
        Ok(Reply::new(api::ExplainDecisionOutput { explanation, request: None }))
    }
}
