//! Kill switches: what an operator stopped, by key, agent, user, model, upstream, tool, or all.
//!
//! What always holds: a kill is asked for by exact match; an empty set costs one comparison; a snapshot is swapped
//! whole. What it does not do: close streams (`proxy` watches the switch) or save (`KillStore`).

use arc_swap::ArcSwap;
use cordon_types::{AgentId, Digest, KeyId, Millis, ModelName, UpstreamId};
use std::{collections::HashMap, fmt, str::FromStr, sync::Arc};

/// Longest name of a tool, in bytes.
const MAX_TOOL_BYTES: usize = 128;

/// What a kill stops. Its text form is `all`, or a word, a colon and a name: `agent:support-bot`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KillScope {
    /// Everything.
    All,
    /// One key.
    Key(KeyId),
    /// One agent.
    Agent(AgentId),
    /// One user, by the keyed digest that stands for them (the same over restarts); never by name.
    User(Digest),
    /// One model.
    Model(ModelName),
    /// One upstream.
    Upstream(UpstreamId),
    /// One tool, by the name that models call it by.
    Tool(Arc<str>),
}

impl KillScope {
    /// A tool's scope; `None` when the name is empty, longer than 128 bytes, or has control characters.
    #[must_use]
    pub fn tool(name: &str) -> Option<Self> {
        let fits = !name.is_empty() && name.len() <= MAX_TOOL_BYTES && !name.chars().any(char::is_control);
        fits.then(|| Self::Tool(name.into()))
    }

    /// The word before the colon: for records and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Key(_) => "key",
            Self::Agent(_) => "agent",
            Self::User(_) => "user",
            Self::Model(_) => "model",
            Self::Upstream(_) => "upstream",
            Self::Tool(_) => "tool",
        }
    }
}

impl fmt::Display for KillScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::All => Ok(()),
            Self::Key(k) => write!(f, ":{k}"),
            Self::Agent(a) => write!(f, ":{a}"),
            Self::User(u) => write!(f, ":{u}"),
            Self::Model(m) => write!(f, ":{m}"),
            Self::Upstream(u) => write!(f, ":{u}"),
            Self::Tool(t) => write!(f, ":{t}"),
        }
    }
}

/// Why a text is no kill scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no scope; write `all`, or `key:`, `agent:`, `user:`, `model:`, `upstream:` or `tool:` and a name"
)]
pub struct KillScopeError(pub String);

impl FromStr for KillScope {
    type Err = KillScopeError;

    fn from_str(text: &str) -> Result<Self, KillScopeError> {
        let scope = match text.split_once(':') {
            None => (text == "all").then_some(Self::All),
            Some(("key", id)) => KeyId::new(id).ok().map(Self::Key),
            Some(("agent", id)) => AgentId::new(id).ok().map(Self::Agent),
            Some(("user", hex)) => digest(hex).map(Self::User),
            Some(("model", name)) => ModelName::new(name).ok().map(Self::Model),
            Some(("upstream", id)) => UpstreamId::new(id).ok().map(Self::Upstream),
            Some(("tool", name)) => Self::tool(name),
            Some(_) => None,
        };
        scope.ok_or_else(|| KillScopeError(text.chars().take(64).collect()))
    }
}

fn digest(hex: &str) -> Option<Digest> {
    let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).ok()?;
    bytes.try_into().ok().map(Digest)
}

/// One kill in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    /// What it stops.
    pub scope: KillScope,
    /// Since when.
    pub since: Millis,
}

/// What an exchange touches; tools are asked for apart, since they come later.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The key that was presented.
    pub key: &'a KeyId,
    /// The agent that calls.
    pub agent: Option<&'a AgentId>,
    /// The keyed digest of the user on whose behalf it calls.
    pub user: Option<&'a Digest>,
    /// The model, once it is known.
    pub model: Option<&'a ModelName>,
    /// The upstream, once it is known.
    pub upstream: Option<&'a UpstreamId>,
}

/// The kills in force, as a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KillSet(HashMap<KillScope, Millis>);

impl KillSet {
    /// A set of these kills; of two with one scope, the earlier stands.
    #[must_use]
    pub fn new(kills: impl IntoIterator<Item = Kill>) -> Self {
        let mut map = HashMap::new();
        for k in kills {
            map.entry(k.scope).and_modify(|s: &mut Millis| *s = k.since.min(*s)).or_insert(k.since);
        }
        Self(map)
    }

    /// Whether nothing is killed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The kill that stops an exchange, if one does; the widest first.
    #[must_use]
    pub fn hit(&self, target: &Target<'_>) -> Option<&KillScope> {
        if self.0.is_empty() {
            return None;
        }
        self.get(KillScope::All)
            .or_else(|| self.get(KillScope::Key(target.key.clone())))
            .or_else(|| target.agent.and_then(|a| self.get(KillScope::Agent(a.clone()))))
            .or_else(|| target.user.and_then(|u| self.get(KillScope::User(*u))))
            .or_else(|| target.model.and_then(|m| self.get(KillScope::Model(m.clone()))))
            .or_else(|| target.upstream.and_then(|u| self.get(KillScope::Upstream(u.clone()))))
    }

