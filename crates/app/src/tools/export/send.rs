//! One batch to its receiver: done when the receiver has taken it.
//!
//! | to | taken means |
//! |---|---|
//! | a file | written and synced |
//! | HTTP | answered 2xx; for OTLP without rejected records |
//! | a stream | the receiver read to the end and closed |
//! | datagrams | handed to the network: nobody says more |

use super::target::Target;
use crate::error::AppError;
use crate::settings::certificates;
use crate::system::SystemClock;
use bytes::Bytes;
use cordon_export::{Format, counted};
use cordon_types::{Secret, UpstreamId};
use cordon_upstream::{AuthStyle, BaseUrl, Credential, Delivery, Incoming, Line, Outgoing, Settings, Spawn};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::CONTENT_TYPE, header::RETRY_AFTER};
use serde_json::Value;
use std::fs::OpenOptions;
use std::future::Future;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Longest answer of a receiver that is read.
const MOST_ANSWER: usize = 64 * 1024;
/// How long a receiver may take for a batch.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a batch was not taken.
#[derive(Debug)]
pub(super) enum Refused {
    /// It may be taken later; after so long, where the receiver says so.
    Later(String, Option<Duration>),
    /// It will never be.
    Never(String),
}

pub(super) enum Sender {
    Stdout,
    File(PathBuf),
    Http { delivery: Box<Delivery>, path: String, format: Format },
    Stream { line: Box<Line>, format: Format },
    Datagrams(Box<Line>),
}

/// On the one runtime of the command.
pub(crate) struct Here;

impl Spawn for Here {
    fn spawn(&self, _name: &'static str, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        drop(tokio::runtime::Handle::current().spawn(future));
    }
}

/// What a receiver's settings are made of.
pub(crate) fn settings(
    base: &BaseUrl,
    bearer: Option<&Path>,
    ca: Option<&Path>,
) -> Result<Settings, AppError> {
    let id = UpstreamId::new("receiver").map_err(|e| AppError::Record(e.to_string()))?;
    let mut settings = Settings::new(id, cordon_upstream::Target::Url(base.clone()));
    // Collectors stand on the same machine or network more often than not, and the operator has named this one.
    settings.allow_private = true;
    settings.head = PATIENCE;
    settings.idle = PATIENCE;
    settings.retries = 0;
    if let Some(path) = bearer {
        // SECURITY: a token must not cross a network in the clear because of one letter in an address.
        let here = base.host().parse().map_or(base.host() == "localhost", |ip: IpAddr| ip.is_loopback());
        if !base.is_tls() && !here {
            let text = format!(
                "the token would go to {} in the clear; send it to an https:// address, or without --bearer-file",
                base.host()
            );
            return Err(AppError::Delivery(text));
        }
        let text = crate::data::read(path)?;
        settings.credential = Some(Credential::new(Secret::new(text.trim().to_owned())));
        settings.auth = AuthStyle::Bearer;
    }
    settings.ca = ca.map(certificates).transpose()?;
    Ok(settings)
}

impl Sender {
    pub(super) fn new(
        target: &Target,
        format: Format,
        bearer: Option<&Path>,
        ca: Option<&Path>,
    ) -> Result<Self, AppError> {
        Ok(match target {
            Target::Stdout => Self::Stdout,
            Target::File(path) => Self::File(path.clone()),
            Target::Http { base, path } => {
                let settings = settings(base, bearer, ca)?;
                let delivery = Delivery::new(&settings, Arc::new(Here), Arc::new(SystemClock::new()))?;
                Self::Http { delivery: Box::new(delivery), path: path.clone(), format }
            }
            Target::Stream(base) => {
                let line = Line::new(&settings(base, None, ca)?, Arc::new(Here))?;
                Self::Stream { line: Box::new(line), format }
            }
            Target::Datagrams(base) => {
                Self::Datagrams(Box::new(Line::new(&settings(base, None, ca)?, Arc::new(Here))?))
            }
        })
    }

