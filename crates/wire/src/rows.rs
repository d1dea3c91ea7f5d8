//! The tables as data: for the documentation, for the test against the official clients' types, and for the
//! matrix of guards.

use crate::json::escape_into;
use crate::table::Table;
use cordon_types::{Direction, Feature, Operation, SpanKind};

/// One place of a dialect's wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Of which operation.
    pub op: Operation,
    /// Request or answer.
    pub direction: Direction,
    /// Whether it stands in a stream's events.
    pub stream: bool,
    /// Where, such as `messages[role=user].content[type=text].text`.
    pub path: &'static str,
    /// What is done there.
    pub is: Is,
}

/// What is done with a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    /// A text that is inspected, of this kind.
    Span(SpanKind),
    /// A number, boolean, or name from the operator's config.
    Scalar,
    /// One of a closed set of words.
    Enum(&'static [&'static str]),
    /// Uses this feature.
    Feature(Feature),
    /// Refused.
    Refused,
    /// An object or array of known shape.
    Structure,
    /// An object that may besides hold numbers under keys of its sender's.
    Counters,
    /// Not looked into; stands only below a feature.
    Opaque,
    /// Arbitrary JSON, all strings of which are inspected.
    Open,
    /// Issued by the provider: signed, encrypted, or an id of its state.
    Issued,
}

impl Is {
    /// Its name in the dump: `span:user`, `feature:image`, `scalar`.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Is::Span(kind) => format!("span:{}", kind.name()),
            Is::Feature(feature) => format!("feature:{}", feature.name()),
            Is::Scalar => "scalar".into(),
            Is::Enum(_) => "enum".into(),
            Is::Refused => "refused".into(),
            Is::Structure => "structure".into(),
            Is::Counters => "counters".into(),
            Is::Opaque => "opaque".into(),
            Is::Open => "open".into(),
            Is::Issued => "issued".into(),
        }
    }
}

/// Every row of every table. A place that does two things (uses a feature and is a text, say) has a row for each.
#[must_use]
pub fn rows() -> Vec<Row> {
    use Operation::{ChatCompletions, CountTokens, Messages, Models};
    let tables: [(Operation, Direction, &Table); 7] = [
        (ChatCompletions, Direction::Prompt, &crate::openai::request::TABLE),
        (ChatCompletions, Direction::Answer, &crate::openai::answer::TABLE),
        (Messages, Direction::Prompt, &crate::anthropic::request::TABLE),
        (Messages, Direction::Answer, &crate::anthropic::answer::TABLE),
        (CountTokens, Direction::Prompt, &crate::anthropic::request::COUNT_TABLE),
        (CountTokens, Direction::Answer, &crate::anthropic::answer::COUNT_TABLE),
        (Models, Direction::Answer, &crate::answer::MODELS),
    ];
    let of = |(op, direction, table): (Operation, Direction, &Table), stream: bool| {
        let row = move |(path, is)| Row { op, direction, stream, path, is };
        table.rows().into_iter().map(row).collect::<Vec<_>>()
    };
    tables.into_iter().flat_map(|t| of(t, false)).chain(crate::stream::stream_rows()).collect()
}

/// The rows as a JSON array of objects with `operation`, `direction`, `stream`, `path` and `is`.
#[must_use]
pub fn rows_json() -> String {
    let mut out = String::from("[");
    for (i, row) in rows().iter().enumerate() {
        out.push_str(if i == 0 { "\n" } else { ",\n" });
        let direction = match row.direction {
            Direction::Prompt => "prompt",
            Direction::Answer => "answer",
        };
        out.push_str("{\"operation\":\"");
        escape_into(row.op.name(), &mut out);
        out.push_str("\",\"direction\":\"");
        out.push_str(direction);
        out.push_str(if row.stream {
            "\",\"stream\":true,\"path\":\""
        } else {
            "\",\"stream\":false,\"path\":\""
        });
        escape_into(row.path, &mut out);
        out.push_str("\",\"is\":\"");
        escape_into(&row.is.name(), &mut out);
        out.push_str("\"}");
    }
    out.push_str("\n]\n");
    out
}
