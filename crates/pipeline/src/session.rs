//! Sessions as the judge sees them: one piece of work of one agent, the same for its model calls and its tool calls.
//!
//! ```text
//! front end --words--> open      tool results --> learn      a call's values --> Origins::of
//! ```
//! What always holds: only a front end's credential opens a clean session and brings a user's words; a session that is
//! missing, unknown, another agent's or lost in a restart is worth the floor: untrusted, and it may have read whatever
//! the manifest lets it read. What it deliberately does not do: keep any text; `flow` keeps digests.

use crate::called::{Floor, Origins, Whole};
use crate::exchange::Caller;
use crate::gate::Gate;
use crate::refusal::{Refusal, Why};
use crate::told::{Told, leaves, told};
use cordon_flow::{Bounds, ENTROPY_BYTES, Fields, Session, Sessions};
use cordon_policy::{Manifest, ToolRule, UserTurns};
use cordon_types::{AgentId, Class, Integrity, Labels, Millis, Operation, Provenance};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Most bytes of a user's words that open a session or come into it at once.
const MAX_WORDS: usize = 256 * 1024;

/// A session by its id, of one agent.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) sessions: &'a Sessions,
    pub(crate) id: &'a str,
    pub(crate) agent: &'a AgentId,
    pub(crate) floor: Labels,
    pub(crate) now: Millis,
}

impl Named<'_> {
    fn with<R>(&self, f: impl FnOnce(&mut Session) -> R) -> Option<R> {
        self.sessions.with(self.id, &owner(self.agent), self.now, f)
    }
}

impl Origins for Named<'_> {
    fn labels(&self) -> Labels {
        self.with(|s| s.labels()).unwrap_or(self.floor)
    }

    fn of(&self, value: &Value, how: &Whole<'_>) -> Provenance {
        self.with(|s| s.provenance_json(value, how.joins, how.named)).unwrap_or_default()
    }

    fn calls(&self, arguments: &Value) {
        self.with(|s| s.called(arguments));
    }
}

/// What a session is bound to. Another agent's id is answered like an unknown one.
fn owner(agent: &AgentId) -> [u8; 32] {
    Sha256::digest(agent.as_str().as_bytes()).into()
}

/// Where values of a call came from: the named session where there is one, else the floor.
pub(crate) fn origins<'a>(
    gate: &'a Gate,
    caller: &'a Caller,
    session: Option<&'a str>,
    now: Millis,
) -> Option<Box<dyn Origins + 'a>> {
    let manifest = gate.policy.manifest(&caller.agent).filter(|m| m.flow)?;
    let floor = Labels::floor(manifest.highest_class());
    Some(match session {
        Some(id) => {
            Box::new(Named { sessions: &gate.lasting.sessions, id, agent: &caller.agent, floor, now })
        }
        None => Box::new(Floor(floor)),
    })
}

/// What a front end posts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    text: String,
    #[serde(default)]
    session: Option<String>,
}

/// A user's words, from a front end: in a session that is open, or in a clean one whose id is made of `random`. Gives
/// the session's id.
pub fn post(
    gate: &Gate,
    caller: &Caller,
    body: &[u8],
    random: &[u8; ENTROPY_BYTES],
    now: Millis,
) -> Result<String, Refusal> {
    must_be_front(caller)?;
    // SECURITY: strictly first, so that no key stands twice; then there is one way to read it.
    cordon_wire::json::scan(body, &gate.limits).map_err(Refusal::from_wire)?;
    let words: Words = serde_json::from_slice(body).map_err(|_| {
        let shape = "send {\"text\": \"the user's words\"}, with \"session\" to add to one that is open";
        Refusal::new(400, Why::Wire(cordon_wire::WireCode::WrongType), shape)
    })?;
    check_words(&words.text)?;
    let sessions = &gate.lasting.sessions;
    let open = || sessions.open(&owner(&caller.agent), now, random).as_str().to_owned();
    let id = words.session.unwrap_or_else(open);
    let named = Named { sessions, id: &id, agent: &caller.agent, floor: Labels::CLEAN, now };
    if named.with(|s| s.saw(Provenance::User, Class::Public, &words.text)).is_none() {
        let unknown = "there is no such session of this agent; open one without `session`";
        return Err(Refusal::new(404, Why::Route, unknown));
    }
    Ok(id)
}

