//! An S3-compatible store: `object_store` makes and signs the requests, `cordon-upstream` carries them (ADR 8).
//!
//! What always holds: credentials come from the environment or a file, go into signatures only, and are never told;
//! requests go to the one host that the operator's endpoint names.

use crate::error::AppError;
use crate::system::SystemClock;
use crate::tools::export::{Here, settings};
use bytes::Bytes;
use cordon_types::Secret;
use cordon_upstream::{BaseUrl, Delivery, Outgoing, UpstreamError};
use http::header::AUTHORIZATION;
use http_body_util::BodyExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use object_store::path::Path as Key;
use object_store::{ClientOptions, ObjectStoreExt as _, RetryConfig};
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Largest object that is read back: a bundle of 256 entries of 64 KiB each.
const MOST_OBJECT: usize = 17 << 20;
/// How long one object may be tried.
const PATIENCE: Duration = Duration::from_secs(180);

/// How to get into a bucket.
#[derive(Debug, Default)]
pub struct Access {
    /// The store's address, where it is not Amazon's own.
    pub endpoint: Option<String>,
    /// The region; `us-east-1` where none is given.
    pub region: Option<String>,
    /// A file of credentials in the form of AWS's own; the environment without.
    pub credentials: Option<PathBuf>,
    /// The section of that file.
    pub profile: Option<String>,
    /// Certificate authorities beside the system's.
    pub ca: Option<PathBuf>,
}

/// A bucket and a prefix in it.
pub(super) struct Bucket {
    store: AmazonS3,
    prefix: String,
    runtime: Runtime,
}

struct Credentials {
    id: String,
    secret: Secret,
    token: Option<Secret>,
}

impl Bucket {
    pub(super) fn open(to: &str, access: &Access) -> Result<Self, AppError> {
        let bad = |why: String| AppError::Delivery(format!("{to}: {why}"));
        let (bucket, prefix) =
            to.trim_start_matches("s3://").split_once('/').unwrap_or((to.trim_start_matches("s3://"), ""));
        if bucket.is_empty()
            || bucket.bytes().any(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'-' | b'.' | b'_'))
        {
            return Err(bad("write it as s3://bucket/prefix".to_owned()));
        }
        let environment = |names: &[&str]| names.iter().find_map(|name| environment(name));
        let region = access.region.clone().or_else(|| environment(&["AWS_REGION", "AWS_DEFAULT_REGION"]));
        let region = region.unwrap_or_else(|| "us-east-1".to_owned());
        let endpoint =
            access.endpoint.clone().or_else(|| environment(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]));
        let endpoint = endpoint.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
        let base = BaseUrl::parse(&endpoint).map_err(|e| bad(format!("the endpoint {endpoint}: {e}")))?;
        let credentials = credentials(access)?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AppError::Thread)?;
        let connector = Carrier(Arc::new(Carried {
            delivery: Delivery::new(
                &settings(&base, None, access.ca.as_deref())?,
                Arc::new(Here),
                Arc::new(SystemClock::new()),
            )?,
            authority: format!("{}:{}", base.host(), base.port()),
        }));
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(region)
            .with_endpoint(endpoint.trim_end_matches('/'))
            .with_allow_http(!base.is_tls())
            .with_virtual_hosted_style_request(false)
            .with_access_key_id(credentials.id)
            .with_secret_access_key(credentials.secret.expose())
            // The store checks what arrives against it.
            .with_checksum_algorithm(Checksum::SHA256)
            .with_retry(RetryConfig { retry_timeout: PATIENCE, ..RetryConfig::default() })
            .with_http_connector(connector);
        if let Some(token) = &credentials.token {
            builder = builder.with_token(token.expose());
        }
        let store = builder.build().map_err(|e| bad(e.to_string()))?;
        Ok(Self { store, prefix: prefix.trim_matches('/').to_owned(), runtime })
    }

    fn key(&self, path: &str) -> Result<Key, AppError> {
        let whole = if self.prefix.is_empty() { path.to_owned() } else { format!("{}/{path}", self.prefix) };
        Key::parse(whole).map_err(|e| AppError::Delivery(e.to_string()))
    }

    pub(super) fn read(&self, path: &str) -> Result<Option<Vec<u8>>, AppError> {
        let key = self.key(path)?;
        let read = async { self.store.get(&key).await?.bytes().await };
        match self.runtime.block_on(read) {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(failed(path, &e)),
        }
    }

    pub(super) fn write(&self, path: &str, bytes: &[u8]) -> Result<(), AppError> {
        let key = self.key(path)?;
        let payload = Bytes::copy_from_slice(bytes).into();
        self.runtime.block_on(self.store.put(&key, payload)).map(|_| ()).map_err(|e| failed(path, &e))
    }
}

