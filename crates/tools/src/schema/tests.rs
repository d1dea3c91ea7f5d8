//! What fits and what does not, and schemas that are attacks.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn compile(schema: Value) -> Schema {
    Schema::compile(&schema).unwrap_or_else(|p| panic!("{schema}: {p}"))
}

fn misfits(schema: &Schema, value: &Value) -> Vec<String> {
    schema.check(value).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn arguments_are_told_by_place_and_rule() {
    let schema = compile(json!({
        "type": "object",
        "properties": {
            "to": {"type": "array", "items": {"type": "object", "properties": {"address": {"type": "string", "pattern": "^[a-z]+@example\\.com$"}}, "required": ["address"]}},
            "amount": {"type": "number", "maximum": 100},
            "mode": {"enum": ["a", "b"]},
        },
        "required": ["to"],
        "additionalProperties": false,
    }));
    let check = |value: Value, expected: &[&str]| assert_eq!(misfits(&schema, &value), expected, "{value}");
    check(json!({"to": [{"address": "x@example.com"}], "amount": 100}), &[]);
    check(json!({"to": [], "amount": 101}), &["amount: does not fit `maximum`"]);
    check(json!({}), &["the whole: does not fit `required` (to is missing)"]);
    check(
        json!({"to": [{}, {"address": 7}]}),
        &["to[0]: does not fit `required` (address is missing)", "to[1].address: does not fit `type`"],
    );
    check(json!({"to": [{"address": "x@example.com\n"}]}), &["to[0].address: does not fit `pattern`"]);
    check(json!({"to": [], "secret-value": 1}), &["the whole: does not fit `additionalProperties`"]);
    check(json!([]), &["the whole: does not fit `type`"]);
    check(json!({"to": "a"}), &["to: does not fit `type`"]);
    check(json!({"to": [], "mode": "c"}), &["mode: does not fit `enum`"]);
}

#[test]
fn no_value_and_no_strange_name_is_told() {
    let schema = compile(
        json!({"additionalProperties": {"type": "object", "properties": {"n": {"maximum": 1}}, "additionalProperties": false}}),
    );
    let told = misfits(&schema, &json!({"sk-secret": {"n": 123456, "other-secret": 1}})).join("\n");
    assert!(told.contains("?.n: does not fit `maximum`"), "{told}");
    assert!(!told.contains("secret") && !told.contains("123456"), "{told}");
}

#[test]
fn drafts() {
    let check = |schema: Value, value: Value, fits: bool| {
        assert_eq!(misfits(&compile(schema.clone()), &value).is_empty(), fits, "{schema} {value}");
    };
    check(json!({"prefixItems": [{"type": "string"}]}), json!([1]), false);
    check(
        json!({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}),
        json!([1]),
        false,
    );
    check(
        json!({"$schema": "http://json-schema.org/draft-04/schema#", "maximum": 1, "exclusiveMaximum": true}),
        json!(1),
        false,
    );
    check(
        json!({"$schema": "https://json-schema.org/draft/2019-09/schema", "$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}),
        json!(1),
        false,
    );
    check(
        json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "#x", "$defs": {"a": {"$anchor": "x", "type": "string"}}}),
        json!(1),
        false,
    );
    check(json!({"dependentRequired": {"a": ["b"]}}), json!({"a": 1}), false);
    check(json!({"format": "email"}), json!("x"), true);
    check(json!(true), json!(1), true);
    check(json!(false), json!(1), false);
    check(
        json!({"$ref": "#/definitions/a%20b~1c", "definitions": {"a b/c": {"type": "string"}}}),
        json!(1),
        false,
    );
    check(json!({"items": {"$ref": "#"}, "type": "array"}), json!([[], [[1]]]), false);
    check(json!({"items": {"$ref": "#"}, "type": "array"}), json!([[], [[]]]), true);
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let check = |schema: Value, words: &str| {
        let problem = Schema::compile(&schema).err().map(|p| p.to_string()).unwrap_or_default();
        assert!(problem.contains(words), "{schema}: {problem:?}");
    };
    check(json!({"$ref": "https://evil.test/x.json"}), "`https://evil.test/x.json` leaves");
    check(json!({"$ref": "file:///etc/passwd"}), "file:///etc/passwd");
    check(
        json!({"properties": {"a": {"$ref": "other.json#/x"}}}),
        "/properties/a/$ref: `$ref` to `other.json#/x` leaves",
    );
    check(json!({"$defs": {"unused": {"$ref": "http://169.254.169.254/"}}}), "leaves");
    check(json!({"contentSchema": {"$ref": "http://a.test"}}), "leaves");
    check(json!({"$ref": "#/nowhere"}), "leads nowhere");
    check(json!({"$ref": "#name"}), "leads nowhere");
    check(json!({"$dynamicRef": "#x"}), "$dynamicRef");
    check(json!({"$recursiveRef": "#"}), "$recursiveRef");
    check(json!({"properties": {"a": {"$id": "http://a.test/"}}}), "below the root");
    check(json!({"$schema": "http://evil.test/schema"}), "no draft");
    check(json!({"$schema": 7}), "no draft");
    check(json!({"type": "strin"}), "not accepted");
    check(json!({"minimum": "1"}), "not accepted");
    check(json!({"properties": []}), "no object");
    check(json!({"items": 7}), "no schema");
    check(json!(7), "no schema");
    check(json!({"pattern": "(?=a)b"}), "pattern");
    check(json!({"pattern": "(a)\\1"}), "pattern");
    check(json!({"patternProperties": {"(?<!x)a": {}}}), "pattern");
    check(json!({"pattern": "((a{1,1000}){1,1000}){1,1000}"}), "pattern");
    check(json!({"pattern": "a".repeat(2_000)}), "patterns");
}

#[test]
fn loops_chains_and_doublings_are_refused_before_they_cost() {
    let refused = |schema: &Value| Schema::compile(schema).err().map(|p| p.to_string()).unwrap_or_default();
    assert!(refused(&json!({"$ref": "#"})).contains("without end"));
    assert!(refused(&json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}})).contains("without end"));
    assert!(refused(&json!({"not": {"$ref": "#"}})).contains("without end"));

    let chain = |n: usize, edge: fn(String) -> Value| {
        let mut defs = serde_json::Map::new();
        for i in 0..n {
            defs.insert(format!("a{i}"), edge(format!("#/$defs/a{}", i + 1)));
        }
        defs.insert(format!("a{n}"), json!({"type": "string"}));
        json!({"$ref": "#/$defs/a0", "$defs": defs})
    };
    assert!(refused(&chain(30, |r| json!({ "$ref": r }))).contains("in a row"));
    assert!(refused(&chain(5_000, |r| json!({"properties": {"x": {"$ref": r}}}))).contains("over"));
    // As long as a chain may be: it must compile on a small stack.
    compile(chain(390, |r| json!({"properties": {"x": {"$ref": r}}})));

    let mut nested = json!({});
    for _ in 0..60 {
        nested = json!({ "not": nested });
    }
    assert!(refused(&nested).contains("deep"));
    let many: serde_json::Map<String, Value> = (0..5_000).map(|i| (format!("p{i}"), json!({}))).collect();
    assert!(refused(&json!({ "properties": many })).contains("over 4000"));
}

