//! Evasions, each with the reading a shell would give it.

use super::{
    CommandPattern, Doubt, Fault, Reading, Shell, Why, Word, permits, permits_argv, read, read_argv,
};
use proptest::prelude::*;

/// The commands of a line, each as its words; what is undecidable as `?` and the doubt's name.
fn shown(reading: &Reading) -> Vec<String> {
    let word = |w: &Word| match w {
        Word::Literal(t) => format!("<{t}>"),
        Word::BashOnly(t) => format!("<{t}>!"),
        Word::Undecidable(d) => format!("?{}", d.name()),
    };
    reading
        .commands
        .iter()
        .map(|c| {
            let mut out: Vec<String> =
                c.assignments.iter().map(|(n, v)| format!("{n}={}", word(v))).collect();
            out.extend(c.words.iter().map(word));
            out.extend(c.redirections.iter().map(|r| format!("{:?}{}", r.op, word(&r.target))));
            if !c.code.is_empty() {
                out.push(format!("code{:?}", c.code));
            }
            if c.runs_input {
                out.push("input".to_owned());
            }
            out.join(" ")
        })
        .collect()
}

fn check(text: &str, expected: &[&str]) {
    match read(text) {
        Ok(reading) => assert_eq!(shown(&reading), expected, "{text:?}"),
        Err(fault) => panic!("{text:?}: {fault}"),
    }
}

fn fault(text: &str, expected: Fault) {
    assert_eq!(read(text).err(), Some(expected), "{text:?}");
}

#[test]
fn a_dollar_before_what_braces_put_there() {
    check("{,$}#", &["?variable"]);
    check("{$,}HOME", &["?variable"]);
    check("a{$,}'x'", &["?variable"]);
    check("{a,$}''", &["?variable"]);
    check("{$,a}{HOME}", &["?variable"]);
    check("{a,b}$", &["<a$>! <b$>!"]);
    check("{a,b}\\$x", &["<a$x>! <b$x>!"]);
    check("{a,b}'$'x", &["<a$x>! <b$x>!"]);
    check("a$ \"$\" $%", &["<a$> <$> <$%>"]);
}

#[test]
fn quoting() {
    check("rm -rf /", &["<rm> <-rf> </>"]);
    check("r\\m -rf /", &["<rm> <-rf> </>"]);
    check("r''m -rf /", &["<rm> <-rf> </>"]);
    check("r\"\"m", &["<rm>"]);
    check("'r'm", &["<rm>"]);
    check("\"r\"\"m\"", &["<rm>"]);
    check("\\r\\m", &["<rm>"]);
    check("r\\\nm -r\\\nf", &["<rm> <-rf>"]);
    check("\"r\\\nm\"", &["<rm>"]);
    check("'r\\\nm'", &["<r\\\nm>"]);
    check("\"a\\b\\$c\\\"\"", &["<a\\b$c\">"]);
    check("echo ''", &["<echo> <>"]);
    fault("a\\", Fault::Unterminated);
    fault("rm 'x", Fault::Unterminated);
    fault("rm \"x", Fault::Unterminated);
}

#[test]
fn ansi_c_quoting() {
    check("$'\\x72m' -rf", &["<rm>! <-rf>"]);
    check("$'\\162\\155'", &["<rm>!"]);
    check("$'\\u0072m'", &["<rm>!"]);
    check("$'r\\U0000006d'", &["<rm>!"]);
    check("$'a\\tb\\'c'", &["<a\tb'c>!"]);
    check("$'\\xc3\\xa4'", &["<ä>!"]);
    check("$'\\xc3'", &["?character"]);
    check("$'rm\\0x'", &["?character"]);
    check("$'\\x{72}m'", &["?character"]);
    check("$'\\cx'", &["?character"]);
    check("$'\\c'; rm x; ''", &["?character", "<rm> <x>", "<>"]);
    check("$\"rm\"", &["?translation"]);
    check("\"$'x'\"", &["<$'x'>"]);
}

