//! Bars on standard error, drawn only if that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over bytes.
pub(crate) fn bytes(what: impl Into<String>, bytes: u64) -> ProgressBar {
    bar(what.into(), bytes, "{prefix:7} {bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
}

/// A bar over things.
pub(crate) fn count(what: impl Into<String>, count: u64) -> ProgressBar {
    bar(what.into(), count, "{prefix:7} {bar:40} {pos}/{len} {eta}")
}

fn bar(what: String, length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    // The templates are fixed; the plain bar serves as well.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_prefix(what)
}
