//! The gateway's own tokens for tool servers: got, kept in memory, renewed.
//!
//! ```text
//! bearer(server, caller) --fresh?--> that one
//!                        --else, one at a time--> refresh token, or the caller's, or none --> token endpoint
//!                                                 a new refresh token is on the disk before its token is used
//! ```
//! What always holds: a token got in exchange for a caller's is for that very token of that caller's, and lasts no longer
//! than it; a request for a token, once begun, is carried through though its caller goes away, since a refresh token can
//! be used once; what failed is not tried again at once, so that callers cannot flood an authorization server.

use crate::{
    client::Spawn,
    oauth::{
        grant::{self, Granted, TokenFailure},
        settings::{Grant, TokenPlace, TokenSettings},
        web::{Reach, Web},
    },
};
use arc_swap::ArcSwap;
use cordon_types::{Clock, Digest, Millis, Secret, ServerId};
use http::HeaderValue;
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// Before its end a token is renewed: by so much, or by a quarter of its life where that is shorter.
const EARLY_MS: Millis = 60_000;
/// After a failure, callers hear of the same one for so long.
const PAUSE_MS: Millis = 5_000;
/// Between two renewals because a server did not take a token.
const REFUSED_MS: Millis = 10_000;
/// How long an issuer's word on where its token endpoint is holds.
const PLACE_MS: Millis = 3_600_000;
/// Most exchanged tokens of one server; beyond, the one that ends first goes.
const MAX_EXCHANGED: usize = 10_000;

/// Where refresh tokens are kept. Called on a thread that may wait.
pub trait RefreshTokens: Send + Sync {
    /// The stored one. The error says what to do.
    fn load(&self, server: &ServerId) -> Result<Option<Stored>, String>;
    /// Puts `new` in the place of `old`, durably. Where another has taken `old`'s place meanwhile (an operator's), that
    /// one stays, and it is no error. Gives what names the new writing, if there was one.
    fn replace(&self, server: &ServerId, old: &Stored, new: &Secret) -> Result<Option<Digest>, String>;
}

/// A stored refresh token.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The token.
    pub token: Secret,
    /// What names this very writing of it.
    pub stamp: Digest,
}

/// Whose token is exchanged.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The caller's own token, which was verified.
    pub token: &'a Secret,
    /// Who issued it.
    pub issuer: &'a str,
    /// From when on it does not count.
    pub expires: Millis,
}

/// A token on its way to its server. It cannot be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    header: HeaderValue,
    renew: Millis,
}

impl Bearer {
    /// A token that the operator has brought along.
    ///
    /// # Errors
    /// When it cannot stand in a header.
    pub fn brought(token: Secret) -> Result<Self, TokenFailure> {
        let granted = grant::brought(token)?;
        bearer(&granted, 0, None)
    }

    /// The client's own token, asked for once, for a command that ends before the token does.
    ///
    /// # Errors
    /// When it cannot be had; and for what is no [`Grant::ClientCredentials`] from a [`TokenPlace::Url`].
    pub async fn asked(web: &Web, settings: &TokenSettings) -> Result<Self, TokenFailure> {
        let (Grant::ClientCredentials, TokenPlace::Url(url)) = (settings.grant, &settings.place) else {
            return Err(TokenFailure::Answer(
                "a command asks with a client's own credentials, at a named place",
            ));
        };
        let granted = grant::ask(web, settings, (url, &settings.reach), None).await?;
        bearer(&granted, 0, None)
    }

    /// The header's value, marked sensitive.
    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// Whether a text shows it.
    #[must_use]
    pub fn shown_in(&self, text: &[u8]) -> bool {
        let token = self.header.as_bytes();
        let token = token.strip_prefix(b"Bearer ").unwrap_or(token);
        !token.is_empty() && text.windows(token.len()).any(|part| part == token)
    }
}

#[derive(Default)]
struct State {
    bearer: Option<Bearer>,
    /// By which writing of a refresh token, or its successor, it was got.
    by: Option<Digest>,
    failed: Option<(TokenFailure, Millis)>,
    /// When a server last did not take a token.
    refused: Option<Millis>,
}

/// One token: the gateway's own for a server, or what it got for one of a caller's.
#[derive(Default)]
struct Entry {
    state: Mutex<State>,
    flight: Arc<tokio::sync::Mutex<()>>,
}

/// By the digest of the caller's token: what was got for it, and when that token ends.
type Exchanged = HashMap<[u8; 32], (Arc<Entry>, Millis)>;

struct Source {
    server: ServerId,
    settings: TokenSettings,
    own: Arc<Entry>,
    exchanged: Mutex<Exchanged>,
    place: Mutex<Option<(String, Reach, Millis)>>,
}

/// See the module.
pub struct Tokens {
    sources: ArcSwap<HashMap<ServerId, Arc<Source>>>,
    store: Arc<dyn RefreshTokens>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(..)")
    }
}

