//! Ruby: `Gemfile`, gem specifications and `Gemfile.lock`.

use super::{Found, numbered};

/// `gem "name", "~> 1.0"` and `add_dependency "name", ">= 1"`.
pub(super) fn gemfile(text: &str, found: &mut Found) {
    for (n, line) in numbered(text) {
        let line = line.trim_start();
        let call = line.strip_prefix("gem ").or_else(|| line.strip_prefix("gem(")).or_else(|| {
            let at = line.find("dependency").filter(|_| line.contains(".add_"))?;
            line.get(at + "dependency".len()..)
        });
        let Some(call) = call.filter(|_| !line.starts_with('#')) else { continue };
        let mut quoted = call.split(['"', '\'']).skip(1).step_by(2);
        if let Some(name) = quoted.next() {
            let range = quoted.next().filter(|r| r.contains(|c: char| c.is_ascii_digit())).unwrap_or("");
            found.wanted(name, range, n);
        }
    }
}

/// Below `specs:`, four spaces, a name and a version in brackets.
pub(super) fn gemfile_lock(text: &str, found: &mut Found) {
    for (n, line) in numbered(text) {
        let Some(spec) = line.strip_prefix("    ").filter(|l| !l.starts_with(' ')) else { continue };
        if let Some((name, version)) = spec.split_once(" (") {
            found.locked(name, version.trim_end().trim_end_matches(')'), n);
        }
    }
}