fn must_be_front(caller: &Caller) -> Result<(), Refusal> {
    if caller.front {
        return Ok(());
    }
    Err(Refusal::new(
        403,
        Why::Vouching,
        "only a front end's key brings a user's words (`cordon key create --kind front --agent NAME`); an agent's own key \
         cannot say what its user said",
    ))
}

fn check_words(words: &str) -> Result<(), Refusal> {
    if words.len() <= MAX_WORDS {
        return Ok(());
    }
    Err(Refusal::new(413, Why::Limit, "a user's words are at most 256 KiB at once"))
}

/// Does something in the session that a caller names, where there is one and the flow of information is judged.
fn in_named(
    gate: &Gate,
    caller: &Caller,
    session: Option<&str>,
    now: Millis,
    work: impl FnOnce(&mut Session, &Manifest),
) {
    let Some(id) = session else { return };
    let Some(manifest) = gate.policy.manifest(&caller.agent).filter(|m| m.flow) else { return };
    let floor = Labels::floor(manifest.highest_class());
    let named = Named { sessions: &gate.lasting.sessions, id, agent: &caller.agent, floor, now };
    named.with(|s| work(s, manifest));
}

/// A tool's result comes into a session, with the labels that the manifest gives it.
pub fn learn(gate: &Gate, caller: &Caller, session: Option<&str>, tool: &str, content: &Value, now: Millis) {
    in_named(gate, caller, session, now, |s, manifest| Bringing::of(s, manifest, Some(tool)).result(content));
}

/// Words of a tool server come to an agent: the answer to a call, an error, progress, a question. `None`: nobody can
/// tell what they say, so the session is worth the floor from now on.
pub(crate) fn hear(
    gate: &Gate,
    caller: &Caller,
    session: Option<&str>,
    tool: &str,
    said: Option<&Value>,
    now: Millis,
) {
    in_named(gate, caller, session, now, |s, manifest| match said {
        Some(said) => {
            let label = manifest.tool(tool).filter(|r| r.labels).and_then(|_| label(said));
            Bringing::labelled(s, manifest, Some(tool), label).said(said);
        }
        None => s.join(Labels::floor(manifest.highest_class())),
    });
}

/// The session of one request: all that its array of messages told the model.
pub(crate) fn of_messages(key: &[u8; 16], manifest: &Manifest, op: Operation, body: &Value) -> Session {
    let mut session = Session::new(key, Bounds::default());
    let words = match manifest.user_turns {
        UserTurns::Human => Provenance::User,
        UserTurns::Asserted => Provenance::Untrusted,
    };
    told(op, body, |piece| match piece {
        Told::User(text) => session.saw(words, Class::Public, text),
        Told::Called(arguments) => session.called(&arguments),
        Told::Result { tool, content } => Bringing::of(&mut session, manifest, tool).result(content),
        Told::Other(value) => {
            leaves(value, &mut |text: &str| session.saw(Provenance::Untrusted, Class::Public, text));
        }
    });
    session
}

/// What one tool brings into a session. It is worth what the manifest says of the tool; of a tool that the manifest
/// does not know, nothing.
struct Bringing<'a> {
    session: &'a mut Session,
    /// All of it, but for the fields below.
    source: Provenance,
    fields: Fields,
    class: Class,
}

impl<'a> Bringing<'a> {
    fn of(session: &'a mut Session, manifest: &Manifest, tool: Option<&str>) -> Self {
        Self::labelled(session, manifest, tool, None)
    }

    /// The same, where a server whose word counts says what this result is worth.
    fn labelled(
        session: &'a mut Session,
        manifest: &Manifest,
        tool: Option<&str>,
        label: Option<Labels>,
    ) -> Self {
        let rule = tool.and_then(|t| manifest.tool(t));
        let class =
            label.map_or_else(|| rule.map_or_else(|| manifest.highest_class(), |r| r.class), |l| l.class);
        let all = label.map(|l| l.integrity).or_else(|| rule.map(|r| r.result)).unwrap_or_default();
        let source = source(all);
        // The class of what a tool returns counts, also where it says that it found nothing.
        session.join(Labels { integrity: Integrity::Trusted, class });
        // SECURITY: no field of a result that its own server calls untrusted is worth more.
        let distrusted = label.is_some_and(|l| l.integrity == Integrity::Untrusted);
        let fields = match rule.filter(|_| !distrusted) {
            Some(rule) => fields(rule, source),
            None => Fields::all(source),
        };
        Self { session, source, fields, class }
    }

