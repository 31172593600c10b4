//! `ListWhoCan`: everybody who could, asked one by one.

use async_trait::async_trait;
use strongroom_api_strongroom as api;
use strongroom_gate::{
    Authorized, Caller, ErrorReply, Handle, Hypothesis, Reply, RequestFacts, RoleSession, RootUser,
};
use strongroom_policy::ContextMap;
use strongroom_types::{AccessKeyId, AccountId, CanonicalUserId};

use super::{Explainer, identity_failed, shape, supposed, unaskable};
use crate::operator::Operator;

/// Principals on one page, if the request does not say.
const PAGE: i32 = 100;

/// Principals asked about for one page, at most: those who cannot are not on it.
const ASKED: usize = 1_000;

/// Stands for whoever has an account elsewhere: no account has this number.
const OUTSIDER: &str = "000000000000";

/// Where a listing stands: so many callers of the first account behind another have been asked.
#[derive(Clone, Copy)]
struct Place {
    behind: AccountId,
    asked: usize,
}

impl Place {
    fn parse(token: &str) -> Option<Self> {
        let (behind, asked) = token.split_once('.')?;
        Some(Self { behind: AccountId::parse(behind).ok()?, asked: asked.parse().ok()? })
    }

    fn token(self) -> String {
        format!("{}.{}", self.behind, self.asked)
    }
}

/// One listing.
struct Asking<'a> {
    explainer: &'a Explainer,
    input: &'a api::ListWhoCanInput,
    facts: RequestFacts,
    supposed: ContextMap,
    found: Vec<api::PrincipalThatCan>,
}

impl Asking<'_> {
    async fn ask(&mut self, caller: Caller) -> Result<(), ErrorReply> {
        let who = shown(&caller);
        let hypothesis = Hypothesis {
            caller,
            request: self.facts.clone(),
            action: &self.input.action,
            resource: &self.input.resource,
            supposed: &self.supposed,
        };
        let decision = self.explainer.gate.would(&hypothesis).await.map_err(|error| unaskable(&error))?;
        if decision.is_allow() {
            let reason = shape::reason(&decision, &self.input.action);
            self.found.push(api::PrincipalThatCan { reason, ..who });
        }
        Ok(())
    }

    /// Goes on from a place until the page is full; gives the place where to go on.
    async fn page(&mut self, mut place: Place, limit: usize) -> Result<Option<Place>, ErrorReply> {
        let identity = &self.explainer.identity;
        let mut asked = 0;
        loop {
            let accounts = identity.accounts(Some(place.behind), 1).await.map_err(identity_failed)?;
            let Some(account) = accounts.first().map(|account| account.id) else { return Ok(None) };
            let callers = identity.callers_of(account, self.facts.now).await.map_err(identity_failed)?;
            for caller in callers.into_iter().skip(place.asked) {
                if self.found.len() >= limit || asked >= ASKED {
                    return Ok(Some(place));
                }
                self.ask(caller).await?;
                (place.asked, asked) = (place.asked + 1, asked + 1);
            }
            place = Place { behind: account, asked: 0 };
        }
    }
}

/// The root user of an account that is not of this installation: what it can, everybody with an account can.
fn outsider(account: AccountId) -> Caller {
    Caller::Root(RootUser {
        account,
        canonical: CanonicalUserId::from_bytes([0; 32]),
        access_key_id: AccessKeyId::long_term([0; 16]),
        session: None,
    })
}

fn shown(caller: &Caller) -> api::PrincipalThatCan {
    let (kind, principal) = match caller {
        Caller::Root(root) if root.account.to_string() == OUTSIDER => {
            return api::PrincipalThatCan {
                principal: "any account".to_owned(),
                kind: Some(api::PrincipalKind::AnyAccount),
                ..api::PrincipalThatCan::default()
            };
        }
        Caller::Root(_) => (api::PrincipalKind::Root, caller.arn()),
        Caller::User(_) => (api::PrincipalKind::User, caller.arn()),
        Caller::Role(role) => (api::PrincipalKind::Role, Some(RoleSession::role_arn(role))),
        Caller::Anonymous | Caller::Federated(_) | Caller::WebIdentity(_) | Caller::Service(_) => {
            (api::PrincipalKind::Anonymous, None)
        }
    };
    api::PrincipalThatCan {
        principal: principal.map_or_else(|| "anonymous".to_owned(), |arn| arn.to_string()),
        kind: Some(kind),
        account: caller.account().map(|account| account.to_string()),
        ..api::PrincipalThatCan::default()
    }
}

fn bad_token() -> ErrorReply {
    let message = "The NextToken is not one that this listing gave.";
    ErrorReply::new(400, "InvalidInputException", message).member("Reason", "INVALID_NEXT_TOKEN")
}

#[async_trait]
impl Handle<api::op::ListWhoCan> for Operator {
    async fn handle(
        &self,
        request: Authorized<api::ListWhoCanInput>,
    ) -> Result<Reply<api::ListWhoCanOutput>, ErrorReply> {
        let input = request.input();
        let mut asking = Asking {
            explainer: &self.explainer,
            input,
            facts: self.explainer.facts(),
            supposed: supposed(input.context.as_ref()),
            found: Vec::new(),
        };
        let limit = usize::try_from(input.max_results.unwrap_or(PAGE)).unwrap_or(1);
        let place = match &input.next_token {
            Some(token) => Place::parse(token).ok_or_else(bad_token)?,
            None => {
                let behind = AccountId::parse(OUTSIDER).map_err(|_| bad_token())?;
                asking.ask(Caller::Anonymous).await?;
                asking.ask(outsider(behind)).await?;
                Place { behind, asked: 0 }
            }
        };
        let next_token = asking.page(place, limit).await?.map(Place::token);
        Ok(Reply::new(api::ListWhoCanOutput { principals: asking.found, next_token }))
    }
}
