//! Virtual MFA devices: from the seed to the code that is taken once.

use std::time::Duration;

use strongroom_api_sts as sts;
use strongroom_gate::{Caller, SecondFactor};
use strongroom_types::Timestamp;
use zeroize::Zeroizing;

use super::*;
use crate::iam::totp::{Seed, step_of};

/// A device as its owner has it.
struct Device {
    serial: String,
    seed: Seed,
}

impl Device {
    async fn make(world: &World, name: &str) -> Self {
        let input = api::CreateVirtualMFADeviceInput {
            virtual_mfa_device_name: name.to_owned(),
            ..api::CreateVirtualMFADeviceInput::default()
        };
        let made = world.call::<op::CreateVirtualMFADevice>(input).await.unwrap().virtual_mfa_device;
        let text = made.base32_string_seed.unwrap();
        assert_eq!(text.len(), 64);
        assert!(made.qr_code_png.unwrap().starts_with(b"\x89PNG"));
        Self { serial: made.serial_number, seed: seed(&text) }
    }

    fn code(&self, world: &World, steps: i64) -> String {
        self.seed.code_text(step_of(world.now()) + steps)
    }

    async fn enable(&self, world: &World, user: &str, steps: i64) -> Result<(), ErrorReply> {
        let input = api::EnableMFADeviceInput {
            user_name: user.to_owned(),
            serial_number: self.serial.clone(),
            authentication_code1: self.code(world, steps - 1),
            authentication_code2: self.code(world, steps),
        };
        world.call::<op::EnableMFADevice>(input).await.map(drop)
    }

    async fn resync(&self, world: &World, user: &str, steps: i64) -> Result<(), ErrorReply> {
        let input = api::ResyncMFADeviceInput {
            user_name: user.to_owned(),
            serial_number: self.serial.clone(),
            authentication_code1: self.code(world, steps - 1),
            authentication_code2: self.code(world, steps),
        };
        world.call::<op::ResyncMFADevice>(input).await.map(drop)
    }

    async fn deactivate(&self, world: &World, user: Option<&str>) -> Result<(), ErrorReply> {
        let input = api::DeactivateMFADeviceInput {
            user_name: user.map(ToOwned::to_owned),
            serial_number: self.serial.clone(),
        };
        world.call::<op::DeactivateMFADevice>(input).await.map(drop)
    }

    async fn delete(&self, world: &World) -> Result<(), ErrorReply> {
        let input = api::DeleteVirtualMFADeviceInput { serial_number: self.serial.clone() };
        world.call::<op::DeleteVirtualMFADevice>(input).await.map(drop)
    }

    async fn show(&self, world: &World, caller: &Caller, code: &str, at: Timestamp) -> SecondFactor {
        world.identity.second_factor(caller, &self.serial, code, at).await.unwrap()
    }
}

fn seed(base32: &[u8]) -> Seed {
    let mut bytes = Vec::new();
    for letters in base32.chunks(8) {
        let value = |letter: &u8| match letter {
            b'A'..=b'Z' => u64::from(letter - b'A'),
            _ => u64::from(letter - b'2') + 26,
        };
        let bits = letters.iter().fold(0_u64, |bits, letter| bits << 5 | value(letter));
        bytes.extend(&bits.to_be_bytes()[3..]);
    }
    Seed::new(Zeroizing::new(bytes))
}

async fn signing_user(world: &World, name: &str) -> Caller {
    world.make_user(name).await;
    let key = world.make_key(name).await;
    world.caller(&key.access_key_id).await.unwrap()
}

async fn summary(world: &World, name: &str) -> i32 {
    let map = world.call::<op::GetAccountSummary>(api::GetAccountSummaryInput {}).await.unwrap().summary_map;
    map.unwrap().into_iter().find(|(known, _)| known == name).unwrap().1
}

