//! `strongroom who-can`: everybody who could do something.

use clap::Args;
use serde_json::json;
use strongroom_api_strongroom::{ListWhoCanInput, PrincipalKind, PrincipalThatCan};

use crate::args::{Output, RemoteArgs};
use crate::client::Client;
use crate::error::CliError;
use crate::explain::{context, entries};
use crate::output;

/// Pages of a listing, each of 100 principals or of a thousand asked. A server that never ends one is not followed for
/// ever.
const MAX_PAGES: usize = 10_000;

/// `strongroom who-can`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  strongroom who-can s3:GetObject arn:aws:s3:::reports/2026.csv\n\n\
    Every user and role of every account is asked for, root users, anonymous callers, and whoever has an account \
    elsewhere; as of a request over TLS 1.3, now, from 0.0.0.0, unless --context says otherwise.")]
pub(crate) struct WhoCanArgs {
    /// An action, as in s3:GetObject
    #[arg(value_name = "ACTION")]
    action: String,
    /// An ARN, or *
    #[arg(value_name = "RESOURCE")]
    resource: String,
    /// A condition key and its value; the same key again adds a value
    #[arg(long, value_name = "KEY=VALUE", value_parser = context)]
    context: Vec<(String, String)>,
    /// Which server.
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Asks the server and prints its answer.
pub(crate) async fn run(args: &WhoCanArgs) -> Result<(), CliError> {
    let client = Client::of(&args.remote)?;
    let mut input = ListWhoCanInput {
        action: args.action.clone(),
        resource: args.resource.clone(),
        context: entries(&args.context),
        next_token: None,
        max_results: None,
    };
    let mut found = Vec::new();
    for _ in 0..MAX_PAGES {
        let page = client.call(&input).await?;
        found.extend(page.principals);
        input.next_token = page.next_token;
        if input.next_token.is_none() {
            break;
        }
    }
    match args.remote.output {
        Output::Json => {
            let principal = |one: &PrincipalThatCan| {
                json!({
                    "principal": one.principal,
                    "kind": one.kind.map(PrincipalKind::as_str),
                    "account": one.account,
                    "reason": one.reason,
                })
            };
            output::print_json(&json!({ "principals": found.iter().map(principal).collect::<Vec<_>>() }))
        }
        Output::Text => output::print(&text(&found)),
    }
}

fn text(found: &[PrincipalThatCan]) -> String {
    if found.is_empty() {
        return "Nobody can.\n".to_owned();
    }
    let row = |one: &PrincipalThatCan| {
        let kind = one.kind.map(|kind| kind.as_str().to_lowercase().replace('_', " "));
        [one.principal.clone(), kind.unwrap_or_default(), one.reason.clone()]
    };
    output::table(["PRINCIPAL", "KIND", "BECAUSE OF"], &found.iter().map(row).collect::<Vec<_>>())
}
