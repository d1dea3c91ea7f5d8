//! Names of AI in code: packages, modules, images, variables, model families.
//!
//! What always holds: a package is looked up in the form its registry compares names in (PEP 503 for Python, lower
//! case for NuGet, as written elsewhere).

use super::rows;
use rustc_hash::FxHashMap;

/// A package of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The registry: `pypi`, `npm`, `cargo`, `go`, `maven`, `nuget`, `gem`.
    pub ecosystem: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Who makes it; empty where nobody is named.
    pub vendor: &'static str,
    /// What it is: `sdk`, `framework`, `mcp`, ...
    pub sort: &'static str,
    /// The module that code imports; empty where it is no module of its own.
    pub module: &'static str,
}

/// A container image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The repository, without tag.
    pub name: &'static str,
}

/// An environment variable that a service's clients read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The service.
    pub vendor: &'static str,
}

/// Model names that begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFamily {
    /// How they begin, lower case.
    pub prefix: &'static str,
    /// Whose they are.
    pub vendor: &'static str,
}

/// The names, indexed.
#[derive(Debug)]
pub struct Names {
    packages: Vec<Package>,
    by_name: FxHashMap<(&'static str, String), usize>,
    by_module: FxHashMap<(&'static str, &'static str), usize>,
    images: Vec<Image>,
    variables: Vec<Variable>,
    models: Vec<ModelFamily>,
}

impl Names {
    pub(super) fn new(
        packages: &'static str,
        images: &'static str,
        variables: &'static str,
        models: &'static str,
    ) -> Self {
        let packages: Vec<Package> = rows(packages)
            .filter_map(|r| match *r {
                [ecosystem, name, vendor, sort, module, _] => {
                    Some(Package { ecosystem, name, vendor, sort, module })
                }
                _ => None,
            })
            .collect();
        let by_name = packages
            .iter()
            .enumerate()
            .map(|(n, p)| ((p.ecosystem, canonical(p.ecosystem, p.name)), n))
            .collect();
        let by_module = packages
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, p)| !p.module.is_empty())
            .map(|(n, p)| ((p.ecosystem, p.module), n))
            .collect();
        Self {
            by_name,
            by_module,
            packages,
            images: rows(images).filter_map(|r| Some(Image { name: r.first()? })).collect(),
            variables: rows(variables)
                .filter_map(|r| Some(Variable { name: r.first()?, vendor: r.get(1)? }))
                .collect(),
            models: rows(models)
                .filter_map(|r| Some(ModelFamily { prefix: r.first()?, vendor: r.get(1)? }))
                .collect(),
        }
    }

    /// Every package.
    #[must_use]
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// Every image.
    #[must_use]
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// Every variable.
    #[must_use]
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// Every family of models.
    #[must_use]
    pub fn models(&self) -> &[ModelFamily] {
        &self.models
    }

    /// The package of that name.
    #[must_use]
    pub fn package(&self, ecosystem: &'static str, name: &str) -> Option<&Package> {
        let found = self.by_name.get(&(ecosystem, canonical(ecosystem, name))).copied();
        let found = found.or_else(|| self.nearby(ecosystem, name))?;
        self.packages.get(found)
    }

    /// Maven rows may name a group; Go rows a module of which `name` is a later major version.
    fn nearby(&self, ecosystem: &'static str, name: &str) -> Option<usize> {
        let shorter = match ecosystem {
            "maven" => name.split_once(':')?.0,
            "go" => {
                let (head, last) = name.rsplit_once('/')?;
                let digits = last.strip_prefix('v')?;
                if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
                head
            }
            _ => return None,
        };
        self.by_name.get(&(ecosystem, shorter.to_owned())).copied()
    }

    /// The package that gives the module or namespace `name`: itself or the longest parent that is one.
    #[must_use]
    pub fn module(&self, ecosystem: &'static str, name: &str, separator: char) -> Option<&Package> {
        let mut name = name;
        loop {
            if let Some(n) = self.by_module.get(&(ecosystem, name)) {
                return self.packages.get(*n);
            }
            name = name.rsplit_once(separator)?.0;
        }
    }

    /// The image that `reference` is (`registry/name:tag@digest`), by whole path segments.
    #[must_use]
    pub fn image(&self, repository: &str) -> Option<&Image> {
        let short = ["docker.io/library/", "docker.io/", "index.docker.io/"]
            .iter()
            .find_map(|p| repository.strip_prefix(p))
            .unwrap_or(repository);
        self.images
            .iter()
            .find(|i| short.strip_prefix(i.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }

    /// The variable of that name.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.binary_search_by(|v| v.name.cmp(name)).ok().and_then(|n| self.variables.get(n))
    }

    /// The family a model's name belongs to, without regard to case: the longest prefix.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&ModelFamily> {
        let lower = name.to_ascii_lowercase();
        let bare = lower.rsplit('/').next().unwrap_or(&lower);
        let fits = |f: &&ModelFamily| lower.starts_with(f.prefix) || bare.starts_with(f.prefix);
        self.models.iter().filter(fits).max_by_key(|f| f.prefix.len())
    }
}

/// A package's name in the form in which its registry compares.
#[must_use]
pub fn canonical(ecosystem: &str, name: &str) -> String {
    match ecosystem {
        // PEP 503.
        "pypi" => {
            let mut out = String::with_capacity(name.len());
            for c in name.chars() {
                if matches!(c, '-' | '_' | '.') {
                    if !out.ends_with('-') {
                        out.push('-');
                    }
                } else {
                    out.extend(c.to_lowercase());
                }
            }
            out
        }
        "nuget" => name.to_lowercase(),
        "cargo" => name.replace('_', "-"),
        _ => name.to_owned(),
    }
}
