//! Random changes, held against a naive model: which are refused and with what, and what is there in the end.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::row::{self, GenerationRow};
use super::*;
use crate::row::decode;

/// A change. Numbers stand for names.
#[derive(Debug, Clone)]
enum Step {
    CreateUser(u8),
    DeleteUser(u8),
    RenameUser(u8, u8),
    CreateGroup(u8),
    DeleteGroup(u8),
    Join(u8, u8),
    Leave(u8, u8),
    CreatePolicy(u8),
    DeletePolicy(u8),
    CreateVersion(u8),
    DeleteVersion(u8, u8),
    AttachUser(u8, u8),
    DetachUser(u8, u8),
    AttachGroup(u8, u8),
    DetachGroup(u8, u8),
    Bound(u8, u8),
    Unbind(u8),
    PutInline(u8, u8),
    DeleteInline(u8, u8),
    CreateKey(u8),
    DeleteKey(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let n = || 0u8..3;
    prop_oneof![
        4 => n().prop_map(Step::CreateUser),
        2 => n().prop_map(Step::DeleteUser),
        1 => (n(), n()).prop_map(|(a, b)| Step::RenameUser(a, b)),
        3 => n().prop_map(Step::CreateGroup),
        2 => n().prop_map(Step::DeleteGroup),
        3 => (n(), n()).prop_map(|(a, b)| Step::Join(a, b)),
        2 => (n(), n()).prop_map(|(a, b)| Step::Leave(a, b)),
        3 => n().prop_map(Step::CreatePolicy),
        2 => n().prop_map(Step::DeletePolicy),
        2 => n().prop_map(Step::CreateVersion),
        2 => (n(), 1u8..8).prop_map(|(a, b)| Step::DeleteVersion(a, b)),
        3 => (n(), n()).prop_map(|(a, b)| Step::AttachUser(a, b)),
        2 => (n(), n()).prop_map(|(a, b)| Step::DetachUser(a, b)),
        3 => (n(), n()).prop_map(|(a, b)| Step::AttachGroup(a, b)),
        2 => (n(), n()).prop_map(|(a, b)| Step::DetachGroup(a, b)),
        2 => (n(), n()).prop_map(|(a, b)| Step::Bound(a, b)),
        1 => n().prop_map(Step::Unbind),
        2 => (n(), n()).prop_map(|(a, b)| Step::PutInline(a, b)),
        2 => (n(), n()).prop_map(|(a, b)| Step::DeleteInline(a, b)),
        2 => n().prop_map(Step::CreateKey),
        2 => n().prop_map(Step::DeleteKey),
    ]
}

#[derive(Debug, Default, PartialEq, Eq)]
struct ModelUser {
    groups: BTreeSet<u8>,
    attached: BTreeSet<u8>,
    inline: BTreeSet<u8>,
    boundary: Option<u8>,
    keys: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct ModelPolicy {
    versions: Vec<u8>,
    last: u8,
}

#[derive(Debug, Default)]
struct Model {
    users: BTreeMap<u8, ModelUser>,
    groups: BTreeMap<u8, BTreeSet<u8>>,
    policies: BTreeMap<u8, ModelPolicy>,
}

const MISSING: &str = "NoSuchEntity";
const CONFLICT: &str = "DeleteConflict";
const EXISTS: &str = "EntityAlreadyExists";
const LIMIT: &str = "LimitExceeded";
const FINE: &str = "no error";

impl Model {
    fn user(&mut self, name: u8) -> Result<&mut ModelUser, &'static str> {
        self.users.get_mut(&name).ok_or(MISSING)
    }

    fn group(&mut self, name: u8) -> Result<&mut BTreeSet<u8>, &'static str> {
        self.groups.get_mut(&name).ok_or(MISSING)
    }

