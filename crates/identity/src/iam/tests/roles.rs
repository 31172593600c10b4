//! Roles and their trust policies, service-linked ones too.

use super::*;

fn trusting(principal: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"sts:AssumeRole"}}]}}"#
    )
}

async fn trust(world: &World, role: &str) -> String {
    let get = api::GetRoleInput { role_name: role.to_owned() };
    let document = world.call::<op::GetRole>(get).await.unwrap().role.assume_role_policy_document.unwrap();
    percent_encoding::percent_decode_str(&document).decode_utf8().unwrap().into_owned()
}

#[tokio::test]
async fn trust_is_in_a_user_and_not_in_whoever_has_its_name_next() {
    let world = World::new().await;
    let user = world.make_user("u").await;
    world.make_role("r", &trusting(&user.arn)).await;
    assert_eq!(trust(&world, "r").await, trusting(&user.arn));
    let delete = api::DeleteUserInput { user_name: "u".to_owned() };
    world.call::<op::DeleteUser>(delete).await.unwrap();
    assert_eq!(trust(&world, "r").await, trusting(&user.user_id));
    world.make_user("u").await;
    assert_eq!(trust(&world, "r").await, trusting(&user.user_id));
}

#[tokio::test]
async fn trust_in_nobody_is_refused() {
    let world = World::new().await;
    let create = |principal: &str| api::CreateRoleInput {
        role_name: "r".to_owned(),
        assume_role_policy_document: trusting(principal),
        ..api::CreateRoleInput::default()
    };
    let account = world.account;
    for nobody in [
        format!("arn:aws:iam::{account}:user/nobody"),
        format!("arn:aws:iam::{account}:role/nobody"),
        "arn:aws:iam::100000000001:root".to_owned(),
        "AIDAAAAAAAAAAAAAAAAAA".to_owned(),
    ] {
        let error = world.call::<op::CreateRole>(create(&nobody)).await.err().unwrap();
        assert_eq!((error.status, &*error.code), (400, "MalformedPolicyDocument"), "{nobody}");
    }
    assert!(world.call::<op::CreateRole>(create(&format!("arn:aws:iam::{account}:root"))).await.is_ok());
    let update = api::UpdateAssumeRolePolicyInput {
        role_name: "r".to_owned(),
        policy_document: trusting(&format!("arn:aws:iam::{account}:user/nobody")),
    };
    assert_eq!(code(world.call::<op::UpdateAssumeRolePolicy>(update).await), "MalformedPolicyDocument");
    assert_eq!(trust(&world, "r").await, trusting(&format!("arn:aws:iam::{account}:root")));
}

#[tokio::test]
async fn a_role_has_its_length_of_sessions_and_description() {
    let world = World::new().await;
    let role = world.make_role("r", TRUST).await;
    assert!(role.role_id.starts_with("AROA"));
    let update = api::UpdateRoleInput {
        role_name: "r".to_owned(),
        description: Some("what".to_owned()),
        max_session_duration: Some(7_200),
        ..api::UpdateRoleInput::default()
    };
    world.call::<op::UpdateRole>(update).await.unwrap();
    let get = api::GetRoleInput { role_name: "r".to_owned() };
    let role = world.call::<op::GetRole>(get).await.unwrap().role;
    assert_eq!((role.max_session_duration, role.description.as_deref()), (Some(7_200), Some("what")));
}

#[tokio::test]
async fn a_service_linked_role_is_its_service_s_alone() {
    let world = World::new().await;
    let create = |service: &str| api::CreateServiceLinkedRoleInput {
        aws_service_name: service.to_owned(),
        ..api::CreateServiceLinkedRoleInput::default()
    };
    let made = world.call::<op::CreateServiceLinkedRole>(create("config.amazonaws.com")).await.unwrap();
    let role = made.role.unwrap();
    assert_eq!(role.role_name, "AWSServiceRoleForConfig");
    assert_eq!(role.path, "/aws-service-role/config.amazonaws.com/");
    let again = world.call::<op::CreateServiceLinkedRole>(create("config.amazonaws.com")).await;
    assert_eq!(code(again), "InvalidInput");
    assert_eq!(
        code(world.call::<op::CreateServiceLinkedRole>(create("nothing.amazonaws.com")).await),
        "InvalidInput"
    );
    let name = || "AWSServiceRoleForConfig".to_owned();
    let delete = api::DeleteRoleInput { role_name: name() };
    let error = world.call::<op::DeleteRole>(delete).await.err().unwrap();
    assert_eq!((error.status, &*error.code), (400, "UnmodifiableEntity"));
    let attach = api::AttachRolePolicyInput {
        role_name: name(),
        policy_arn: "arn:aws:iam::aws:policy/AdministratorAccess".to_owned(),
    };
    assert_eq!(code(world.call::<op::AttachRolePolicy>(attach).await), "UnmodifiableEntity");
    let imitated = api::CreateRoleInput {
        role_name: "x".to_owned(),
        path: Some("/aws-service-role/config.amazonaws.com/".to_owned()),
        assume_role_policy_document: TRUST.to_owned(),
        ..api::CreateRoleInput::default()
    };
    assert_eq!(code(world.call::<op::CreateRole>(imitated).await), "InvalidInput");
    let delete = api::DeleteServiceLinkedRoleInput { role_name: name() };
    let task = world.call::<op::DeleteServiceLinkedRole>(delete).await.unwrap().deletion_task_id;
    let ask = |task: String| api::GetServiceLinkedRoleDeletionStatusInput { deletion_task_id: task };
    let status = world.call::<op::GetServiceLinkedRoleDeletionStatus>(ask(task)).await.unwrap().status;
    assert_eq!(status, Some(api::DeletionTaskStatusType::Succeeded));
    let unknown = ask("task/aws-service-role/x/y/z".to_owned());
    assert_eq!(code(world.call::<op::GetServiceLinkedRoleDeletionStatus>(unknown).await), "NoSuchEntity");
    world.call::<op::CreateServiceLinkedRole>(create("config.amazonaws.com")).await.unwrap();
}

#[tokio::test]
async fn a_path_cannot_be_moved_among_those_of_services() {
    let world = World::new().await;
    let input = api::CreateRoleInput {
        role_name: "r".to_owned(),
        path: Some("/aws-service-role/".to_owned()),
        assume_role_policy_document: TRUST.to_owned(),
        ..api::CreateRoleInput::default()
    };
    assert_eq!(code(world.call::<op::CreateRole>(input).await), "InvalidInput");
}
