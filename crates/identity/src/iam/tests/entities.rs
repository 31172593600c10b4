//! Users, groups and instance profiles: names, paths, pages, tags.

use super::*;

#[tokio::test]
async fn names_are_unique_whatever_their_case_and_found_in_theirs() {
    let world = World::new().await;
    let user = world.make_user("Alice").await;
    assert!(user.user_id.starts_with("AIDA"), "{}", user.user_id);
    assert_eq!(user.arn, format!("arn:aws:iam::{}:user/Alice", world.account));
    let again = api::CreateUserInput { user_name: "aLICE".to_owned(), ..api::CreateUserInput::default() };
    let error = world.call::<op::CreateUser>(again).await.err().unwrap();
    assert_eq!((error.status, &*error.code), (409, "EntityAlreadyExists"));
    assert_eq!(error.message, "User with name aLICE already exists.");
    assert_eq!(world.get_user("Alice").await.unwrap().user_id, user.user_id);
    let error = world.get_user("alice").await.err().unwrap();
    assert_eq!((error.status, &*error.code), (404, "NoSuchEntity"));
    assert_eq!(error.message, "The user with name alice cannot be found.");
}

#[tokio::test]
async fn a_renamed_user_keeps_its_id_and_frees_its_name() {
    let world = World::new().await;
    let user = world.make_user("old").await;
    world.make_user("other").await;
    world.make_group("g").await;
    world.join("old", "g").await.unwrap();
    let rename = |from: &str, to: &str| api::UpdateUserInput {
        user_name: from.to_owned(),
        new_path: Some("/new/".to_owned()),
        new_user_name: Some(to.to_owned()),
    };
    assert_eq!(code(world.call::<op::UpdateUser>(rename("old", "OTHER")).await), "EntityAlreadyExists");
    world.call::<op::UpdateUser>(rename("old", "new")).await.unwrap();
    let renamed = world.get_user("new").await.unwrap();
    assert_eq!((&renamed.user_id, renamed.path.as_str()), (&user.user_id, "/new/"));
    assert_eq!(code(world.get_user("old").await), "NoSuchEntity");
    world.call::<op::UpdateUser>(rename("new", "New")).await.unwrap();
    assert_eq!(world.get_user("New").await.unwrap().user_id, user.user_id);
    let members = api::GetGroupInput { group_name: "g".to_owned(), ..api::GetGroupInput::default() };
    let members = world.call::<op::GetGroup>(members).await.unwrap().users;
    assert_eq!(members.iter().map(|user| user.user_name.as_str()).collect::<Vec<_>>(), ["New"]);
    let reborn = world.make_user("old").await;
    assert_ne!(reborn.user_id, user.user_id);
}

#[tokio::test]
async fn lists_come_in_pages_and_by_path() {
    let world = World::new().await;
    for index in 0..7 {
        let path = if index % 2 == 0 { "/even/" } else { "/odd/" };
        let user_name = format!("User{index}");
        let input = api::CreateUserInput {
            user_name,
            path: Some(path.to_owned()),
            ..api::CreateUserInput::default()
        };
        world.call::<op::CreateUser>(input).await.unwrap();
    }
    let (mut marker, mut pages) = (None, Vec::new());
    loop {
        let input =
            api::ListUsersInput { path_prefix: Some("/even/".to_owned()), marker, max_items: Some(2) };
        let page = world.call::<op::ListUsers>(input).await.unwrap();
        assert_eq!(page.is_truncated, Some(page.marker.is_some()));
        pages.push(page.users.into_iter().map(|user| user.user_name).collect::<Vec<_>>());
        marker = page.marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec!["User0", "User2"], vec!["User4", "User6"]]);
    let bad = api::ListUsersInput { marker: Some("=".to_owned()), ..api::ListUsersInput::default() };
    assert_eq!(code(world.call::<op::ListUsers>(bad).await), "InvalidInput");
}

