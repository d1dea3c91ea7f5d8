//! OpenAPI documents of the operator's: read from files beside the config at start and at a reload, and listed for whoever
//! writes a manifest.
//!
//! What always holds: nothing is fetched; a document that is none, and a pattern that fits nothing, keep the whole
//! config from coming into force, as any other problem does.

use crate::error::AppError;
use crate::load::Loaded;
use cordon_config::{Config, CredentialAs, OpenApi, ServerWay, ToolServer};
use cordon_proxy::mcp::Interface;
use cordon_tools::openapi::{Document, MAX_DOCUMENT};
use cordon_types::{Problem, Problems, ServerId};
use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The interfaces, by server.
pub(crate) type Interfaces = HashMap<ServerId, Arc<Interface>>;

/// What became of one document.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its server.
    pub server: ServerId,
    /// How many operations are tools.
    pub tools: usize,
    /// Those that can be none, and why.
    pub skipped: Vec<Problem>,
}

impl Loaded {
    /// What became of each document, by server.
    #[must_use]
    pub fn interfaces(&self) -> Vec<Summary> {
        let summary = |s: &ToolServer| {
            let interface = self.interfaces.get(&s.id)?;
            let skipped = interface.skipped().to_vec();
            Some(Summary { server: s.id.clone(), tools: interface.tools(), skipped })
        };
        self.config.servers.iter().filter_map(summary).collect()
    }
}

/// An operation, for a list.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The tool's name, without its server's.
    pub tool: String,
    /// The method.
    pub method: &'static str,
    /// The path as the document writes it.
    pub path: String,
    /// Its arguments, and where each goes.
    pub arguments: Vec<(String, &'static str)>,
}

/// Lists a document's operations, and those that can be no tools.
pub fn describe(file: &Path, operations: &[String]) -> Result<(Vec<Operation>, Vec<Problem>), AppError> {
    let source = file.display().to_string();
    let within = |problems: Vec<Problem>| Problems(problems.into_iter().map(|p| p.within(&source)).collect());
    let mut document = Document::read(&read(file)?).map_err(within)?;
    let skipped = document.skipped().to_vec();
    document.select(operations).map_err(|problems| {
        let path = |p: &Problem| format!("operation {}", p.path);
        Problems(problems.into_iter().map(|p| Problem { path: path(&p), ..p }).collect())
    })?;
    let list = document.operations().map(|(tool, method, path)| {
        let arguments = document.positions(tool).into_iter().map(|(a, p)| (a.to_owned(), p.name())).collect();
        Operation { tool: tool.to_owned(), method, path: path.to_owned(), arguments }
    });
    Ok((list.collect(), skipped))
}

/// Reads all documents that the config names.
pub(crate) fn load(root: &Path, config: &Config, problems: &mut Vec<Problem>) -> Interfaces {
    let limits = crate::settings::wire_limits(config);
    let mut all = Interfaces::new();
    for (at, s) in config.servers.iter().enumerate() {
        let ServerWay::Http { openapi: Some(openapi), headers, credential_as, .. } = &s.way else { continue };
        let text = match read(&root.join(&openapi.file)) {
            Ok(text) => text,
            Err(e) => {
                let hint = "make it readable, and under 8 MiB";
                let path = format!("servers[{at}].openapi");
                problems.push(Problem::new(path, e.to_string(), hint).within("cordon.toml"));
                continue;
            }
        };
        let mut taken: Vec<String> = headers.iter().map(|(name, _)| name.clone()).collect();
        if let CredentialAs::Header(name) = credential_as {
            taken.push(name.clone());
        }
        match Interface::read(&text, &openapi.operations, &taken, &limits) {
            Ok(interface) => drop(all.insert(s.id.clone(), Arc::new(interface))),
            Err(found) => problems.extend(found.into_iter().map(|p| placed(p, at, openapi))),
        }
    }
    all
}

/// A problem of a document stands in its file, one of the choice among its operations in the config.
fn placed(problem: Problem, at: usize, openapi: &OpenApi) -> Problem {
    if problem.path.starts_with("operations[") {
        let path = format!("servers[{at}].{}", problem.path);
        return Problem { path, ..problem }.within("cordon.toml");
    }
    problem.within(&openapi.file)
}

/// The files that a config names; `None` where it cannot be read.
pub(crate) fn files(root: &Path) -> Option<Vec<PathBuf>> {
    let text = crate::data::read(&root.join("cordon.toml")).ok()?;
    let config = cordon_config::parse("cordon.toml", &text).ok()?;
    let file = |s: &ToolServer| match &s.way {
        ServerWay::Http { openapi: Some(openapi), .. } => Some(root.join(&openapi.file)),
        _ => None,
    };
    Some(config.servers.iter().filter_map(file).collect())
}

fn read(path: &Path) -> Result<Vec<u8>, AppError> {
    let file = File::open(path).map_err(|e| AppError::file(path, "opening", e))?;
    let mut text = Vec::new();
    let limit = MAX_DOCUMENT as u64;
    file.take(limit + 1).read_to_end(&mut text).map_err(|e| AppError::file(path, "reading", e))?;
    if text.len() as u64 > limit {
        let too_large = std::io::Error::new(std::io::ErrorKind::FileTooLarge, "it is larger than 8 MiB");
        return Err(AppError::file(path, "reading", too_large));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "[ledger]\norigin = \"cordon.local/abc\"\n[[servers]]\nid = \"pets\"\n\
                         url = \"https://api.example.com/v1\"\nopenapi = \"pets.yaml\"\n";
    const PETS: &str = "openapi: 3.1.0\npaths:\n  /pets:\n    get: {operationId: listPets}\n    \
                        post: {operationId: addPet, requestBody: {content: {text/csv: {}}}}\n";

    fn told(more: &str, document: Option<&str>) -> Result<Vec<Summary>, Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("cordon.toml"), format!("{LEAST}{more}")).unwrap();
        if let Some(document) = document {
            std::fs::write(dir.path().join("pets.yaml"), document).unwrap();
        }
        assert_eq!(files(dir.path()).unwrap(), [dir.path().join("pets.yaml")]);
        match crate::load::load(dir.path()) {
            Ok(loaded) => Ok(loaded.interfaces()),
            Err(AppError::Problems(problems)) => Err(problems.0.iter().map(ToString::to_string).collect()),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_document_is_read_beside_the_config() {
        let found = told("", Some(PETS)).unwrap();
        assert_eq!((found[0].server.as_str(), found[0].tools), ("pets", 1));
        assert!(found[0].skipped[0].to_string().starts_with("POST /pets: a body that is no JSON"));
        assert!(told("operations = [\"listPets\"]", Some(PETS)).unwrap()[0].skipped.is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let check = |more: &str, document: Option<&str>, begins: &str| {
            let problems = told(more, document).unwrap_err();
            assert!(problems[0].starts_with(begins), "{problems:?}");
        };
        check("", None, "cordon.toml: servers[0].openapi: ");
        check("", Some("openapi: 3.1.0\npaths: {\n"), "pets.yaml: line ");
        check("", Some("openapi: '2.0'\npaths: {}\n"), "pets.yaml: openapi: ");
        check("", Some("openapi: 3.1.0\npaths: {}\n"), "pets.yaml: paths: ");
        check(
            "operations = [\"listPets\", \"addPet\"]",
            Some(PETS),
            "cordon.toml: servers[0].operations[1]: ",
        );
    }
}
