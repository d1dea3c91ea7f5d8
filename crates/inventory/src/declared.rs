//! What the operator declares: `inventory.toml`.
//!
//! ```toml
//! [[asset]]
//! kind = "service"
//! name = "openai"            # a key or name; `*` stands for any run of characters
//! status = "approved"        # or "forbidden"
//! owner = "platform team"
//! purpose = "drafting"
//! data_class = "internal"
//! review = 2027-01-31
//! instead = "the gateway's model `main`"
//!
//! [[instead]]                # see `offer`
//! sort = "chat"
//! offer = "the gateway's model `main`"
//!
//! [[agent]]
//! name = "support-bot"       # as its manifest names it
//! hosts = ["10.0.5.17", "bots.example.com", "10.0.6.0/24"]   # where it runs, as logs name clients
//! ```
//! What always holds: a file with a problem is refused whole, with every problem. What it does not do: say what is
//! there; a declared asset that nothing shows is a ghost.

use crate::asset::{AssetId, AssetKind};
use cordon_types::{Problem, Problems};
use serde::Deserialize;
use std::net::IpAddr;

/// Whether an asset may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It may.
    #[default]
    Approved,
    /// It may not.
    Forbidden,
}

/// One declared asset, or a pattern of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its kind.
    pub kind: AssetKind,
    /// Its key or name; a star stands for any run of characters.
    pub name: String,
    /// Whether it may be used.
    pub status: Status,
    /// Who answers for it.
    pub owner: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// The highest class of data it may see.
    pub data_class: Option<String>,
    /// The day of its next review, as `YYYY-MM-DD`.
    pub review: Option<String>,
    /// What to offer in its place.
    pub instead: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    asset: Vec<Row>,
    #[serde(default)]
    agent: Vec<AgentRow>,
    #[serde(default)]
    instead: Vec<crate::offer::Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentRow {
    name: String,
    hosts: Vec<String>,
}

/// Where one agent runs. What it sends from there to a provider itself went past the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentHosts {
    /// The agent, as its manifest names it.
    pub agent: String,
    hosts: Vec<Host>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Name(String),
    /// An address, with how many of its first bits count.
    Net(IpAddr, u8),
}

impl Host {
    fn read(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (text, None),
        };
        if let Ok(ip) = address.parse::<IpAddr>() {
            let most = if ip.is_ipv4() { 32 } else { 128 };
            let bits = bits.unwrap_or(most);
            return (bits <= most).then_some(Host::Net(ip, bits));
        }
        let name = text.trim_end_matches('.');
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let fits = (1..=253).contains(&name.len()) && name.chars().all(good);
        (bits.is_none() && fits).then(|| Host::Name(name.to_ascii_lowercase()))
    }

    fn is(&self, who: &str) -> bool {
        match self {
            Host::Name(name) => who.trim_end_matches('.').eq_ignore_ascii_case(name),
            Host::Net(net, bits) => who.parse().is_ok_and(|ip| within(ip, *net, *bits)),
        }
    }
}

