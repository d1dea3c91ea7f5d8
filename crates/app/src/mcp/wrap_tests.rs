//! The bridge before a gateway that is played here: what goes out, what comes back.

use super::*;
use std::io::{BufReader, Cursor};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;

/// A request that the played gateway got.
#[derive(Clone, Debug)]
struct Got {
    head: String,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|l| l.split_once(": ").filter(|(n, _)| *n == name).map(|(_, v)| v))
    }
}

/// Reads one request of a connection.
fn request(stream: &mut TcpStream) -> Option<Got> {
    let mut bytes = Vec::new();
    let mut one = [0; 1];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut one).ok()? == 0 {
            return None;
        }
        bytes.push(one[0]);
    }
    let head = String::from_utf8(bytes).unwrap();
    let mut got = Got { head, body: String::new() };
    let length = got.header("content-length").map_or(0, |l| l.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    got.body = String::from_utf8(body).unwrap();
    Some(got)
}

fn json_answer(status: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{more}content-length: {length}\r\n\r\n{body}"
    )
}

fn events(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{body}")
}

/// Runs the bridge over these lines before a gateway that answers with `answer`; what it got and what came out.
fn play(lines: &[Value], answer: impl Fn(&Got) -> String + Send + Sync + 'static) -> (Vec<Got>, Vec<Value>) {
    let text = lines.iter().map(|l| format!("{l}\n")).collect::<String>();
    play_text(&text, answer)
}

fn play_text(text: &str, answer: impl Fn(&Got) -> String + Send + Sync + 'static) -> (Vec<Got>, Vec<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let got: Arc<Mutex<Vec<Got>>> = Arc::default();
    let answer = Arc::new(answer);
    let all = got.clone();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let (all, answer) = (all.clone(), answer.clone());
            std::thread::spawn(move || {
                while let Some(request) = request(&mut stream) {
                    all.lock().unwrap().push(request.clone());
                    let text = answer(&request);
                    if stream.write_all(text.as_bytes()).is_err() || text.contains("connection: close") {
                        return;
                    }
                }
            });
        }
    });
    let gateway = Gateway { url, server: "git".to_owned(), key: Secret::new("cordon_agent_x".to_owned()) };
    let out = Out::default();
    bridge(&gateway, None, BufReader::new(Cursor::new(text.to_owned())), out.clone()).unwrap();
    let said = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
    let got = got.lock().unwrap().clone();
    (got, said.lines().map(|l| serde_json::from_str(l).unwrap()).collect())
}

#[derive(Clone, Default)]
struct Out(Arc<Mutex<Vec<u8>>>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_older_client_has_its_session_and_hears_what_the_server_says_by_itself() {
    let lines = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": "b", "method": "tools/call", "params": {"name": "log", "arguments": {}}}),
    ];
    let (got, said) = play(&lines, |r| {
        let first = r.head.lines().next().unwrap();
        if first.starts_with("GET") {
            return events("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n");
        }
        if first.starts_with("DELETE") {
            return json_answer("200 OK", "", "{}");
        }
        match serde_json::from_str::<Value>(&r.body).unwrap()["id"].clone() {
            Value::Null => "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_owned(),
            id if id == 1 => {
                let body = json!({"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "2025-06-18"}});
                json_answer("200 OK", "mcp-session-id: s1\r\n", &serde_json::to_string_pretty(&body).unwrap())
            }
            id => events(&format!(
                "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}}\n\n\
                 data: {{\"jsonrpc\":\"2.0\",\ndata: \"id\":{id},\"result\":{{}}}}\n\n"
            )),
        }
    });
    let post = |id: &str| got.iter().find(|g| g.body.contains(id)).unwrap();
    assert!(post("initialize\"").head.starts_with("POST /mcp/git HTTP/1.1\r\n"));
    assert_eq!(post("initialize\"").header("mcp-session-id"), None);
    assert_eq!(post("tools/call").header("mcp-session-id"), Some("s1"));
    assert_eq!(post("tools/call").header("mcp-protocol-version"), Some("2025-06-18"));
    assert_eq!(post("tools/call").header("authorization"), Some("Bearer cordon_agent_x"));
    assert_eq!(post("tools/call").body, lines[2].to_string(), "the bytes that came");
    assert!(got.last().unwrap().head.starts_with("DELETE"));
    assert_eq!(said.iter().filter(|s| s["id"] == 1 && s["result"].is_object()).count(), 1);
    assert_eq!(said.iter().filter(|s| s["id"] == "b" && s["result"].is_object()).count(), 1);
    assert!(said.iter().any(|s| s["method"] == "notifications/progress"));
}

#[test]
fn a_current_client_has_its_headers_from_the_body_and_no_session() {
    let meta = json!({META_VERSION: "2026-07-28"});
    let lines = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "läs", "_meta": meta}}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "resources/read", "params": {"uri": "file:///a", "_meta": meta}}),
    ];
    let (got, said) = play(&lines, |r| {
        let id = serde_json::from_str::<Value>(&r.body).unwrap()["id"].clone();
        json_answer("200 OK", "", &json!({"jsonrpc": "2.0", "id": id, "result": {}}).to_string())
    });
    let post = |id: &str| got.iter().find(|g| g.body.contains(id)).unwrap();
    let call = post("tools/call");
    assert_eq!(call.header("mcp-protocol-version"), Some("2026-07-28"));
    assert_eq!(call.header("mcp-method"), Some("tools/call"));
    assert_eq!(call.header("mcp-name"), Some("=?base64?bMOkcw==?="));
    assert_eq!(post("resources/read").header("mcp-name"), Some("file:///a"));
    assert_eq!((got.len(), said.len()), (2, 2));
}

#[test]
fn every_request_is_answered_once_whatever_the_gateway_does() {
    let ask = |id: u8| json!({"jsonrpc": "2.0", "id": id, "method": "tools/list"});
    let text = format!("{}\nnot json\n\n{}\n{}\n{}\n", ask(1), ask(2), ask(3), ask(4));
    let (_, said) =
        play_text(&text, |r| match serde_json::from_str::<Value>(&r.body).unwrap()["id"].as_u64().unwrap() {
            1 => json_answer("401 Unauthorized", "", "{\"error\":{\"message\":\"no such key\"}}"),
            2 => events("data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n\n"),
            3 => json_answer("404 Not Found", "", "{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":-1}}"),
            _ => "broken".to_owned(),
        });
    let of = |id: Value| said.iter().filter(|s| s["id"] == id).collect::<Vec<_>>();
    assert_eq!(of(json!(1)).len(), 1);
    assert!(of(json!(1))[0]["error"]["message"].as_str().unwrap().contains("no such key"));
    assert!(of(json!(2))[0]["error"]["message"].as_str().unwrap().contains("before the answer"));
    assert_eq!(of(json!(3))[0]["error"]["code"], -1, "the gateway's own error is the answer");
    assert_eq!((of(json!(4)).len(), of(json!(null))[0]["error"]["code"].clone()), (1, json!(-32700)));
}

#[test]
fn a_key_does_not_cross_a_network_in_the_clear() {
    let gateway = Gateway {
        url: "http://gateway.example.com".to_owned(),
        server: "git".to_owned(),
        key: Secret::new("cordon_agent_x".to_owned()),
    };
    let refused = bridge(&gateway, None, Cursor::new(Vec::new()), Vec::new()).unwrap_err().to_string();
    assert!(refused.contains("in the clear") && !refused.contains("cordon_agent_x"), "{refused}");
}