#[tokio::test]
async fn a_device_is_its_users_once_two_codes_prove_it() {
    let world = World::new().await;
    world.make_user("u").await;
    let device = Device::make(&world, "phone").await;
    assert_eq!(device.serial, format!("arn:aws:iam::{}:mfa/phone", world.account));
    assert_eq!(summary(&world, "MFADevices").await, 1);
    assert_eq!(summary(&world, "MFADevicesInUse").await, 0);
    let wrong = api::EnableMFADeviceInput {
        user_name: "u".to_owned(),
        serial_number: device.serial.clone(),
        authentication_code1: device.code(&world, 0),
        authentication_code2: device.code(&world, 0),
    };
    let error = world.call::<op::EnableMFADevice>(wrong).await.err().unwrap();
    assert_eq!((error.status, &*error.code), (403, "InvalidAuthenticationCode"));
    assert_eq!(code(device.enable(&world, "nobody", 0).await), "NoSuchEntity");
    device.enable(&world, "u", 0).await.unwrap();
    assert_eq!(code(device.enable(&world, "u", 1).await), "EntityAlreadyExists");
    assert_eq!(summary(&world, "MFADevicesInUse").await, 1);
    assert_eq!(summary(&world, "AccountMFAEnabled").await, 0);
    let list = api::ListMFADevicesInput { user_name: Some("u".to_owned()), ..Default::default() };
    let listed = world.call::<op::ListMFADevices>(list).await.unwrap().mfa_devices;
    assert_eq!((listed.len(), &listed[0].serial_number), (1, &device.serial));
    let get =
        api::GetMFADeviceInput { serial_number: device.serial.clone(), user_name: Some("u".to_owned()) };
    assert!(world.call::<op::GetMFADevice>(get).await.unwrap().enable_date.is_some());
    assert_eq!(code(device.delete(&world).await), "DeleteConflict");
    let delete = api::DeleteUserInput { user_name: "u".to_owned() };
    assert_eq!(code(world.call::<op::DeleteUser>(delete.clone()).await), "DeleteConflict");
    device.deactivate(&world, Some("u")).await.unwrap();
    assert_eq!(code(device.deactivate(&world, Some("u")).await), "NoSuchEntity");
    device.delete(&world).await.unwrap();
    assert_eq!(code(device.delete(&world).await), "NoSuchEntity");
    assert!(world.call::<op::DeleteUser>(delete).await.is_ok());
    assert_eq!(summary(&world, "MFADevices").await, 0);
}

#[tokio::test]
async fn a_code_is_taken_once_and_never_after_a_later_one() {
    let world = World::new().await;
    let user = signing_user(&world, "u").await;
    let device = Device::make(&world, "phone").await;
    device.enable(&world, "u", -2).await.unwrap();
    let now = world.now();
    let show = async |steps| device.show(&world, &user, &device.code(&world, steps), now).await;
    assert_eq!(show(-2).await, SecondFactor::WrongCode, "it enabled the device");
    assert_eq!(show(0).await, SecondFactor::Proved);
    assert_eq!(show(0).await, SecondFactor::WrongCode);
    assert_eq!(show(-1).await, SecondFactor::WrongCode, "it is older than the last");
    assert_eq!(show(2).await, SecondFactor::WrongCode, "it is not time for it");
    assert_eq!(show(1).await, SecondFactor::Proved);
}

#[tokio::test]
async fn of_two_requests_with_one_code_one_gets_through() {
    let world = World::new().await;
    let user = signing_user(&world, "u").await;
    let device = Device::make(&world, "phone").await;
    device.enable(&world, "u", 0).await.unwrap();
    let (code, now) = (device.code(&world, 1), world.now());
    let show = || device.show(&world, &user, &code, now);
    let outcomes: [SecondFactor; 4] = tokio::join!(show(), show(), show(), show()).into();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == SecondFactor::Proved).count(), 1);
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let world = World::new().await;
    let user = signing_user(&world, "u").await;
    let device = Device::make(&world, "phone").await;
    device.enable(&world, "u", 0).await.unwrap();
    let now = world.now();
    for _ in 0..5 {
        assert_eq!(device.show(&world, &user, "abcdef", now).await, SecondFactor::WrongCode);
    }
    let right = device.code(&world, 1);
    assert_eq!(device.show(&world, &user, &right, now).await, SecondFactor::Locked, "even the right one");
    assert_eq!(code(device.resync(&world, "u", 2).await), "EntityTemporarilyUnmodifiable");
    let later = now.plus(Duration::from_secs(30));
    assert_eq!(device.show(&world, &user, &right, later).await, SecondFactor::Proved);
    assert_eq!(device.show(&world, &user, "000000", later).await, SecondFactor::WrongCode, "it counts anew");
}

