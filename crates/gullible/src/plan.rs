//! What the model has decided to do, before it is put into a dialect; and the cutting into deltas.

use serde_json::Value;

/// One tool call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) arguments: Value,
}

/// A way to spoil an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Break,
    Stall,
    Short,
    Garbage,
    Error,
    NoTerminal,
    Redirect,
    Encoded,
}

impl Fault {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "break" => Fault::Break,
            "stall" => Fault::Stall,
            "short" => Fault::Short,
            "garbage" => Fault::Garbage,
            "error" => Fault::Error,
            "no-terminal" => Fault::NoTerminal,
            "redirect" => Fault::Redirect,
            "encoded" => Fault::Encoded,
            _ => return None,
        })
    }
}

/// Why a text ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Natural,
    Sequence(String),
    Length,
}

/// The whole decision.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) reasoning: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) refusal: Option<String>,
    pub(crate) calls: Vec<Call>,
    pub(crate) stop: Stop,
    pub(crate) fail: Option<u16>,
    pub(crate) fault: Option<Fault>,
    /// Characters in each delta; 0 is the built-in pattern.
    pub(crate) delta: usize,
    /// Only this choice does as told; the others answer plainly.
    pub(crate) only_choice: Option<u64>,
    /// What the other choices say.
    pub(crate) plain: String,
}

impl Plan {
    /// What choice `index` does.
    pub(crate) fn of_choice(&self, index: u64) -> Plan {
        if self.only_choice.is_none_or(|only| only == index) {
            return self.clone();
        }
        let text = Some(self.plain.clone());
        Plan { reasoning: None, text, refusal: None, calls: Vec::new(), stop: Stop::Natural, ..self.clone() }
    }

    /// About how many tokens its output is.
    pub(crate) fn output_tokens(&self) -> u64 {
        let calls: usize = self.calls.iter().map(|c| c.name.len() + c.arguments.to_string().len()).sum();
        let texts: usize =
            [&self.text, &self.refusal, &self.reasoning].into_iter().flatten().map(String::len).sum();
        tokens(calls + texts)
    }

    /// A text in the pieces in which a stream brings it.
    pub(crate) fn cut(&self, text: &str) -> Vec<String> {
        // Uneven, so that nothing can rely on where a piece ends.
        const PATTERN: [usize; 5] = [5, 3, 8, 2, 13];
        let mut sizes = PATTERN.into_iter().cycle();
        let mut pieces = Vec::new();
        let mut rest = text.chars().peekable();
        while rest.peek().is_some() {
            let size = if self.delta > 0 { self.delta } else { sizes.next().unwrap_or(1) };
            pieces.push(rest.by_ref().take(size).collect());
        }
        pieces
    }
}

/// About how many tokens that many bytes are.
pub(crate) fn tokens(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(4)).unwrap_or(u64::MAX).max(1)
}

/// Bytes that a token is taken for.
pub(crate) const BYTES_A_TOKEN: usize = 4;
