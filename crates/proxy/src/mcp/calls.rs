//! Calls: of a tool, for a resource's content or word of its changes, for a prompt, for a completion.
//!
//! ```text
//! name --server--> known, shown --judged, intent durable--> server --Flow--> answer
//! ```

use crate::body::OutBody;
use crate::call::{self, own_scopes};
use crate::mcp::consent::{self, Asked};
use crate::mcp::context::{Context, Fail, operation};
use crate::mcp::failure::Failure;
use crate::mcp::flow::Flow;
use crate::mcp::learn::learn;
use crate::mcp::link::{Ask, Link, Way};
use crate::mcp::mirror;
use crate::mcp::park::Parked;
use crate::mcp::questions::STATE;
use crate::mcp::refusals::{record_refusal, refused, unreachable};
use crate::mcp::scopes;
use crate::mcp::seal::Of;
use crate::mcp::server::{Defined, Server};
use crate::mcp::target::{self, Target};
use crate::mcp::tasks::{self, Named};
use crate::open::Open;
use cordon_ledger::custody::Salted;
use cordon_pipeline::{CallSeen, End, Refusal, Tally, Why, hands};
use cordon_policy::{Interaction, Permit, ReasonCode};
use cordon_types::Digest;
use cordon_upstream::ApiRequest;
use cordon_wire::json::{Doc, scan};
use cordon_wire::mcp::{Edits, ErrorCode, Id, Message, Method, render, string};
use http::Response;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tokio::time::Instant;

/// A call whose server is known.
pub(crate) struct Call {
    pub method: Method,
    pub server: Arc<Server>,
    /// What the judge knows it by: a tool's own name, or the method's.
    pub tool: String,
    /// What the judge looks at, and what leaves: JSON text of an object.
    pub arguments: String,
    /// What `Mcp-Name` says.
    pub name: Option<String>,
    /// The tool's definition, as it was approved.
    pub pin: Option<Digest>,
    /// The task that it is about.
    pub task: Option<Named>,
}

pub(crate) async fn call(context: Context, method: Method, id: &Id, message: &Message) -> Response<OutBody> {
    let op = operation(method);
    if method.is_of_task() && !context.abilities.tasks {
        return context.refused(id, op, tasks::needed()).await;
    }
    let Some(mut call) = find(&context, method, message) else {
        return context.refused(id, op, unknown(method)).await;
    };
    let tickets = match call::admit(&context.asked, own_scopes(&context.asked, &context.gate)) {
        Ok(ticket) => vec![ticket],
        Err(refusal) => return refused(&context, id, op, &call, message, Tally::default(), refusal).await,
    };
    if context.asked.is_killed_at(call.server.id()) {
        let refusal = crate::open::killed_refusal();
        return refused(&context, id, op, &call, message, Tally::default(), refusal).await;
    }
    let now = context.asked.worker.shared.clock.now();
    let shown = hands::offered(&context.gate, &context.asked.principal, call.server.id(), &call.tool, now);
    // One answer for what is not there and what the agent may not have.
    if !shown {
        let refusal = Refusal::new(403, Why::Policy(ReasonCode::ToolNotListed), String::new());
        record_refusal(&context, op, &call, message, &Tally::default(), &refusal).await;
        return context.failed(id, &unknown(method));
    }
    if !scopes::suffice(&context, &call.server, &call.tool) {
        let refusal = Refusal::new(403, Why::Scope, scopes::TEXT);
        let told = record_refusal(&context, op, &call, message, &Tally::default(), &refusal).await;
        return match told.why {
            Why::Scope => scopes::insufficient(&context, id, &call),
            _ => context.failed(id, &Fail::refusal(&told)),
        };
    }
    let (link, defined) = match ready(&context, &call).await {
        Ok((_, None)) if call.is_of_tool() => {
            let refusal = Refusal::new(403, Why::Policy(ReasonCode::ToolNotListed), String::new());
            record_refusal(&context, op, &call, message, &Tally::default(), &refusal).await;
            return context.failed(id, &unknown(method));
        }
        Ok(found) => found,
        Err(failure) => return unreachable(&context, id, op, &call, message, &failure).await,
    };
    if context.revision.is_stateless()
        && method == Method::ToolsCall
        && let Err(text) = mirror::agree(&call, &context.headers, &context.gate.limits)
    {
        let fail = Fail::new(400, Why::Header, ErrorCode::HeaderMismatch, text);
        return context.refused(id, op, fail).await;
    }
    let mut tally = Tally { received: message.len() as u64, ..Tally::default() };
    let permit = match permitted(&context, id, &mut call, (message, defined.as_deref()), &mut tally).await {
        Ok(permit) => permit,
        Err(response) => return *response,
    };
    let (parked, inputs) = match come_back(&context, &call, message, &mut tally, now) {
        Ok(found) => found,
        Err(refusal) => return refused(&context, id, op, &call, message, tally, refusal).await,
    };
    let api = match composed(&link, &call) {
        Ok(api) => api,
        Err(refusal) => return refused(&context, id, op, &call, message, tally, refusal).await,
    };
    let back = Back { parked, inputs, api };
    context.asked.worker.shared.metrics.found(&tally, "prompt");
    carry(context, link, call, permit, tally, tickets, (id, message), back).await
}