#[tokio::test]
async fn a_clock_that_runs_wrong_is_set_by_two_codes() {
    let world = World::new().await;
    let user = signing_user(&world, "u").await;
    let device = Device::make(&world, "phone").await;
    device.enable(&world, "u", 0).await.unwrap();
    let ahead = 100;
    let now = world.now();
    let show = async |steps| device.show(&world, &user, &device.code(&world, steps), now).await;
    assert_eq!(show(ahead).await, SecondFactor::WrongCode);
    assert_eq!(code(device.resync(&world, "nobody", ahead).await), "NoSuchEntity");
    device.resync(&world, "u", ahead).await.unwrap();
    assert_eq!(show(ahead + 1).await, SecondFactor::Proved);
    assert_eq!(code(device.resync(&world, "u", ahead).await), "InvalidAuthenticationCode", "both were used");
    assert_eq!(
        code(device.resync(&world, "u", ahead - 5).await),
        "InvalidAuthenticationCode",
        "never backwards"
    );
}

#[tokio::test]
async fn a_device_proves_nobody_but_its_owner() {
    let world = World::new().await;
    let (one, two) = (signing_user(&world, "one").await, signing_user(&world, "two").await);
    let device = Device::make(&world, "phone").await;
    let right = device.code(&world, 1);
    let now = world.now();
    assert_eq!(device.show(&world, &one, &right, now).await, SecondFactor::NoDevice, "nobody has it");
    device.enable(&world, "one", 0).await.unwrap();
    assert_eq!(device.show(&world, &two, &right, now).await, SecondFactor::NoDevice);
    assert_eq!(device.show(&world, &world.root, &right, now).await, SecondFactor::NoDevice);
    let unknown =
        world.identity.second_factor(&one, "arn:aws:iam::123456789012:mfa/phone", &right, now).await;
    assert_eq!(unknown.unwrap(), SecondFactor::NoDevice, "another account's");
    device.deactivate(&world, Some("one")).await.unwrap();
    assert_eq!(device.show(&world, &one, &right, now).await, SecondFactor::NoDevice);
    device.enable(&world, "two", 2).await.unwrap();
    assert_eq!(device.show(&world, &two, &right, now).await, SecondFactor::WrongCode, "codes stay used");
}

#[tokio::test]
async fn the_root_user_has_devices_under_the_account_s_number() {
    let world = World::new().await;
    let account = world.account.to_string();
    let device = Device::make(&world, "root-account-mfa-device").await;
    device.enable(&world, &account, 0).await.unwrap();
    assert_eq!(summary(&world, "AccountMFAEnabled").await, 1);
    let listed = world.call::<op::ListMFADevices>(api::ListMFADevicesInput::default()).await.unwrap();
    assert_eq!((listed.mfa_devices.len(), &listed.mfa_devices[0].user_name), (1, &account));
    let assigned = |status| api::ListVirtualMFADevicesInput {
        assignment_status: Some(status),
        ..api::ListVirtualMFADevicesInput::default()
    };
    let status = api::AssignmentStatusType::Assigned;
    let listed = world.call::<op::ListVirtualMFADevices>(assigned(status)).await.unwrap().virtual_mfa_devices;
    let user = listed[0].user.as_ref().unwrap();
    assert_eq!(user.arn, format!("arn:aws:iam::{account}:root"));
    assert!(listed[0].base32_string_seed.is_none());
    let status = api::AssignmentStatusType::Unassigned;
    let listed = world.call::<op::ListVirtualMFADevices>(assigned(status)).await.unwrap();
    assert!(listed.virtual_mfa_devices.is_empty());
    let code = device.code(&world, 1);
    assert_eq!(device.show(&world, &world.root, &code, world.now()).await, SecondFactor::Proved);
    let user = signing_user(&world, "u").await;
    let input = api::ListMFADevicesInput { user_name: Some(account.clone()), ..Default::default() };
    world.attach_to_user("u", "arn:aws:iam::aws:policy/AdministratorAccess").await.unwrap();
    let error = world.call_as::<op::ListMFADevices>(&user, input).await.err().unwrap();
    assert_eq!(error.code, "NoSuchEntity", "for others the number names no user");
    device.deactivate(&world, None).await.unwrap();
    assert_eq!(summary(&world, "AccountMFAEnabled").await, 0);
}