    fn policy(&mut self, name: u8) -> Result<&mut ModelPolicy, &'static str> {
        self.policies.get_mut(&name).ok_or(MISSING)
    }

    fn is_used(&self, policy: u8) -> bool {
        self.users.values().any(|user| user.attached.contains(&policy) || user.boundary == Some(policy))
            || self.groups.values().any(|attached| attached.contains(&policy))
    }

    fn do_(&mut self, step: &Step, new_key: Option<&str>) -> Result<(), &'static str> {
        match *step {
            Step::CreateUser(name) => match self.users.insert(name, ModelUser::default()) {
                None => Ok(()),
                Some(old) => {
                    self.users.insert(name, old);
                    Err(EXISTS)
                }
            },
            Step::DeleteUser(name) => {
                let user = self.user(name)?;
                let free = ModelUser { boundary: user.boundary, ..ModelUser::default() };
                if *user != free {
                    return Err(CONFLICT);
                }
                self.users.remove(&name);
                Ok(())
            }
            Step::RenameUser(from, to) => {
                self.user(from)?;
                if from != to {
                    if self.users.contains_key(&to) {
                        return Err(EXISTS);
                    }
                    let user = self.users.remove(&from).unwrap();
                    self.users.insert(to, user);
                }
                Ok(())
            }
            Step::CreateGroup(name) => {
                if self.groups.contains_key(&name) {
                    return Err(EXISTS);
                }
                self.groups.insert(name, BTreeSet::new());
                Ok(())
            }
            Step::DeleteGroup(name) => {
                let attached = self.group(name)?;
                let empty = attached.is_empty();
                if !empty || self.users.values().any(|user| user.groups.contains(&name)) {
                    return Err(CONFLICT);
                }
                self.groups.remove(&name);
                Ok(())
            }
            Step::Join(user, group) => {
                self.group(group)?;
                self.user(user)?.groups.insert(group);
                Ok(())
            }
            Step::Leave(user, group) => {
                self.group(group)?;
                self.user(user)?.groups.remove(&group).then_some(()).ok_or(MISSING)
            }
            Step::CreatePolicy(name) => {
                if self.policies.contains_key(&name) {
                    return Err(EXISTS);
                }
                self.policies.insert(name, ModelPolicy { versions: vec![1], last: 1 });
                Ok(())
            }
            Step::DeletePolicy(name) => {
                self.policy(name)?;
                if self.is_used(name) || self.policy(name)?.versions.len() > 1 {
                    return Err(CONFLICT);
                }
                self.policies.remove(&name);
                Ok(())
            }
            Step::CreateVersion(name) => {
                let policy = self.policy(name)?;
                if policy.versions.len() == 5 {
                    return Err(LIMIT);
                }
                policy.last += 1;
                policy.versions.push(policy.last);
                Ok(())
            }
            Step::DeleteVersion(name, version) => {
                let policy = self.policy(name)?;
                if !policy.versions.contains(&version) {
                    return Err(MISSING);
                }
                if version == 1 {
                    return Err(CONFLICT);
                }
                policy.versions.retain(|known| *known != version);
                Ok(())
            }
            Step::AttachUser(user, policy) => {
                self.user(user)?;
                self.policy(policy)?;
                self.user(user)?.attached.insert(policy);
                Ok(())
            }
            Step::DetachUser(user, policy) => {
                self.user(user)?.attached.remove(&policy).then_some(()).ok_or(MISSING)
            }
            Step::AttachGroup(group, policy) => {
                self.group(group)?;
                self.policy(policy)?;
                self.group(group)?.insert(policy);
                Ok(())
            }
            Step::DetachGroup(group, policy) => {
                self.group(group)?.remove(&policy).then_some(()).ok_or(MISSING)
            }
            Step::Bound(user, policy) => {
                self.user(user)?;
                self.policy(policy)?;
                self.user(user)?.boundary = Some(policy);
                Ok(())
            }
            Step::Unbind(user) => self.user(user)?.boundary.take().map(drop).ok_or(MISSING),
            Step::PutInline(user, policy) => {
                self.user(user)?.inline.insert(policy);
                Ok(())
            }
            Step::DeleteInline(user, policy) => {
                self.user(user)?.inline.remove(&policy).then_some(()).ok_or(MISSING)
            }
            Step::CreateKey(user) => {
                let user = self.user(user)?;
                if user.keys.len() == 2 {
                    return Err(LIMIT);
                }
                user.keys.push(new_key.unwrap_or_default().to_owned());
                Ok(())
            }
            Step::DeleteKey(user) => {
                let user = self.user(user)?;
                if user.keys.is_empty() {
                    return Err(MISSING);
                }
                user.keys.remove(0);
                Ok(())
            }
        }
    }
}

struct Real<'a> {
    world: &'a World,
    model: &'a Model,
}

fn user(name: u8) -> String {
    format!("user{name}")
}

fn group(name: u8) -> String {
    format!("group{name}")
}

