//! Which fields of a result are whose: the operator's word, by path.
//!
//! ```text
//! balance            the member "balance"
//! items[].id         the member "id" of each element of "items"
//! [].name            of a result that is a list
//! ```
//! What always holds: a path counts for what is below it, and the longest that fits decides. A member whose name could
//! be read as a path (`a.b`, `x[]`) is none of those a path names: a server chooses its names. What it does not do:
//! trust a field because it has a structure.

use cordon_types::Provenance;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Element,
}

/// A step of a walk through a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At<'a> {
    Member(&'a str),
    Element,
}

/// Provenance by path, and for the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    rest: Provenance,
    paths: Vec<(Vec<Step>, Provenance)>,
}

impl Fields {
    /// All of it is `rest`.
    #[must_use]
    pub const fn all(rest: Provenance) -> Self {
        Self { rest, paths: Vec::new() }
    }

    /// The same, but for what stands at `path` and below it. None if it is no path.
    #[must_use]
    pub fn with(mut self, path: &str, provenance: Provenance) -> Option<Self> {
        let steps = parse(path)?;
        self.paths.retain(|(known, _)| *known != steps);
        self.paths.push((steps, provenance));
        // The longest first.
        self.paths.sort_by_key(|(steps, _)| std::cmp::Reverse(steps.len()));
        Some(self)
    }

    /// Who is behind what stands there.
    pub(crate) fn at(&self, place: &[At<'_>]) -> Provenance {
        let fits = |steps: &[Step]| {
            steps.len() <= place.len()
                && steps.iter().zip(place).all(|(step, at)| match (step, at) {
                    (Step::Member(name), At::Member(found)) => name == found,
                    (Step::Element, At::Element) => true,
                    _ => false,
                })
        };
        self.paths.iter().find(|(steps, _)| fits(steps)).map_or(self.rest, |(_, p)| *p)
    }
}

fn parse(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for (n, part) in path.split('.').enumerate() {
        let name = part.trim_end_matches("[]");
        let elements = (part.len() - name.len()) / 2;
        if name.contains(['[', ']']) || (name.is_empty() && (n > 0 || elements == 0)) {
            return None;
        }
        if !name.is_empty() {
            steps.push(Step::Member(name.to_owned()));
        }
        steps.extend(std::iter::repeat_n(Step::Element, elements));
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Provenance::{Trusted, Untrusted};

    #[test]
    fn the_longest_path_decides() {
        let fields = Fields::all(Untrusted)
            .with("items[]", Trusted)
            .and_then(|f| f.with("items[].note", Untrusted))
            .and_then(|f| f.with("balance", Trusted))
            .expect("paths");
        use At::{Element, Member};
        for (place, expected) in [
            (&[Member("balance")][..], Trusted),
            (&[Member("items")], Untrusted),
            (&[Member("items"), Element, Member("id")], Trusted),
            (&[Member("items"), Element, Member("note"), Member("text")], Untrusted),
            (&[Member("items"), Member("id")], Untrusted),
            (&[Member("Balance")], Untrusted),
            (&[Member("items[].id")], Untrusted),
            (&[], Untrusted),
        ] {
            assert_eq!(fields.at(place), expected, "{place:?}");
        }
        assert!(Fields::all(Untrusted).with("[].name", Trusted).is_some());
        for bad in ["", ".", "a.", "a[", "a[0]", "a..b", ".a", "a.[]"] {
            assert_eq!(Fields::all(Untrusted).with(bad, Trusted), None, "{bad}");
        }
    }
}
