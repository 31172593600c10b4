//! Policies, their types, and where they hang.

use super::*;

#[test]
fn everything_begins_with_full_access() {
    run(async {
        let world = World::new().await;
        let root = world.root_id().await;
        let unit = world.new_unit(&root, "a").await.unwrap();
        let account = world.account("a@example.com").await;
        for target in [&root, &unit, &account] {
            assert_eq!(world.policies_on(target, SCP).await, ["p-FullAWSAccess"]);
            assert_eq!(world.policies_on(target, RCP).await, ["p-RCPFullAWSAccess"]);
            assert!(world.policies_on(target, S3).await.is_empty());
        }
        let input =
            api::ListTargetsForPolicyInput { policy_id: "p-FullAWSAccess".to_owned(), ..Default::default() };
        let targets = world.call::<op::ListTargetsForPolicy>(input).await.unwrap().targets.unwrap();
        assert_eq!(targets.len(), 4);
        let listed = api::ListPoliciesInput { filter: SCP, ..Default::default() };
        let listed = world.call::<op::ListPolicies>(listed).await.unwrap().policies.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].aws_managed, Some(true));
        let arn = "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess";
        assert_eq!(listed[0].arn.as_deref(), Some(arn));
    });
}

#[test]
fn the_last_service_control_policy_stays() {
    run(async {
        let world = World::new().await;
        let account = world.account("a@example.com").await;
        let last = code(world.detach("p-FullAWSAccess", &account).await);
        assert_eq!(last, error("ConstraintViolationException", "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"));
        let policy = world.new_policy(SCP, "p", &deny("s3:*")).await.unwrap();
        world.attach(&policy, &account).await.unwrap();
        assert_eq!(code(world.attach(&policy, &account).await).0, "DuplicatePolicyAttachmentException");
        world.detach("p-FullAWSAccess", &account).await.unwrap();
        assert_eq!(code(world.detach("p-FullAWSAccess", &account).await).0, "PolicyNotAttachedException");
        let full = code(world.detach("p-RCPFullAWSAccess", &account).await);
        assert_eq!(full, error("InvalidInputException", "NON_DETACHABLE_POLICY"));
    });
}

#[test]
fn a_target_has_so_many_policies_at_most() {
    run(async {
        let world = World::new().await;
        let root = world.root_id().await;
        for index in 1..10 {
            let policy = world.new_policy(SCP, &format!("p{index}"), &deny("s3:*")).await.unwrap();
            world.attach(&policy, &root).await.unwrap();
        }
        let policy = world.new_policy(SCP, "one too many", &deny("s3:*")).await.unwrap();
        let refused = code(world.attach(&policy, &root).await);
        assert_eq!(
            refused,
            error("ConstraintViolationException", "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED")
        );
    });
}

#[test]
fn what_is_no_policy_of_its_type_is_refused() {
    run(async {
        let world = World::new().await;
        let allow = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}"#;
        for (kind, content) in [
            (SCP, "{}".to_owned()),
            (SCP, allow.to_owned()),
            (RCP, deny("s3:*")),
            (RCP, allow.to_owned()),
            (S3, deny("s3:*")),
        ] {
            let refused = code(world.new_policy(kind, "p", &content).await);
            assert_eq!(refused.0, "MalformedPolicyDocumentException", "{content}");
        }
        let long = deny(&format!("s3:{}", "x".repeat(10_240)));
        let refused = code(world.new_policy(SCP, "p", &long).await);
        assert_eq!(refused, error("ConstraintViolationException", "POLICY_CONTENT_LIMIT_EXCEEDED"));
        world.new_policy(SCP, "p", &deny(&format!("s3:{}", "x".repeat(10_000)))).await.unwrap();
        let other = Some(api::PolicyType::TagPolicy);
        let refused = code(world.new_policy(other, "t", "{}").await);
        assert_eq!(refused.0, "PolicyTypeNotAvailableForOrganizationException");
        assert_eq!(code(world.new_policy(SCP, "p", &deny("s3:*")).await).0, "DuplicatePolicyException");
        assert_eq!(
            code(world.new_policy(SCP, "FullAWSAccess", &deny("s3:*")).await).0,
            "DuplicatePolicyException"
        );
    });
}

