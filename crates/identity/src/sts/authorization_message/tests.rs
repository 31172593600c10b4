use proptest::prelude::*;
use strongroom_crypto::Keyring;
use strongroom_gate::{Attempt, Denied};
use strongroom_kms::{Keys, SystemEntropy};
use strongroom_policy::evaluate::{Missing, Source, Statement};

use super::*;
use crate::iam::testing::World;

const REQUEST: &str = "0123456789ABCDEF";

fn denied(world: &World) -> Denied {
    let statement = Statement {
        source: Source::Identity,
        policy: "arn:aws:iam::123456789012:policy/p".to_owned(),
        statement: "NoDelete".to_owned(),
    };
    Denied {
        decision: Decision::ExplicitDeny(statement),
        action: "s3:DeleteObject",
        resource: "arn:aws:s3:::bucket/key".to_owned(),
        caller: Some("arn:aws:iam::123456789012:user/ann".to_owned()),
        bucket_region: None,
        attempt: Some(Box::new(Attempt {
            account: world.account,
            principal_id: Some("AIDAEXAMPLE".to_owned()),
            user_name: Some("ann".to_owned()),
            at: world.now(),
            conditions: vec![
                ("aws:SourceIp", vec!["192.0.2.7".to_owned()]),
                ("aws:SecureTransport", vec!["true".to_owned()]),
            ],
            knows_statement: true,
        })),
    }
}

fn message(world: &World, denied: &Denied) -> String {
    world.identity.authorization_message(denied, REQUEST).unwrap()
}

fn decode(world: &World, message: &str) -> Option<Value> {
    let decoded = world.identity.decode_authorization_message(message, world.account, world.now())?;
    Some(serde_json::from_str(&decoded).unwrap())
}

#[tokio::test]
async fn a_message_tells_who_what_where_and_by_which_statement() {
    let world = World::new().await;
    let decoded = decode(&world, &message(&world, &denied(&world))).unwrap();
    let none = json!({"items": []});
    let value = |value: &str| json!({"items": [{"value": value}]});
    let expected = json!({
        "allowed": false,
        "explicitDeny": true,
        "matchedStatements": {"items": [{
            "statementId": "NoDelete", "effect": "DENY", "principals": none, "principalGroups": none, "actions": none,
            "resources": none, "conditions": none, "policy": "arn:aws:iam::123456789012:policy/p",
            "policyType": "identity-based policy",
        }]},
        "failures": none,
        "context": {
            "principal": {"id": "AIDAEXAMPLE", "name": "ann", "arn": "arn:aws:iam::123456789012:user/ann"},
            "action": "s3:DeleteObject",
            "resource": "arn:aws:s3:::bucket/key",
            "conditions": {"items": [
                {"key": "aws:SourceIp", "values": value("192.0.2.7")},
                {"key": "aws:SecureTransport", "values": value("true")},
            ]},
        },
        "requestId": REQUEST,
    });
    assert_eq!(decoded, expected);
}

#[tokio::test]
async fn what_no_policy_allows_matches_no_statement() {
    let world = World::new().await;
    let decision = Decision::ImplicitDeny { missing: Missing::Policy(Source::Identity) };
    let decoded = decode(&world, &message(&world, &Denied { decision, ..denied(&world) })).unwrap();
    assert_eq!(decoded["explicitDeny"], json!(false));
    assert_eq!(decoded["matchedStatements"], json!({"items": []}));
}

#[tokio::test]
async fn the_statement_of_another_account_is_not_told() {
    let world = World::new().await;
    let mut denied = denied(&world);
    denied.attempt.as_mut().unwrap().knows_statement = false;
    let decoded = decode(&world, &message(&world, &denied)).unwrap();
    assert_eq!(decoded["explicitDeny"], json!(true));
    let statement = &decoded["matchedStatements"]["items"][0];
    assert_eq!((&statement["statementId"], &statement["policy"]), (&json!(""), &Value::Null));
}

#[tokio::test]
async fn a_denial_without_an_account_has_no_message() {
    let world = World::new().await;
    let denied = Denied { attempt: None, caller: None, ..denied(&world) };
    assert_eq!(world.identity.authorization_message(&denied, REQUEST), None);
}

#[tokio::test]
async fn a_message_changed_anywhere_cut_or_lengthened_is_none() {
    let world = World::new().await;
    let message = message(&world, &denied(&world));
    let bytes = URL_SAFE_NO_PAD.decode(&message).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(decode(&world, &URL_SAFE_NO_PAD.encode(changed)), None, "bit {bit}");
    }
    for end in 0..message.len() {
        assert_eq!(decode(&world, &message[..end]), None, "cut to {end}");
    }
    for more in ["A", "=", "==", "\n", " ", "AAAA"] {
        assert_eq!(decode(&world, &format!("{message}{more}")), None, "with {more:?}");
    }
    assert_eq!(decode(&world, &message.repeat(1 + MAX_CHARS / message.len())), None);
}

