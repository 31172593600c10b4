//! What callers may do, by the policies that hang on them: each change counts on the very next request.

use super::*;
use strongroom_gate::Caller;
use strongroom_types::Arn;

async fn may_list_users(world: &World, caller: &Caller) -> bool {
    let result = world.call_as::<op::ListUsers>(caller, api::ListUsersInput::default()).await;
    match result {
        Ok(_) => true,
        Err(reply) => {
            assert_eq!((reply.status, &*reply.code), (403, "AccessDenied"));
            false
        }
    }
}

async fn user_with_key(world: &World, name: &str) -> Caller {
    world.make_user(name).await;
    let key = world.make_key(name).await;
    world.caller(&key.access_key_id).await.unwrap()
}

#[tokio::test]
async fn a_user_may_what_its_policies_and_its_groups_allow() {
    let world = World::new().await;
    let alice = user_with_key(&world, "alice").await;
    assert!(!may_list_users(&world, &alice).await);
    let read = "arn:aws:iam::aws:policy/IAMReadOnlyAccess";
    world.attach_to_user("alice", read).await.unwrap();
    assert!(may_list_users(&world, &alice).await);
    let detach = api::DetachUserPolicyInput { user_name: "alice".to_owned(), policy_arn: read.to_owned() };
    world.call::<op::DetachUserPolicy>(detach).await.unwrap();
    assert!(!may_list_users(&world, &alice).await);
    world.make_group("readers").await;
    let put = api::PutGroupPolicyInput {
        group_name: "readers".to_owned(),
        policy_name: "p".to_owned(),
        policy_document: ALLOW_ALL.to_owned(),
    };
    world.call::<op::PutGroupPolicy>(put).await.unwrap();
    world.join("alice", "readers").await.unwrap();
    assert!(may_list_users(&world, &alice).await);
    let leave =
        api::RemoveUserFromGroupInput { group_name: "readers".to_owned(), user_name: "alice".to_owned() };
    world.call::<op::RemoveUserFromGroup>(leave).await.unwrap();
    assert!(!may_list_users(&world, &alice).await);
}

#[tokio::test]
async fn a_denial_wins_and_a_boundary_holds() {
    let world = World::new().await;
    let alice = user_with_key(&world, "alice").await;
    world.attach_to_user("alice", "arn:aws:iam::aws:policy/AdministratorAccess").await.unwrap();
    assert!(may_list_users(&world, &alice).await);
    let bound = |arn: &str| api::PutUserPermissionsBoundaryInput {
        user_name: "alice".to_owned(),
        permissions_boundary: arn.to_owned(),
    };
    world
        .call::<op::PutUserPermissionsBoundary>(bound("arn:aws:iam::aws:policy/AmazonS3FullAccess"))
        .await
        .unwrap();
    assert!(!may_list_users(&world, &alice).await);
    world
        .call::<op::PutUserPermissionsBoundary>(bound("arn:aws:iam::aws:policy/IAMReadOnlyAccess"))
        .await
        .unwrap();
    assert!(may_list_users(&world, &alice).await);
    world.attach_to_user("alice", "arn:aws:iam::aws:policy/AWSDenyAll").await.unwrap();
    assert!(!may_list_users(&world, &alice).await);
}

#[tokio::test]
async fn the_default_version_of_a_policy_is_the_one_that_counts() {
    let world = World::new().await;
    let alice = user_with_key(&world, "alice").await;
    let arn = world.make_policy("p", ALLOW_ALL).await;
    world.attach_to_user("alice", &arn).await.unwrap();
    assert!(may_list_users(&world, &alice).await);
    let narrow = ALLOW_ALL.replace("\"Action\":\"*\"", "\"Action\":\"s3:*\"");
    let add = api::CreatePolicyVersionInput {
        policy_arn: arn.clone(),
        policy_document: narrow,
        set_as_default: None,
    };
    world.call::<op::CreatePolicyVersion>(add).await.unwrap();
    assert!(may_list_users(&world, &alice).await);
    let set =
        |id: &str| api::SetDefaultPolicyVersionInput { policy_arn: arn.clone(), version_id: id.to_owned() };
    world.call::<op::SetDefaultPolicyVersion>(set("v2")).await.unwrap();
    assert!(!may_list_users(&world, &alice).await);
    world.call::<op::SetDefaultPolicyVersion>(set("v1")).await.unwrap();
    assert!(may_list_users(&world, &alice).await);
}

