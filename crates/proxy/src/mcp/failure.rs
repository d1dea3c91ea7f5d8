//! What can go wrong with a tool server, told twice: to the caller and to the operator.

use cordon_pipeline::{Refusal, Why};
use cordon_upstream::UpstreamError;
use cordon_wire::WireError;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// For records and metrics.
    pub name: &'static str,
    /// For the caller.
    pub public: &'static str,
    /// For the operator's log. Never content.
    pub detail: String,
    /// The server has forgotten the session: nothing was done, and a new one may be opened.
    pub forgotten: bool,
}

impl Failure {
    pub(crate) fn new(name: &'static str, public: &'static str) -> Self {
        Self { name, public, detail: String::new(), forgotten: false }
    }

    pub(crate) fn too_large() -> Self {
        Self::new("answer_too_large", "the tool server's answer is larger than this gateway takes")
    }

    pub(crate) fn too_slow() -> Self {
        Self::new("timeout_idle", "the tool server took longer than this gateway allows")
    }

    pub(crate) fn broken() -> Self {
        Self::new("bad_response", "the tool server gave an answer that cannot be used")
    }

    pub(crate) fn gone() -> Self {
        Self::new("reset", "the connection to the tool server broke; try again later")
    }

    /// Something that the strict reader does not take.
    pub(crate) fn unread(e: &WireError) -> Self {
        // The code alone: the reader's words may quote the server.
        Self { detail: e.code.name().to_owned(), ..Self::broken() }
    }

    pub(crate) fn refusal(&self) -> Refusal {
        let status = if self.name.starts_with("timeout") { 504 } else { 502 };
        Refusal::new(status, Why::Upstream(self.name), self.public)
    }
}

impl From<UpstreamError> for Failure {
    fn from(e: UpstreamError) -> Self {
        let public = match e.status() {
            504 => "the tool server did not answer in time; try again later",
            400 => "the call cannot be passed on to the tool server",
            500 => "the gateway is not configured for this tool server; ask its operator",
            _ => "the tool server cannot be reached, or its answer cannot be used; try again later",
        };
        Self { name: e.name(), public, detail: e.to_string(), forgotten: false }
    }
}
