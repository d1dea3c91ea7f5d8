//! The index of a framework, the index over all, and the words to begin with.

use super::control::{Place, verification};
use super::{FOOTER, Input};
use crate::answer::Answer;
use crate::catalogue::{Clock, Framework};
use crate::html::Html;
use crate::standing::Standing;
use cordon_types::time;
use serde::Serialize;

#[derive(Serialize)]
struct Row<'a> {
    control: &'a str,
    title: &'a str,
    page: String,
    coverage_by_nature: &'static str,
    standing: &'static str,
    evidence: Vec<&'static str>,
    #[serde(skip)]
    at: Standing,
}

/// How many controls stand where.
#[derive(Serialize)]
struct Counts(Vec<Count>);

#[derive(Serialize)]
struct Count {
    standing: &'static str,
    controls: usize,
    #[serde(skip)]
    words: &'static str,
}

fn counts(framework: &Framework, answers: &[Answer]) -> Counts {
    let all: Vec<Standing> = framework.controls.iter().map(|c| Standing::of(c, answers)).collect();
    let count = |s: Standing| Count {
        standing: s.name(),
        words: s.words(),
        controls: all.iter().filter(|a| **a == s).count(),
    };
    Counts(Standing::ALL.map(count).into())
}

/// A framework's index.
#[derive(Serialize)]
pub(super) struct FrameworkPage<'a> {
    format: &'static str,
    framework: &'a str,
    slug: &'a str,
    version: &'a str,
    source: &'a str,
    licence: &'a str,
    from: String,
    to: String,
    counts: Counts,
    controls: Vec<Row<'a>>,
    clocks: Vec<&'a Clock>,
    log: Place<'a>,
}

impl<'a> FrameworkPage<'a> {
    pub(super) fn new(input: &'a Input<'_>, framework: &'a Framework) -> Self {
        let row = |c: &'a crate::catalogue::Control| {
            let at = Standing::of(c, input.answers);
            Row {
                control: &c.id,
                title: &c.title,
                page: format!("{}.html", c.slug()),
                coverage_by_nature: c.coverage.name(),
                standing: at.name(),
                evidence: c.evidence.iter().map(|e| e.name()).collect(),
                at,
            }
        };
        let clocks = &input.catalogue.clocks;
        Self {
            format: "cordon-evidence-framework/1",
            framework: &framework.name,
            slug: &framework.slug,
            version: &framework.version,
            source: &framework.source,
            licence: &framework.licence,
            from: time::text(input.period.from),
            to: time::text(input.period.to),
            counts: counts(framework, input.answers),
            controls: framework.controls.iter().map(row).collect(),
            clocks: clocks.iter().filter(|c| c.framework.as_ref() == Some(&framework.slug)).collect(),
            log: Place::of(&input.log),
        }
    }

    pub(super) fn html(&self) -> Vec<u8> {
        let mut page = Html::page(self.framework, &[("Evidence pack", "../../index.html")]);
        page.el("h1", self.framework);
        page.facts(&[
            ("Version", self.version),
            ("Period", &format!("{} (included) to {} (excluded)", self.from, self.to)),
            ("Controls here", &self.controls.len().to_string()),
        ]);
        page.el("h2", "Where its controls stand");
        page.raw("<ul>\n");
        for count in self.counts.0.iter().filter(|c| c.controls > 0) {
            page.raw("<li>")
                .badge(count.standing, count.words)
                .text(&format!(" {}", count.controls))
                .raw("</li>\n");
        }
        page.raw("</ul>\n<div class=\"wide\"><table>\n<caption>Controls</caption>\n<thead><tr>");
        for head in ["Control", "Title", "Standing", "Evidence"] {
            page.raw("<th scope=\"col\">").text(head).raw("</th>");
        }
        page.raw("</tr></thead>\n<tbody>\n");
        for row in &self.controls {
            page.raw("<tr><th scope=\"row\">").link(&row.page, row.control).raw("</th><td>").text(row.title);
            page.raw("</td><td>").badge(row.at.name(), row.at.words()).raw("</td><td>");
            for (at, id) in row.evidence.iter().enumerate() {
                page.raw(if at == 0 { "" } else { ", " }).link(&format!("../../evidence/{id}.html"), id);
            }
            page.raw("</td></tr>\n");
        }
        page.raw("</tbody></table></div>\n");
        self.clocks(&mut page);
        page.raw("<p>")
            .link("oscal-assessment-results.json", "OSCAL assessment results")
            .raw(" of the same.</p>\n");
        verification(
            &mut page,
            &self.log,
            &["cordon evidence verify . --key ledger.pub".to_owned()],
            "../../",
        );
        page.el("h2", "Source");
        page.facts(&[("Ids and titles from", self.source), ("Terms", self.licence)]);
        page.end(FOOTER)
    }

    fn clocks(&self, page: &mut Html) {
        if self.clocks.is_empty() {
            return;
        }
        page.el("h2", "Clocks that it sets");
        page.raw("<div class=\"wide\"><table>\n<thead><tr>");
        for head in ["Provision", "Who", "Starts when", "Limit", "Condition", "Checked"] {
            page.raw("<th scope=\"col\">").text(head).raw("</th>");
        }
        page.raw("</tr></thead>\n<tbody>\n");
        for clock in &self.clocks {
            page.raw("<tr><th scope=\"row\">").text(&clock.regime).raw("</th>");
            let checked = if clock.verified { "yes" } else { "no" };
            let condition = clock.condition.as_deref().unwrap_or("");
            for cell in [clock.who.as_str(), &clock.start, &clock.limit, condition, checked] {
                page.raw("<td>").text(cell).raw("</td>");
            }
            page.raw("</tr>\n");
        }
        page.raw("</tbody></table></div>\n");
    }
}

