//! The client against real servers on loopback. Times are tokio's paused ones; nothing here waits.

mod addresses;
mod delivery;
mod exchange;
mod server;
mod soak;
mod tls;

use crate::{
    AuthStyle, BaseUrl, Client, Credential, Incoming, Outgoing, Settings, Spawn, Target, UpstreamError,
    dial::{Resolve, Resolved},
};
use bytes::Bytes;
use cordon_types::{Clock, Millis, Nanos, Secret, UpstreamId};
use http::{HeaderMap, Method};
use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub(super) struct Tracked;

impl Spawn for Tracked {
    fn spawn(&self, _name: &'static str, f: Pin<Box<dyn Future<Output = ()> + Send>>) {
        drop(tokio::runtime::Handle::current().spawn(f));
    }
}

#[derive(Default)]
pub(super) struct Ticks(AtomicU64);

impl Ticks {
    pub(super) fn pass(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_nanos()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Ticks {
    fn now(&self) -> Millis {
        0
    }

    fn ticks(&self) -> Nanos {
        self.0.load(Ordering::SeqCst)
    }
}

/// A resolver with a fixed answer.
pub(super) struct Says(pub(super) Vec<SocketAddr>);

impl Resolve for Says {
    fn resolve(&self, _host: &str, _port: u16) -> Resolved {
        let all = self.0.clone();
        Box::pin(async move { Ok(all) })
    }
}

pub(super) fn id() -> UpstreamId {
    UpstreamId::new("up").unwrap()
}

pub(super) fn settings(url: &str) -> Settings {
    let mut s = Settings::new(id(), Target::Url(BaseUrl::parse(url).unwrap()));
    s.allow_private = true;
    s.retries = 0;
    s.auth = AuthStyle::Bearer;
    s.credential = Some(Credential::new(Secret::new("sk-canary".into())));
    s
}

pub(super) fn client(s: Settings) -> (Client, Arc<Ticks>) {
    let clock = Arc::new(Ticks::default());
    (Client::new(vec![s], Arc::new(Tracked), clock.clone()).unwrap(), clock)
}

pub(super) fn post(body: &'static str) -> Outgoing {
    Outgoing {
        method: Method::POST,
        path: "/v1/chat/completions".into(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(body.as_bytes()),
    }
}

pub(super) async fn read(answer: Incoming) -> Result<Vec<u8>, UpstreamError> {
    let mut body = answer.body;
    let mut all = Vec::new();
    while let Some(chunk) = body.chunk().await {
        all.extend_from_slice(&chunk?);
    }
    Ok(all)
}

/// Sends, and reads the whole answer.
pub(super) async fn ask(client: &Client) -> Result<Vec<u8>, UpstreamError> {
    read(client.dispatch(&id(), post("{}")).await?).await
}
