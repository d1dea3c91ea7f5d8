//! Which evidence types a record is about.

use super::Figures;
use super::count::hex;
use crate::catalogue::EvidenceId;
use cordon_ledger::{
    Control, ControlKind, Decision, Finish, Intent, Judged, Name, Obligation, Outcome, Reason, Record,
};
use cordon_types::Guard;

/// The evidence types that this record is about. `figures` holds what was seen before it.
pub(super) fn concerned(record: &Record, figures: &Figures) -> Vec<EvidenceId> {
    let mut about = vec![EvidenceId::Log, EvidenceId::Proof];
    match record {
        Record::Intent(r) => intent(r, figures, &mut about),
        Record::Outcome(r) => outcome(r, &mut about),
        Record::Control(r) => control(r, &mut about),
    }
    about.sort_unstable();
    about.dedup();
    about
}

fn intent(r: &Intent, figures: &Figures, about: &mut Vec<EvidenceId>) {
    judged(&r.judged, about);
    // A version's, an agent's, a model's or an upstream's first record in the period.
    let new_version = r.policy.is_some_and(|p| !figures.versions.has("policy", &hex(&p)));
    if new_version {
        about.push(EvidenceId::Pol);
    }
    let model = r.model.as_ref().and_then(|m| if let Name::Known(k) = m { Some(k.as_str()) } else { None });
    let names = [
        ("agent", r.agent.as_ref().map(|a| a.as_str())),
        ("model", model),
        ("upstream", r.upstream.as_ref().map(|u| u.as_str())),
    ];
    let new = |(sort, name): (&'static str, Option<&str>)| name.is_some_and(|n| !figures.seen.has(sort, n));
    if names.into_iter().any(new) {
        about.push(EvidenceId::Inv);
    }
    if matches!(r.judged.decision, Decision::Allowed | Decision::Observed) {
        about.push(EvidenceId::Ropa);
    }
    if r.tools > 0 || r.tools_removed > 0 {
        about.push(EvidenceId::Tool);
    }
}

fn outcome(r: &Outcome, about: &mut Vec<EvidenceId>) {
    judged(&r.judged, about);
    for call in &r.calls {
        about.push(EvidenceId::Tool);
        if call.decision != Decision::Allowed {
            about.push(EvidenceId::Dec);
        }
    }
    if r.finish == Finish::UpstreamBroke {
        about.push(EvidenceId::Sup);
    }
    if r.finish == Finish::Killed {
        about.push(EvidenceId::Kill);
    }
    about.push(EvidenceId::Slo);
    if r.tokens_in.is_some() || r.tokens_out.is_some() || r.cost_micros.is_some() {
        about.push(EvidenceId::Cost);
    }
}

fn control(r: &Control, about: &mut Vec<EvidenceId>) {
    use ControlKind as K;
    match r.kind {
        K::Start | K::Stop => about.extend([EvidenceId::Cfg, EvidenceId::Slo]),
        K::Reload | K::ReloadRefused => about.extend([EvidenceId::Cfg, EvidenceId::Pol]),
        K::KeyCreated => about.push(EvidenceId::Iam),
        K::KeyRevoked => about.extend([EvidenceId::Iam, EvidenceId::Kill]),
        K::Kill | K::Unkill => about.push(EvidenceId::Kill),
        K::Refusal => about.extend([EvidenceId::Dec, EvidenceId::Iam]),
        K::TornTail
        | K::EpochBegun
        | K::EpochShredded
        | K::SaltShredded
        | K::SaltsShredded
        | K::HoldSet
        | K::HoldLifted
        | K::Pruned => about.push(EvidenceId::Ret),
        K::PostureReview => about.push(EvidenceId::Rev),
        // A note was read: how the rules are told, no evidence of how they are kept.
        K::ShadowAcknowledged => {}
        K::ApprovalAsked
        | K::ApprovalAllowed
        | K::ApprovalConsented
        | K::ApprovalDenied
        | K::ApprovalExpired
        | K::ApprovalUsed => about.push(EvidenceId::Hitl),
        K::ToolsPinned | K::ToolsUnpinned | K::ToolsChanged => about.push(EvidenceId::Tool),
        K::ManifestApplied | K::ManifestRolledBack | K::ManifestStaged | K::ManifestUnstaged => {
            about.extend([EvidenceId::Cfg, EvidenceId::Pol]);
        }
    }
    reason(r.reason, about);
}

fn judged(judged: &Judged, about: &mut Vec<EvidenceId>) {
    if judged.decision != Decision::Allowed || !judged.obligations.is_empty() {
        about.push(EvidenceId::Dec);
    }
    let sensitive = |guard| matches!(guard, Guard::Pii | Guard::Secrets);
    let found = judged.findings.iter().any(|f| sensitive(f.kind.guard()));
    let hidden = |o: Obligation| matches!(o, Obligation::Mask | Obligation::Redact);
    if found || judged.obligations.iter().any(|o| hidden(o.obligation)) {
        about.push(EvidenceId::Dlp);
    }
    reason(judged.reason, about);
}

fn reason(reason: Option<Reason>, about: &mut Vec<EvidenceId>) {
    use Reason as R;
    match reason {
        Some(R::BudgetRequests | R::BudgetTokens | R::BudgetCost | R::BudgetConcurrent) => {
            about.push(EvidenceId::Bud);
        }
        Some(R::Killed) => about.push(EvidenceId::Kill),
        Some(R::Unauthenticated | R::KeyRevoked) => about.push(EvidenceId::Iam),
        Some(R::UpstreamUnreachable | R::UpstreamTimeout | R::UpstreamError) => about.push(EvidenceId::Sup),
        _ => {}
    }
}
