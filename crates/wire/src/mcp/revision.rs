//! Which revisions there are, and which methods each knows.

macro_rules! methods {
    ($( $(#[$doc:meta])* $variant:ident = $name:literal, $from:ident ..= $to:ident, [$($param:literal),*]; )*) => {
        /// A request that a client sends.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method { $( $(#[$doc])* $variant, )* }

        impl Method {
            /// The method of that name, where the revision has it.
            #[must_use]
            pub fn find(name: &str, revision: Revision) -> Option<Self> {
                match name {
                    $( $name if (Revision::$from..=Revision::$to).contains(&revision) => Some(Self::$variant), )*
                    _ => None,
                }
            }

            /// Its name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }

            /// The members that its parameters may have, beside `_meta`.
            #[must_use]
            pub const fn params(self) -> &'static [&'static str] {
                match self { $( Self::$variant => &[$($param),*], )* }
            }
        }
    };
}

impl Method {
    /// Whether it is about a task that a call became.
    #[must_use]
    pub const fn is_of_task(self) -> bool {
        matches!(self, Self::TasksGet | Self::TasksUpdate | Self::TasksCancel)
    }
}

/// A revision of the protocol, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Revision {
    /// The first.
    V2024_11_05,
    /// Streamable HTTP.
    V2025_03_26,
    /// Structured results, elicitation, the version in a header.
    V2025_06_18,
    /// The last one with sessions.
    V2025_11_25,
    /// No sessions: each request stands alone.
    V2026_07_28,
}

impl Revision {
    /// Every revision, oldest first.
    pub const ALL: [Revision; 5] =
        [Self::V2024_11_05, Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25, Self::V2026_07_28];

    /// The newest that has a handshake.
    pub const LAST_WITH_SESSIONS: Revision = Self::V2025_11_25;

    /// The newest.
    pub const CURRENT: Revision = Self::V2026_07_28;

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// The revision of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.name() == name)
    }

    /// Whether each request carries what a handshake said before.
    #[must_use]
    pub const fn is_stateless(self) -> bool {
        matches!(self, Self::V2026_07_28)
    }
}

methods! {
    /// The handshake.
    Initialize = "initialize", V2024_11_05 ..= V2025_11_25, ["protocolVersion", "capabilities", "clientInfo"];
    /// Is anybody there?
    Ping = "ping", V2024_11_05 ..= V2025_11_25, [];
    /// What the server is.
    Discover = "server/discover", V2026_07_28 ..= V2026_07_28, [];
    /// The list of tools.
    ToolsList = "tools/list", V2024_11_05 ..= V2026_07_28, ["cursor"];
    /// A tool's call. `task` asked for a task before 2026-07-28: it is read, and goes no further.
    ToolsCall = "tools/call", V2024_11_05 ..= V2026_07_28,
        ["name", "arguments", "inputResponses", "requestState", "task"];
    /// The list of resources.
    ResourcesList = "resources/list", V2024_11_05 ..= V2026_07_28, ["cursor"];
    /// The list of patterns of resources.
    TemplatesList = "resources/templates/list", V2024_11_05 ..= V2026_07_28, ["cursor"];
    /// A resource's content.
    ResourcesRead = "resources/read", V2024_11_05 ..= V2026_07_28, ["uri", "inputResponses", "requestState"];
    /// Word of a resource's changes.
    ResourcesSubscribe = "resources/subscribe", V2024_11_05 ..= V2025_11_25, ["uri"];
    /// No more word of them.
    ResourcesUnsubscribe = "resources/unsubscribe", V2024_11_05 ..= V2025_11_25, ["uri"];
    /// The list of prompts.
    PromptsList = "prompts/list", V2024_11_05 ..= V2026_07_28, ["cursor"];
    /// A prompt's text.
    PromptsGet = "prompts/get", V2024_11_05 ..= V2026_07_28, ["name", "arguments", "inputResponses", "requestState"];
    /// Completion of an argument.
    Complete = "completion/complete", V2024_11_05 ..= V2026_07_28, ["ref", "argument", "context"];
    /// From which level on the server's log is wanted.
    SetLevel = "logging/setLevel", V2024_11_05 ..= V2025_11_25, ["level"];
    /// How a task stands (extension `io.modelcontextprotocol/tasks`).
    TasksGet = "tasks/get", V2026_07_28 ..= V2026_07_28, ["taskId"];
    /// What a task asked for.
    TasksUpdate = "tasks/update", V2026_07_28 ..= V2026_07_28, ["taskId", "inputResponses"];
    /// A task is wanted no more.
    TasksCancel = "tasks/cancel", V2026_07_28 ..= V2026_07_28, ["taskId"];
    /// A stream of changes.
    Listen = "subscriptions/listen", V2026_07_28 ..= V2026_07_28, ["notifications"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_revision_has_its_own_methods() {
        let check = |name, revision, known| {
            assert_eq!(Method::find(name, revision).is_some(), known, "{name} {}", revision.name());
        };
        check("initialize", Revision::V2024_11_05, true);
        check("initialize", Revision::V2026_07_28, false);
        check("server/discover", Revision::V2025_11_25, false);
        check("server/discover", Revision::V2026_07_28, true);
        check("tools/call", Revision::V2024_11_05, true);
        check("Tools/call", Revision::V2024_11_05, false);
        check("tasks/get", Revision::V2025_11_25, false);
        check("tasks/get", Revision::V2026_07_28, true);
        check("tasks/list", Revision::V2026_07_28, false);
        for revision in Revision::ALL {
            assert_eq!(Revision::from_name(revision.name()), Some(revision));
        }
    }
}
