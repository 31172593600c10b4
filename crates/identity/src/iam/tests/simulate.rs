//! Simulated decisions, and reports on who may and who did use a service.

use super::*;

fn allow(action: &str) -> String {
    format!(
        "{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {{\"Effect\":\"Allow\",\"Action\":\"{action}\",\
         \"Resource\":\"*\"}}\n  ]\n}}"
    )
}

fn deny(action: &str) -> String {
    allow(action).replace("Allow", "Deny")
}

fn custom(policies: &[&str], actions: &[&str]) -> api::SimulateCustomPolicyInput {
    api::SimulateCustomPolicyInput {
        policy_input_list: policies.iter().map(|policy| (*policy).to_owned()).collect(),
        action_names: actions.iter().map(|action| (*action).to_owned()).collect(),
        ..api::SimulateCustomPolicyInput::default()
    }
}

async fn results(world: &World, input: api::SimulateCustomPolicyInput) -> Vec<api::EvaluationResult> {
    world.call::<op::SimulateCustomPolicy>(input).await.unwrap().evaluation_results.unwrap()
}

fn decisions(results: &[api::EvaluationResult]) -> Vec<&'static str> {
    let name = |result: &api::EvaluationResult| match result.eval_decision.unwrap() {
        api::PolicyEvaluationDecisionType::Allowed => "allowed",
        api::PolicyEvaluationDecisionType::ExplicitDeny => "explicitDeny",
        api::PolicyEvaluationDecisionType::ImplicitDeny => "implicitDeny",
    };
    results.iter().map(name).collect()
}

#[tokio::test]
async fn each_action_is_decided_and_the_statements_that_decide_are_named() {
    let world = World::new().await;
    let (one, two) = (allow("s3:*"), deny("s3:Delete*"));
    let input = custom(&[&one, &two], &["s3:GetObject", "s3:DeleteObject", "iam:GetUser"]);
    let results = results(&world, input).await;
    assert_eq!(decisions(&results), ["allowed", "explicitDeny", "implicitDeny"]);
    let matched = |at: usize| results[at].matched_statements.clone().unwrap();
    assert_eq!(matched(0).len(), 1);
    assert_eq!(matched(0)[0].source_policy_id.as_deref(), Some("PolicyInputList.1"));
    let (start, end) =
        (matched(0)[0].start_position.clone().unwrap(), matched(0)[0].end_position.clone().unwrap());
    assert_eq!((start.line, start.column), (Some(4), Some(5)));
    assert_eq!(end.line, Some(4));
    assert_eq!(matched(1).len(), 1, "the deny alone");
    assert_eq!(matched(1)[0].source_policy_id.as_deref(), Some("PolicyInputList.2"));
    assert!(matched(2).is_empty());
    assert!(results[0].resource_specific_results.is_none());
}

#[tokio::test]
async fn every_pair_of_action_and_resource_has_a_result_and_pages_hold_each_once() {
    let world = World::new().await;
    let text = allow("s3:GetObject").replace("\"*\"}", "\"arn:aws:s3:::a/*\"}");
    let base = api::SimulateCustomPolicyInput {
        resource_arns: Some(vec!["arn:aws:s3:::a/x".to_owned(), "arn:aws:s3:::b/x".to_owned()]),
        ..custom(&[&text], &["s3:GetObject", "s3:PutObject"])
    };
    let all = results(&world, base.clone()).await;
    assert_eq!(decisions(&all), ["allowed", "implicitDeny", "implicitDeny", "implicitDeny"]);
    let specific = all[0].resource_specific_results.clone().unwrap();
    assert_eq!(specific[0].eval_resource_name, "arn:aws:s3:::a/x");
    let mut paged = Vec::new();
    let mut marker = None;
    loop {
        let input = api::SimulateCustomPolicyInput { max_items: Some(3), marker, ..base.clone() };
        let page = world.call::<op::SimulateCustomPolicy>(input).await.unwrap();
        paged.extend(page.evaluation_results.unwrap());
        marker = page.marker;
        if marker.is_none() {
            break;
        }
    }
    let names = |results: &[api::EvaluationResult]| -> Vec<String> {
        results
            .iter()
            .map(|r| format!("{} {}", r.eval_action_name, r.eval_resource_name.clone().unwrap()))
            .collect()
    };
    assert_eq!(names(&paged), names(&all));
}

