//! `strongroom account`: accounts of a running server, through its API.

use serde_json::{Value, json};
use strongroom_api_strongroom::{
    Account, CreateAccountInput, CreateAccountOutput, DescribeAccountInput, ListAccountsInput,
};

use crate::args::{AccountCommand, Output, RemoteArgs};
use crate::client::Client;
use crate::error::CliError;
use crate::output;

/// Pages of a listing: a million accounts. A server that never ends a listing is not followed for ever.
const MAX_PAGES: usize = 10_000;

/// Asks the server and prints its answer.
pub(crate) async fn run(command: &AccountCommand) -> Result<(), CliError> {
    match command {
        AccountCommand::Create { email, name, remote } => create(email, name.as_deref(), remote).await,
        AccountCommand::List { remote } => list(remote).await,
        AccountCommand::Describe { account_id, remote } => {
            let input = DescribeAccountInput { account_id: account_id.to_string() };
            let account = Client::of(remote)?.call(&input).await?.account;
            match remote.output {
                Output::Json => output::print_json(&account_json(&account)),
                Output::Text => output::print(&account_text(&account)),
            }
        }
    }
}

async fn create(email: &str, name: Option<&str>, remote: &RemoteArgs) -> Result<(), CliError> {
    let input = CreateAccountInput { email: email.to_owned(), account_name: name.map(ToOwned::to_owned) };
    let made = Client::of(remote)?.call(&input).await?;
    match remote.output {
        Output::Json => output::print_json(&created_json(&made)),
        Output::Text => output::print(&created_text(&made)),
    }
}

async fn list(remote: &RemoteArgs) -> Result<(), CliError> {
    let client = Client::of(remote)?;
    let mut accounts = Vec::new();
    let mut next_token = None;
    for _ in 0..MAX_PAGES {
        let page = client.call(&ListAccountsInput { next_token, max_results: None }).await?;
        accounts.extend(page.accounts);
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    match remote.output {
        Output::Json => {
            output::print_json(&json!({ "accounts": accounts.iter().map(account_json).collect::<Vec<_>>() }))
        }
        Output::Text => {
            let row = |account: &Account| {
                let created = account.created_at.map(strongroom_types::Timestamp::to_iso8601_seconds);
                let name = account.name.clone().unwrap_or_default();
                [account.id.clone(), account.email.clone(), name, created.unwrap_or_default()]
            };
            let rows: Vec<_> = accounts.iter().map(row).collect();
            output::print(&output::table(["ACCOUNT ID", "EMAIL", "NAME", "CREATED"], &rows))
        }
    }
}

fn account_json(account: &Account) -> Value {
    json!({
        "account_id": account.id,
        "arn": account.arn,
        "canonical_user_id": account.canonical_user_id,
        "email": account.email,
        "name": account.name,
        "created_at": account.created_at.map(strongroom_types::Timestamp::to_iso8601_seconds),
    })
}

fn account_text(account: &Account) -> String {
    let created = account.created_at.map(strongroom_types::Timestamp::to_iso8601_seconds).unwrap_or_default();
    output::pairs(&[
        ("Account id", &account.id),
        ("ARN", &account.arn),
        ("Canonical user id", &account.canonical_user_id),
        ("E-mail", &account.email),
        ("Name", account.name.as_deref().unwrap_or_default()),
        ("Created", &created),
    ])
}

fn created_json(made: &CreateAccountOutput) -> Value {
    let mut value = account_json(&made.account);
    if let Value::Object(members) = &mut value {
        members.insert("access_key_id".to_owned(), json!(made.access_key_id));
        members.insert("secret_access_key".to_owned(), json!(made.secret_access_key));
    }
    value
}

fn created_text(made: &CreateAccountOutput) -> String {
    let keys = output::pairs(&[
        ("Access key id", &made.access_key_id),
        ("Secret access key", &made.secret_access_key),
    ]);
    format!("{}{keys}\nThe secret access key is not shown again.\n", account_text(&made.account))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_account_is_printed_with_what_programs_rely_on() {
        let made = CreateAccountOutput {
            account: Account {
                id: "123456789012".to_owned(),
                canonical_user_id: "c".to_owned(),
                email: "a@b.example".to_owned(),
                ..Account::default()
            },
            access_key_id: "AKIA".to_owned(),
            secret_access_key: "s".to_owned(),
        };
        let value = created_json(&made);
        for (name, expected) in [
            ("account_id", "123456789012"),
            ("canonical_user_id", "c"),
            ("access_key_id", "AKIA"),
            ("secret_access_key", "s"),
            ("email", "a@b.example"),
        ] {
            assert_eq!(value[name], expected);
        }
        assert!(created_text(&made).contains("Secret access key  s\n"));
    }
}
