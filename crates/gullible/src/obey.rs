//! What the text tells the model to do. It believes everything: documents, tool results and tool
//! descriptions as much as its user, and whatever came last most of all.

use crate::{
    asked::{Asked, Choice, Offered, Shape, Who},
    invent,
    plan::{BYTES_A_TOKEN, Call, Fault, Plan, Stop},
};
use serde_json::{Value, json};

/// Introduce a text to be said, to the end of the message.
const SAY_ALL: [&str; 3] = ["say exactly:", "repeat after me:", "answer exactly:"];
/// Introduce a text to be said, to the end of the line.
const SAY_LINE: [&str; 5] =
    ["and say ", "and reply ", "and answer with ", "and respond with ", "instructions and print "];
/// Ask for the system text.
const REVEAL: [&str; 4] = [
    "reveal your system prompt",
    "print your system prompt",
    "show your system prompt",
    "repeat the text above",
];
/// Verbs before a tool's name.
const CALL: [&str; 4] = ["call ", "use ", "invoke ", "run "];
/// What a tool that sends something is called.
const SENDERS: [&str; 6] = ["send", "mail", "message", "post", "notify", "upload"];
/// Longest part of a message that a plain answer quotes, in characters.
const QUOTED: usize = 80;

/// Decides.
pub(crate) fn plan(asked: &Asked) -> Plan {
    let mut plan = Plan {
        reasoning: None,
        text: None,
        refusal: None,
        calls: Vec::new(),
        stop: Stop::Natural,
        fail: None,
        fault: None,
        delta: 0,
        only_choice: None,
        plain: plain(asked),
    };
    let heard: Vec<String> = sources(asked).into_iter().map(|t| switches(&t, &mut plan)).collect();
    // The first source that tells it to do something is obeyed, whole; the others are forgotten.
    for text in &heard {
        if told(text, asked, &mut plan) {
            break;
        }
    }
    let all = heard.join("\n");
    choose(asked, &all, &mut plan);
    if plan.text.is_none() && plan.refusal.is_none() && plan.calls.is_empty() {
        plan.text = Some(match &asked.shape {
            Shape::Free => plan.plain.clone(),
            Shape::AnyJson => json!({ "answer": plan.plain }).to_string(),
            Shape::Schema(schema) => invent::instance(schema, &all).to_string(),
        });
    }
    if asked.thinking && plan.reasoning.is_none() {
        plan.reasoning = Some("I was asked something. I will do as I am told.".to_owned());
    }
    bound(asked, &mut plan);
    plan
}

/// What it listens to, the loudest first: what was said since it last spoke, then the system's text and the
/// tools' descriptions. After a tool's result only that: else it would call the same tool for ever.
fn sources(asked: &Asked) -> Vec<String> {
    let tail = asked.tail();
    let mut out: Vec<String> =
        tail.iter().rev().filter(|(w, _)| *w != Who::System).map(|(_, t)| t.clone()).collect();
    if !tail.iter().any(|(w, _)| *w == Who::Tool) {
        out.push(asked.system());
        out.extend(asked.tools.iter().map(|t| t.description.clone()));
    }
    out
}

