//! Who else may read and change the organisation.

use super::*;

#[test]
fn members_see_the_organization_and_delegated_administrators_all_of_it() {
    run(async {
        let world = World::new().await;
        let account = world.account("a@example.com").await;
        let user = World::user(&account);
        assert!(
            world
                .call_as::<op::DescribeOrganization>(&user, api::DescribeOrganizationInput::default())
                .await
                .is_ok()
        );
        let list = || world.call_as::<op::ListAccounts>(&user, api::ListAccountsInput::default());
        assert_eq!(code(list().await).0, "AccessDenied");
        let untrusted = code(world.register(&account, "config.amazonaws.com").await);
        assert_eq!(untrusted, error("ConstraintViolationException", "SERVICE_ACCESS_NOT_ENABLED"));
        world.trust("config.amazonaws.com").await;
        world.register(&account, "config.amazonaws.com").await.unwrap();
        let again = code(world.register(&account, "config.amazonaws.com").await);
        assert_eq!(again.0, "AccountAlreadyRegisteredException");
        assert_eq!(list().await.unwrap().accounts.unwrap().len(), 2);
        let input =
            api::AttachPolicyInput { policy_id: "p-FullAWSAccess".to_owned(), target_id: account.clone() };
        assert_eq!(code(world.call_as::<op::AttachPolicy>(&user, input).await).0, "AccessDenied");
        let management = code(world.register(&world.management.to_string(), "config.amazonaws.com").await);
        assert_eq!(management.1, "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR");
        let bad = code(world.register(&account, "config").await);
        assert_eq!(bad, error("InvalidInputException", "UNRECOGNIZED_SERVICE_PRINCIPAL"));
        let listed = world
            .call::<op::ListDelegatedAdministrators>(api::ListDelegatedAdministratorsInput::default())
            .await
            .unwrap();
        assert_eq!(listed.delegated_administrators.unwrap()[0].id, Some(account.clone()));
        let input = api::DeregisterDelegatedAdministratorInput {
            account_id: account.clone(),
            service_principal: "config.amazonaws.com".to_owned(),
        };
        world.call::<op::DeregisterDelegatedAdministrator>(input).await.unwrap();
        assert_eq!(code(list().await).0, "AccessDenied");
    });
}

#[test]
fn the_resource_policy_lets_an_account_manage_policies() {
    run(async {
        let world = World::new().await;
        let account = world.account("a@example.com").await;
        let user = World::user(&account);
        let input = || api::CreatePolicyInput {
            content: deny("s3:*"),
            description: String::new(),
            name: "p".to_owned(),
            r#type: SCP,
            tags: None,
        };
        assert_eq!(code(world.call_as::<op::CreatePolicy>(&user, input()).await).0, "AccessDenied");
        let policy = |action: &str, account: &str| api::PutResourcePolicyInput {
            content: format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"x","Effect":"Allow","Principal":{{"AWS":"{account}"}},"Action":"{action}","Resource":"*"}}]}}"#
            ),
            tags: None,
        };
        let refused =
            world.call::<op::PutResourcePolicy>(policy("organizations:CloseAccount", &account)).await;
        assert_eq!(code(refused), error("InvalidInputException", "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY"));
        let refused = world.call::<op::PutResourcePolicy>(policy("organizations:CreatePolicy", "*")).await;
        assert_eq!(code(refused), error("InvalidInputException", "INVALID_PRINCIPAL"));
        world.call::<op::PutResourcePolicy>(policy("organizations:CreatePolicy", &account)).await.unwrap();
        world.call_as::<op::CreatePolicy>(&user, input()).await.unwrap();
        let other = World::user(&world.account("b@example.com").await);
        assert_eq!(code(world.call_as::<op::CreatePolicy>(&other, input()).await).0, "AccessDenied");
        let shown = world
            .call::<op::DescribeResourcePolicy>(api::DescribeResourcePolicyInput::default())
            .await
            .unwrap();
        let shown = shown.resource_policy.unwrap();
        assert!(shown.content.unwrap().contains("organizations:CreatePolicy"));
        assert!(shown.resource_policy_summary.unwrap().id.unwrap().starts_with("rp-"));
        world.call::<op::DeleteResourcePolicy>(api::DeleteResourcePolicyInput::default()).await.unwrap();
        let gone =
            world.call::<op::DescribeResourcePolicy>(api::DescribeResourcePolicyInput::default()).await;
        assert_eq!(code(gone).0, "ResourcePolicyNotFoundException");
        assert_eq!(code(world.call_as::<op::CreatePolicy>(&user, input()).await).0, "AccessDenied");
    });
}
