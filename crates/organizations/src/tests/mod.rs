//! What operations do, through the gate, over the memory engine.

mod accounts;
mod contacts;
mod decisions;
mod delegation;
mod policies;
mod tree;

use strongroom_api_organizations as api;
use strongroom_api_organizations::op;
use strongroom_gate::ErrorReply;

use crate::testing::World;

/// Every future of these tests runs on a current-thread runtime.
fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Code and reason of an error.
fn code<T>(answer: Result<T, ErrorReply>) -> (String, String) {
    let error = answer.err().expect("an error");
    let reason = error.members.iter().find(|(name, _)| *name == "Reason").map(|(_, value)| value.clone());
    (error.code.into_owned(), reason.unwrap_or_default())
}

fn error(code: &str, reason: &str) -> (String, String) {
    (code.to_owned(), reason.to_owned())
}

const SCP: Option<api::PolicyType> = Some(api::PolicyType::ServiceControlPolicy);
const RCP: Option<api::PolicyType> = Some(api::PolicyType::ResourceControlPolicy);
const S3: Option<api::PolicyType> = Some(api::PolicyType::S3Policy);

/// A service control policy that denies an action.
fn deny(action: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Action":"{action}","Resource":"*"}}]}}"#
    )
}

impl World {
    /// The root's id.
    async fn root_id(&self) -> String {
        let roots = self.call::<op::ListRoots>(api::ListRootsInput::default()).await.unwrap().roots.unwrap();
        roots.into_iter().next().unwrap().id.unwrap()
    }

    async fn create(&self, email: &str) -> api::CreateAccountStatus {
        let input = api::CreateAccountInput {
            email: email.to_owned(),
            account_name: format!("account of {email}"),
            ..api::CreateAccountInput::default()
        };
        *self.call::<op::CreateAccount>(input).await.unwrap().create_account_status.unwrap()
    }

    /// The id of a new account.
    async fn account(&self, email: &str) -> String {
        self.create(email).await.account_id.unwrap()
    }

    async fn new_unit(&self, parent: &str, name: &str) -> Result<String, ErrorReply> {
        let input = api::CreateOrganizationalUnitInput {
            parent_id: parent.to_owned(),
            name: name.to_owned(),
            tags: None,
        };
        let output = self.call::<op::CreateOrganizationalUnit>(input).await?;
        Ok(output.organizational_unit.unwrap().id.unwrap())
    }

    async fn move_to(&self, account: &str, from: &str, to: &str) -> Result<(), ErrorReply> {
        let input = api::MoveAccountInput {
            account_id: account.to_owned(),
            source_parent_id: from.to_owned(),
            destination_parent_id: to.to_owned(),
        };
        self.call::<op::MoveAccount>(input).await.map(drop)
    }

    async fn new_policy(
        &self,
        kind: Option<api::PolicyType>,
        name: &str,
        content: &str,
    ) -> Result<String, ErrorReply> {
        let input = api::CreatePolicyInput {
            content: content.to_owned(),
            description: String::new(),
            name: name.to_owned(),
            r#type: kind,
            tags: None,
        };
        let output = self.call::<op::CreatePolicy>(input).await?;
        Ok(output.policy.unwrap().policy_summary.unwrap().id.unwrap())
    }

    async fn attach(&self, policy: &str, target: &str) -> Result<(), ErrorReply> {
        let input = api::AttachPolicyInput { policy_id: policy.to_owned(), target_id: target.to_owned() };
        self.call::<op::AttachPolicy>(input).await.map(drop)
    }

    async fn detach(&self, policy: &str, target: &str) -> Result<(), ErrorReply> {
        let input = api::DetachPolicyInput { policy_id: policy.to_owned(), target_id: target.to_owned() };
        self.call::<op::DetachPolicy>(input).await.map(drop)
    }

    async fn enable(&self, kind: Option<api::PolicyType>) -> Result<(), ErrorReply> {
        let input = api::EnablePolicyTypeInput { root_id: self.root_id().await, policy_type: kind };
        self.call::<op::EnablePolicyType>(input).await.map(drop)
    }

    async fn disable(&self, kind: Option<api::PolicyType>) -> Result<(), ErrorReply> {
        let input = api::DisablePolicyTypeInput { root_id: self.root_id().await, policy_type: kind };
        self.call::<op::DisablePolicyType>(input).await.map(drop)
    }

    /// Ids of the policies on a target.
    async fn policies_on(&self, target: &str, kind: Option<api::PolicyType>) -> Vec<String> {
        let input = api::ListPoliciesForTargetInput {
            target_id: target.to_owned(),
            filter: kind,
            ..api::ListPoliciesForTargetInput::default()
        };
        let output = self.call::<op::ListPoliciesForTarget>(input).await.unwrap();
        output.policies.unwrap().into_iter().filter_map(|policy| policy.id).collect()
    }

    async fn trust(&self, principal: &str) {
        let input = api::EnableAWSServiceAccessInput { service_principal: principal.to_owned() };
        self.call::<op::EnableAWSServiceAccess>(input).await.unwrap();
    }

    async fn register(&self, account: &str, principal: &str) -> Result<(), ErrorReply> {
        let input = api::RegisterDelegatedAdministratorInput {
            account_id: account.to_owned(),
            service_principal: principal.to_owned(),
        };
        self.call::<op::RegisterDelegatedAdministrator>(input).await.map(drop)
    }
}
