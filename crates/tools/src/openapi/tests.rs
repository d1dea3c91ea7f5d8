//! Documents as tools, and arguments that try to leave their position.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn base() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "servers": [{"url": "https://evil.test/"}],
        "paths": {
            "/users/{id}/files/{name}.{ext}": {
                "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}}],
                "get": {
                    "operationId": "readFile",
                    "summary": "Reads a file.",
                    "parameters": [
                        {"name": "name", "in": "path", "required": true, "schema": {"type": "string"}},
                        {"name": "ext", "in": "path", "required": true, "schema": {"type": "string"}},
                        {"name": "q", "in": "query", "schema": {"type": "string"}},
                        {"name": "tag[]", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                        {"name": "ids", "in": "query", "explode": false, "schema": {"type": "array", "items": {"type": "integer"}}},
                        {"name": "filter", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
                        {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
                        {"name": "X-List", "in": "header", "schema": {"type": "array", "items": {"type": "string"}}},
                        {"name": "theme", "in": "cookie", "schema": {"type": "string"}},
                        {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
                        {"name": "HOST", "in": "header", "schema": {"type": "string"}},
                        {"name": "X-Forwarded-For", "in": "header", "schema": {"type": "string"}},
                        {"name": "api_key", "in": "query", "schema": {"type": "string"}},
                        {"name": "SID", "in": "cookie", "schema": {"type": "string"}}
                    ]
                }
            },
            "/payments": {
                "post": {
                    "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Payment"}}}},
                    "parameters": [{"$ref": "#/components/parameters/Dry"}]
                }
            }
        },
        "components": {
            "parameters": {"Dry": {"name": "dry", "in": "query", "schema": {"type": "boolean"}}},
            "schemas": {
                "Payment": {"type": "object", "properties": {"to": {"$ref": "#/components/schemas/Account"}, "amount": {"type": "number"}, "parent": {"$ref": "#/components/schemas/Payment"}}, "required": ["to"], "additionalProperties": false},
                "Account": {"type": "string", "minLength": 2}
            },
            "securitySchemes": {"k": {"type": "apiKey", "in": "query", "name": "api_key"}, "s": {"type": "apiKey", "in": "cookie", "name": "sid"}}
        }
    })
}

fn document() -> Document {
    let read = Document::read(base().to_string().as_bytes()).unwrap();
    assert_eq!(read.skipped(), []);
    read
}

fn file(extra: Value) -> Result<HttpRequest, Problem> {
    let mut arguments = json!({"id": 7, "name": "a", "ext": "txt"});
    for (key, value) in extra.as_object().unwrap() {
        arguments[key] = value.clone();
    }
    document().request("readFile", &arguments)
}

#[test]
fn operations_become_tools() {
    let document = document();
    let tools = document.tools();
    assert_eq!(tools.iter().map(Tool::name).collect::<Vec<_>>(), ["post_payments", "readFile"]);
    assert_eq!(tools[1].description(), Some("Reads a file."));
    assert_eq!(tools[1].annotations(), Some(&json!({"readOnlyHint": true})));
    assert_eq!(tools[0].annotations(), Some(&json!({"readOnlyHint": false})));
    let schema = tools[0].input_schema();
    assert_eq!(schema["properties"]["body"]["$ref"], "#/$defs/Payment");
    assert_eq!(schema["$defs"]["Payment"]["properties"]["to"]["$ref"], "#/$defs/Account");
    assert_eq!(schema["required"], json!(["body"]));
    assert_eq!(document.positions("post_payments"), [("dry", Position::Query), ("body", Position::Body)]);
    let names: Vec<&str> = document.positions("readFile").into_iter().map(|p| p.0).collect();
    assert_eq!(names, ["id", "name", "ext", "q", "tag[]", "ids", "filter", "X-Trace", "X-List", "theme"]);
    // A set of them can be pinned like any server's.
    assert_eq!(crate::pins::ToolSet::of(tools).unwrap().tools().len(), 2);
}