#[tokio::test]
async fn a_session_with_a_code_bears_the_second_factor_and_one_with_a_wrong_code_is_none() {
    let world = World::new().await;
    let user = signing_user(&world, "u").await;
    let device = Device::make(&world, "phone").await;
    device.enable(&world, "u", -1).await.unwrap();
    let input = |code: Option<String>, serial: Option<String>| sts::GetSessionTokenInput {
        serial_number: serial,
        token_code: code,
        ..sts::GetSessionTokenInput::default()
    };
    let serial = || Some(device.serial.clone());
    for (code, serial) in
        [(None, serial()), (Some("123456".to_owned()), None), (Some("12345x".to_owned()), serial())]
    {
        let error =
            world.call_as::<sts::op::GetSessionToken>(&user, input(code, serial)).await.err().unwrap();
        assert_eq!((error.status, &*error.code), (403, "AccessDenied"));
        assert!(error.message.starts_with("MultiFactorAuthentication failed"), "{}", error.message);
    }
    let right = device.code(&world, 0);
    let given =
        world.call_as::<sts::op::GetSessionToken>(&user, input(Some(right.clone()), serial())).await.unwrap();
    let credentials = given.credentials.unwrap();
    let id = strongroom_types::AccessKeyId::parse(&credentials.access_key_id).unwrap();
    let found =
        world.identity.temporary_credential(&id, &credentials.session_token, world.now()).await.unwrap();
    let session = found.caller.session().unwrap();
    assert_eq!(session.mfa_at, Some(session.issued_at));
    let error =
        world.call_as::<sts::op::GetSessionToken>(&user, input(Some(right), serial())).await.err().unwrap();
    assert_eq!(error.message, "MultiFactorAuthentication failed with invalid MFA one time pass code.");
}

#[tokio::test]
async fn a_role_that_asks_for_a_second_factor_is_taken_with_a_code_only() {
    let world = World::new().await;
    let user = signing_user(&world, "u").await;
    world.attach_to_user("u", "arn:aws:iam::aws:policy/AdministratorAccess").await.unwrap();
    let device = Device::make(&world, "phone").await;
    device.enable(&world, "u", -1).await.unwrap();
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{}"}},
        "Action":"sts:AssumeRole","Condition":{{"Bool":{{"aws:MultiFactorAuthPresent":"true"}},
        "NumericLessThan":{{"aws:MultiFactorAuthAge":"60"}}}}}}]}}"#,
        world.account
    );
    let role = world.make_role("r", &trust).await;
    let input = |code: Option<String>| sts::AssumeRoleInput {
        role_arn: role.arn.clone(),
        role_session_name: "s".to_owned(),
        serial_number: code.as_ref().map(|_| device.serial.clone()),
        token_code: code,
        ..sts::AssumeRoleInput::default()
    };
    let error = world.call_as::<sts::op::AssumeRole>(&user, input(None)).await.err().unwrap();
    assert!(error.message.contains("sts:AssumeRole"), "{}", error.message);
    let error =
        world.call_as::<sts::op::AssumeRole>(&user, input(Some("000000".to_owned()))).await.err().unwrap();
    assert_eq!(error.message, "MultiFactorAuthentication failed with invalid MFA one time pass code.");
    let taken = world.call_as::<sts::op::AssumeRole>(&user, input(Some(device.code(&world, 1)))).await;
    assert!(taken.is_ok());
}

#[tokio::test]
async fn names_and_tags_of_devices_are_held_to_what_others_are() {
    let world = World::new().await;
    let device = Device::make(&world, "Phone").await;
    let input = |name: &str| api::CreateVirtualMFADeviceInput {
        virtual_mfa_device_name: name.to_owned(),
        ..api::CreateVirtualMFADeviceInput::default()
    };
    assert_eq!(code(world.call::<op::CreateVirtualMFADevice>(input("phone")).await), "EntityAlreadyExists");
    assert_eq!(code(world.call::<op::CreateVirtualMFADevice>(input("a/b")).await), "InvalidInput");
    let tag = |key: &str| api::Tag { key: key.to_owned(), value: "v".to_owned() };
    let tags =
        api::TagMFADeviceInput { serial_number: device.serial.clone(), tags: vec![tag("a"), tag("b")] };
    world.call::<op::TagMFADevice>(tags).await.unwrap();
    let untag =
        api::UntagMFADeviceInput { serial_number: device.serial.clone(), tag_keys: vec!["A".to_owned()] };
    world.call::<op::UntagMFADevice>(untag).await.unwrap();
    let list = api::ListMFADeviceTagsInput { serial_number: device.serial.clone(), ..Default::default() };
    let tags = world.call::<op::ListMFADeviceTags>(list).await.unwrap().tags;
    assert_eq!(tags.iter().map(|tag| &*tag.key).collect::<Vec<_>>(), ["b"]);
}

#[tokio::test]
async fn a_user_has_eight_devices_at_most() {
    let world = World::new().await;
    world.make_user("u").await;
    for number in 0..9 {
        let device = Device::make(&world, &format!("d{number}")).await;
        let enabled = device.enable(&world, "u", 0).await;
        assert_eq!(enabled.is_ok(), number < 8, "{number}");
    }
}