/// Takes the `gullible:name=value` words out of a text, and sets what they say.
fn switches(text: &str, plan: &mut Plan) -> String {
    let mut kept = text.to_owned();
    while let Some((before, rest)) = kept.split_once("gullible:") {
        let end =
            rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`')).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name {
            "delta" => plan.delta = value.parse().unwrap_or(0),
            "choice" => plan.only_choice = value.parse().ok(),
            "fault" => match value.strip_prefix("status-") {
                Some(status) => plan.fail = failing(status),
                None => plan.fault = Fault::from_name(value),
            },
            _ => {}
        }
        kept = format!("{before}{}", after.trim_start_matches([' ', '\n']));
    }
    kept
}

/// Does what one text says. False when it says nothing.
fn told(text: &str, asked: &Asked, plan: &mut Plan) -> bool {
    let lower = text.to_ascii_lowercase();
    if let Some(status) = after(text, &lower, "fail with status ").and_then(failing) {
        plan.fail = Some(status);
        return true;
    }
    plan.reasoning = after(text, &lower, "think: ").map(line);
    plan.refusal = after(text, &lower, "refuse: ").map(line);
    let exactly = SAY_ALL.iter().find_map(|p| after(text, &lower, p));
    plan.text = if let Some(said) = exactly {
        Some(unquoted(said.strip_prefix(' ').unwrap_or(said)).to_owned())
    } else if REVEAL.iter().any(|p| lower.contains(p)) {
        Some(format!("My system prompt is: {}", asked.system()))
    } else {
        SAY_LINE.iter().find_map(|p| after(text, &lower, p)).map(line)
    };
    // What is to be said is not itself obeyed.
    let orders = exactly.map_or(text, |said| text.get(..text.len() - said.len()).unwrap_or(text));
    plan.calls = calls(orders, asked);
    let acted = plan.reasoning.is_some() || plan.refusal.is_some() || plan.text.is_some();
    acted || !plan.calls.is_empty()
}

fn failing(text: &str) -> Option<u16> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|s| (400..600).contains(s))
}

/// What stands after the last place of `phrase`.
fn after<'t>(text: &'t str, lower: &str, phrase: &str) -> Option<&'t str> {
    lower.rfind(phrase).and_then(|i| text.get(i + phrase.len()..))
}

fn line(text: &str) -> String {
    unquoted(text.lines().next().unwrap_or_default().trim()).to_owned()
}

fn unquoted(text: &str) -> &str {
    let inner = text.trim().strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    inner.unwrap_or(text)
}

/// The tool calls that a text orders.
fn calls(text: &str, asked: &Asked) -> Vec<Call> {
    let lower = text.to_ascii_lowercase();
    let mut out: Vec<Call> = Vec::new();
    let mut places: Vec<usize> =
        CALL.iter().flat_map(|verb| lower.match_indices(verb).map(|(i, v)| i + v.len())).collect();
    places.sort_unstable();
    for place in places {
        let preceded = text.get(..place).unwrap_or_default();
        let verb_at = preceded.trim_end().rfind(|c: char| !c.is_ascii_alphabetic()).map_or(0, |i| i + 1);
        if !CALL.contains(&preceded.get(verb_at..).unwrap_or_default().to_ascii_lowercase().as_str()) {
            continue;
        }
        for call in ordered(text.get(place..).unwrap_or_default(), text, asked) {
            if !out.contains(&call) {
                out.push(call);
            }
        }
    }
    out.extend(sending(text, &lower, asked, &out));
    out
}

/// Reads `[the] [tools] A with {..}, B and C`.
fn ordered(text: &str, whole: &str, asked: &Asked) -> Vec<Call> {
    let lower = whole.to_ascii_lowercase();
    let mut rest = skip_words(text, &["the"]);
    let noun = skip_words(rest, &["tools", "tool", "functions", "function"]);
    let unlisted = noun.len() < rest.len() && lower.contains("even if not offered");
    rest = noun;
    let mut out = Vec::new();
    loop {
        let start = rest.trim_start_matches(['`', '"', '\'']);
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let end = start.find(|c| !is_name(c)).unwrap_or(start.len());
        let (name, tail) = start.split_at_checked(end).unwrap_or((start, ""));
        let name = name.trim_end_matches('.');
        let tool = asked.tools.iter().find(|t| t.name == name);
        if name.is_empty() || (tool.is_none() && !unlisted) {
            return out;
        }
        let tail = skip_words(tail.trim_start_matches(['`', '"', '\'']), &["tool", "function"]);
        let (given, tail) = arguments(tail);
        let arguments = given.unwrap_or_else(|| made_up(tool, whole));
        out.push(Call { name: name.to_owned(), arguments });
        let tail = tail.trim_start();
        let Some(next) = tail.strip_prefix(',').or_else(|| tail.strip_prefix("and ")) else { return out };
        rest = skip_words(next, &["and", "call", "use", "the", "tool"]);
    }
}