/// Whether an address begins with the same bits. An IPv4 address in an IPv6 one's form is the same address.
fn within(ip: IpAddr, net: IpAddr, bits: u8) -> bool {
    let shift = |whole: u32| whole.saturating_sub(u32::from(bits));
    match (ip.to_canonical(), net) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            (u32::from(a) ^ u32::from(b)).checked_shr(shift(32)).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            (u128::from(a) ^ u128::from(b)).checked_shr(shift(128)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

impl AgentHosts {
    /// Whether a client, as a log names it, is one of its hosts.
    #[must_use]
    pub fn runs_at(&self, who: &str) -> bool {
        self.hosts.iter().any(|h| h.is(who))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    kind: AssetKind,
    name: String,
    #[serde(default)]
    status: Status,
    owner: Option<String>,
    purpose: Option<String>,
    data_class: Option<String>,
    review: Option<toml::value::Datetime>,
    instead: Option<String>,
}

fn file(text: &str) -> Result<File, Problems> {
    toml::from_str(text).map_err(|error| {
        let place = place(text, error.span());
        Problems(vec![Problem::new(place, error.message(), "docs/scan.md shows the file")])
    })
}

/// Reads what to offer in place of what is not approved.
///
/// # Errors
/// Every problem at once, each with its place.
pub fn offers(text: &str) -> Result<Vec<crate::Offer>, Problems> {
    crate::offer::read(file(text)?.instead)
}

/// Reads where agents run.
///
/// # Errors
/// Every problem at once, each with its place.
pub fn agents(text: &str) -> Result<Vec<AgentHosts>, Problems> {
    let mut problems = Vec::new();
    let mut all: Vec<AgentHosts> = Vec::new();
    for (n, row) in file(text)?.agent.into_iter().enumerate() {
        let path = format!("agent[{n}]");
        if row.name.trim().is_empty() || row.name.len() > 64 {
            problems.push(Problem::new(
                format!("{path}.name"),
                "names no agent",
                "write the manifest's `agent`",
            ));
        }
        if row.hosts.is_empty() {
            problems.push(Problem::new(format!("{path}.hosts"), "is empty", "name where the agent runs"));
        }
        if all.iter().any(|a| a.agent == row.name) {
            problems.push(Problem::new(path.clone(), "stands twice", "join the two"));
        }
        let mut hosts = Vec::with_capacity(row.hosts.len());
        for (i, text) in row.hosts.iter().enumerate() {
            match Host::read(text.trim()) {
                Some(host) => hosts.push(host),
                None => problems.push(Problem::new(
                    format!("{path}.hosts[{i}]"),
                    "is no host",
                    "write an address, a network such as 10.0.6.0/24, or a name",
                )),
            }
        }
        all.push(AgentHosts { agent: row.name, hosts });
    }
    if problems.is_empty() { Ok(all) } else { Err(Problems(problems)) }
}

/// Reads the assets of the file.
///
/// # Errors
/// Every problem at once, each with its place.
pub fn declared(text: &str) -> Result<Vec<Declared>, Problems> {
    let file = file(text)?;
    let mut problems = Vec::new();
    let mut all: Vec<Declared> = Vec::with_capacity(file.asset.len());
    for (n, row) in file.asset.into_iter().enumerate() {
        let path = format!("asset[{n}]");
        if row.name.trim_matches(['*', ' ']).is_empty() && row.status == Status::Approved {
            problems.push(Problem::new(
                format!("{path}.name"),
                "approves everything of its kind",
                "name what is approved",
            ));
        }
        if row.review.is_some_and(|r| r.date.is_none()) {
            problems.push(Problem::new(format!("{path}.review"), "is no day", "write it as 2027-01-31"));
        }
        if all.iter().any(|d| d.kind == row.kind && d.name == row.name) {
            problems.push(Problem::new(path, "stands twice", "keep one"));
        }
        let filled = |text: Option<String>| text.filter(|t| !t.trim().is_empty());
        all.push(Declared {
            kind: row.kind,
            name: row.name,
            status: row.status,
            owner: filled(row.owner),
            purpose: filled(row.purpose),
            data_class: filled(row.data_class),
            review: row.review.and_then(|r| r.date).map(|d| d.to_string()),
            instead: filled(row.instead),
        });
    }
    if problems.is_empty() { Ok(all) } else { Err(Problems(problems)) }
}

/// `line 4`, or nothing where the place is not known.
fn place(text: &str, span: Option<std::ops::Range<usize>>) -> String {
    span.map_or_else(String::new, |s| format!("line {}", crate::code::line_at(text, s.start)))
}

impl Declared {
    /// Whether it means this asset.
    #[must_use]
    pub fn means(&self, id: &AssetId, name: &str) -> bool {
        self.kind == id.kind && (wild(&self.name, &id.key) || wild(&self.name, name))
    }

    /// Whether it names one asset alone.
    #[must_use]
    pub fn is_one(&self) -> bool {
        !self.name.contains('*')
    }
}

/// `*` stands for any run of characters; case does not count.
pub(crate) fn wild(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            match rest.find(middle) {
                Some(at) => rest = rest.get(at + middle.len()..).unwrap_or(""),
                None => return false,
            }
        }
    }
    match last {
        Some(end) => rest.ends_with(end),
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, want) in [
            ("openai", "OpenAI", true),
            ("openai", "openai-2", false),
            ("pypi/lang*", "pypi/langchain", true),
            ("*mcp*", "npm/mcp-remote", true),
            ("a*a", "a", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("*", "", true),
        ] {
            assert_eq!(wild(pattern, text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn hosts_of_agents() {
        let text = "[[agent]]\nname=\"bot\"\nhosts=[\"10.0.5.17\",\"Bots.example.com.\",\"10.0.6.0/24\",\"2001:db8::/32\"]\n";
        let all = agents(text).unwrap();
        for (who, want) in [
            ("10.0.5.17", true),
            ("10.0.5.18", false),
            ("::ffff:10.0.5.17", true),
            ("bots.example.com", true),
            ("x.bots.example.com", false),
            ("10.0.6.255", true),
            ("10.0.7.0", false),
            ("2001:db8:1::1", true),
            ("2001:db9::1", false),
            ("", false),
        ] {
            assert_eq!(all[0].runs_at(who), want, "{who}");
        }
        assert!(agents("[[agent]]\nname=\"a\"\nhosts=[\"0.0.0.0/0\"]").unwrap()[0].runs_at("1.2.3.4"));
        for (bad, problems) in [
            ("[[agent]]\nname=\"\"\nhosts=[]", 2),
            ("[[agent]]\nname=\"a\"\nhosts=[\"a b\",\"10.0.0.0/33\",\"x/8\",\"\"]", 4),
            ("[[agent]]\nname=\"a\"\nhosts=[\"a\"]\n[[agent]]\nname=\"a\"\nhosts=[\"b\"]", 1),
            ("[[agent]]\nname=\"a\"\nhosts=[\"a\"]\ncolour=1", 1),
        ] {
            assert_eq!(agents(bad).unwrap_err().0.len(), problems, "{bad}");
        }
    }

    #[test]
    fn problems_come_all_at_once() {
        let text = "[[asset]]\nkind=\"service\"\nname=\"*\"\nreview=10:00:00\n[[asset]]\nkind=\"service\"\nname=\"x\"\n[[asset]]\nkind=\"service\"\nname=\"x\"\n";
        assert_eq!(declared(text).unwrap_err().0.len(), 3);
        assert!(declared("[[asset]]\nkind=\"servise\"\nname=\"x\"").is_err());
        assert!(declared("[[asset]]\nkind=\"service\"\nname=\"x\"\nowner=\"a\"\nreview=2027-01-31").is_ok());
        assert!(declared("[[asset]]\nkind=\"service\"\nname=\"x\"\ncolour=\"red\"").is_err());
    }
}
