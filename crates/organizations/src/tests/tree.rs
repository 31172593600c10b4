//! Random changes of the tree, held against a naive model: which are refused and with what, and what is there in the end.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// A change. Numbers stand for names; 0 is the root.
#[derive(Debug, Clone)]
enum Step {
    CreateUnit { parent: usize, name: u8 },
    DeleteUnit(usize),
    Rename(usize, u8),
    Move { account: usize, to: usize },
    Attach(usize, usize),
    Detach(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let node = || 0usize..8;
    prop_oneof![
        4 => (node(), 0u8..3).prop_map(|(parent, name)| Step::CreateUnit { parent, name }),
        2 => node().prop_map(Step::DeleteUnit),
        1 => (node(), 0u8..3).prop_map(|(unit, name)| Step::Rename(unit, name)),
        4 => (0usize..2, node()).prop_map(|(account, to)| Step::Move { account, to }),
        3 => (0usize..2, node()).prop_map(|(policy, node)| Step::Attach(policy, node)),
        2 => (0usize..2, node()).prop_map(|(policy, node)| Step::Detach(policy, node)),
    ]
}

#[derive(Debug, Clone)]
struct ModelUnit {
    parent: usize,
    name: u8,
    policies: BTreeSet<usize>,
}

/// Units by their number, in the order in which they were made; 0 is the root, which has no name and goes nowhere.
struct Model {
    units: BTreeMap<usize, ModelUnit>,
    made: usize,
    accounts: [usize; 2],
}

impl Model {
    fn new() -> Self {
        let root = ModelUnit { parent: 0, name: 0, policies: BTreeSet::new() };
        Self { units: BTreeMap::from([(0, root)]), made: 1, accounts: [0, 0] }
    }

    fn depth(&self, unit: usize) -> usize {
        if unit == 0 { 0 } else { 1 + self.depth(self.units[&unit].parent) }
    }

    fn is_named(&self, parent: usize, name: u8, but: usize) -> bool {
        let same = |(id, unit): (&usize, &ModelUnit)| {
            *id != 0 && *id != but && unit.parent == parent && unit.name == name
        };
        self.units.iter().any(same)
    }

    fn do_(&mut self, step: &Step) -> Result<(), &'static str> {
        match *step {
            Step::CreateUnit { parent, name } => {
                if !self.units.contains_key(&parent) {
                    return Err("ParentNotFoundException");
                }
                if self.depth(parent) >= 5 {
                    return Err("ConstraintViolationException");
                }
                if self.is_named(parent, name, 0) {
                    return Err("DuplicateOrganizationalUnitException");
                }
                self.units.insert(self.made, ModelUnit { parent, name, policies: BTreeSet::new() });
                self.made += 1;
            }
            Step::DeleteUnit(unit) => {
                if unit == 0 || !self.units.contains_key(&unit) {
                    return Err("OrganizationalUnitNotFoundException");
                }
                let inside = self.units.iter().any(|(id, other)| *id != 0 && other.parent == unit);
                if inside || self.accounts.contains(&unit) {
                    return Err("OrganizationalUnitNotEmptyException");
                }
                self.units.remove(&unit);
            }
            Step::Rename(unit, name) => {
                if unit == 0 || !self.units.contains_key(&unit) {
                    return Err("OrganizationalUnitNotFoundException");
                }
                if self.is_named(self.units[&unit].parent, name, unit) {
                    return Err("DuplicateOrganizationalUnitException");
                }
                self.units.get_mut(&unit).unwrap().name = name;
            }
            Step::Move { account, to } => {
                if !self.units.contains_key(&to) {
                    return Err("DestinationParentNotFoundException");
                }
                if self.accounts[account] == to {
                    return Err("DuplicateAccountException");
                }
                self.accounts[account] = to;
            }
            Step::Attach(policy, node) => {
                let unit = self.units.get_mut(&node).ok_or("TargetNotFoundException")?;
                if !unit.policies.insert(policy) {
                    return Err("DuplicatePolicyAttachmentException");
                }
            }
            Step::Detach(policy, node) => {
                let unit = self.units.get_mut(&node).ok_or("TargetNotFoundException")?;
                if !unit.policies.remove(&policy) {
                    return Err("PolicyNotAttachedException");
                }
            }
        }
        Ok(())
    }

