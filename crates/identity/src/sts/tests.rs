use std::time::Duration;

use strongroom_api_iam as iam;
use strongroom_api_sts as api;
use strongroom_gate::Caller;
use strongroom_types::AccessKeyId;

use super::api::op::{AssumeRole, GetFederationToken, GetSessionToken};
use crate::iam::testing::{ALLOW_ALL, World};

/// A user with all rights, and roles that the account trusts itself with.
async fn world() -> (World, Caller) {
    let world = World::new().await;
    let user_name = "u".to_owned();
    let input = iam::CreateUserInput { user_name: user_name.clone(), ..Default::default() };
    world.call::<iam::op::CreateUser>(input).await.unwrap();
    let (policy_name, policy_document) = ("all".to_owned(), ALLOW_ALL.to_owned());
    let input = iam::PutUserPolicyInput { user_name: user_name.clone(), policy_name, policy_document };
    world.call::<iam::op::PutUserPolicy>(input).await.unwrap();
    let input = iam::CreateAccessKeyInput { user_name: Some(user_name) };
    let key = world.call::<iam::op::CreateAccessKey>(input).await.unwrap().access_key;
    let user = world.caller(&key.access_key_id).await.unwrap();
    for role in ["first", "second"] {
        make_role(&world, role).await;
    }
    (world, user)
}

async fn make_role(world: &World, name: &str) {
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{}"}},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}}]}}"#,
        world.account
    );
    let input = iam::CreateRoleInput {
        role_name: name.to_owned(),
        assume_role_policy_document: trust,
        ..Default::default()
    };
    world.call::<iam::op::CreateRole>(input).await.unwrap();
    let input = iam::PutRolePolicyInput {
        role_name: name.to_owned(),
        policy_name: "all".to_owned(),
        policy_document: ALLOW_ALL.to_owned(),
    };
    world.call::<iam::op::PutRolePolicy>(input).await.unwrap();
}

fn assume(world: &World, role: &str) -> api::AssumeRoleInput {
    api::AssumeRoleInput {
        role_arn: format!("arn:aws:iam::{}:role/{role}", world.account),
        role_session_name: "s".to_owned(),
        ..Default::default()
    }
}

/// Who signs with credentials.
async fn bearer(world: &World, credentials: Option<Box<api::Credentials>>) -> Caller {
    let credentials = credentials.unwrap();
    let id = AccessKeyId::parse(&credentials.access_key_id).unwrap();
    let now = world.identity.clock.now();
    let found = world.identity.temporary_credential(&id, &credentials.session_token, now).await.unwrap();
    assert_eq!(found.secret.expose(), credentials.secret_access_key);
    found.caller
}

fn tag(key: &str) -> api::Tag {
    api::Tag { key: key.to_owned(), value: "v".to_owned() }
}

async fn code(world: &World, caller: &Caller, input: api::AssumeRoleInput) -> String {
    world.call_as::<AssumeRole>(caller, input).await.err().unwrap().code.into_owned()
}

