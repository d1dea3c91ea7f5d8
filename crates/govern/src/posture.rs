//! Posture: where each control stands now, and what moved since somebody last reviewed it.
//!
//! What always holds: a snapshot is values only, and its hash stands in the log when it was reviewed, so that what was
//! seen then cannot be changed later. What it does not do: keep snapshots; `app` does.

use crate::answer::Answer;
use crate::catalogue::{Catalogue, EvidenceId, Framework};
use crate::figures::{Figures, Period};
use crate::queries::Log;
use crate::standing::Standing;
use cordon_types::Millis;
use cordon_types::time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The format's name.
pub const FORMAT: &str = "cordon-posture/1";

/// How much of an evidence type there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Whether Cordon produces it.
    pub availability: String,
    /// Records of the period.
    pub records: u64,
}

/// Where everything stands at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// [`FORMAT`].
    pub format: String,
    /// When, in milliseconds since 1970.
    pub at: Millis,
    /// From when records were counted.
    pub from: Millis,
    /// The log.
    pub origin: String,
    /// Its entries under the checkpoint at hand.
    pub size: u64,
    /// Version of everything that decides, as the files make it.
    pub policy: String,
    /// By evidence type.
    pub evidence: BTreeMap<EvidenceId, Evidence>,
    /// By framework and control.
    pub frameworks: BTreeMap<String, BTreeMap<String, Standing>>,
}

/// One thing that moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// The framework, for a control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framework: Option<String>,
    /// The control, evidence type, or `policy`.
    pub what: String,
    /// What it was; empty when it was not there.
    pub before: String,
    /// What it is.
    pub now: String,
}

impl Snapshot {
    /// A snapshot of the frameworks, over a period that ends now.
    #[must_use]
    pub fn new(catalogue: &Catalogue, answers: &[Answer], period: Period, log: &Log, policy: &str) -> Self {
        let controls = |f: &Framework| {
            let all = f.controls.iter().map(|c| (c.id.clone(), Standing::of(c, answers))).collect();
            (f.slug.clone(), all)
        };
        let evidence = |a: &Answer| {
            (a.id, Evidence { availability: a.availability.name().to_owned(), records: a.records })
        };
        Self {
            format: FORMAT.to_owned(),
            at: period.to,
            from: period.from,
            origin: log.origin.clone(),
            size: log.size,
            policy: policy.to_owned(),
            evidence: answers.iter().map(evidence).collect(),
            frameworks: catalogue.frameworks.iter().map(controls).collect(),
        }
    }

    /// What moved from `self` to `now`: controls first, then evidence types, then the policy.
    #[must_use]
    pub fn moved(&self, now: &Self) -> Vec<Moved> {
        let mut moved = Vec::new();
        for (framework, controls) in &now.frameworks {
            let before = self.frameworks.get(framework);
            for (control, standing) in controls {
                let was = before.and_then(|b| b.get(control));
                if was != Some(standing) {
                    moved.push(Moved {
                        framework: Some(framework.clone()),
                        what: control.clone(),
                        before: was.map(|s| s.words().to_owned()).unwrap_or_default(),
                        now: standing.words().to_owned(),
                    });
                }
            }
        }
        for (id, evidence) in &now.evidence {
            let was = self.evidence.get(id);
            if was != Some(evidence) {
                let text = |e: &Evidence| format!("{}, {} records", e.availability, e.records);
                moved.push(Moved {
                    framework: None,
                    what: id.name().to_owned(),
                    before: was.map(text).unwrap_or_default(),
                    now: text(evidence),
                });
            }
        }
        if self.policy != now.policy {
            moved.push(Moved {
                framework: None,
                what: "policy".to_owned(),
                before: self.policy.clone(),
                now: now.policy.clone(),
            });
        }
        moved
    }
}