/// What the store said, on one line: its answers are XML.
fn failed(path: &str, e: &object_store::Error) -> AppError {
    let text: String =
        e.to_string().split_whitespace().collect::<Vec<_>>().join(" ").chars().take(600).collect();
    AppError::Delivery(format!("`{path}`: {text}"))
}

#[allow(clippy::disallowed_methods, reason = "the environment is read here and handed on as values")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn credentials(access: &Access) -> Result<Credentials, AppError> {
    let missing = |what: &str| AppError::Delivery(format!("no credentials: {what}"));
    if let Some(path) = &access.credentials {
        let text = crate::data::read(path)?;
        let wanted = access.profile.as_deref().unwrap_or("default");
        return profile(&text, wanted)
            .ok_or_else(|| missing(&format!("{} has no whole section [{wanted}]", path.display())));
    }
    let id = environment("AWS_ACCESS_KEY_ID");
    let secret = environment("AWS_SECRET_ACCESS_KEY").map(Secret::new);
    let (Some(id), Some(secret)) = (id, secret) else {
        return Err(missing(
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a file with --credentials",
        ));
    };
    Ok(Credentials { id, secret, token: environment("AWS_SESSION_TOKEN").map(Secret::new) })
}

/// One section of a file in the form of AWS's `~/.aws/credentials`.
fn profile(text: &str, wanted: &str) -> Option<Credentials> {
    let (mut here, mut id, mut secret, mut token) = (false, None, None, None);
    for line in text.lines().map(str::trim).filter(|l| !l.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            here = name.trim() == wanted;
        } else if let Some((key, value)) = line.split_once('=').filter(|_| here) {
            let value = value.trim().to_owned();
            match key.trim() {
                "aws_access_key_id" => id = Some(value),
                "aws_secret_access_key" => secret = Some(Secret::new(value)),
                "aws_session_token" => token = Some(Secret::new(value)),
                _ => {}
            }
        }
    }
    Some(Credentials { id: id?, secret: secret?, token })
}

/// Carries the requests that `object_store` makes.
struct Carried {
    delivery: Delivery,
    authority: String,
}

#[derive(Clone)]
struct Carrier(Arc<Carried>);

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carrier(..)")
    }
}

impl HttpConnector for Carrier {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for Carrier {
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(self.carry(request))
    }
}

impl Carrier {
    async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let host = parts.uri.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        let port =
            parts.uri.port_u16().unwrap_or(if parts.uri.scheme_str() == Some("http") { 80 } else { 443 });
        // SECURITY: a signature is for one host, and so is the connection.
        if format!("{host}:{port}") != self.0.authority {
            let reason = "the request is for another host than the endpoint's".to_owned();
            return Err(HttpError::new(HttpErrorKind::Request, UpstreamError::BadRequest { reason }));
        }
        let body = body.collect().await?.to_bytes();
        let mut headers = parts.headers;
        let authorization = headers.remove(AUTHORIZATION);
        let path = parts.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
        let outgoing = Outgoing { method: parts.method, path: path.into(), headers, body };
        let answer = self.0.delivery.send(outgoing, authorization).await.map_err(told)?;
        let (status, headers, mut body) = (answer.status, answer.headers, answer.body);
        let mut whole = Vec::new();
        while let Some(chunk) = body.chunk().await {
            let chunk = chunk.map_err(told)?;
            if whole.len() + chunk.len() > MOST_OBJECT {
                return Err(HttpError::new(HttpErrorKind::Decode, UpstreamError::TooLarge));
            }
            whole.extend_from_slice(&chunk);
        }
        let mut response = HttpResponse::new(HttpResponseBody::from(Bytes::from(whole)));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// What `object_store` may try again.
fn told(e: UpstreamError) -> HttpError {
    let kind = match &e {
        UpstreamError::Connect { .. }
        | UpstreamError::Resolve { .. }
        | UpstreamError::TimeoutConnect { .. } => HttpErrorKind::Connect,
        UpstreamError::TimeoutHead { .. } | UpstreamError::TimeoutIdle { .. } => HttpErrorKind::Timeout,
        UpstreamError::Reset { .. } | UpstreamError::Truncated => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, e)
}
