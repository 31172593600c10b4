//! Access keys of users and of the root user.

use super::*;

fn of_user(name: &str, id: &str) -> api::DeleteAccessKeyInput {
    api::DeleteAccessKeyInput { user_name: Some(name.to_owned()), access_key_id: id.to_owned() }
}

fn status(name: Option<&str>, id: &str, status: api::StatusType) -> api::UpdateAccessKeyInput {
    api::UpdateAccessKeyInput {
        user_name: name.map(ToOwned::to_owned),
        access_key_id: id.to_owned(),
        status: Some(status),
    }
}

#[tokio::test]
async fn a_key_is_its_user_as_long_as_it_is_active_and_there() {
    let world = World::new().await;
    world.make_user("alice").await;
    let key = world.make_key("alice").await;
    let id = &key.access_key_id;
    let caller = world.caller(id).await.unwrap();
    assert_eq!(caller.arn().unwrap().as_str(), format!("arn:aws:iam::{}:user/alice", world.account));
    let rename = api::UpdateUserInput {
        user_name: "alice".to_owned(),
        new_path: Some("/staff/".to_owned()),
        new_user_name: Some("bob".to_owned()),
    };
    world.call::<op::UpdateUser>(rename).await.unwrap();
    let caller = world.caller(id).await.unwrap();
    assert_eq!(caller.arn().unwrap().as_str(), format!("arn:aws:iam::{}:user/staff/bob", world.account));
    world.call::<op::UpdateAccessKey>(status(Some("bob"), id, api::StatusType::Inactive)).await.unwrap();
    assert!(world.caller(id).await.is_none());
    world.call::<op::UpdateAccessKey>(status(Some("bob"), id, api::StatusType::Active)).await.unwrap();
    assert!(world.caller(id).await.is_some());
    world.call::<op::DeleteAccessKey>(of_user("bob", id)).await.unwrap();
    assert!(world.caller(id).await.is_none());
    assert_eq!(code(world.call::<op::DeleteAccessKey>(of_user("bob", id)).await), "NoSuchEntity");
}

