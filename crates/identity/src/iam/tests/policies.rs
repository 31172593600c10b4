//! Managed and inline policies.

use super::*;

#[tokio::test]
async fn a_policy_has_five_versions_at_most_and_numbers_are_not_given_twice() {
    let world = World::new().await;
    let arn = world.make_policy("p", ALLOW_ALL).await;
    let add = |default| api::CreatePolicyVersionInput {
        policy_arn: arn.clone(),
        policy_document: ALLOW_ALL.to_owned(),
        set_as_default: Some(default),
    };
    let id = |output: api::CreatePolicyVersionOutput| output.policy_version.unwrap().version_id.unwrap();
    for number in 2..=5 {
        let made = world.call::<op::CreatePolicyVersion>(add(number == 3)).await.unwrap();
        assert_eq!(id(made), format!("v{number}"));
    }
    let error = world.call::<op::CreatePolicyVersion>(add(false)).await.err().unwrap();
    assert_eq!((error.status, &*error.code), (409, "LimitExceeded"));
    let delete =
        |id: &str| api::DeletePolicyVersionInput { policy_arn: arn.clone(), version_id: id.to_owned() };
    assert_eq!(code(world.call::<op::DeletePolicyVersion>(delete("v3")).await), "DeleteConflict");
    assert_eq!(code(world.call::<op::DeletePolicyVersion>(delete("v9")).await), "NoSuchEntity");
    assert_eq!(code(world.call::<op::DeletePolicyVersion>(delete("v03")).await), "NoSuchEntity");
    world.call::<op::DeletePolicyVersion>(delete("v5")).await.unwrap();
    assert_eq!(id(world.call::<op::CreatePolicyVersion>(add(false)).await.unwrap()), "v6");
    let list =
        api::ListPolicyVersionsInput { policy_arn: arn.clone(), ..api::ListPolicyVersionsInput::default() };
    let versions = world.call::<op::ListPolicyVersions>(list).await.unwrap().versions.unwrap();
    let ids: Vec<_> = versions.iter().map(|version| version.version_id.clone().unwrap()).collect();
    assert_eq!(ids, ["v6", "v4", "v3", "v2", "v1"]);
    let delete = || api::DeletePolicyInput { policy_arn: arn.clone() };
    assert_eq!(code(world.call::<op::DeletePolicy>(delete()).await), "DeleteConflict");
}