#[tokio::test]
async fn a_policy_on_one_path_does_not_reach_another() {
    let world = World::new().await;
    let alice = user_with_key(&world, "alice").await;
    world.make_user("b").await;
    let document = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"iam:GetUser","Resource":"arn:aws:iam::{}:user/staff/*"}}]}}"#,
        world.account
    );
    let put = api::PutUserPolicyInput {
        user_name: "alice".to_owned(),
        policy_name: "p".to_owned(),
        policy_document: document,
    };
    world.call::<op::PutUserPolicy>(put).await.unwrap();
    let get = || api::GetUserInput { user_name: Some("b".to_owned()) };
    assert_eq!(code(world.call_as::<op::GetUser>(&alice, get()).await), "AccessDenied");
    let move_ = api::UpdateUserInput {
        user_name: "b".to_owned(),
        new_path: Some("/staff/".to_owned()),
        new_user_name: None,
    };
    world.call::<op::UpdateUser>(move_).await.unwrap();
    assert!(world.call_as::<op::GetUser>(&alice, get()).await.is_ok());
}

#[tokio::test]
async fn what_is_gone_has_no_permissions() {
    let world = World::new().await;
    let alice = user_with_key(&world, "alice").await;
    world.attach_to_user("alice", "arn:aws:iam::aws:policy/AdministratorAccess").await.unwrap();
    assert!(may_list_users(&world, &alice).await);
    let detach = api::DetachUserPolicyInput {
        user_name: "alice".to_owned(),
        policy_arn: "arn:aws:iam::aws:policy/AdministratorAccess".to_owned(),
    };
    world.call::<op::DetachUserPolicy>(detach).await.unwrap();
    let id = alice.access_key_id().unwrap().to_string();
    let key = api::DeleteAccessKeyInput { user_name: Some("alice".to_owned()), access_key_id: id };
    world.call::<op::DeleteAccessKey>(key).await.unwrap();
    world.call::<op::DeleteUser>(api::DeleteUserInput { user_name: "alice".to_owned() }).await.unwrap();
    world.make_user("alice").await;
    world.attach_to_user("alice", "arn:aws:iam::aws:policy/AdministratorAccess").await.unwrap();
    assert!(!may_list_users(&world, &alice).await, "another user of the same name has them");
}

#[tokio::test]
async fn rights_that_are_lost_before_a_change_is_made_do_not_make_it() {
    let administrator = "arn:aws:iam::aws:policy/AdministratorAccess";
    for revoked in [false, true] {
        let world = World::new().await;
        let alice = user_with_key(&world, "alice").await;
        world.attach_to_user("alice", administrator).await.unwrap();
        let input = api::CreateUserInput { user_name: "new".to_owned(), ..api::CreateUserInput::default() };
        let decided = world.decide::<op::CreateUser>(&alice, input).await.unwrap();
        if revoked {
            let detach = api::DetachUserPolicyInput {
                user_name: "alice".to_owned(),
                policy_arn: administrator.to_owned(),
            };
            world.call::<op::DetachUserPolicy>(detach).await.unwrap();
        } else {
            world.make_group("others").await;
        }
        let made = code(world.handle::<op::CreateUser>(decided).await);
        assert_eq!(made, if revoked { "AccessDenied" } else { "no error" });
        assert_eq!(world.get_user("new").await.is_ok(), !revoked);
    }
}

fn kept() -> Vec<api::Tag> {
    vec![api::Tag { key: "kept".to_owned(), value: "1".to_owned() }]
}

