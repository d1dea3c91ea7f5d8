//! Which evidence Cordon produces, what is missing of it, and what there is to say of the log as a whole.

use super::row;
use crate::answer::{Availability, Cell, Origin, Table};
use crate::catalogue::EvidenceId;
use crate::figures::Figures;
use cordon_types::time;

/// The log that a pack is made from.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Its name.
    pub origin: String,
    /// Entries under the pack's checkpoint.
    pub size: u64,
    /// The root over them, in hexadecimal.
    pub root: String,
    /// Whether the checkpoint was made for the period's tree; else it is the one at hand.
    pub of_period: bool,
    /// Cosignatures of witnesses, under a checkpoint of `cosigned` entries.
    pub cosignatures: u64,
    /// So many of the log's first entries are under it; 0 where nobody cosigned.
    pub cosigned: u64,
}

/// Whether there is such evidence, and what it lacks.
pub(super) const fn availability(id: EvidenceId) -> (Availability, &'static str) {
    use Availability::{Direct, NeedsImport, NoneYet, Partial};
    use EvidenceId as E;
    match id {
        E::Bom => (NoneYet, "No bill of materials is made yet."),
        E::Bud | E::Cost | E::Dec | E::Dlp | E::Kill | E::Log | E::Proof => (Direct, ""),
        E::Cfg => (
            Partial,
            "Configuration by hash, starts and reloads; no bill of materials or vulnerabilities of the gateway itself.",
        ),
        E::Eval => (NoneYet, "No evaluation of guardrails and no red team's run is recorded yet."),
        E::Exp => (Partial, "This pack; who read it is not recorded."),
        E::Fb => (NeedsImport, "Feedback, reports and appeals are kept elsewhere."),
        E::Hitl => (
            Partial,
            "Tool calls that were held, and who (as a pseudonym) decided; what people approve elsewhere is not known.",
        ),
        E::Iam => (
            Partial,
            "Keys made and revoked, and refused credentials; roles are the three kinds of keys, people are not known.",
        ),
        E::Imp => (NeedsImport, "Impact assessments are kept elsewhere."),
        E::Inc => (NoneYet, "No incidents are kept yet."),
        E::Inv => (
            Partial,
            "What passes through the gate and what manifests declare; scans (`cordon scan`) are kept elsewhere.",
        ),
        E::Pol => (
            Partial,
            "Versions by hash, first and last seen, reloads; no approvals, and differences are not kept.",
        ),
        E::Ret => (
            Partial,
            "How far back the log reaches, what was pruned and destroyed, holds; receipts stand in the data directory.",
        ),
        E::Rev => (Partial, "Who (as a pseudonym), when, and of what; no date by which the next is due."),
        E::Risk => (NoneYet, "No risk register is kept yet."),
        E::Ropa => (
            Partial,
            "Flows and classes of data as observed; purposes are in the manifests, regions and legal bases elsewhere.",
        ),
        E::Slo => {
            (Partial, "How exchanges ended and how long they took; time without traffic is not observed.")
        }
        E::Sup => (Partial, "Failures and use by upstream; terms and regions are kept elsewhere."),
        E::Tls => (Partial, "Settings as the files state them; what was negotiated is not recorded."),
        E::Tool => (
            Partial,
            "Tools as manifests list them, calls and decisions; definitions by digest, as approved, and changes of them that were seen.",
        ),
        E::Train => (NeedsImport, "Training is recorded elsewhere."),
    }
}

fn fact(name: &'static str, value: impl Into<Cell>) -> Vec<Cell> {
    vec![name.into(), value.into()]
}

fn yes(it: bool) -> &'static str {
    if it { "yes" } else { "no" }
}

pub(super) fn checkpoint(log: &Log) -> Table {
    let witnessed = match log.cosignatures {
        0 => "unwitnessed".to_owned(),
        n => format!(
            "{n} cosignatures over the log's first {} entries, to be checked with the witnesses' keys",
            log.cosigned
        ),
    };
    Table {
        title: "Checkpoint that the proofs lead to",
        from: Origin::Log,
        columns: vec!["fact", "value"],
        rows: vec![
            fact("log", log.origin.as_str()),
            fact("entries", log.size),
            fact("root (SHA-256)", log.root.as_str()),
            fact("made for the tree of the period's end", yes(log.of_period)),
            fact("witnesses", witnessed),
        ],
    }
}

pub(super) fn pack(log: &Log) -> Table {
    Table {
        title: "This pack",
        from: Origin::Log,
        columns: vec!["fact", "value"],
        rows: vec![
            fact("made from the log", log.origin.as_str()),
            fact("entries it was made from", log.size),
            fact("same period, log and files give the same bytes", yes(log.of_period)),
        ],
    }
}

/// What keeps and gives up records, by the kind of its control record.
const CUSTODY: &[(&str, &str)] = &[
    ("times that entries were pruned", "pruned"),
    ("epochs of digests begun", "epoch_begun"),
    ("keys of epochs destroyed", "epoch_shredded"),
    ("single salts destroyed", "salt_shredded"),
    ("times that all salts before a time were destroyed", "salts_shredded"),
    ("legal holds set", "hold_set"),
    ("legal holds lifted", "hold_lifted"),
];

pub(super) fn retention(f: &Figures) -> Table {
    let mut rows = vec![row("entries up to the period's end", f.size)];
    if let Some(oldest) = f.oldest {
        rows.push(fact("time of the oldest entry", time::text(oldest)));
    }
    if let Some(span) = f.span {
        let days = span.last.saturating_sub(f.oldest.unwrap_or(span.first)) / 86_400_000;
        rows.push(fact("days from it to the period's last entry", days));
    }
    rows.push(row("entries given up before it, their hashes kept", f.kept_from.unwrap_or_default()));
    for (name, kind) in CUSTODY {
        rows.push(row(*name, f.controls.get(kind)));
    }
    rows.push(row("entries that cannot be read", f.unreadable));
    rows.push(row("torn tails cut off at a start", f.controls.get("torn_tail")));
    Table { title: "How far back the log reaches", from: Origin::Log, columns: vec!["fact", "value"], rows }
}
