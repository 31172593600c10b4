//! What decisions are told.

use std::sync::Arc;

use strongroom_gate::{AccountFacts, PublicAccessBlock};
use strongroom_types::{AccountId, Arn};

use super::*;

async fn facts(world: &World, account: &str) -> Arc<AccountFacts> {
    world.organizations.account_facts(AccountId::parse(account).unwrap()).await.unwrap()
}

#[test]
fn levels_go_from_the_root_down_and_leave_the_management_account_alone() {
    run(async {
        let world = World::new().await;
        let root = world.root_id().await;
        let account = world.account("a@example.com").await;
        let outer = world.new_unit(&root, "outer").await.unwrap();
        let inner = world.new_unit(&outer, "inner").await.unwrap();
        world.move_to(&account, &root, &inner).await.unwrap();
        let found = facts(&world, &account).await;
        let targets: Vec<_> = found.service_control.iter().map(|level| level.target.as_str()).collect();
        assert_eq!(targets, [root.as_str(), &outer, &inner, &account]);
        assert_eq!(found.resource_control.len(), 4);
        let place = found.organization.clone().unwrap();
        assert_eq!(place.path, format!("{}/{root}/{outer}/{inner}/", place.id));
        let management = facts(&world, &world.management.to_string()).await;
        assert!(management.service_control.is_empty() && management.resource_control.is_empty());
        assert_eq!(management.organization.clone().unwrap().path, format!("{}/{root}/", place.id));
        assert!(facts(&world, "111111111111").await.organization.is_none());
    });
}

#[test]
fn a_change_is_seen_at_once_and_nothing_else_is_read_anew() {
    run(async {
        let world = World::new().await;
        let root = world.root_id().await;
        let account = world.account("a@example.com").await;
        let first = facts(&world, &account).await;
        assert!(Arc::ptr_eq(&first, &facts(&world, &account).await));
        let policy = world.new_policy(SCP, "p", &deny("organizations:DescribeOrganization")).await.unwrap();
        let user = World::user(&account);
        let ask =
            || world.call_as::<op::DescribeOrganization>(&user, api::DescribeOrganizationInput::default());
        assert!(ask().await.is_ok());
        let unit = world.new_unit(&root, "strict").await.unwrap();
        world.attach(&policy, &unit).await.unwrap();
        assert!(ask().await.is_ok());
        world.move_to(&account, &root, &unit).await.unwrap();
        let refused = ask().await.err().unwrap();
        assert_eq!(refused.code, "AccessDenied");
        assert!(refused.message.contains("explicit deny in a service control policy"), "{}", refused.message);
        let root_user = World::root_of(&account);
        let input = api::DescribeOrganizationInput::default();
        let as_root = world.call_as::<op::DescribeOrganization>(&root_user, input).await;
        assert_eq!(code(as_root).0, "AccessDenied");
        assert!(
            world.call::<op::DescribeOrganization>(api::DescribeOrganizationInput::default()).await.is_ok()
        );
        world.move_to(&account, &unit, &root).await.unwrap();
        assert!(ask().await.is_ok());
        world.attach(&policy, &root).await.unwrap();
        assert_eq!(code(ask().await).0, "AccessDenied");
        assert!(
            world.call::<op::DescribeOrganization>(api::DescribeOrganizationInput::default()).await.is_ok()
        );
        world.disable(SCP).await.unwrap();
        assert!(ask().await.is_ok());
    });
}

#[test]
fn an_account_without_an_allowing_level_may_nothing() {
    run(async {
        let world = World::new().await;
        let account = world.account("a@example.com").await;
        let only =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
        let policy = world.new_policy(SCP, "p", only).await.unwrap();
        world.attach(&policy, &account).await.unwrap();
        world.detach("p-FullAWSAccess", &account).await.unwrap();
        let user = World::user(&account);
        let refused = world
            .call_as::<op::DescribeOrganization>(&user, api::DescribeOrganizationInput::default())
            .await
            .err()
            .unwrap();
        assert!(refused.message.contains("no service control policy allows"), "{}", refused.message);
    });
}

