//! One page a control, and one an evidence type; HTML and JSON from the same values.

use super::{FOOTER, Input};
use crate::answer::{Answer, Table};
use crate::catalogue::{Control, Framework};
use crate::html::Html;
use crate::queries::{self, Log};
use crate::standing::Standing;
use cordon_types::time;
use serde::Serialize;

/// How a title stands to the framework's own.
pub(super) const fn title_note(official: bool) -> &'static str {
    if official { "the framework's own" } else { "ours; the framework's own is not copied" }
}

/// How the paraphrase reads: a risk asks for nothing.
fn asked(kind: &str) -> &'static str {
    match kind {
        "risk" | "tactic" | "technique" => "What it is about, in our words:",
        _ => "What is asked, in our words:",
    }
}

/// Whether id and meaning were checked.
pub(super) const fn checked(verified: bool) -> &'static str {
    if verified {
        "checked against the source"
    } else {
        "not checked against the source: check before relying on it"
    }
}

/// The page.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    format: &'static str,
    framework: &'a str,
    framework_slug: &'a str,
    framework_version: &'a str,
    framework_source: &'a str,
    control: &'a str,
    title: &'a str,
    title_is_official: bool,
    kind: &'a str,
    asks: &'a str,
    looks_for: &'a str,
    verified: bool,
    from: String,
    to: String,
    coverage_by_nature: &'static str,
    standing: &'static str,
    standing_in_words: &'static str,
    reasons: Vec<String>,
    evidence: Vec<&'a Answer>,
    policies_in_force: Table,
    log: Place<'a>,
    verify: Vec<String>,
    #[serde(skip)]
    at: Standing,
    #[serde(skip)]
    licence: &'a str,
}

/// Which log, at which size.
#[derive(Serialize)]
pub(super) struct Place<'a> {
    origin: &'a str,
    size: u64,
    root: &'a str,
    witnesses: u64,
}

impl<'a> Place<'a> {
    pub(super) fn of(log: &'a Log) -> Self {
        Self { origin: &log.origin, size: log.size, root: &log.root, witnesses: log.cosignatures }
    }
}

impl<'a> Page<'a> {
    pub(super) fn new(input: &'a Input<'_>, framework: &'a Framework, control: &'a Control) -> Self {
        let at = Standing::of(control, input.answers);
        let evidence: Vec<&Answer> =
            input.answers.iter().filter(|a| control.evidence.contains(&a.id)).collect();
        let mut verify = vec!["cordon evidence verify . --key ledger.pub".to_owned()];
        if let Some(index) = evidence.iter().flat_map(|a| &a.samples).next() {
            verify.push(format!("cordon audit prove {index}"));
        }
        Self {
            format: "cordon-evidence-control/1",
            framework: &framework.name,
            framework_slug: &framework.slug,
            framework_version: &framework.version,
            framework_source: &framework.source,
            control: &control.id,
            title: &control.title,
            title_is_official: control.title_is_official,
            kind: &control.kind,
            asks: &control.asks,
            looks_for: &control.looks_for,
            verified: control.verified,
            from: time::text(input.period.from),
            to: time::text(input.period.to),
            coverage_by_nature: control.coverage.name(),
            standing: at.name(),
            standing_in_words: at.words(),
            reasons: Standing::reasons(control, input.answers),
            evidence,
            policies_in_force: queries::versions(input.figures),
            log: Place::of(&input.log),
            verify,
            at,
            licence: &framework.licence,
        }
    }

    pub(super) fn html(&self) -> Vec<u8> {
        let title = format!("{} {}", self.control, self.title);
        let mut page =
            Html::page(&title, &[("Evidence pack", "../../index.html"), (self.framework, "index.html")]);
        page.el("h1", &title).raw("<p>").badge(self.at.name(), self.at.words()).raw("</p>\n");
        page.el("p class=\"dim\"", asked(self.kind)).el("p class=\"lead\"", self.asks);
        page.facts(&[
            ("Framework", self.framework),
            ("Version", self.framework_version),
            ("Kind", self.kind),
            ("Title", title_note(self.title_is_official)),
            ("Id and meaning", checked(self.verified)),
            ("What a machine can show", self.looks_for),
            ("Period", &format!("{} (included) to {} (excluded)", self.from, self.to)),
        ]);
        page.el("h2", "How far the record shows it");
        page.facts(&[("By the control's nature", self.coverage_by_nature), ("Now", self.standing_in_words)]);
        if !self.reasons.is_empty() {
            page.raw("<ul>\n");
            for reason in &self.reasons {
                page.raw("<li>").text(reason).raw("</li>\n");
            }
            page.raw("</ul>\n");
        }
        page.el("h2", "Evidence");
        for answer in &self.evidence {
            evidence(
                &mut page,
                answer,
                "h3",
                Some(&format!("../../evidence/{}.html", answer.id.name())),
                "../../",
            );
        }
        page.el("h2", "Policies in force in the period");
        if self.policies_in_force.rows.is_empty() {
            page.el("p", "No record of the period names one.");
        } else {
            page.table(&self.policies_in_force);
        }
        verification(&mut page, &self.log, &self.verify, "../../");
        page.el("h2", "Source");
        page.facts(&[("Ids and titles from", self.framework_source), ("Terms", self.licence)]);
        page.end(FOOTER)
    }
}

