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
    let arguments: &[&str] = if shell.ends_with("bash") { &["--norc", "--noprofile", "-c"] } else { &["-c"] };
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

/// What lines are made of: names that nothing has, and the grammar around them. No loop, and nothing that makes a
/// function, so whatever comes of it ends.
const TOKENS: &[&str] = &[
    "a",
    "b",
    "c",
    "ab",
    " ",
    " ",
    " ",
    ";",
    "&&",
    "||",
    "|",
    "&",
    "\n",
    "\n",
    "(",
    ")",
    "{ ",
    "; }",
    "if ",
    "; then ",
    "; else ",
    "; fi",
    "for a in b c; do ",
    "; done",
    "case a in a) ",
    ";;",
    " esac",
    "$(",
    "`",
    "'",
    "\"",
    "\\",
    "\\\n",
    "#",
    "<<a\n",
    "\na\n",
    "<<'b'\n",
    "\nb\n",
    "<<-a\n",
    "{a,b}",
    "$'\\x61'",
    "$'",
    "\\'",
    "${c:-",
    "}",
    "! ",
    "$((",
    "))",
    "<(",
    "=",
    "a=b ",
    "1>",
    "2>&1",
    "<a",
    "\t",
];

/// Shapes of lines; `@` stands for a line.
const SHAPES: &[&str] = &[
    "@; @",
    "@ && @",
    "@ || @",
    "@ | @",
    "@ & @",
    "@\n@",
    "(@)",
    "{ @; }",
    "! @",
    "if @; then @; else @; fi",
    "if @; then @; fi",
    "for a in b c; do @; done",
    "case a in b) @;; a|c) @;; esac",
    "case a in (a) @ ;; esac",
    "$(@)",
    "a \"$(@)\"",
    "`@`",
    "a ${b:-$(@)}",
    "b=$(@)",
    "b=a @",
    "a <<b\n$(@)\nb\n@",
    "a <<'b'\n@\nb\n@",
    "a <<-b | @\n\tb\n@",
    "eval '@'",
    "eval \"@\"",
    "eval @",
    "command @",
    "@ # @",
    "@ \\\n@",
    "<(@) a",
    "a $((1+1)) @",
    "@ 2>&1 | @",
    "{ @; } 2>&1",
    "a{b,c} @",
    "$'\\x61'@",
    "''@",
    "\\a @",
    "[ @ ]",
    "a=@",
];

/// Lines that are mostly whole, with a token or two put in anywhere.
fn line() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec!["a", "b", "c", "a b", "ab 'c a'", "a \"b\"", "b c\\ a"])
        .prop_map(str::to_owned);
    let whole = leaf.prop_recursive(4, 12, 3, |inner| {
        (prop::sample::select(SHAPES), prop::collection::vec(inner, 3)).prop_map(|(shape, inner)| {
            let mut inner = inner.into_iter();
            shape
                .split('@')
                .map(str::to_owned)
                .reduce(|a, b| a + &inner.next().unwrap_or_default() + &b)
                .unwrap_or_default()
        })
    });
    let token = (any::<prop::sample::Index>(), prop::sample::select(TOKENS));
    let line = (whole, prop::collection::vec(token, 0..3)).prop_map(|(mut text, tokens)| {
        for (at, token) in tokens {
            let at = at.index(text.len() + 1);
            // Tokens and shapes are ASCII.
            text.insert_str(at, token);
        }
        text
    });
    line.prop_filter("a function could run itself", |text| {
        let bare: String =
            text.chars().filter(|c| !matches!(c, ' ' | '\t' | '\\' | '\n' | '\'' | '"')).collect();
        !bare.contains("()")
    })
}

/// The names of what bash would run, where nothing can be found to run.
fn run(text: &str, folder: &std::path::Path) -> Vec<String> {
    let script = "exec 3>&2 2>/dev/null; command_not_found_handle() { printf '%s\\n' \"${1//[[:cntrl:]]/_}\" >&3; return \"$((${#1} % 2))\"; }; eval \"$1\"; wait";
    let out = Command::new("/bin/bash")
        .args(["--norc", "--noprofile", "-c", script, "bash", text])
        .env_clear()
        .env("PATH", "/nowhere")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output();
    let Ok(out) = out else { return Vec::new() };
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    told.lines().map(str::to_owned).collect()
}

/// Nothing runs that is not in the reading.
#[test]
fn bash_runs_nothing_that_was_not_read() {
    if !is_there("/bin/bash") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(400));
    let result = runner.run(&line(), |text| {
        let Ok(reading) = read(&text) else { return Ok(()) };
        let first = |c: &cordon_tools::shell::Simple| {
            c.words.first().map(|w| w.text().map(|t| t.replace(char::is_control, "_")))
        };
        let names: Vec<Option<String>> = reading.commands.iter().filter_map(first).collect();
        // What a word becomes that nobody knows may have any name; so may code that was not read.
        let unknown = names.contains(&None) || reading.commands.iter().any(|c| !c.code.is_empty());
        for name in run(&text, folder.path()) {
            prop_assert!(
                unknown || names.contains(&Some(name.clone())),
                "{:?} runs {:?}: {:?}",
                text,
                name,
                names
            );
        }
        Ok(())
    });
    assert_eq!(result.map_err(|e| e.to_string()), Ok(()));
    assert_eq!(run("a; (b || c) | ab", folder.path()).len(), 4);
}