#[tokio::test]
async fn get_user_without_a_name_is_about_the_caller() {
    let world = World::new().await;
    let nobody = api::GetUserInput { user_name: None };
    let root = world.call::<op::GetUser>(nobody.clone()).await.unwrap().user;
    assert_eq!(root.arn, format!("arn:aws:iam::{}:root", world.account));
    assert_eq!(root.user_id, world.account.to_string());
    world.make_user("alice").await;
    world.attach_to_user("alice", "arn:aws:iam::aws:policy/IAMReadOnlyAccess").await.unwrap();
    let key = world.make_key("alice").await;
    let alice = world.caller(&key.access_key_id).await.unwrap();
    let own = world.call_as::<op::GetUser>(&alice, nobody).await.unwrap().user;
    assert_eq!(own.user_name, "alice");
}

#[tokio::test]
async fn a_user_is_in_ten_groups_at_most_and_joining_twice_is_joining_once() {
    let world = World::new().await;
    world.make_user("u").await;
    for index in 0..11 {
        world.make_group(&format!("g{index}")).await;
    }
    for index in 0..10 {
        world.join("u", &format!("g{index}")).await.unwrap();
        world.join("u", &format!("g{index}")).await.unwrap();
    }
    let error = world.join("u", "g10").await.err().unwrap();
    assert_eq!((error.status, &*error.code), (409, "LimitExceeded"));
    assert_eq!(error.message, "Cannot exceed quota for GroupsPerUser: 10");
    let list =
        api::ListGroupsForUserInput { user_name: "u".to_owned(), ..api::ListGroupsForUserInput::default() };
    assert_eq!(world.call::<op::ListGroupsForUser>(list).await.unwrap().groups.len(), 10);
}

#[tokio::test]
async fn tags_are_set_replaced_and_taken_away() {
    let world = World::new().await;
    world.make_user("u").await;
    let tag = |key: &str, value: &str| api::Tag { key: key.to_owned(), value: value.to_owned() };
    let set = |tags: Vec<api::Tag>| api::TagUserInput { user_name: "u".to_owned(), tags };
    world.call::<op::TagUser>(set(vec![tag("Team", "a"), tag("x", "1")])).await.unwrap();
    world.call::<op::TagUser>(set(vec![tag("team", "b")])).await.unwrap();
    let many = (0..49).map(|index| tag(&format!("k{index}"), "")).collect();
    assert_eq!(code(world.call::<op::TagUser>(set(many)).await), "LimitExceeded");
    let untag = api::UntagUserInput { user_name: "u".to_owned(), tag_keys: vec!["X".to_owned()] };
    world.call::<op::UntagUser>(untag).await.unwrap();
    let list = api::ListUserTagsInput { user_name: "u".to_owned(), ..api::ListUserTagsInput::default() };
    let tags = world.call::<op::ListUserTags>(list).await.unwrap().tags;
    assert_eq!(tags.len(), 1);
    assert_eq!((tags[0].key.as_str(), tags[0].value.as_str()), ("team", "b"));
}

#[tokio::test]
async fn an_instance_profile_holds_one_role_and_stands_in_its_way() {
    let world = World::new().await;
    world.make_role("r", TRUST).await;
    world.make_role("s", TRUST).await;
    let name = || "p".to_owned();
    let make = api::CreateInstanceProfileInput {
        instance_profile_name: name(),
        ..api::CreateInstanceProfileInput::default()
    };
    world.call::<op::CreateInstanceProfile>(make).await.unwrap();
    let add = |role: &str| api::AddRoleToInstanceProfileInput {
        instance_profile_name: name(),
        role_name: role.to_owned(),
    };
    world.call::<op::AddRoleToInstanceProfile>(add("r")).await.unwrap();
    assert_eq!(code(world.call::<op::AddRoleToInstanceProfile>(add("s")).await), "LimitExceeded");
    let delete_role = || api::DeleteRoleInput { role_name: "r".to_owned() };
    assert_eq!(code(world.call::<op::DeleteRole>(delete_role()).await), "DeleteConflict");
    let delete = || api::DeleteInstanceProfileInput { instance_profile_name: name() };
    assert_eq!(code(world.call::<op::DeleteInstanceProfile>(delete()).await), "DeleteConflict");
    let get = api::GetInstanceProfileInput { instance_profile_name: name() };
    let profile = world.call::<op::GetInstanceProfile>(get).await.unwrap().instance_profile;
    assert_eq!(profile.roles.len(), 1);
    let remove =
        api::RemoveRoleFromInstanceProfileInput { instance_profile_name: name(), role_name: "r".to_owned() };
    world.call::<op::RemoveRoleFromInstanceProfile>(remove).await.unwrap();
    world.call::<op::DeleteInstanceProfile>(delete()).await.unwrap();
    world.call::<op::DeleteRole>(delete_role()).await.unwrap();
}

