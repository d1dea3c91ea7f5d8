//! The walk, place by place.

use super::{Rule, Table, opt, req};
use crate::fault::WireCode;
use crate::json::scan;
use crate::limits::Limits;
use cordon_types::{Feature, SpanKind};

fn walk(rule: &Rule, text: &str) -> Result<Vec<String>, (WireCode, String)> {
    let limits = Limits { max_messages: 2, ..Limits::default() };
    let tape = scan(text.as_bytes(), &limits).unwrap();
    let walked = Table::build(rule, SpanKind::User).walk(tape.over(text.as_bytes()), &limits);
    let walked = walked.map_err(|e| (e.code, e.path))?;
    let spans = walked.spans.iter().map(|s| format!("{}={}:{:?}", s.path, s.text, s.splice));
    let used = walked.used.iter().map(|u| format!("{}!{}", u.path, u.feature.name()));
    let issued = walked.issued.iter().map(|i| format!("{}#{}", i.path, i.digest_input.len()));
    Ok(spans.chain(used).chain(issued).collect())
}

const TABLE: Rule = Rule::Object(&[
    req(
        "m",
        Rule::Messages(&Rule::Tagged {
            by: "type",
            default: None,
            variants: &[
                ("text", Rule::Object(&[req("text", Rule::Text)])),
                ("image", Rule::Object(&[req("url", Rule::Url(Feature::Image))])),
                ("gone", Rule::Refused("use text")),
            ],
        }),
    ),
    opt("id", Rule::Id),
    opt("tier", Rule::EnumUse(&["auto"], Feature::ServiceTier, &["flex"])),
    opt("lp", Rule::TrueUses(Feature::Logprobs)),
    opt("usage", Rule::Counters(&[opt("word", Rule::Text)])),
    opt("any", Rule::Open),
    opt("schema", Rule::Schema),
    opt("args", Rule::Json),
    opt("sig", Rule::Issued),
    opt("map", Rule::Map(&Rule::Number)),
]);

#[test]
fn what_is_yielded() {
    let check = |text: &str, expected: &[&str]| {
        assert_eq!(walk(&TABLE, text).unwrap(), expected, "{text}");
    };
    check(r#"{"m":[{"type":"text","text":"a\u0062"}]}"#, &["m[type=text].text=ab:Free"]);
    check(r#"{"m":[{"url":"data:x","type":"image"}]}"#, &["m[type=image].url!image"]);
    check(
        r#"{"m":[{"url":"http://x","type":"image"}]}"#,
        &[
            "m[type=image].url=http://x:Refuse(\"url\")",
            "m[type=image].url!image",
            "m[type=image].url!fetch_by_url",
        ],
    );
    check(r#"{"m":[],"tier":"auto","lp":false,"id":null}"#, &[]);
    check(r#"{"m":[],"tier":"flex","lp":true}"#, &["tier!service_tier", "lp!logprobs"]);
    check(r#"{"m":[],"usage":{"x":1,"y":{"z":null},"word":"w"}}"#, &["usage.word=w:Free"]);
    check(r#"{"m":[],"any":["a",{"k":"v"}]}"#, &["any=a:Free", "any=k:Refuse(\"key\")", "any=v:Free"]);
    check(
        r#"{"m":[],"schema":{"description":"d","enum":["e"]}}"#,
        &[
            "schema=description:Refuse(\"schema\")",
            "schema=d:Free",
            "schema=enum:Refuse(\"schema\")",
            "schema=e:Refuse(\"schema\")",
        ],
    );
    check(r#"{"m":[],"args":"{\"k\":\"\\u0041\"}"}"#, &["args=k:Refuse(\"key\")", "args=A:Free"]);
    check(r#"{"m":[],"args":"not json"}"#, &["args=not json:Free"]);
    check(r#"{"m":[],"args":"{\"k\":1,\"k\":2}"}"#, &["args={\"k\":1,\"k\":2}:Free"]);
    check(r#"{"m":[],"sig":"abc"}"#, &["sig#3"]);
    check(r#"{"m":[],"map":{"k":1}}"#, &["map=k:Refuse(\"key\")"]);
}

#[test]
fn what_is_refused() {
    use WireCode::{MissingField, TooMany, UnknownField, UnknownVariant, Unsupported, WrongType};
    let check = |text: &str, code: WireCode, path: &str| {
        assert_eq!(walk(&TABLE, text).unwrap_err(), (code, path.to_owned()), "{text}");
    };
    check("[]", WrongType, "");
    check("{}", MissingField, "m");
    check(r#"{"m":null}"#, WrongType, "m");
    check(r#"{"m":[],"x":1}"#, UnknownField, "<unknown>");
    check(r#"{"m":[{"type":"text","text":"a","y":0}]}"#, UnknownField, "m[0].<unknown>");
    check(r#"{"m":[{"type":"text"}]}"#, MissingField, "m[0].text");
    check(r#"{"m":[{"text":"a"}]}"#, MissingField, "m[0].type");
    check(r#"{"m":[{"type":"text","text":"a"},{"type":"new"}]}"#, UnknownVariant, "m[1].type");
    check(r#"{"m":[{"type":"text","text":1}]}"#, WrongType, "m[0].text");
    check(r#"{"m":[{"type":1}]}"#, WrongType, "m[0].type");
    check(r#"{"m":[{"type":"gone"}]}"#, Unsupported, "m[0]");
    check(
        r#"{"m":[{"type":"text","text":""},{"type":"text","text":""},{"type":"text","text":""}]}"#,
        TooMany,
        "m",
    );
    check(r#"{"m":[],"id":"a\u00e9"}"#, Unsupported, "id");
    check(&format!(r#"{{"m":[],"id":"{}"}}"#, "a".repeat(257)), Unsupported, "id");
    check(r#"{"m":[],"tier":"new"}"#, UnknownVariant, "tier");
    check(r#"{"m":[],"usage":{"x":"text"}}"#, UnknownField, "usage.<unknown>");
    check(r#"{"m":[],"usage":{"x y":1}}"#, UnknownField, "usage.<unknown>");
    check(r#"{"m":[],"map":{"k":"v"}}"#, WrongType, "map.<unknown>");
}
