//! Records to leaf bytes: compact JSON, fixed field order, absent values left out.
//!
//! What always holds: equal records give equal bytes. Written by hand because it runs twice an exchange.

use super::{CallJudged, Control, Intent, Judged, ObligationCount, Outcome, PredicateResult, Record};
use crate::name::{Bucket, Known, Name};
use cordon_types::{Dialect, Feature, Mode, Operation};

/// The encoding's version, in every leaf.
pub(super) const VERSION: u64 = 1;

/// Longest list that a leaf carries; what is beyond is dropped from the list (never from the decision).
/// With [`MAX_WHY`], [`MAX_CALLS`] and [`MAX_INNER`] it keeps the largest leaf under the 65,535 bytes that a bundle's
/// length prefix allows.
pub(super) const MAX_LIST: usize = 64;

/// Longest list of policies or predicates of a whole request or answer.
pub(super) const MAX_WHY: usize = 16;

/// Most tool calls listed in one outcome; the others are counted.
pub(super) const MAX_CALLS: usize = 12;

/// Longest list of policies or predicates under one tool call.
pub(super) const MAX_INNER: usize = 3;

struct Out(Vec<u8>);

impl Out {
    fn open(kind: &str, at: u64) -> Self {
        let mut out = Self(Vec::with_capacity(512));
        out.0.extend_from_slice(b"{\"v\":1,\"t\":\"");
        out.0.extend_from_slice(kind.as_bytes());
        out.0.extend_from_slice(b"\",\"at\":");
        out.number(at);
        out
    }

    fn close(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }

    fn key(&mut self, key: &str) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(key.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn number(&mut self, mut n: u64) {
        let mut digits = [0_u8; 20];
        let mut used = 0;
        for slot in digits.iter_mut().rev() {
            let digit = (n % 10) as u8;
            *slot = b'0' + digit;
            used += 1;
            n /= 10;
            if n == 0 {
                break;
            }
        }
        self.0.extend(digits.iter().skip(20 - used));
    }

    /// A string with JSON's own escapes. Ids need none; an operator's names might.
    fn text(&mut self, s: &str) {
        self.0.push(b'"');
        if s.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
            self.0.extend_from_slice(s.as_bytes());
        } else {
            for b in s.bytes() {
                match b {
                    b'"' | b'\\' => self.0.extend_from_slice(&[b'\\', b]),
                    0..0x20 => {
                        self.0.extend_from_slice(b"\\u00");
                        self.hex(&[b]);
                    }
                    _ => self.0.push(b),
                }
            }
        }
        self.0.push(b'"');
    }

