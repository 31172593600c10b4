//! `strongroom init`: a new installation, and the only showing of its root secret.

use strongroom_server::installation::Installation;
use strongroom_types::Region;

use crate::args::{InitArgs, Output};
use crate::error::CliError;
use crate::output;

/// Makes the installation and prints it.
pub(crate) async fn run(args: &InitArgs) -> Result<(), CliError> {
    let (installation, made) =
        Installation::init(&args.data.data(), &args.data.root_key(), &args.account_email).await?;
    // The home region is a setting of `serve`; this is its default.
    let region = Region::us_east_1();
    let printed = match args.output {
        Output::Text => output::print(&output::made_text(&made, &region)),
        Output::Json => output::print_json(&output::made_json(&made, &region)),
    };
    drop(installation);
    printed
}
