//! In which revision and session a message stands, and how its answer looks.

use crate::body::OutBody;
use crate::call::{self, Asked};
use crate::mcp::calls::Call;
use crate::mcp::failure::Failure;
use crate::mcp::headers;
use crate::mcp::link::{Link, META_ABILITIES, META_LOG, META_VERSION, SESSION, VERSION};
use crate::mcp::outward::Behalf;
use crate::mcp::server::Server;
use crate::mcp::session::{Abilities, Session};
use crate::mcp::standing::LEVELS;
use crate::mcp::tasks;
use crate::respond;
use crate::route::single;
use cordon_pipeline::hands::CallExchange;
use cordon_pipeline::{Gate, Refusal, Why};
use cordon_policy::{Interaction, Manifest};
use cordon_types::{Operation, ServerId};
use cordon_wire::WireError;
use cordon_wire::json::{Doc, Kind};
use cordon_wire::mcp::{
    ErrorCode, Id, Message, MessageKind, Method, Revision, error_with_data, response, string,
};
use http::{HeaderMap, Response};
use std::sync::Arc;

/// The piece of work that a call belongs to, where no header says it.
const META_SESSION: &str = "cordon/session";

/// A refusal in the protocol's own form.
#[derive(Clone, Debug)]
pub(crate) struct Fail {
    pub status: u16,
    pub why: Why,
    pub code: i32,
    pub message: String,
    /// JSON text.
    pub data: Option<String>,
}

impl Fail {
    pub(crate) fn new(status: u16, why: Why, code: ErrorCode, message: impl Into<String>) -> Self {
        Self { status, why, code: code.number(), message: message.into(), data: None }
    }

    pub(crate) fn wire(e: WireError) -> Self {
        let refusal = Refusal::from_wire(e);
        let code = cordon_wire::mcp::refusal_code(refusal.why.name());
        Self::new(400, refusal.why, code, refusal.public)
    }

    pub(crate) fn refusal(refusal: &Refusal) -> Self {
        let code = cordon_wire::mcp::refusal_code(refusal.why.name());
        let data = format!("{{\"code\":{}}}", string(refusal.why.name()));
        Self { data: Some(data), ..Self::new(refusal.status, refusal.why, code, refusal.public.clone()) }
    }
}

/// See the module.
pub(crate) struct Context {
    pub asked: Asked,
    pub gate: Arc<Gate>,
    /// The endpoint's one server.
    pub one: Option<Arc<Server>>,
    pub revision: Revision,
    pub session: Option<Arc<Session>>,
    /// What the client can do, as far as the manifest allows it.
    pub abilities: Abilities,
    /// The level of log messages that a client without session asks for.
    pub log: Option<String>,
    /// The request's headers: some repeat parts of the body.
    pub headers: HeaderMap,
}

type Lost = Box<(Asked, Fail)>;

impl Context {
    /// Finds revision and session. Errors with what the client is told.
    pub(crate) fn find(
        mut asked: Asked,
        one: Option<Arc<Server>>,
        headers: &HeaderMap,
        message: &Message,
    ) -> Result<Self, Lost> {
        if let Some(named) = message.meta(META_SESSION).and_then(|n| message.doc().string(n)) {
            match &asked.session {
                Some(header) if *header != *named => {
                    let text = "the header `x-cordon-session` and `_meta` name two sessions";
                    let fail = Fail::new(400, Why::Header, ErrorCode::HeaderMismatch, text);
                    return Err(Box::new((asked, fail)));
                }
                _ => asked.session = Some(named.into_owned()),
            }
        }
        let gate = asked.worker.shared.gate.load_full();
        match Self::place(&asked, one.as_ref(), headers, message) {
            Err(fail) => Err(Box::new((asked, fail))),
            Ok((revision, session)) => {
                let manifest = gate.policy.manifest(&asked.principal.agent);
                let log = message.meta(META_LOG).map(|n| message.doc().string(n).unwrap_or_default());
                if session.is_none() && log.as_ref().is_some_and(|l| !LEVELS.contains(&l.as_ref())) {
                    let text =
                        format!("`_meta` names no level of a log; the levels are {}", LEVELS.join(", "));
                    let fail = Fail::new(400, Why::Header, ErrorCode::InvalidParams, text);
                    return Err(Box::new((asked, fail)));
                }
                let (abilities, log) = match &session {
                    Some(session) => (session.abilities.clone(), None),
                    None => (
                        message
                            .meta(META_ABILITIES)
                            .map(|n| abilities(message.doc(), n, manifest))
                            .unwrap_or_default(),
                        log.map(std::borrow::Cow::into_owned),
                    ),
                };
                Ok(Self { asked, gate, one, revision, session, abilities, log, headers: headers.clone() })
            }
        }
    }