#[derive(Serialize)]
struct FrameworkRow<'a> {
    framework: &'a str,
    slug: &'a str,
    page: String,
    controls: usize,
    counts: Counts,
}

#[derive(Serialize)]
struct EvidenceRow<'a> {
    evidence: &'static str,
    availability: &'static str,
    records: u64,
    what: &'a str,
    #[serde(skip)]
    words: &'static str,
}

/// The index over all.
#[derive(Serialize)]
pub(super) struct PackPage<'a> {
    format: &'static str,
    from: String,
    to: String,
    cordon: &'a str,
    frameworks: Vec<FrameworkRow<'a>>,
    evidence: Vec<EvidenceRow<'a>>,
    records: u64,
    unreadable: u64,
    log: Place<'a>,
    made_for_the_periods_tree: bool,
}

impl<'a> PackPage<'a> {
    pub(super) fn new(input: &'a Input<'_>) -> Self {
        let framework = |f: &&'a Framework| FrameworkRow {
            framework: &f.name,
            slug: &f.slug,
            page: format!("frameworks/{}/index.html", f.slug),
            controls: f.controls.len(),
            counts: counts(f, input.answers),
        };
        let asked = super::asked(&input.frameworks);
        let evidence = input.answers.iter().filter(|a| asked.contains(&a.id)).map(|a| EvidenceRow {
            evidence: a.id.name(),
            availability: a.availability.name(),
            records: a.records,
            what: &a.what,
            words: a.availability.words(),
        });
        Self {
            format: "cordon-evidence-index/1",
            from: time::text(input.period.from),
            to: time::text(input.period.to),
            cordon: &input.facts.version,
            frameworks: input.frameworks.iter().map(framework).collect(),
            evidence: evidence.collect(),
            records: input.figures.records.total(),
            unreadable: input.figures.unreadable,
            log: Place::of(&input.log),
            made_for_the_periods_tree: input.log.of_period,
        }
    }

    pub(super) fn html(&self) -> Vec<u8> {
        let mut page = Html::page("Evidence pack", &[]);
        page.el("h1", "Evidence pack");
        page.el(
            "p class=\"lead\"",
            "What a gateway's own record shows of the controls of these frameworks: figures, samples of records, and \
             proofs that they are in the log.",
        );
        page.facts(&[
            ("Period", &format!("{} (included) to {} (excluded)", self.from, self.to)),
            ("Records in it", &self.records.to_string()),
            ("Entries that cannot be read", &self.unreadable.to_string()),
            ("Cordon", self.cordon),
        ]);
        page.el("h2", "Frameworks");
        self.table(&mut page);
        page.el("p class=\"dim\"", WORDS);
        page.el("h2", "Evidence types");
        page.raw("<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">Evidence</th><th scope=\"col\">What</th>");
        page.raw("<th scope=\"col\">There is</th><th scope=\"col\" class=\"n\">Records</th></tr></thead>\n<tbody>\n");
        for row in &self.evidence {
            page.raw("<tr><th scope=\"row\">").link(&format!("evidence/{}.html", row.evidence), row.evidence);
            page.raw("</th><td class=\"what\">")
                .text(row.what)
                .raw("</td><td>")
                .badge(row.availability, row.words);
            page.raw("</td><td class=\"n\">").text(&row.records.to_string()).raw("</td></tr>\n");
        }
        page.raw("</tbody></table></div>\n");
        verification(&mut page, &self.log, &["cordon evidence verify . --key ledger.pub".to_owned()], "");
        page.end(FOOTER)
    }

    fn table(&self, page: &mut Html) {
        page.raw("<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">Framework</th><th scope=\"col\" class=\"n\">Controls</th>");
        for standing in Standing::ALL {
            page.raw("<th scope=\"col\" class=\"n\">").text(standing.words()).raw("</th>");
        }
        page.raw("</tr></thead>\n<tbody>\n");
        for row in &self.frameworks {
            page.raw("<tr><th scope=\"row\">").link(&row.page, row.framework);
            page.raw("</th><td class=\"n\">").text(&row.controls.to_string()).raw("</td>");
            for count in &row.counts.0 {
                page.raw("<td class=\"n\">").text(&count.controls.to_string()).raw("</td>");
            }
            page.raw("</tr>\n");
        }
        page.raw("</tbody></table></div>\n");
    }
}

