//! The demo's stage: a whole gateway in this process, on loopback, over a directory of its own.
//!
//! What always holds: the directory is new, its owner's alone, and gone at the end unless it is to be kept; the
//! gateway is the one that `cordon serve` runs, with the config that a first start writes.

use super::answer::at;
use super::caller::Caller;
use crate::control;
use crate::data::DataDir;
use crate::error::AppError;
use crate::run::{Options, Running};
use crate::system::SystemEntropy;
use cordon_types::{Entropy as _, Secret};
use serde_json::{Value, json};
use std::fs::{self, DirBuilder};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// An agent of the demo's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Does the work, and is attacked.
    Desk,
    /// May ask twice a minute.
    Capped,
    /// Is stopped by its operator.
    Runaway,
}

impl Who {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Desk, Self::Capped, Self::Runaway];

    /// The agent's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Desk => "desk",
            Self::Capped => "capped",
            Self::Runaway => "runaway",
        }
    }

    /// Words of its manifest that stand in a file.
    pub(super) const fn purpose(self) -> &'static str {
        match self {
            Self::Desk => "reads pages and files",
            Self::Capped => "with a small budget",
            Self::Runaway => "that is stopped midway",
        }
    }

    const fn manifest(self) -> &'static str {
        match self {
            Self::Desk => DESK,
            Self::Capped => CAPPED,
            Self::Runaway => RUNAWAY,
        }
    }
}

const DESK: &str = r#"agent = "desk"
owner = "you@example.com"
purpose = "the demo's agent: reads pages and files, sends mail within the house"
risk = "limited"
models = ["gullible"]

# It may read files that hold keys; a key still never gets into an answer.
[data.prompt]
api_key = { tool_result = "allow", others = "mask" }

[[tools]]
name = "get_weather"
effect = "read"

[[tools]]
name = "read_page"
effect = "read"

[[tools]]
name = "send_mail"
effect = "send"
target = ["to"]
[tools.cleared]
to = { domains = ["example.com"] }
[tools.args]
to = { domains = ["example.com"], required = true }
subject = { max_bytes = 200 }
"#;

const CAPPED: &str = r#"agent = "capped"
owner = "you@example.com"
purpose = "the demo's agent with a small budget"
risk = "minimal"
models = ["gullible"]

[budgets]
requests_per_minute = 2
"#;

const RUNAWAY: &str = r#"agent = "runaway"
owner = "you@example.com"
purpose = "the demo's agent that is stopped midway"
risk = "minimal"
models = ["gullible"]
"#;

/// See the module.
pub(super) struct Stage {
    running: Running,
    keys: Vec<(Who, Secret)>,
    place: Place,
    pub(super) caller: Caller,
}

impl Stage {
    /// Makes the directory, starts the gateway, makes the agents' keys.
    pub(super) fn open(keep: Option<&Path>) -> Result<Self, AppError> {
        let place = Place::make(keep)?;
        let (dir, _) = DataDir::open(&place.root)?;
        for who in Who::ALL {
            dir.write_secret(&format!("agents/{}.toml", who.name()), who.manifest())?;
        }
        // The scene is the terminal's: the log says only what goes wrong.
        let config = dir.path("cordon.toml");
        let text = crate::data::read(&config)?.replace("level = \"info\"", "level = \"error\"");
        fs::write(&config, text).map_err(|e| AppError::file(&config, "writing", e))?;
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let options = Options { address: Some(any), admin_address: Some(any) };
        let running = Running::start(dir, &options)?;
        let caller = Caller::new(running.addresses.model)?;
        let mut stage = Self { running, keys: Vec::new(), place, caller };
        for who in Who::ALL {
            let body = json!({"kind": "agent", "agent": who.name(), "label": "demo"});
            let made = stage.ask("POST", "/cordon/v1/keys", &body)?;
            let text = at(&made, "/text").as_str().unwrap_or_default();
            stage.keys.push((who, Secret::new(text.to_owned())));
        }
        Ok(stage)
    }

    /// Where everything stands.
    pub(super) fn root(&self) -> &Path {
        &self.place.root
    }

    /// An agent's key.
    pub(super) fn key(&self, who: Who) -> &str {
        self.keys.iter().find(|(w, _)| *w == who).map_or("", |(_, key)| key.expose())
    }

    /// Asks the admin API over the owner's socket, as `cordon key` and `cordon kill` do.
    pub(super) fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, AppError> {
        let reply = control::ask(self.root(), method, path, &body.to_string())?;
        if reply.status == 200 {
            return Ok(reply.body);
        }
        Err(AppError::Demo(format!("{path}: {}", at(&reply.body, "/error/message"))))
    }

    /// Stops the gateway; what it wrote stays until the place is dropped.
    pub(super) fn close(self) -> Result<Place, AppError> {
        drop(self.caller);
        self.running.stop()?;
        Ok(self.place)
    }
}

/// The demo's directory.
pub(super) struct Place {
    pub(super) root: PathBuf,
    keep: bool,
}

impl Place {
    fn make(keep: Option<&Path>) -> Result<Self, AppError> {
        let mut random = [0_u8; 8];
        SystemEntropy.fill(&mut random);
        let root = keep.map_or_else(
            || std::env::temp_dir().join(format!("cordon-demo-{:016x}", u64::from_be_bytes(random))),
            Path::to_owned,
        );
        // SECURITY: created, never taken over: in a shared directory a stranger's could stand there.
        DirBuilder::new()
            .mode(0o700)
            .create(&root)
            .map_err(|e| AppError::file(&root, "creating (it must be new, its parent must be there)", e))?;
        Ok(Self { root, keep: keep.is_some() })
    }

    /// Whether it stays.
    pub(super) const fn kept(&self) -> bool {
        self.keep
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.keep {
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}
