//! One snapshot of everything that judges: replaced as a whole at a reload, shared by reference.

use crate::calls::ToolCalls;
use crate::clean::Clean;
use crate::issued::Issued;
use crate::models::ModelTable;
use crate::refusal::{Refusal, Why};
use crate::staged::{Differences, Staged};
use crate::tally::Tally;
use cordon_detect::{Detectors, Guards};
use cordon_flow::Sessions;
use cordon_policy::PolicySet;
use cordon_types::{AgentId, Digest, HeldCalls, Report, ServerId, SpanKind};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The rules in force. Immutable.
pub struct Gate {
    /// Manifests and policies, compiled.
    pub policy: PolicySet,
    /// The detectors.
    pub detectors: Arc<Detectors>,
    /// Which guards are on.
    pub guards: Guards,
    /// The operator's word that a text whose detector fails goes on uninspected. Running texts of a stream are cut
    /// all the same: a scan that broke off midway says nothing about what follows.
    pub detector_may_fail: bool,
    /// What a body may be.
    pub limits: cordon_wire::Limits,
    /// Which name leads where.
    pub models: ModelTable,
    /// The operator's own names, which records may show.
    pub catalogue: cordon_ledger::Catalogue,
    /// Whether an operator stopped calls of a tool; asked at each call, since kills come between reloads.
    pub tool_killed: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    /// Tool servers that the gateway carries calls to.
    pub servers: BTreeSet<ServerId>,
    /// Texts of prompts in which these rules found nothing before.
    pub clean: Clean,
    /// Manifests that are judged beside, and never enforced.
    pub staged: Option<Staged>,
    /// What outlives a reload.
    pub lasting: Lasting,
}

/// What outlives a reload: what was learnt, not what was loaded.
#[derive(Clone)]
pub struct Lasting {
    /// Blocks that providers issued.
    pub issued: Arc<Issued>,
    /// What sessions have seen.
    pub sessions: Arc<Sessions>,
    /// How often tools were called.
    pub calls: Arc<ToolCalls>,
    /// Calls that wait for people.
    pub held: Arc<dyn HeldCalls>,
    /// On which calls staged manifests differ from those in force.
    pub differences: Arc<Differences>,
    /// The key under which a held call is named. It lasts over a restart, as grants do.
    pub binding_key: [u8; 32],
}

impl Gate {
    /// Names the rules in force: what a record says it was judged by.
    #[must_use]
    pub fn version(&self) -> Digest {
        self.policy.version()
    }

    /// Whether the tool is one of a server that the gateway carries calls to.
    pub(crate) fn carries(&self, tool: &str) -> bool {
        let server = tool.split_once("__").and_then(|(server, _)| ServerId::new(server).ok());
        server.is_some_and(|s| self.servers.contains(&s))
    }

    /// Runs the detectors over a text that `agent` may have sent before, and counts what they find.
    pub(crate) fn inspect_again(
        &self,
        agent: &AgentId,
        text: &str,
        kind: SpanKind,
        tally: &mut Tally,
    ) -> Result<Report, Refusal> {
        let known = self.clean.name(agent, kind, self.guards, text);
        if known.as_ref().is_some_and(|known| self.clean.has(known)) {
            return Ok(Report::default());
        }
        let scanned = self.scan(text, kind);
        if let Some(known) = known.filter(|_| scanned.as_ref().is_some_and(|r| *r == Report::default())) {
            self.clean.add(known);
        }
        self.count(scanned, kind, tally)
    }

    /// Runs the detectors over one text and counts what they find.
    pub(crate) fn inspect(&self, text: &str, kind: SpanKind, tally: &mut Tally) -> Result<Report, Refusal> {
        self.count(self.scan(text, kind), kind, tally)
    }

    /// What the detectors say of a text; none where one failed.
    fn scan(&self, text: &str, kind: SpanKind) -> Option<Report> {
        catch_unwind(AssertUnwindSafe(|| self.detectors.scan(text, kind, self.guards))).ok()
    }

    fn count(&self, scanned: Option<Report>, kind: SpanKind, tally: &mut Tally) -> Result<Report, Refusal> {
        // SECURITY: a detector that panics has said nothing about this text. Closed, unless the operator opened it.
        match scanned {
            Some(report) => {
                tally.found(&report.findings, kind);
                tally.truncated |= report.truncated;
                Ok(report)
            }
            None if self.detector_may_fail => {
                tally.detector_failed = true;
                Ok(Report::default())
            }
            None => Err(Refusal::new(
                500,
                Why::Detector,
                "a detector failed on this text; nothing was let through",
            )),
        }
    }
}