    pub(super) async fn send(&self, format: Format, lines: Vec<Vec<u8>>) -> Result<(), Refused> {
        let later = |e: cordon_upstream::UpstreamError| Refused::Later(e.to_string(), None);
        match self {
            Self::Stdout => {
                let write = |bytes: Vec<u8>| {
                    let mut out = std::io::stdout().lock();
                    out.write_all(&bytes).and_then(|()| out.flush())
                };
                write(joined(&lines)).map_err(|e| Refused::Never(e.to_string()))
            }
            Self::File(path) => {
                append(path, format, &lines).map_err(|e| Refused::Never(format!("{}: {e}", path.display())))
            }
            Self::Http { delivery, path, format } => {
                let body = match format {
                    Format::Otlp => lines.concat(),
                    _ => headed(*format, &lines),
                };
                post(delivery, path, *format, body.into()).await
            }
            Self::Stream { line, format } => {
                let bytes = match format {
                    Format::Syslog => lines.iter().flat_map(|l| counted(l)).collect(),
                    _ => joined(&lines),
                };
                line.stream(&bytes).await.map_err(later)
            }
            Self::Datagrams(line) => line.datagrams(&lines).await.map_err(later),
        }
    }
}

fn joined(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect()
}

fn headed(format: Format, lines: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format.head().map(|head| joined(&[head])).unwrap_or_default();
    bytes.extend(joined(lines));
    bytes
}

/// Appends and syncs. A line that a crash had torn gets its end, so that the next one stands alone.
fn append(path: &Path, format: Format, lines: &[Vec<u8>]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path)?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::new();
    if length == 0 {
        bytes = headed(format, lines);
    } else {
        // A pipe or device has no end to look at.
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(-1)).is_ok() {
            file.read_exact(&mut last)?;
        }
        if last != *b"\n" {
            bytes.push(b'\n');
        }
        bytes.extend(joined(lines));
    }
    file.write_all(&bytes)?;
    match file.sync_data() {
        // What cannot be synced (a pipe, a terminal) is as written as it gets.
        Err(e) if e.kind() == std::io::ErrorKind::InvalidInput => Ok(()),
        done => done,
    }
}

async fn post(delivery: &Delivery, path: &str, format: Format, body: Bytes) -> Result<(), Refused> {
    let mut headers = HeaderMap::new();
    if let Some(media) = format.media_type() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    }
    let request = Outgoing { method: Method::POST, path: path.to_owned().into(), headers, body };
    let answer = match Box::pin(delivery.send(request, None)).await {
        Ok(answer) => answer,
        Err(
            e @ (cordon_upstream::UpstreamError::Settings { .. }
            | cordon_upstream::UpstreamError::AddressRefused { .. }
            | cordon_upstream::UpstreamError::Redirect { .. }
            | cordon_upstream::UpstreamError::BadRequest { .. }),
        ) => return Err(Refused::Never(e.to_string())),
        Err(e) => return Err(Refused::Later(e.to_string(), None)),
    };
    let status = answer.status;
    if status.is_success() {
        let said = whole(answer).await.map_err(|e| Refused::Later(e, None))?;
        return if format == Format::Otlp { otlp_took(&said) } else { Ok(()) };
    }
    let text = format!("the receiver answered {}", status.as_u16());
    let passing = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    if !passing {
        return Err(Refused::Never(format!("{text}: check the address, the path and the credential")));
    }
    let after =
        answer.headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(|v| v.trim().parse().ok());
    Err(Refused::Later(text, after.map(Duration::from_secs)))
}

async fn whole(mut answer: Incoming) -> Result<Vec<u8>, String> {
    let mut said = Vec::new();
    while let Some(chunk) = answer.body.chunk().await {
        let chunk = chunk.map_err(|e| e.to_string())?;
        if said.len() + chunk.len() > MOST_ANSWER {
            break;
        }
        said.extend_from_slice(&chunk);
    }
    Ok(said)
}

/// OTLP's partial success: what was rejected would be lost in silence.
fn otlp_took(said: &[u8]) -> Result<(), Refused> {
    let value: Value = serde_json::from_slice(said).unwrap_or_default();
    let rejected = value.pointer("/partialSuccess/rejectedLogRecords");
    let number = rejected.and_then(|n| n.as_u64().or_else(|| n.as_str()?.parse().ok())).unwrap_or(0);
    if number == 0 {
        return Ok(());
    }
    Err(Refused::Never(format!("the receiver rejected {number} records of the batch; look into its log")))
}