    /// Units of a root or unit.
    fn inside(&self, parent: usize) -> BTreeSet<usize> {
        self.units.iter().filter(|(id, unit)| **id != 0 && unit.parent == parent).map(|(id, _)| *id).collect()
    }
}

struct Real {
    world: World,
    ids: Vec<String>,
    accounts: Vec<String>,
    policies: Vec<String>,
}

impl Real {
    async fn new() -> Self {
        let world = World::new().await;
        let ids = vec![world.root_id().await];
        let accounts = vec![world.account("a@example.com").await, world.account("b@example.com").await];
        let policies = vec![
            world.new_policy(SCP, "p", &deny("s3:*")).await.unwrap(),
            world.new_policy(SCP, "q", &deny("iam:*")).await.unwrap(),
        ];
        Self { world, ids, accounts, policies }
    }

    fn id(&self, number: usize) -> String {
        self.ids.get(number).cloned().unwrap_or_else(|| "ou-none-00000000".to_owned())
    }

    async fn do_(&mut self, step: &Step, model: &Model) -> Result<(), ErrorReply> {
        let world = &self.world;
        match *step {
            Step::CreateUnit { parent, name } => {
                let id = world.new_unit(&self.id(parent), &format!("unit {name}")).await?;
                self.ids.push(id);
            }
            Step::DeleteUnit(unit) => {
                let input = api::DeleteOrganizationalUnitInput { organizational_unit_id: self.id(unit) };
                world.call::<op::DeleteOrganizationalUnit>(input).await?;
            }
            Step::Rename(unit, name) => {
                let input = api::UpdateOrganizationalUnitInput {
                    organizational_unit_id: self.id(unit),
                    name: Some(format!("unit {name}")),
                };
                world.call::<op::UpdateOrganizationalUnit>(input).await?;
            }
            Step::Move { account, to } => {
                let from = self.id(model.accounts[account]);
                world.move_to(&self.accounts[account], &from, &self.id(to)).await?;
            }
            Step::Attach(policy, node) => world.attach(&self.policies[policy], &self.id(node)).await?,
            Step::Detach(policy, node) => world.detach(&self.policies[policy], &self.id(node)).await?,
        }
        Ok(())
    }

    async fn children(&self, parent: usize, kind: api::ChildType) -> BTreeSet<String> {
        let input = api::ListChildrenInput {
            parent_id: self.id(parent),
            child_type: Some(kind),
            ..api::ListChildrenInput::default()
        };
        let children = self.world.call::<op::ListChildren>(input).await.unwrap().children.unwrap();
        children.into_iter().filter_map(|child| child.id).collect()
    }

    async fn check(&self, model: &Model) {
        for (number, unit) in &model.units {
            let units: BTreeSet<String> = model.inside(*number).into_iter().map(|id| self.id(id)).collect();
            assert_eq!(self.children(*number, api::ChildType::OrganizationalUnit).await, units);
            let mut accounts: BTreeSet<String> = (0..2)
                .filter(|account| model.accounts[*account] == *number)
                .map(|account| self.accounts[account].clone())
                .collect();
            if *number == 0 {
                accounts.insert(self.world.management.to_string());
            }
            assert_eq!(self.children(*number, api::ChildType::Account).await, accounts);
            let mut policies: BTreeSet<String> =
                unit.policies.iter().map(|policy| self.policies[*policy].clone()).collect();
            policies.insert("p-FullAWSAccess".to_owned());
            let found = self.world.policies_on(&self.id(*number), SCP).await;
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), policies);
        }
        for (account, parent) in model.accounts.iter().enumerate() {
            let account = strongroom_types::AccountId::parse(&self.accounts[account]).unwrap();
            let facts = self.world.organizations.account_facts(account).await.unwrap();
            let mut path = Vec::new();
            let mut at = *parent;
            while at != 0 {
                path.push(self.id(at));
                at = model.units[&at].parent;
            }
            path.push(self.id(0));
            path.reverse();
            let place = facts.organization.clone().unwrap();
            assert_eq!(place.path, format!("{}/{}/", place.id, path.join("/")));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_tree_is_what_the_model_says(steps in proptest::collection::vec(step(), 1..40)) {
        run(async {
            let (mut model, mut real) = (Model::new(), Real::new().await);
            for step in &steps {
                let done = real.do_(step, &model).await.map_err(|error| error.code.into_owned());
                assert_eq!(done, model.do_(step).map_err(ToOwned::to_owned), "{step:?}");
            }
            real.check(&model).await;
        });
    }
}