#[tokio::test]
async fn a_user_takes_a_role_and_from_it_another_with_what_goes_on() {
    let (world, user) = world().await;
    let input = api::AssumeRoleInput {
        tags: Some(vec![tag("Goes"), tag("stays")]),
        transitive_tag_keys: Some(vec!["goes".to_owned()]),
        source_identity: Some("ann".to_owned()),
        ..assume(&world, "first")
    };
    let taken = world.call_as::<AssumeRole>(&user, input).await.unwrap();
    assert!(taken.packed_policy_size.is_some_and(|percent| percent >= 1));
    let first = bearer(&world, taken.credentials).await;
    assert_eq!(first.session().unwrap().tags.len(), 2);
    let taken = world.call_as::<AssumeRole>(&first, assume(&world, "second")).await.unwrap();
    assert_eq!(taken.source_identity.as_deref(), Some("ann"));
    let second = bearer(&world, taken.credentials).await;
    let session = second.session().unwrap();
    assert_eq!(session.tags, [("Goes".to_owned(), "v".to_owned())]);
    assert_eq!(session.transitive_tags, ["Goes"]);
    let overrides = api::AssumeRoleInput { tags: Some(vec![tag("GOES")]), ..assume(&world, "first") };
    assert_eq!(code(&world, &second, overrides).await, "InvalidParameterValue");
    let another = api::AssumeRoleInput { source_identity: Some("bob".to_owned()), ..assume(&world, "first") };
    assert_eq!(code(&world, &second, another).await, "AccessDenied");
    let long = api::AssumeRoleInput { duration_seconds: Some(3_601), ..assume(&world, "first") };
    assert_eq!(code(&world, &second, long).await, "ValidationError");
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_its_code() {
    let (world, user) = world().await;
    let base = || assume(&world, "first");
    let text = |text: &str| Some(text.to_owned());
    let arn = |arn: &str| api::PolicyDescriptorType { arn: text(arn) };
    let read_only = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let big = || api::Tag { key: "k".to_owned(), value: "v".repeat(4_096) };
    let cases = [
        ("ValidationError", api::AssumeRoleInput { duration_seconds: Some(3_601), ..base() }),
        ("ValidationError", api::AssumeRoleInput { duration_seconds: Some(899), ..base() }),
        ("MalformedPolicyDocument", api::AssumeRoleInput { policy: text("{}"), ..base() }),
        ("ValidationError", api::AssumeRoleInput { policy_arns: Some(vec![arn(read_only); 11]), ..base() }),
        ("ValidationError", api::AssumeRoleInput { policy_arns: Some(vec![arn("arn:x")]), ..base() }),
        ("InvalidParameterValue", api::AssumeRoleInput { tags: Some(vec![tag("a"), tag("A")]), ..base() }),
        ("InvalidParameterValue", api::AssumeRoleInput { tags: Some(vec![tag("aws:a")]), ..base() }),
        (
            "InvalidParameterValue",
            api::AssumeRoleInput { transitive_tag_keys: Some(vec!["a".to_owned()]), ..base() },
        ),
        ("PackedPolicyTooLarge", api::AssumeRoleInput { tags: Some(vec![big()]), ..base() }),
        ("AccessDenied", api::AssumeRoleInput { token_code: text("123456"), ..base() }),
        ("AccessDenied", assume(&world, "nobody")),
    ];
    for (expected, input) in cases {
        assert_eq!(code(&world, &user, input).await, expected);
    }
    assert_eq!(code(&world, &world.root, base()).await, "AccessDenied");
}

#[tokio::test]
async fn session_credentials_do_not_ask_for_further_sessions_of_their_own() {
    let (world, user) = world().await;
    let given = world.call_as::<GetSessionToken>(&user, api::GetSessionTokenInput::default()).await.unwrap();
    let session = bearer(&world, given.credentials).await;
    assert!(matches!(session, Caller::User(_)));
    let name = api::GetFederationTokenInput { name: "fed".to_owned(), ..Default::default() };
    let given = world.call_as::<GetFederationToken>(&user, name.clone()).await.unwrap();
    let federated = bearer(&world, given.credentials).await;
    let taken = world.call_as::<AssumeRole>(&session, assume(&world, "first")).await.unwrap();
    let role = bearer(&world, taken.credentials).await;
    for caller in [&session, &federated, &role] {
        let given = world.call_as::<GetSessionToken>(caller, api::GetSessionTokenInput::default()).await;
        assert_eq!(given.err().unwrap().code, "AccessDenied");
        let given = world.call_as::<GetFederationToken>(caller, name.clone()).await;
        assert_eq!(given.err().unwrap().code, "AccessDenied");
    }
}

#[tokio::test]
async fn a_root_user_s_session_lasts_an_hour_at_most() {
    let world = World::new().await;
    let input = api::GetSessionTokenInput { duration_seconds: Some(129_600), ..Default::default() };
    let given = world.call::<GetSessionToken>(input).await.unwrap();
    let root = bearer(&world, given.credentials).await;
    let session = root.session().unwrap();
    assert_eq!(session.expires_at.since(session.issued_at), Duration::from_hours(1));
}
