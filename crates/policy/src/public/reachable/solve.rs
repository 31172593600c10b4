//! A value for each part of a request: action, resource, caller and each condition key.

use strongroom_types::AccountId;

use super::keys::{Values, Who};
use super::language::{Test, lifted};
use super::search::{Case, Model, Signed};
use super::word::{Demand, Found, Language, find};
use crate::condition::{Condition, Family, SetOperator};
use crate::document::{AwsPrincipal, Effect, PrincipalElement, PrincipalEntry};
use crate::evaluate::{FederatedUser, Grant, Principal, RoleSession, User, grant_entries};
use crate::kind::Kind;

/// The forms of a caller's ARN, the one that people know best first.
const CALLERS: [&str; 4] = [
    "arn:aws:iam::############:user/?*",
    "arn:aws:iam::############:role/?*",
    "arn:aws:iam::############:root",
    "arn:aws:sts::############:federated-user/?*",
];

/// An address that nobody has. Source: RFC 5737, section 3.
const SOMEWHERE: &str = "198.51.100.1";

/// One of the callers of a kind, where it does not matter which.
pub(super) fn example(who: &Who) -> Principal {
    principal(who, Some("arn:aws:iam::000000000000:user/x"), None)
}

/// The caller with this ARN.
pub(super) fn principal(who: &Who, arn: Option<&str>, userid: Option<&str>) -> Principal {
    let name = match who {
        Who::Anonymous => return Principal::Anonymous,
        Who::Bearer(provider) => return Principal::WebIdentity(provider.clone()),
        Who::Foreign => arn.unwrap_or_default(),
    };
    let mut parts = name.splitn(6, ':').skip(4);
    let account = parts.next().and_then(|account| AccountId::parse(account).ok());
    let (Some(account), resource) = (account, parts.next().unwrap_or_default()) else {
        return Principal::Anonymous;
    };
    let id = userid.and_then(|id| id.split(':').next()).unwrap_or("AIDA0000000OUTSIDER0").to_owned();
    match resource.split_once('/') {
        Some(("user", name)) => Principal::User(User { account, name: name.to_owned(), id }),
        Some(("role", name)) => Principal::RoleSession(RoleSession {
            account,
            role: name.to_owned(),
            role_id: id,
            session: "outsider".to_owned(),
            service_linked: false,
        }),
        Some((_, name)) => {
            Principal::FederatedUser(FederatedUser { account, name: name.to_owned(), issuer: None })
        }
        None => Principal::Root(account),
    }
}

