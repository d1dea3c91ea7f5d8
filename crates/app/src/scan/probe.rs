//! `--probe`: asks servers what they are, by `GET` alone, and gives what is found to the inventory.
//!
//! ```text
//! targets -> places x ports -> a few at a time: GET / -> nobody: next one
//!                                                     -> an answer: the other paths, then those that tell versions
//! ```
//! What always holds: nothing is asked but what the operator named; no credential and no body is sent; redirects are not
//! followed; metadata services are never asked. Addresses, requests at once, times, and bytes of an answer are bounded,
//! and what was not asked in time is a note. What it does not do: scan ports; a port is found by a request that it
//! answers.

use super::Shared;
use crate::error::AppError;
use crate::settings::certificates;
use crate::system::SystemClock;
use crate::tools::export::Here;
use cordon_inventory::probe::{At, Place, Seen, Server, fingerprints, places};
use cordon_upstream::{BaseUrl, Probe, ProbeLimits, Probed, Prober, UpstreamError};
use futures_util::StreamExt as _;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// Servers asked at once.
const AT_ONCE: usize = 64;
/// Longest for connecting, where nobody may be; and for each part of an answer.
const CONNECT: Duration = Duration::from_millis(1_500);
const ANSWER: Duration = Duration::from_secs(5);
/// Longest for one answer with its body.
const WHOLE_ANSWER: Duration = Duration::from_secs(15);
/// Longest for one server's other paths, once it has answered.
const ONE_SERVER: Duration = Duration::from_secs(90);
/// Most bytes of one body: titles and first lines of documents are what rules look at.
const MAX_BODY: usize = 128 * 1024;
/// So many requests in a row that bring no answer end a server.
const MAX_FAILED: u32 = 3;
/// Ports that speak TLS first.
const TLS_PORTS: [u16; 2] = [443, 8443];
/// Most ports that may be named.
const MAX_PORTS: usize = 256;

/// Whom to ask.
#[derive(Clone, Debug)]
pub struct ProbeQuery {
    /// Hosts, hosts with ports, URLs, networks.
    pub targets: Vec<String>,
    /// Ports, for targets that name none; the lists' without.
    pub ports: Vec<u16>,
    /// Longest for everything, in seconds.
    pub seconds: u64,
    /// Certificate authorities beside the system's.
    pub ca: Option<PathBuf>,
}

/// One place and one of its ports.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Door {
    place: Place,
    port: u16,
    /// The operator named this very port.
    named: bool,
}

fn fail(reason: String) -> AppError {
    AppError::Scan(format!("--probe: {reason}"))
}

/// Asks, and gives what was found to the scan.
pub(super) fn ask(
    query: &ProbeQuery,
    shared: &Shared,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<(), AppError> {
    let doors = doors(query, shared)?;
    let ca = query.ca.as_deref().map(certificates).transpose()?;
    let limits = ProbeLimits { connect: CONNECT, answer: ANSWER, body: MAX_BODY };
    let prober = Prober::new(Arc::new(Here), Arc::new(SystemClock::new()), ca, limits);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AppError::Thread)?;
    let (total, done, answered) = (doors.len(), AtomicUsize::new(0), AtomicUsize::new(0));
    let every = futures_util::stream::iter(&doors).for_each_concurrent(AT_ONCE, |door| {
        let (prober, done, answered) = (&prober, &done, &answered);
        Box::pin(async move {
            answered.fetch_add(usize::from(server(door, prober, shared).await), Ordering::Relaxed);
            let n = done.fetch_add(1, Ordering::Relaxed) + 1;
            let answers = answered.load(Ordering::Relaxed);
            progress(&format!("probe: {n} of {total} ports asked, {answers} answer"));
        })
    });
    let whole = Duration::from_secs(query.seconds);
    if runtime.block_on(async { timeout(whole, Box::pin(every)).await }).is_err() {
        let left = total.saturating_sub(done.load(Ordering::Relaxed));
        shared.note(format!(
            "--probe: {left} of {total} ports were not asked to the end in {} s; give it longer with --probe-seconds, or \
             fewer targets",
            query.seconds
        ));
    }
    Ok(())
}