const WORDS: &str = "Direct: records show it. Partial: records show some of it, and each page says what is missing. Needs \
                     import: it is kept elsewhere by its nature. None: nothing of it is produced yet. These words say what \
                     there is to look at, not whether a control is met.";

/// What to read first.
pub(super) fn readme(input: &Input<'_>) -> String {
    let log = &input.log;
    let again = if log.of_period {
        "The checkpoint was made for the log as it was at the period's last record, and signed with the log's key. The same \
         period over the same log and files gives this pack again, byte for byte, also when the log has grown since."
    } else {
        "The checkpoint is the one that was published when the pack was made: the log's signing key was not at hand. A later \
         export of the same period has another checkpoint, and other proofs."
    };
    format!(
        "Evidence pack of {origin}\nPeriod: {period}\nLog: {size} entries, root {root}\n\n\
         Begin with index.html. Every page stands alone: no scripts, nothing is loaded.\n\n\
         {again}\n\n\
         To verify, in this folder:\n\n\
         \x20   cordon evidence verify . --key ledger.pub\n\n\
         Take the public key from a source that you trust, and compare it with ledger.pub.\n\
         Each samples/N.tlog-proof is a C2SP tlog-proof of the bytes of samples/N.json; other software verifies it too.\n\
         manifest.json has the SHA-256 of every other file; manifest.note, where it is there, signs the manifest.\n\n\
         Figures \"from records\" and \"from the log\" are made from the log alone; those \"from the operator's files\" are as\n\
         the files were when the pack was made. What Cordon does not produce is called \"none yet\" or \"needs import\".\n\
         Nothing in this pack says that a control is met: that is for an assessor.\n",
        origin = log.origin,
        period = super::period(input.period),
        size = log.size,
        root = log.root,
    )
}
