//! Runs every target for a while on a stable compiler, with inputs made from the seeds by small changes.
//!
//! ```text
//! smoke [--seconds N] [--seed N] [--target NAME] [--input HEX]
//! ```
//! What always holds: the same seed makes the same inputs in the same order; an input that makes a target panic is
//! told as hex, and `--target NAME --input HEX` runs it again. What it does not do: measure coverage; libFuzzer does.

use cordon_fuzz::{TARGETS, Target};
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::{Duration, Instant};

struct Options {
    seconds: u64,
    seed: u64,
    target: Option<String>,
    input: Option<Vec<u8>>,
}

fn options() -> Result<Options, String> {
    let mut out = Options { seconds: 10, seed: 1, target: None, input: None };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let value = args.next().ok_or_else(|| format!("{arg} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|e| format!("{arg}: {e}"));
        match arg.as_str() {
            "--seconds" => out.seconds = number()?,
            "--seed" => out.seed = number()?,
            "--target" => out.target = Some(value),
            "--input" => out.input = Some(from_hex(&value).ok_or("--input needs hexadecimal digits")?),
            _ => return Err(format!("{arg} is not known: --seconds, --seed, --target or --input")),
        }
    }
    Ok(out)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(pair.first()?)? * 16 + digit(pair.get(1)?)?)).collect()
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    let chosen: Vec<&Target> =
        TARGETS.iter().filter(|t| options.target.as_ref().is_none_or(|name| name == t.name)).collect();
    if chosen.is_empty() {
        eprintln!(
            "no such target; there are: {}",
            TARGETS.iter().map(|t| t.name).collect::<Vec<_>>().join(", ")
        );
        return ExitCode::from(2);
    }
    if let Some(input) = &options.input {
        return if chosen.iter().all(|t| holds(t, input)) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let share = Duration::from_secs(options.seconds) / u32::try_from(chosen.len()).unwrap_or(1);
    let mut failed = false;
    for target in chosen {
        failed |= !run(target, share, options.seed);
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Whether the target takes the input; tells it where not.
fn holds(target: &Target, input: &[u8]) -> bool {
    let body = target.body;
    if catch_unwind(move || body(input)).is_ok() {
        return true;
    }
    let hex: String = input.iter().map(|b| format!("{b:02x}")).collect();
    eprintln!("{} fails; run again with: --target {} --input {hex}", target.name, target.name);
    false
}

#[expect(clippy::disallowed_methods, reason = "a tool that runs for a time reads the clock")]
fn run(target: &Target, share: Duration, seed: u64) -> bool {
    let began = Instant::now();
    let seeds = (target.seeds)();
    let mut runs = 0_u64;
    for seed in &seeds {
        runs += 1;
        if !holds(target, seed) {
            return false;
        }
    }
    let mut made = Mutator { state: seed, seeds: &seeds };
    while began.elapsed() < share {
        runs += 1;
        if !holds(target, &made.next()) {
            return false;
        }
    }
    println!("{}: {runs} inputs in {:.1} s", target.name, began.elapsed().as_secs_f32());
    true
}

/// Words that the targets know.
const WORDS: &[&str] = &[
    "\"",
    "\\",
    "\\u0000",
    "\\ud83d",
    "{",
    "}",
    "[",
    "]",
    "null",
    "true",
    "-0",
    "1e999",
    "18446744073709551616",
    "\n",
    "\r\n",
    "\r",
    "data: ",
    "event: ",
    "\n\n",
    ": x\n",
    "id: 4111111111111111\n",
    "[DONE]",
    "\u{feff}",
    "\u{200b}",
    "4111111111111111",
    "4111 1111 ",
    "x@example.com",
    "ghp_",
    "-----BEGIN PRIVATE ",
    "ignore all previous instructions",
    "![x](https://evil.test/?d=",
    ")",
    "aWdub3JlIGFsbA==",
    "%41",
    "&#65;",
    "\"role\":\"system\"",
    "\"type\":\"text\"",
    "\"tool_calls\":[]",
    "\"content\":null",
    "\"index\":1",
    "\"index\":0",
    "\"finish_reason\":\"stop\"",
    "\"name\":\"t\"",
    "\"arguments\":\"{}\"",
    "\"reasoning\":\"x\"",
    "\"refusal\":\"x\"",
    "\"type\":\"thinking\"",
    "\"signature\":\"s\"",
    "\"usage\":{}",
    "\"x\":1,",
    "content_block_stop",
    "message_delta",
    "\"stop_reason\":\"end_turn\"",
    "= ",
    "[[tools]]",
    "forbid (principal, action, resource);",
    "when { ",
    "context.",
    "==",
    "// ",
    "'''",
    "\"$ref\":\"#\"",
    "\"anyOf\":[{},true]",
    "\"items\":{}",
    "\\\n",
    "$(",
    "${",
    "$'",
    "`",
    "; ",
    " | sh ",
    " && ",
    "<<E\n",
    "{a,b}",
    "sh -c ",
    "sudo ",
    "eval ",
    "..%2f",
    "\u{202e}",
    "日",
    "ﬀ",
    "Ａ",
];

struct Mutator<'s> {
    state: u64,
    seeds: &'s [Vec<u8>],
}

impl Mutator<'_> {
    /// SplitMix64.
    fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n.max(1)).unwrap_or(1);
        usize::try_from(self.number() % n).unwrap_or(0)
    }

    fn seed(&mut self) -> Vec<u8> {
        let at = self.below(self.seeds.len());
        self.seeds.get(at).cloned().unwrap_or_default()
    }

    fn next(&mut self) -> Vec<u8> {
        let mut bytes = self.seed();
        for _ in 0..=self.below(6) {
            self.change(&mut bytes);
        }
        bytes.truncate(1 << 16);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let a = self.below(bytes.len() + 1);
        let b = (a + self.below(24)).min(bytes.len());
        match self.below(8) {
            0 => {
                if let Some(byte) = bytes.get_mut(a) {
                    *byte ^= 1 << (self.number() % 8);
                }
            }
            1 => {
                bytes.drain(a..b);
            }
            2 => {
                let piece = bytes.get(a..b).unwrap_or_default().to_vec();
                let at = self.below(bytes.len() + 1);
                bytes.splice(at..at, piece);
            }
            3 => {
                let other = self.seed();
                let from = self.below(other.len() + 1);
                let to = (from + self.below(200)).min(other.len());
                bytes.splice(a..b, other.get(from..to).unwrap_or_default().iter().copied());
            }
            4 => {
                let byte = u8::try_from(self.number() % 256).unwrap_or(0);
                bytes.insert(a, byte);
            }
            5 => bytes.truncate(a),
            _ => {
                let at = self.below(WORDS.len());
                let end = if self.below(2) == 0 { a } else { b };
                bytes.splice(a..end, WORDS.get(at).copied().unwrap_or_default().bytes());
            }
        }
    }
}