    fn place(
        asked: &Asked,
        one: Option<&Arc<Server>>,
        headers: &HeaderMap,
        message: &Message,
    ) -> Result<(Revision, Option<Arc<Session>>), Fail> {
        let bad = |text: String| Fail::new(400, Why::Header, ErrorCode::HeaderMismatch, text);
        let named = single(headers, &VERSION).map_err(bad)?;
        let in_body = message.meta(META_VERSION).and_then(|n| message.doc().string(n));
        let revision = named.and_then(Revision::from_name);
        let asks = matches!(message.kind(), MessageKind::Request);
        if in_body.is_some() || revision.is_some_and(Revision::is_stateless) {
            if !asks {
                return Ok((Revision::CURRENT, None));
            }
            return stateless(headers, message, named, in_body.as_deref()).map(|r| (r, None));
        }
        if named.is_some() && revision.is_none() {
            return Err(unsupported(named.unwrap_or_default()));
        }
        if asks && message.method() == Method::Initialize.name() {
            return Ok((revision.unwrap_or(Revision::LAST_WITH_SESSIONS), None));
        }
        let Some(id) = single(headers, &SESSION).map_err(bad)? else {
            return Err(Fail::new(
                400,
                Why::Header,
                ErrorCode::InvalidRequest,
                "send `initialize` first, and then the session's id in the header `mcp-session-id`",
            ));
        };
        let hub = &asked.worker.shared.hub;
        let session = hub.session(id, &asked.principal.key, one.map(|s| s.id())).ok_or_else(|| {
            Fail::new(
                404,
                Why::Header,
                ErrorCode::InvalidRequest,
                "there is no such session; send `initialize` again",
            )
        })?;
        Ok((session.revision, Some(session)))
    }

    /// The context in which a call and its result are judged.
    pub(crate) fn exchange(&self, call: &Call) -> CallExchange {
        CallExchange {
            gate: self.gate.clone(),
            caller: self.asked.principal.clone(),
            server: call.server.id().clone(),
            tool: call.tool.clone(),
            session: self.asked.session.clone(),
            pin: call.pin,
        }
    }

    pub(crate) fn manifest(&self) -> Option<&Manifest> {
        self.gate.policy.manifest(&self.asked.principal.agent)
    }

    /// Whether the manifest lets servers do this.
    pub(crate) fn allows(&self, what: Interaction) -> bool {
        self.manifest().is_some_and(|m| m.mcp.contains(&what))
    }

    /// The servers of this endpoint that the agent may use something of.
    pub(crate) fn servers(&self) -> Vec<Arc<Server>> {
        if let Some(one) = &self.one {
            return vec![one.clone()];
        }
        let all = self.asked.worker.shared.hub.servers();
        let Some(manifest) = self.manifest() else { return Vec::new() };
        all.values().filter(|s| uses(manifest, s.id())).cloned().collect()
    }

    /// Whether names carry their server's.
    pub(crate) fn is_joined(&self) -> bool {
        self.one.is_none()
    }

    /// The connection to that server for this client; opened when there is none.
    pub(crate) async fn link(&self, server: &Arc<Server>) -> Result<Arc<Link>, Failure> {
        let worker = &self.asked.worker;
        let hub = &worker.shared.hub;
        let key = &self.asked.principal.key;
        if let Some(session) = &self.session {
            if let Some(link) = session.link(server.id()) {
                link.renew(&self.behalf());
                return Ok(link);
            }
            let _one_at_a_time = session.opening.lock().await;
            if let Some(link) = session.link(server.id()) {
                link.renew(&self.behalf());
                return Ok(link);
            }
            let link = Arc::new(Link::open(worker, server, &self.abilities, false, self.behalf()).await?);
            session.keep(&link);
            crate::mcp::standing::attend(worker, session, &link);
            return Ok(link);
        }
        if let Some(link) = hub.link(key, server.id()) {
            link.renew(&self.behalf());
            return Ok(link);
        }
        // A server with sessions is told what its clients may be asked by the bridge; the client's word comes with
        // each request and is looked at then.
        let abilities = Abilities {
            elicitation: self.allows(Interaction::Elicitation).then(|| "{\"form\":{}}".to_owned()),
            ..Abilities::default()
        };
        let link = Arc::new(Link::open(worker, server, &abilities, true, self.behalf()).await?);
        hub.keep(key, &link);
        Ok(link)
    }

    /// With which token the caller comes.
    pub(crate) fn behalf(&self) -> Behalf {
        self.asked.token.clone()
    }

    /// Lets go of a connection that serves no more.
    pub(crate) fn drop_link(&self, link: &Arc<Link>) {
        match &self.session {
            Some(session) => session.drop_link(link),
            None => self.asked.worker.shared.hub.drop_link(&self.asked.principal.key, link),
        }
    }

    pub(crate) fn accepted(&self) -> Response<OutBody> {
        respond::mcp_accepted(self.asked.id)
    }

    /// An answer at once.
    pub(crate) fn result(&self, id: &Id, result: &str) -> Response<OutBody> {
        respond::json(200, self.asked.dialect, self.asked.id, response(id, result))
    }

    /// A refusal, recorded.
    pub(crate) async fn refused(&self, id: &Id, op: Operation, fail: Fail) -> Response<OutBody> {
        let refusal = Refusal::new(fail.status, fail.why, fail.message.clone());
        let told = call::refuse(&self.asked, op, refusal).await;
        self.failed(id, &if told.why == fail.why { fail } else { Fail::refusal(&told) })
    }