    /// The kill that stops calls of the tool `name`, if there is one.
    #[must_use]
    pub fn tool_hit(&self, name: &str) -> Option<&KillScope> {
        if self.0.is_empty() {
            return None;
        }
        self.get(KillScope::All).or_else(|| self.get(KillScope::tool(name)?))
    }

    /// All kills in force, sorted by scope.
    #[must_use]
    pub fn kills(&self) -> Vec<Kill> {
        let mut list: Vec<Kill> =
            self.0.iter().map(|(s, since)| Kill { scope: s.clone(), since: *since }).collect();
        list.sort_by(|a, b| a.scope.cmp(&b.scope));
        list
    }

    /// The set with one kill more.
    #[must_use]
    pub fn with(&self, kill: Kill) -> Self {
        Self::new(self.kills().into_iter().chain([kill]))
    }

    /// The set with one kill less.
    #[must_use]
    pub fn without(&self, scope: &KillScope) -> Self {
        let mut map = self.0.clone();
        map.remove(scope);
        Self(map)
    }

    fn get(&self, scope: KillScope) -> Option<&KillScope> {
        self.0.get_key_value(&scope).map(|(s, _)| s)
    }
}

/// The kill set that is in force now. Change it only after the change is saved.
#[derive(Debug, Default)]
pub struct KillSwitch(ArcSwap<KillSet>);

impl KillSwitch {
    /// A switch with this set in force.
    #[must_use]
    pub fn new(set: KillSet) -> Self {
        Self(ArcSwap::from_pointee(set))
    }

    /// The set in force.
    #[must_use]
    pub fn load(&self) -> Arc<KillSet> {
        self.0.load_full()
    }

    /// Puts one more kill in force.
    pub fn kill(&self, kill: &Kill) {
        self.0.rcu(|set| set.with(kill.clone()));
    }

    /// Takes one kill out of force.
    pub fn unkill(&self, scope: &KillScope) {
        self.0.rcu(|set| set.without(scope));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> KillScope {
        text.parse().unwrap()
    }

    #[test]
    fn a_scope_is_written_as_it_is_read() {
        let user = format!("user:{}", "0a".repeat(32));
        for text in ["all", "key:abc", "agent:bot", &user, "model:gpt:4", "upstream:u-1", "tool:send mail:x"]
        {
            assert_eq!(scope(text).to_string(), text);
        }
        let long = format!("tool:{}", "x".repeat(129));
        for text in
            ["", "All", "all:", "key:", "key:A b", "agent:Bot", "user:00", "tool:", "tool:\n", &long, "x:y"]
        {
            assert!(text.parse::<KillScope>().is_err(), "{text}");
        }
        assert!(format!("user:{}", "0A".repeat(32)).parse::<KillScope>().is_err());
    }

    #[test]
    fn what_a_kill_stops() {
        let (key, agent) = (KeyId::new("k1").unwrap(), AgentId::new("bot").unwrap());
        let (model, upstream) = (ModelName::new("gpt").unwrap(), UpstreamId::new("up").unwrap());
        let user = Digest([1; 32]);
        let whole = Target {
            key: &key,
            agent: Some(&agent),
            user: Some(&user),
            model: Some(&model),
            upstream: Some(&upstream),
        };
        let bare = Target { agent: None, user: None, model: None, upstream: None, ..whole };
        let check = |text: &str, stops_whole: bool, stops_bare: bool| {
            let set = KillSet::new([Kill { scope: scope(text), since: 1 }]);
            assert_eq!(set.hit(&whole).is_some(), stops_whole, "{text}");
            assert_eq!(set.hit(&bare).is_some(), stops_bare, "{text}");
        };
        check("all", true, true);
        check("key:k1", true, true);
        check("key:k2", false, false);
        check("agent:bot", true, false);
        check("agent:bot2", false, false);
        check(&format!("user:{user}"), true, false);
        check("model:gpt", true, false);
        check("upstream:up", true, false);
        check("tool:gpt", false, false);
        assert!(KillSet::default().hit(&whole).is_none());
    }

    #[test]
    fn tools_are_asked_for_apart() {
        let set = KillSet::new([Kill { scope: scope("tool:send_mail"), since: 1 }]);
        assert!(set.tool_hit("send_mail").is_some());
        assert!(set.tool_hit("send_mail2").is_none());
        assert!(set.tool_hit(&"x".repeat(500)).is_none());
        assert!(KillSet::new([Kill { scope: KillScope::All, since: 1 }]).tool_hit("x").is_some());
    }

    #[test]
    fn a_switch_goes_on_and_off_and_keeps_the_first_time() {
        let switch = KillSwitch::default();
        switch.kill(&Kill { scope: KillScope::All, since: 5 });
        switch.kill(&Kill { scope: KillScope::All, since: 9 });
        assert_eq!(switch.load().kills(), vec![Kill { scope: KillScope::All, since: 5 }]);
        switch.unkill(&KillScope::All);
        switch.unkill(&KillScope::All);
        assert!(switch.load().is_empty());
    }
}