/// What is asked. An address that is never asked is an error where it is named, and a note where a network has it.
fn doors(query: &ProbeQuery, shared: &Shared) -> Result<Vec<Door>, AppError> {
    if query.ports.len() > MAX_PORTS || query.ports.contains(&0) {
        return Err(fail(format!("at most {MAX_PORTS} ports, each 1 to 65535")));
    }
    let named: BTreeSet<u16> = query.ports.iter().copied().collect();
    let ports: Vec<u16> =
        if named.is_empty() { fingerprints().ports() } else { named.iter().copied().collect() };
    let mut all = Vec::new();
    let mut refused = 0_u32;
    for place in places(&query.targets).map_err(|e| fail(e.to_string()))? {
        let class = place.host.parse::<IpAddr>().ok().and_then(Prober::refuses);
        match class {
            Some(_) if place.of_network => {
                refused += 1;
                continue;
            }
            Some(class) => return Err(fail(format!("{}: a {class} address is never asked", place.host))),
            None => {}
        }
        let here = match place.port {
            Some(port) => vec![(port, true)],
            None => ports.iter().map(|port| (*port, !named.is_empty())).collect(),
        };
        let door = |(port, named)| Door { place: place.clone(), port, named };
        all.extend(here.into_iter().map(door));
    }
    if refused > 0 {
        shared.note(format!("--probe: {refused} addresses are of ranges that are never asked; left out"));
    }
    Ok(all)
}

/// Asks one server; whether it answered.
async fn server(door: &Door, prober: &Prober, shared: &Shared) -> bool {
    let tls_first = TLS_PORTS.contains(&door.port);
    let ways = match door.place.tls {
        Some(tls) => vec![tls],
        None => vec![tls_first, !tls_first],
    };
    let mut why = None;
    for tls in ways {
        match Box::pin(spoken(door, tls, prober, shared)).await {
            Spoken::Yes => return true,
            Spoken::Nobody(e) => {
                why = Some(e);
                break;
            }
            // The first way's reason says less, but for a certificate.
            Spoken::OtherTongue(e) => {
                if !matches!(why, Some(UpstreamError::Tls { .. })) {
                    why = Some(e);
                }
            }
        }
    }
    // That nobody is at a port which nobody named is no news; that a certificate is not believed is.
    match why {
        Some(UpstreamError::Tls { reason, .. }) if reason.contains("certificate") => shared.note(format!(
            "--probe: {}: {reason}; name its certificate authority with --probe-ca",
            shown(door)
        )),
        Some(e) if door.place.port.is_some() => {
            shared.note(format!("--probe: {}: {}", shown(door), refusal(&e)));
        }
        Some(e @ (UpstreamError::Resolve { .. } | UpstreamError::AddressRefused { .. })) => {
            shared.once(format!("--probe: {}: {}", door.place.host, refusal(&e)));
        }
        _ => {}
    }
    false
}

/// The reason without the advice that is for upstreams.
fn refusal(e: &UpstreamError) -> String {
    match e {
        UpstreamError::AddressRefused { address, class } => {
            format!("it stands for {address}, and a {class} address is never asked")
        }
        e => e.to_string(),
    }
}

fn shown(door: &Door) -> String {
    let host = &door.place.host;
    if host.contains(':') { format!("[{host}]:{}", door.port) } else { format!("{host}:{}", door.port) }
}

/// Whether a server speaks this way.
enum Spoken {
    Yes,
    /// It speaks, and not so.
    OtherTongue(UpstreamError),
    /// Nobody answers.
    Nobody(UpstreamError),
}