    fn hex(&mut self, bytes: &[u8]) {
        let digit = |n: u8| if n < 10 { b'0' + n } else { b'a' + n - 10 };
        self.0.extend(bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]));
    }

    fn quoted_hex(&mut self, bytes: &[u8]) {
        self.0.push(b'"');
        self.hex(bytes);
        self.0.push(b'"');
    }

    fn key_text(&mut self, key: &str, s: &str) {
        self.key(key);
        self.text(s);
    }

    fn key_text_opt(&mut self, key: &str, s: Option<&str>) {
        if let Some(s) = s {
            self.key_text(key, s);
        }
    }

    fn key_hex_opt(&mut self, key: &str, bytes: Option<&[u8]>) {
        if let Some(bytes) = bytes {
            self.key(key);
            self.quoted_hex(bytes);
        }
    }

    fn key_number(&mut self, key: &str, n: u64) {
        self.key(key);
        self.number(n);
    }

    fn key_number_opt(&mut self, key: &str, n: Option<u64>) {
        if let Some(n) = n {
            self.key_number(key, n);
        }
    }

    fn key_nonzero(&mut self, key: &str, n: u64) {
        self.key_number_opt(key, (n != 0).then_some(n));
    }

    /// The first epoch is not written: records from before there were epochs are of it.
    fn epoch(&mut self, epoch: u32) {
        self.key_number_opt("ep", (epoch != crate::name::FIRST_EPOCH).then_some(epoch.into()));
    }

    fn key_flag(&mut self, key: &str, set: bool) {
        if set {
            self.key_number(key, 1);
        }
    }

    fn key_bucket(&mut self, key: &str, bucket: Bucket) {
        self.key_number(key, bucket.exponent().into());
    }

    /// A known name is a string; a hidden one is `{"h":"<hex>"}`, so that no name can pose as a digest.
    fn name(&mut self, name: &Name) {
        match name {
            Name::Known(known) => self.text(known.as_str()),
            Name::Hidden(digest) => {
                self.0.extend_from_slice(b"{\"h\":");
                self.quoted_hex(&digest.0);
                self.0.push(b'}');
            }
        }
    }

    fn key_name_opt(&mut self, key: &str, name: Option<&Name>) {
        if let Some(name) = name {
            self.key(key);
            self.name(name);
        }
    }

    fn key_list<T>(&mut self, key: &str, max: usize, items: &[T], mut one: impl FnMut(&mut Self, &T)) {
        if items.is_empty() {
            return;
        }
        self.key(key);
        self.0.push(b'[');
        for (i, item) in items.iter().take(max).enumerate() {
            if i > 0 {
                self.0.push(b',');
            }
            one(self, item);
        }
        self.0.push(b']');
    }

    fn features(&mut self, key: &str, features: &[Feature]) {
        self.key_list(key, MAX_LIST, features, |o, f| o.text(f.name()));
    }

    fn policies(&mut self, policies: &[Known], max: usize) {
        self.key_list("pol", max, policies, |o, p| o.text(p.as_str()));
    }

    /// Where the cap cuts the list, those that failed come first: they are why.
    fn predicates(&mut self, predicates: &[PredicateResult], max: usize) {
        let mut ordered: Vec<_> = predicates.iter().collect();
        if ordered.len() > max {
            ordered.sort_by_key(|p| p.held);
        }
        self.key_list("pred", max, &ordered, |o, p| {
            o.0.push(b'[');
            o.name(&p.argument);
            o.0.push(b',');
            o.text(p.predicate.as_str());
            o.0.extend_from_slice(if p.held { b",1]" } else { b",0]" });
        });
    }

    fn judged(&mut self, judged: &Judged) {
        self.key_text("dec", judged.decision.name());
        self.key_text_opt("why", judged.reason.map(super::Reason::name));
        self.policies(&judged.policies, MAX_WHY);
        self.predicates(&judged.predicates, MAX_WHY);
        self.key_list("find", MAX_LIST, &judged.findings, |o, f| {
            o.0.push(b'[');
            o.text(f.kind.name());
            o.0.push(b',');
            o.text(f.span.name());
            o.0.push(b',');
            o.number(f.count.into());
            o.0.push(b']');
        });
        self.key_list("did", MAX_LIST, &judged.obligations, Self::obligation);
    }

    fn obligation(&mut self, o: &ObligationCount) {
        self.0.push(b'[');
        self.text(o.obligation.name());
        self.0.push(b',');
        self.text(o.kind.map_or("", cordon_types::FindingKind::name));
        self.0.push(b',');
        self.number(o.count.into());
        self.0.push(b']');
    }

    fn call(&mut self, call: &CallJudged) {
        self.0.extend_from_slice(b"{\"tool\":");
        self.name(&call.tool);
        self.key_text_opt("eff", call.effect.map(cordon_types::Effect::name));
        self.key_text_opt("tgt", call.target.as_ref().map(crate::Word::as_str));
        self.key_text("dec", call.decision.name());
        self.key_text_opt("why", call.reason.map(super::Reason::name));
        self.policies(&call.policies, MAX_INNER);
        self.predicates(&call.predicates, MAX_INNER);
        self.0.push(b'}');
    }
}

impl Out {
    fn called(&mut self, call: &super::ToolCalled) {
        self.0.extend_from_slice(b"{\"tool\":");
        self.name(&call.tool);
        self.key_text_opt("eff", call.effect.map(cordon_types::Effect::name));
        self.key_text_opt("tgt", call.target.as_ref().map(crate::Word::as_str));
        self.key_hex_opt("ses", call.session.as_ref().map(|s| s.0.as_slice()));
        self.key_text_opt("class", call.result_class.map(cordon_types::Class::name));
        self.key_flag("adv", call.advisory);
        self.0.push(b'}');
    }
}

pub(super) fn operation(op: Operation) -> &'static str {
    op.name()
}

pub(super) fn dialect(d: Dialect) -> &'static str {
    d.name()
}

pub(super) const fn mode(m: Mode) -> &'static str {
    match m {
        Mode::Enforce => "enforce",
        Mode::Observe => "observe",
    }
}

