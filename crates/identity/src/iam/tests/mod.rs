//! Operations, as requests reach them: behind the real gate, over the memory engine.

mod decisions;
mod entities;
mod keys;
mod mfa;
mod model;
mod oidc;
mod policies;
mod reports;
mod roles;
mod simulate;

use strongroom_api_iam::{self as api, op};
use strongroom_gate::ErrorReply;

use super::testing::{ALLOW_ALL, TRUST, World};

/// The code of an error.
fn code<T>(result: Result<T, ErrorReply>) -> String {
    match result {
        Ok(_) => "no error".to_owned(),
        Err(reply) => reply.code.into_owned(),
    }
}

impl World {
    async fn make_user(&self, name: &str) -> api::User {
        let input = api::CreateUserInput { user_name: name.to_owned(), ..api::CreateUserInput::default() };
        *self.call::<op::CreateUser>(input).await.unwrap().user.unwrap()
    }

    async fn make_group(&self, name: &str) -> api::Group {
        let input = api::CreateGroupInput { group_name: name.to_owned(), path: None };
        self.call::<op::CreateGroup>(input).await.unwrap().group
    }

    async fn make_role(&self, name: &str, trust: &str) -> api::Role {
        let input = api::CreateRoleInput {
            role_name: name.to_owned(),
            assume_role_policy_document: trust.to_owned(),
            ..api::CreateRoleInput::default()
        };
        self.call::<op::CreateRole>(input).await.unwrap().role
    }

    /// The ARN of a new policy.
    async fn make_policy(&self, name: &str, document: &str) -> String {
        let input = api::CreatePolicyInput {
            policy_name: name.to_owned(),
            policy_document: document.to_owned(),
            ..api::CreatePolicyInput::default()
        };
        self.call::<op::CreatePolicy>(input).await.unwrap().policy.unwrap().arn.unwrap()
    }

    async fn make_key(&self, name: &str) -> api::AccessKey {
        let input = api::CreateAccessKeyInput { user_name: Some(name.to_owned()) };
        self.call::<op::CreateAccessKey>(input).await.unwrap().access_key
    }

    async fn attach_to_user(&self, name: &str, arn: &str) -> Result<(), ErrorReply> {
        let input = api::AttachUserPolicyInput { user_name: name.to_owned(), policy_arn: arn.to_owned() };
        self.call::<op::AttachUserPolicy>(input).await.map(drop)
    }

    async fn join(&self, user: &str, group: &str) -> Result<(), ErrorReply> {
        let input = api::AddUserToGroupInput { group_name: group.to_owned(), user_name: user.to_owned() };
        self.call::<op::AddUserToGroup>(input).await.map(drop)
    }

    async fn get_user(&self, name: &str) -> Result<api::User, ErrorReply> {
        let input = api::GetUserInput { user_name: Some(name.to_owned()) };
        self.call::<op::GetUser>(input).await.map(|output| output.user)
    }
}
