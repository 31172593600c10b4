//! Accounts: made, listed, closed; and the organisation's beginning.

use strongroom_api_strongroom as operator;
use strongroom_storage::Partition;
use strongroom_types::AccountId;

use super::*;
use crate::row::{self, OrganizationRow, decode};

#[test]
fn a_directory_of_before_gets_its_organization_once() {
    run(async {
        let world = World::without_organization().await;
        let identity = &world.identity;
        let old = identity.draft_account_with_key("old@example.com", Some("old")).unwrap();
        let mut batch = strongroom_storage::Batch::new(Partition::Org);
        for (key, value) in old.draft.rows {
            batch.put(key, value);
        }
        strongroom_storage::MetaStore::commit(&world.store, batch).await.unwrap();
        world.organizations.establish().await.unwrap();
        let first = world.organizations.organization().await.unwrap();
        world.organizations.establish().await.unwrap();
        assert_eq!(world.organizations.organization().await.unwrap(), first);
        assert_eq!(first.0.accounts, 2);
        let listed = world.call::<op::ListAccounts>(api::ListAccountsInput::default()).await.unwrap();
        let mut names: Vec<_> =
            listed.accounts.unwrap().into_iter().filter_map(|account| account.name).collect();
        names.sort_unstable();
        assert_eq!(names, ["old", "root@example.com"]);
    });
}

#[test]
fn ids_have_aws_s_forms() {
    run(async {
        let world = World::new().await;
        let organization =
            world.call::<op::DescribeOrganization>(api::DescribeOrganizationInput::default()).await.unwrap();
        let organization = organization.organization.unwrap();
        let id = organization.id.unwrap();
        assert!(id.starts_with("o-") && id.len() == 12, "{id}");
        let management = world.management.to_string();
        let arn = format!("arn:aws:organizations::{management}:organization/{id}");
        assert_eq!(organization.arn.as_deref(), Some(arn.as_str()));
        assert_eq!(organization.master_account_id.as_deref(), Some(management.as_str()));
        assert_eq!(organization.master_account_email.as_deref(), Some("root@example.com"));
        let root = world.root_id().await;
        assert!(root.starts_with("r-") && root.len() == 6, "{root}");
        let unit = world.new_unit(&root, "a").await.unwrap();
        assert!(unit.starts_with(&format!("ou-{}-", &root[2..])) && unit.len() == 16, "{unit}");
        let policy = world.new_policy(SCP, "p", &deny("s3:*")).await.unwrap();
        assert!(policy.starts_with("p-") && policy.len() == 10, "{policy}");
    });
}

#[test]
fn an_account_is_made_at_once_and_its_request_remembered() {
    run(async {
        let world = World::new().await;
        let status = world.create("a@example.com").await;
        assert_eq!(status.state, Some(api::CreateAccountState::Succeeded));
        let id = status.account_id.clone().unwrap();
        let input = api::DescribeAccountInput { account_id: id.clone() };
        let account = *world.call::<op::DescribeAccount>(input).await.unwrap().account.unwrap();
        assert_eq!(account.email.as_deref(), Some("a@example.com"));
        assert_eq!(account.status, Some(api::AccountStatus::Active));
        assert_eq!(account.joined_method, Some(api::AccountJoinedMethod::Created));
        let input =
            api::DescribeCreateAccountStatusInput { create_account_request_id: status.id.clone().unwrap() };
        let again = world.call::<op::DescribeCreateAccountStatus>(input).await.unwrap();
        assert_eq!(again.create_account_status.unwrap().account_id, status.account_id);
        // Its role is there, for the management account alone.
        let role = format!("arn:aws:iam::{id}:role/OrganizationAccountAccessRole");
        let role = strongroom_types::Arn::parse(&role).unwrap();
        assert!(world.identity.trust_policy(&role).await.unwrap().is_some());
    });
}

#[test]
fn an_address_that_is_taken_or_none_fails_as_aws_fails() {
    run(async {
        let world = World::new().await;
        world.account("a@example.com").await;
        let failed = world.create("A@Example.com").await;
        assert_eq!(failed.state, Some(api::CreateAccountState::Failed));
        assert_eq!(failed.failure_reason, Some(api::CreateAccountFailureReason::EmailAlreadyExists));
        assert_eq!(failed.account_id, None);
        let failed = world.create("nobody@nowhere").await;
        assert_eq!(failed.failure_reason, Some(api::CreateAccountFailureReason::InvalidEmail));
        let states = Some(vec![api::CreateAccountState::Failed]);
        let input = api::ListCreateAccountStatusInput { states, ..Default::default() };
        let listed = world.call::<op::ListCreateAccountStatus>(input).await.unwrap();
        assert_eq!(listed.create_account_statuses.unwrap().len(), 2);
        let input = api::CreateAccountInput {
            email: "b@example.com".to_owned(),
            account_name: "b".to_owned(),
            role_name: Some("AWSServiceRoleForX".to_owned()),
            ..Default::default()
        };
        let refused = code(world.call::<op::CreateAccount>(input).await);
        assert_eq!(refused, error("InvalidInputException", "INVALID_ROLE_NAME"));
    });
}

#[test]
fn a_crash_while_an_account_is_made_leaves_no_account() {
    run(async {
        for commits in 0..3 {
            let world = World::new().await;
            world.crash_after(commits);
            let input = api::CreateAccountInput {
                email: "a@example.com".to_owned(),
                account_name: "a".to_owned(),
                ..Default::default()
            };
            let made = world.call::<op::CreateAccount>(input).await.is_ok();
            world.restart();
            assert_eq!(made, commits == 2, "one commit for the role, one for the account");
            let listed = world.call::<op::ListAccounts>(api::ListAccountsInput::default()).await.unwrap();
            assert_eq!(listed.accounts.unwrap().len(), if made { 2 } else { 1 });
            assert_eq!(world.identity.has_email("a@example.com").await.unwrap(), made);
            if !made {
                world.account("a@example.com").await;
            }
        }
    });
}