/// What `posture` answers.
#[derive(Clone, Debug, Serialize)]
pub struct Posture {
    /// From when records were counted.
    pub from: String,
    /// Until when.
    pub to: String,
    /// The log.
    pub log: String,
    /// Its entries under the checkpoint at hand.
    pub size: u64,
    /// By framework: how many controls stand where, and each of them.
    pub frameworks: Vec<FrameworkPosture>,
    /// By evidence type.
    pub evidence: BTreeMap<EvidenceId, Evidence>,
    /// The last review, if there was one.
    pub last_review: Option<Reviewed>,
    /// What moved since; none without a review.
    pub moved: Vec<Moved>,
}

/// A framework's.
#[derive(Clone, Debug, Serialize)]
pub struct FrameworkPosture {
    /// Its slug.
    pub framework: String,
    /// Its name.
    pub name: String,
    /// How many controls stand where.
    pub counts: BTreeMap<&'static str, u64>,
    /// Where each stands.
    pub controls: BTreeMap<String, Standing>,
}

/// A review.
#[derive(Clone, Debug, Serialize)]
pub struct Reviewed {
    /// When.
    pub at: String,
    /// The index of its record.
    pub record: u64,
    /// Who, as a pseudonym.
    pub by: Option<String>,
    /// The hash of its snapshot.
    pub snapshot: Option<String>,
    /// Whether the snapshot is still there, so that `moved` can be told.
    pub kept: bool,
}

impl Posture {
    /// The answer for the frameworks that `framework` names: a slug, or `all`. `shown` is what is told; `window` is over
    /// a period as long as that of `before`, so that what moved is no matter of the period.
    #[must_use]
    pub fn new(
        catalogue: &Catalogue,
        framework: &str,
        shown: &Snapshot,
        window: &Snapshot,
        figures: &Figures,
        before: Option<&Snapshot>,
    ) -> Self {
        let wanted = |slug: &str| framework == "all" || framework == slug;
        let frameworks = catalogue.frameworks.iter().filter(|f| wanted(&f.slug)).map(|f| {
            let controls = shown.frameworks.get(&f.slug).cloned().unwrap_or_default();
            let count = |s: &Standing| controls.values().filter(|c| *c == s).count() as u64;
            let counts = Standing::ALL.iter().map(|s| (s.name(), count(s))).collect();
            FrameworkPosture { framework: f.slug.clone(), name: f.name.clone(), counts, controls }
        });
        let last_review = figures.last_review.as_ref().map(|r| Reviewed {
            at: time::text(r.at),
            record: r.index,
            by: r.by.clone(),
            snapshot: r.snapshot.map(|d| d.to_string()),
            kept: before.is_some(),
        });
        let mut moved = before.map(|b| b.moved(window)).unwrap_or_default();
        moved.retain(|m| m.framework.as_deref().is_none_or(wanted));
        Self {
            from: time::text(shown.from),
            to: time::text(shown.at),
            log: shown.origin.clone(),
            size: shown.size,
            frameworks: frameworks.collect(),
            evidence: shown.evidence.clone(),
            last_review,
            moved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moved() {
        let catalogue = Catalogue::embedded().unwrap();
        let log = Log::default();
        let period = |to| Period { from: 0, to };
        let answers =
            |f: &Figures| crate::queries::answers(&catalogue, f, &crate::Facts::default(), period(9), &log);
        let none = answers(&Figures::default());
        let before = Snapshot::new(&catalogue, &none, period(5), &log, "a");
        assert!(before.moved(&before).is_empty());
        let mut some = none.clone();
        some.iter_mut().filter(|a| a.id == EvidenceId::Dec).for_each(|a| a.records = 3);
        let now = Snapshot::new(&catalogue, &some, period(9), &log, "b");
        let moved = before.moved(&now);
        assert!(moved.iter().any(|m| m.framework.is_some() && m.now == "direct, with records"), "{moved:?}");
        assert!(moved.iter().any(|m| m.what == "EV-DEC" && m.now == "direct, 3 records"));
        assert_eq!(moved.last().map(|m| (m.what.as_str(), m.before.as_str())), Some(("policy", "a")));
        let bytes = serde_json::to_vec(&now).unwrap();
        assert_eq!(serde_json::from_slice::<Snapshot>(&bytes).unwrap(), now);
    }
}
