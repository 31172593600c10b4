//! OpenID Connect providers.

use super::*;

fn create(url: &str) -> api::CreateOpenIDConnectProviderInput {
    api::CreateOpenIDConnectProviderInput {
        url: url.to_owned(),
        client_id_list: Some(vec!["one".to_owned()]),
        thumbprint_list: Some(vec!["0".repeat(40)]),
        ..api::CreateOpenIDConnectProviderInput::default()
    }
}

#[tokio::test]
async fn a_provider_is_made_changed_and_deleted() {
    let world = World::new().await;
    let made =
        world.call::<op::CreateOpenIDConnectProvider>(create("https://idp.example.com/realms/a")).await;
    let arn = made.unwrap().openid_connect_provider_arn.unwrap();
    assert_eq!(arn, format!("arn:aws:iam::{}:oidc-provider/idp.example.com/realms/a", world.account));
    let again =
        world.call::<op::CreateOpenIDConnectProvider>(create("https://idp.example.com/realms/a/")).await;
    assert_eq!(code(again), "EntityAlreadyExists");
    let http = world.call::<op::CreateOpenIDConnectProvider>(create("http://idp.example.com")).await;
    assert_eq!(code(http), "InvalidInput");
    let add = |id: &str| api::AddClientIDToOpenIDConnectProviderInput {
        openid_connect_provider_arn: arn.clone(),
        client_id: id.to_owned(),
    };
    for id in ["two", "two", "one"] {
        world.call::<op::AddClientIDToOpenIDConnectProvider>(add(id)).await.unwrap();
    }
    let remove = api::RemoveClientIDFromOpenIDConnectProviderInput {
        openid_connect_provider_arn: arn.clone(),
        client_id: "one".to_owned(),
    };
    world.call::<op::RemoveClientIDFromOpenIDConnectProvider>(remove).await.unwrap();
    let thumbprints = api::UpdateOpenIDConnectProviderThumbprintInput {
        openid_connect_provider_arn: arn.clone(),
        thumbprint_list: vec!["a".repeat(40)],
    };
    world.call::<op::UpdateOpenIDConnectProviderThumbprint>(thumbprints).await.unwrap();
    let get = || api::GetOpenIDConnectProviderInput { openid_connect_provider_arn: arn.clone() };
    let got = world.call::<op::GetOpenIDConnectProvider>(get()).await.unwrap();
    assert_eq!(got.url.as_deref(), Some("idp.example.com/realms/a"));
    assert_eq!(got.client_id_list.unwrap(), ["two"]);
    assert_eq!(got.thumbprint_list.unwrap(), ["a".repeat(40)]);
    let listed = world
        .call::<op::ListOpenIDConnectProviders>(api::ListOpenIDConnectProvidersInput {})
        .await
        .unwrap()
        .openid_connect_provider_list
        .unwrap();
    assert_eq!(listed.len(), 1);
    let delete = || api::DeleteOpenIDConnectProviderInput { openid_connect_provider_arn: arn.clone() };
    world.call::<op::DeleteOpenIDConnectProvider>(delete()).await.unwrap();
    world.call::<op::DeleteOpenIDConnectProvider>(delete()).await.unwrap();
    assert_eq!(code(world.call::<op::GetOpenIDConnectProvider>(get()).await), "NoSuchEntity");
}
