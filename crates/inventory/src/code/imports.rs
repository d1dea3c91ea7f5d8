//! Imports in source code, by lines: which package a file uses, whether a manifest says so or not.
//!
//! What it does not do: parse a language. A line that looks like an import in a string counts as one; the confidence
//! says so.

use super::{numbered, of_package};
use crate::asset::{Sink, Source};
use crate::catalogue::{Package, catalogue};
use crate::code::Language;
use std::collections::BTreeSet;

/// How sure an import makes.
const IMPORTED: u16 = 850;
/// Longest line looked at: beyond, code is generated or packed.
const MAX_LINE: usize = 2_000;

pub(super) fn scan(language: Language, text: &str, sink: &mut Sink) {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (n, line) in numbered(text) {
        if line.len() > MAX_LINE {
            continue;
        }
        let line = line.trim_start();
        each(language, line, &mut |package| {
            if seen.insert(package.name) {
                let mut sighting = of_package(package, package.name, Source::Code, n, sink);
                sighting.confidence = IMPORTED;
                sink.push(sighting);
            }
        });
    }
}

fn each(language: Language, line: &str, take: &mut dyn FnMut(&'static Package)) {
    match language {
        Language::Python => python(line, take),
        Language::Node => node(line, take),
        Language::Go => go(line, take),
        Language::Rust => rust(line, take),
        Language::Jvm => dotted("maven", line.strip_prefix("import "), take),
        Language::Dotnet => dotted("nuget", line.strip_prefix("using "), take),
        Language::Ruby => {
            let name = line.strip_prefix("require ").and_then(|r| r.split(['"', '\'']).nth(1));
            if let Some(package) = name.and_then(|n| catalogue().names.module("gem", n, '/')) {
                take(package);
            }
        }
        Language::Other => {}
    }
}

fn python(line: &str, take: &mut dyn FnMut(&'static Package)) {
    // A notebook has its lines in JSON strings.
    let line = line.trim_start_matches('"').trim_start();
    let names = if let Some(rest) = line.strip_prefix("from ") {
        rest.split_once(" import").map_or("", |(name, _)| name)
    } else if let Some(rest) = line.strip_prefix("import ") {
        rest
    } else {
        return;
    };
    for name in names.split(',') {
        let name = name.split_whitespace().next().unwrap_or("").trim_end_matches(['\\', '"', ';']);
        let name = name.trim_end_matches("\\n");
        if let Some(package) = catalogue().names.module("pypi", name, '.') {
            take(package);
        }
    }
}

fn node(line: &str, take: &mut dyn FnMut(&'static Package)) {
    for mark in ["from ", "require(", "import(", "import "] {
        let Some(at) = line.find(mark) else { continue };
        let rest = line.get(at + mark.len()..).unwrap_or("").trim_start();
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) else { continue };
        let Some(specifier) = rest.get(1..).and_then(|r| r.split(quote).next()) else { continue };
        if specifier.starts_with(['.', '/']) {
            continue;
        }
        // `@scope/name/inner` or `name/inner`.
        let parts = if specifier.starts_with('@') { 2 } else { 1 };
        let end = specifier.match_indices('/').nth(parts - 1).map_or(specifier.len(), |(i, _)| i);
        if let Some(package) = catalogue().names.package("npm", specifier.get(..end).unwrap_or("")) {
            take(package);
        }
    }
}

fn go(line: &str, take: &mut dyn FnMut(&'static Package)) {
    let Some(mut path) = line.split('"').nth(1).filter(|p| p.contains('.') && p.contains('/')) else {
        return;
    };
    loop {
        if let Some(package) = catalogue().names.package("go", path) {
            return take(package);
        }
        match path.rsplit_once('/') {
            Some((shorter, _)) => path = shorter,
            None => return,
        }
    }
}

fn rust(line: &str, take: &mut dyn FnMut(&'static Package)) {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let Some(rest) = line.strip_prefix("use ").or_else(|| line.strip_prefix("extern crate ")) else { return };
    let name = rest.split([':', ';', ' ']).next().unwrap_or("");
    if let Some(package) = catalogue().names.package("cargo", name) {
        take(package);
    }
}

fn dotted(ecosystem: &'static str, rest: Option<&str>, take: &mut dyn FnMut(&'static Package)) {
    let Some(rest) = rest else { return };
    let rest = rest.trim_start_matches("static ").trim();
    // `using Name = A.B;`
    let name = rest.rsplit(['=', ' ']).find(|p| !p.is_empty()).unwrap_or(rest);
    let name = name.trim_end_matches(';').trim_end_matches(".*");
    if let Some(package) = catalogue().names.module(ecosystem, name, '.') {
        take(package);
    }
}