/// What a request for a token is made of.
struct Wanted {
    source: Arc<Source>,
    entry: Arc<Entry>,
    /// The caller's token and its end.
    subject: Option<(Secret, Millis)>,
    /// The token that the server did not take.
    refused: Option<Bearer>,
}

impl Tokens {
    /// No servers yet.
    #[must_use]
    pub fn new(store: Arc<dyn RefreshTokens>, clock: Arc<dyn Clock>) -> Self {
        Self { sources: ArcSwap::default(), store, clock }
    }

    /// Puts these in force. Tokens that were got as they would be got now stay; those by a refresh token, if nobody put
    /// in another one, or took it out. May wait for the store.
    pub fn set(&self, list: Vec<(ServerId, TokenSettings)>) {
        let old = self.sources.load_full();
        let make = |server: ServerId, settings: TokenSettings| {
            let known = old.get(&server);
            let same = known.filter(|o| o.settings.is_same(&settings) && self.is_stored_still(o));
            if let Some(same) = same {
                return same.clone();
            }
            // The flight is the old one's, so that two never use one refresh token at once.
            let flight = known.map(|o| o.own.flight.clone()).unwrap_or_default();
            Arc::new(Source {
                own: Arc::new(Entry { state: Mutex::default(), flight }),
                server,
                settings,
                exchanged: Mutex::default(),
                place: Mutex::default(),
            })
        };
        let new = list.into_iter().map(|(id, settings)| (id.clone(), make(id, settings))).collect();
        self.sources.store(Arc::new(new));
    }

    fn is_stored_still(&self, source: &Source) -> bool {
        if source.settings.grant != Grant::RefreshToken {
            return true;
        }
        let by = lock(&source.own.state).by;
        let stored = self.store.load(&source.server).ok().flatten().map(|s| s.stamp);
        by.is_some() && stored == by
    }

    /// The token for a server; none where it takes none. `refused`: one that the server did not take.
    pub async fn bearer(
        self: &Arc<Self>,
        spawner: &Arc<dyn Spawn>,
        server: &ServerId,
        subject: Option<Subject<'_>>,
        refused: Option<&Bearer>,
    ) -> Result<Option<Bearer>, TokenFailure> {
        let Some(source) = self.sources.load().get(server).cloned() else { return Ok(None) };
        let now = self.clock.now();
        let (entry, subject) = match (source.settings.grant, subject) {
            (Grant::TokenExchange, None) => return Err(TokenFailure::NoCaller),
            // SECURITY: whoever is shown a token can use it here until it ends. One issuer's callers are not shown to
            // another's token endpoint, unless the operator says so.
            (Grant::TokenExchange, Some(s))
                if !source.settings.subject_issuers.iter().any(|i| i == s.issuer) =>
            {
                return Err(TokenFailure::OtherIssuer);
            }
            (Grant::TokenExchange, Some(s)) => {
                (source.exchanged(&s, now), Some((s.token.clone(), s.expires)))
            }
            _ => (source.own.clone(), None),
        };
        if let Some(found) = entry.at_hand(now, refused)? {
            return Ok(Some(found));
        }
        let wanted = Wanted { source, entry, subject, refused: refused.cloned() };
        let (send, done) = oneshot::channel();
        let (this, web) = (self.clone(), Web::new(spawner.clone(), self.clock.clone()));
        spawner.spawn(
            "token",
            Box::pin(async move {
                let _ = send.send(this.obtain(&web, wanted).await);
            }),
        );
        done.await.unwrap_or(Err(TokenFailure::Cut)).map(Some)
    }

    /// One at a time for each token; who waited finds it got.
    async fn obtain(&self, web: &Web, wanted: Wanted) -> Result<Bearer, TokenFailure> {
        let Wanted { source, entry, subject, refused } = wanted;
        let _flight = entry.flight.lock().await;
        if let Some(found) = entry.at_hand(self.clock.now(), refused.as_ref())? {
            return Ok(found);
        }
        if refused.is_some() {
            lock(&entry.state).refused = Some(self.clock.now());
        }
        let got = self.get(web, &source, subject.as_ref().map(|(token, _)| token)).await;
        let now = self.clock.now();
        let mut state = lock(&entry.state);
        let end = subject.as_ref().map(|(_, end)| *end);
        match got.and_then(|(granted, by)| Ok((bearer(&granted, now, end)?, by))) {
            Ok((bearer, by)) => {
                (state.bearer, state.by, state.failed) = (Some(bearer.clone()), by, None);
                Ok(bearer)
            }
            Err(failure) => {
                (state.bearer, state.by) = (None, None);
                state.failed = Some((failure.clone(), now));
                tracing::warn!(server = %source.server, error = %failure, "a token could not be had");
                Err(failure)
            }
        }
    }

