//! A second evaluator: over JSON values, as near to the sentences of AWS's documentation as can be, with no thought of
//! speed. It shares no code with the first.
//!
//! Source: IAM User Guide, "Policy evaluation logic", "Cross-account policy evaluation logic", "AWS JSON policy elements:
//! Principal" and "NotPrincipal", "IAM policy elements: Variables and tags".

mod condition;
mod text;

use serde_json::Value;

use condition::{all_hold, texts};
pub(crate) use text::Keys;
use text::{Perhaps, arn, like, marks, one_of};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Allow,
    ImplicitDeny,
    ExplicitDeny,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Anonymous,
    Root,
    User,
    Role,
    ServiceLinkedRole,
    Federated,
    WebIdentity,
    Service,
}

/// Who asks, by the names under which a policy may mean them.
pub(crate) struct Person {
    pub(crate) kind: Kind,
    pub(crate) account: Option<String>,
    /// Names of exactly this caller.
    pub(crate) own: Vec<String>,
    /// Names of the role of a session, or of the user behind a federated one.
    pub(crate) behind: Vec<String>,
    pub(crate) canonical: Option<String>,
}

/// A request and everything that has a say; a policy is a document as JSON.
pub(crate) struct Question<'a> {
    pub(crate) person: &'a Person,
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) resource_account: &'a str,
    pub(crate) keys: &'a Keys,
    pub(crate) management_account: Option<&'a str>,
    pub(crate) resource_control: Vec<Vec<&'a Value>>,
    pub(crate) service_control: Vec<Vec<&'a Value>>,
    pub(crate) endpoint: Option<&'a Value>,
    pub(crate) resource_policy: Option<&'a Value>,
    /// 0: nothing, 1: the account, 2: a group.
    pub(crate) acl: u8,
    pub(crate) restricted: bool,
    pub(crate) must_allow: bool,
    pub(crate) identity: Vec<&'a Value>,
    pub(crate) boundary: Option<&'a Value>,
    pub(crate) session: Option<Vec<&'a Value>>,
}

/// How near a grant comes: 0 not at all, 1 to the account, 2 to the role or user behind, 3 to the caller.
type Near = u8;

