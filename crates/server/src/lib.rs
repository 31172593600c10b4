//! The server: listeners, the way of a request, and the wiring of every service.
//!
//! In the order of a request: `listener` → `http` → `route` → `authn` → `decode` → `gate` → `handler` → `encode` → `record`;
//! `pipeline` walks them.

pub mod admin;
mod authn;
pub mod config;
mod decode;
mod encode;
mod gate;
mod handler;
pub mod http;
pub mod installation;
pub mod listener;
mod pipeline;
pub mod pki;
mod post;
mod record;
mod route;
pub mod serve;
