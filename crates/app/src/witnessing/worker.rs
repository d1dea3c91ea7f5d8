//! The rounds: the newest checkpoint, to every witness that is due, all at once; then what came back, to disk.
//!
//! What always holds: one request to a witness at a time; a round ends within the operator's time for a witness;
//! one that fails is asked ever more rarely, up to a minute. A checkpoint is shown only when it is durable here.

use super::board::{Board, Why};
use super::plan::Plan;
use cordon_ledger::note::{Line, Note};
use cordon_ledger::witnessed::{COSIGNED, Standing, path_of, request};
use cordon_ledger::{Checkpoint, VerifierKey, Volume as _};
use cordon_store::volume::FileVolume;
use cordon_types::Clock;
use cordon_upstream::{Peer, UpstreamError};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// Longest pause before a witness that fails is asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Largest answer: cosignatures by some dozens of keys.
const MAX_ANSWER: usize = 256 << 10;
/// Requests to one witness in a round: it may know another size than we believe, once.
const ATTEMPTS: usize = 3;

/// A witness's server as it was found.
#[derive(Clone, Debug, Default)]
struct State {
    /// The size it cosigned last, as far as is known.
    known: Option<u64>,
    /// Not before this reading of the clock.
    wait_until: u64,
    pause: Duration,
    /// It cosigned the newest checkpoint.
    done: bool,
}

/// A checkpoint, and what was cosigned of it: lines by number of the policy's witness.
#[derive(Default)]
struct Gathered {
    text: Arc<str>,
    head: Option<Checkpoint>,
    lines: BTreeMap<usize, String>,
}

/// See the module.
pub(super) struct Worker {
    plan: Arc<Plan>,
    volume: Arc<FileVolume>,
    key: VerifierKey,
    peers: Vec<Arc<Peer>>,
    states: Vec<State>,
    gathered: Gathered,
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
}

/// What a witness answered: the size it has now, and its lines with the times they state.
struct Answered {
    known: Option<u64>,
    result: Result<Vec<(usize, String, u64)>, Why>,
}

impl Worker {
    pub(super) fn new(
        plan: Plan,
        volume: Arc<FileVolume>,
        key: VerifierKey,
        peers: Vec<Peer>,
        standing: &Standing,
        board: Arc<Board>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let size = |n: &usize| standing.witnesses.get(*n).and_then(|(_, seen)| *seen).map(|(size, _)| size);
        let state = |site: &super::plan::Site| State {
            known: site.witnesses.iter().filter_map(size).max(),
            ..State::default()
        };
        let states = plan.sites.iter().map(state).collect();
        let peers = peers.into_iter().map(Arc::new).collect();
        Self { plan: Arc::new(plan), volume, key, peers, states, gathered: Gathered::default(), board, clock }
    }

    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut tick = tokio::time::interval(self.plan.every);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let last = tokio::select! {
                _ = tick.tick() => false,
                // `Err`: the handle is gone, and with it whoever would want a last round.
                ended = stop.wait_for(|s| *s) => match ended { Ok(_) => true, Err(_) => return },
            };
            self.round(last).await;
            if last {
                return;
            }
        }
    }

    /// One round. In the last one those that failed are asked too.
    async fn round(&mut self, last: bool) {
        if let Err(error) = self.look() {
            tracing::warn!(%error, "the ledger's checkpoint could not be read for the witnesses");
            return;
        }
        // An empty tree says nothing that is worth a signature; a start's own record follows within a second.
        let Some(head) = self.gathered.head.clone().filter(|head| head.size > 0) else { return };
        let now = self.clock.ticks();
        let mut asks = FuturesUnordered::new();
        for (n, state) in self.states.iter().enumerate() {
            let due = !state.done && (last || now >= state.wait_until);
            let Some(peer) = self.peers.get(n).filter(|_| due) else { continue };
            let ask = Ask {
                plan: self.plan.clone(),
                volume: self.volume.clone(),
                peer: peer.clone(),
                site: n,
                text: self.gathered.text.clone(),
                head: head.clone(),
            };
            let (known, limit) = (state.known, self.plan.timeout);
            asks.push(async move {
                let late = || Answered { known, result: Err(Why::Timeout) };
                (n, timeout(limit, ask.run(known)).await.unwrap_or_else(|_| late()))
            });
        }
        if asks.is_empty() {
            return;
        }
        let mut fresh = Vec::new();
        while let Some((n, answered)) = asks.next().await {
            self.took(n, answered, head.size, &mut fresh);
        }
        drop(asks);
        if !fresh.is_empty()
            && let Err(error) = self.keep(&fresh, head.size)
        {
            tracing::error!(%error, "what the witnesses cosigned could not be written");
        }
    }

    /// The newest checkpoint. A new one begins with no cosignature.
    fn look(&mut self) -> Result<(), String> {
        let bytes = self.volume.read(cordon_ledger::log::CHECKPOINT).map_err(|e| e.to_string())?;
        let text = String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default();
        if *text == *self.gathered.text {
            return Ok(());
        }
        let head = Checkpoint::open(&text, &self.key).map_err(|e| format!("{e:?}"))?;
        self.board.ledger(head.size);
        self.states.iter_mut().for_each(|s| s.done = false);
        self.gathered = Gathered { text: text.into(), head: Some(head), lines: BTreeMap::new() };
        Ok(())
    }

    /// What one site answered.
    fn took(&mut self, n: usize, answered: Answered, size: u64, fresh: &mut Vec<usize>) {
        let every = self.plan.every;
        let now = self.clock.ticks();
        let (Some(site), Some(state)) = (self.plan.sites.get(n), self.states.get_mut(n)) else { return };
        state.known = answered.known;
        match answered.result {
            Ok(lines) => {
                (state.wait_until, state.pause, state.done) = (0, Duration::ZERO, true);
                for (witness, line, time) in lines {
                    if self.board.cosigned(witness, size, time).is_some() {
                        tracing::info!(witness = self.name(witness), size, "the witness cosigns again");
                    }
                    self.gathered.lines.insert(witness, line);
                    fresh.push(witness);
                }
            }
            Err(why) => {
                state.pause = (state.pause * 2).clamp(every, LONGEST_PAUSE.max(every));
                let pause = u64::try_from(state.pause.as_nanos()).unwrap_or(u64::MAX);
                state.wait_until = now.saturating_add(pause);
                for witness in site.witnesses.iter().copied() {
                    if self.board.failed(witness, why) != Some(why) {
                        self.tell(witness, why, answered.known);
                    }
                }
            }
        }
    }

    fn tell(&self, witness: usize, why: Why, known: Option<u64>) {
        let (name, size) = (self.name(witness), self.gathered.head.as_ref().map_or(0, |h| h.size));
        match why {
            Why::Ahead => tracing::error!(
                witness = name,
                size,
                witnessed = known,
                "the witness cosigned a larger ledger than this one: its end was cut off, or a backup was put back"
            ),
            Why::Inconsistent => tracing::error!(
                witness = name,
                size,
                witnessed = known,
                "the witness cosigned another history of this ledger: it was rewritten"
            ),
            other => tracing::warn!(witness = name, why = other.name(), "a witness gave no cosignature"),
        }
    }

    fn name(&self, witness: usize) -> &str {
        self.plan.policy.witnesses().get(witness).map_or("", |w| w.name.as_str())
    }

    /// Writes what came back: each witness's own file, and the cosigned checkpoint when the quorum is met.
    fn keep(&self, fresh: &[usize], size: u64) -> Result<(), String> {
        let Gathered { text, lines, .. } = &self.gathered;
        let mut files = Vec::new();
        for witness in fresh {
            if let (Some(key), Some(line)) = (self.plan.key(*witness), lines.get(witness)) {
                files.push((path_of(key), format!("{text}{line}").into_bytes()));
            }
        }
        let met = self.plan.policy.asks() && self.plan.policy.suffices(|n| lines.contains_key(&n));
        if met {
            let all: String = lines.values().map(String::as_str).collect();
            files.push((COSIGNED.to_owned(), format!("{text}{all}").into_bytes()));
        }
        self.volume.write_files(&files).map_err(|e| e.to_string())?;
        if met {
            self.board.quorum(size, lines.keys().map(|n| self.name(*n).to_owned()).collect());
        }
        Ok(())
    }
}

