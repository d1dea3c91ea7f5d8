//! Every limit: its default, the range it may be set to, and its reason. One table makes the structs, the reader
//! and the list that the documentation is held against, so that none of them can forget a limit.

use crate::read::Section;
use std::time::Duration;

/// One limit, as documentation shows it.
#[derive(Clone, Copy, Debug)]
pub struct LimitRow {
    /// The key in the config, with its table.
    pub key: &'static str,
    /// Its default; times are in milliseconds.
    pub default: u64,
    /// Least permitted.
    pub min: u64,
    /// Most permitted.
    pub max: u64,
    /// Why it is there.
    pub reason: &'static str,
}

macro_rules! counts {
    ($( $field:ident: $ty:ty = $default:literal in $min:literal ..= $max:literal, $reason:literal; )*) => {
        /// `[limits]`: sizes and counts that no request or answer may pass. Sizes are in bytes.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits {
            $( #[doc = $reason] pub $field: $ty, )*
            /// How long each phase may take.
            pub timeouts: Timeouts,
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $( $field: $default, )* timeouts: Timeouts::default() }
            }
        }

        /// The rows of `[limits]`.
        pub const COUNTS: &[LimitRow] = &[ $( LimitRow {
            key: concat!("limits.", stringify!($field)),
            default: $default, min: $min, max: $max, reason: $reason,
        }, )* ];

        pub(crate) fn read(s: &Section<'_>) -> Limits {
            Limits {
                $( $field: s.integer(stringify!($field), $min, $max)
                    .and_then(|v| <$ty>::try_from(v).ok()).unwrap_or($default), )*
                timeouts: read_timeouts(&s.child("timeouts")),
            }
        }
    };
}

counts! {
    header_bytes: usize = 32_768 in 4_096 ..= 1_048_576,
        "All headers of a request together, and of an upstream's answer: more is no client of a model.";
    body_bytes: usize = 10_485_760 in 1_024 ..= 104_857_600,
        "A request's body: it is held in memory whole, since it is judged before any of it is sent on.";
    answer_bytes: usize = 16_777_216 in 1_024 ..= 104_857_600,
        "An upstream's answer that is no stream, or the whole of a stream: bounds what a hostile upstream can make Cordon hold or read.";
    buffered_bytes: usize = 268_435_456 in 1_048_576 ..= 68_719_476_736,
        "Bodies and answers held at the same time, over all requests: bounds memory whatever the other limits multiply to; beyond it requests are refused with 503 for the moment.";
    event_bytes: usize = 1_048_576 in 4_096 ..= 16_777_216,
        "One event of a stream: an event is parsed whole.";
    hold_cap: usize = 65_536 in 4_096 ..= 4_194_304,
        "Text of one stream held back until it is resolved (a key block, an encoded run, a tool call's arguments); above it the stream is refused.";
    depth: u16 = 64 in 8 ..= 256,
        "Nesting of JSON: deeper is an attack on a parser behind Cordon.";
    nodes: u32 = 200_000 in 1_000 ..= 5_000_000,
        "Values in one JSON body: bounds memory, which small values blow up most.";
    messages: u32 = 2_000 in 1 ..= 100_000,
        "Messages in one request.";
    tools: u32 = 256 in 1 ..= 10_000,
        "Tools in one request: each is judged on its own.";
    connections: u32 = 4_096 in 1 ..= 1_000_000,
        "Callers' connections at once: each holds buffers; further ones are closed at once.";
    concurrent_requests: u32 = 1_024 in 1 ..= 1_000_000,
        "Requests in work at once: together with body_bytes it bounds memory; further ones are answered 503.";
    concurrent_streams_h2: u32 = 128 in 1 ..= 10_000,
        "HTTP/2 streams a connection: one caller cannot take all of concurrent_requests over one connection.";
}

macro_rules! times {
    ($( $field:ident = $key:literal, $default:literal in $min:literal ..= $max:literal, $reason:literal; )*) => {
        /// `[limits.timeouts]`: how long each phase may take.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Timeouts { $( #[doc = $reason] pub $field: Duration, )* }

        impl Default for Timeouts {
            fn default() -> Self {
                Self { $( $field: Duration::from_millis($default), )* }
            }
        }

        /// The rows of `[limits.timeouts]`, in milliseconds (the config writes seconds).
        pub const TIMES: &[LimitRow] = &[ $( LimitRow {
            key: concat!("limits.timeouts.", $key),
            default: $default, min: $min, max: $max, reason: $reason,
        }, )* ];

        fn read_timeouts(s: &Section<'_>) -> Timeouts {
            Timeouts {
                $( $field: s.seconds($key, $min, $max).unwrap_or(Duration::from_millis($default)), )*
            }
        }
    };
}

times! {
    header_read = "header_read_seconds", 10_000 in 100 ..= 300_000,
        "From a connection's begin, or a request's first byte, to the end of the headers: a slow one holds a connection.";
    idle = "idle_seconds", 120_000 in 100 ..= 3_600_000,
        "How long a kept HTTP/1.1 connection waits for its next request: longer than common clients keep theirs, so that it is they who close.";
    body_idle = "body_idle_seconds", 10_000 in 100 ..= 300_000,
        "Between two pieces of a request's body.";
    body_total = "body_total_seconds", 60_000 in 100 ..= 3_600_000,
        "A request's whole body: a trickle cannot hold memory for longer.";
    connect = "connect_seconds", 5_000 in 100 ..= 60_000,
        "Connecting to an upstream, name resolution and TLS included.";
    upstream_head = "upstream_head_seconds", 120_000 in 100 ..= 3_600_000,
        "From the request's last byte to the head of the answer: models that reason are slow to begin.";
    upstream_idle = "upstream_idle_seconds", 60_000 in 100 ..= 3_600_000,
        "Between two pieces of an answer: a stalled upstream is given up.";
    total = "total_seconds", 600_000 in 100 ..= 86_400_000,
        "The whole exchange, whatever its phases took.";
    client_write_idle = "client_write_idle_seconds", 60_000 in 100 ..= 3_600_000,
        "A caller that does not read its answer.";
    drain = "drain_seconds", 30_000 in 0 ..= 3_600_000,
        "What exchanges in work are given to end when Cordon stops; then they are cut.";
}
