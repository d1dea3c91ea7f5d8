//! Tokens are got once, carried through, kept before they are used, and let go of when they should be.

use super::*;
use crate::client::Spawn;
use cordon_types::{Clock, Digest, Millis, Nanos, Secret, ServerId};
use sha2::{Digest as _, Sha256};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

struct Here;

impl Spawn for Here {
    fn spawn(&self, _name: &'static str, f: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::runtime::Handle::current().spawn(f);
    }
}

#[derive(Default)]
struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> Millis {
        self.0.load(Ordering::Relaxed)
    }

    fn ticks(&self) -> Nanos {
        0
    }
}

/// A store that can break.
#[derive(Default)]
struct Shelf {
    token: Mutex<Option<String>>,
    broken: Mutex<bool>,
}

impl RefreshTokens for Shelf {
    fn load(&self, _: &ServerId) -> Result<Option<Stored>, String> {
        let token = self.token.lock().unwrap().clone();
        Ok(token.map(|t| Stored { stamp: stamp(&t), token: Secret::new(t) }))
    }

    fn replace(&self, _: &ServerId, _: &Stored, new: &Secret) -> Result<Option<Digest>, String> {
        if *self.broken.lock().unwrap() {
            return Err("the disk is full".to_owned());
        }
        *self.token.lock().unwrap() = Some(new.expose().to_owned());
        Ok(Some(stamp(new.expose())))
    }
}

fn stamp(token: &str) -> Digest {
    Digest(Sha256::digest(token.as_bytes()).into())
}

struct World {
    tokens: Arc<Tokens>,
    clock: Arc<Hand>,
    shelf: Arc<Shelf>,
    url: String,
    /// The bodies that came.
    asked: Arc<Mutex<Vec<String>>>,
    spawner: Arc<dyn Spawn>,
}

