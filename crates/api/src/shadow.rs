//! Notes about services that are not approved: links to acknowledge one, and acknowledgements that an admin writes down.
//!
//! What always holds: the person's name becomes a pseudonym and is kept nowhere. What it does not do: sign or record;
//! the runtime does.

use crate::shape::{Reply, read};
use crate::{Admin, Refused};
use cordon_types::{Digest, UserRef};
use serde::Deserialize;

/// Longest that a link holds, in hours: a quarter of a year.
const MAX_HOURS: u64 = 24 * 92;
/// How long it holds unless told.
const HOURS: u64 = 24 * 14;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowOrder {
    /// The service, by its key in the catalogue.
    pub service: String,
    /// The SHA-256 of the note's text.
    pub text: Digest,
    /// The person, as front ends name them.
    pub person: UserRef,
    /// How long the link holds, in hours; none where no link is asked for and the acknowledgement is recorded now.
    pub hours: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    service: String,
    text: String,
    person: String,
    hours: Option<u64>,
}

/// What a runtime without a gateway answers.
pub(crate) fn nowhere() -> Result<serde_json::Value, Refused> {
    let message = "no gateway runs on this data directory; start it: it signs and records".to_owned();
    Err(Refused { status: 409, code: "not_running", message })
}

impl Admin {
    pub(crate) fn shadow(&self, what: &str, body: &[u8]) -> Reply {
        let asked: Asked = match read(body) {
            Ok(asked) => asked,
            Err(reply) => return reply,
        };
        let hours = match (what, asked.hours) {
            ("links", hours) => Some(hours.unwrap_or(HOURS)),
            ("acknowledgements", None) => None,
            ("acknowledgements", Some(_)) => {
                return Reply::error(400, "bad_request", "`hours` is for links");
            }
            _ => return Reply::not_found(),
        };
        if hours.is_some_and(|h| h == 0 || h > MAX_HOURS) {
            return Reply::error(400, "out_of_bounds", "a link holds for 1 to 2208 hours");
        }
        let Some(text) = Digest::parse(&asked.text) else {
            return Reply::error(
                400,
                "bad_request",
                "`text` is the note's SHA-256, as 64 hexadecimal digits",
            );
        };
        let Ok(person) = UserRef::new(&asked.person) else {
            return Reply::error(400, "bad_name", "`person` is no name of a user, as `x-cordon-user` has it");
        };
        match self.runtime.shadow(&ShadowOrder { service: asked.service, text, person, hours }) {
            Ok(value) => Reply::ok(value),
            Err(refused) => Reply::error(refused.status, refused.code, &refused.message),
        }
    }
}