impl Real<'_> {
    fn policy(&self, name: u8) -> String {
        format!("arn:aws:iam::{}:policy/policy{name}", self.world.account)
    }

    /// Does a step; the code of its error, and the id of a key that it made.
    #[allow(clippy::too_many_lines, reason = "one arm for each step")]
    async fn do_(&self, step: &Step) -> (String, Option<String>) {
        let world = self.world;
        let done = match *step {
            Step::CreateUser(name) => {
                let input = api::CreateUserInput { user_name: user(name), ..api::CreateUserInput::default() };
                code(world.call::<op::CreateUser>(input).await)
            }
            Step::DeleteUser(name) => {
                code(world.call::<op::DeleteUser>(api::DeleteUserInput { user_name: user(name) }).await)
            }
            Step::RenameUser(from, to) => {
                let input = api::UpdateUserInput {
                    user_name: user(from),
                    new_path: None,
                    new_user_name: Some(user(to)),
                };
                code(world.call::<op::UpdateUser>(input).await)
            }
            Step::CreateGroup(name) => {
                let input = api::CreateGroupInput { group_name: group(name), path: None };
                code(world.call::<op::CreateGroup>(input).await)
            }
            Step::DeleteGroup(name) => {
                code(world.call::<op::DeleteGroup>(api::DeleteGroupInput { group_name: group(name) }).await)
            }
            Step::Join(name, into) => code(world.join(&user(name), &group(into)).await),
            Step::Leave(name, from) => {
                let input = api::RemoveUserFromGroupInput { group_name: group(from), user_name: user(name) };
                code(world.call::<op::RemoveUserFromGroup>(input).await)
            }
            Step::CreatePolicy(name) => {
                let input = api::CreatePolicyInput {
                    policy_name: format!("policy{name}"),
                    policy_document: ALLOW_ALL.to_owned(),
                    ..api::CreatePolicyInput::default()
                };
                code(world.call::<op::CreatePolicy>(input).await)
            }
            Step::DeletePolicy(name) => {
                let input = api::DeletePolicyInput { policy_arn: self.policy(name) };
                code(world.call::<op::DeletePolicy>(input).await)
            }
            Step::CreateVersion(name) => {
                let input = api::CreatePolicyVersionInput {
                    policy_arn: self.policy(name),
                    policy_document: ALLOW_ALL.to_owned(),
                    set_as_default: None,
                };
                code(world.call::<op::CreatePolicyVersion>(input).await)
            }
            Step::DeleteVersion(name, version) => {
                let version_id = format!("v{version}");
                let input = api::DeletePolicyVersionInput { policy_arn: self.policy(name), version_id };
                code(world.call::<op::DeletePolicyVersion>(input).await)
            }
            Step::AttachUser(name, policy) => {
                code(world.attach_to_user(&user(name), &self.policy(policy)).await)
            }
            Step::DetachUser(name, policy) => {
                let input =
                    api::DetachUserPolicyInput { user_name: user(name), policy_arn: self.policy(policy) };
                code(world.call::<op::DetachUserPolicy>(input).await)
            }
            Step::AttachGroup(name, policy) => {
                let input =
                    api::AttachGroupPolicyInput { group_name: group(name), policy_arn: self.policy(policy) };
                code(world.call::<op::AttachGroupPolicy>(input).await)
            }
            Step::DetachGroup(name, policy) => {
                let input =
                    api::DetachGroupPolicyInput { group_name: group(name), policy_arn: self.policy(policy) };
                code(world.call::<op::DetachGroupPolicy>(input).await)
            }
            Step::Bound(name, policy) => {
                let input = api::PutUserPermissionsBoundaryInput {
                    user_name: user(name),
                    permissions_boundary: self.policy(policy),
                };
                code(world.call::<op::PutUserPermissionsBoundary>(input).await)
            }
            Step::Unbind(name) => {
                let input = api::DeleteUserPermissionsBoundaryInput { user_name: user(name) };
                code(world.call::<op::DeleteUserPermissionsBoundary>(input).await)
            }
            Step::PutInline(name, policy) => {
                let input = api::PutUserPolicyInput {
                    user_name: user(name),
                    policy_name: format!("inline{policy}"),
                    policy_document: ALLOW_ALL.to_owned(),
                };
                code(world.call::<op::PutUserPolicy>(input).await)
            }
            Step::DeleteInline(name, policy) => {
                let policy_name = format!("inline{policy}");
                let input = api::DeleteUserPolicyInput { user_name: user(name), policy_name };
                code(world.call::<op::DeleteUserPolicy>(input).await)
            }
            Step::CreateKey(name) => {
                let input = api::CreateAccessKeyInput { user_name: Some(user(name)) };
                let made = world.call::<op::CreateAccessKey>(input).await;
                let id = made.as_ref().ok().map(|made| made.access_key.access_key_id.clone());
                return (code(made), id);
            }
            Step::DeleteKey(name) => {
                let keys = self.model.users.get(&name).map(|user| user.keys.as_slice()).unwrap_or_default();
                let access_key_id =
                    keys.first().cloned().unwrap_or_else(|| "AKIAAAAAAAAAAAAAAAAA".to_owned());
                let input = api::DeleteAccessKeyInput { user_name: Some(user(name)), access_key_id };
                code(world.call::<op::DeleteAccessKey>(input).await)
            }
        };
        (done, None)
    }
}

