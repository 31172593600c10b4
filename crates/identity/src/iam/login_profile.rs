//! Login profiles. Source: IAM API Reference, operations on login profiles.
//!
//! Nobody can sign in with a password here. A login profile is kept because reports and tools ask for it; the password
//! is held to the account's password policy and then forgotten.

use strongroom_api_iam as api;
use strongroom_gate::Caller;
use strongroom_types::Timestamp;

use super::error::{IamError, Missing};
use super::row::{LoginProfileRow, PasswordPolicyRow, UserRow};
use super::settings::password_policy;
use super::view::{Change, View};

fn shape(name: &str, profile: &LoginProfileRow) -> api::LoginProfile {
    api::LoginProfile {
        user_name: name.to_owned(),
        create_date: Some(Timestamp::from_millis(profile.created_millis)),
        password_reset_required: Some(profile.reset_required),
        max_signin_session_duration: None,
    }
}

fn missing(name: &str) -> IamError {
    IamError::NoSuch(Missing::LoginProfile(name.to_owned()))
}

/// Source: IAM User Guide, "Set an account password policy for IAM users", "Custom password policy options" and "Default
/// password policy".
fn check_password(password: &str, policy: Option<&PasswordPolicyRow>) -> Result<(), IamError> {
    let has = |test: fn(&char) -> bool| password.chars().any(|c| test(&c));
    let symbol = |c: &char| "!@#$%^&*()_+-=[]{}|'".contains(*c);
    let lower = has(char::is_ascii_lowercase);
    let (upper, digit, symbol) = (has(char::is_ascii_uppercase), has(char::is_ascii_digit), has(symbol));
    let length = password.chars().count();
    let Some(policy) = policy else {
        let kinds = [lower, upper, digit, symbol].into_iter().filter(|kind| *kind).count();
        return if length >= 8 && kinds >= 3 {
            Ok(())
        } else {
            Err(IamError::Password(
                "Password should have a minimum length of 8, and three of: uppercase letters, lowercase letters, \
                 numbers, symbols",
            ))
        };
    };
    let long_enough = usize::try_from(policy.minimum_length).is_ok_and(|least| length >= least);
    let faults = [
        (!long_enough, "Password is shorter than the password policy of the account demands"),
        (policy.uppercase && !upper, "Password should have at least one uppercase letter"),
        (policy.lowercase && !lower, "Password should have at least one lowercase letter"),
        (policy.numbers && !digit, "Password should have at least one number"),
        (policy.symbols && !symbol, "Password should have at least one symbol"),
    ];
    match faults.into_iter().find(|(found, _)| *found) {
        Some((_, fault)) => Err(IamError::Password(fault)),
        None => Ok(()),
    }
}

/// The user that a request is about: the one it names, or the caller.
fn name_of(view: &View, user_name: Option<&str>) -> Result<String, IamError> {
    match user_name {
        Some(name) => Ok(name.to_owned()),
        None => Ok(view.caller_name()?.to_owned()),
    }
}

pub(crate) async fn create_login_profile(
    change: &mut Change,
    input: &api::CreateLoginProfileInput,
) -> Result<api::CreateLoginProfileOutput, IamError> {
    let name = name_of(&change.view, input.user_name.as_deref())?;
    let mut user: UserRow = change.changeable(&name).await?;
    if user.login_profile.is_some() {
        return Err(IamError::LoginProfileExists(name));
    }
    let password = input.password.as_deref().unwrap_or_default();
    check_password(password, password_policy(&change.view).await?.as_ref())?;
    let now = change.view.now.as_millis();
    let reset_required = input.password_reset_required == Some(true);
    let profile = LoginProfileRow { created_millis: now, changed_millis: now, reset_required };
    let login_profile = shape(&name, &profile);
    user.login_profile = Some(profile);
    change.save(&user);
    Ok(api::CreateLoginProfileOutput { login_profile })
}

pub(crate) async fn get_login_profile(
    view: &View,
    input: &api::GetLoginProfileInput,
) -> Result<api::GetLoginProfileOutput, IamError> {
    let name = name_of(view, input.user_name.as_deref())?;
    let user: UserRow = view.named(&name).await?;
    let profile = user.login_profile.ok_or_else(|| missing(&name))?;
    Ok(api::GetLoginProfileOutput { login_profile: shape(&name, &profile) })
}

pub(crate) async fn update_login_profile(
    change: &mut Change,
    input: &api::UpdateLoginProfileInput,
) -> Result<api::UpdateLoginProfileOutput, IamError> {
    let mut user: UserRow = change.changeable(&input.user_name).await?;
    let profile = user.login_profile.as_mut().ok_or_else(|| missing(&input.user_name))?;
    if let Some(password) = &input.password {
        check_password(password, password_policy(&change.view).await?.as_ref())?;
        profile.changed_millis = change.view.now.as_millis();
    }
    if let Some(required) = input.password_reset_required {
        profile.reset_required = required;
    }
    change.save(&user);
    Ok(api::UpdateLoginProfileOutput {})
}

/// DEVIATION: whether the old password is right cannot be told, for no password is kept.
pub(crate) async fn change_password(
    change: &mut Change,
    input: &api::ChangePasswordInput,
) -> Result<api::ChangePasswordOutput, IamError> {
    let Caller::User(caller) = &change.view.caller else { return Err(IamError::NotAUser) };
    let name = caller.name.clone();
    let mut user: UserRow = change.changeable(&name).await?;
    let profile = user.login_profile.as_mut().ok_or_else(|| missing(&name))?;
    check_password(&input.new_password, password_policy(&change.view).await?.as_ref())?;
    profile.changed_millis = change.view.now.as_millis();
    profile.reset_required = false;
    change.save(&user);
    Ok(api::ChangePasswordOutput {})
}

pub(crate) async fn delete_login_profile(
    change: &mut Change,
    input: &api::DeleteLoginProfileInput,
) -> Result<api::DeleteLoginProfileOutput, IamError> {
    let name = name_of(&change.view, input.user_name.as_deref())?;
    let mut user: UserRow = change.changeable(&name).await?;
    user.login_profile.take().ok_or_else(|| missing(&name))?;
    change.save(&user);
    Ok(api::DeleteLoginProfileOutput {})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_held_to_the_policy() {
        assert!(check_password("Abcdefg1", None).is_ok());
        assert!(check_password("abcdefg1", None).is_err());
        assert!(check_password("Abc1!", None).is_err());
        let policy = PasswordPolicyRow {
            minimum_length: 6,
            symbols: true,
            numbers: false,
            uppercase: false,
            lowercase: true,
            users_may_change: false,
            max_age_days: None,
            reuse_prevention: None,
            hard_expiry: None,
        };
        assert!(check_password("abcde!", Some(&policy)).is_ok());
        for bad in ["abcd!", "abcdef", "ABCDE!"] {
            assert!(check_password(bad, Some(&policy)).is_err(), "{bad}");
        }
    }
}
