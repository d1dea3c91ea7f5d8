//! What a server declares: asked for, read once, pinned or not.
//!
//! ```text
//! link --all pages--> definitions: digest, words looked into, schema compiled --> the server's tools, and their pins
//! ```
//! What always holds: a listing that cannot be read whole makes no tool known; the same listing is looked into once.
//! Cost: one SHA-256 of the listing; all else only when it is another than the last.

use crate::mcp::failure::Failure;
use crate::mcp::link::{Ask, Link, Words};
use crate::mcp::server::{Defined, Health, Listed, Server};
use crate::mcp::session::Abilities;
use crate::worker::Worker;
use cordon_pipeline::{Gate, Tally, hands};
use cordon_tools::pins;
use cordon_tools::schema::Schema;
use cordon_types::Digest;
use cordon_wire::mcp::{Item, Listing, Message, MessageKind, Method, Texts, listing, string, texts};
use futures_util::future::join_all;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Most pages, and most entries, of one server's list.
const MAX_PAGES: usize = 50;
const MAX_ENTRIES: usize = 2_000;
/// Longest part of a problem with a list that is kept for the operator.
const MAX_PROBLEM: usize = 300;
/// A list that cannot be read whole.
const UNREAD: &str = "bad_listing";
/// How often servers are asked what they declare, even when no agent does.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Pages as they came.
pub(crate) type Pages = Vec<(Message, Listing)>;

/// Asks for all pages of a list.
pub(crate) async fn pages(worker: &Arc<Worker>, link: &Arc<Link>, method: Method) -> Result<Pages, Failure> {
    let limit = link.server().settings.timeout;
    timeout(limit, all_pages(worker, link, method)).await.unwrap_or_else(|_| {
        link.suspect(worker);
        Err(Failure::too_slow())
    })
}

async fn all_pages(worker: &Arc<Worker>, link: &Arc<Link>, method: Method) -> Result<Pages, Failure> {
    let (mut out, mut cursor, mut count) = (Vec::new(), None::<String>, 0);
    loop {
        let params = cursor.iter().map(|c| ("cursor", string(c))).collect();
        // INVARIANT: the words are Cordon's and the server's own; a client's cursor is never passed on.
        let ask = Ask { method: method.name(), params, ..Ask::default() };
        let mut replies = link.ask(worker, Words::Own, ask).await?;
        let message = loop {
            let message = replies.message().await?;
            match message.kind() {
                MessageKind::Response => break message,
                MessageKind::Error => return Err(Failure::broken()),
                _ => {}
            }
        };
        let page = listing(method, &message).map_err(|e| Failure::unread(&e))?;
        count += page.items.len();
        cursor.clone_from(&page.next);
        out.push((message, page));
        if cursor.is_none() {
            return Ok(out);
        }
        if out.len() >= MAX_PAGES || count > MAX_ENTRIES {
            return Err(Failure::too_large());
        }
    }
}

/// Asks a server for its tools, for Cordon's own use.
pub(crate) async fn learn(worker: &Arc<Worker>, gate: &Gate, link: &Arc<Link>) -> Result<(), Failure> {
    let pages = pages(worker, link, Method::ToolsList).await?;
    tools(worker, gate, link, &pages).map(|_| ())
}