impl Question<'_> {
    pub(crate) fn decide(&self) -> Answer {
        let person = self.person;
        let linked = person.kind == Kind::ServiceLinkedRole;
        let account = person.account.as_deref();
        let rcps = if linked || self.management_account == Some(self.resource_account) {
            &[][..]
        } else {
            &self.resource_control
        };
        let free = linked || account.is_none() || self.management_account == account;
        let scps = if free { &[][..] } else { &self.service_control };
        let own = match person.kind {
            Kind::User | Kind::Role | Kind::ServiceLinkedRole => true,
            Kind::Federated => !person.behind.is_empty(),
            Kind::Anonymous | Kind::Root | Kind::WebIdentity | Kind::Service => false,
        };
        let identity = if own { self.identity.clone() } else { Vec::new() };
        let boundary = self.boundary.filter(|_| own);
        let session = self.session.clone();

        let mut everything: Vec<&Value> = rcps.iter().chain(scps).flatten().copied().collect();
        everything.extend(self.endpoint.iter().chain(&self.resource_policy).chain(&boundary));
        everything.extend(identity.iter().chain(session.iter().flatten()));
        if everything.iter().any(|policy| self.says(policy, "Deny", true) > 0) {
            return Answer::ExplicitDeny;
        }
        let allows = |policies: &[&Value]| policies.iter().any(|policy| self.says(policy, "Allow", true) > 0);
        let controlled = rcps.iter().chain(scps).all(|level| allows(level));
        if !controlled || self.endpoint.is_some_and(|policy| !allows(&[policy])) {
            return Answer::ImplicitDeny;
        }
        let within = boundary.is_none_or(|policy| allows(&[policy]))
            && session.as_ref().is_none_or(|policies| allows(policies));
        let caller_side = within && (!own || allows(&identity));
        let same = account == Some(self.resource_account);
        let acl = [0, 1, 3][usize::from(self.acl)];
        let by_resource = self.resource_policy.map_or(0, |policy| self.says(policy, "Allow", false)).max(acl);
        let trusted = same || person.kind == Kind::Service;
        let allowed = if by_resource > 0 && self.restricted && !trusted {
            false
        } else if account.is_none() {
            by_resource == 3
        } else if !same {
            by_resource > 0 && caller_side
        } else {
            match by_resource {
                3 => true,
                2 => within,
                0 if self.must_allow => false,
                _ => caller_side,
            }
        };
        if allowed { Answer::Allow } else { Answer::ImplicitDeny }
    }

    /// How near the statements with this effect come that are about the request. `tokens`: everybody includes those who
    /// have nothing but a token; not where something is granted.
    fn says(&self, policy: &Value, effect: &str, tokens: bool) -> Near {
        let variables = policy["Version"] == "2012-10-17";
        let statements = policy["Statement"]
            .as_array()
            .map_or_else(|| vec![&policy["Statement"]], |all| all.iter().collect());
        let about = statements.into_iter().filter(|statement| {
            statement["Effect"] == effect
                && self.has_action(statement)
                && self.has_resource(statement, variables)
                && all_hold(statement, variables, self.keys)
        });
        about.map(|statement| self.near(statement, tokens)).max().unwrap_or(0)
    }

    fn has_action(&self, statement: &Value) -> bool {
        let is = |element: &str| {
            texts(&statement[element]).iter().any(|pattern| {
                let marks = marks(&pattern.to_lowercase(), true, false, self.keys).unwrap();
                like(&marks, &self.action.to_lowercase())
            })
        };
        if statement.get("Action").is_some() { is("Action") } else { !is("NotAction") }
    }

    fn has_resource(&self, statement: &Value, variables: bool) -> bool {
        let is = |element: &str| -> Perhaps {
            let patterns = texts(&statement[element]);
            one_of(patterns.iter().map(|pattern| arn(pattern, self.resource, variables, self.keys)))
        };
        if statement.get("Resource").is_some() {
            is("Resource") == Some(true)
        } else {
            is("NotResource").map_or(statement["Effect"] == "Deny", |is| !is)
        }
    }

    fn near(&self, statement: &Value, tokens: bool) -> Near {
        if let Some(not) = statement.get("NotPrincipal") {
            return if self.spared(not) { 0 } else { 3 };
        }
        match statement.get("Principal") {
            None => 3,
            Some(principal) => {
                names(principal).iter().map(|(kind, name)| self.one(kind, name, tokens)).max().unwrap_or(0)
            }
        }
    }

    fn one(&self, kind: &str, name: &str, tokens: bool) -> Near {
        let person = self.person;
        let account = if person.kind == Kind::Root { 3 } else { 1 };
        match kind {
            "AWS" if name == "*" => {
                if tokens || person.kind != Kind::WebIdentity {
                    3
                } else {
                    0
                }
            }
            "CanonicalUser" => {
                if person.canonical.as_deref() == Some(name) {
                    account
                } else {
                    0
                }
            }
            "Service" => {
                if person.kind == Kind::Service && person.own.contains(&name.to_owned()) {
                    3
                } else {
                    0
                }
            }
            "Federated" => {
                if person.kind == Kind::WebIdentity && person.own.contains(&name.to_owned()) {
                    3
                } else {
                    0
                }
            }
            _ if person.own.contains(&name.to_owned()) => 3,
            _ if person.behind.contains(&name.to_owned()) => 2,
            _ => {
                let mine = person.account.as_ref();
                let root = mine.is_some_and(|mine| name == format!("arn:aws:iam::{mine}:root"));
                if root || mine.is_some_and(|mine| mine == name) { account } else { 0 }
            }
        }
    }

    /// "NotPrincipal": who is to be spared must be named, and the account too; nobody with a boundary is spared.
    fn spared(&self, element: &Value) -> bool {
        let names = names(element);
        let named = |wanted: Near| names.iter().any(|(kind, name)| self.one(kind, name, true) == wanted);
        if self.boundary.is_some() {
            return false;
        }
        if names.iter().any(|(kind, name)| kind == "AWS" && name == "*") {
            return true;
        }
        match self.person.kind {
            Kind::Anonymous | Kind::Root | Kind::Service | Kind::WebIdentity => named(3),
            Kind::User | Kind::Federated => named(1) && named(3),
            Kind::Role | Kind::ServiceLinkedRole => {
                let session = self
                    .person
                    .own
                    .first()
                    .and_then(|arn| arn.rsplit_once('/'))
                    .map(|(role, _)| role.to_owned() + "/");
                let sessions =
                    session.is_some_and(|role| names.iter().any(|(_, name)| name.starts_with(&role)));
                named(1) && named(2) && (!sessions || named(3))
            }
        }
    }
}

/// Each principal with the name that it stands under.
fn names(principal: &Value) -> Vec<(String, String)> {
    let Some(kinds) = principal.as_object() else {
        return vec![("AWS".to_owned(), principal.as_str().unwrap().to_owned())];
    };
    let each = |(kind, names): (&String, &Value)| {
        let kind = kind.clone();
        texts(names).into_iter().map(move |name| (kind.clone(), name)).collect::<Vec<_>>()
    };
    kinds.iter().flat_map(each).collect()
}