#[test]
fn an_s3_policy_blocks_what_is_below_it() {
    run(async {
        let world = World::new().await;
        let root = world.root_id().await;
        let account = world.account("a@example.com").await;
        let all = r#"{"s3_attributes":{"public_access_block_configuration":{"@@assign":"all"}}}"#;
        let policy = world.new_policy(S3, "bpa", all).await.unwrap();
        assert_eq!(code(world.attach(&policy, &root).await).0, "PolicyTypeNotEnabledException");
        world.enable(S3).await.unwrap();
        assert_eq!(facts(&world, &account).await.public_access_block, None);
        world.attach(&policy, &root).await.unwrap();
        assert_eq!(facts(&world, &account).await.public_access_block, Some(PublicAccessBlock::ALL));
        let input = |target: &str| api::DescribeEffectivePolicyInput {
            policy_type: Some(api::EffectivePolicyType::S3Policy),
            target_id: Some(target.to_owned()),
        };
        let effective = world.call::<op::DescribeEffectivePolicy>(input(&account)).await.unwrap();
        let effective = effective.effective_policy.unwrap();
        let shown = r#"{"s3_attributes":{"public_access_block_configuration":"all"}}"#;
        assert_eq!(effective.policy_content.as_deref(), Some(shown));
        let refused = code(world.call::<op::DescribeEffectivePolicy>(input(&root)).await);
        assert_eq!(refused, error("InvalidInputException", "TARGET_NOT_SUPPORTED"));
        let own = api::DescribeEffectivePolicyInput { target_id: None, ..input("") };
        let of_own = world.call_as::<op::DescribeEffectivePolicy>(&World::user(&account), own).await.unwrap();
        assert_eq!(of_own.effective_policy.unwrap().target_id, Some(account.clone()));
        let another = input(&world.management.to_string());
        let of_another = world.call_as::<op::DescribeEffectivePolicy>(&World::user(&account), another).await;
        assert_eq!(code(of_another).0, "AccessDenied");
        world.disable(S3).await.unwrap();
        assert_eq!(facts(&world, &account).await.public_access_block, None);
        let none = world.call::<op::DescribeEffectivePolicy>(input(&account)).await;
        assert_eq!(code(none).0, "EffectivePolicyNotFoundException");
    });
}

#[test]
fn whatever_has_tags_can_be_kept_by_them() {
    run(async {
        let world = World::new().await;
        let root = world.root_id().await;
        let account = world.account("a@example.com").await;
        let unit = world.new_unit(&root, "unit").await.unwrap();
        let policy = world.new_policy(SCP, "p", &deny("sns:Publish")).await.unwrap();
        for id in [&root, &account, &unit, &policy] {
            let tags = vec![api::Tag { key: "kept".to_owned(), value: id.clone() }];
            let input = api::TagResourceInput { resource_id: id.clone(), tags };
            world.call::<op::TagResource>(input).await.unwrap();
            let arn = world.organizations.arn(id).await.unwrap().unwrap();
            let found = world.organizations.resource_facts(&arn).await.unwrap();
            assert_eq!(found.tags, [("kept".to_owned(), id.clone())]);
            assert!(found.guard.is_some());
        }
        let member = world.organizations.member_arn(&account).await.unwrap().unwrap();
        let own = Arn::new("account", "", &account, "account");
        for arn in [member, own] {
            let found = world.organizations.resource_facts(&arn).await.unwrap();
            assert_eq!(found.tags, [("kept".to_owned(), account.clone())], "{arn}");
        }
        for id in ["p-FullAWSAccess", "ou-none", "111111111111", "rp-none"] {
            let arn = Arn::new("organizations", "", "aws", &format!("policy/{id}"));
            assert!(world.organizations.resource_facts(&arn).await.unwrap().tags.is_empty(), "{id}");
        }
    });
}
