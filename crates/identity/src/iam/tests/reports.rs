//! The credential report.

use super::*;

async fn report(world: &World) -> Vec<Vec<String>> {
    let input = api::GenerateCredentialReportInput {};
    let state = world.call::<op::GenerateCredentialReport>(input).await.unwrap().state;
    assert_eq!(state, Some(api::ReportStateType::Complete));
    let output = world.call::<op::GetCredentialReport>(api::GetCredentialReportInput {}).await.unwrap();
    assert_eq!(output.report_format, Some(api::ReportFormatType::TextCsv));
    let text = String::from_utf8(output.content.unwrap().to_vec()).unwrap();
    text.lines().map(|line| line.split(',').map(ToOwned::to_owned).collect()).collect()
}

#[tokio::test]
async fn a_report_is_there_once_it_was_asked_for() {
    let world = World::new().await;
    let error = world.call::<op::GetCredentialReport>(api::GetCredentialReportInput {}).await.err().unwrap();
    assert_eq!((error.status, &*error.code), (410, "ReportNotPresent"));
    assert_eq!(report(&world).await.len(), 2);
}

#[tokio::test]
async fn a_report_says_of_each_user_which_credentials_it_has() {
    let world = World::new().await;
    world.make_user("bob").await;
    world.make_user("Ann").await;
    let key = world.make_key("bob").await;
    let caller = world.caller(&key.access_key_id).await.unwrap();
    let region = strongroom_types::Region::parse("eu-west-1").unwrap();
    assert!(world.identity.note_use(&caller, "s3", &region, world.now()).await.unwrap());
    assert!(world.identity.note_use(&world.root, "iam", &region, world.now()).await.unwrap());
    let login = api::CreateLoginProfileInput {
        user_name: Some("Ann".to_owned()),
        password: Some("Abcdefg1!".to_owned()),
        ..api::CreateLoginProfileInput::default()
    };
    world.call::<op::CreateLoginProfile>(login).await.unwrap();
    let report = report(&world).await;
    assert!(report.iter().all(|line| line.len() == 22), "{report:?}");
    let [header, root, ann, bob] = report.as_slice() else { panic!("{report:?}") };
    let field = |line: &[String], name: &str| {
        let place = header.iter().position(|known| known == name).unwrap();
        line[place].clone()
    };
    assert_eq!(field(root, "user"), "<root_account>");
    assert_eq!(field(root, "arn"), format!("arn:aws:iam::{}:root", world.account));
    assert_eq!(field(root, "password_enabled"), "not_supported");
    assert_eq!(field(root, "access_key_1_active"), "true");
    assert_eq!(field(root, "access_key_1_last_used_service"), "iam");
    assert_eq!(field(root, "access_key_1_last_used_region"), "eu-west-1");
    assert_eq!(field(root, "mfa_active"), "false");
    assert_eq!(field(ann, "user"), "Ann");
    assert_eq!(field(ann, "password_enabled"), "true");
    assert_eq!(field(ann, "password_last_changed"), "2026-11-24T16:32:38+00:00");
    assert_eq!(field(ann, "access_key_1_active"), "false");
    assert_eq!(field(ann, "access_key_1_last_rotated"), "N/A");
    assert_eq!(field(bob, "password_enabled"), "false");
    assert_eq!(field(bob, "access_key_1_active"), "true");
    assert_eq!(field(bob, "access_key_1_last_used_date"), "2026-11-24T16:32:38+00:00");
    assert_eq!(field(bob, "access_key_1_last_used_service"), "s3");
    assert_eq!(field(bob, "access_key_2_active"), "false");
    assert_eq!(field(bob, "cert_1_active"), "false");
}