#[test]
fn accounts_of_the_operator_are_members_under_the_root() {
    run(async {
        let world = World::new().await;
        let input = operator::CreateAccountInput { email: "o@example.com".to_owned(), account_name: None };
        let made = world.call::<operator::op::CreateAccount>(input).await.unwrap();
        let input =
            api::ListParentsInput { child_id: made.account.id.clone(), ..api::ListParentsInput::default() };
        let parents = world.call::<op::ListParents>(input).await.unwrap().parents.unwrap();
        assert_eq!(parents[0].id, Some(world.root_id().await));
        assert_eq!(world.policies_on(&made.account.id, SCP).await, ["p-FullAWSAccess"]);
        let input = operator::CreateAccountInput { email: "O@example.com".to_owned(), account_name: None };
        let again = world.call::<operator::op::CreateAccount>(input).await;
        assert_eq!(code(again).0, "AccountAlreadyExistsException");
    });
}

#[test]
fn a_closed_account_may_nothing_and_stays() {
    run(async {
        let world = World::new().await;
        let id = world.account("a@example.com").await;
        let user = World::user(&id);
        assert!(
            world
                .call_as::<op::DescribeOrganization>(&user, api::DescribeOrganizationInput::default())
                .await
                .is_ok()
        );
        let close = || api::CloseAccountInput { account_id: id.clone() };
        world.call::<op::CloseAccount>(close()).await.unwrap();
        let refused =
            world.call_as::<op::DescribeOrganization>(&user, api::DescribeOrganizationInput::default()).await;
        assert_eq!(code(refused).0, "AccessDenied");
        assert_eq!(code(world.call::<op::CloseAccount>(close()).await).0, "AccountAlreadyClosedException");
        let input = api::DescribeAccountInput { account_id: id.clone() };
        let account = *world.call::<op::DescribeAccount>(input).await.unwrap().account.unwrap();
        assert_eq!(account.status, Some(api::AccountStatus::Suspended));
        let management = api::CloseAccountInput { account_id: world.management.to_string() };
        let refused = code(world.call::<op::CloseAccount>(management).await);
        assert_eq!(refused, error("ConstraintViolationException", "CANNOT_CLOSE_MANAGEMENT_ACCOUNT"));
    });
}

#[test]
fn nobody_leaves_and_nobody_is_invited() {
    run(async {
        let world = World::new().await;
        let id = world.account("a@example.com").await;
        let leaves = world
            .call_as::<op::LeaveOrganization>(&World::user(&id), api::LeaveOrganizationInput::default())
            .await;
        assert_eq!(code(leaves), error("ConstraintViolationException", "ACCOUNT_CANNOT_LEAVE_ORGANIZATION"));
        let leaves = world.call::<op::LeaveOrganization>(api::LeaveOrganizationInput::default()).await;
        assert_eq!(code(leaves).0, "MasterCannotLeaveOrganizationException");
        let input = api::RemoveAccountFromOrganizationInput { account_id: "111111111111".to_owned() };
        let removed = world.call::<op::RemoveAccountFromOrganization>(input).await;
        assert_eq!(code(removed).0, "AccountNotFoundException");
        let again = world.call::<op::CreateOrganization>(api::CreateOrganizationInput::default()).await;
        assert_eq!(code(again).0, "AlreadyInOrganizationException");
        let deleted = world.call::<op::DeleteOrganization>(api::DeleteOrganizationInput::default()).await;
        assert_eq!(code(deleted).0, "OrganizationNotEmptyException");
        let invited = world
            .call::<op::InviteAccountToOrganization>(api::InviteAccountToOrganizationInput::default())
            .await;
        let reason = "ALREADY_IN_AN_ORGANIZATION";
        assert_eq!(code(invited), error("HandshakeConstraintViolationException", reason));
    });
}

#[test]
fn lists_of_accounts_are_paged() {
    run(async {
        let world = World::new().await;
        for index in 0..4 {
            world.account(&format!("a{index}@example.com")).await;
        }
        let (mut seen, mut next_token) = (Vec::new(), None);
        loop {
            let input = api::ListAccountsInput { next_token, max_results: Some(2) };
            let page = world.call::<op::ListAccounts>(input).await.unwrap();
            let accounts = page.accounts.unwrap();
            assert!(accounts.len() <= 2);
            seen.extend(accounts.into_iter().filter_map(|account| account.id));
            next_token = page.next_token;
            if next_token.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 5);
        seen.dedup();
        assert_eq!(seen.len(), 5);
        let input = api::ListAccountsInput { next_token: Some("?".to_owned()), max_results: None };
        let refused = code(world.call::<op::ListAccounts>(input).await);
        assert_eq!(refused, error("InvalidInputException", "INVALID_NEXT_TOKEN"));
    });
}

#[test]
fn every_change_raises_the_generation() {
    run(async {
        let world = World::new().await;
        let before = world.organizations.organization().await.unwrap();
        let id = world.account("a@example.com").await;
        let after = world.organizations.organization().await.unwrap();
        assert_eq!(after.0.generation, before.0.generation + 1);
        assert_ne!(after.1, before.1);
        let row = strongroom_storage::MetaStore::get(&world.store, Partition::Org, row::ORGANIZATION).await;
        let row: OrganizationRow = decode(&row.unwrap().unwrap().value).unwrap();
        assert_eq!(row.accounts, 2);
        assert!(AccountId::parse(&id).is_ok());
    });
}