#[tokio::test]
async fn keys_that_are_given_count_and_those_that_are_not_are_named() {
    let world = World::new().await;
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*",
        "Condition":{"StringEquals":{"aws:PrincipalTag/Team":"red"},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}]}"#;
    let missing = results(&world, custom(&[text], &["s3:GetObject", "iam:GetUser"])).await;
    assert_eq!(decisions(&missing), ["implicitDeny", "implicitDeny"]);
    assert_eq!(missing[0].missing_context_values.clone().unwrap(), ["aws:PrincipalTag/Team"]);
    assert!(missing[1].missing_context_values.clone().unwrap().is_empty(), "no statement asks for any");
    let entry = |name: &str, value: &str| api::ContextEntry {
        context_key_name: Some(name.to_owned()),
        context_key_values: Some(vec![value.to_owned()]),
        context_key_type: Some(api::ContextKeyTypeEnum::String),
    };
    let entries = vec![entry("aws:principaltag/team", "red"), entry("aws:SourceIp", "10.1.2.3")];
    let input = api::SimulateCustomPolicyInput {
        context_entries: Some(entries),
        ..custom(&[text], &["s3:GetObject"])
    };
    assert_eq!(decisions(&results(&world, input).await), ["allowed"]);
    let keys = api::GetContextKeysForCustomPolicyInput { policy_input_list: vec![text.to_owned()] };
    let keys =
        world.call::<op::GetContextKeysForCustomPolicy>(keys).await.unwrap().context_key_names.unwrap();
    assert_eq!(keys, ["aws:PrincipalTag/Team", "aws:SourceIp"]);
}

#[tokio::test]
async fn boundaries_and_control_policies_limit_and_are_told() {
    let world = World::new().await;
    let input = api::SimulateCustomPolicyInput {
        permissions_boundary_policy_input_list: Some(vec![allow("s3:Get*")]),
        ..custom(&[&allow("s3:*")], &["s3:GetObject", "s3:PutObject"])
    };
    let bounded = results(&world, input).await;
    assert_eq!(decisions(&bounded), ["allowed", "implicitDeny"]);
    let allowed = |result: &api::EvaluationResult| {
        result.permissions_boundary_decision_detail.as_ref().unwrap().allowed_by_permissions_boundary
    };
    assert_eq!((allowed(&bounded[0]), allowed(&bounded[1])), (Some(true), Some(false)));
    let level = |text: String| api::OrderedOrganizationPolicyType {
        service_control_policy_input_list: Some(vec![text]),
    };
    let input = api::SimulateCustomPolicyInput {
        ordered_organization_policy_input_list: Some(vec![level(allow("*")), level(allow("s3:Get*"))]),
        ..custom(&[&allow("s3:*")], &["s3:GetObject", "s3:PutObject"])
    };
    let controlled = results(&world, input).await;
    assert_eq!(decisions(&controlled), ["allowed", "implicitDeny"]);
    let allowed = |result: &api::EvaluationResult| {
        result.organizations_decision_detail.as_ref().unwrap().allowed_by_organizations
    };
    assert_eq!((allowed(&controlled[0]), allowed(&controlled[1])), (Some(true), Some(false)));
}

#[tokio::test]
async fn a_resource_s_policy_has_a_say_for_the_user_who_is_named() {
    let world = World::new().await;
    let user = world.make_user("alice").await;
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{}"}},
        "Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}]}}"#,
        user.arn
    );
    let base = api::SimulateCustomPolicyInput {
        resource_policy: Some(policy),
        resource_arns: Some(vec!["arn:aws:s3:::b/k".to_owned()]),
        ..custom(&[&allow("iam:*")], &["s3:GetObject"])
    };
    assert_eq!(code(world.call::<op::SimulateCustomPolicy>(base.clone()).await), "InvalidInput");
    let input = api::SimulateCustomPolicyInput { caller_arn: Some(user.arn.clone()), ..base.clone() };
    let same = results(&world, input).await;
    assert_eq!(decisions(&same), ["allowed"]);
    assert_eq!(
        same[0].matched_statements.clone().unwrap()[0].source_policy_type,
        Some(api::PolicySourceType::Resource)
    );
    let other = api::SimulateCustomPolicyInput {
        caller_arn: Some(user.arn),
        resource_owner: Some("arn:aws:iam::999999999999:root".to_owned()),
        ..base
    };
    assert_eq!(decisions(&results(&world, other).await), ["implicitDeny"], "both accounts must allow it");
}