    async fn get(
        &self,
        web: &Web,
        source: &Source,
        caller: Option<&Secret>,
    ) -> Result<(Granted, Option<Digest>), TokenFailure> {
        let (url, reach) = source.endpoint(web, self.clock.now()).await?;
        let at = (url.as_str(), &reach);
        if source.settings.grant != Grant::RefreshToken {
            return Ok((grant::ask(web, &source.settings, at, caller).await?, None));
        }
        let server = source.server.to_string();
        let stored = self.stored(source).await?.ok_or(TokenFailure::NotStored { server })?;
        let granted = grant::ask(web, &source.settings, at, Some(&stored.token)).await?;
        let by = match granted.refresh.clone().filter(|new| new.expose() != stored.token.expose()) {
            // INVARIANT: on the disk before the access token is used: the old refresh token is worth nothing any more.
            Some(new) => self.keep(source, stored, new).await?,
            None => Some(stored.stamp),
        };
        Ok((granted, by))
    }

    async fn stored(&self, source: &Source) -> Result<Option<Stored>, TokenFailure> {
        let (store, server) = (self.store.clone(), source.server.clone());
        let loaded = tokio::task::spawn_blocking(move || store.load(&server)).await;
        loaded.map_err(|_| TokenFailure::Cut)?.map_err(|reason| source.store_failed(reason))
    }

    async fn keep(&self, source: &Source, old: Stored, new: Secret) -> Result<Option<Digest>, TokenFailure> {
        let (store, server) = (self.store.clone(), source.server.clone());
        let kept = tokio::task::spawn_blocking(move || store.replace(&server, &old, &new)).await;
        kept.map_err(|_| TokenFailure::Cut)?.map_err(|reason| source.store_failed(reason))
    }
}

impl Source {
    fn store_failed(&self, reason: String) -> TokenFailure {
        TokenFailure::Store { server: self.server.to_string(), reason }
    }

    /// Where tokens are got.
    async fn endpoint(&self, web: &Web, now: Millis) -> Result<(String, Reach), TokenFailure> {
        let issuer = match &self.settings.place {
            TokenPlace::Url(url) => return Ok((url.clone(), self.settings.reach.clone())),
            TokenPlace::Issuer(issuer) => issuer,
        };
        let known = lock(&self.place).clone().filter(|(_, _, at)| now.saturating_sub(*at) < PLACE_MS);
        if let Some((url, reach, _)) = known {
            return Ok((url, reach));
        }
        let found = web.metadata(&self.settings.reach, issuer).await?;
        let missing = TokenFailure::Answer("its issuer's metadata names no token endpoint; set `token_url`");
        let url = found.token_endpoint.ok_or(missing)?;
        let reach = self.settings.reach.of_found(issuer, &url)?;
        *lock(&self.place) = Some((url.clone(), reach.clone(), now));
        Ok((url, reach))
    }

    /// The entry of a caller's token. SECURITY: of the token, not only of who it is: one with more scopes, or one that
    /// lasts longer, must not work for a call that came with less.
    fn exchanged(&self, subject: &Subject<'_>, now: Millis) -> Arc<Entry> {
        let name: [u8; 32] = Sha256::digest(subject.token.expose().as_bytes()).into();
        let mut all = lock(&self.exchanged);
        if let Some((entry, _)) = all.get(&name) {
            return entry.clone();
        }
        all.retain(|_, (_, end)| *end > now);
        if all.len() >= MAX_EXCHANGED
            && let Some(first) = all.iter().min_by_key(|(_, (_, end))| *end).map(|(name, _)| *name)
        {
            all.remove(&first);
        }
        let entry = Arc::new(Entry::default());
        all.insert(name, (entry.clone(), subject.expires));
        entry
    }
}

impl Entry {
    /// The token, where it is fresh and not the refused one; the failure, where one was just had.
    fn at_hand(&self, now: Millis, refused: Option<&Bearer>) -> Result<Option<Bearer>, TokenFailure> {
        let state = lock(&self.state);
        if let Some(held) = &state.bearer
            && now < held.renew
            && refused != Some(held)
        {
            return Ok(Some(held.clone()));
        }
        if let Some((failure, at)) = &state.failed
            && now.saturating_sub(*at) < PAUSE_MS
        {
            return Err(failure.clone());
        }
        let lately = state.refused.is_some_and(|at| now.saturating_sub(at) < REFUSED_MS);
        if refused.is_some() && lately { Err(TokenFailure::NotTaken) } else { Ok(None) }
    }
}

fn bearer(granted: &Granted, now: Millis, most: Option<Millis>) -> Result<Bearer, TokenFailure> {
    let life = granted.seconds.saturating_mul(1_000);
    let end = now.saturating_add(life).min(most.unwrap_or(Millis::MAX));
    let text = Secret::new(format!("Bearer {}", granted.token.expose()));
    let bad = |_| TokenFailure::Answer("its `access_token` cannot stand in a header");
    let mut header = HeaderValue::from_str(text.expose()).map_err(bad)?;
    header.set_sensitive(true);
    let renew = end.saturating_sub(EARLY_MS.min(life / 4));
    Ok(Bearer { header, renew })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that can panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