async fn spoken(door: &Door, tls: bool, prober: &Prober, shared: &Shared) -> Spoken {
    let scheme = if tls { "https" } else { "http" };
    let base = match BaseUrl::parse(&format!("{scheme}://{}{}", shown(door), door.place.prefix)) {
        Ok(base) => base,
        Err(reason) => return Spoken::Nobody(UpstreamError::BadRequest { reason }),
    };
    let probe = match prober.at(&base) {
        Ok(probe) => probe,
        Err(e) => return Spoken::Nobody(e),
    };
    let mut found = Server::default();
    match get(&probe, "/").await {
        Ok(Some(seen)) if !tls && seen.wants_tls() && door.place.tls.is_none() => {
            let reason = "it wants TLS".to_owned();
            return Spoken::OtherTongue(UpstreamError::BadResponse { reason });
        }
        Ok(seen) => take(&mut found, "/", seen),
        Err(
            e @ (UpstreamError::Tls { .. } | UpstreamError::BadResponse { .. } | UpstreamError::Reset { .. }),
        ) => return Spoken::OtherTongue(e),
        Err(e) => return Spoken::Nobody(e),
    }
    let every = Box::pin(async {
        let paths = fingerprints().paths(door.port, door.named);
        rest(&probe, &mut found, paths.into_iter().skip(1)).await;
        let more = found.more();
        rest(&probe, &mut found, more.into_iter()).await;
    });
    // What was found by then counts.
    if timeout(ONE_SERVER, every).await.is_err() {
        let seconds = ONE_SERVER.as_secs();
        shared.note(format!("--probe: {}: not asked to the end in {seconds} s", shown(door)));
    }
    let ip: Option<IpAddr> = door.place.host.parse().ok();
    shared.found(found.found(At {
        tls,
        host: &door.place.host,
        port: door.port,
        prefix: &door.place.prefix,
        loopback: door.place.host == "localhost" || ip.is_some_and(|ip| ip.is_loopback()),
    }));
    Spoken::Yes
}

/// One answer; `None` where it shows HTTP and no more.
async fn get(probe: &Probe, path: &'static str) -> Result<Option<Seen>, UpstreamError> {
    // A body may come a byte at a time, each in its time.
    let late = |_| UpstreamError::TimeoutIdle { limit_ms: WHOLE_ANSWER.as_millis() };
    Ok(timeout(WHOLE_ANSWER, Box::pin(probe.get(path))).await.map_err(late)??.map(seen))
}

fn take(found: &mut Server, path: &'static str, seen: Option<Seen>) {
    if let Some(seen) = seen {
        found.take(path, &seen);
    }
}

/// The other paths, one after the other on one connection.
async fn rest(probe: &Probe, found: &mut Server, paths: impl Iterator<Item = &'static str>) {
    let mut failed = 0;
    for path in paths {
        match get(probe, path).await {
            Ok(seen) => {
                failed = 0;
                take(found, path, seen);
            }
            Err(_) => failed += 1,
        }
        if failed >= MAX_FAILED {
            return;
        }
    }
}

fn seen(answer: Probed) -> Seen {
    let headers = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    Seen::new(answer.status, headers, answer.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(targets: &[&str], ports: &[u16]) -> ProbeQuery {
        let targets = targets.iter().map(|t| (*t).to_owned()).collect();
        ProbeQuery { targets, ports: ports.to_vec(), seconds: 5, ca: None }
    }

    fn made(targets: &[&str], ports: &[u16]) -> Result<Vec<(String, bool)>, String> {
        let all = doors(&query(targets, ports), &Shared::default()).map_err(|e| e.to_string())?;
        Ok(all.iter().map(|d| (shown(d), d.named)).collect())
    }

    #[test]
    fn doors_are_what_was_named() {
        let named = |all: &[&str]| Ok(all.iter().map(|d| ((*d).to_owned(), true)).collect());
        assert_eq!(made(&["a:9", "http://b/x", "[::1]:7"], &[1, 2]), named(&["a:9", "b:80", "[::1]:7"]));
        assert_eq!(made(&["a"], &[2, 1, 2]), named(&["a:1", "a:2"]));
        let all = made(&["10.0.0.0/31"], &[]).unwrap();
        assert_eq!(all.len(), 2 * fingerprints().ports().len());
        assert!(all.iter().all(|(_, named)| !named));
        assert!(made(&["a"], &[0]).is_err() && made(&["a"], &[1; 257]).is_err());
    }

    #[test]
    fn metadata_is_never_asked() {
        for target in [
            "169.254.169.254",
            "http://169.254.169.254/latest",
            "[fd00:ec2::254]:80",
            "100.100.100.200",
            "::ffff:169.254.169.254",
        ] {
            let refused = made(&[target], &[80]).unwrap_err();
            assert!(refused.contains("never asked"), "{target}: {refused}");
        }
        let shared = Shared::default();
        let all = doors(&query(&["100.100.100.200/31"], &[80]), &shared).unwrap();
        assert_eq!(all.iter().map(shown).collect::<Vec<_>>(), ["100.100.100.201:80"]);
        assert_eq!(shared.notes.into_inner().unwrap().len(), 1);
    }
}
