//! From an operator's files to rules that can be put in force: config, manifests, policies; every problem at once.

use crate::data::read;
use crate::error::AppError;
use crate::interfaces::Interfaces;
use cordon_config::Config;
use cordon_detect::{Detectors, Guards};
use cordon_ledger::Catalogue;
use cordon_pipeline::Staged;
use cordon_policy::{Manifest, PolicySet, PolicySource};
use cordon_types::{ModelName, Problem, Problems};
use std::path::Path;
use std::sync::Arc;

/// Everything that the files say, checked and compiled.
pub struct Loaded {
    /// The config.
    pub config: Config,
    /// Manifests and policies, compiled.
    pub policy: PolicySet,
    /// The detectors.
    pub detectors: Arc<Detectors>,
    /// Which guards are on.
    pub guards: Guards,
    /// The operator's own names.
    pub catalogue: Catalogue,
    /// Who cosigns the ledger, if anybody.
    pub(crate) witnessing: Option<crate::witnessing::Plan>,
    /// Manifests beside those in force.
    pub(crate) staged: Option<Staged>,
    /// HTTP interfaces whose operations are tools.
    pub(crate) interfaces: Interfaces,
}

/// Loads `cordon.toml` and what it points to. Errors with every problem of every file; a file that cannot be read is
/// a problem too.
pub fn load(root: &Path) -> Result<Loaded, AppError> {
    let config = match cordon_config::parse("cordon.toml", &read(&root.join("cordon.toml"))?) {
        Ok(config) => config,
        Err(mut found) => {
            found.0.extend(beside(root));
            return Err(AppError::Problems(found));
        }
    };
    let mut problems = Vec::new();
    let manifests = manifests(&root.join(&config.policies.manifests), &mut problems);
    let own = policies(&root.join(&config.policies.cedar), &mut problems);
    let names: Vec<ModelName> = config.models.iter().map(|m| m.name.clone()).collect();
    let detectors = Detectors::new(&crate::settings::detectors(&config))
        .map_err(|p| problems.extend(p.0.into_iter().map(|p| p.within("cordon.toml"))));
    let catalogue = catalogue(&manifests, &own);
    crate::oauth::check(&config, &manifests, &mut problems);
    let witnessing = crate::witnessing::load(root, &config).map_err(|p| problems.extend(p)).unwrap_or(None);
    let policy = PolicySet::build(manifests, own, &names).map_err(|p| problems.extend(p.0));
    let interfaces = crate::interfaces::load(root, &config, &mut problems);
    match (policy, detectors) {
        (Ok(policy), Ok(detectors)) if problems.is_empty() => {
            let catalogue = catalogue(policy.policy_ids());
            let guards = crate::settings::guards(&config);
            let detectors = Arc::new(detectors);
            let staged = staged(root, &config);
            Ok(Loaded { config, policy, detectors, guards, catalogue, witnessing, staged, interfaces })
        }
        _ => Err(AppError::Problems(Problems(problems))),
    }
}

/// The manifests that lie beside those in force, compiled with all else. One that does not fit is said in the log and
/// left out: what is only looked at must not keep rules from coming into force.
fn staged(root: &Path, config: &Config) -> Option<Staged> {
    let mut problems = Vec::new();
    let found = manifests(&root.join("permissions/staged"), &mut problems);
    if found.is_empty() && problems.is_empty() {
        return None;
    }
    let sources = Sources::read(root, config).ok()?;
    let mut fitting = |m: &Manifest| match sources.with(std::slice::from_ref(m)) {
        Ok(_) => true,
        Err(found) => {
            problems.extend(found.0);
            false
        }
    };
    let found: Vec<Manifest> = found.into_iter().filter(&mut fitting).collect();
    for problem in &problems {
        tracing::warn!(%problem, "a staged manifest is left out");
    }
    let policy = sources.with(&found).ok().filter(|_| !found.is_empty())?;
    let known = |m: &&Manifest| policy.manifest(&m.agent).is_some();
    let agents = found.iter().filter(known).map(|m| (m.agent.clone(), m.digest())).collect();
    Some(Staged { policy, agents })
}

