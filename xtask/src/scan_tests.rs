use super::*;

fn check(source: &str, expected: &[(&str, usize, usize)]) {
    let found: Vec<(String, usize, usize)> =
        functions(&code(source)).into_iter().map(|f| (f.name, f.line, f.lines)).collect();
    let expected: Vec<(String, usize, usize)> =
        expected.iter().map(|(n, l, k)| ((*n).to_owned(), *l, *k)).collect();
    assert_eq!(found, expected, "{source}");
}

#[test]
fn functions_are_counted_from_their_name_to_their_brace() {
    check("fn a() {}\n\npub fn b(x: u8) -> u8 {\n    x\n}\n", &[("a", 1, 1), ("b", 3, 3)]);
    check("trait T { fn a(&self); fn b(&self) {\n}\n}", &[("b", 1, 2)]);
    check("fn a() -> [u8; 3] {\n  [0; 3]\n}", &[("a", 1, 3)]);
    check("fn a<F>(f: F)\nwhere F: Fn(),\n{ f() }", &[("a", 1, 3)]);
    check("type P = fn(u8) -> u8; static F: fn() = x;", &[]);
    check("fn outer() {\n fn inner() {\n }\n}", &[("outer", 1, 4), ("inner", 2, 2)]);
}

#[test]
fn braces_in_strings_characters_and_comments_do_not_count() {
    check("fn a() {\n let s = \"}\";\n}", &[("a", 1, 3)]);
    check("fn a() {\n let s = \"\\\"}\";\n}", &[("a", 1, 3)]);
    check("fn a() {\n let c = '}'; let d = '\\''; let e = '\\u{7d}';\n}", &[("a", 1, 3)]);
    check("fn a() {\n // }\n /* } /* } */ } */\n}", &[("a", 1, 4)]);
    check("fn a() {\n let s = r#\"}\"}\"#;\n let b = br##\"}\"#\"##;\n}", &[("a", 1, 4)]);
    check("fn a<'a>(x: &'a str) -> &'a str {\n x\n}", &[("a", 1, 3)]);
    check("fn r#fn() {}\n", &[("fn", 1, 1)]);
    check("fn a() {\n let s = \"one\ntwo }\";\n}", &[("a", 1, 4)]);
    check("// fn not() {}\n\"fn neither() {}\"", &[]);
}

#[test]
fn code_keeps_every_line_where_it_is() {
    let source = "a \"x\ny\" /* é\n */ 'ß' b\n";
    let blank = code(source);
    assert_eq!(blank.matches('\n').count(), source.matches('\n').count());
    assert_eq!(blank.split_whitespace().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn words_stand_alone() {
    assert_eq!(words("use user use_ re_use use;", "use"), [0, 21]);
    assert_eq!(line_of("a\nb\nc", 4), 3);
}