#[tokio::test]
async fn a_message_is_good_for_a_day() {
    let world = World::new().await;
    let message = message(&world, &denied(&world));
    let at = |now| world.identity.decode_authorization_message(&message, world.account, now);
    assert!(at(world.now().plus(LIFETIME).minus(Duration::from_millis(1))).is_some());
    assert!(at(world.now().plus(LIFETIME)).is_none());
}

#[tokio::test]
async fn a_message_is_its_account_s_and_its_installation_s() {
    let world = World::new().await;
    let message = message(&world, &denied(&world));
    let other = AccountId::parse("444455556666").unwrap();
    assert_eq!(world.identity.decode_authorization_message(&message, other, world.now()), None);
    let mut elsewhere = World::new().await;
    elsewhere.account = world.account;
    assert_eq!(decode(&elsewhere, &message), None);
}

#[tokio::test]
async fn no_other_sealed_text_is_taken_for_a_message() {
    let world = World::new().await;
    let denied = denied(&world);
    let row = row::encode(&MessageRow::of(&denied, denied.attempt.as_deref().unwrap(), REQUEST));
    let keys = &world.identity.keys;
    let encoded = |sealed: Vec<u8>| URL_SAFE_NO_PAD.encode([&[FORMAT], sealed.as_slice()].concat());
    assert!(decode(&world, &encoded(keys.seal_token(CONTEXT, &row))).is_some());
    assert_eq!(decode(&world, &encoded(keys.seal_token(b"session-token:", &row))), None);
    assert_eq!(decode(&world, &encoded(keys.seal_secret(CONTEXT, &row))), None);
}

#[tokio::test]
async fn decoding_is_for_callers_of_the_denied_one_s_account() {
    use strongroom_api_sts::{DecodeAuthorizationMessageInput, op::DecodeAuthorizationMessage};
    let world = World::new().await;
    let encoded_message = message(&world, &denied(&world));
    let input = DecodeAuthorizationMessageInput { encoded_message };
    let decoded = world.call::<DecodeAuthorizationMessage>(input).await.unwrap().decoded_message.unwrap();
    assert!(decoded.contains(REQUEST));
    let mut foreign = denied(&world);
    foreign.attempt.as_mut().unwrap().account = AccountId::parse("444455556666").unwrap();
    for encoded_message in [message(&world, &foreign), "x".to_owned(), String::new()] {
        let input = DecodeAuthorizationMessageInput { encoded_message };
        let refused = world.call::<DecodeAuthorizationMessage>(input).await.err().unwrap();
        assert_eq!((refused.status, &*refused.code), (400, "InvalidAuthorizationMessageException"));
    }
}

fn keys() -> Keys {
    Keys::from_keyring(Keyring::create(&SystemEntropy::new())).unwrap()
}

proptest! {
    #[test]
    fn however_long_a_request_is_its_message_is_bounded_and_opens(
        texts in prop::collection::vec("\\PC{0,900}", 5),
        values in prop::collection::vec(prop::collection::vec("\\PC{0,200}", 0..4), 0..25),
        explicit: bool,
        knows_statement: bool,
    ) {
        let statement = Statement { source: Source::ResourceControl, policy: texts[0].clone(), statement: texts[1].clone() };
        let decision = if explicit {
            Decision::ExplicitDeny(statement)
        } else {
            Decision::ImplicitDeny { missing: Missing::NetworkOrigin }
        };
        let attempt = Attempt {
            account: AccountId::parse("123456789012").unwrap(),
            principal_id: Some(texts[2].clone()),
            user_name: Some(texts[2].clone()),
            at: Timestamp::from_secs(1_800_000_000),
            conditions: values.into_iter().map(|values| ("aws:SourceIdentity", values)).collect(),
            knows_statement,
        };
        let denied = Denied {
            decision,
            action: "organizations:RegisterDelegatedAdministrator",
            resource: texts[3].repeat(3),
            caller: Some(texts[4].clone()),
            bucket_region: None,
            attempt: Some(Box::new(attempt.clone())),
        };
        let row = MessageRow::of(&denied, &attempt, &texts[2]);
        let plain = row::encode(&row);
        prop_assert!(plain.len() <= MAX_PLAIN_BYTES, "{} bytes", plain.len());
        let keys = keys();
        let sealed = keys.seal_token(CONTEXT, &plain);
        let message = URL_SAFE_NO_PAD.encode([&[FORMAT], sealed.as_slice()].concat());
        prop_assert!(message.len() < 6 * 1024);
        let opened = keys.open_token(CONTEXT, &sealed_part(&message).unwrap()).unwrap();
        prop_assert_eq!(row::decode::<MessageRow>(&opened).unwrap(), row);
    }

    #[test]
    fn whatever_is_read_as_a_message_is_read_to_the_end(data in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzz_authorization_message(&data);
    }
}