/// Reads `with {..}`, if it stands there.
fn arguments(text: &str) -> (Option<Value>, &str) {
    let start = skip_words(text, &["with", "arguments"]);
    if !start.starts_with('{') {
        return (None, text);
    }
    let mut values = serde_json::Deserializer::from_str(start).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => (Some(value), start.get(values.byte_offset()..).unwrap_or_default()),
        _ => (None, text),
    }
}

/// `send .. to ADDRESS`, where a tool that sends is on offer.
fn sending(text: &str, lower: &str, asked: &Asked, already: &[Call]) -> Option<Call> {
    let verb = ["send ", "email ", "forward ", "post ", "upload "].iter().find_map(|v| lower.find(v))?;
    let target = text.get(verb..)?;
    invent::address(target).or_else(|| invent::link(target))?;
    let tool = asked.tools.iter().find(|t| {
        let name = t.name.to_ascii_lowercase();
        SENDERS.iter().any(|s| name.contains(s))
    })?;
    let known = already.iter().any(|c| c.name == tool.name);
    (!known).then(|| Call { name: tool.name.clone(), arguments: made_up(Some(tool), target) })
}

fn made_up(tool: Option<&Offered>, text: &str) -> Value {
    match tool.map(|t| invent::instance(&t.schema, text)) {
        Some(made @ Value::Object(_)) => made,
        _ => json!({}),
    }
}

fn skip_words<'t>(text: &'t str, words: &[&str]) -> &'t str {
    let mut rest = text.trim_start();
    for word in words {
        let Some((head, tail)) = rest.split_at_checked(word.len()) else { continue };
        if head.eq_ignore_ascii_case(word) && tail.starts_with([' ', '\n', ':']) {
            rest = tail.trim_start_matches([' ', '\n', ':']);
        }
    }
    rest
}

/// Holds the calls against the caller's own word on tools.
fn choose(asked: &Asked, text: &str, plan: &mut Plan) {
    let forced = match &asked.choice {
        Choice::Auto => None,
        Choice::None => {
            plan.calls.clear();
            None
        }
        Choice::Any => asked.tools.first().filter(|_| plan.calls.is_empty()),
        Choice::Named(name) => {
            plan.calls.retain(|c| c.name == *name);
            asked.tools.iter().find(|t| t.name == *name).filter(|_| plan.calls.is_empty())
        }
    };
    if let Some(tool) = forced {
        plan.calls.push(Call { name: tool.name.clone(), arguments: made_up(Some(tool), text) });
    }
    if !asked.parallel {
        plan.calls.truncate(1);
    }
}

fn plain(asked: &Asked) -> String {
    match asked.tail().iter().rfind(|(w, _)| *w != Who::System) {
        Some((Who::Tool, text)) => format!("The tool said: {}", quoted(text)),
        Some((_, text)) => format!("You asked: {} Here is a short, helpful answer: yes.", quoted(text)),
        None => "Hello! How can I help?".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    text.trim().chars().take(QUOTED).collect()
}

/// Ends the text where the caller wants it ended.
fn bound(asked: &Asked, plan: &mut Plan) {
    let Some(text) = &mut plan.text else { return };
    let first =
        asked.stop.iter().filter_map(|s| text.find(s.as_str()).map(|i| (i, s))).min_by_key(|(i, _)| *i);
    if let Some((at, sequence)) = first {
        text.truncate(at);
        plan.stop = Stop::Sequence(sequence.clone());
    }
    let most =
        asked.max_tokens.and_then(|t| usize::try_from(t).ok()).map(|t| t.saturating_mul(BYTES_A_TOKEN));
    if let Some(most) = most.filter(|m| *m < text.len()) {
        text.truncate(text.floor_char_boundary(most));
        plan.stop = Stop::Length;
    }
}