#[tokio::test]
async fn a_principal_s_own_policies_are_what_it_has() {
    let world = World::new().await;
    let user = world.make_user("alice").await;
    world.make_group("readers").await;
    world.join("alice", "readers").await.unwrap();
    let put = api::PutGroupPolicyInput {
        group_name: "readers".to_owned(),
        policy_name: "read".to_owned(),
        policy_document: allow("s3:Get*"),
    };
    world.call::<op::PutGroupPolicy>(put).await.unwrap();
    world.attach_to_user("alice", "arn:aws:iam::aws:policy/IAMReadOnlyAccess").await.unwrap();
    let simulate = |arn: &str, actions: &[&str]| api::SimulatePrincipalPolicyInput {
        policy_source_arn: arn.to_owned(),
        action_names: actions.iter().map(|action| (*action).to_owned()).collect(),
        ..api::SimulatePrincipalPolicyInput::default()
    };
    let input = simulate(&user.arn, &["s3:GetObject", "iam:GetUser", "s3:PutObject"]);
    let found = world.call::<op::SimulatePrincipalPolicy>(input).await.unwrap().evaluation_results.unwrap();
    assert_eq!(decisions(&found), ["allowed", "allowed", "implicitDeny"]);
    let by_group = found[0].matched_statements.clone().unwrap();
    assert_eq!(by_group[0].source_policy_type, Some(api::PolicySourceType::Group));
    let by_aws = found[1].matched_statements.clone().unwrap();
    assert_eq!(by_aws[0].source_policy_type, Some(api::PolicySourceType::AwsManaged));
    let bound = api::PutUserPermissionsBoundaryInput {
        user_name: "alice".to_owned(),
        permissions_boundary: "arn:aws:iam::aws:policy/AmazonS3FullAccess".to_owned(),
    };
    world.call::<op::PutUserPermissionsBoundary>(bound).await.unwrap();
    let input = simulate(&user.arn, &["s3:GetObject", "iam:GetUser"]);
    let found = world.call::<op::SimulatePrincipalPolicy>(input).await.unwrap().evaluation_results.unwrap();
    assert_eq!(decisions(&found), ["allowed", "implicitDeny"]);
    for (arn, expected) in [
        ("arn:aws:iam::999999999999:user/alice".to_owned(), "AccessDenied"),
        (user.arn.replace("alice", "nobody"), "NoSuchEntity"),
        (user.arn.replace("user/", "policy/"), "InvalidInput"),
    ] {
        let input = simulate(&arn, &["s3:GetObject"]);
        assert_eq!(code(world.call::<op::SimulatePrincipalPolicy>(input).await), expected, "{arn}");
    }
    let input = simulate(&user.arn, &["s3:Get*"]);
    assert_eq!(code(world.call::<op::SimulatePrincipalPolicy>(input).await), "InvalidInput");
}

#[tokio::test]
async fn policies_that_grant_a_service_are_listed_with_where_they_hang() {
    let world = World::new().await;
    let user = world.make_user("alice").await;
    world.attach_to_user("alice", "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess").await.unwrap();
    let put = api::PutUserPolicyInput {
        user_name: "alice".to_owned(),
        policy_name: "own".to_owned(),
        policy_document: allow("s3:PutObject"),
    };
    world.call::<op::PutUserPolicy>(put).await.unwrap();
    let input = api::ListPoliciesGrantingServiceAccessInput {
        arn: user.arn,
        service_namespaces: vec!["s3".to_owned(), "iam".to_owned()],
        marker: None,
    };
    let listed = world.call::<op::ListPoliciesGrantingServiceAccess>(input).await.unwrap();
    let [iam, s3] = listed.policies_granting_service_access.as_slice() else { panic!() };
    assert!(iam.policies.as_ref().unwrap().is_empty());
    let policies = s3.policies.as_ref().unwrap();
    let managed =
        policies.iter().find(|policy| policy.policy_type == Some(api::PolicyType::Managed)).unwrap();
    assert_eq!(managed.policy_arn.as_deref(), Some("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"));
    let inline = policies.iter().find(|policy| policy.policy_type == Some(api::PolicyType::Inline)).unwrap();
    assert_eq!((&*inline.policy_name, inline.entity_name.as_deref()), ("own", Some("alice")));
}

