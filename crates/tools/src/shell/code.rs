//! Which words are programs of their own: what follows `python -c`, an awk script, a value of `git -c`, options that
//! name a program to run, and everything behind programs that exist to run others.
//!
//! Two tables, by program: options that carry code, and programs whose operands are code. They are lists, so they are
//! not complete; what they miss is caught by patterns, whose `*` stands for no option. A word in them too many costs
//! no more than that a pattern has to say it.

use super::{Simple, Word};

/// Options that carry or name code: the program, its short letters, the beginnings of its long options.
struct Options {
    names: &'static [&'static str],
    short: &'static str,
    long: &'static [&'static str],
}

const fn options(
    names: &'static [&'static str],
    short: &'static str,
    long: &'static [&'static str],
) -> Options {
    Options { names, short, long }
}

const OPTIONS: &[Options] = &[
    options(&["python", "pypy", "ipython"], "c", &[]),
    options(&["perl"], "eEMmI", &[]),
    options(&["ruby"], "erI", &["require"]),
    options(
        &["node", "nodejs", "bun", "deno"],
        "eprA",
        &["eval", "print", "require", "import", "loader", "experimental-loader"],
    ),
    options(&["php"], "rBREFd", &["run", "process", "define"]),
    options(
        &[
            "lua",
            "luajit",
            "r",
            "rscript",
            "julia",
            "groovy",
            "scala",
            "osascript",
            "guile",
            "elixir",
            "erl",
            "swipl",
            "sbcl",
        ],
        "elEL",
        &["eval", "expr", "load", "print"],
    ),
    options(
        &["awk", "gawk", "mawk", "nawk", "original-awk"],
        "efilEv",
        &["source", "file", "include", "load", "exec"],
    ),
    options(&["sed", "gsed"], "efi", &["expression", "file", "in-place"]),
    options(
        &[
            "zsh",
            "ksh",
            "mksh",
            "fish",
            "csh",
            "tcsh",
            "rbash",
            "pwsh",
            "powershell",
            "cmd",
            "nu",
            "xonsh",
            "elvish",
        ],
        "cCkKei/",
        &["command", "init-command", "encodedcommand"],
    ),
    options(
        &["git"],
        "cCOxu",
        &[
            "upload-pack",
            "receive-pack",
            "exec",
            "config-env",
            "exec-path",
            "open-files-in-pager",
            "ext-diff",
            "textconv",
            "output",
            "git-dir",
            "work-tree",
            "template",
            "separate-git-dir",
            "extcmd",
            "paginate",
            "config",
            "smtp-server",
        ],
    ),
    options(&["hg"], "", &["config", "debugger", "ssh", "remotecmd"]),
    options(
        &["tar", "bsdtar", "gtar"],
        "IF",
        &[
            "checkpoint-action",
            "to-command",
            "use-compress-program",
            "rsh-command",
            "info-script",
            "new-volume-script",
            "rmt-command",
        ],
    ),
    options(&["rsync"], "e", &["rsh", "rsync-path", "daemon"]),
    options(&["scp", "sftp"], "oSFJ", &[]),
    options(&["curl"], "KoOT", &["config", "output", "remote-name", "upload-file"]),
    options(&["wget"], "OiP", &["use-askpass", "output-document", "config", "execute"]),
    options(
        &["vi", "vim", "nvim", "ex", "view", "emacs", "nano", "less", "more", "man", "ed", "gdb", "lldb"],
        "cSesPxo",
        &["cmd", "eval", "execute", "pager", "load", "command", "source", "one-line", "batch"],
    ),
    options(&["sort"], "oT", &["compress-program", "output"]),
    options(&["split"], "", &["filter"]),
    options(&["zip"], "T", &["unzip-command", "test"]),
    options(&["make", "gmake", "ninja"], "fCEI", &["eval", "file", "makefile", "directory"]),
    options(&["gcc", "cc", "clang", "g++", "c++"], "Bf", &["wrapper"]),
    options(&["tcpdump"], "zw", &[]),
    // bash evaluates what stands in brackets of the variable's name.
    options(&["test", "[", "printf", "wait"], "vRp", &[]),
    options(&["nmap"], "", &["script"]),
    options(&["mysql", "mariadb"], "e", &["execute", "pager"]),
    options(&["psql"], "cf", &["command", "file"]),
    options(&["date"], "fs", &["file", "set"]),
    options(
        &["find", "gfind"],
        "",
        &["exec", "execdir", "ok", "okdir", "delete", "fprint", "fprintf", "fprint0", "fls"],
    ),
    options(&["npm", "npx", "pnpm", "yarn"], "c", &["call", "script-shell"]),
    options(&["cargo"], "", &["config"]),
    options(&["time"], "of", &["output", "format"]),
    options(&["jq"], "fL", &["from-file"]),
];

