//! Account Management.

use strongroom_api_account as account_api;
use strongroom_api_account::op as account_op;

use super::*;
use crate::ACCOUNT_SERVICE;

fn security(account: Option<&str>) -> account_api::GetAlternateContactInput {
    account_api::GetAlternateContactInput {
        alternate_contact_type: Some(account_api::AlternateContactType::Security),
        account_id: account.map(ToOwned::to_owned),
    }
}

fn put(account: Option<&str>) -> account_api::PutAlternateContactInput {
    account_api::PutAlternateContactInput {
        name: "Ada".to_owned(),
        title: "CISO".to_owned(),
        email_address: "security@example.com".to_owned(),
        phone_number: "+1 555".to_owned(),
        alternate_contact_type: Some(account_api::AlternateContactType::Security),
        account_id: account.map(ToOwned::to_owned),
    }
}

#[test]
fn a_contact_is_there_once_it_is_set() {
    run(async {
        let world = World::new().await;
        let absent = world.call::<account_op::GetAlternateContact>(security(None)).await.err().unwrap();
        assert_eq!((absent.status, absent.code.as_ref()), (404, "ResourceNotFoundException"));
        world.call::<account_op::PutAlternateContact>(put(None)).await.unwrap();
        let found = world.call::<account_op::GetAlternateContact>(security(None)).await.unwrap();
        assert_eq!(found.alternate_contact.unwrap().email_address.as_deref(), Some("security@example.com"));
        let delete = || account_api::DeleteAlternateContactInput {
            alternate_contact_type: Some(account_api::AlternateContactType::Security),
            account_id: None,
        };
        world.call::<account_op::DeleteAlternateContact>(delete()).await.unwrap();
        let again = world.call::<account_op::DeleteAlternateContact>(delete()).await;
        assert_eq!(code(again).0, "ResourceNotFoundException");
        let absent = world
            .call::<account_op::GetContactInformation>(account_api::GetContactInformationInput::default())
            .await;
        assert_eq!(code(absent).0, "ResourceNotFoundException");
    });
}

#[test]
fn another_account_s_contacts_need_trust_and_authority() {
    run(async {
        let world = World::new().await;
        let (a, b) = (world.account("a@example.com").await, world.account("b@example.com").await);
        let refused = world.call::<account_op::PutAlternateContact>(put(Some(&a))).await;
        assert_eq!(code(refused).0, "AccessDenied");
        world.trust(ACCOUNT_SERVICE).await;
        world.call::<account_op::PutAlternateContact>(put(Some(&a))).await.unwrap();
        let own = world.call_as::<account_op::GetAlternateContact>(&World::user(&a), security(None)).await;
        assert!(own.is_ok());
        let user = World::user(&b);
        let ask = || world.call_as::<account_op::GetAlternateContact>(&user, security(Some(&a)));
        assert_eq!(code(ask().await).0, "AccessDenied");
        world.trust("config.amazonaws.com").await;
        world.register(&b, "config.amazonaws.com").await.unwrap();
        assert_eq!(code(ask().await).0, "AccessDenied", "delegated for another service");
        world.register(&b, ACCOUNT_SERVICE).await.unwrap();
        assert!(ask().await.is_ok());
        let email = account_api::GetPrimaryEmailInput { account_id: a.clone() };
        let email = world.call::<account_op::GetPrimaryEmail>(email).await.unwrap();
        assert_eq!(email.primary_email.as_deref(), Some("a@example.com"));
        let name =
            account_api::PutAccountNameInput { account_name: "new".to_owned(), account_id: Some(a.clone()) };
        world.call::<account_op::PutAccountName>(name).await.unwrap();
        let input = api::DescribeAccountInput { account_id: a };
        let shown = world.call::<op::DescribeAccount>(input).await.unwrap().account.unwrap();
        assert_eq!(shown.name.as_deref(), Some("new"));
    });
}

#[test]
fn regions_are_those_of_the_installation() {
    run(async {
        let world = World::new().await;
        let first = account_api::ListRegionsInput { max_results: Some(1), ..Default::default() };
        let first = world.call::<account_op::ListRegions>(first).await.unwrap();
        assert_eq!(first.regions.unwrap()[0].region_name.as_deref(), Some("eu-west-1"));
        let rest = account_api::ListRegionsInput { next_token: first.next_token, ..Default::default() };
        let rest = world.call::<account_op::ListRegions>(rest).await.unwrap();
        assert_eq!(rest.regions.unwrap()[0].region_name.as_deref(), Some("us-east-1"));
        assert_eq!(rest.next_token, None);
        let disabled = Some(vec![account_api::RegionOptStatus::Disabled]);
        let none =
            account_api::ListRegionsInput { region_opt_status_contains: disabled, ..Default::default() };
        assert!(world.call::<account_op::ListRegions>(none).await.unwrap().regions.unwrap().is_empty());
        let ask = |name: &str| account_api::GetRegionOptStatusInput {
            region_name: name.to_owned(),
            account_id: None,
        };
        let here = world.call::<account_op::GetRegionOptStatus>(ask("us-east-1")).await.unwrap();
        assert_eq!(here.region_opt_status, Some(account_api::RegionOptStatus::EnabledByDefault));
        let elsewhere = world.call::<account_op::GetRegionOptStatus>(ask("af-south-1")).await.unwrap();
        assert_eq!(elsewhere.region_opt_status, Some(account_api::RegionOptStatus::Disabled));
    });
}