#[tokio::test]
async fn who_used_a_service_last_is_told_by_a_report() {
    let world = World::new().await;
    let user = world.make_user("alice").await;
    let key = world.make_key("alice").await;
    world.attach_to_user("alice", "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess").await.unwrap();
    let caller = world.caller(&key.access_key_id).await.unwrap();
    let region = strongroom_types::Region::us_east_1();
    assert!(world.identity.note_use(&caller, "s3", &region, world.now()).await.unwrap());
    for arn in [user.arn.clone(), "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess".to_owned()] {
        let input = api::GenerateServiceLastAccessedDetailsInput { arn, granularity: None };
        let job = world.call::<op::GenerateServiceLastAccessedDetails>(input).await.unwrap().job_id.unwrap();
        assert_eq!(job.len(), 36);
        let input = api::GetServiceLastAccessedDetailsInput { job_id: job.clone(), ..Default::default() };
        let details = world.call::<op::GetServiceLastAccessedDetails>(input).await.unwrap();
        assert_eq!(details.job_status, Some(api::JobStatusType::Completed));
        let s3 =
            details.services_last_accessed.iter().find(|service| service.service_namespace == "s3").unwrap();
        assert!(s3.last_authenticated.is_some_and(|at| world.now().since(at).as_secs() < 60));
        assert_eq!(s3.last_authenticated_entity.as_deref(), Some(&*user.arn));
        assert_eq!(s3.total_authenticated_entities, Some(1));
        let input = api::GetServiceLastAccessedDetailsWithEntitiesInput {
            job_id: job,
            service_namespace: "s3".to_owned(),
            ..Default::default()
        };
        let entities = world.call::<op::GetServiceLastAccessedDetailsWithEntities>(input).await.unwrap();
        assert_eq!(entities.entity_details_list[0].entity_info.name, "alice");
    }
    let input = api::GetServiceLastAccessedDetailsInput { job_id: "x".repeat(36), ..Default::default() };
    assert_eq!(code(world.call::<op::GetServiceLastAccessedDetails>(input).await), "NoSuchEntity");
}

#[tokio::test]
async fn a_user_changes_its_own_password_and_others_have_none() {
    let world = World::new().await;
    world.make_user("u").await;
    world.attach_to_user("u", "arn:aws:iam::aws:policy/IAMUserChangePassword").await.unwrap();
    let key = world.make_key("u").await;
    let caller = world.caller(&key.access_key_id).await.unwrap();
    let change = |new: &str| api::ChangePasswordInput {
        old_password: "Abcdefg1!".to_owned(),
        new_password: new.to_owned(),
    };
    let change_as = async |new| code(world.call_as::<op::ChangePassword>(&caller, change(new)).await);
    assert_eq!(change_as("Abcdefg2!").await, "NoSuchEntity");
    let login = api::CreateLoginProfileInput {
        user_name: Some("u".to_owned()),
        password: Some("Abcdefg1!".to_owned()),
        password_reset_required: Some(true),
        ..api::CreateLoginProfileInput::default()
    };
    world.call::<op::CreateLoginProfile>(login).await.unwrap();
    assert_eq!(change_as("short").await, "PasswordPolicyViolation");
    assert_eq!(change_as("Abcdefg2!").await, "no error");
    let get = api::GetLoginProfileInput { user_name: Some("u".to_owned()) };
    let profile = world.call::<op::GetLoginProfile>(get).await.unwrap().login_profile;
    assert_eq!(profile.password_reset_required, Some(false));
    assert_eq!(code(world.call::<op::ChangePassword>(change("Abcdefg2!")).await), "InvalidUserType");
}