impl Intent {
    /// The leaf's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut o = Out::open("intent", self.at);
        o.key_hex_opt("rq", Some(&self.request.0.to_be_bytes()));
        o.key_text_opt("agent", self.agent.as_ref().map(cordon_types::AgentId::as_str));
        o.key_text_opt("key", self.key.as_ref().map(cordon_types::KeyId::as_str));
        o.key_hex_opt("user", self.user.as_ref().map(|u| u.0.as_slice()));
        o.key_text("op", operation(self.operation));
        o.key_text("dia", dialect(self.dialect));
        o.key_name_opt("model", self.model.as_ref());
        o.key_text_opt("up", self.upstream.as_ref().map(cordon_types::UpstreamId::as_str));
        o.key_text("mode", mode(self.mode));
        o.judged(&self.judged);
        o.key_flag("sse", self.stream);
        o.key_bucket("body", self.body);
        o.key_nonzero("tools", self.tools.into());
        o.key_nonzero("cut", self.tools_removed.into());
        o.key_flag("trunc", self.truncated);
        o.features("blind", &self.not_inspected);
        o.key_list("open", MAX_LIST, &self.opened, |o, f| o.text(f.name()));
        if let Some(l) = self.labels {
            o.key_number("integ", l.integrity.into());
            o.key_number("conf", l.confidentiality.into());
        }
        if let Some(call) = &self.call {
            o.key("call");
            o.called(call);
        }
        o.key_hex_opt("pv", self.policy.as_ref().map(|d| d.0.as_slice()));
        o.key_text_opt("dv", self.detector.as_ref().map(crate::Word::as_str));
        o.key_hex_opt("commit", self.commitment.as_ref().map(|c| c.0.0.as_slice()));
        o.epoch(self.epoch);
        o.close()
    }
}

impl Outcome {
    /// The leaf's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut o = Out::open("outcome", self.at);
        o.key_hex_opt("rq", Some(&self.request.0.to_be_bytes()));
        o.key_number("of", self.intent);
        o.key_text_opt("agent", self.agent.as_ref().map(cordon_types::AgentId::as_str));
        o.key_text("end", self.finish.name());
        o.key_number("st", self.status.into());
        o.key_number_opt("ust", self.upstream_status.map(u64::from));
        o.judged(&self.judged);
        o.key_list("calls", MAX_CALLS, &self.calls, Out::call);
        o.key_nonzero("more", self.unlisted().into());
        o.key_flag("sse", self.stream);
        o.key_bucket("ans", self.answer);
        o.key_bucket("out", self.released);
        o.key_number_opt("tin", self.tokens_in);
        o.key_number_opt("tout", self.tokens_out);
        o.key_number_opt("tcache", self.tokens_cached);
        o.key_number_opt("cost", self.cost_micros);
        o.key_number("ms", self.total_ms.into());
        o.key_number_opt("ums", self.upstream_ms.map(u64::from));
        o.key_flag("trunc", self.truncated);
        o.features("blind", &self.not_inspected);
        o.key_list("open", MAX_LIST, &self.opened, |o, f| o.text(f.name()));
        o.epoch(self.epoch);
        o.close()
    }

    /// Calls that the leaf does not list: those the caller left out and those over the list's cap.
    fn unlisted(&self) -> u32 {
        let over = u32::try_from(self.calls.len().saturating_sub(MAX_CALLS)).unwrap_or(u32::MAX);
        self.calls_unlisted.saturating_add(over)
    }
}

impl Control {
    /// The leaf's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut o = Out::open("control", self.at);
        o.key_text("what", self.kind.name());
        let request = self.request.map(|r| r.0.to_be_bytes());
        o.key_hex_opt("rq", request.as_ref().map(<[u8; 16]>::as_slice));
        o.key_text_opt("agent", self.agent.as_ref().map(cordon_types::AgentId::as_str));
        o.key_text_opt("key", self.key.as_ref().map(cordon_types::KeyId::as_str));
        o.key_name_opt("target", self.target.as_ref());
        o.key_hex_opt("by", self.by.as_ref().map(|u| u.0.as_slice()));
        o.key_text_opt("why", self.reason.map(super::Reason::name));
        o.key_hex_opt("pv", self.policy.as_ref().map(|d| d.0.as_slice()));
        o.key_number_opt("n", self.count);
        o.key_hex_opt("snap", self.snapshot.as_ref().map(|d| d.0.as_slice()));
        o.key_number_opt("of", self.of);
        o.key_number_opt("from", self.from);
        o.key_number_opt("to", self.to);
        let approval = self.approval.map(|a| a.0.to_be_bytes());
        o.key_hex_opt("apr", approval.as_ref().map(<[u8; 16]>::as_slice));
        o.epoch(self.epoch);
        o.close()
    }
}

impl Record {
    /// The leaf's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Intent(r) => r.encode(),
            Self::Outcome(r) => r.encode(),
            Self::Control(r) => r.encode(),
        }
    }
}