/// One witness's server, asked about one checkpoint.
struct Ask {
    plan: Arc<Plan>,
    volume: Arc<FileVolume>,
    peer: Arc<Peer>,
    site: usize,
    text: Arc<str>,
    head: Checkpoint,
}

impl Ask {
    async fn run(self, known: Option<u64>) -> Answered {
        let mut old = known.unwrap_or(0);
        for _ in 0..ATTEMPTS {
            if old > self.head.size {
                return Answered { known: Some(old), result: Err(Why::Ahead) };
            }
            let Ok(body) = request(self.volume.as_ref(), &self.text, &self.head, old) else {
                return Answered { known, result: Err(Why::Files) };
            };
            let answer = match self.peer.post("/add-checkpoint", body, MAX_ANSWER).await {
                Ok(answer) => answer,
                Err(UpstreamError::TimeoutConnect { .. } | UpstreamError::TimeoutHead { .. }) => {
                    return Answered { known, result: Err(Why::Timeout) };
                }
                Err(error) => {
                    tracing::debug!(%error, "a witness could not be reached");
                    return Answered { known, result: Err(Why::Unreachable) };
                }
            };
            let body = String::from_utf8(answer.body).unwrap_or_default();
            match answer.status {
                200 => {
                    let result = self.cosignatures(&body);
                    return Answered { known: result.is_ok().then_some(self.head.size).or(known), result };
                }
                409 => match body.trim_end().parse::<u64>() {
                    Ok(size) if size != old => old = size,
                    _ => return Answered { known, result: Err(Why::BadAnswer) },
                },
                422 => return Answered { known: Some(old), result: Err(Why::Inconsistent) },
                403 | 404 => return Answered { known, result: Err(Why::NotAccepted) },
                _ => return Answered { known, result: Err(Why::BadAnswer) },
            }
        }
        Answered { known: Some(old), result: Err(Why::BadAnswer) }
    }

    /// The lines in an answer that are by keys the policy knows at this site; each must verify.
    fn cosignatures(&self, body: &str) -> Result<Vec<(usize, String, u64)>, Why> {
        let note = Note::parse(&self.text).map_err(|_| Why::Files)?;
        let lines = body.lines().map(Line::parse).collect::<Option<Vec<_>>>().ok_or(Why::BadAnswer)?;
        let answer = Note { text: note.text, lines };
        let mut found = Vec::new();
        for witness in self.plan.sites.get(self.site).into_iter().flat_map(|s| s.witnesses.iter().copied()) {
            let Some(key) = self.plan.key(witness) else { continue };
            match key.verify(&answer) {
                Ok(time) => found.push((witness, key.lines_of(&answer), time.unwrap_or(0))),
                Err(cordon_ledger::Unsigned::OtherKey) => {}
                Err(_) => return Err(Why::BadAnswer),
            }
        }
        if found.is_empty() { Err(Why::BadAnswer) } else { Ok(found) }
    }
}