    /// A text, blocks of content, or JSON.
    fn result(&mut self, content: &Value) {
        match content {
            Value::String(text) => self.text(text),
            Value::Array(items) if !items.is_empty() && items.iter().all(is_block) => {
                items.iter().for_each(|block| self.block(block));
            }
            json => self.session.saw_json(&self.fields, self.class, json),
        }
    }

    /// A block: its text, what it holds, and all else in it.
    fn block(&mut self, block: &Value) {
        for (key, value) in block.as_object().into_iter().flatten() {
            match (key.as_str(), value) {
                ("type" | "role", _) => {}
                ("text", Value::String(text)) => self.text(text),
                ("content" | "resource", Value::Object(_)) => self.block(value),
                ("content", _) => self.result(value),
                _ => self.session.saw_json(&Fields::all(self.source), self.class, value),
            }
        }
    }

    fn text(&mut self, text: &str) {
        match strict(text) {
            Some(json) => self.session.saw_json(&self.fields, self.class, &json),
            None => self.session.saw(self.source, self.class, text),
        }
    }

    /// A message of a tool server, whole.
    fn said(&mut self, said: &Value) {
        // Structured content first: there the operator's paths find their fields.
        if let Some(structured) = said.get("structuredContent") {
            self.session.saw_json(&self.fields, self.class, structured);
        }
        let Some(members) = said.as_object() else { return self.result(said) };
        for (key, value) in members {
            match key.as_str() {
                "structuredContent" => {}
                "content" | "contents" | "messages" | "completion" => self.result(value),
                _ => self.session.saw_json(&Fields::all(self.source), self.class, value),
            }
        }
    }
}

/// One of the blocks in which protocols hand over content.
fn is_block(value: &Value) -> bool {
    ["type", "text", "role", "uri"].iter().any(|key| value.get(key).is_some_and(Value::is_string))
}

/// A text that is one object or list, in which no key stands twice: else there are two ways to read it, and the one
/// that is not read here would be told by nobody.
fn strict(text: &str) -> Option<Value> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    cordon_wire::json::scan(text.as_bytes(), &cordon_wire::Limits::default()).ok()?;
    serde_json::from_str(text).ok()
}

/// What a server says in `_meta.ifc` that its result is worth. A word that nobody here knows is the worst that it could
/// mean.
fn label(said: &Value) -> Option<Labels> {
    let label = said.get("_meta")?.get("ifc")?;
    let word = |key: &str| label.get(key).and_then(Value::as_str);
    let integrity = match word("integrity") {
        Some("trusted") => Integrity::Trusted,
        _ => Integrity::Untrusted,
    };
    let class = match word("confidentiality") {
        Some("private") => Class::Confidential,
        Some(name) => Class::ALL.into_iter().find(|c| c.name() == name).unwrap_or(Class::Restricted),
        None => Class::Restricted,
    };
    Some(Labels { integrity, class })
}

/// What each field of a tool's results is worth.
fn fields(rule: &ToolRule, all: Provenance) -> Fields {
    let all = Fields::all(all);
    rule.result_fields.iter().fold(all, |fields, (path, integrity)| {
        // The manifest's reader took the path for one; what is none here stays at what all of it is worth.
        fields.clone().with(path, source(*integrity)).unwrap_or(fields)
    })
}

const fn source(integrity: Integrity) -> Provenance {
    match integrity {
        Integrity::Trusted => Provenance::Trusted,
        Integrity::Untrusted => Provenance::Untrusted,
    }
}

/// One request's messages, and the session that it names beside them.
pub(crate) struct Turn<'a> {
    pub(crate) messages: Session,
    pub(crate) named: Option<Named<'a>>,
}

impl Origins for Turn<'_> {
    fn labels(&self) -> Labels {
        let messages = self.messages.labels();
        self.named.map_or(messages, |n| messages.join(n.labels()))
    }

    fn of(&self, value: &Value, how: &Whole<'_>) -> Provenance {
        // The session knows who was first; the messages tell only of what it never saw.
        match self.named.map_or(Provenance::Unknown, |n| n.of(value, how)) {
            Provenance::Unknown => self.messages.provenance_json(value, how.joins, how.named),
            known => known,
        }
    }

    fn calls(&self, arguments: &Value) {
        if let Some(named) = &self.named {
            named.calls(arguments);
        }
    }
}
