//! What cargo says of the workspace: its packages, their dependencies and features, and where it builds.
//!
//! What always holds: cargo is asked, no manifest is read by hand.

use crate::run;
use anyhow::Context as _;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The part of `cargo metadata` that the checks need.
#[derive(Deserialize)]
pub(crate) struct Workspace {
    /// The workspace's own, and what they depend on where that was asked for.
    pub(crate) packages: Vec<Package>,
    workspace_members: Vec<String>,
    /// Where cargo builds.
    pub(crate) target_directory: PathBuf,
}

/// A package, of the workspace or from elsewhere.
#[derive(Deserialize)]
pub(crate) struct Package {
    id: String,
    pub(crate) name: String,
    /// Where it comes from; none for the workspace's own.
    pub(crate) source: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) features: BTreeMap<String, Vec<String>>,
}

/// What a package asks for.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    kind: Option<String>,
}

impl Dependency {
    /// Only tests have it.
    pub(crate) fn is_of_tests(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

impl Workspace {
    /// The workspace's own packages alone: quick, and resolves nothing.
    pub(crate) fn members_only() -> anyhow::Result<Self> {
        Self::ask(&["--no-deps"])
    }

    /// With all that it depends on.
    pub(crate) fn whole() -> anyhow::Result<Self> {
        Self::ask(&[])
    }

    fn ask(more: &[&str]) -> anyhow::Result<Self> {
        let mut cargo = run::cargo();
        cargo.args(["metadata", "--format-version", "1"]).args(more);
        let said = run::output(cargo).context("asking cargo for the workspace")?;
        serde_json::from_str(&said).context("reading what cargo says of the workspace")
    }

    /// Those of the workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|p| self.workspace_members.contains(&p.id))
    }
}