#[tokio::test]
async fn a_user_has_two_keys_at_most_and_none_when_it_is_deleted() {
    let world = World::new().await;
    world.make_user("u").await;
    let first = world.make_key("u").await;
    world.make_key("u").await;
    let third = api::CreateAccessKeyInput { user_name: Some("u".to_owned()) };
    let error = world.call::<op::CreateAccessKey>(third).await.err().unwrap();
    assert_eq!(
        (&*error.code, error.message.as_str()),
        ("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
    );
    let list =
        api::ListAccessKeysInput { user_name: Some("u".to_owned()), ..api::ListAccessKeysInput::default() };
    assert_eq!(world.call::<op::ListAccessKeys>(list).await.unwrap().access_key_metadata.len(), 2);
    let delete = || api::DeleteUserInput { user_name: "u".to_owned() };
    let error = world.call::<op::DeleteUser>(delete()).await.err().unwrap();
    assert_eq!((error.status, &*error.code), (409, "DeleteConflict"));
    assert_eq!(error.message, "Cannot delete entity, must delete access keys first.");
    world.call::<op::DeleteAccessKey>(of_user("u", &first.access_key_id)).await.unwrap();
    assert_eq!(code(world.call::<op::DeleteUser>(delete()).await), "DeleteConflict");
}

#[tokio::test]
async fn another_users_key_is_no_key_of_this_one() {
    let world = World::new().await;
    world.make_user("a").await;
    world.make_user("b").await;
    let key = world.make_key("a").await;
    assert_eq!(
        code(world.call::<op::DeleteAccessKey>(of_user("b", &key.access_key_id)).await),
        "NoSuchEntity"
    );
    let root = status(None, &key.access_key_id, api::StatusType::Inactive);
    assert_eq!(code(world.call::<op::UpdateAccessKey>(root).await), "NoSuchEntity");
    assert!(world.caller(&key.access_key_id).await.is_some());
}

#[tokio::test]
async fn the_root_user_can_be_retired_once_there_is_an_administrator() {
    let world = World::new().await;
    let root_id = world.root.access_key_id().unwrap().to_string();
    let delete = || api::DeleteAccessKeyInput { user_name: None, access_key_id: root_id.clone() };
    let retire = || status(None, &root_id, api::StatusType::Inactive);
    assert_eq!(code(world.call::<op::DeleteAccessKey>(delete()).await), "DeleteConflict");
    assert_eq!(code(world.call::<op::UpdateAccessKey>(retire()).await), "DeleteConflict");
    world.make_user("admin").await;
    world.make_group("admins").await;
    let attach = api::AttachGroupPolicyInput {
        group_name: "admins".to_owned(),
        policy_arn: "arn:aws:iam::aws:policy/AdministratorAccess".to_owned(),
    };
    world.call::<op::AttachGroupPolicy>(attach).await.unwrap();
    world.join("admin", "admins").await.unwrap();
    assert_eq!(code(world.call::<op::DeleteAccessKey>(delete()).await), "DeleteConflict", "nobody can sign");
    let key = world.make_key("admin").await;
    world.call::<op::DeleteAccessKey>(delete()).await.unwrap();
    assert!(world.caller(&root_id).await.is_none());
    let admin = world.caller(&key.access_key_id).await.unwrap();
    let summary =
        world.call_as::<op::GetAccountSummary>(&admin, api::GetAccountSummaryInput::default()).await.unwrap();
    assert!(summary.summary_map.unwrap().contains(&("AccountAccessKeysPresent".to_owned(), 0)));
}

#[tokio::test]
async fn the_root_user_has_two_keys_at_most() {
    let world = World::new().await;
    let none = || api::CreateAccessKeyInput { user_name: None };
    let second = world.call::<op::CreateAccessKey>(none()).await.unwrap().access_key;
    assert!(matches!(world.caller(&second.access_key_id).await, Some(strongroom_gate::Caller::Root(_))));
    assert_eq!(code(world.call::<op::CreateAccessKey>(none()).await), "LimitExceeded");
    let list = world.call::<op::ListAccessKeys>(api::ListAccessKeysInput::default()).await.unwrap();
    assert_eq!(list.access_key_metadata.len(), 2);
    let delete = api::DeleteAccessKeyInput { user_name: None, access_key_id: second.access_key_id };
    world.call::<op::DeleteAccessKey>(delete).await.unwrap();
}

#[tokio::test]
async fn what_was_never_used_has_no_date() {
    let world = World::new().await;
    world.make_user("u").await;
    let key = world.make_key("u").await;
    let ask = |id: &str| api::GetAccessKeyLastUsedInput { access_key_id: id.to_owned() };
    let used = world.call::<op::GetAccessKeyLastUsed>(ask(&key.access_key_id)).await.unwrap();
    assert_eq!(used.user_name.as_deref(), Some("u"));
    let used = used.access_key_last_used.unwrap();
    assert_eq!((used.last_used_date, used.service_name.as_str(), used.region.as_str()), (None, "N/A", "N/A"));
    assert_eq!(
        code(world.call::<op::GetAccessKeyLastUsed>(ask("AKIAAAAAAAAAAAAAAAAA")).await),
        "NoSuchEntity"
    );
}

#[tokio::test]
async fn keys_made_at_once_by_several_processes_keep_to_the_quota() {
    let world = World::new().await;
    world.make_user("u").await;
    let worlds: Vec<World> = (0..6).map(|_| world.elsewhere()).collect();
    let make = |world: World| async move {
        let input = api::CreateAccessKeyInput { user_name: Some("u".to_owned()) };
        world.call::<op::CreateAccessKey>(input).await.map(|made| made.access_key.access_key_id)
    };
    let running: Vec<_> = worlds.into_iter().map(|world| tokio::spawn(make(world))).collect();
    let mut made = Vec::new();
    for task in running {
        match task.await.unwrap() {
            Ok(id) => made.push(id),
            Err(reply) => assert_eq!(&*reply.code, "LimitExceeded"),
        }
    }
    assert_eq!(made.len(), 2);
    for id in &made {
        assert!(world.caller(id).await.is_some());
    }
}

#[tokio::test]
async fn a_crash_while_a_key_is_made_or_deleted_leaves_a_whole_key_or_none() {
    for commits in 0..=2 {
        let world = World::new().await;
        world.make_user("u").await;
        world.crash_after(commits);
        let input = || api::CreateAccessKeyInput { user_name: Some("u".to_owned()) };
        let made = world.call::<op::CreateAccessKey>(input()).await;
        assert_eq!(made.is_ok(), commits == 2, "the second commit makes the key");
        world.restart();
        let list = api::ListAccessKeysInput {
            user_name: Some("u".to_owned()),
            ..api::ListAccessKeysInput::default()
        };
        let listed = world.call::<op::ListAccessKeys>(list).await.unwrap().access_key_metadata;
        assert_eq!(listed.len(), usize::from(commits == 2));
        for key in listed {
            assert!(world.caller(&key.access_key_id.unwrap()).await.is_some());
        }
        world.make_key("u").await;
    }
    for commits in 0..=2 {
        let world = World::new().await;
        world.make_user("u").await;
        let id = world.make_key("u").await.access_key_id;
        world.crash_after(commits);
        let deleted = world.call::<op::DeleteAccessKey>(of_user("u", &id)).await;
        assert_eq!(deleted.is_ok(), commits > 0, "the first commit deletes the key");
        world.restart();
        assert_eq!(world.caller(&id).await.is_some(), commits == 0);
    }
}

#[tokio::test]
async fn changes_made_at_once_are_all_made() {
    let world = World::new().await;
    world.make_group("g").await;
    let make = |world: World, index: usize| async move {
        world.make_user(&format!("u{index}")).await;
        world.join(&format!("u{index}"), "g").await.unwrap();
    };
    let running: Vec<_> = (0..20).map(|index| tokio::spawn(make(world.clone(), index))).collect();
    for task in running {
        task.await.unwrap();
    }
    let get = api::GetGroupInput { group_name: "g".to_owned(), ..api::GetGroupInput::default() };
    assert_eq!(world.call::<op::GetGroup>(get).await.unwrap().users.len(), 20);
}

#[tokio::test]
async fn the_last_use_of_a_key_and_of_its_user_is_known() {
    let world = World::new().await;
    world.make_user("u").await;
    let key = world.make_key("u").await;
    let caller = world.caller(&key.access_key_id).await.unwrap();
    let region = strongroom_types::Region::us_east_1();
    let at = strongroom_types::Timestamp::from_millis;
    world.identity.note_use(&caller, "s3", &region, at(1_000_000)).await.unwrap();
    world.identity.note_use(&caller, "s3", &region, at(1_000_001)).await.unwrap();
    let ask = || api::GetAccessKeyLastUsedInput { access_key_id: key.access_key_id.clone() };
    let used = world.call::<op::GetAccessKeyLastUsed>(ask()).await.unwrap().access_key_last_used.unwrap();
    assert_eq!(used.last_used_date, Some(at(1_000_000)));
    assert_eq!((used.service_name.as_str(), used.region.as_str()), ("s3", "us-east-1"));
    world.call::<op::DeleteAccessKey>(of_user("u", &key.access_key_id)).await.unwrap();
    world.call::<op::DeleteUser>(api::DeleteUserInput { user_name: "u".to_owned() }).await.unwrap();
    world.identity.note_use(&caller, "s3", &region, at(9_000_000)).await.unwrap();
    use strongroom_storage::{Direction, MetaStore as _, Partition, prefix_range};
    let left = world.store.scan(Partition::Iam(world.account), prefix_range(b""), 100, Direction::Forward);
    let left = left.await.unwrap();
    assert_eq!(left.len(), 1, "nothing but the generation is left");
}
