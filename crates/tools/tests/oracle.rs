//! The reading against real shells: they split words of texts that can run nothing (no operator, no substitution), and
//! wherever the reading is sure, it says the same. Skipped by name where a shell is missing.

use cordon_tools::shell::{Reading, Word, read};
use proptest::prelude::*;
use std::process::{Command, Stdio};

/// What texts are made of. Nothing in it separates commands or runs one.
const PIECES: &[&str] = &[
    "a", "b", "1", "3", "03", "-", "{", "}", "{", "}", ",", ",", "..", "'", "'", "\"", "\"", "\\", "$'",
    "\\x61", "\\141", "\\u00e4", "\\n", "\\t", "\\e", "\\'", " ", " ", "\t", "\\\n", "~", "~/", "=", ":",
    "#", "!", "$", "%", "é", "+", "@",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..14).prop_map(|p| p.concat())
}

/// The words behind the program, where all are known; `bash` says whether what only bash reads counts.
fn words(text: &str, bash: bool) -> Option<Vec<String>> {
    let reading: Reading = read(&format!("printf '%s' x {text}")).ok()?;
    let [command] = reading.commands.as_slice() else { return None };
    let known = |w: &Word| match w {
        Word::Literal(text) => Some(text.clone()),
        Word::BashOnly(text) => bash.then(|| text.clone()),
        Word::Undecidable(_) => None,
    };
    command.words.iter().skip(3).map(known).collect()
}

/// The words that a shell makes of the text; none where it refuses it.
fn split(shell: &str, text: &str) -> Option<Vec<String>> {
    let script = format!("printf '%s\\0' x {text}");
    let arguments: &[&str] = if shell == "bash" { &["--norc", "--noprofile", "-c"] } else { &["-c"] };
    let out = Command::new(shell)
        .args(arguments)
        .arg(script)
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", "~")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(out.stdout).ok()?;
    let mut words: Vec<String> = text.split('\0').map(str::to_owned).collect();
    words.pop();
    (out.status.success() && !words.is_empty()).then(|| words.split_off(1))
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn is_there(shell: &str) -> bool {
    let there = split(shell, "a").is_some();
    if !there {
        eprintln!("skipped: there is no `{shell}` on this machine");
    }
    there
}

#[test]
fn bash_reads_the_same() {
    if !is_there("bash") {
        return;
    }
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(600));
    let result = runner.run(&text(), |text| {
        if let (Some(ours), Some(theirs)) = (words(&text, true), split("bash", &text)) {
            prop_assert_eq!(ours, theirs, "{:?}", text);
        }
        Ok(())
    });
    assert_eq!(result.map_err(|e| e.to_string()), Ok(()));
    // The comparison means something only where the reading is sure of most.
    for text in ["a 'b' \"c\"", "{a,b}c", "$'\\x61'", "a\\ b", "\\\n a", "{1..3}"] {
        let (ours, theirs) = (words(text, true), split("bash", text));
        assert!(ours.is_some() && ours == theirs, "{text:?}: {ours:?} {theirs:?}");
    }
}

/// `sh` is dash, ash, bash or another: what is a plain literal is one to all.
#[test]
fn sh_reads_the_same_where_shells_agree() {
    if !is_there("sh") {
        return;
    }
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(600));
    let result = runner.run(&text(), |text| {
        if let (Some(ours), Some(theirs)) = (words(&text, false), split("sh", &text)) {
            prop_assert_eq!(ours, theirs, "{:?}", text);
        }
        Ok(())
    });
    assert_eq!(result.map_err(|e| e.to_string()), Ok(()));
}
