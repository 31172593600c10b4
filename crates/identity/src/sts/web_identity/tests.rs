//! Tokens, as requests bring them: from their text, by the real gate, to a session.

use async_trait::async_trait;
use serde_json::{Value, json};
use strongroom_api_iam as iam;

use super::api::op::AssumeRoleWithWebIdentity;
use super::key::testing::Signer;
use super::*;
use crate::iam::testing::World;

const ISSUER: &str = "https://idp.example.com/realms/a";

/// Keys of one issuer.
struct Known(KeySet);

#[async_trait]
impl KeySets for Known {
    async fn key_set(&self, issuer: &str, _key_id: Option<&str>) -> Result<Arc<KeySet>, KeySetError> {
        if issuer == ISSUER {
            Ok(Arc::new(self.0.clone()))
        } else {
            Err(KeySetError::NotConfigured(issuer.to_owned()))
        }
    }
}

struct Scene {
    world: World,
    signer: Signer,
    keys: Known,
    provider: String,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let signer = Signer::p256();
        let keys = Known(signer.key_set("k"));
        let input = iam::CreateOpenIDConnectProviderInput {
            url: ISSUER.to_owned(),
            client_id_list: Some(vec!["app".to_owned()]),
            ..Default::default()
        };
        let made = world.call::<iam::op::CreateOpenIDConnectProvider>(input).await.unwrap();
        let provider = made.openid_connect_provider_arn.unwrap();
        Self { world, signer, keys, provider }
    }

    fn now(&self) -> i64 {
        self.world.now().as_secs()
    }

    fn claims(&self) -> Value {
        json!({"iss": ISSUER, "sub": "ann", "aud": "app", "exp": self.now() + 60, "iat": self.now()})
    }

    fn claims_with(&self, changes: &Value) -> Value {
        let mut claims = self.claims();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }

    async fn make_role(&self, name: &str, actions: &str, conditions: &Value) -> String {
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": self.provider},
            "Action": actions.split(' ').collect::<Vec<_>>(),
            "Condition": conditions,
        }]});
        let input = iam::CreateRoleInput {
            role_name: name.to_owned(),
            assume_role_policy_document: trust.to_string(),
            ..Default::default()
        };
        self.world.call::<iam::op::CreateRole>(input).await.unwrap().role.arn
    }

    fn input(&self, role: &str, claims: &Value) -> api::AssumeRoleWithWebIdentityInput {
        api::AssumeRoleWithWebIdentityInput {
            role_arn: role.to_owned(),
            role_session_name: "s".to_owned(),
            web_identity_token: self.signer.token(&json!({"alg": "ES256", "kid": "k"}), claims),
            ..Default::default()
        }
    }

    async fn ask(
        &self,
        input: api::AssumeRoleWithWebIdentityInput,
    ) -> Result<api::AssumeRoleWithWebIdentityOutput, ErrorReply> {
        let now = self.world.now();
        let caller = self.world.identity.web_identity(&self.keys, &input, now).await?;
        self.world.call_as::<AssumeRoleWithWebIdentity>(&caller, input).await
    }

    async fn code(&self, role: &str, claims: &Value) -> String {
        match self.ask(self.input(role, claims)).await {
            Ok(_) => "no error".to_owned(),
            Err(reply) => reply.code.into_owned(),
        }
    }
}

const ASSUME: &str = "sts:AssumeRoleWithWebIdentity";

#[tokio::test]
async fn whoever_the_role_trusts_gets_a_session_that_says_who_he_is() {
    let scene = Scene::new().await;
    let role = scene.make_role("r", ASSUME, &json!({})).await;
    let given = scene.ask(scene.input(&role, &scene.claims())).await.unwrap();
    assert_eq!(given.subject_from_web_identity_token.as_deref(), Some("ann"));
    assert_eq!(given.audience.as_deref(), Some("app"));
    assert_eq!(given.provider.as_deref(), Some(&*scene.provider));
    assert!(given.assumed_role_user.unwrap().arn.ends_with(":assumed-role/r/s"));
    let credentials = given.credentials.unwrap();
    let id = strongroom_types::AccessKeyId::parse(&credentials.access_key_id).unwrap();
    let now = scene.world.now();
    let found =
        scene.world.identity.temporary_credential(&id, &credentials.session_token, now).await.unwrap();
    let federation = found.caller.session().unwrap().federation.clone().unwrap();
    assert_eq!(federation.provider, scene.provider);
    let subject = ("idp.example.com/realms/a:sub".to_owned(), vec!["ann".to_owned()]);
    assert!(federation.keys.contains(&subject));
}

#[tokio::test]
async fn the_trust_policy_decides_on_what_the_token_says() {
    let scene = Scene::new().await;
    let key = |name: &str| format!("idp.example.com/realms/a:{name}");
    let role = scene
        .make_role("r", ASSUME, &json!({"StringEquals": {key("aud"): "app", key("sub"): ["ann", "bob"]}}))
        .await;
    assert_eq!(scene.code(&role, &scene.claims()).await, "no error");
    assert_eq!(scene.code(&role, &scene.claims_with(&json!({"sub": "eve"}))).await, "AccessDenied");
    let by_method =
        scene.make_role("m", ASSUME, &json!({"ForAnyValue:StringEquals": {key("amr"): "hwk"}})).await;
    assert_eq!(scene.code(&by_method, &scene.claims()).await, "AccessDenied");
    let strong = scene.claims_with(&json!({"amr": ["pwd", "hwk"]}));
    assert_eq!(scene.code(&by_method, &strong).await, "no error");
}