/// Takes a listing of tools for what the server declares.
pub(crate) fn tools(
    worker: &Arc<Worker>,
    gate: &Gate,
    link: &Arc<Link>,
    pages: &Pages,
) -> Result<Arc<Option<Listed>>, Failure> {
    let server = link.server();
    let results: Vec<&[u8]> =
        pages.iter().map(|(m, _)| m.body().map_or("{}", |b| m.raw(b)).as_bytes()).collect();
    let digest = listed(&results);
    let known = server.tools();
    if known.as_ref().as_ref().is_some_and(|l| l.digest == digest) {
        return Ok(known);
    }
    let set = pins::ToolSet::read(&results).map_err(|problem| {
        // For whoever looks into the server, not for the log: the problem may name what the server wrote.
        let state = Err(problem.to_string().chars().take(MAX_PROBLEM).collect());
        server.set_health(Health { at: worker.shared.clock.now(), state });
        Failure::new(
            UNREAD,
            "the tool server's list of tools cannot be used; ask the operator of this gateway",
        )
    })?;
    let mut found = Listed { digest, ..Listed::default() };
    for (message, page) in pages {
        for item in &page.items {
            let Some(tool) = set.tool(&item.name) else { return Err(Failure::broken()) };
            let defined = Defined {
                raw: message.raw(item.node).to_owned(),
                digest: tool.digest(),
                poisoned: steers(gate, server, message, item),
                schema: Schema::compile(tool.input_schema()).map(Arc::new),
            };
            found.tools.insert(item.name.clone(), Arc::new(defined));
        }
    }
    let now = worker.shared.clock.now();
    worker.shared.hub.pins.saw(server, set, &found.tools, now);
    server.set_health(Health { at: now, state: Ok(link.revision.name()) });
    Ok(server.set_tools(found))
}

fn listed(results: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new();
    for result in results {
        hash.update((result.len() as u64).to_be_bytes());
        hash.update(result);
    }
    Digest(hash.finalize().into())
}

/// Whether a definition's words try to steer their reader.
pub(crate) fn steers(gate: &Gate, server: &Server, message: &Message, item: &Item) -> bool {
    let digest = Digest(Sha256::digest(message.raw(item.node).as_bytes()).into());
    server.poisoned(digest, || {
        let mut read = Texts::default();
        texts(message.doc(), item.node, false, &mut read);
        let mut tally = Tally::default();
        hands::definition(gate, &read, &mut tally).is_err()
    })
}

/// Asks every server what it declares: at the start, when its settings changed, from time to time, and when somebody
/// wants to know. Ends when Cordon drains.
pub async fn watch(worker: Arc<Worker>) {
    let hub = &worker.shared.hub;
    let mut draining = worker.shared.draining.clone();
    loop {
        let waiting = hub.looks.take();
        let all = hub.servers();
        let over = async {
            join_all(all.values().map(|server| look(&worker, server))).await;
        };
        tokio::select! {
            () = over => {}
            _ = draining.wait_for(|d| *d) => return,
        }
        for told in waiting {
            let _ = told.send(());
        }
        tokio::select! {
            () = hub.looks.wanted() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = draining.wait_for(|d| *d) => return,
        }
    }
}

async fn look(worker: &Arc<Worker>, server: &Arc<Server>) {
    let gate = worker.shared.gate.load_full();
    // All that a client could do: a server that has more tools for some clients shows them, and one that has fewer for
    // an agent's client has none that nobody approved. Nothing that it asks is answered here.
    let some = |json: &str| Some(json.to_owned());
    let able = Abilities {
        elicitation: some("{\"form\":{},\"url\":{}}"),
        sampling: some("{\"context\":{},\"tools\":{}}"),
        roots: some("{}"),
        tasks: true,
    };
    let asking = async {
        let link = Arc::new(Link::open(worker, server, &able, true, None).await?);
        let done = match crate::mcp::handshake::can(&link, Method::ToolsList) {
            true => learn(worker, &gate, &link).await,
            false => {
                let at = worker.shared.clock.now();
                server.set_health(Health { at, state: Ok(link.revision.name()) });
                Ok(())
            }
        };
        link.close(worker).await;
        done
    };
    if let Err(failure) = asking.await {
        let state = if failure.detail.is_empty() { failure.name.to_owned() } else { failure.detail };
        tracing::warn!(server = %server.id(), why = failure.name, detail = state, "a tool server could not be asked what it declares");
        if failure.name != UNREAD {
            server.set_health(Health { at: worker.shared.clock.now(), state: Err(state) });
        }
    }
}
