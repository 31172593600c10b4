//! The log of commands that go on until they are ended.

use tracing_subscriber::EnvFilter;

use crate::error::CliError;

/// Starts the log. It goes to standard error, so that standard output holds results only.
pub(crate) fn start(level: Option<&str>) -> Result<(), CliError> {
    let given = level.map(ToOwned::to_owned).or_else(|| std::env::var(EnvFilter::DEFAULT_ENV).ok());
    let text = given.filter(|text| !text.trim().is_empty()).unwrap_or_else(|| "info".to_owned());
    let filter = EnvFilter::try_new(&text).map_err(|_| CliError::LogFilter(text))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    Ok(())
}
