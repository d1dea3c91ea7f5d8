//! What can go wrong on the way to an upstream. Two strings each: `Display` is for the operator,
//! [`UpstreamError::public`] is for the caller and names no host, address or credential.

use cordon_types::UpstreamId;

/// How far an exchange had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Nothing was sent: the request was certainly not processed.
    BeforeSend,
    /// The request, or a part of it, was sent, and no byte of an answer came.
    BeforeHead,
    /// An answer had begun.
    InBody,
}

/// Why an exchange with an upstream failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No upstream of that name is configured.
    #[error("upstream `{id}` is not configured: add it to `upstreams`")]
    Unknown {
        /// The name asked for.
        id: UpstreamId,
    },
    /// The settings contradict each other.
    #[error("upstream `{id}`: {reason}")]
    Settings {
        /// The upstream.
        id: UpstreamId,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The upstream wants a credential and has none.
    #[error("upstream `{id}` has no credential: give it one, or set its authentication to none")]
    NoCredential {
        /// The upstream.
        id: UpstreamId,
    },
    /// The request cannot be put into HTTP.
    #[error("the request cannot be sent: {reason}")]
    BadRequest {
        /// What is wrong.
        reason: String,
    },
    /// The host has no address.
    #[error("cannot resolve `{host}`: {reason}")]
    Resolve {
        /// The host.
        host: String,
        /// The resolver's words.
        reason: String,
    },
    /// A resolved address is in a range that this upstream may not be in.
    #[error(
        "refused to connect to {address} ({class}): list it under the upstream's `allow`, or set `allow_private`, if it is meant"
    )]
    AddressRefused {
        /// The address that was judged.
        address: std::net::IpAddr,
        /// Its range.
        class: &'static str,
    },
    /// No connection could be made.
    #[error("cannot connect to {address}: {reason}")]
    Connect {
        /// The address that was tried last.
        address: std::net::SocketAddr,
        /// The system's words.
        reason: String,
    },
    /// The TLS handshake failed.
    #[error("tls with `{host}` failed: {reason}")]
    Tls {
        /// The host.
        host: String,
        /// The library's words.
        reason: String,
    },
    /// Resolving, connecting and the TLS handshake together took too long.
    #[error("connecting took longer than {limit_ms} ms")]
    TimeoutConnect {
        /// The limit.
        limit_ms: u128,
    },
    /// No answer began in time.
    #[error("no answer began within {limit_ms} ms")]
    TimeoutHead {
        /// The limit.
        limit_ms: u128,
    },
    /// The answer stalled.
    #[error("the answer stalled for {limit_ms} ms")]
    TimeoutIdle {
        /// The limit.
        limit_ms: u128,
    },
    /// The connection broke.
    #[error("the connection broke: {reason}")]
    Reset {
        /// How far the exchange had come.
        phase: Phase,
        /// The library's words.
        reason: String,
    },
    /// The answer ended before the length that it had announced, or within a chunk.
    #[error("the answer's body is shorter than announced")]
    Truncated,
    /// The answer is not acceptable HTTP.
    #[error("the answer is not acceptable: {reason}")]
    BadResponse {
        /// What is wrong.
        reason: String,
    },
    /// The upstream answered with a redirect. Redirects are never followed.
    #[error(
        "the upstream answered {status}, a redirect: set `base_url` to where it points, if that is meant"
    )]
    Redirect {
        /// The status.
        status: u16,
    },
    /// A tool server's program could not be started.
    #[error("the server could not be started: {reason}")]
    Start {
        /// The system's words.
        reason: String,
    },
    /// A tool server's program has ended.
    #[error("the server has ended")]
    Ended,
    /// The answer's head is larger than the limit.
    #[error("the answer's head is larger than permitted")]
    TooLarge,
}

impl UpstreamError {
    /// A stable name, for records and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "unknown_upstream",
            Self::Settings { .. } => "settings",
            Self::NoCredential { .. } => "no_credential",
            Self::BadRequest { .. } => "bad_request",
            Self::Resolve { .. } => "resolve",
            Self::AddressRefused { .. } => "address_refused",
            Self::Connect { .. } => "connect",
            Self::Tls { .. } => "tls",
            Self::TimeoutConnect { .. } => "timeout_connect",
            Self::TimeoutHead { .. } => "timeout_head",
            Self::TimeoutIdle { .. } => "timeout_idle",
            Self::Reset { .. } => "reset",
            Self::Truncated => "truncated",
            Self::BadResponse { .. } => "bad_response",
            Self::Redirect { .. } => "redirect",
            Self::TooLarge => "too_large",
            Self::Start { .. } => "start",
            Self::Ended => "ended",
        }
    }

    /// What the caller may read.
    #[must_use]
    pub const fn public(&self) -> &'static str {
        match self {
            Self::Unknown { .. } | Self::Settings { .. } | Self::NoCredential { .. } => {
                "the gateway is not configured for this model; ask its operator"
            }
            Self::BadRequest { .. } => "the request cannot be passed on to the model's provider",
            Self::Resolve { .. } | Self::AddressRefused { .. } | Self::Connect { .. } | Self::Tls { .. } => {
                "the model's provider cannot be reached; try again later"
            }
            Self::Start { .. } | Self::Ended => "the tool server is not running; try again later",
            Self::TimeoutConnect { .. } | Self::TimeoutHead { .. } => {
                "the model's provider did not answer in time; try again later"
            }
            Self::TimeoutIdle { .. } => "the model's provider stopped answering; try again later",
            Self::Reset { .. } | Self::Truncated => {
                "the connection to the model's provider broke; try again later"
            }
            Self::BadResponse { .. } | Self::Redirect { .. } | Self::TooLarge => {
                "the model's provider gave an answer that cannot be used"
            }
        }
    }

    /// The HTTP status for the caller.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Unknown { .. } | Self::Settings { .. } | Self::NoCredential { .. } => 500,
            Self::BadRequest { .. } => 400,
            Self::TimeoutConnect { .. } | Self::TimeoutHead { .. } | Self::TimeoutIdle { .. } => 504,
            _ => 502,
        }
    }

    /// How far the exchange had come.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match self {
            Self::Reset { phase, .. } => *phase,
            Self::TimeoutHead { .. } | Self::BadResponse { .. } | Self::Redirect { .. } | Self::TooLarge => {
                Phase::BeforeHead
            }
            Self::TimeoutIdle { .. } | Self::Truncated => Phase::InBody,
            _ => Phase::BeforeSend,
        }
    }

    /// Whether the request was certainly not processed, so that sending it again is safe whatever it is.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Resolve { .. } | Self::Connect { .. } | Self::Tls { .. } | Self::TimeoutConnect { .. } => {
                true
            }
            Self::Reset { phase, .. } => matches!(phase, Phase::BeforeSend),
            _ => false,
        }
    }
}
