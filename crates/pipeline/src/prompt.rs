//! The way in: read, inspect, judge, enforce a request.

use crate::enforce::{Replacement, replacements};
use crate::exchange::{Caller, Exchange, note, note_feature};
use crate::gate::Gate;
use crate::models::Model;
use crate::refusal::{Refusal, Why};
use crate::tally::Tally;
use bytes::Bytes;
use cordon_policy::{Action, Facts, Obligations, Permit, Resource};
use cordon_types::{Dialect, Feature, Millis, Operation, Report};
use cordon_wire::{Forced, Request, RequestEdit, Span, Splice, ToolKind};
use std::sync::Arc;

/// A request that may go upstream.
pub struct Prompt {
    /// The judge's word: without it nothing is sent.
    pub permit: Permit,
    /// The model it goes to.
    pub model: Arc<Model>,
    /// What goes out.
    pub body: Bytes,
    /// For the record.
    pub tally: Tally,
    /// In which its answer is judged.
    pub exchange: Exchange,
    /// The caller asks for a stream.
    pub stream: bool,
    /// Tools in the request, those not passed on included.
    pub tools_offered: u32,
    /// Most output tokens that the request asks for, where it says.
    pub max_output_tokens: Option<u64>,
}

/// A request that goes nowhere, with what its record needs.
pub struct Refused {
    /// What the caller is told.
    pub refusal: Refusal,
    /// For the record.
    pub tally: Tally,
    /// The model, where the request came far enough to name a known one.
    pub model: Option<Arc<Model>>,
    /// The model's name as the caller wrote it: for the record only as a digest.
    pub asked: Option<String>,
}

/// What a request says besides its body.
pub struct Arrival {
    /// What is asked.
    pub op: Operation,
    /// Beta headers, split into names.
    pub betas: Vec<String>,
    /// The body, whole.
    pub body: Bytes,
    /// The session that the caller names, where it names one.
    pub session: Option<String>,
}

/// Reads, inspects and judges a request. Cost: linear in the body, plus one judgement and one for each tool offered.
pub fn prompt(
    gate: &Arc<Gate>,
    caller: &Caller,
    arrival: Arrival,
    now: Millis,
) -> Result<Prompt, Box<Refused>> {
    let mut work = Work { gate, caller, now, tally: Tally::default(), model: None, asked: None };
    match work.run(arrival) {
        Ok(prompt) => Ok(prompt),
        Err(refusal) => {
            Err(Box::new(Refused { refusal, tally: work.tally, model: work.model, asked: work.asked }))
        }
    }
}

struct Work<'a> {
    gate: &'a Arc<Gate>,
    caller: &'a Caller,
    now: Millis,
    tally: Tally,
    model: Option<Arc<Model>>,
    asked: Option<String>,
}