/// Alice may do everything, but for what the condition of a denial fits.
async fn alice_but(world: &World, condition: &str) -> Caller {
    let alice = user_with_key(world, "alice").await;
    let deny = format!(r#"{{"Effect":"Deny","Action":"*","Resource":"*","Condition":{condition}}}"#);
    let put = api::PutUserPolicyInput {
        user_name: "alice".to_owned(),
        policy_name: "rights".to_owned(),
        policy_document: ALLOW_ALL.replace("}]}", &format!("}},{deny}]}}")),
    };
    world.call::<op::PutUserPolicy>(put).await.unwrap();
    alice
}

#[tokio::test]
async fn whatever_has_tags_can_be_kept_by_them() {
    let world = World::new().await;
    let named = |name: &str| name.to_owned();
    let arn = |rest: &str| Arn::new("iam", "", &world.account.to_string(), rest);
    let user = api::CreateUserInput {
        user_name: named("u"),
        path: Some(named("/a/")),
        tags: Some(kept()),
        ..Default::default()
    };
    world.call::<op::CreateUser>(user).await.unwrap();
    let role = api::CreateRoleInput {
        role_name: named("r"),
        assume_role_policy_document: TRUST.to_owned(),
        tags: Some(kept()),
        ..Default::default()
    };
    world.call::<op::CreateRole>(role).await.unwrap();
    let policy = api::CreatePolicyInput {
        policy_name: named("p"),
        policy_document: ALLOW_ALL.to_owned(),
        tags: Some(kept()),
        ..Default::default()
    };
    world.call::<op::CreatePolicy>(policy).await.unwrap();
    let profile =
        api::CreateInstanceProfileInput { instance_profile_name: named("i"), tags: Some(kept()), path: None };
    world.call::<op::CreateInstanceProfile>(profile).await.unwrap();
    let device = api::CreateVirtualMFADeviceInput {
        virtual_mfa_device_name: named("m"),
        tags: Some(kept()),
        path: None,
    };
    world.call::<op::CreateVirtualMFADevice>(device).await.unwrap();
    let provider = api::CreateOpenIDConnectProviderInput {
        url: named("https://idp.example.com/a"),
        tags: Some(kept()),
        ..Default::default()
    };
    world.call::<op::CreateOpenIDConnectProvider>(provider).await.unwrap();
    let tagged =
        ["user/a/u", "role/r", "policy/p", "instance-profile/i", "mfa/m", "oidc-provider/idp.example.com/a"];
    for rest in tagged {
        let found = world.identity.resource_facts(&arn(rest)).await.unwrap();
        assert_eq!(found.tags, [("kept".to_owned(), "1".to_owned())], "{rest}");
        assert!(found.guard.is_some(), "{rest}");
    }
    for rest in ["user/u", "user/a/U", "user/b/u", "role/u", "mfa/a/m", "policy/none", "root", "group/g"] {
        assert!(world.identity.resource_facts(&arn(rest)).await.unwrap().tags.is_empty(), "{rest}");
    }
    let of_aws = Arn::parse("arn:aws:iam::aws:policy/ReadOnlyAccess").unwrap();
    assert!(world.identity.resource_facts(&of_aws).await.unwrap().tags.is_empty());
}

#[tokio::test]
async fn a_tag_that_comes_before_a_change_is_made_keeps_it_from_being_made() {
    for tag in ["kept", "other"] {
        let world = World::new().await;
        world.make_user("b").await;
        let alice = alice_but(&world, r#"{"StringEquals":{"aws:ResourceTag/kept":"1"}}"#).await;
        let input = api::DeleteUserInput { user_name: "b".to_owned() };
        let decided = world.decide::<op::DeleteUser>(&alice, input).await.unwrap();
        let tags = vec![api::Tag { key: tag.to_owned(), value: "1".to_owned() }];
        world.call::<op::TagUser>(api::TagUserInput { user_name: "b".to_owned(), tags }).await.unwrap();
        let made = code(world.handle::<op::DeleteUser>(decided).await);
        assert_eq!(made, if tag == "kept" { "AccessDenied" } else { "no error" });
        assert_eq!(world.get_user("b").await.is_ok(), tag == "kept");
    }
}

#[tokio::test]
async fn who_delegates_lets_only_those_be_changed_who_are_bounded() {
    let world = World::new().await;
    let bounds = world.make_policy("bounds", ALLOW_ALL).await;
    let condition = format!(r#"{{"StringNotEquals":{{"iam:PermissionsBoundary":"{bounds}"}}}}"#);
    let alice = alice_but(&world, &condition).await;
    let create = |name: &str, boundary: Option<&str>| api::CreateUserInput {
        user_name: name.to_owned(),
        permissions_boundary: boundary.map(str::to_owned),
        ..Default::default()
    };
    world.make_user("free").await;
    let made = |input| world.call_as::<op::CreateUser>(&alice, input);
    assert_eq!(code(made(create("c", None)).await), "AccessDenied");
    assert_eq!(
        code(made(create("c", Some("arn:aws:iam::aws:policy/AdministratorAccess"))).await),
        "AccessDenied"
    );
    assert_eq!(code(made(create("c", Some(&bounds))).await), "no error");
    for (name, expected) in [("c", "no error"), ("free", "AccessDenied"), ("none", "AccessDenied")] {
        let put = api::PutUserPolicyInput {
            user_name: name.to_owned(),
            policy_name: "p".to_owned(),
            policy_document: ALLOW_ALL.to_owned(),
        };
        assert_eq!(code(world.call_as::<op::PutUserPolicy>(&alice, put).await), expected, "{name}");
    }
    let bound = |arn: &str| api::PutUserPermissionsBoundaryInput {
        user_name: "free".to_owned(),
        permissions_boundary: arn.to_owned(),
    };
    let put = |arn| world.call_as::<op::PutUserPermissionsBoundary>(&alice, bound(arn));
    assert_eq!(code(put("arn:aws:iam::aws:policy/AdministratorAccess").await), "AccessDenied");
    assert_eq!(code(put(&bounds).await), "no error");
}
