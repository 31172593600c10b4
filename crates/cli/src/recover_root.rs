//! `strongroom recover-root`: a new access key for a root user whose keys are gone, offline.

use clap::Args;
use serde_json::{Value, json};
use strongroom_identity::RecoveredKey;
use strongroom_server::installation::Installation;
use strongroom_types::AccountId;

use crate::args::{DataArgs, Output, account_id};
use crate::error::CliError;
use crate::output;

/// `strongroom recover-root`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  strongroom recover-root --data /srv/strongroom --root-key file:/mnt/keys/strongroom.root-key\n\n\
    For when the root user's keys were deleted or lost. The server must not run on the directory meanwhile. The new secret\n\
    is shown once; the trail has an event RecoverRoot from the next start on."
)]
pub(crate) struct RecoverRootArgs {
    /// Where.
    #[command(flatten)]
    data: DataArgs,
    /// The account, 12 digits [default: the management account]
    #[arg(long, value_name = "ID", value_parser = account_id)]
    account: Option<AccountId>,
    /// Make its root user's other keys inactive, and delete those that are so already
    #[arg(long)]
    replace: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Makes the key and prints it.
pub(crate) async fn run(args: &RecoverRootArgs) -> Result<(), CliError> {
    let installation = Installation::open(&args.data.data(), &args.data.root_key()).await?;
    let identity = &installation.identity;
    let account = match args.account {
        Some(account) => account,
        None => identity.management_account().await.map_err(CliError::Identity)?,
    };
    let operator = rustix::process::getuid().as_raw();
    let recovered = identity.recover_root(account, args.replace, operator).await?;
    match args.output {
        Output::Json => output::print_json(&to_json(&recovered)),
        Output::Text => output::print(&to_text(&recovered)),
    }
}

fn to_json(recovered: &RecoveredKey) -> Value {
    json!({
        "account_id": recovered.account.to_string(),
        "access_key_id": recovered.access_key_id.as_str(),
        "secret_access_key": recovered.secret_access_key.expose(),
        "deactivated": recovered.deactivated,
        "deleted": recovered.deleted,
    })
}

fn to_text(recovered: &RecoveredKey) -> String {
    let (deactivated, deleted) = (recovered.deactivated.join(" "), recovered.deleted.join(" "));
    let account = recovered.account.to_string();
    let mut lines = vec![
        ("Account id", account.as_str()),
        ("Access key id", recovered.access_key_id.as_str()),
        ("Secret access key", recovered.secret_access_key.expose()),
    ];
    lines.extend(Some(("Inactive now", deactivated.as_str())).filter(|(_, ids)| !ids.is_empty()));
    lines.extend(Some(("Deleted", deleted.as_str())).filter(|(_, ids)| !ids.is_empty()));
    let mut text = output::pairs(&lines);
    text.push_str("\nThe secret access key is not shown again. Delete the key when it has done its work.\n");
    text
}