/// One evidence type's part of a page.
fn evidence(page: &mut Html, answer: &Answer, level: &'static str, own: Option<&str>, up: &str) {
    let name = answer.id.name();
    page.raw("<section>\n<").raw(level).raw(">");
    match own {
        Some(to) => page.link(to, name),
        None => page.text(name),
    };
    page.raw(" ")
        .badge(answer.availability.name(), answer.availability.words())
        .raw("</")
        .raw(level)
        .raw(">\n");
    page.el("p class=\"what\"", &answer.what);
    if !answer.lacks.is_empty() {
        page.el("p class=\"dim\"", answer.lacks);
    }
    if !answer.tables.is_empty() || answer.records > 0 {
        page.el("p", &format!("Records of the period that it is about: {}.", answer.records));
    }
    answer.tables.iter().for_each(|t| {
        page.table(t);
    });
    if !answer.samples.is_empty() {
        page.raw("<p>Sample records (the first, the last, and those with the smallest leaf hashes): ");
        for (at, index) in answer.samples.iter().enumerate() {
            page.raw(if at == 0 { "" } else { "; " });
            page.link(&format!("{up}samples/{index}.json"), &format!("record {index}")).raw(" (");
            page.link(&format!("{up}samples/{index}.tlog-proof"), "proof").raw(")");
        }
        page.raw(".</p>\n");
    }
    if !answer.commands.is_empty() {
        page.raw("<p>The same figures and records again:</p>\n").commands(&answer.commands);
    }
    page.raw("</section>\n");
}

/// How to check the pack.
pub(super) fn verification(page: &mut Html, log: &Place<'_>, commands: &[String], up: &str) {
    page.el("h2", "Verification");
    let witnesses = match log.witnesses {
        0 => "none: unwitnessed".to_owned(),
        n => format!(
            "{n} cosignatures under anchor/checkpoint, which extends this one; to be checked with the witnesses' keys"
        ),
    };
    page.facts(&[
        ("Log", log.origin),
        ("Entries under the checkpoint", &log.size.to_string()),
        ("Root (SHA-256)", log.root),
        ("Witnesses", &witnesses),
    ]);
    page.raw("<p>").link(&format!("{up}checkpoint"), "checkpoint").raw(", ");
    page.link(&format!("{up}ledger.pub"), "public key").raw(", ");
    page.link(&format!("{up}manifest.json"), "manifest")
        .raw(". In the pack's folder:</p>\n")
        .commands(commands);
}

/// An evidence type's own page.
pub(super) fn evidence_page(input: &Input<'_>, answer: &Answer) -> Vec<u8> {
    let name = answer.id.name();
    let mut page = Html::page(name, &[("Evidence pack", "../index.html")]);
    page.el("h1", name);
    page.facts(&[("Period", &super::period(input.period))]);
    evidence(&mut page, answer, "h2", None, "../");
    if !answer.samples.is_empty() {
        page.el("h2", "The sample records");
        for index in &answer.samples {
            let leaf = input.samples.get(index).map(|s| String::from_utf8_lossy(&s.leaf)).unwrap_or_default();
            page.el("h3", &format!("Record {index}")).raw("<pre><code>").text(&leaf).raw("</code></pre>\n");
        }
    }
    page.el("h2", "Controls that ask for it").raw("<ul>\n");
    for framework in &input.frameworks {
        for control in framework.controls.iter().filter(|c| c.evidence.contains(&answer.id)) {
            let to = format!("../frameworks/{}/{}.html", framework.slug, control.slug());
            page.raw("<li>")
                .link(&to, &format!("{}: {} {}", framework.name, control.id, control.title))
                .raw("</li>\n");
        }
    }
    page.raw("</ul>\n");
    page.end(FOOTER)
}
