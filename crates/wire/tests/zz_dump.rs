//! dump
mod streams;
use cordon_types::{Dialect, Operation, RequestId};
use cordon_wire::{ApiError, EventEdit, Part, error_body, error_event};
use std::fs::write;
#[test]
fn dump() {
    let d = "/tmp/wiredump";
    std::fs::create_dir_all(d).unwrap();
    for (op, name, stream) in [
        (Operation::ChatCompletions, "openai", include_str!("golden/openai_stream.txt")),
        (Operation::Messages, "anthropic", include_str!("golden/anthropic_stream.txt")),
    ] {
        write(format!("{d}/{name}_plain"), stream).unwrap();
        let (mut denied, mut edited) = (Vec::new(), Vec::new());
        let mut told = Vec::new();
        for e in streams::events(op, stream) {
            let (mut a, mut b) = (Vec::new(), Vec::new());
            for (part, is) in e.parts.iter().enumerate() {
                match is {
                    Part::CallName { call, .. } | Part::CallArgs { call, .. } => {
                        let first = !told.contains(call);
                        told.push(*call);
                        a.push(EventEdit::DenyCall { part, notice: first.then(|| "[denied]".to_owned()) });
                    }
                    Part::Finish { .. } => a.push(EventEdit::FinishAsStop { part }),
                    Part::Text { splice: cordon_wire::Splice::Free, text, .. } if !text.is_empty() => b.push(EventEdit::Text { part, new: "<\"E\">".into() }),
                    _ => {}
                }
            }
            denied.extend(e.render(&a).unwrap().unwrap_or_default());
            edited.extend(e.render(&b).unwrap().unwrap_or_default());
        }
        write(format!("{d}/{name}_denied"), denied).unwrap();
        write(format!("{d}/{name}_edited"), edited).unwrap();
        let dialect = if name == "openai" { Dialect::OpenaiChat } else { Dialect::AnthropicMessages };
        let e = ApiError { status: 403, kind: "permission_error", code: "finding_refused", message: "no", param: None, request_id: RequestId(1) };
        write(format!("{d}/{name}_body"), error_body(dialect, &e)).unwrap();
        let frames = stream.split("\n\n").take(4).collect::<Vec<_>>().join("\n\n") + "\n\n";
        let mut out = frames.into_bytes();
        out.extend(error_event(dialect, &e));
        write(format!("{d}/{name}_err"), out).unwrap();
    }
}
