//! One record of a network log, in the terms that all formats share.

/// What a record shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A name was looked up.
    Lookup,
    /// A connection to the name was made.
    Connection,
    /// A request was made.
    Request,
    /// How many bytes a flow carried, told at its end. The name may be missing; the flow's id joins it.
    Flow,
}

/// When. Read only where the record matters: most lines of a log do not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When<'a> {
    /// Not told.
    Unknown,
    /// Seconds since 1970.
    Seconds(f64),
    /// As the log writes it.
    Text(&'a str),
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event<'a> {
    /// What it shows.
    pub seen: Seen,
    /// The client's address or name.
    pub who: &'a str,
    /// The user, where the log knows one; else empty.
    pub user: &'a str,
    /// The host's name; empty where only an address is known.
    pub host: &'a str,
    /// The path, where the log shows one.
    pub path: Option<&'a str>,
    /// When.
    pub at: When<'a>,
    /// Bytes from the client.
    pub up: u64,
    /// Bytes to the client.
    pub down: u64,
    /// What joins the records of one flow; empty where there is none.
    pub flow: &'a str,
}

impl<'a> Event<'a> {
    /// A record of `who` and `host`, with nothing else known.
    pub(crate) const fn new(seen: Seen, who: &'a str, host: &'a str) -> Self {
        Self { seen, who, user: "", host, path: None, at: When::Unknown, up: 0, down: 0, flow: "" }
    }
}

/// Host and path of a URL, of `host:port`, or of a bare host. User and password are left out.
pub(crate) fn split_url(url: &str) -> (&str, Option<&str>) {
    let (rest, schemed) = match url.find("://") {
        Some(at) if at < 12 => (url.get(at + 3..).unwrap_or(""), true),
        _ => (url, false),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => authority.split(':').next().unwrap_or(authority),
    };
    let path = (schemed || !path.is_empty()).then_some(if path.is_empty() { "/" } else { path });
    (host, path)
}

/// A number as logs write it; what is none counts as zero.
pub(crate) fn number(text: &str) -> u64 {
    text.parse().unwrap_or(0)
}
