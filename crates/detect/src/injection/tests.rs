//! The rules compile, say what they should, and stay silent where they should.

use super::rules;

#[test]
fn every_pattern_compiles() {
    for rule in rules::all() {
        for pattern in rule.patterns {
            if let Err(e) = rules::compile(rule, pattern) {
                panic!("{}: {e}: {pattern}", rule.name);
            }
        }
    }
}