impl Case<'_> {
    pub(super) fn solve_action(&self, tests: &[Test]) -> Option<String> {
        let service = match self.world.document.kind() {
            Kind::Bucket | Kind::AccessPoint => "s3:?*",
            Kind::Key => "kms:?*",
            Kind::Trust => "sts:?*",
            Kind::Managed
            | Kind::UserInline
            | Kind::GroupInline
            | Kind::RoleInline
            | Kind::Boundary
            | Kind::Session
            | Kind::ServiceControl
            | Kind::ResourceControl
            | Kind::FullResourceControl
            | Kind::Endpoint => "?%:?*",
        };
        self.word(tests, &[&Language::form(service)], &Language::none())
    }

    pub(super) fn solve_resource(&self, tests: &[Test]) -> Option<String> {
        let form = match self.world.document.kind() {
            Kind::Bucket => "arn:aws:s3:::?*".to_owned(),
            Kind::AccessPoint => format!("arn:aws:s3:%:{}:accesspoint/?*", self.world.owner),
            Kind::Key => format!("arn:aws:kms:%:{}:key/?*", self.world.owner),
            Kind::Trust => format!("arn:aws:iam::{}:role/?*", self.world.owner),
            Kind::Managed
            | Kind::UserInline
            | Kind::GroupInline
            | Kind::RoleInline
            | Kind::Boundary
            | Kind::Session
            | Kind::ServiceControl
            | Kind::ResourceControl
            | Kind::FullResourceControl
            | Kind::Endpoint => "arn:aws:%:%:%:?*".to_owned(),
        };
        self.word(tests, &[&Language::form(&form)], &Language::none())
    }

    pub(super) fn solve_arn(&self, tests: &[Test]) -> Option<String> {
        let mut tests = tests.to_vec();
        if let Some(Some(arn)) = self.assigned.get("aws:principalarn") {
            tests.push(Test::new(Language::text(arn), true));
        }
        let forbidden = self.world.fixed.arns("aws:principalarn");
        CALLERS.iter().find_map(|form| self.word(&tests, &[&Language::form(form)], &forbidden))
    }

    /// What a condition over the caller's ARN or account demands of the ARN; `None` if it cannot be met, or not told.
    pub(super) fn identity_test(&self, signed: Signed<'_>) -> Option<Test> {
        match signed.condition.family() {
            Family::Presence => {
                let present = self.context(&Model {
                    arn: Some("arn:aws:iam::000000000000:root".to_owned()),
                    ..Model::default()
                });
                let holds = signed.condition.holds(&present, signed.denies);
                (holds == signed.holds).then(|| Test::new(Language::none(), false))
            }
            Family::Text => {
                let test = self.test(signed)?;
                let test =
                    if &*signed.condition.key == "aws:principalaccount" { lifted(&test) } else { test };
                Some(test.turned(signed.holds))
            }
            Family::Bool | Family::Number | Family::Date | Family::Binary | Family::Address => {
                self.world.gap.set(true);
                None
            }
        }
    }

    /// The callers whom a denial does not concern.
    pub(super) fn spares(&self, element: &PrincipalElement) -> Test {
        let mut concerned = Language::none();
        for entry in element.entries() {
            let PrincipalEntry::Aws(principal) = entry else {
                if *entry == PrincipalEntry::Everyone {
                    concerned.add(Language::all());
                }
                continue;
            };
            match principal {
                AwsPrincipal::Everyone => concerned.add(Language::all()),
                AwsPrincipal::Account(account) | AwsPrincipal::Root(account) if !element.negated => {
                    concerned.add(Language::form(&format!("arn:aws:%::{account}:*")));
                }
                AwsPrincipal::Account(account) | AwsPrincipal::Root(account) => {
                    concerned.add(self.spared_text(element, &AwsPrincipal::Root(*account).to_string()));
                }
                AwsPrincipal::User(..) | AwsPrincipal::Role(..) | AwsPrincipal::FederatedUser(..) => {
                    let arn = principal.to_string();
                    let whole =
                        if element.negated { self.spared_text(element, &arn) } else { Language::text(&arn) };
                    concerned.add(whole);
                }
                AwsPrincipal::AssumedRole { .. } | AwsPrincipal::UniqueId(_) => {}
            }
        }
        Test::new(concerned, element.negated)
    }

    /// The ARN, if `NotPrincipal` spares its bearer.
    fn spared_text(&self, element: &PrincipalElement, arn: &str) -> Language {
        let who = principal(self.who, Some(arn), None);
        let spared = grant_entries(element, Effect::Deny, &who) == Grant::None;
        if spared { Language::text(arn) } else { Language::none() }
    }

    /// A word that meets all tests, in one of the forms and not forbidden.
    fn word(&self, tests: &[Test], forms: &[&Language], forbidden: &Language) -> Option<String> {
        let mut demands: Vec<Demand<'_>> = forms.iter().map(|form| (*form, true)).collect();
        demands.push((forbidden, false));
        demands.extend(tests.iter().map(|test| (&*test.language, test.wanted)));
        demands.retain(|(language, wanted)| *wanted || !language.patterns().is_empty());
        match find(&demands, &self.world.budget) {
            Found::Word(word) => Some(word),
            Found::None => None,
            Found::TooHard => {
                self.world.gap.set(true);
                None
            }
        }
    }

    /// Values of a key that do what is asked; empty: the key is absent.
    pub(super) fn solve_key(&self, key: &str, signed: &[Signed<'_>]) -> Option<Vec<String>> {
        let fits = |values: &[String]| self.fits(key, values, signed);
        if let Some(value) = self.assigned.get(key) {
            let values = value.iter().cloned().collect::<Vec<_>>();
            return fits(&values).then_some(values);
        }
        let traits = self.world.traits(key, self.who);
        if traits.may_be_absent && fits(&[]) {
            return Some(Vec::new());
        }
        match traits.values {
            Values::None => None,
            Values::OneOf(values) => values.into_iter().map(|value| vec![value]).find(|one| fits(one)),
            Values::Free { form, forbidden } => {
                let pick = |wants: &[(Signed<'_>, bool)]| self.pick(key, wants, &form, &forbidden);
                let single = pick(&signed.iter().map(|one| (*one, one.holds)).collect::<Vec<_>>());
                let single = single.map(|value| vec![value]).filter(|values| fits(values));
                let empty = || (self.family(key) == Some(Family::Text)).then(|| vec![String::new()]);
                let in_form = |values: &Vec<String>| self.is_of(values, &form, &forbidden);
                let single = single.or_else(|| empty().filter(in_form).filter(|values| fits(values)));
                single.or_else(|| {
                    if traits.may_be_many { several(signed, pick) } else { None }.filter(|all| fits(all))
                })
            }
        }
    }

    fn family(&self, key: &str) -> Option<Family> {
        self.world.families.get(key).copied().flatten()
    }

    fn is_of(&self, values: &[String], form: &Language, forbidden: &Language) -> bool {
        values.iter().all(|value| {
            let exactly = Test::new(Language::text(value), true);
            self.word(&[exactly], &[form], forbidden).is_some()
        })
    }

    fn fits(&self, key: &str, values: &[String], signed: &[Signed<'_>]) -> bool {
        let mut context = self.context(&Model::default());
        context.insert(key, values.to_vec());
        signed.iter().all(|one| one.condition.holds(&context, one.denies) == one.holds)
    }

    /// One value for which each condition holds, or does not, as is wanted.
    fn pick(
        &self,
        key: &str,
        wants: &[(Signed<'_>, bool)],
        form: &Language,
        forbidden: &Language,
    ) -> Option<String> {
        let wants = wants.iter().filter(|(one, _)| one.condition.family() != Family::Presence);
        let wants = wants.copied().collect::<Vec<_>>();
        if !self.world.spend(wants.len() << 7) {
            return None;
        }
        let context = self.context(&Model::default());
        let does = |value: &str, (one, wanted): &(Signed<'_>, bool)| {
            one.condition.holds_for(value, &context, one.denies) == *wanted
        };
        let fits = |value: &str| wants.iter().all(|want| does(value, want));
        match self.family(key) {
            Some(Family::Text | Family::Presence) => {
                let tests = wants.iter().filter_map(|(one, wanted)| Some(self.test(*one)?.turned(*wanted)));
                let tests = tests.collect::<Vec<_>>();
                let shown = Language::form("?*");
                self.word(&tests, &[form, &shown], forbidden)
            }
            Some(Family::Bool | Family::Number | Family::Date | Family::Binary | Family::Address) => {
                self.edge(key, fits)
            }
            None => {
                self.world.gap.set(true);
                self.edge(key, fits)
            }
        }
    }

    /// The first of [`Case::edges`] that fits. Each may be held against all values that the edges come from.
    fn edge(&self, key: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
        let edges = self.edges(key);
        let work = 1 + edges.len() / 64;
        edges.into_iter().take_while(|_| self.world.spend(work)).find(|value| fits(value))
    }

    /// A value of each part that the policy's values cut a key's values into.
    fn edges(&self, key: &str) -> Vec<String> {
        let statements = self.world.document.statements().iter();
        let conditions = statements.flat_map(|statement| &statement.conditions).map(|c| &c.typed);
        let mut all = Vec::new();
        let family = self.family(key);
        if family == Some(Family::Address) {
            all.extend([SOMEWHERE, "0.0.0.0", "::", "2001:db8::1", "::1:0:0:0"].map(str::to_owned));
            let fixed = &self.world.fixed.networks;
            all.extend(
                fixed.iter().filter_map(|range| range.last().checked_add(1)).map(crate::condition::written),
            );
        }
        if matches!(family, Some(Family::Number)) {
            all.push("0".to_owned());
        }
        all.extend(conditions.filter(|condition| *condition.key == *key).flat_map(Condition::boundaries));
        let outside = |value: &String| {
            let address = crate::condition::address(value).filter(|_| key == "aws:sourceip");
            !address.is_some_and(|at| self.world.fixed.networks.iter().any(|range| range.contains(at)))
        };
        all.retain(outside);
        all
    }

    /// Values to try for a key that variables name; for the caller's ARN and account both at once.
    pub(super) fn candidates(&self, key: &str, allow: usize) -> Vec<Vec<(String, Option<String>)>> {
        if self.is_identity(key) {
            let Some(arn) = self.solve_arn(&[]) else { return Vec::new() };
            let account = arn.split(':').nth(4).map(str::to_owned);
            let both =
                [("aws:principalarn".to_owned(), Some(arn)), ("aws:principalaccount".to_owned(), account)];
            return vec![both.to_vec()];
        }
        let traits = self.world.traits(key, self.who);
        let mut all = Vec::new();
        match traits.values {
            Values::None => {}
            Values::OneOf(values) => all.extend(values.into_iter().map(Some)),
            Values::Free { form, forbidden } => {
                let shown = Language::form("?*");
                let statement = self.world.document.statements().get(allow);
                let conditions = statement.into_iter().flat_map(|statement| &statement.conditions);
                for condition in conditions.map(|condition| &condition.typed).filter(|c| *c.key == *key) {
                    let one = Signed { condition, holds: true, denies: false };
                    all.extend(self.pick(key, &[(one, true)], &form, &forbidden).map(Some));
                }
                all.extend(self.word(&[], &[&form, &shown], &forbidden).map(Some));
            }
        }
        if traits.may_be_absent {
            all.push(None);
        }
        all.dedup();
        all.into_iter().map(|value| vec![(key.to_owned(), value)]).collect()
    }
}

/// Several values: each does what is asked of all, and for what is asked of one there is one.
fn several(
    signed: &[Signed<'_>],
    pick: impl Fn(&[(Signed<'_>, bool)]) -> Option<String>,
) -> Option<Vec<String>> {
    let (mut all, mut some) = (Vec::new(), Vec::new());
    for one in signed {
        let every = match one.condition.operator.set {
            SetOperator::ForAllValues => true,
            SetOperator::ForAnyValue => false,
            SetOperator::Single => one.condition.operator.negated,
        };
        // That not all do means that one does not; that not one does means that all do not.
        if every == one.holds { all.push((*one, one.holds)) } else { some.push((*one, one.holds)) }
    }
    let mut values = Vec::new();
    for one in some {
        let value = pick(&[all.as_slice(), &[one]].concat())?;
        if !values.contains(&value) {
            values.push(value);
        }
    }
    (!values.is_empty()).then_some(values)
}