#[test]
fn expansions() {
    check("rm${IFS}-rf${IFS}/", &["?variable"]);
    check("$x", &["?variable"]);
    check("r${z}m x", &["?variable <x>"]);
    check("r$@m", &["?variable"]);
    check("r$1m", &["?variable"]);
    check("\"$HOME\"/x", &["?variable"]);
    check("'$HOME'", &["<$HOME>"]);
    check("echo $", &["<echo> <$>"]);
    check("echo $\\\nHOME", &["<echo> ?variable"]);
    check("ls $((1+1))", &["<ls> ?arithmetic"]);
    check("ls $[1+1]", &["<ls> ?arithmetic"]);
    check("ls ${x:-$(rm y)}", &["<rm> <y>", "<ls> ?variable"]);
    check("ls ${x:-'}'} y", &["<ls> ?variable <y>"]);
    check("cat *.txt", &["<cat> ?glob"]);
    check("/bin/r?", &["?glob"]);
    check("/bin/[r]m", &["?glob"]);
    check("[ -f x ]", &["<[> <-f> <x> <]>"]);
    check("cat ~/x", &["<cat> <~/x>"]);
    check("cat ~root/x", &["<cat> ?tilde"]);
    check("cat ~+/x", &["<cat> ?tilde"]);
    check("make D=~/x", &["<make> ?tilde"]);
    assert!(read("ls $x").unwrap().has_expansion);
    assert!(!read("ls '$x'").unwrap().has_expansion);
}

#[test]
fn braces() {
    check("{rm,-rf,/}", &["<rm>! <-rf>! </>!"]);
    check("{r,}m", &["<rm>! <m>!"]);
    check("a {,}", &["<a> ?braces"]);
    check("a {b,}", &["<a> <b>!"]);
    check("echo {a,b{c,d}}e", &["<echo> <ae>! <bce>! <bde>!"]);
    check("echo {1..3}", &["<echo> <1>! <2>! <3>!"]);
    check("echo {08..10}", &["<echo> <08>! <09>! <10>!"]);
    check("echo {c..a}", &["<echo> <c>! <b>! <a>!"]);
    check("echo {5..1..2}", &["<echo> <5>! <3>! <1>!"]);
    check("echo {} {a} a,b", &["<echo> <{}> <{a}> <a,b>"]);
    check("echo \\{a,b}", &["<echo> <{a,b}>"]);
    check("echo '{a,b}'", &["<echo> <{a,b}>"]);
    check("echo {a\\,b}", &["<echo> <{a,b}>"]);
    check("echo {1..999999}", &["<echo> ?braces"]);
    check("echo {a..Z}", &["<echo> ?braces"]);
    check("echo {a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", &["<echo> ?braces"]);
    check("a{}b,c}", &["?braces"]);
    check("{a,b}}", &["?braces"]);
    check(
        &format!("echo {}{{a,b}}", "{a}".repeat(63)),
        &[&format!("<echo> <{0}a>! <{0}b>!", "{a}".repeat(63))],
    );
    check(&format!("echo {}{{a,b}}", "{a}".repeat(64)), &["<echo> ?braces"]);
    check("echo {$x,b}", &["<echo> ?variable <b>!"]);
}

