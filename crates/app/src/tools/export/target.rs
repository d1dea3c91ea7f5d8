//! Where an export goes: a file, standard output, or a receiver behind an address.

use crate::error::AppError;
use cordon_export::Format;
use cordon_types::{Problem, Problems};
use cordon_upstream::BaseUrl;
use std::path::PathBuf;

/// Syslog over TLS (RFC 5425).
const SYSLOG_TLS_PORT: u16 = 6514;
/// Syslog over UDP (RFC 5426).
const SYSLOG_UDP_PORT: u16 = 514;

/// Where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Standard output.
    Stdout,
    /// Appended to a file.
    File(PathBuf),
    /// Posted, batch by batch.
    Http {
        /// The server.
        base: BaseUrl,
        /// The path, with its query.
        path: String,
    },
    /// A stream, one connection a batch; encrypted for `tls://`.
    Stream(BaseUrl),
    /// One datagram a message.
    Datagrams(BaseUrl),
}

impl Target {
    /// Reads `-`, a path, `http(s)://host[:port]/path`, `tcp://host:port`, `tls://host[:port]`, `udp://host[:port]`, and
    /// checks that the format can go there.
    pub(super) fn parse(text: &str, format: Format) -> Result<Self, AppError> {
        let bad = |message: String, hint: &str| {
            AppError::Problems(Problems(vec![Problem::new("to", message, hint)]))
        };
        let target = match text.split_once("://") {
            None if text == "-" => Self::Stdout,
            None if text.is_empty() => {
                return Err(bad("it is empty".into(), "name a file, `-`, or an address"));
            }
            None => Self::File(PathBuf::from(text)),
            Some(("http" | "https", rest)) => {
                let at = rest.find(['/', '?']).unwrap_or(rest.len());
                let (authority, path) = rest.split_at(at);
                let scheme = text.split("://").next().unwrap_or_default();
                let base = BaseUrl::parse(&format!("{scheme}://{authority}")).map_err(|e| bad(e, ""))?;
                let path = match path {
                    "" | "/" if format == Format::Otlp => "/v1/logs".to_owned(),
                    "" => "/".to_owned(),
                    query if query.starts_with('?') => format!("/{query}"),
                    path => path.to_owned(),
                };
                Self::Http { base, path }
            }
            Some((scheme @ ("tcp" | "tls" | "udp"), rest)) => {
                let default = match scheme {
                    "tls" => Some(SYSLOG_TLS_PORT),
                    "udp" => Some(SYSLOG_UDP_PORT),
                    _ => None,
                };
                let has_port =
                    rest.rsplit_once(':').is_some_and(|(host, _)| !host.contains(':') || host.ends_with(']'));
                let whole = match default {
                    Some(port) if !has_port => format!("{rest}:{port}"),
                    None if !has_port => return Err(bad("it has no port".into(), "write tcp://host:port")),
                    _ => rest.to_owned(),
                };
                let inner = if scheme == "tls" { "https" } else { "http" };
                let base = BaseUrl::parse(&format!("{inner}://{whole}")).map_err(|e| bad(e, ""))?;
                if !base.prefix().is_empty() {
                    return Err(bad("an address of a stream has no path".into(), ""));
                }
                if scheme == "udp" { Self::Datagrams(base) } else { Self::Stream(base) }
            }
            Some((scheme, _)) => {
                let hint = "a file, `-`, http://, https://, tcp://, tls:// or udp://";
                return Err(bad(format!("`{scheme}://` is not known"), hint));
            }
        };
        if target.takes(format) {
            return Ok(target);
        }
        let hint = "syslog goes to a file, tcp, tls or udp; ocsf and jsonl to all but udp; otlp and csv to a file or http";
        Err(bad(format!("{} cannot go there", format.name()), hint))
    }

    const fn takes(&self, format: Format) -> bool {
        match self {
            Self::Stdout | Self::File(_) => true,
            Self::Http { .. } => !matches!(format, Format::Syslog),
            Self::Stream(_) => matches!(format, Format::Syslog | Format::Ocsf | Format::Jsonl),
            Self::Datagrams(_) => matches!(format, Format::Syslog),
        }
    }
}