/// Programs whose operands (and options) are code from the second word on.
const RUNNERS: &[&str] = &[
    "ssh",
    "rsh",
    "mosh",
    "su",
    "runuser",
    "pkexec",
    "parallel",
    "watch",
    "script",
    "strace",
    "ltrace",
    "unshare",
    "nsenter",
    "chroot",
    "flock",
    "systemd-run",
    "taskset",
    "chrt",
    "numactl",
    "setpriv",
    "capsh",
    "firejail",
    "bwrap",
    "proot",
    "fakeroot",
    "dbus-run-session",
    "xvfb-run",
    "start-stop-daemon",
    "at",
    "batch",
    "crontab",
    "tmux",
    "screen",
    "docker",
    "podman",
    "nerdctl",
    "kubectl",
    "lxc-attach",
    "machinectl",
    "ip",
    "rlwrap",
    "perf",
    "valgrind",
    "hyperfine",
    "entr",
    "expect",
    "unbuffer",
    "chronic",
    "ld.so",
    "ld-linux-x86-64.so",
    "ld-linux-aarch64.so",
    "sqlite",
    "socat",
    "nc",
    "ncat",
    "netcat",
    "gpg",
    "openssl-engine",
    "coproc",
    "fc",
    "enable",
    "hash",
    "alias",
    "trap",
    "bind",
    "complete",
    "compopt",
    "set",
    "shopt",
    "export",
    "declare",
    "typeset",
    "local",
    "readonly",
    "unset",
    "mapfile",
    "readarray",
    "read",
    "let",
    "compgen",
    "jobs",
    "getopts",
    "history",
    "ulimit",
    "umask",
];

/// Programs whose first operand is a program in their own language, unless an option brought one.
const SCRIPTED: &[&str] = &["awk", "gawk", "mawk", "nawk", "original-awk", "sed", "gsed", "deno", "bun"];

/// Programs that take a program from their standard input when no operand names one.
const READERS: &[&str] = &[
    "sh",
    "bash",
    "dash",
    "ash",
    "zsh",
    "ksh",
    "mksh",
    "fish",
    "csh",
    "tcsh",
    "rbash",
    "pwsh",
    "powershell",
    "cmd",
    "nu",
    "xonsh",
    "elvish",
    "python",
    "pypy",
    "ipython",
    "perl",
    "ruby",
    "node",
    "nodejs",
    "php",
    "lua",
    "luajit",
    "r",
    "julia",
    "tclsh",
    "guile",
    "bc",
    "dc",
    "gdb",
    "ed",
    "ex",
    "sqlite",
    "psql",
    "mysql",
    "mariadb",
    "m4",
    "at",
    "batch",
    "crontab",
    "irb",
    "ghci",
    "osascript",
    "sftp",
    "ftp",
    "expect",
    "bun",
    "deno",
];

/// Subcommands of git that run or store commands.
const GIT: &[&str] = &[
    "config",
    "submodule",
    "bisect",
    "filter-branch",
    "difftool",
    "mergetool",
    "hook",
    "daemon",
    "var",
    "instaweb",
    "alias",
];

/// The program that a first word names: the last part of its path, lower case, without a version.
pub(super) fn program(word: &str) -> String {
    let base = word.rsplit(['/', '\\']).next().unwrap_or(word).to_lowercase();
    let base = base.strip_suffix(".exe").unwrap_or(&base);
    let bare = base.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    if bare.is_empty() { base.to_owned() } else { bare.to_owned() }
}

