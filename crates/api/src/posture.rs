//! Posture, and reviews of it.

use crate::shape::{Reply, read};
use crate::{Admin, Operator, PostureProblem};
use serde::Deserialize;
use serde_json::Value;

/// Longest name of a reviewer, in bytes. It is turned into a pseudonym and kept nowhere.
const MAX_NAME: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Review {
    by: String,
}

impl Admin {
    pub(crate) fn posture(&self, rest: &[&str]) -> Reply {
        let (framework, since_review) = match rest {
            [] => ("all", false),
            [framework] => (*framework, false),
            [framework, "since-review"] => (*framework, true),
            _ => return Reply::not_found(),
        };
        answer(self.runtime.posture(framework, since_review))
    }

    pub(crate) fn review(&self, by: &Operator, body: &[u8]) -> Reply {
        let asked: Review = match read(body) {
            Ok(asked) => asked,
            Err(reply) => return reply,
        };
        let name = asked.by.trim();
        if name.is_empty() || name.len() > MAX_NAME {
            return Reply::error(400, "bad_name", "`by` names who reviewed, in 1 to 256 bytes");
        }
        answer(self.runtime.review(by, name))
    }
}

fn answer(result: Result<Value, PostureProblem>) -> Reply {
    match result {
        Ok(value) => Reply::ok(value),
        Err(PostureProblem::NoFramework(text)) => Reply::error(404, "no_framework", &text),
        Err(PostureProblem::NoReview(text)) => Reply::error(404, "no_review", &text),
        Err(PostureProblem::NotRecorded(text)) => Reply::error(503, "record_unavailable", &text),
        Err(PostureProblem::Failed(text)) => Reply::error(500, "not_read", &text),
    }
}