impl Work<'_> {
    fn run(&mut self, arrival: Arrival) -> Result<Prompt, Refusal> {
        self.tally.received = arrival.body.len() as u64;
        let request = cordon_wire::parse_request(arrival.op, arrival.body, &self.gate.limits)
            .map_err(Refusal::from_wire)?;
        self.asked = Some(request.model.clone());
        let model = self.route(&request, arrival.op)?;
        self.check_issued(&request)?;

        let reports = self.inspect(&request)?;
        let mut facts = self.facts(&request, &reports);
        facts.betas = arrival.betas;
        let permit = self.judge(&model, &facts)?;

        let mut edits = self.enforce(&request, &reports, permit.obligations())?;
        self.offer_tools(&request, &facts, &mut edits)?;
        self.settle(arrival.op, &request, &model, permit.obligations(), &mut edits)?;
        let body = request.render(&edits).map_err(Refusal::from_wire)?;

        let exchange = Exchange {
            gate: self.gate.clone(),
            op: arrival.op,
            caller: self.caller.clone(),
            model: model.name.clone(),
            forced: request.forced_tool.is_some(),
            strict: request.strict_output,
            stream: request.stream,
            told: body.clone(),
            session: arrival.session,
        };
        Ok(Prompt {
            permit,
            model,
            body,
            tally: std::mem::take(&mut self.tally),
            exchange,
            stream: request.stream,
            tools_offered: u32::try_from(request.tools.len()).unwrap_or(u32::MAX),
            max_output_tokens: request.max_output_tokens,
        })
    }

    /// The model by name or alias, if the config has it, its upstream speaks this dialect, and the manifest lists it.
    fn route(&mut self, request: &Request, op: Operation) -> Result<Arc<Model>, Refusal> {
        let unknown = || Refusal {
            param: Some("model".to_owned()),
            ..Refusal::new(
                404,
                Why::Model,
                "this model does not exist here or this agent may not use it; GET /v1/models lists those it may use",
            )
        };
        let model = self.gate.models.get(&request.model).ok_or_else(unknown)?.clone();
        self.model = Some(model.clone());
        let dialect = match op {
            Operation::Messages | Operation::CountTokens => Dialect::AnthropicMessages,
            Operation::ChatCompletions | Operation::Models => Dialect::OpenaiChat,
            _ => Dialect::Mcp,
        };
        if !model.dialects.contains(&dialect) {
            return Err(Refusal {
                param: Some("model".to_owned()),
                ..Refusal::new(
                    400,
                    Why::Model,
                    "this model's upstream does not speak the API that was called; use the other client for it",
                )
            });
        }
        Ok(model)
    }

    fn check_issued(&self, request: &Request) -> Result<(), Refusal> {
        match request
            .issued
            .iter()
            .find(|b| !self.gate.lasting.issued.knows(&self.caller.agent, &b.digest_input))
        {
            None => Ok(()),
            Some(block) => Err(Refusal {
                param: Some(block.path.to_owned()),
                ..Refusal::new(
                    403,
                    Why::NotIssued,
                    "a signed or encrypted block was not issued to this agent through this gateway since it started; \
                     leave that block out",
                )
            }),
        }
    }

    fn inspect(&mut self, request: &Request) -> Result<Vec<Report>, Refusal> {
        let (gate, agent) = (self.gate, &self.caller.agent);
        let inspect = |span: &Span| gate.inspect_again(agent, &span.text, span.kind, &mut self.tally);
        request.spans.iter().map(inspect).collect()
    }

    fn facts(&mut self, request: &Request, reports: &[Report]) -> Facts {
        let mut facts = Facts { stream: request.stream, ..Facts::default() };
        for (span, report) in request.spans.iter().zip(reports) {
            note(&mut facts, &report.findings, report.injection_flagged, span.kind);
        }
        let provider_tools = request.tools.iter().filter_map(|t| match t.kind {
            ToolKind::Provider(feature) => Some(feature),
            ToolKind::Custom => Some(Feature::CustomTool),
            ToolKind::Function => None,
        });
        for feature in request.features.iter().map(|used| used.feature).chain(provider_tools) {
            note_feature(&mut facts, feature);
            self.tally.opaque(feature);
        }
        facts.uninspected = facts.features.iter().any(|f| {
            matches!(f, Feature::Image | Feature::Audio | Feature::Document | Feature::EncryptedReasoning)
        });
        facts
    }

    fn judge(&mut self, model: &Model, facts: &Facts) -> Result<Permit, Refusal> {
        let query = cordon_policy::Query {
            agent: &self.caller.agent,
            on_behalf: self.caller.on_behalf,
            action: Action::ModelPrompt,
            resource: Resource::Model(model.name.as_str()),
            facts,
            now: self.now,
        };
        match self.gate.authorize(&query).at_once() {
            Ok(permit) => {
                self.tally.policies = permit.policies().to_vec();
                self.tally.observed = permit.observed().map(|r| r.code);
                Ok(permit)
            }
            Err(reason) => {
                self.tally.policies = reason.policies.clone();
                Err(Refusal::from_reason(&reason))
            }
        }
    }

    /// Turns obligations into edits of the request's texts.
    fn enforce(
        &mut self,
        request: &Request,
        reports: &[Report],
        duties: &Obligations,
    ) -> Result<Vec<RequestEdit>, Refusal> {
        let mut edits = Vec::new();
        for (at, (span, report)) in request.spans.iter().zip(reports).enumerate() {
            let replaced = replacements(&report.findings, duties);
            if replaced.is_empty() {
                continue;
            }
            if let Splice::Refuse(what) = span.splice {
                return Err(Refusal {
                    param: Some(span.path.to_owned()),
                    ..Refusal::new(
                        403,
                        Why::CannotSplice,
                        format!(
                            "sensitive data stands where it cannot be masked without breaking the request ({what}); \
                             take it out and send the request again"
                        ),
                    )
                });
            }
            replaced.iter().for_each(|r| self.tally.replaced(r.kind));
            edits.push(RequestEdit::Text { span: at, edits: as_edits(replaced) });
        }
        Ok(edits)
    }

    /// The model is offered only what the agent may call.
    fn offer_tools(
        &mut self,
        request: &Request,
        facts: &Facts,
        edits: &mut Vec<RequestEdit>,
    ) -> Result<(), Refusal> {
        let mut offered = 0_usize;
        for (at, tool) in request.tools.iter().enumerate() {
            if matches!(tool.kind, ToolKind::Provider(_)) {
                offered += 1; // the manifest named its feature, or the request was refused
                continue;
            }
            let query = cordon_policy::Query {
                agent: &self.caller.agent,
                on_behalf: self.caller.on_behalf,
                action: Action::ToolList,
                resource: Resource::Tool { name: &tool.name },
                facts,
                now: self.now,
            };
            match self.gate.policy.authorize(&query).at_once() {
                Ok(_) => offered += 1,
                Err(reason) => {
                    if matches!(&request.forced_tool, Some(Forced::Named(name)) if *name == tool.name) {
                        return Err(Refusal::from_reason(&reason));
                    }
                    self.tally.tools_removed += 1;
                    edits.push(RequestEdit::RemoveTool(at));
                }
            }
        }
        if matches!(request.forced_tool, Some(Forced::Any)) && offered == 0 {
            return Err(Refusal::new(
                403,
                Why::Policy(cordon_policy::ReasonCode::ToolNotListed),
                "the request demands a tool call, but this agent's manifest lists none of the tools it offers",
            ));
        }
        Ok(())
    }

    /// What the gateway decides on its own side of the request: the upstream's name of the model, nothing stored,
    /// output capped.
    fn settle(
        &self,
        op: Operation,
        request: &Request,
        model: &Model,
        duties: &Obligations,
        edits: &mut Vec<RequestEdit>,
    ) -> Result<(), Refusal> {
        if request.model != model.upstream_name {
            edits.push(RequestEdit::SetModel(model.upstream_name.clone()));
        }
        if request.store {
            edits.push(RequestEdit::StoreOff);
        }
        let cap = [model.max_output_tokens, duties.cap_output_tokens].into_iter().flatten().min();
        match (cap, request.max_output_tokens) {
            // Messages must say it themselves, and a count of tokens has no output.
            (Some(cap), None) if op == Operation::ChatCompletions => {
                edits.push(RequestEdit::CapOutput(cap));
                Ok(())
            }
            (Some(cap), Some(asked)) if asked > cap => Err(Refusal {
                param: Some("max_tokens".to_owned()),
                ..Refusal::new(400, Why::Limit, format!("at most {cap} output tokens may be asked for here"))
            }),
            _ => Ok(()),
        }
    }
}

/// Replacements as the wire takes them.
pub(crate) fn as_edits(replaced: Vec<Replacement>) -> Vec<(std::ops::Range<usize>, String)> {
    replaced.into_iter().map(|r| (r.range, r.with.to_owned())).collect()
}