/// Whether the tool may be used as it is, and the judge's word on the call. `Err`: the answer to the client.
async fn permitted(
    context: &Context,
    id: &Id,
    call: &mut Call,
    (message, defined): (&Message, Option<&Defined>),
    tally: &mut Tally,
) -> Result<Arc<Permit>, Box<Response<OutBody>>> {
    if let Some(Err(refusal)) = defined.map(|d| fits(context, call, d)) {
        let (op, tally) = (operation(call.method), std::mem::take(tally));
        return Err(Box::new(refused(context, id, op, call, message, tally, refusal).await));
    }
    // The call that became the task was judged; what its caller adds to it is looked into below.
    if let Some(named) = &call.task {
        return Ok(named.task.permit.clone());
    }
    call.pin = defined.map(|d| d.digest);
    let judged = judged(context, id, call, (message, defined), tally).await?;
    call.arguments = judged.arguments;
    call.rename(&context.gate.limits);
    Ok(Arc::new(judged.permit))
}

/// The judge's word; where the call waits for people, after the end user was asked. `Err`: the answer to the client.
async fn judged(
    context: &Context,
    id: &Id,
    call: &Call,
    (message, defined): (&Message, Option<&Defined>),
    tally: &mut Tally,
) -> Result<hands::CallPermit, Box<Response<OutBody>>> {
    let judge = |tally: &mut Tally| {
        let now = context.asked.worker.shared.clock.now();
        hands::call(&context.exchange(call), &call.arguments, tally, now)
    };
    let op = operation(call.method);
    let back = call.method == Method::ToolsCall && consent::come_back(context, message);
    let refusal = match judge(tally) {
        Ok(judged) => return Ok(judged),
        Err(refusal) => refusal,
    };
    // Only a tool's call comes back with an answer that is looked for before it is judged.
    let asks = call.method == Method::ToolsCall && !back;
    let asked = if asks { consent::ask(context, call, &refusal).await } else { Asked::No };
    let refusal = match asked {
        Asked::No => refusal,
        Asked::Required(result) => {
            let told = record_refusal(context, op, call, message, tally, &refusal).await;
            let required = told.why == refusal.why;
            return Err(Box::new(match required {
                true => context.result(id, &result),
                false => context.failed(id, &Fail::refusal(&told)),
            }));
        }
        Asked::Answered => {
            *tally = Tally { received: tally.received, ..Tally::default() };
            // SECURITY: a person took their time: what stopped the call meanwhile stops it.
            let still = match context.asked.is_killed_at(call.server.id()) {
                true => Err(crate::open::killed_refusal()),
                false => defined.map_or(Ok(()), |d| fits(context, call, d)),
            };
            match still.and_then(|()| judge(tally)) {
                Ok(judged) => return Ok(judged),
                Err(refusal) => refusal,
            }
        }
    };
    let tally = std::mem::take(tally);
    Err(Box::new(refused(context, id, op, call, message, tally, refusal).await))
}

/// What the client came back with.
struct Back {
    parked: Option<Parked>,
    inputs: Inputs,
    /// What goes to an HTTP interface.
    api: Option<ApiRequest>,
}