#[test]
fn arguments_are_written_at_their_positions() {
    let request = file(json!({
        "q": "a&b=c#d?e/f %2e", "tag[]": ["x y", "&z"], "ids": [1, 2], "filter": {"b": 1, "a": [true]},
        "X-Trace": "abc def", "X-List": ["a", "b"], "theme": "da;rk=1"
    }))
    .unwrap();
    assert_eq!(
        request.path_and_query,
        "/users/7/files/a.txt?q=a%26b%3Dc%23d%3Fe%2Ff%20%252e&tag%5B%5D=x%20y&tag%5B%5D=%26z&ids=1,2&filter=%7B%22a%22%3A%5Btrue%5D%2C%22b%22%3A1%7D"
    );
    assert_eq!(request.method, "GET");
    let expected = [
        ("accept", "application/json, text/*;q=0.9, */*;q=0.1"),
        ("x-trace", "abc def"),
        ("x-list", "a,b"),
        ("cookie", "theme=da%3Brk%3D1"),
    ];
    assert_eq!(request.headers, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
    assert_eq!(request.body, None);

    let request = document()
        .request("post_payments", &json!({"body": {"to": "ab", "amount": 1.50}, "dry": true}))
        .unwrap();
    assert_eq!((request.method, request.path_and_query.as_str()), ("POST", "/payments?dry=true"));
    assert_eq!(request.body.as_deref(), Some(br#"{"amount":1.5,"to":"ab"}"#.as_slice()));
    assert_eq!(request.headers.last(), Some(&("content-type".to_owned(), "application/json".to_owned())));
}

#[test]
fn path_traversal() {
    let name = |text: &str| file(json!({ "name": text })).map(|r| r.path_and_query);
    let check = |text: &str, path: &str| assert_eq!(name(text).as_deref(), Ok(path), "{text}");
    check("a/b", "/users/7/files/a%2Fb.txt");
    check("a?b#c", "/users/7/files/a%3Fb%23c.txt");
    check("%2f", "/users/7/files/%252f.txt");
    check("a..b", "/users/7/files/a..b.txt");
    check("é", "/users/7/files/%C3%A9.txt");
    check("@evil.test:80", "/users/7/files/%40evil.test%3A80.txt");
    for bad in [
        "../x",
        "a/../../x",
        "..\\x",
        "a\\..\\x",
        "%2e%2e/x",
        "..%2fx",
        "%252e%252e%252fx",
        "..%255cx",
        "./x",
        "..;/x",
        "a/..;x=1/b",
        "a/.%2e/b",
        "..%00/x",
        "..?/x",
        "..%23x",
        "．．/x",
        "‥/x",
        "..／x",
        "..%c0%afx",
        "%c0%ae%c0%ae/x",
        "..%25c1%259cx",
        "%25252525252e%25252525252e/x",
        "",
        "a\0b",
        "a\r\nb",
        "../",
        " ../x",
    ] {
        assert!(name(bad).is_err(), "{bad:?}: {:?}", name(bad));
    }
    // Alone in its segment.
    let text = json!({"openapi": "3.1.0", "paths": {"/a/{x}/b": {"get": {"operationId": "t", "parameters":
        [{"name": "x", "in": "path", "required": true, "schema": {}}]}}}});
    let document = Document::read(text.to_string().as_bytes()).unwrap();
    let path = |x: Value| document.request("t", &json!({ "x": x })).map(|r| r.path_and_query);
    for bad in [
        json!(".."),
        json!("."),
        json!("%2e%2e"),
        json!(""),
        json!(null),
        json!({"a": 1}),
        json!([[1]]),
        json!([]),
        json!(["a,b"]),
    ] {
        assert!(path(bad.clone()).is_err(), "{bad}");
    }
    assert_eq!(path(json!(["a", 1, true])).as_deref(), Ok("/a/a%2C1%2Ctrue/b"));
    assert_eq!(path(json!("...")).as_deref(), Ok("/a/.../b"));
    assert_eq!(path(json!(-1.5)).as_deref(), Ok("/a/-1.5/b"));
}

#[test]
fn header_injection() {
    for bad in ["a\r\nHost: evil.test", "a\nb", "a\0", "a\u{7f}", "\tx", " a", "a ", "ü", "a\u{2028}b"] {
        assert!(file(json!({ "X-Trace": bad })).is_err(), "{bad:?}");
    }
    assert!(file(json!({"X-List": ["a,b"]})).is_err());
    assert!(
        file(json!({"theme": "a\r\nb"}))
            .is_ok_and(|r| r.headers.iter().all(|(_, v)| !v.contains(['\r', '\n'])))
    );
    for name in
        ["Authorization", "HOST", "X-Forwarded-For", "api_key", "SID", "x-trace", "Cookie", "nonsense"]
    {
        let problem = file(json!({ name: "secret" })).unwrap_err().to_string();
        assert!(problem.contains("additionalProperties") && !problem.contains("secret"), "{problem}");
    }
}

#[test]
fn body_smuggling_and_type_confusion() {
    let send = |arguments: Value| document().request("post_payments", &arguments);
    assert!(send(json!({"body": {"to": "ab", "extra": 1}})).is_err());
    assert!(send(json!({"body": "{\"to\":\"ab\"}"})).is_err());
    assert!(send(json!({"body": {"to": ["ab"]}})).is_err());
    assert!(send(json!({"body": {"to": "a"}})).is_err());
    assert!(send(json!({"to": "ab"})).is_err());
    assert!(send(json!({})).is_err());
    assert!(send(json!(["body"])).is_err());
    assert!(send(json!(null)).is_err());
    assert!(send(json!({"body": {"to": "ab"}, "dry": "true&admin=1"})).is_err());
    assert!(file(json!({"id": "7/../8"})).is_err());
    assert!(file(json!({"id": 7.5})).is_err());
    assert!(file(json!({"q": {"a": 1}})).is_err());
    assert_eq!(file(json!({"q": null, "X-Trace": null})).unwrap(), file(json!({})).unwrap());
    assert!(file(json!({"id": null})).is_err());
    assert!(file(json!({"q": null, "undeclared": null, "id": "7"})).is_err());
    assert!(document().request("nothing", &json!({})).is_err());
    let problem = send(json!({"body": {"to": "ab", "amount": "secret"}})).unwrap_err();
    assert_eq!(
        (problem.path.as_str(), problem.message.as_str()),
        ("body.amount", "does not fit `type` of the tool's schema")
    );
}

#[test]
fn what_cannot_be_a_tool_is_skipped_by_name() {
    let skipped = |path: &str, operation: Value| {
        let document = json!({"openapi": "3.1.0", "paths": {path: {"post": operation}}});
        let read = Document::read(document.to_string().as_bytes()).unwrap();
        assert!(read.tools().is_empty(), "{operation}");
        read.skipped()[0].to_string()
    };
    let check = |operation: Value, words: &str| {
        let told = skipped("/a", operation);
        assert!(told.starts_with("POST /a: ") && told.contains(words), "{told}");
    };
    let parameter = |p: Value| json!({ "parameters": [p] });
    check(json!({"requestBody": {"content": {"multipart/form-data": {}}}}), "no JSON");
    check(json!({"requestBody": {"content": {"application/x+json\r\nx: y": {}}}}), "no JSON");
    check(parameter(json!({"name": "a", "in": "query", "style": "deepObject"})), "style");
    check(parameter(json!({"name": "a", "in": "path", "required": true})), "does not stand in it");
    check(parameter(json!({"name": "a", "in": "body"})), "nowhere known");
    check(parameter(json!({"name": "a b", "in": "header"})), "token");
    check(parameter(json!({"name": "a\r\nb", "in": "query"})), "control");
    check(parameter(json!({"name": "X-Forwarded-Host", "in": "header", "required": true})), "transport");
    check(parameter(json!({"$ref": "other.json#/x"})), "leaves");
    check(parameter(json!({"$ref": "#/x"})), "nowhere");
    check(parameter(json!({"name": "a", "in": "query", "schema": {"$ref": "http://evil.test/"}})), "outside");
    check(
        parameter(json!({"name": "a", "in": "query", "schema": {"$ref": "#/components/schemas/none"}})),
        "nowhere",
    );
    check(parameter(json!({"name": "a", "in": "query", "schema": {"pattern": "(?=x)"}})), "pattern");
    check(json!({"operationId": "x".repeat(91)}), "name");
    check(json!({"parameters": [{"name": "X-A", "in": "header"}, {"name": "x-a", "in": "header"}]}), "twice");
    for (path, words) in [
        ("/a/../b", "`..`"),
        ("/a/..;x/b", "`..`"),
        ("//a", "empty"),
        ("/a//b", "empty"),
        ("/a?b", "character"),
        ("/a/{b", "end"),
        ("a", "begin"),
        ("/{b}", "no parameter"),
        ("/%2e%2e", "character"),
    ] {
        let told = skipped(path, json!({}));
        assert!(told.contains(words), "{told}");
    }
    let get = json!({"openapi": "3.1.0", "paths": {"/a": {"get": {"requestBody": {"content": {"application/json": {}}}}}}});
    assert!(Document::read(get.to_string().as_bytes()).unwrap().skipped()[0].to_string().contains("GET"));
}

#[test]
fn documents_that_are_none() {
    let check = |text: &str, words: &str| {
        let problems = Document::read(text.as_bytes()).unwrap_err();
        assert!(problems[0].to_string().contains(words), "{}", problems[0]);
    };
    check("", "empty");
    check("{", "JSON");
    check(r#"{"openapi":"2.0","paths":{}}"#, "no version");
    check(r#"{"swagger":"2.0","paths":{}}"#, "no version");
    check(r#"{"openapi":"3.1.0"}"#, "none");
    check(r#"{"openapi":"3.1.0","openapi":"3.0.0","paths":{}}"#, "twice");
    check(
        r#"{"openapi":"3.1.0","paths":{"/a":{"get":{"operationId":"x"}},"/b":{"get":{"operationId":"X"}}}}"#,
        "twice",
    );
    check("a: &x 1\nb: *x\n", "anchor");
    check("a: !!str 1\n", "tag");
    check("a: 1\na: 2\n", "twice");
    check("? [a]\n: 1\n", "key");
    check("a: 1\n---\nb: 2\n", "second");
    check(&format!("{}1", "- ".repeat(200)), "deep");
}

#[test]
fn yaml_is_read_like_json() {
    let yaml = "openapi: 3.0.3\npaths:\n  /a/{x}:\n    get:\n      operationId: t\n      parameters:\n        - name: x\n          in: path\n          required: true\n          schema: {type: integer, maximum: 5, exclusiveMaximum: true, nullable: true}\n        - {name: yes, in: query, schema: {enum: [on, 'off', 1, 2.5, null, true]}}\n";
    let document = Document::read(yaml.as_bytes()).unwrap();
    assert_eq!(document.skipped(), []);
    let tool = &document.tools()[0];
    let properties = &tool.input_schema()["properties"];
    assert_eq!(
        properties["x"],
        json!({"type": ["integer", "null"], "exclusiveMaximum": 5, "x-cordon-in": "path"})
    );
    assert_eq!(properties["yes"]["enum"], json!(["on", "off", 1, 2.5, null, true]));
    assert_eq!(document.request("t", &json!({"x": 4})).unwrap().path_and_query, "/a/4");
    assert!(document.request("t", &json!({"x": 5})).is_err());
}

#[test]
fn one_name_at_two_positions() {
    let text = json!({"openapi": "3.1.0", "paths": {"/a/{id}": {"post": {"operationId": "t",
        "parameters": [{"name": "id", "in": "path", "required": true}, {"name": "id", "in": "query"}, {"name": "body", "in": "query"}],
        "requestBody": {"content": {"application/json": {}}}}}}});
    let document = Document::read(text.to_string().as_bytes()).unwrap();
    let arguments = json!({"path_id": 1, "query_id": 2, "body": 3, "request_body": [4]});
    let request = document.request("t", &arguments).unwrap();
    assert_eq!(request.path_and_query, "/a/1?id=2&body=3");
    assert_eq!(request.body.as_deref(), Some(b"[4]".as_slice()));
}

proptest! {
    /// Whatever the texts, the request has the shape of its operation.
    #[test]
    fn no_text_leaves_its_position(name in any::<String>(), q in any::<String>(), trace in any::<String>(), theme in any::<String>()) {
        if let Ok(request) = file(json!({"name": name, "q": q, "X-Trace": trace, "theme": theme})) {
            let (path, query) = request.path_and_query.split_once('?').unwrap();
            let parts: Vec<&str> = path.split('/').collect();
            prop_assert_eq!(parts.len(), 5);
            prop_assert_eq!(&parts[..4], &["", "users", "7", "files"]);
            prop_assert!(parts[4].ends_with(".txt"));
            let plain = |t: &str, extra: &str| t.chars().all(|c| c.is_ascii_alphanumeric() || "-._~%".contains(c) || extra.contains(c));
            prop_assert!(plain(path, "/") && plain(query, "="));
            prop_assert_eq!(query.matches('=').count(), 1);
            prop_assert_eq!(request.headers.len(), 3);
            prop_assert!(request.headers.iter().all(|(_, v)| v.bytes().all(|b| b == b' ' || b.is_ascii_graphic())));
            prop_assert!(!request.headers[2].1.contains(';'));
        }
    }
}
