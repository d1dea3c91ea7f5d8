//! Listeners and body streaming for the model path and for tool servers: feeds the pipeline bytes and carries out what it answers.
//!
//! ```text
//! server: accept -> http -> service: route, authenticate, admit -> call: prompt -> intent durable -> upstream
//!                                                                      <- answer / stream <- outcome durable <-
//! ```
//! What always holds: no answer leaves before its outcome is durable; a dropped exchange still leaves an outcome;
//! a panic in one request ends that request, closed. What it does not do: decide anything about content.

pub mod acknowledge;
mod advise;
mod body;
mod busy;
mod call;
mod io;
pub mod mcp;
pub mod metrics;
pub mod oauth;
mod open;
mod respond;
mod route;
mod server;
mod service;
mod stream;
mod worker;

pub use body::{BodyLimits, Broken, OutBody};
pub use metrics::{Metrics, StagedLabels};
pub use server::{Spawner, serve};
pub use worker::{Limits, Shared, Worker};