/// Two ways to each next step: without a bound, 2^31 evaluations.
#[test]
fn a_doubling_schema_is_refused_for_deep_values_only() {
    let twice = json!({"type": "array", "items": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}});
    let schema = compile(twice);
    let deep = |n: usize| (0..n).fold(json!(1), |v, _| json!([v]));
    assert!(!misfits(&schema, &deep(5)).join(" ").contains("work"));
    assert_eq!(misfits(&schema, &deep(31)), ["the whole: does not fit `work`"]);
    assert_eq!(misfits(&schema, &deep(40)), ["the whole: does not fit `depth`"]);
    let long: Vec<u32> = (0..20_000).collect();
    let choice = compile(json!({"items": {"enum": long}}));
    assert_eq!(misfits(&choice, &json!(vec![19_999; 3_000])), ["the whole: does not fit `work`"]);
    assert!(misfits(&choice, &json!(vec![19_999; 300])).is_empty());
    let plain = compile(json!({"type": "array", "items": {"$ref": "#"}}));
    assert_eq!(misfits(&plain, &deep(20)).len(), 1);
    assert_eq!(misfits(&plain, &json!(vec![1; MAX_VALUES + 1])), ["the whole: does not fit `size`"]);
}

/// The deepest that is let through, in a thread of two megabytes, as tests have.
#[test]
fn the_deepest_value_by_the_longest_chain_stands() {
    let mut same = json!({"items": {"$ref": "#"}, "properties": {"x": {"$ref": "#"}}});
    for _ in 0..MAX_CHAIN_TESTED {
        same = json!({ "allOf": [same] });
    }
    let schema = compile(same);
    let deep =
        (1..MAX_VALUE_DEPTH).fold(json!(1), |v, i| if i % 2 == 0 { json!([v]) } else { json!({ "x": v }) });
    assert_eq!(schema.check(&deep), Ok(()));
}
const MAX_CHAIN_TESTED: usize = 15;

proptest! {
    /// The bound is one: it never falls with depth of nesting, and small schemas are never refused for work.
    #[test]
    fn small_values_are_checked(values in prop::collection::vec("[a-z]{0,5}", 0..50)) {
        let schema = compile(json!({"type": "array", "items": {"type": "string", "maxLength": 4}}));
        let long = values.iter().any(|v| v.len() > 4);
        prop_assert_eq!(schema.check(&json!(values)).is_err(), long);
    }
}