/// Intent, server, answer.
#[expect(clippy::too_many_arguments, reason = "all that was found out about one call")]
async fn carry(
    mut context: Context,
    link: Arc<Link>,
    call: Call,
    permit: Arc<Permit>,
    tally: Tally,
    tickets: Vec<cordon_pipeline::meter::Ticket>,
    (id, message): (&Id, &Message),
    Back { parked, inputs, api }: Back,
) -> Response<OutBody> {
    let op = operation(call.method);
    if call.method == Method::ResourcesSubscribe
        && let (Some(session), Some(uri)) = (&context.session, &call.name)
    {
        session.follow(call.server.id(), uri);
    }
    let cancelled = context.session.as_ref().map(|s| s.begin(id));
    let Ok(place) = call.server.places.clone().try_acquire_owned() else {
        let refusal = Refusal::new(
            503,
            Why::Limit,
            "the tool server has as many calls as it may have; try again shortly",
        );
        return refused(&context, id, op, &call, message, tally, refusal).await;
    };
    let open = match intent(&mut context, &call, message, tally, tickets).await {
        Ok(open) => open,
        Err(refusal) => return context.failed(id, &Fail::refusal(&refusal)),
    };
    let mut ask = ask_of(&context, &call, message, inputs);
    ask.api = api;
    if call.method == Method::ToolsCall && link.revision.is_stateless() {
        ask.headers = mirror::outgoing(&call, &context.gate.limits);
    }
    let flow = Flow::new(context, open, link, call, permit, id.clone(), message, cancelled, place);
    match parked {
        Some(parked) => flow.resume(parked.replies, parked.questions, message).await,
        None => flow.run(ask).await,
    }
}

/// The request to an HTTP interface. SECURITY: made of the arguments as they were judged and masked, and before the
/// intent, so that what cannot be sent is refused like any other call that may not be made.
fn composed(link: &Link, call: &Call) -> Result<Option<ApiRequest>, Refusal> {
    let Way::OpenApi(interface) = &link.way else { return Ok(None) };
    if call.method != Method::ToolsCall {
        return Ok(None);
    }
    let why = Why::Wire(cordon_wire::WireCode::WrongType);
    let composed = interface.compose(&call.tool, &call.arguments);
    composed.map(Some).map_err(|problem| Refusal::new(400, why, problem.to_string()))
}

/// What a client came back with: a call that waited for it, or the inputs that its server asked for, judged.
fn come_back(
    context: &Context,
    call: &Call,
    message: &Message,
    tally: &mut Tally,
    now: u64,
) -> Result<(Option<Parked>, Inputs), Refusal> {
    let Some(state) = message.text("requestState") else {
        return Ok((None, judged_inputs(context, call, message, tally, now)?));
    };
    // An answer about the call itself, which was looked at before it was judged.
    if state.starts_with(consent::STATE) {
        return Ok((None, Vec::new()));
    }
    let Some(token) = state.strip_prefix(STATE) else {
        return Ok((None, judged_inputs(context, call, message, tally, now)?));
    };
    let (key, request) = (&context.asked.principal.key, call.digest());
    let fits = |p: &Parked| p.key == *key && p.request == request;
    let parked = context.asked.worker.shared.hub.unpark(token, fits).ok_or_else(not_waiting)?;
    Ok((Some(parked), Vec::new()))
}

fn not_waiting() -> Refusal {
    let why = Why::Wire(cordon_wire::WireCode::UnknownVariant);
    Refusal::new(400, why, "no call waits under this `requestState`; make the call again without it")
}

/// Members of the parameters: key and JSON text.
type Inputs = Vec<(&'static str, String)>;

fn judged_inputs(
    context: &Context,
    call: &Call,
    message: &Message,
    tally: &mut Tally,
    now: u64,
) -> Result<Inputs, Refusal> {
    let exchange = context.exchange(call);
    let mut out = Vec::new();
    if let Some(node) = message.get("inputResponses") {
        out.push(("inputResponses", hands::reply(&exchange, message.raw(node), tally, now)?));
    }
    let Some(node) = message.get("requestState") else { return Ok(out) };
    // SECURITY: nothing goes under this name but what the server said itself.
    let shared = &context.asked.worker.shared;
    let of = Of::call(&context.asked.principal.key, call);
    let sealed = message.doc().string(node).ok_or_else(not_waiting)?;
    let state = shared.hub.seal(shared.entropy.as_ref()).open(&of, &sealed).ok_or_else(not_waiting)?;
    out.push(("requestState", string(state)));
    Ok(out)
}

impl Call {
    /// Whether it is about one tool that its server declares.
    fn is_of_tool(&self) -> bool {
        self.method == Method::ToolsCall || self.task.is_some()
    }

    /// SECURITY: a header and a subscription name what was judged, with all that was masked in it.
    fn rename(&mut self, limits: &cordon_wire::Limits) {
        let key = match self.method {
            Method::PromptsGet => "name",
            Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => "uri",
            _ => return,
        };
        self.name = member(&self.arguments, key, limits);
    }

    /// What is asked, so that nothing else can be taken for it.
    pub(crate) fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        for part in [self.method.name(), self.server.id().as_str(), &self.tool, &self.arguments] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Digest(hash.finalize().into())
    }
}