impl World {
    /// A token endpoint that answers after `pause`, each time with new tokens.
    async fn new(pause: Duration) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token/", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = asked.clone();
        tokio::runtime::Handle::current().spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let heard = heard.clone();
                tokio::runtime::Handle::current().spawn(async move {
                    let mut request = vec![0; 16_384];
                    let n = stream.read(&mut request).await.unwrap();
                    let text = String::from_utf8_lossy(&request[..n]).into_owned();
                    assert!(text.starts_with("POST /token/ HTTP/1.1\r\n"), "{text}");
                    let count = {
                        let mut heard = heard.lock().unwrap();
                        heard.push(text.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned());
                        heard.len()
                    };
                    tokio::time::sleep(pause).await;
                    let body = format!(
                        "{{\"access_token\":\"a{count}\",\"token_type\":\"Bearer\",\"expires_in\":100,\"refresh_token\":\"r{count}\",\
                         \"issued_token_type\":\"urn:ietf:params:oauth:token-type:access_token\"}}"
                    );
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
                });
            }
        });
        let (clock, shelf) = (Arc::new(Hand(AtomicU64::new(1_000_000))), Arc::new(Shelf::default()));
        let tokens = Arc::new(Tokens::new(shelf.clone(), clock.clone()));
        Self { tokens, clock, shelf, url, asked, spawner: Arc::new(Here) }
    }

    fn settings(&self, grant: Grant) -> TokenSettings {
        let reach = Reach { allow: vec!["127.0.0.0/8".parse().unwrap()], ..Reach::default() };
        TokenSettings {
            reach,
            subject_issuers: vec!["https://a.example".to_owned()],
            ..TokenSettings::new(grant, &self.url, "gw")
        }
    }

    fn set(&self, settings: TokenSettings) {
        self.tokens.set(vec![(bank(), settings)]);
    }

    async fn ask(
        &self,
        subject: Option<Subject<'_>>,
        refused: Option<&Bearer>,
    ) -> Result<Bearer, TokenFailure> {
        self.tokens.bearer(&self.spawner, &bank(), subject, refused).await.map(Option::unwrap)
    }

    async fn own(&self) -> Result<String, TokenFailure> {
        self.ask(None, None).await.map(|b| b.header().to_str().unwrap().to_owned())
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn bank() -> ServerId {
    ServerId::new("bank").unwrap()
}

#[tokio::test]
async fn a_command_asks_once_with_a_client_s_credentials_alone() {
    let world = World::new(Duration::ZERO).await;
    let web = Web::new(world.spawner.clone(), world.clock.clone());
    let settings = TokenSettings {
        client_secret: Some(Secret::new("s".to_owned())),
        post: true,
        ..world.settings(Grant::ClientCredentials)
    };
    let bearer = Bearer::asked(&web, &settings).await.unwrap();
    assert_eq!(bearer.header(), "Bearer a1");
    assert!(bearer.header().is_sensitive() && !format!("{bearer:?}").contains("a1"));
    let asked = "grant_type=client_credentials&client_id=gw&client_secret=s";
    assert_eq!(*world.asked.lock().unwrap(), [asked]);
    // Another grant, a place that a document would name, a place that may not be reached.
    let elsewhere = TokenPlace::Issuer("https://a.example".to_owned());
    for other in [
        TokenSettings { place: elsewhere, ..settings.clone() },
        TokenSettings { grant: Grant::RefreshToken, ..settings.clone() },
        TokenSettings { grant: Grant::TokenExchange, ..settings.clone() },
        TokenSettings { reach: Reach::default(), ..settings },
    ] {
        assert!(Bearer::asked(&web, &other).await.is_err());
    }
    assert_eq!(world.count(), 1, "and nobody is asked");
}

#[tokio::test]
async fn a_server_without_tokens_has_none() {
    let world = World::new(Duration::ZERO).await;
    assert_eq!(world.tokens.bearer(&world.spawner, &bank(), None, None).await, Ok(None));
}

#[tokio::test]
async fn one_request_for_all_who_wait_and_one_more_when_it_is_time() {
    let world = World::new(Duration::from_millis(50)).await;
    world.set(world.settings(Grant::ClientCredentials));
    let all = futures(&world, 20).await;
    assert!(all.iter().all(|t| t == "Bearer a1"), "{all:?}");
    assert_eq!(world.count(), 1);
    // Renewed when a quarter of its 100 seconds is left.
    world.clock.0.fetch_add(74_999, Ordering::Relaxed);
    assert_eq!(world.own().await.unwrap(), "Bearer a1");
    world.clock.0.fetch_add(1, Ordering::Relaxed);
    assert_eq!(world.own().await.unwrap(), "Bearer a2");
    // A reload keeps it, unless it would be got otherwise now.
    world.set(world.settings(Grant::ClientCredentials));
    assert_eq!(world.own().await.unwrap(), "Bearer a2");
    world.set(TokenSettings { scopes: vec!["more".to_owned()], ..world.settings(Grant::ClientCredentials) });
    assert_eq!(world.own().await.unwrap(), "Bearer a3");
    assert!(!format!("{:?}", world.ask(None, None).await).contains("a3"));
}

async fn futures(world: &World, count: usize) -> Vec<String> {
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (tokens, spawner) = (world.tokens.clone(), world.spawner.clone());
            tokio::runtime::Handle::current()
                .spawn(async move { tokens.bearer(&spawner, &bank(), None, None).await })
        })
        .collect();
    let mut out = Vec::new();
    for task in tasks {
        let bearer = task.await.unwrap().unwrap().unwrap();
        out.push(bearer.header().to_str().unwrap().to_owned());
    }
    out
}

