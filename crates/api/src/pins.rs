//! Tool servers: what they declare, and that somebody approves it. The API reads and answers; the runtime knows.

use crate::audit::Refused;
use crate::shape::{Reply, read};
use crate::{Admin, Operator};
use cordon_approvals::MAX_NAME_BYTES;
use cordon_types::{Digest, ServerId};
use serde::Deserialize;
use serde_json::Value;

/// What is asked about tool servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinOrder {
    /// How each is, and which of its tools are quarantined.
    List,
    /// Ask each what it declares; then as `List`.
    Look,
    /// What an approver must see of one.
    Review(ServerId),
    /// Approve what was shown.
    Approve {
        /// Whose tools.
        server: ServerId,
        /// The digest that was shown with them.
        digest: Digest,
        /// Tools that may be used though their words try to steer their reader.
        accept: Vec<String>,
        /// Who approves; becomes a pseudonym.
        name: String,
    },
    /// Take the approval back.
    Unpin {
        /// Whose tools.
        server: ServerId,
        /// Who does; becomes a pseudonym.
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approve {
    by: String,
    digest: String,
    #[serde(default)]
    accept: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unpin {
    by: String,
}

impl Admin {
    pub(crate) fn servers(&self, by: &Operator, method: &str, rest: &[&str], body: &[u8]) -> Reply {
        match order(method, rest, body).map(|order| self.runtime.pins(by, &order)) {
            Ok(Ok(value)) => Reply::ok(value),
            Ok(Err(refused)) => Reply::error(refused.status, refused.code, &refused.message),
            Err(reply) => reply,
        }
    }
}

fn order(method: &str, rest: &[&str], body: &[u8]) -> Result<PinOrder, Reply> {
    // The path is split at two slashes only.
    let (first, second) = match rest {
        [] => (None, None),
        [one] => (Some(*one), None),
        [one, two, ..] => (Some(*one), Some(*two)),
    };
    let server = |id: &str| ServerId::new(id).map_err(|_| Reply::not_found());
    match (method, first, second) {
        ("GET", None, None) => Ok(PinOrder::List),
        ("POST", Some("look"), None) => Ok(PinOrder::Look),
        ("GET", Some(id), None) => Ok(PinOrder::Review(server(id)?)),
        ("POST", Some(id), Some("approve")) => {
            let Approve { by, digest, accept } = read(body)?;
            let digest = Digest::parse(&digest)
                .ok_or_else(|| bad("`digest` is the 64 hexadecimal digits that were shown"))?;
            Ok(PinOrder::Approve { server: server(id)?, digest, accept, name: named(by)? })
        }
        ("DELETE", Some(id), Some("approve")) => {
            let Unpin { by } = read(body)?;
            Ok(PinOrder::Unpin { server: server(id)?, name: named(by)? })
        }
        (_, None | Some(_), None) | (_, Some(_), Some("approve")) => Err(Reply::wrong_method()),
        _ => Err(Reply::not_found()),
    }
}

fn named(by: String) -> Result<String, Reply> {
    let good = !by.trim().is_empty() && by.len() <= MAX_NAME_BYTES;
    good.then_some(by).ok_or_else(|| bad("`by` says who decides"))
}

fn bad(message: &str) -> Reply {
    Reply::error(400, "bad_request", message)
}

/// What a runtime without tool servers answers.
pub(crate) fn nowhere() -> Result<Value, Refused> {
    let message =
        "no gateway runs on this data directory; start it: it asks the servers what they declare".to_owned();
    Err(Refused { status: 409, code: "not_running", message })
}
