//! What stands in a tree of files: which file is what, and what it says of AI.
//!
//! ```text
//! path -> FileKind -> its reader -> Dependency | image | URL | variable | model | secret -> Sighting
//! ```
//! What always holds: a reader takes any bytes and ends; what it cannot read gives nothing. A dependency that the
//! catalogue does not know is no sighting; [`dependencies`] gives them all, for bills of materials.

mod deploy;
mod dotnet;
mod imports;
mod jvm;
mod kind;
mod node;
mod python;
mod ruby;
mod rust_go;
mod secrets;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use deploy::name_and_version;
pub use kind::{FileKind, Language};
pub(crate) use secrets::{Secrets, detectors};

use crate::asset::{AssetKind, Attribute, Sink, Source};
use crate::catalogue::{Package, canonical, catalogue};

/// One dependency as a manifest or lock file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The registry: `pypi`, `npm`, `cargo`, `go`, `maven`, `nuget`, `gem`.
    pub ecosystem: &'static str,
    /// Its name, as written.
    pub name: String,
    /// The one version that is chosen.
    pub version: Option<String>,
    /// The range that is asked for.
    pub requirement: Option<String>,
    /// The line, from 1; 0 where it is not known.
    pub line: u64,
}

/// Most dependencies of one file.
const MAX_DEPENDENCIES: usize = 200_000;

/// Collects the dependencies of one file.
#[derive(Debug)]
pub(crate) struct Found {
    ecosystem: &'static str,
    all: Vec<Dependency>,
}

impl Found {
    fn new(ecosystem: &'static str) -> Self {
        Self { ecosystem, all: Vec::new() }
    }

    /// The line of `needle`, where the catalogue knows the package: to look for each of thousands costs too much.
    fn line(&self, name: &str, text: &str, needle: &str) -> u64 {
        catalogue().names.package(self.ecosystem, name).map_or(0, |_| line_of(text, needle))
    }

    fn locked(&mut self, name: &str, version: &str, line: u64) {
        self.add(name, (!version.is_empty()).then(|| version.to_owned()), None, line);
    }

    fn wanted(&mut self, name: &str, requirement: &str, line: u64) {
        self.add(name, None, (!requirement.is_empty()).then(|| requirement.to_owned()), line);
    }

    fn add(&mut self, name: &str, version: Option<String>, requirement: Option<String>, line: u64) {
        if !name.is_empty() && name.len() <= 300 && self.all.len() < MAX_DEPENDENCIES {
            let name = name.to_owned();
            self.all.push(Dependency { ecosystem: self.ecosystem, name, version, requirement, line });
        }
    }
}

/// Every dependency that a manifest or lock file names; none for other files.
#[must_use]
pub fn dependencies(kind: FileKind, text: &str) -> Vec<Dependency> {
    use FileKind as K;
    let mut found = Found::new(kind.ecosystem());
    match kind {
        K::Requirements => python::requirements(text, &mut found),
        K::PyProject => python::pyproject(text, &mut found),
        K::Pipfile => python::pipfile(text, &mut found),
        K::PipfileLock => python::pipfile_lock(text, &mut found),
        K::PythonLock | K::CargoLock => python::toml_lock(text, &mut found),
        K::PackageJson => node::package_json(text, &mut found),
        K::PackageLock => node::package_lock(text, &mut found),
        K::YarnLock => node::yarn_lock(text, &mut found),
        K::PnpmLock => node::pnpm_lock(text, &mut found),
        K::CargoToml => rust_go::cargo_toml(text, &mut found),
        K::GoMod => rust_go::go_mod(text, &mut found),
        K::GoSum => rust_go::go_sum(text, &mut found),
        K::Pom => jvm::pom(text, &mut found),
        K::Gradle => jvm::gradle(text, &mut found),
        K::GradleCatalogue => jvm::version_catalogue(text, &mut found),
        K::GradleLock => jvm::gradle_lock(text, &mut found),
        K::DotnetProject => dotnet::project(text, &mut found),
        K::NugetLock => dotnet::lock(text, &mut found),
        K::Gemfile => ruby::gemfile(text, &mut found),
        K::GemfileLock => ruby::gemfile_lock(text, &mut found),
        _ => {}
    }
    found.all
}

/// Reads one file into `sink`.
pub fn scan(kind: FileKind, bytes: &[u8], sink: &mut Sink) {
    // Text alone; a NUL near the beginning means that it is none.
    if memchr::memchr(0, bytes.get(..8192).unwrap_or(bytes)).is_some() {
        return;
    }
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let source = kind.source();
    for d in dependencies(kind, text) {
        package(&d, source, sink);
    }
    if let FileKind::Code(language) = kind {
        imports::scan(language, text, sink);
    }
    if kind.is_deployment() {
        deploy::scan(kind, text, sink);
    }
    if kind.has_free_text() {
        text::scan(kind, text, sink);
    }
}

fn package(d: &Dependency, source: Source, sink: &mut Sink) {
    let Some(known) = catalogue().names.package(d.ecosystem, &d.name) else { return };
    // `go.sum` names modules that are only looked at, too.
    let confidence = if d.ecosystem == "go" && sink.place().ends_with("go.sum") { 500 } else { 950 };
    let mut sighting = of_package(known, &d.name, source, d.line, sink)
        .with(Attribute::Version, d.version.clone().unwrap_or_default())
        .with(Attribute::Requirement, d.requirement.clone().unwrap_or_default());
    sighting.confidence = confidence;
    sink.push(sighting);
}

/// A sighting of a package that the catalogue knows.
pub(crate) fn of_package(
    known: &Package,
    name: &str,
    source: Source,
    line: u64,
    sink: &Sink,
) -> crate::asset::Sighting {
    let key = format!("{}/{}", known.ecosystem, canonical(known.ecosystem, name));
    sink.at(AssetKind::Package, &key, source, line)
        .with(Attribute::Vendor, known.vendor)
        .with(Attribute::Sort, known.sort)
}

/// The line, from 1, in which `needle` first stands; 0 where it does not.
pub(crate) fn line_of(text: &str, needle: &str) -> u64 {
    memchr::memmem::find(text.as_bytes(), needle.as_bytes()).map_or(0, |at| line_at(text, at))
}

/// The line, from 1, of the byte `at`.
pub(crate) fn line_at(text: &str, at: usize) -> u64 {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    memchr::memchr_iter(b'\n', before).count() as u64 + 1
}

/// Lines of places that come in order, counted once over the whole text.
#[derive(Debug)]
pub(crate) struct LineCount<'t> {
    text: &'t str,
    at: usize,
    line: u64,
}

impl<'t> LineCount<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, at: 0, line: 1 }
    }

    /// The line, from 1, of the byte `at`; a place before the last one is counted anew, from near it.
    pub(crate) fn of(&mut self, at: usize) -> u64 {
        let bytes = self.text.as_bytes();
        let at = at.min(bytes.len());
        let feeds = |range| memchr::memchr_iter(b'\n', bytes.get(range).unwrap_or(&[])).count() as u64;
        if at >= self.at {
            self.line += feeds(self.at..at);
        } else {
            self.line = self.line.saturating_sub(feeds(at..self.at)).max(1);
        }
        self.at = at;
        self.line
    }
}

/// Lines with their numbers, from 1.
pub(crate) fn numbered(text: &str) -> impl Iterator<Item = (u64, &str)> {
    (1_u64..).zip(text.lines())
}