    /// A refusal that is recorded already.
    pub(crate) fn failed(&self, id: &Id, fail: &Fail) -> Response<OutBody> {
        // Clients with sessions take an error status for a fault of the transport; there, errors are answers.
        let status = if self.revision.is_stateless() { stateless_status(fail.code) } else { 200 };
        let fail = Fail { status, ..fail.clone() };
        fail_response(&self.asked, Some(id), &fail)
    }
}

/// The status that goes with an error where each request stands alone.
const fn stateless_status(code: i32) -> u16 {
    match code {
        -32700 | -32600 | -32602 | -32020 | -32021 | -32022 => 400,
        -32601 => 404,
        _ => 200,
    }
}

pub(crate) fn fail_response(asked: &Asked, id: Option<&Id>, fail: &Fail) -> Response<OutBody> {
    let body = error_with_data(id, fail.code, &fail.message, fail.data.as_deref());
    respond::json(fail.status, asked.dialect, asked.id, body)
}

pub(crate) fn plain_error(
    asked: &Asked,
    status: u16,
    id: Option<&Id>,
    code: ErrorCode,
    message: &str,
) -> Response<OutBody> {
    respond::json(status, asked.dialect, asked.id, cordon_wire::mcp::error(id, code, message))
}

/// Whether a manifest lists anything of a server.
pub(crate) fn uses(manifest: &Manifest, server: &ServerId) -> bool {
    let prefix = format!("{server}__");
    manifest.tools.iter().any(|t| match t.name.strip_suffix('*') {
        Some(glob) => glob.starts_with(&prefix) || prefix.starts_with(glob),
        None => t.name.starts_with(&prefix),
    })
}

/// A request that says all by itself: its envelope, and headers that agree with it.
fn stateless(
    headers: &HeaderMap,
    message: &Message,
    named: Option<&str>,
    in_body: Option<&str>,
) -> Result<Revision, Fail> {
    let mismatch = |text: String| Fail::new(400, Why::Header, ErrorCode::HeaderMismatch, text);
    let doc = message.doc();
    let complete = message.meta(META_ABILITIES).is_some_and(|n| doc.kind(n) == Kind::Object);
    let (Some(in_body), true) = (in_body, complete) else {
        let text = format!("`params._meta` must have `{META_VERSION}` and `{META_ABILITIES}`");
        return Err(Fail::new(400, Why::Header, ErrorCode::InvalidParams, text));
    };
    if named != Some(in_body) {
        return Err(mismatch("the header `MCP-Protocol-Version` does not say what the body says".to_owned()));
    }
    headers::agree(headers, message).map_err(mismatch)?;
    Revision::from_name(in_body).filter(|r| r.is_stateless()).ok_or_else(|| unsupported(in_body))
}

fn unsupported(requested: &str) -> Fail {
    let data = format!(
        "{{\"supported\":[{}],\"requested\":{}}}",
        string(Revision::CURRENT.name()),
        string(requested)
    );
    let fail = Fail::new(400, Why::Header, ErrorCode::UnsupportedVersion, "this revision is not spoken here");
    Fail { data: Some(data), ..fail }
}

/// What a client can do, as far as the manifest lets servers ask for it. SECURITY: told in the gateway's own words; a
/// client's would be a way to servers that nobody looks into.
pub(crate) fn abilities(doc: Doc<'_>, node: u32, manifest: Option<&Manifest>) -> Abilities {
    let object = |node: u32, key: &str| doc.given(node, key).filter(|v| doc.kind(*v) == Kind::Object);
    let of = |key: &str, what: Interaction, known: &[&str]| {
        let value = object(node, key)?;
        let allowed = manifest.is_some_and(|m| m.mcp.contains(&what));
        let parts: Vec<String> =
            known.iter().filter(|k| object(value, k).is_some()).map(|k| format!("\"{k}\":{{}}")).collect();
        allowed.then(|| format!("{{{}}}", parts.join(",")))
    };
    Abilities {
        elicitation: of("elicitation", Interaction::Elicitation, &["form", "url"]),
        sampling: of("sampling", Interaction::Sampling, &["context", "tools"]),
        roots: of("roots", Interaction::Roots, &[]),
        tasks: object(node, "extensions").and_then(|e| object(e, tasks::EXTENSION)).is_some(),
    }
}

/// What a record calls a method.
pub(crate) const fn operation(method: Method) -> Operation {
    match method {
        Method::ToolsList => Operation::ToolsList,
        Method::ToolsCall => Operation::ToolsCall,
        Method::ResourcesList | Method::TemplatesList => Operation::ResourcesList,
        Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => {
            Operation::ResourcesRead
        }
        Method::PromptsList => Operation::PromptsList,
        Method::PromptsGet => Operation::PromptsGet,
        Method::Complete => Operation::Complete,
        Method::TasksGet | Method::TasksUpdate | Method::TasksCancel => Operation::Tasks,
        Method::Initialize | Method::Ping | Method::Discover | Method::SetLevel | Method::Listen => {
            Operation::McpSession
        }
    }
}