#[test]
fn lists_and_pipes() {
    check("a; b & c && d || e\nf", &["<a>", "<b>", "<c>", "<d>", "<e>", "<f>"]);
    check("ls;rm x", &["<ls>", "<rm> <x>"]);
    check("ls\nrm x", &["<ls>", "<rm> <x>"]);
    check("ls # rm x", &["<ls>"]);
    check("ls # x\nrm x", &["<ls>", "<rm> <x>"]);
    check("ls # x\\\nrm x", &["<ls>", "<rm> <x>"]);
    check("ls x#y", &["<ls> <x#y>"]);
    check("a | b |& c", &["<a>", "<b>", "<c>"]);
    check("! a | b", &["<a>", "<b>"]);
    check("(a; b) && { c; }", &["<a>", "<b>", "<c>"]);
    check("if a; then b; elif c; then d; else e; fi", &["<a>", "<b>", "<c>", "<d>", "<e>"]);
    check("while a; do b; done; until c; do d; done", &["<a>", "<b>", "<c>", "<d>"]);
    check("for x in 1 2; do rm y; done", &["<rm> <y>"]);
    check("for x\ndo rm y; done", &["<rm> <y>"]);
    check("case x in a|b) rm y;; (*) ls;; esac", &["<rm> <y>", "<ls>"]);
    check("case x in a) rm y; esac", &["<rm> <y>"]);
    check("then_x; iffy; echo if then", &["<then_x>", "<iffy>", "<echo> <if> <then>"]);
    check("'if' x", &["<if> <x>"]);
    assert!(read("a &").unwrap().has_background);
    assert!(read("(a)").unwrap().has_compound);
    for bad in ["a && ", "(a", "{ a; ", "if a; then b", "$(a", "`a", "a |"] {
        fault(bad, Fault::Unterminated);
    }
    for bad in [
        ")",
        "a;;b",
        "fi",
        "then a",
        "| a",
        "a | | b",
        "a (b",
        "for 1 in 2; do a; done",
        "case x in () a;; esac",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
    fault("f() { rm x; }", Fault::Construct("a function, an array or a pattern in brackets"));
    fault("function f { rm x; }", Fault::Construct("a function"));
    fault("x=(a b)", Fault::Construct("a function, an array or a pattern in brackets"));
    fault("x[1]=a ls", Fault::Construct("an array"));
    fault("[[ -f x ]]", Fault::Construct("`[[`"));
    fault("((x=1))", Fault::Construct("`((`"));
}

#[test]
fn substitutions() {
    check("ls $(rm x)", &["<rm> <x>", "<ls> ?substitution"]);
    check("ls `rm x`", &["<rm> <x>", "<ls> ?substitution"]);
    check("ls \"$(rm \"x y\")\"", &["<rm> <x y>", "<ls> ?substitution"]);
    check("ls `echo \\`rm x\\``", &["<rm> <x>", "<echo> ?substitution", "<ls> ?substitution"]);
    check("cat <(rm x)", &["<rm> <x>", "<cat> ?substitution"]);
    check("tee >(sh)", &["<sh> input", "<tee> ?substitution"]);
    check("$(echo rm) x", &["<echo> <rm>", "?substitution <x>"]);
    check("r$(true)m x", &["<true>", "?substitution <x>"]);
    check("ls $(ls $(rm x))", &["<rm> <x>", "<ls> ?substitution", "<ls> ?substitution"]);
    check("x=$(rm y) ls", &["<rm> <y>", "x=?substitution <ls>"]);
    check("echo '$(rm x)'", &["<echo> <$(rm x)>"]);
    assert!(read("ls $(a)").unwrap().has_substitution);
}

#[test]
fn redirections_and_here_documents() {
    check("ls > x 2>&1 < y >> z", &["<ls> Out<x> DupOut<1> In<y> Append<z>"]);
    check("ls &> x", &["<ls> Both<x>!"]);
    check("> x", &["Out<x>"]);
    check("cat <<< rm", &["<cat> HereString<rm>!"]);
    check("cat <<E\nrm x\nE\nls", &["<cat> HereDoc<E>", "<ls>"]);
    check("cat <<-E | b\n\tx\n\tE\nls", &["<cat> HereDoc<E>", "<b>", "<ls>"]);
    check("cat <<E\n$(rm x)\nE", &["<cat> HereDoc<E>", "<rm> <x>"]);
    check("cat <<'E'\n$(rm x)\nE", &["<cat> HereDoc<E>"]);
    check("sh <<E\nrm x\nE", &["<sh> HereDoc<E> input"]);
    check("{ sh; } < x", &["<sh> input", "In<x>"]);
    check("echo 2>x a3>y", &["<echo> <a3> Out<x> Out<y>"]);
    check("ls >$(rm x)", &["<rm> <x>", "<ls> Out?substitution"]);
    check("cat < {a,b}", &["<cat> In?braces"]);
    fault("cat <<E\nx", Fault::Unterminated);
    fault("cat <<E\nx\\\nE", Fault::Construct("a continued line in a here-document"));
    fault("exec {x}>y", Fault::Construct("a named descriptor"));
}

#[test]
fn commands_within_commands() {
    check("sudo rm x", &["<sudo> <rm> <x>", "<rm> <x>"]);
    check("sudo -u root rm x", &["<sudo> <-u> <root> <rm> <x>", "<rm> <x>"]);
    check("sudo -s", &["<sudo> <-s> code[1]"]);
    check("env A=1 rm x", &["<env> <A=1> <rm> <x>", "A=<1> <rm> <x>"]);
    check("env -S 'rm x'", &["<env> <-S> <rm x> code[1, 2]"]);
    check(
        "nohup nice -n 5 timeout -k 1 9 rm x",
        &[
            "<nohup> <nice> <-n> <5> <timeout> <-k> <1> <9> <rm> <x>",
            "<nice> <-n> <5> <timeout> <-k> <1> <9> <rm> <x>",
            "<timeout> <-k> <1> <9> <rm> <x>",
            "<rm> <x>",
        ],
    );
    check("command -v rm", &["<command> <-v> <rm>"]);
    check("command rm x", &["<command> <rm> <x>", "<rm> <x>"]);
    check("exec -a ls rm x", &["<exec> <-a> <ls> <rm> <x>", "<rm> <x>"]);
    check("time rm x", &["<time> <rm> <x>", "<rm> <x>"]);
    check("eval 'rm' x\\;ls", &["<eval> <rm> <x;ls>", "<rm> <x>", "<ls>"]);
    check("sh -c 'rm x'", &["<sh> <-c> <rm x>", "<rm> <x>"]);
    check("/bin/bash -lc 'rm x; ls'", &["</bin/bash> <-lc> <rm x; ls>", "<rm> <x>", "<ls>"]);
    check(
        "bash --norc -o pipefail -c 'rm x' a",
        &["<bash> <--norc> <-o> <pipefail> <-c> <rm x> <a>", "<rm> <x>"],
    );
    check("bash --rcfile x -c ls", &["<bash> <--rcfile> <x> <-c> <ls> code[1, 2, 3, 4]"]);
    check("sh -c \"sh -c 'rm x'\"", &["<sh> <-c> <sh -c 'rm x'>", "<sh> <-c> <rm x>", "<rm> <x>"]);
    check("zsh -c 'rm x'", &["<zsh> <-c> <rm x> code[1, 2]"]);
    check("busybox rm x", &["<busybox> <rm> <x>", "<rm> <x>"]);
    check("echo x | xargs rm", &["<echo> <x>", "<xargs> <rm>", "<rm> ?input"]);
    check(
        "find . -name x -exec rm {} \\;",
        &["<find> <.> <-name> <x> <-exec> <rm> <{}> <;> code[4, 5]", "<rm> ?input"],
    );
    check("find . -delete", &["<find> <.> <-delete> code[2]"]);
    check("ssh host rm x", &["<ssh> <host> <rm> <x> code[1, 2, 3]"]);
    check("trap 'rm x' EXIT", &["<trap> <rm x> <EXIT> code[1, 2]"]);
    check("alias ls=rm", &["<alias> <ls=rm> code[1]"]);
}

#[test]
fn code_in_arguments() {
    check("python3.11 -c 'print(1)'", &["<python3.11> <-c> <print(1)> code[1, 2]"]);
    check("python -Ic x", &["<python> <-Ic> <x> code[1, 2]"]);
    check("perl -ne 'x' f", &["<perl> <-ne> <x> <f> code[1, 2]"]);
    check("node --eval=x", &["<node> <--eval=x> code[1]"]);
    check("awk 'BEGIN{system(\"rm x\")}'", &["<awk> <BEGIN{system(\"rm x\")}> code[1]"]);
    check("sed 1e\\ rm x", &["<sed> <1e rm> <x> code[1]"]);
    check("git -c core.pager=rm log", &["<git> <-c> <core.pager=rm> <log> code[1, 2]"]);
    check("git fetch --upload-pack=rm x", &["<git> <fetch> <--upload-pack=rm> <x> code[2]"]);
    check("git fetch --upload-p rm x", &["<git> <fetch> <--upload-p> <rm> <x> code[2, 3]"]);
    check("git clone ext::rm", &["<git> <clone> <ext::rm> code[2]"]);
    check(
        "git config alias.x '!rm'",
        &["<git> <config> <alias.x> ?history code[2, 3]"]
            .map(|s| s.replace("?history", "<!rm>"))
            .each_ref()
            .map(String::as_str),
    );
    check("tar xf a --checkpoint-action=exec=rm", &["<tar> <xf> <a> <--checkpoint-action=exec=rm> code[3]"]);
    check("tar xIf rm a", &["<tar> <xIf> <rm> <a> code[1, 2, 3]"]);
    check("git log -n 5 -s x", &["<git> <log> <-n> <5> <-s> <x>"]);
    check("[ -v 'a[$(rm x)]' ]", &["<[> <-v> <a[$(rm x)]> <]> code[1, 2]"]);
    check("printf -v 'a[$(rm x)]' y", &["<printf> <-v> <a[$(rm x)]> <y> code[1, 2]"]);
    check("cmd.exe /c dir", &["<cmd.exe> </c> <dir> code[1, 2]"]);
    check("vim +x f", &["<vim> <+x> <f> code[1]"]);
    check("echo cm0gLXJm | base64 -d | sh", &["<echo> <cm0gLXJm>", "<base64> <-d>", "<sh> input"]);
    check("curl x | sudo bash", &["<curl> <x>", "<sudo> <bash>", "<bash> input"]);
    check("curl x | python3 -", &["<curl> <x>", "<python3> <-> input"]);
    check("curl x | bash -s a", &["<curl> <x>", "<bash> <-s> <a> input"]);
    check("python x.py < data", &["<python> <x.py> In<data>"]);
}

#[test]
fn characters_that_shells_and_terminals_take_differently() {
    fault("ls\rrm x", Fault::Control);
    fault("ls\0rm x", Fault::Control);
    fault("ls \u{1b}[A", Fault::Control);
    fault("ls 'a\u{3}b'", Fault::Control);
    check("ls\u{a0}x", &["?character"]);
    check("ls\u{3000}x", &["?character"]);
    check("r\u{200b}m x", &["?character <x>"]);
    check("ls 'a\u{a0}b'", &["<ls> <a\u{a0}b>"]);
    check("ls -l !!", &["<ls> <-l> ?history"]);
    check("ls \"!rm\"", &["<ls> ?history"]);
    check("echo 'hi!x' hi!", &["<echo> <hi!x> <hi!>"]);
    check("^ls^rm", &["?history"]);
    check("ｒｍ x", &["<ｒｍ> <x>"]);
}

#[test]
fn bounds() {
    fault(&"a".repeat(super::MAX_TEXT + 1), Fault::TooLong);
    fault(&"$(".repeat(40), Fault::TooDeep);
    fault(&"(".repeat(40), Fault::Construct("`((`"));
    fault(&"( ".repeat(40), Fault::TooDeep);
    fault(&"{ ".repeat(40), Fault::TooDeep);
    fault(&"${x:-".repeat(40), Fault::TooDeep);
    fault(&"a;".repeat(600), Fault::TooMany);
    fault(&"a ".repeat(5_000), Fault::TooMany);
    fault(&format!("{}ls", "nohup ".repeat(40)), Fault::TooDeep);
    fault(&format!("{}ls", "eval ".repeat(40)), Fault::TooDeep);
    fault(&"{1..200} ".repeat(30), Fault::TooMany);
}

fn allowed() -> Vec<CommandPattern> {
    let texts = [
        "ls",
        "ls -l *",
        "git status",
        "git log --oneline *",
        "git show --format=* *",
        "cat src/* *",
        "sort > /tmp/out/*",
        "sudo git *",
        "env",
        "sh -c *",
        "timeout 9 *",
        "python -c 'print(1)'",
        "awk '{print $1}' *",
        "find . -name *",
        "sh -c 'sudo make'",
        "sh",
        "xargs *",
        "python -*",
        "git fetch *",
    ];
    texts.iter().map(|t| CommandPattern::parse(t).unwrap()).collect()
}

#[test]
fn what_is_allowed_goes_through() {
    for text in [
        "ls",
        "  ls  ",
        "ls; git status",
        "ls && git status || ls",
        "git log --oneline",
        "git log --oneline main src",
        "git show --format=%h HEAD",
        "cat src/lib.rs",
        "cat 'src/a b.rs' README.md",
        "ls | sort > /tmp/out/x 2>/dev/null",
        "ls 2>&1",
        "sudo git log",
        "sh -c 'git status; ls'",
        "timeout 9 git status",
        "python -c 'print(1)'",
        "awk '{print $1}' x",
        "sh -c 'sudo make'",
        "find . -name x",
        "if ls; then git status; fi",
        "python -V",
        "{ ls; git status; } 2>/dev/null",
    ] {
        assert_eq!(permits(Shell::Posix, &allowed(), text), Ok(()), "{text:?}");
    }
    assert_eq!(permits(Shell::Bash, &allowed(), "ls -l $'a\\tb' {a,b}"), Ok(()));
    assert_eq!(permits_argv(Shell::Posix, &allowed(), &["ls", "-l", "$(rm x)", "*"]), Ok(()));
}

/// Each is refused with what [`allowed`] allows.
const EVASIONS: &[&str] = &[
    "",
    "# ls",
    "rm x",
    "ls x",
    "ls -a",
    "ls -la x",
    "ls; rm x",
    "ls\nrm x",
    "ls & rm x",
    "ls | rm x",
    "ls -l $(rm x)",
    "ls -l `rm x`",
    "ls -l <(rm x)",
    "ls -l $HOME",
    "ls -l *",
    "ls -l {a,b}",
    "ls -l $'a'",
    "ls > /etc/passwd",
    "sort > /tmp/out/../../etc/passwd",
    "sort > /tmp/out/$x",
    "cat src/../../etc/passwd",
    "git log --oneline --output=/etc/x",
    "git log --oneline main --ext-diff",
    "git -c core.pager=rm log --oneline",
    "git fetch ext::rm",
    "git fetch --upload-pack=rm",
    "PATH=/tmp ls",
    "LD_PRELOAD=x ls",
    "X=1",
    "env PATH=/tmp ls",
    "env -S 'rm x'",
    "sudo rm x",
    "sh -c 'rm x'",
    "sh -c 'ls; rm x'",
    "sh -c \"$x\"",
    "sh -c 'ls $0' rm",
    "sudo sh -c 'rm x'",
    "timeout 9 rm x",
    "timeout -s 9 9 ls",
    "python -c 'print(2)'",
    "python -cprint",
    "python -",
    "ls | python -i",
    "awk 'BEGIN{system(\"rm\")}' x",
    "find . -name x -delete",
    "find . -name x -exec ls ;",
    "ls | sh",
    "sh < x",
    "sh <<E\nls\nE",
    "xargs ls",
    "/tmp/ls",
    "./ls",
    "ls() { rm x; }; ls",
    "alias ls=rm; ls",
    "ls\rrm x",
    "ls\u{a0}-l",
    "cat src/x <<E\n$(rm x)\nE",
    "for x in $(rm y); do ls; done",
    "case $(rm x) in a) ls;; esac",
    "{ ls; } > /etc/passwd",
    "> /etc/passwd",
    "git\tlog\t--oneline\t-p",
    "!ls",
    "l\\s -R",
];

#[test]
fn evasions_are_refused() {
    for text in EVASIONS {
        assert!(permits(Shell::Posix, &allowed(), text).is_err(), "{text:?}");
    }
    assert!(permits_argv(Shell::Posix, &allowed(), &["ls", "-l", "-R"]).is_err());
    assert!(permits_argv(Shell::Posix, &allowed(), &["sh", "-c", "ls; rm x"]).is_err());
    assert!(read_argv(&["a\0b"]).is_err());
}

#[test]
fn the_reason_has_places_and_no_text() {
    let why = |text: &str| permits(Shell::Posix, &allowed(), text).unwrap_err();
    assert_eq!(why("ls; git $x"), Why::Undecidable { command: 1, word: 1, doubt: Doubt::Variable });
    assert_eq!(why("ls; rm secret"), Why::NoPattern { command: 1 });
    assert_eq!(why("ls | sh"), Why::RunsInput { command: 1 });
    assert_eq!(why("A=1 ls"), Why::Assignment { command: 0 });
    assert_eq!(why("ls -l $'x'"), Why::Dialect { command: 0 });
    assert_eq!(
        why("ls 'x").to_string(),
        "the command line cannot be read: a quote, bracket or here-document has no end"
    );
    assert!(!why("ls; rm secret").to_string().contains("secret"));
}

#[test]
fn patterns_that_say_too_little_are_refused() {
    for text in ["", "*", "a; b", "a | b", "(a)", "a $x", "a $(b)", "A=1 a", "a &", "* a", "a*", "'a"] {
        assert!(CommandPattern::parse(text).is_err(), "{text:?}");
    }
    let one = |p: &str, text: &str| permits(Shell::Posix, &[CommandPattern::parse(p).unwrap()], text).is_ok();
    assert!(one("ls '*'", "ls '*'"));
    assert!(!one("ls '*'", "ls x"));
    assert!(one("cp * /tmp/x", "cp a /tmp/x"));
    assert!(!one("cp * /tmp/x", "cp a b /tmp/x"));
    assert!(one("tool -*", "tool --anything"));
    assert!(!one("tool -*", "tool anything"));
    assert!(!one("tool *.txt", "tool -x.txt"));
    assert!(one("tool a*b*c", "tool a-b-c"));
    assert!(!one("tool a*b*c", "tool a-c-b"));
    assert!(!one("tool ab*ba", "tool aba"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[a-c $`'\"\\\\{}(),;&|<>#!~*?\\[\\]=\n\t-]{0,60}") {
        let _ = read(&text);
        let _ = permits(Shell::Bash, &allowed(), &text);
    }

    #[test]
    fn single_quotes_keep_everything(words in prop::collection::vec("[^'\\x00-\\x1f\\x7f]{0,12}", 1..5)) {
        let text: Vec<String> = words.iter().map(|w| format!("'{w}'")).collect();
        let reading = read(&format!("x {}", text.join(" "))).unwrap();
        let got: Vec<&str> = reading.commands[0].words.iter().skip(1).filter_map(Word::text).collect();
        prop_assert_eq!(got, words);
    }

    #[test]
    fn what_is_appended_is_seen(text in "[a-c '\"\\\\{},]{0,20}") {
        // Whatever a line begins with, a command behind a line end is read, or nothing is.
        if let Ok(reading) = read(&format!("{text}\nrm -rf x")) {
            let last = reading.commands.iter().any(|c| c.words.first().and_then(Word::text) == Some("rm"));
            let quoted = reading.commands.iter().flat_map(|c| &c.words).any(|w| w.text().is_some_and(|t| t.contains("rm -rf x")));
            // Joined lines make one word of both.
            prop_assert!(last || quoted || text.ends_with('\\'));
        }
    }
}