/// A text among judged arguments.
pub(crate) fn member(arguments: &str, key: &str, limits: &cordon_wire::Limits) -> Option<String> {
    let tape = scan(arguments.as_bytes(), limits).ok()?;
    let doc = Doc::new(arguments.as_bytes(), &tape);
    doc.given(0, key).and_then(|n| doc.string(n)).map(std::borrow::Cow::into_owned)
}

/// What the server is asked.
fn ask_of(context: &Context, call: &Call, message: &Message, inputs: Inputs) -> Ask {
    let tape = scan(call.arguments.as_bytes(), &context.gate.limits).unwrap_or_default();
    let doc = Doc::new(call.arguments.as_bytes(), &tape);
    let mut params = Vec::new();
    if call.method == Method::ToolsCall {
        params.push(("name", string(&call.tool)));
        params.push(("arguments", call.arguments.clone()));
    } else {
        for key in call.method.params() {
            if let Some(value) = doc.get(0, key) {
                params.push((*key, String::from_utf8_lossy(doc.raw(value)).into_owned()));
            }
        }
    }
    params.extend(inputs);
    let log = context.log.clone().filter(|_| context.allows(Interaction::Logging));
    Ask {
        method: call.method.name(),
        params,
        name: call.name.clone(),
        headers: Vec::new(),
        progress: message.meta("progressToken").is_some(),
        log,
        abilities: context.abilities.clone(),
        api: None,
        behalf: context.behalf(),
    }
}

/// The call's server, and what is to be judged.
fn find(context: &Context, method: Method, message: &Message) -> Option<Call> {
    let doc = message.doc();
    let judged = |target: Target, key: u32| {
        let mut edits = Edits::default();
        edits.replace(key, string(&target.name));
        let body = message.body().unwrap_or(0);
        for extra in ["_meta", "inputResponses", "requestState"] {
            edits.unset(doc, body, extra);
        }
        let arguments = render(doc, body, &edits);
        let tool = method.name().to_owned();
        Call {
            method,
            server: target.server,
            tool,
            arguments,
            name: Some(target.name),
            pin: None,
            task: None,
        }
    };
    match method {
        Method::ToolsCall => {
            let target = target::by_name(context, &message.text("name")?)?;
            let arguments = message.get("arguments").map_or("{}", |n| message.raw(n)).to_owned();
            let name = Some(target.name.clone());
            Some(Call {
                method,
                server: target.server,
                tool: target.name,
                arguments,
                name,
                pin: None,
                task: None,
            })
        }
        Method::TasksGet | Method::TasksUpdate | Method::TasksCancel => tasks::find(context, method, message),
        Method::PromptsGet => {
            let key = message.get("name")?;
            Some(judged(target::by_name(context, &doc.string(key)?)?, key))
        }
        Method::Complete => {
            let of = message.get("ref")?;
            let (key, target) = match doc.given(of, "name") {
                Some(key) => (key, target::by_name(context, &doc.string(key)?)?),
                None => {
                    let key = doc.given(of, "uri")?;
                    (key, target::by_uri(context, &doc.string(key)?)?)
                }
            };
            Some(Call { name: None, ..judged(target, key) })
        }
        _ => {
            let key = message.get("uri")?;
            let mut call = judged(target::by_uri(context, &doc.string(key)?)?, key);
            // Who may read a resource may hear of its changes.
            Method::ResourcesRead.name().clone_into(&mut call.tool);
            Some(call)
        }
    }
}