#[tokio::test]
async fn a_refresh_token_is_used_once_and_the_new_one_kept_first() {
    let world = World::new(Duration::from_millis(50)).await;
    world.set(world.settings(Grant::RefreshToken));
    assert!(matches!(world.own().await, Err(TokenFailure::NotStored { .. })));
    // What failed is not tried again at once; what an operator put in counts at the reload.
    *world.shelf.token.lock().unwrap() = Some("r0".to_owned());
    assert!(world.own().await.is_err());
    world.set(world.settings(Grant::RefreshToken));
    let all = futures(&world, 10).await;
    assert!(all.iter().all(|t| t == "Bearer a1"), "{all:?}");
    assert_eq!(world.shelf.token.lock().unwrap().as_deref(), Some("r1"));
    // A reload changes nothing, unless somebody put in another one, or took it out.
    world.set(world.settings(Grant::RefreshToken));
    assert_eq!(world.own().await.unwrap(), "Bearer a1");
    *world.shelf.token.lock().unwrap() = None;
    world.set(world.settings(Grant::RefreshToken));
    assert!(world.own().await.is_err());
    *world.shelf.token.lock().unwrap() = Some("r1".to_owned());
    world.set(world.settings(Grant::RefreshToken));
    // A reload while one is under way: the second waits, and uses the new refresh token.
    let first = tokio::time::timeout(Duration::from_millis(10), world.own()).await;
    assert!(first.is_err(), "its caller went away");
    world.set(world.settings(Grant::RefreshToken));
    assert_eq!(world.own().await.unwrap(), "Bearer a3");
    let used: Vec<String> = world.asked.lock().unwrap().clone();
    let used: Vec<&str> =
        used.iter().filter_map(|f| f.split("refresh_token=").nth(1)?.split('&').next()).collect();
    assert_eq!(used, ["r0", "r1", "r2"]);
    assert_eq!(world.shelf.token.lock().unwrap().as_deref(), Some("r3"));
}

#[tokio::test]
async fn a_token_whose_refresh_token_cannot_be_kept_is_not_used() {
    let world = World::new(Duration::ZERO).await;
    world.set(world.settings(Grant::RefreshToken));
    *world.shelf.token.lock().unwrap() = Some("r0".to_owned());
    *world.shelf.broken.lock().unwrap() = true;
    assert!(matches!(world.own().await, Err(TokenFailure::Store { .. })));
    assert!(matches!(world.own().await, Err(TokenFailure::Store { .. })));
    assert_eq!(world.count(), 1);
}

#[tokio::test]
async fn an_exchanged_token_is_one_token_s_and_ends_with_it() {
    let world = World::new(Duration::ZERO).await;
    world.set(world.settings(Grant::TokenExchange));
    assert!(matches!(world.own().await, Err(TokenFailure::NoCaller)));
    let secret = |t: &str| Secret::new(t.to_owned());
    let (ann, bob) = (secret("ann"), secret("bob"));
    let of = |token, expires| Some(Subject { token, issuer: "https://a.example", expires });
    let other = Some(Subject { token: &secret("eve"), issuer: "https://b.example", expires: 9_000_000 });
    assert!(matches!(world.ask(other, None).await, Err(TokenFailure::OtherIssuer)));
    let (late, soon) = (9_000_000, 1_000_000 + 30_000);
    let first = world.ask(of(&ann, late), None).await.unwrap();
    assert_ne!(first, world.ask(of(&bob, soon), None).await.unwrap());
    assert_eq!(first, world.ask(of(&ann, late), None).await.unwrap());
    assert_eq!(world.count(), 2);
    // Bob's token has 30 seconds left: so has what was got for it.
    world.clock.0.fetch_add(6_000, Ordering::Relaxed);
    let _ = world.ask(of(&bob, soon), None).await.unwrap();
    assert_eq!(world.count(), 3);
    // The very token of the caller's for an answer is refused.
    let same = secret("a4");
    assert!(matches!(world.ask(of(&same, late), None).await, Err(TokenFailure::Answer(_))));
}

#[tokio::test]
async fn a_server_that_takes_no_token_causes_one_more_and_then_none_for_a_while() {
    let world = World::new(Duration::ZERO).await;
    world.set(world.settings(Grant::ClientCredentials));
    let first = world.ask(None, None).await.unwrap();
    let second = world.ask(None, Some(&first)).await.unwrap();
    assert_ne!(first, second);
    // Who was refused with the first finds the second.
    assert_eq!(world.ask(None, Some(&first)).await.unwrap(), second);
    assert_eq!(world.ask(None, Some(&second)).await, Err(TokenFailure::NotTaken));
    assert_eq!(world.count(), 2);
    world.clock.0.fetch_add(10_000, Ordering::Relaxed);
    assert_ne!(world.ask(None, Some(&second)).await.unwrap(), second);
}
