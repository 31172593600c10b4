//! The server: listeners, the way of a request, and the wiring of every service.

pub mod admin;
pub mod config;
pub mod http;
pub mod listener;
pub mod pki;