/// Whether the account holds what the model holds, and nothing else: every row is accounted for.
async fn check(world: &World, model: &Model) {
    for (name, expected) in &model.users {
        let input = api::GetAccountAuthorizationDetailsInput::default();
        let details = world.call::<op::GetAccountAuthorizationDetails>(input).await.unwrap();
        let detail = details.user_detail_list.unwrap().into_iter();
        let detail = detail.into_iter().find(|detail| detail.user_name == Some(user(*name))).unwrap();
        let groups: BTreeSet<_> = detail.group_list.unwrap().into_iter().collect();
        assert_eq!(groups, expected.groups.iter().map(|name| group(*name)).collect());
        assert_eq!(detail.attached_managed_policies.unwrap().len(), expected.attached.len());
        assert_eq!(detail.user_policy_list.unwrap().len(), expected.inline.len());
        assert_eq!(detail.permissions_boundary.is_some(), expected.boundary.is_some());
        for key in &expected.keys {
            assert!(world.caller(key).await.is_some());
        }
    }
    for (name, expected) in &model.policies {
        let policy_arn = format!("arn:aws:iam::{}:policy/policy{name}", world.account);
        let input = api::GetPolicyInput { policy_arn };
        let policy = world.call::<op::GetPolicy>(input).await.unwrap().policy.unwrap();
        let users = model.users.values().filter(|user| user.attached.contains(name)).count();
        let groups = model.groups.values().filter(|attached| attached.contains(name)).count();
        let bounding = model.users.values().filter(|user| user.boundary == Some(*name)).count();
        assert_eq!(policy.attachment_count, i32::try_from(users + groups).ok());
        assert_eq!(policy.permissions_boundary_usage_count, i32::try_from(bounding).ok());
        assert_eq!(policy.default_version_id.as_deref(), Some("v1"));
        assert!(!expected.versions.is_empty());
    }
    check_rows(world, model).await;
}

/// Counts rows of each kind, so that nothing is left of what is gone.
async fn check_rows(world: &World, model: &Model) {
    use strongroom_storage::{Direction, MetaStore as _, Partition, prefix_range};
    let rows = world.store.scan(Partition::Iam(world.account), prefix_range(b""), 10_000, Direction::Forward);
    let rows = rows.await.unwrap();
    let count = |kind: u8| rows.iter().filter(|row| row.key.first() == Some(&kind)).count();
    let users = || model.users.values();
    let entities = model.users.len() + model.groups.len() + model.policies.len();
    let attached: usize = users().map(|user| user.attached.len()).sum();
    let by_groups: usize = model.groups.values().map(BTreeSet::len).sum();
    assert_eq!(count(b'n'), entities);
    assert_eq!(count(b'e'), entities);
    assert_eq!(count(b'a'), attached + by_groups);
    assert_eq!(count(b'b'), users().filter(|user| user.boundary.is_some()).count());
    assert_eq!(count(b'c'), users().map(|user| user.groups.len()).sum::<usize>());
    assert_eq!(count(b'd'), users().map(|user| user.inline.len()).sum::<usize>());
    assert_eq!(count(b'v'), model.policies.values().map(|policy| policy.versions.len()).sum::<usize>());
    assert_eq!(count(b'k'), users().map(|user| user.keys.len()).sum::<usize>());
    let Some(row) = rows.iter().find(|row| row.key == row::GENERATION) else { return };
    let counts: GenerationRow = decode(&row.row.value).unwrap();
    let n = |count: u32| usize::try_from(count).unwrap();
    assert_eq!(n(counts.users), model.users.len());
    assert_eq!(n(counts.groups), model.groups.len());
    assert_eq!(n(counts.policies), model.policies.len());
    assert_eq!(n(counts.versions), count(b'v'));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn changes_are_refused_and_made_as_in_a_naive_model(steps in prop::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let mut model = Model::default();
            for step in &steps {
                let (done, key) = Real { world: &world, model: &model }.do_(step).await;
                let expected = model.do_(step, key.as_deref()).err().unwrap_or(FINE);
                assert_eq!(done, expected, "{step:?}");
            }
            check(&world, &model).await;
        });
    }
}