/// Marks what is code in the command. `all`: it runs something that was not read.
pub(super) fn mark(simple: &mut Simple, all: bool) {
    let Some(name) = simple.words.first().and_then(Word::text).map(program) else { return };
    let mut code: Vec<usize> = Vec::new();
    if all || RUNNERS.contains(&name.as_str()) {
        code.extend(1..simple.words.len());
    } else {
        options_of(&name, &simple.words, &mut code);
        operands_of(&name, &simple.words, &mut code);
    }
    code.sort_unstable();
    code.dedup();
    simple.code = code;
    mark_input(simple);
}

fn options_of(name: &str, words: &[Word], code: &mut Vec<usize>) {
    for table in OPTIONS.iter().filter(|o| o.names.contains(&name)) {
        for (i, word) in words.iter().enumerate().skip(1) {
            let Some(text) = word.text() else { continue };
            // `vim +cmd` and `less +cmd`.
            if text.len() > 1 && text.starts_with('+') {
                code.push(i);
            }
            let slashes = table.short.contains('/');
            let mark = |c: char| c == '-' || (slashes && c == '/');
            let Some(option) = text.strip_prefix(mark).filter(|o| !o.is_empty()) else { continue };
            let long = option.strip_prefix('-').unwrap_or(option);
            let stem = long.split(['=', ':']).next().unwrap_or(long).to_lowercase();
            // Beginnings of long options are taken for the whole by many programs, some after one dash.
            let enough = if option.starts_with('-') { 1 } else { 3 };
            let is_long = stem.len() >= enough && table.long.iter().any(|l| l.starts_with(&stem));
            let mut letters = option.chars().take_while(|c| *c != '=');
            let is_short = !option.starts_with('-') && letters.any(|c| c != '/' && table.short.contains(c));
            if is_long || is_short {
                code.push(i);
                if !text.contains('=') && i + 1 < words.len() {
                    code.push(i + 1);
                }
            }
        }
    }
}

fn operands_of(name: &str, words: &[Word], code: &mut Vec<usize>) {
    let operand = |w: &Word| w.text().is_some_and(|t| !t.starts_with('-'));
    if SCRIPTED.contains(&name)
        && let Some(first) = words.iter().skip(1).position(|w| operand(w) || w.text().is_none())
    {
        code.push(first + 1);
    }
    for (i, word) in words.iter().enumerate().skip(1) {
        let text = word.text().unwrap_or_default();
        let transport = name == "git" && text.contains("::");
        // `tar xIf prog file`: its first word is options, dash or not.
        let old = i == 1 && matches!(name, "tar" | "bsdtar" | "gtar") && text.contains(['I', 'F']);
        if old && !text.starts_with('-') {
            code.extend(i..words.len());
        }
        let variable = matches!(name, "make" | "gmake") && text.contains('=');
        if transport || variable {
            code.push(i);
        }
        if name == "git" && GIT.contains(&text) {
            code.extend(i + 1..words.len());
        }
    }
}

/// Marks whether the command takes its program from its standard input.
pub(super) fn mark_input(simple: &mut Simple) {
    let Some(name) = simple.words.first().and_then(Word::text).map(program) else { return };
    if !READERS.contains(&name.as_str()) {
        return;
    }
    let input = |t: &str| {
        matches!(t, "-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0") || t.starts_with("/dev/fd/")
    };
    let operands: Vec<&str> = simple
        .words
        .iter()
        .skip(1)
        .filter_map(Word::text)
        .filter(|t| *t == "-" || !t.starts_with(['-', '+']))
        .collect();
    let from_s = simple.words.iter().skip(1).filter_map(Word::text).any(|t| t == "-s" || t == "--stdin");
    let named = operands.iter().any(|t| !input(t)) || simple.words.iter().any(|w| w.text().is_none());
    let asks = simple
        .words
        .iter()
        .skip(1)
        .filter_map(Word::text)
        .any(|t| matches!(t, "--version" | "--help" | "-V"));
    simple.runs_input =
        (!named && !asks && simple.code.is_empty()) || from_s || operands.first().is_some_and(|t| input(t));
}