#[tokio::test]
async fn a_role_that_trusts_others_is_not_to_be_had() {
    let scene = Scene::new().await;
    for (name, principal) in [
        ("everybody", json!("*")),
        ("account", json!({"AWS": scene.world.account.to_string()})),
        ("other", json!({"Federated": format!("{}/b", scene.provider)})),
    ] {
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": principal, "Action": "sts:*"}
        ]});
        let input = iam::CreateRoleInput {
            role_name: name.to_owned(),
            assume_role_policy_document: trust.to_string(),
            ..Default::default()
        };
        let role = scene.world.call::<iam::op::CreateRole>(input).await.unwrap().role.arn;
        let error = scene.ask(scene.input(&role, &scene.claims())).await.err().unwrap();
        assert_eq!(error.code, "AccessDenied", "{name}");
        assert_eq!(error.message, "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    }
    let none = format!("arn:aws:iam::{}:role/none", scene.world.account);
    assert_eq!(scene.code(&none, &scene.claims()).await, "AccessDenied");
}

#[tokio::test]
async fn a_token_that_is_not_good_is_refused_with_its_code() {
    let scene = Scene::new().await;
    let role = scene.make_role("r", ASSUME, &json!({})).await;
    let now = scene.now();
    for (expected, changes) in [
        ("ExpiredTokenException", json!({"exp": now})),
        ("ExpiredTokenException", json!({"exp": 0})),
        ("InvalidIdentityToken", json!({"nbf": now + 120})),
        ("InvalidIdentityToken", json!({"iat": now + 120})),
        ("InvalidIdentityToken", json!({"aud": "other"})),
        ("InvalidIdentityToken", json!({"azp": "other"})),
        ("InvalidIdentityToken", json!({"iss": "https://idp.example.com"})),
        ("InvalidIdentityToken", json!({"iss": "http://idp.example.com/realms/a"})),
        ("InvalidIdentityToken", json!({"exp": "never"})),
        ("no error", json!({"aud": ["other", "app"]})),
        ("no error", json!({"aud": "other", "azp": "app"})),
        ("no error", json!({"nbf": now + 30})),
    ] {
        assert_eq!(scene.code(&role, &scene.claims_with(&changes)).await, expected, "{changes}");
    }
    let mut forged = scene.input(&role, &scene.claims());
    forged.web_identity_token = Signer::p256().token(&json!({"alg": "ES256", "kid": "k"}), &scene.claims());
    assert_eq!(scene.ask(forged).await.err().unwrap().code, "InvalidIdentityToken");
    let mut unsigned = scene.input(&role, &scene.claims());
    let (signed, _) = unsigned.web_identity_token.rsplit_once('.').unwrap();
    unsigned.web_identity_token = format!("{signed}.");
    assert_eq!(scene.ask(unsigned).await.err().unwrap().code, "InvalidIdentityToken");
}

#[tokio::test]
async fn an_issuer_whose_keys_nobody_has_is_told_as_such() {
    let scene = Scene::new().await;
    let role = scene.make_role("r", ASSUME, &json!({})).await;
    let input = iam::CreateOpenIDConnectProviderInput {
        url: "https://elsewhere.example".to_owned(),
        client_id_list: Some(vec!["app".to_owned()]),
        ..Default::default()
    };
    scene.world.call::<iam::op::CreateOpenIDConnectProvider>(input).await.unwrap();
    let claims = scene.claims_with(&json!({"iss": "https://elsewhere.example"}));
    assert_eq!(scene.code(&role, &claims).await, "IDPCommunicationError");
}

#[tokio::test]
async fn tags_of_a_token_need_leave_and_become_the_session_s() {
    let scene = Scene::new().await;
    let tagged = scene.claims_with(&json!({"https://aws.amazon.com/tags": {
        "principal_tags": {"team": ["red"], "cost": ["1"]},
        "transitive_tag_keys": ["team"],
    }}));
    let plain = scene.make_role("plain", ASSUME, &json!({})).await;
    assert_eq!(scene.code(&plain, &tagged).await, "AccessDenied");
    let both = format!("{ASSUME} sts:TagSession");
    let conditions = json!({"StringEquals": {"aws:RequestTag/team": "red"}});
    let role = scene.make_role("tags", &both, &conditions).await;
    assert_eq!(scene.code(&role, &scene.claims()).await, "AccessDenied", "it has no such tag");
    let given = scene.ask(scene.input(&role, &tagged)).await.unwrap();
    let credentials = given.credentials.unwrap();
    let id = strongroom_types::AccessKeyId::parse(&credentials.access_key_id).unwrap();
    let now = scene.world.now();
    let found =
        scene.world.identity.temporary_credential(&id, &credentials.session_token, now).await.unwrap();
    let session = found.caller.session().unwrap();
    assert_eq!(session.tags.len(), 2);
    assert_eq!(session.transitive_tags, ["team"]);
    let bad = scene.claims_with(&json!({"https://aws.amazon.com/tags": {
        "principal_tags": {"team": ["red"], "Team": ["blue"]},
    }}));
    assert_eq!(scene.code(&role, &bad).await, "InvalidParameterValue");
}

#[tokio::test]
async fn the_provider_must_be_in_the_account_of_the_role() {
    let scene = Scene::new().await;
    let role = "arn:aws:iam::999999999999:role/r";
    let error = scene.ask(scene.input(role, &scene.claims())).await.err().unwrap();
    assert_eq!(error.code, "InvalidIdentityToken");
    assert_eq!(scene.code("role/r", &scene.claims()).await, "ValidationError");
}

#[tokio::test]
async fn a_signature_is_no_token() {
    let scene = Scene::new().await;
    let role = scene.make_role("r", "sts:*", &json!({})).await;
    let input = scene.input(&role, &scene.claims());
    let answer = scene.world.call::<AssumeRoleWithWebIdentity>(input).await;
    assert_eq!(answer.err().unwrap().code, "AccessDenied");
}
