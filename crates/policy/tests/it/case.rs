//! A random request with random policies of every kind.

use proptest::prelude::*;
use strongroom_policy::evaluate::{AclGrant, Attached, Level, Principal, ResourceSide, evaluate};
use strongroom_policy::{ContextMap, Decision, Document, Kind, Policy, PolicySets, Request, explain};
use strongroom_types::CanonicalUserId;

use crate::world::{self, ACTIONS, RESOURCES};

/// The slots of policies (resource control, service control, endpoint, resource, two of the caller's, boundary,
/// session), and whether each names principals.
pub(crate) const SLOTS: [bool; 8] = [true, false, true, true, false, false, false, false];

pub(crate) const CANONICAL: &str = "abababababababababababababababababababababababababababababababab";

#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// The statements of each policy.
    pub(crate) slots: Vec<Vec<String>>,
    pub(crate) newer: [bool; 8],
    /// Which of the policies that may be missing are there: resource control, service control, endpoint, boundary,
    /// session.
    pub(crate) present: [bool; 5],
    pub(crate) acl: usize,
    pub(crate) restricted: bool,
    pub(crate) must_allow: bool,
    /// The canonical user id is the one that policies name.
    pub(crate) canonical: bool,
    /// The account of the management account.
    pub(crate) management: Option<usize>,
    pub(crate) principal: Principal,
    pub(crate) action: &'static str,
    pub(crate) resource: &'static str,
    pub(crate) context: ContextMap,
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let slots = SLOTS.map(|names| world::statements(names).boxed()).to_vec();
    let asked = (
        world::principal(),
        prop::sample::select(ACTIONS),
        prop::sample::select(RESOURCES),
        world::context(),
    );
    let newer = prop::array::uniform8(prop::bool::weighted(0.8));
    let few = || prop::bool::weighted(0.2);
    let flags = (
        any::<[bool; 5]>(),
        newer,
        0..3_usize,
        few(),
        few(),
        any::<bool>(),
        prop::option::weighted(0.2, 0..2_usize),
    );
    (slots, flags, asked).prop_map(|(slots, flags, (principal, action, resource, context))| {
        let (present, newer, acl, restricted, must_allow, canonical, management) = flags;
        Case {
            slots,
            newer,
            present,
            acl,
            restricted,
            must_allow,
            canonical,
            management,
            principal,
            action,
            resource,
            context,
        }
    })
}

impl Case {
    pub(crate) fn documents(&self) -> Vec<Document> {
        let slots = self.slots.iter().zip(SLOTS).zip(self.newer);
        // Of the kinds that name principals: one that only limits, and one that grants.
        let kind = |index, names| match (index, names) {
            (3, _) => Kind::Key,
            (_, true) => Kind::Endpoint,
            (_, false) => Kind::Managed,
        };
        let documents = slots
            .enumerate()
            .map(|(index, ((slot, names), newer))| world::document(slot, kind(index, names), newer));
        documents.collect()
    }

    /// What is decided with the policies of [`Self::documents`].
    pub(crate) fn decision(&self, policies: &[Policy]) -> Decision {
        self.asked(policies, |request, sets| {
            let decision = evaluate(request, sets);
            assert_eq!(explain(request, sets).decision, decision, "the trace tells another answer");
            decision
        })
    }

    /// The request, put with the policies of [`Self::documents`].
    pub(crate) fn asked<T>(
        &self,
        policies: &[Policy],
        ask: impl FnOnce(&Request<'_>, &PolicySets<'_>) -> T,
    ) -> T {
        const NAMES: [&str; 8] = ["rcp", "scp", "endpoint", "resource", "one", "two", "boundary", "session"];
        let named =
            NAMES.iter().zip(policies).map(|(name, policy)| Attached { name, policy }).collect::<Vec<_>>();
        let [rcp, scp, endpoint, resource, one, two, boundary, session] = named[..] else { panic!() };
        let [has_rcp, has_scp, has_endpoint, has_boundary, has_session] = self.present;
        let (rcps, scps) =
            ([Level { target: "r", policies: &[rcp] }], [Level { target: "r", policies: &[scp] }]);
        let (identity, sessions) = ([one, two], [session]);
        let acl = [AclGrant::None, AclGrant::Account, AclGrant::Group][self.acl];
        let (restricted, must_allow) = (self.restricted, self.must_allow);
        let sets = PolicySets {
            management_account: self.management.map(world::account),
            resource_control: if has_rcp { &rcps } else { &[] },
            service_control: if has_scp { &scps } else { &[] },
            endpoint: has_endpoint.then_some(endpoint),
            resource: ResourceSide { arn: None, policy: Some(resource), acl, restricted, must_allow },
            identity: &identity,
            boundary: has_boundary.then_some(boundary),
            session: has_session.then_some(&sessions),
        };
        let request = Request {
            principal: &self.principal,
            canonical_user: self.canonical.then(|| CanonicalUserId::parse(CANONICAL).unwrap()),
            action: self.action,
            resource: self.resource,
            resource_account: world::account(0),
            context: &self.context,
        };
        ask(&request, &sets)
    }

    pub(crate) fn allowed(&self) -> bool {
        let policies = self.documents().iter().map(Policy::compile).collect::<Vec<_>>();
        self.decision(&policies).is_allow()
    }

    pub(crate) fn with(&self, slot: usize, change: impl FnOnce(&mut Vec<String>)) -> Self {
        let mut other = self.clone();
        change(&mut other.slots[slot]);
        other
    }
}