/// The problems of the files beside a config that is no good: all are told at once. Looked for in the default folders.
fn beside(root: &Path) -> Vec<Problem> {
    let mut problems = Vec::new();
    let manifests = manifests(&root.join("agents"), &mut problems);
    let own = policies(&root.join("policies"), &mut problems);
    if let Err(found) = PolicySet::build(manifests, own, &[]) {
        problems.extend(found.0);
    }
    problems
}

/// The names that records may show: tools and arguments of manifests, ids of policies.
fn catalogue<'a, I>(manifests: &[Manifest], _own: &[PolicySource]) -> impl FnOnce(I) -> Catalogue + use<I>
where
    I: IntoIterator<Item = &'a str>,
{
    let mut names: Vec<String> = Vec::new();
    for manifest in manifests {
        for tool in &manifest.tools {
            names.push(tool.name.clone());
            names.extend(tool.argument_names().map(str::to_owned));
        }
    }
    names.extend(["<other>".to_owned(), "<arguments>".to_owned()]);
    move |policies| Catalogue::from_operator(names.into_iter().chain(policies.into_iter().map(str::to_owned)))
}

/// An operator's manifests and policies as they were read: for sets of policies that differ by one manifest.
pub(crate) struct Sources {
    /// The folder of manifests.
    pub(crate) folder: std::path::PathBuf,
    manifests: Vec<Manifest>,
    own: Vec<PolicySource>,
    models: Vec<ModelName>,
}

impl Sources {
    /// Reads them beside a config that was loaded.
    pub(crate) fn read(root: &Path, config: &Config) -> Result<Self, AppError> {
        let mut problems = Vec::new();
        let folder = root.join(&config.policies.manifests);
        let manifests = manifests(&folder, &mut problems);
        let own = policies(&root.join(&config.policies.cedar), &mut problems);
        if !problems.is_empty() {
            return Err(AppError::Problems(Problems(problems)));
        }
        let models = config.models.iter().map(|m| m.name.clone()).collect();
        Ok(Self { folder, manifests, own, models })
    }

    /// Everything, with these manifests in the place of those of the same agents.
    pub(crate) fn with(&self, others: &[Manifest]) -> Result<PolicySet, Problems> {
        let all = self.manifests.iter().map(|m| others.iter().find(|o| o.agent == m.agent).unwrap_or(m));
        PolicySet::build(all.cloned().collect(), self.own.clone(), &self.models)
    }
}

fn manifests(dir: &Path, problems: &mut Vec<Problem>) -> Vec<Manifest> {
    let mut manifests = Vec::new();
    for (name, text) in files(dir, "toml", problems) {
        match cordon_policy::parse_manifest(&name, &text) {
            Ok(manifest) => manifests.push(manifest),
            Err(found) => problems.extend(found.0),
        }
    }
    manifests
}

fn policies(dir: &Path, problems: &mut Vec<Problem>) -> Vec<PolicySource> {
    files(dir, "cedar", problems).into_iter().map(|(name, text)| PolicySource { name, text }).collect()
}

/// The files of a directory with that ending, by name. A directory that is missing has none.
pub(crate) fn files(dir: &Path, ending: &str, problems: &mut Vec<Problem>) -> Vec<(String, String)> {
    let mut paths = match std::fs::read_dir(dir) {
        Ok(entries) => entries
            .filter_map(|e| Some(e.ok()?.path()))
            .filter(|p| p.extension().is_some_and(|e| e == ending))
            .collect::<Vec<_>>(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => {
            problems.push(Problem::new(
                dir.display().to_string(),
                e.to_string(),
                "make the directory readable",
            ));
            Vec::new()
        }
    };
    paths.sort();
    let folder = dir.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut texts = Vec::with_capacity(paths.len());
    for path in paths {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        match read(&path) {
            Ok(text) => texts.push((format!("{folder}/{name}"), text)),
            Err(e) => problems.push(Problem::new(
                format!("{folder}/{name}"),
                e.to_string(),
                "make it readable, UTF-8, under 1 MiB",
            )),
        }
    }
    texts
}