#[tokio::test]
async fn a_change_says_in_its_record_what_it_touched() {
    let world = World::new().await;
    let user = world.make_user("u").await;
    let effects = world.last_effects().await;
    assert_eq!(effects.len(), 1);
    assert_eq!(effects[0].key.as_deref(), Some(user.arn.as_str()));
}

#[tokio::test]
async fn aliases_are_of_the_whole_installation_and_one_to_an_account() {
    let world = World::new().await;
    let create = |alias: &str| api::CreateAccountAliasInput { account_alias: alias.to_owned() };
    let list = || async {
        let output = world.call::<op::ListAccountAliases>(api::ListAccountAliasesInput::default()).await;
        output.unwrap().account_aliases
    };
    world.call::<op::CreateAccountAlias>(create("first")).await.unwrap();
    world.call::<op::CreateAccountAlias>(create("second")).await.unwrap();
    assert_eq!(list().await, ["second"]);
    let delete = |alias: &str| api::DeleteAccountAliasInput { account_alias: alias.to_owned() };
    assert_eq!(code(world.call::<op::DeleteAccountAlias>(delete("first")).await), "NoSuchEntity");
    world.call::<op::DeleteAccountAlias>(delete("second")).await.unwrap();
    assert!(list().await.is_empty());
}

#[tokio::test]
async fn the_password_policy_is_absent_until_it_is_set_and_holds_passwords() {
    let world = World::new().await;
    let get = api::GetAccountPasswordPolicyInput::default;
    let error = world.call::<op::GetAccountPasswordPolicy>(get()).await.err().unwrap();
    assert_eq!(
        error.message,
        format!("The Password Policy with domain name {} cannot be found.", world.account)
    );
    let update = api::UpdateAccountPasswordPolicyInput {
        minimum_password_length: Some(14),
        require_symbols: Some(true),
        max_password_age: Some(90),
        ..api::UpdateAccountPasswordPolicyInput::default()
    };
    world.call::<op::UpdateAccountPasswordPolicy>(update).await.unwrap();
    let policy = world.call::<op::GetAccountPasswordPolicy>(get()).await.unwrap().password_policy;
    assert_eq!((policy.minimum_password_length, policy.expire_passwords), (Some(14), Some(true)));
    world.make_user("u").await;
    let login = |password: &str| api::CreateLoginProfileInput {
        user_name: Some("u".to_owned()),
        password: Some(password.to_owned()),
        ..api::CreateLoginProfileInput::default()
    };
    assert_eq!(
        code(world.call::<op::CreateLoginProfile>(login("Abcdefg1!")).await),
        "PasswordPolicyViolation"
    );
    world.call::<op::CreateLoginProfile>(login("Abcdefghijklm1!")).await.unwrap();
    assert_eq!(
        code(world.call::<op::CreateLoginProfile>(login("Abcdefghijklm1!")).await),
        "EntityAlreadyExists"
    );
    let delete = api::DeleteUserInput { user_name: "u".to_owned() };
    assert_eq!(code(world.call::<op::DeleteUser>(delete).await), "DeleteConflict");
}

#[tokio::test]
async fn the_summary_counts_what_there_is() {
    let world = World::new().await;
    world.make_user("u").await;
    world.make_group("g").await;
    world.make_role("r", TRUST).await;
    world.make_policy("p", ALLOW_ALL).await;
    let summary = world.call::<op::GetAccountSummary>(api::GetAccountSummaryInput::default()).await.unwrap();
    let map = summary.summary_map.unwrap();
    let value = |name: &str| map.iter().find(|(key, _)| key == name).map(|(_, value)| *value);
    for name in ["Users", "Groups", "Roles", "Policies", "PolicyVersionsInUse", "AccountAccessKeysPresent"] {
        assert_eq!(value(name), Some(1), "{name}");
    }
    assert_eq!(value("UsersQuota"), Some(5000));
}