#[test]
fn a_policy_is_changed_and_deleted_once_it_hangs_nowhere() {
    run(async {
        let world = World::new().await;
        let root = world.root_id().await;
        let policy = world.new_policy(SCP, "p", &deny("s3:*")).await.unwrap();
        world.attach(&policy, &root).await.unwrap();
        let delete = || api::DeletePolicyInput { policy_id: policy.clone() };
        assert_eq!(code(world.call::<op::DeletePolicy>(delete()).await).0, "PolicyInUseException");
        let update = api::UpdatePolicyInput {
            policy_id: policy.clone(),
            name: Some("q".to_owned()),
            content: Some(deny("iam:*")),
            description: None,
        };
        let updated = *world.call::<op::UpdatePolicy>(update).await.unwrap().policy.unwrap();
        assert_eq!(updated.content, Some(deny("iam:*")));
        assert_eq!(updated.policy_summary.unwrap().name.as_deref(), Some("q"));
        world.new_policy(SCP, "p", &deny("s3:*")).await.unwrap();
        world.detach(&policy, &root).await.unwrap();
        world.call::<op::DeletePolicy>(delete()).await.unwrap();
        assert_eq!(code(world.call::<op::DeletePolicy>(delete()).await).0, "PolicyNotFoundException");
        let aws = api::DeletePolicyInput { policy_id: "p-FullAWSAccess".to_owned() };
        let refused = code(world.call::<op::DeletePolicy>(aws).await);
        assert_eq!(refused, error("InvalidInputException", "IMMUTABLE_POLICY"));
    });
}

#[test]
fn a_type_that_is_disabled_loses_all_attachments() {
    run(async {
        let world = World::new().await;
        let root = world.root_id().await;
        let account = world.account("a@example.com").await;
        let policy = world.new_policy(SCP, "p", &deny("s3:*")).await.unwrap();
        world.attach(&policy, &account).await.unwrap();
        assert_eq!(code(world.enable(SCP).await).0, "PolicyTypeAlreadyEnabledException");
        world.disable(SCP).await.unwrap();
        assert!(world.policies_on(&account, SCP).await.is_empty());
        assert_eq!(world.policies_on(&account, RCP).await, ["p-RCPFullAWSAccess"]);
        assert_eq!(code(world.attach(&policy, &root).await).0, "PolicyTypeNotEnabledException");
        assert_eq!(code(world.disable(SCP).await).0, "PolicyTypeNotEnabledException");
        let unit = world.new_unit(&root, "later").await.unwrap();
        assert!(world.policies_on(&unit, SCP).await.is_empty());
        world.enable(SCP).await.unwrap();
        for target in [&root, &unit, &account] {
            assert_eq!(world.policies_on(target, SCP).await, ["p-FullAWSAccess"]);
        }
    });
}

#[test]
fn tags_are_set_listed_and_removed() {
    run(async {
        let world = World::new().await;
        let account = world.account("a@example.com").await;
        let tag = |key: &str| api::Tag { key: key.to_owned(), value: "v".to_owned() };
        let put = |tags| api::TagResourceInput { resource_id: account.clone(), tags };
        world.call::<op::TagResource>(put(vec![tag("a"), tag("b")])).await.unwrap();
        let system = code(world.call::<op::TagResource>(put(vec![tag("aws:x")])).await);
        assert_eq!(system, error("InvalidInputException", "INVALID_SYSTEM_TAGS_PARAMETER"));
        let twice = code(world.call::<op::TagResource>(put(vec![tag("c"), tag("c")])).await);
        assert_eq!(twice, error("InvalidInputException", "DUPLICATE_TAG_KEY"));
        let many = (0..50).map(|index| tag(&format!("k{index}"))).collect();
        let many = code(world.call::<op::TagResource>(put(many)).await);
        assert_eq!(many, error("ConstraintViolationException", "MAX_TAG_LIMIT_EXCEEDED"));
        let untag = api::UntagResourceInput { resource_id: account.clone(), tag_keys: vec!["a".to_owned()] };
        world.call::<op::UntagResource>(untag).await.unwrap();
        let input = api::ListTagsForResourceInput { resource_id: account.clone(), next_token: None };
        let tags = world.call::<op::ListTagsForResource>(input).await.unwrap().tags.unwrap();
        assert_eq!(tags.iter().map(|tag| tag.key.as_str()).collect::<Vec<_>>(), ["b"]);
        let input =
            api::ListTagsForResourceInput { resource_id: "ou-aaaa-bbbbbbbb".to_owned(), next_token: None };
        assert_eq!(code(world.call::<op::ListTagsForResource>(input).await).0, "TargetNotFoundException");
    });
}