/// The connection, once the tool is known, and the tool as its server declares it.
async fn ready(context: &Context, call: &Call) -> Result<(Arc<Link>, Option<Arc<Defined>>), Failure> {
    let link = context.link(&call.server).await?;
    if !call.is_of_tool() {
        return Ok((link, None));
    }
    let worker = &context.asked.worker;
    let known = || call.server.tools().as_ref().as_ref().and_then(|s| s.tools.get(&call.tool)).cloned();
    if let Some(defined) = known() {
        return Ok((link, Some(defined)));
    }
    match learn(worker, &context.gate, &link).await {
        Err(failure) if failure.forgotten => {
            context.drop_link(&link);
            let link = context.link(&call.server).await?;
            learn(worker, &context.gate, &link).await?;
            Ok((link, known()))
        }
        other => other.map(|()| (link, known())),
    }
}

/// Whether a tool may be used, and its arguments are what it takes.
fn fits(context: &Context, call: &Call, defined: &Defined) -> Result<(), Refusal> {
    let pins = &context.asked.worker.shared.hub.pins;
    if let Some(barred) = pins.barred(&call.server, &call.tool, defined) {
        tracing::warn!(server = %call.server.id(), why = barred.name(), "a quarantined tool was called");
        return Err(Refusal::new(
            403,
            Why::Policy(ReasonCode::Quarantined),
            format!(
                "this tool is quarantined ({}) until an operator approves what its server declares; ask them to run \
                 `cordon mcp review {}`",
                barred.name(),
                call.server.id()
            ),
        ));
    }
    // A task's call was checked when it was made.
    if call.task.is_some() {
        return Ok(());
    }
    let Ok(schema) = &defined.schema else { return Err(Refusal::internal()) };
    // A tool without parameters may be called without arguments; the gateway's scan has read them strictly.
    let mut value: Value = serde_json::from_str(&call.arguments).map_err(|_| Refusal::internal())?;
    let mut checked = schema.check(&value);
    // Models and clients write null for what they leave out, whatever the schema says of the type.
    if checked.is_err()
        && let Value::Object(members) = &mut value
        && members.values().any(Value::is_null)
    {
        members.retain(|_, v| !v.is_null());
        checked = schema.check(&value);
    }
    checked.map_err(|misfits| {
        let places: Vec<String> = misfits.iter().map(ToString::to_string).collect();
        let text = format!("the arguments are not what the tool takes: {}", places.join("; "));
        Refusal::new(400, Why::Policy(ReasonCode::SchemaRefused), text)
    })
}

fn unknown(method: Method) -> Fail {
    let what = match method {
        Method::ToolsCall => "there is no such tool, or this agent may not use it",
        Method::TasksGet | Method::TasksUpdate | Method::TasksCancel => {
            "there is no such task, or it is none of this key's"
        }
        Method::PromptsGet => "there is no such prompt, or this agent may not use it",
        Method::Complete => "there is nothing of that name to complete, or this agent may not use it",
        _ => "there is no such resource, or this agent may not read it",
    };
    Fail::new(404, Why::Route, ErrorCode::InvalidParams, what)
}

/// Makes the intent durable.
async fn intent(
    context: &mut Context,
    call: &Call,
    message: &Message,
    tally: Tally,
    tickets: Vec<cordon_pipeline::meter::Ticket>,
) -> Result<Open, Refusal> {
    let shared = context.asked.worker.shared.clone();
    let body = message.raw(0).as_bytes();
    let salted = shared.commit.then(|| Salted::new(shared.entropy.as_ref(), body));
    let about = context.asked.about(operation(call.method));
    let name = hands::full_name(call.server.id(), &call.tool);
    let seen = CallSeen {
        server: Some(call.server.id()),
        tool: Some(&name),
        bytes: call.arguments.len() as u64,
        tally: &tally,
        session: context.asked.session.as_deref(),
        advisory: false,
    };
    let commitment = salted.as_ref().map(|s| s.commitment);
    let leaf = shared.recorder.call_intent(&about, &context.gate, &seen, commitment, shared.clock.now());
    let appended = match salted {
        Some(salted) => shared.ledger.append_salted(leaf, salted.salt),
        None => shared.ledger.append(leaf),
    };
    let deadline = Instant::now() + call.server.settings.timeout.min(shared.limits.total);
    let mut open =
        Open::of_call(&mut context.asked, &context.gate, about, call.server.id(), tickets, deadline);
    // The outcome says of which tool the call was, and how it was judged.
    open.tally.calls = tally.calls;
    open.begun(appended, message.len() as u64).await
}

/// How a failure of a server ends an exchange.
pub(crate) const fn end_of(failure: &Failure) -> End {
    End::UpstreamFailed(failure.name)
}