#[tokio::test]
async fn a_malformed_document_is_refused_with_its_place() {
    let world = World::new().await;
    let create = |document: &str| api::CreatePolicyInput {
        policy_name: "p".to_owned(),
        policy_document: document.to_owned(),
        ..api::CreatePolicyInput::default()
    };
    for bad in ["", "{}", "[", r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*"}]}"#]
    {
        let error = world.call::<op::CreatePolicy>(create(bad)).await.err().unwrap();
        assert_eq!((error.status, &*error.code), (400, "MalformedPolicyDocument"), "{bad}");
    }
    let long = ALLOW_ALL.replace("\"*\"}", &format!("[\"arn:aws:s3:::{}\"]}}", "x".repeat(6_144)));
    assert_eq!(code(world.call::<op::CreatePolicy>(create(&long)).await), "LimitExceeded");
    let spaces = ALLOW_ALL.replace(':', &format!(":{}", " ".repeat(3_000)));
    assert!(world.call::<op::CreatePolicy>(create(&spaces)).await.is_ok(), "white space does not count");
}

#[tokio::test]
async fn inline_policies_share_one_quota_and_come_back_as_they_were_given() {
    let world = World::new().await;
    world.make_user("u").await;
    let put = |name: &str, document: &str| api::PutUserPolicyInput {
        user_name: "u".to_owned(),
        policy_name: name.to_owned(),
        policy_document: document.to_owned(),
    };
    let sized = |n: usize| ALLOW_ALL.replace("\"*\"}", &format!("[\"arn:aws:s3:::{}\"]}}", "x".repeat(n)));
    world.call::<op::PutUserPolicy>(put("a", &sized(1_000))).await.unwrap();
    let error = world.call::<op::PutUserPolicy>(put("b", &sized(1_000))).await.err().unwrap();
    assert_eq!(
        (&*error.code, error.message.as_str()),
        ("LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user u")
    );
    world.call::<op::PutUserPolicy>(put("a", &sized(10))).await.unwrap();
    world.call::<op::PutUserPolicy>(put("b", &sized(1_000))).await.unwrap();
    let get =
        |name: &str| api::GetUserPolicyInput { user_name: "u".to_owned(), policy_name: name.to_owned() };
    let shown = world.call::<op::GetUserPolicy>(get("a")).await.unwrap().policy_document;
    let shown = percent_encoding::percent_decode_str(&shown).decode_utf8().unwrap();
    assert_eq!(shown, sized(10));
    let error = world.call::<op::GetUserPolicy>(get("c")).await.err().unwrap();
    assert_eq!(error.message, "The user policy with name c cannot be found.");
}

#[tokio::test]
async fn aws_managed_policies_are_attached_and_never_changed() {
    let world = World::new().await;
    world.make_user("u").await;
    let arn = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess";
    world.attach_to_user("u", arn).await.unwrap();
    world.attach_to_user("u", arn).await.unwrap();
    let get = api::GetPolicyInput { policy_arn: arn.to_owned() };
    let policy = world.call::<op::GetPolicy>(get).await.unwrap().policy.unwrap();
    assert_eq!((policy.attachment_count, policy.path.as_deref()), (Some(1), Some("/job-function/")));
    let delete = api::DeletePolicyInput { policy_arn: arn.to_owned() };
    assert_eq!(code(world.call::<op::DeletePolicy>(delete).await), "AccessDenied");
    let service_role = "arn:aws:iam::aws:policy/aws-service-role/AWSConfigServiceRolePolicy";
    assert_eq!(code(world.attach_to_user("u", service_role).await), "PolicyNotAttachable");
    assert_eq!(code(world.attach_to_user("u", "arn:aws:iam::aws:policy/Nothing").await), "NoSuchEntity");
    assert_eq!(code(world.attach_to_user("u", "nothing").await), "InvalidInput");
}

#[tokio::test]
async fn a_policy_is_found_by_its_whole_arn_alone() {
    let world = World::new().await;
    world.make_user("u").await;
    let arn = world.make_policy("p", ALLOW_ALL).await;
    for other in [
        arn.replace("policy/p", "policy/path/p"),
        arn.replace(&world.account.to_string(), "999999999999"),
        arn.replace("policy/p", "policy/P"),
    ] {
        assert_eq!(code(world.attach_to_user("u", &other).await), "NoSuchEntity", "{other}");
    }
}

#[tokio::test]
async fn lists_of_policies_are_paged_and_filtered() {
    let world = World::new().await;
    world.make_user("u").await;
    let arn = world.make_policy("mine", ALLOW_ALL).await;
    world.make_policy("unused", ALLOW_ALL).await;
    world.attach_to_user("u", &arn).await.unwrap();
    let (mut names, mut marker) = (Vec::new(), None);
    loop {
        let input =
            api::ListPoliciesInput { marker, max_items: Some(7), ..api::ListPoliciesInput::default() };
        let page = world.call::<op::ListPolicies>(input).await.unwrap();
        names.extend(page.policies.unwrap().into_iter().map(|policy| policy.policy_name.unwrap()));
        marker = page.marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(names.len(), 2 + super::super::managed::all().len());
    assert_eq!(names[..2], ["mine", "unused"]);
    let attached = api::ListPoliciesInput { only_attached: Some(true), ..api::ListPoliciesInput::default() };
    let attached = world.call::<op::ListPolicies>(attached).await.unwrap().policies.unwrap();
    assert_eq!(attached.len(), 1);
    let entities =
        api::ListEntitiesForPolicyInput { policy_arn: arn, ..api::ListEntitiesForPolicyInput::default() };
    let entities = world.call::<op::ListEntitiesForPolicy>(entities).await.unwrap();
    assert_eq!(entities.policy_users.unwrap()[0].user_name.as_deref(), Some("u"));
}

#[tokio::test]
async fn account_details_show_everybody_and_everything_in_pages() {
    let world = World::new().await;
    world.make_user("u").await;
    world.make_group("g").await;
    world.make_role("r", TRUST).await;
    let arn = world.make_policy("p", ALLOW_ALL).await;
    world.attach_to_user("u", &arn).await.unwrap();
    world.attach_to_user("u", "arn:aws:iam::aws:policy/ReadOnlyAccess").await.unwrap();
    world.join("u", "g").await.unwrap();
    let (mut marker, mut seen) = (None, Vec::new());
    loop {
        let input = api::GetAccountAuthorizationDetailsInput { filter: None, max_items: Some(2), marker };
        let page = world.call::<op::GetAccountAuthorizationDetails>(input).await.unwrap();
        for user in page.user_detail_list.unwrap() {
            assert_eq!(user.group_list.unwrap(), ["g"]);
            assert_eq!(user.attached_managed_policies.unwrap().len(), 2);
            seen.push(user.user_name.unwrap());
        }
        seen.extend(page.group_detail_list.unwrap().into_iter().map(|group| group.group_name.unwrap()));
        seen.extend(page.role_detail_list.unwrap().into_iter().map(|role| role.role_name.unwrap()));
        for policy in page.policies.unwrap() {
            assert!(policy.policy_version_list.unwrap()[0].document.is_some());
            seen.push(policy.policy_name.unwrap());
        }
        marker = page.marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["u", "g", "r", "p", "ReadOnlyAccess"]);
    let filter = Some(vec![api::EntityType::Role]);
    let roles = api::GetAccountAuthorizationDetailsInput {
        filter,
        ..api::GetAccountAuthorizationDetailsInput::default()
    };
    let roles = world.call::<op::GetAccountAuthorizationDetails>(roles).await.unwrap();
    assert_eq!(roles.user_detail_list.map(|users| users.len()), Some(0));
    assert_eq!(roles.role_detail_list.map(|roles| roles.len()), Some(1));
}
