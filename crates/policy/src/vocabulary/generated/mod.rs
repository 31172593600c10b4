//! Written by `cargo xtask generate`.

mod services;

pub(super) use services::SERVICES;
