//! The handshakes: `initialize`, which opens a session, and `server/discover`, which opens nothing.
//!
//! What always holds: Cordon answers by itself, so that a server that is down stops nobody from using the others; of
//! one server's endpoint, the answer says what that server can do.

use crate::body::OutBody;
use crate::mcp::context::{Context, Fail, abilities};
use crate::mcp::link::{Link, SESSION, object};
use crate::mcp::session::{Abilities, Session};
use crate::mcp::tasks;
use cordon_pipeline::Why;
use cordon_policy::Interaction;
use cordon_types::Operation;
use cordon_wire::mcp::{ErrorCode, Id, Message, Method, Revision, string};
use http::{HeaderValue, Response};

/// Who Cordon is, towards clients.
const SELF: &str = concat!("{\"name\":\"cordon\",\"version\":\"", env!("CARGO_PKG_VERSION"), "\"}");

pub(crate) async fn initialize(mut context: Context, id: &Id, message: &Message) -> Response<OutBody> {
    let (Some(wanted), Some(can)) = (message.text("protocolVersion"), message.get("capabilities")) else {
        let fail = Fail::new(
            400,
            Why::Header,
            ErrorCode::InvalidParams,
            "`protocolVersion` and `capabilities` are needed",
        );
        return context.refused(id, Operation::McpSession, fail).await;
    };
    // A revision that is not known here is answered with the newest that has sessions; the client may go.
    let revision =
        Revision::from_name(&wanted).filter(|r| !r.is_stateless()).unwrap_or(Revision::LAST_WITH_SESSIONS);
    // Tasks are an extension of the revision without sessions.
    let abilities = Abilities { tasks: false, ..abilities(message.doc(), can, context.manifest()) };
    let shared = context.asked.worker.shared.clone();
    let key = context.asked.principal.key.clone();
    let endpoint = context.one.as_ref().map(|s| s.id().clone());
    let opened = shared
        .hub
        .open(shared.entropy.as_ref(), |id| Session::new(id, key, endpoint, revision, abilities.clone()));
    let Some(session) = opened else {
        let fail =
            Fail::new(503, Why::Limit, ErrorCode::Refused, "there are too many sessions; end some first");
        return context.refused(id, Operation::McpSession, fail).await;
    };
    (context.revision, context.abilities, context.session) = (revision, abilities, Some(session.clone()));
    let hello = match hello(&context).await {
        Ok(hello) => hello,
        Err(fail) => {
            shared.hub.close(&session);
            return context.refused(id, Operation::McpSession, fail).await;
        }
    };
    let mut members = vec![
        ("protocolVersion", string(revision.name())),
        ("capabilities", hello.capabilities),
        ("serverInfo", SELF.to_owned()),
    ];
    members.extend(hello.instructions.map(|text| ("instructions", text)));
    if let Err(fail) = recorded(&context).await {
        return context.failed(id, &fail);
    }
    let mut response = context.result(id, &object(&members));
    if let Ok(value) = HeaderValue::from_str(&session.id) {
        response.headers_mut().insert(SESSION, value);
    }
    response
}

pub(crate) async fn discover(context: Context, id: &Id) -> Response<OutBody> {
    let hello = match hello(&context).await {
        Ok(hello) => hello,
        Err(fail) => return context.refused(id, Operation::McpSession, fail).await,
    };
    let mut members = vec![
        ("resultType", "\"complete\"".to_owned()),
        ("supportedVersions", format!("[{}]", string(Revision::CURRENT.name()))),
        ("capabilities", hello.capabilities),
        ("ttlMs", "0".to_owned()),
        ("cacheScope", "\"private\"".to_owned()),
    ];
    members.extend(hello.instructions.map(|text| ("instructions", text)));
    members.push(("_meta", format!("{{\"io.modelcontextprotocol/serverInfo\":{SELF}}}")));
    match recorded(&context).await {
        Ok(()) => context.result(id, &object(&members)),
        Err(fail) => context.failed(id, &fail),
    }
}

/// One leaf for something that changes nothing.
pub(crate) async fn recorded(context: &Context) -> Result<(), Fail> {
    crate::call::listed(&context.asked, Operation::McpSession, &context.gate)
        .await
        .map_err(|r| Fail::refusal(&r))
}

struct Hello {
    capabilities: String,
    instructions: Option<String>,
}

/// What can be done here. At one server's endpoint, what that server can do.
async fn hello(context: &Context) -> Result<Hello, Fail> {
    let Some(server) = &context.one else {
        let changes = "{\"listChanged\":true}".to_owned();
        let mut all = vec![
            ("tools", changes.clone()),
            ("resources", "{\"listChanged\":true,\"subscribe\":true}".to_owned()),
            ("prompts", changes),
            ("completions", "{}".to_owned()),
        ];
        all.extend(context.allows(Interaction::Logging).then(|| ("logging", "{}".to_owned())));
        all.extend(context.revision.is_stateless().then(tasks::advertised));
        return Ok(Hello { capabilities: object(&all), instructions: None });
    };
    let link = context.link(server).await.map_err(|f| {
        tracing::warn!(server = %server.id(), why = f.name, detail = f.detail, "a tool server could not be reached");
        Fail::refusal(&f.refusal())
    })?;
    let doc = link.hello.doc();
    let mut members = Vec::new();
    for key in ["tools", "resources", "prompts", "completions", "logging"] {
        if key == "logging" && !context.allows(Interaction::Logging) {
            continue;
        }
        if let Some(node) = link.capability(key) {
            members.push((key, String::from_utf8_lossy(doc.raw(node)).into_owned()));
        }
    }
    if context.revision.is_stateless() && tasks::served(&link) {
        members.push(tasks::advertised());
    }
    Ok(Hello { capabilities: object(&members), instructions: instructions(context, &link) })
}

/// What the server says of itself, where it does not try to steer its reader.
fn instructions(context: &Context, link: &Link) -> Option<String> {
    let node = link.hello.get("instructions")?;
    let mut read = cordon_wire::mcp::Texts::default();
    cordon_wire::mcp::texts(link.hello.doc(), node, false, &mut read);
    let mut tally = cordon_pipeline::Tally::default();
    let clean = cordon_pipeline::hands::definition(&context.gate, &read, &mut tally).is_ok();
    clean.then(|| link.hello.raw(node).to_owned())
}

/// Whether a method makes sense at a server that says what it can do.
pub(crate) fn can(link: &Link, method: Method) -> bool {
    let needs = match method {
        Method::ToolsList | Method::ToolsCall => "tools",
        Method::ResourcesList
        | Method::TemplatesList
        | Method::ResourcesRead
        | Method::ResourcesSubscribe
        | Method::ResourcesUnsubscribe => "resources",
        Method::PromptsList | Method::PromptsGet => "prompts",
        Method::Complete => "completions",
        Method::SetLevel => "logging",
        _ => return true,
    };
    link.capability(needs).is_some()
}
