use std::time::Duration;

use strongroom_api_iam as iam;
use strongroom_gate::{Caller, Session};
use strongroom_types::{AccessKeyId, Timestamp};

use super::{Holder, Issued, NewSession, SessionError};
use crate::iam::testing::{ALLOW_ALL, TRUST, World};

fn session(world: &World) -> Session {
    let now = world.identity.clock.now();
    Session {
        issued_at: now,
        expires_at: now.plus(Duration::from_hours(1)),
        mfa_at: None,
        policy: Some(ALLOW_ALL.to_owned()),
        policy_arns: vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned()],
        tags: vec![("team".to_owned(), "a".to_owned())],
        transitive_tags: vec!["team".to_owned()],
        source_identity: Some("ann".to_owned()),
        federation: None,
    }
}

fn issue(world: &World, holder: Holder) -> Issued {
    let canonical = world.root.canonical().unwrap();
    let session = session(world);
    world.identity.issue(NewSession { account: world.account, canonical, holder, session: &session }).unwrap()
}

async fn open(world: &World, issued: &Issued) -> Result<Caller, SessionError> {
    let now = world.identity.clock.now();
    let found = world.identity.temporary_credential(&issued.id, &issued.token, now).await?;
    assert_eq!(found.secret, issued.secret);
    Ok(found.caller)
}

async fn role(world: &World) -> String {
    let input = iam::CreateRoleInput {
        role_name: "r".to_owned(),
        assume_role_policy_document: TRUST.to_owned(),
        ..Default::default()
    };
    world.call::<iam::op::CreateRole>(input).await.unwrap().role.role_id
}

fn of_role(role_id: &str) -> Holder {
    Holder::Role { role_id: role_id.to_owned(), session_name: "s".to_owned() }
}

async fn user(world: &World) -> (String, String) {
    let input = iam::CreateUserInput { user_name: "u".to_owned(), ..Default::default() };
    let made = world.call::<iam::op::CreateUser>(input).await.unwrap();
    let input = iam::CreateAccessKeyInput { user_name: Some("u".to_owned()) };
    let key = world.call::<iam::op::CreateAccessKey>(input).await.unwrap().access_key;
    (made.user.unwrap().user_id, key.access_key_id)
}

#[tokio::test]
async fn a_token_gives_back_all_that_it_was_issued_with() {
    let world = World::new().await;
    let issued = issue(&world, of_role(&role(&world).await));
    assert!(issued.id.as_str().starts_with("ASIA") && issued.id.as_str().len() == 20);
    let caller = open(&world, &issued).await.unwrap();
    assert!(caller.arn().unwrap().to_string().ends_with(":assumed-role/r/s"));
    assert!(*caller.session().unwrap() == session(&world));
}

#[tokio::test]
async fn a_token_changed_anywhere_or_of_another_key_is_invalid() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let world = World::new().await;
    let issued = issue(&world, of_role(&role(&world).await));
    let bytes = STANDARD.decode(&issued.token).unwrap();
    let now = world.identity.clock.now();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let token = STANDARD.encode(changed);
        let found = world.identity.temporary_credential(&issued.id, &token, now).await;
        assert!(matches!(found, Err(SessionError::Invalid)), "bit {bit}");
    }
    for cut in 0..bytes.len() {
        let token = STANDARD.encode(&bytes[..cut]);
        let found = world.identity.temporary_credential(&issued.id, &token, now).await;
        assert!(matches!(found, Err(SessionError::Invalid)), "cut {cut}");
    }
    let other = AccessKeyId::parse("ASIAAAAAAAAAAAAAAAAA").unwrap();
    let found = world.identity.temporary_credential(&other, &issued.token, now).await;
    assert!(matches!(found, Err(SessionError::Invalid)));
}

#[tokio::test]
async fn a_token_ends_at_its_time() {
    let world = World::new().await;
    let issued = issue(&world, of_role(&role(&world).await));
    let end = session(&world).expires_at;
    let at = async |now: Timestamp| world.identity.temporary_credential(&issued.id, &issued.token, now).await;
    assert!(at(end.minus(Duration::from_millis(1))).await.is_ok());
    assert!(matches!(at(end).await, Err(SessionError::Expired)));
}

#[tokio::test]
async fn a_token_ends_with_its_role_and_not_again_with_one_of_the_same_name() {
    let world = World::new().await;
    let issued = issue(&world, of_role(&role(&world).await));
    assert!(open(&world, &issued).await.is_ok());
    let input = iam::DeleteRoleInput { role_name: "r".to_owned() };
    world.call::<iam::op::DeleteRole>(input).await.unwrap();
    assert!(matches!(open(&world, &issued).await, Err(SessionError::Invalid)));
    role(&world).await;
    assert!(matches!(open(&world, &issued).await, Err(SessionError::Invalid)));
}

#[tokio::test]
async fn a_user_s_token_ends_while_its_key_is_inactive_and_with_key_and_user() {
    let world = World::new().await;
    let (user_id, key) = user(&world).await;
    let own = issue(&world, Holder::User { user_id: user_id.clone(), key: key.clone() });
    let federated =
        Holder::Federated { name: "f".to_owned(), user_id: Some(user_id.clone()), key: key.clone() };
    let federated = issue(&world, federated);
    let active = async |status| {
        let (user_name, access_key_id) = (Some("u".to_owned()), key.clone());
        let input = iam::UpdateAccessKeyInput { user_name, access_key_id, status: Some(status) };
        world.call::<iam::op::UpdateAccessKey>(input).await.unwrap();
    };
    assert!(matches!(open(&world, &own).await.unwrap(), Caller::User(user) if user.user_id == user_id));
    assert!(matches!(open(&world, &federated).await.unwrap(), Caller::Federated(_)));
    active(iam::StatusType::Inactive).await;
    for issued in [&own, &federated] {
        assert!(matches!(open(&world, issued).await, Err(SessionError::Invalid)));
    }
    active(iam::StatusType::Active).await;
    assert!(open(&world, &own).await.is_ok());
    let input = iam::DeleteAccessKeyInput { user_name: Some("u".to_owned()), access_key_id: key.clone() };
    world.call::<iam::op::DeleteAccessKey>(input).await.unwrap();
    for issued in [&own, &federated] {
        assert!(matches!(open(&world, issued).await, Err(SessionError::Invalid)));
    }
}

#[tokio::test]
async fn a_root_user_s_token_needs_the_root_s_key() {
    let world = World::new().await;
    let key = world.root.access_key_id().unwrap().to_string();
    let issued = issue(&world, Holder::Root { key });
    assert!(matches!(open(&world, &issued).await.unwrap(), Caller::Root(_)));
    let (_, key) = user(&world).await;
    let issued = issue(&world, Holder::Root { key });
    assert!(matches!(open(&world, &issued).await, Err(SessionError::Invalid)), "a user's key is not root's");
}
