//! Leaf bytes back to records, for `show` and the verifier's reader.
//!
//! What always holds: only canonical bytes decode: what is decoded encodes to the same bytes. What it does not
//! do: vouch for names. A decoded name was known when it was written, to whoever held the writer's key.

use super::{
    CallJudged, Control, ControlKind, Decision, Failed, FindingCount, Finish, Intent, Judged, Labels,
    Obligation, ObligationCount, Outcome, PredicateResult, Reason, Record, ToolCalled, encode,
};
use crate::name::{Bucket, Commitment, FIRST_EPOCH, Known, Linkable, Name, Word};
use cordon_types::{
    AgentId, ApprovalId, Class, Dialect, Digest, Effect, Feature, FindingKind, KeyId, Millis, Mode, Operation,
    RequestId, SpanKind, UpstreamId,
};
use data_encoding::HEXLOWER;
use serde_json::{Map, Value};

/// Why bytes are no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the leaf is no record that this version knows: {problem} at `{key}`")]
pub struct DecodeError {
    /// What is wrong.
    pub problem: &'static str,
    /// At which field.
    pub key: &'static str,
}

type Decoded<T> = Result<T, DecodeError>;

const fn wrong<T>(problem: &'static str, key: &'static str) -> Decoded<T> {
    Err(DecodeError { problem, key })
}

struct Fields(Map<String, Value>);

impl Fields {
    fn opt<T>(&mut self, key: &'static str, read: impl FnOnce(&Value) -> Option<T>) -> Decoded<Option<T>> {
        match self.0.remove(key) {
            None => Ok(None),
            Some(value) => read(&value).map_or(wrong("unreadable value", key), |v| Ok(Some(v))),
        }
    }

    fn must<T>(&mut self, key: &'static str, read: impl FnOnce(&Value) -> Option<T>) -> Decoded<T> {
        self.opt(key, read)?.map_or(wrong("missing field", key), Ok)
    }

    fn list<T>(&mut self, key: &'static str, read: impl Fn(&Value) -> Option<T>) -> Decoded<Vec<T>> {
        let all = self.opt(key, |v| v.as_array()?.iter().map(read).collect::<Option<Vec<T>>>())?;
        Ok(all.unwrap_or_default())
    }

    fn flag(&mut self, key: &'static str) -> Decoded<bool> {
        Ok(self.opt(key, |v| (v.as_u64()? == 1).then_some(()))?.is_some())
    }

    fn epoch(&mut self) -> Decoded<u32> {
        Ok(self.opt("ep", number)?.unwrap_or(FIRST_EPOCH))
    }

    fn count(&mut self, key: &'static str) -> Decoded<u32> {
        Ok(self.opt(key, number)?.unwrap_or(0))
    }

    fn judged(&mut self) -> Decoded<Judged> {
        Ok(Judged {
            decision: self.must("dec", |v| Decision::from_name(v.as_str()?))?,
            reason: self.opt("why", |v| Reason::from_name(v.as_str()?))?,
            policies: self.list("pol", known)?,
            predicates: self.list("pred", predicate)?,
            findings: self.list("find", finding)?,
            obligations: self.list("did", obligation)?,
        })
    }

    fn done(self) -> Decoded<()> {
        if self.0.is_empty() { Ok(()) } else { wrong("unknown field", "?") }
    }
}

fn number<N: TryFrom<u64>>(v: &Value) -> Option<N> {
    N::try_from(v.as_u64()?).ok()
}

fn bytes<const N: usize>(v: &Value) -> Option<[u8; N]> {
    HEXLOWER.decode(v.as_str()?.as_bytes()).ok()?.try_into().ok()
}

fn known(v: &Value) -> Option<Known> {
    Some(Known(v.as_str()?.into()))
}

fn name(v: &Value) -> Option<Name> {
    match v {
        Value::String(_) => known(v).map(Name::Known),
        Value::Object(o) => Some(Name::Hidden(Linkable(bytes(o.get("h")?)?))),
        _ => None,
    }
}

fn word(v: &Value) -> Option<Word> {
    Some(Word(v.as_str()?.to_owned().into()))
}

fn predicate(v: &Value) -> Option<PredicateResult> {
    let [argument, predicate, held] = v.as_array()?.as_slice() else { return None };
    Some(PredicateResult {
        argument: name(argument)?,
        predicate: word(predicate)?,
        held: held.as_u64()? == 1,
    })
}

fn finding(v: &Value) -> Option<FindingCount> {
    let [kind, span, count] = v.as_array()?.as_slice() else { return None };
    Some(FindingCount {
        kind: FindingKind::from_name(kind.as_str()?)?,
        span: SpanKind::from_name(span.as_str()?)?,
        count: number(count)?,
    })
}

fn obligation(v: &Value) -> Option<ObligationCount> {
    let [done, kind, count] = v.as_array()?.as_slice() else { return None };
    let kind = match kind.as_str()? {
        "" => None,
        kind => Some(FindingKind::from_name(kind)?),
    };
    Some(ObligationCount { obligation: Obligation::from_name(done.as_str()?)?, kind, count: number(count)? })
}

fn feature(v: &Value) -> Option<Feature> {
    Feature::ALL.into_iter().find(|f| v.as_str() == Some(f.name()))
}

fn failed(v: &Value) -> Option<Failed> {
    Failed::from_name(v.as_str()?)
}

fn call(v: &Value) -> Option<CallJudged> {
    let mut f = Fields(v.as_object()?.clone());
    let call = CallJudged {
        tool: f.must("tool", name).ok()?,
        effect: f.opt("eff", effect).ok()?,
        target: f.opt("tgt", word).ok()?,
        decision: f.must("dec", |v| Decision::from_name(v.as_str()?)).ok()?,
        reason: f.opt("why", |v| Reason::from_name(v.as_str()?)).ok()?,
        policies: f.list("pol", known).ok()?,
        predicates: f.list("pred", predicate).ok()?,
    };
    f.done().ok()?;
    Some(call)
}

fn effect(v: &Value) -> Option<Effect> {
    Effect::from_name(v.as_str()?)
}

fn called(v: &Value) -> Option<ToolCalled> {
    let mut f = Fields(v.as_object()?.clone());
    let called = ToolCalled {
        tool: f.must("tool", name).ok()?,
        effect: f.opt("eff", effect).ok()?,
        target: f.opt("tgt", word).ok()?,
        session: f.opt("ses", linkable).ok()?,
        result_class: f.opt("class", |v| Class::from_name(v.as_str()?)).ok()?,
        advisory: f.flag("adv").ok()?,
    };
    f.done().ok()?;
    Some(called)
}

fn agent(v: &Value) -> Option<AgentId> {
    AgentId::new(v.as_str()?).ok()
}

fn key(v: &Value) -> Option<KeyId> {
    KeyId::new(v.as_str()?).ok()
}

fn request(v: &Value) -> Option<RequestId> {
    Some(RequestId(u128::from_be_bytes(bytes(v)?)))
}

fn linkable(v: &Value) -> Option<Linkable> {
    Some(Linkable(bytes(v)?))
}

fn digest(v: &Value) -> Option<Digest> {
    Some(Digest(bytes(v)?))
}

fn mode(v: &Value) -> Option<Mode> {
    [Mode::Enforce, Mode::Observe].into_iter().find(|m| v.as_str() == Some(encode::mode(*m)))
}

fn bucket(v: &Value) -> Option<Bucket> {
    number::<u8>(v).filter(|b| *b <= 64).map(Bucket)
}

fn intent(f: &mut Fields, at: Millis) -> Decoded<Intent> {
    Ok(Intent {
        at,
        request: f.must("rq", request)?,
        agent: f.opt("agent", agent)?,
        key: f.opt("key", key)?,
        user: f.opt("user", linkable)?,
        operation: f.must("op", |v| Operation::ALL.into_iter().find(|o| v.as_str() == Some(o.name())))?,
        dialect: f.must("dia", |v| Dialect::ALL.into_iter().find(|d| v.as_str() == Some(d.name())))?,
        model: f.opt("model", name)?,
        upstream: f.opt("up", |v| UpstreamId::new(v.as_str()?).ok())?,
        mode: f.must("mode", mode)?,
        judged: f.judged()?,
        stream: f.flag("sse")?,
        body: f.must("body", bucket)?,
        tools: f.count("tools")?,
        tools_removed: f.count("cut")?,
        truncated: f.flag("trunc")?,
        not_inspected: f.list("blind", feature)?,
        opened: f.list("open", failed)?,
        labels: match (f.opt("integ", number)?, f.opt("conf", number)?) {
            (Some(integrity), Some(confidentiality)) => Some(Labels { integrity, confidentiality }),
            _ => None,
        },
        call: f.opt("call", called)?,
        policy: f.opt("pv", digest)?,
        detector: f.opt("dv", word)?,
        commitment: f.opt("commit", |v| digest(v).map(Commitment))?,
        epoch: f.epoch()?,
    })
}

fn outcome(f: &mut Fields, at: Millis) -> Decoded<Outcome> {
    Ok(Outcome {
        at,
        request: f.must("rq", request)?,
        intent: f.must("of", number)?,
        agent: f.opt("agent", agent)?,
        finish: f.must("end", |v| Finish::from_name(v.as_str()?))?,
        status: f.must("st", number)?,
        upstream_status: f.opt("ust", number)?,
        judged: f.judged()?,
        calls: f.list("calls", call)?,
        calls_unlisted: f.count("more")?,
        stream: f.flag("sse")?,
        answer: f.must("ans", bucket)?,
        released: f.must("out", bucket)?,
        tokens_in: f.opt("tin", number)?,
        tokens_out: f.opt("tout", number)?,
        tokens_cached: f.opt("tcache", number)?,
        cost_micros: f.opt("cost", number)?,
        total_ms: f.must("ms", number)?,
        upstream_ms: f.opt("ums", number)?,
        truncated: f.flag("trunc")?,
        not_inspected: f.list("blind", feature)?,
        opened: f.list("open", failed)?,
        epoch: f.epoch()?,
    })
}

fn control(f: &mut Fields, at: Millis) -> Decoded<Control> {
    Ok(Control {
        at,
        kind: f.must("what", |v| ControlKind::from_name(v.as_str()?))?,
        request: f.opt("rq", request)?,
        agent: f.opt("agent", agent)?,
        key: f.opt("key", key)?,
        target: f.opt("target", name)?,
        by: f.opt("by", linkable)?,
        reason: f.opt("why", |v| Reason::from_name(v.as_str()?))?,
        policy: f.opt("pv", digest)?,
        count: f.opt("n", number)?,
        snapshot: f.opt("snap", digest)?,
        of: f.opt("of", number)?,
        from: f.opt("from", number)?,
        to: f.opt("to", number)?,
        approval: f.opt("apr", |v| request(v).map(|r| ApprovalId(r.0)))?,
        epoch: f.epoch()?,
    })
}

/// When a leaf of this version was made, without decoding it; `None` when it does not begin as one. The time is
/// what stands there: whether the leaf is a record, [`Record::decode`] says.
#[must_use]
pub fn peek_at(leaf: &[u8]) -> Option<Millis> {
    let kind = leaf.strip_prefix(b"{\"v\":1,\"t\":\"")?;
    let end = kind.iter().take(8).position(|b| *b == b'"')?;
    let digits = kind.get(end..)?.strip_prefix(b"\",\"at\":")?;
    let length = digits.iter().position(|b| !b.is_ascii_digit())?;
    std::str::from_utf8(digits.get(..length)?).ok()?.parse().ok()
}

impl Record {
    /// Reads a leaf.
    pub fn decode(leaf: &[u8]) -> Result<Self, DecodeError> {
        let Ok(Value::Object(map)) = serde_json::from_slice(leaf) else {
            return wrong("not a JSON object", "");
        };
        let mut f = Fields(map);
        if f.must("v", Value::as_u64)? != encode::VERSION {
            return wrong("unknown version", "v");
        }
        let kind = f.must("t", |v| v.as_str().map(str::to_owned))?;
        let at = f.must("at", number)?;
        let record = match kind.as_str() {
            "intent" => Self::Intent(intent(&mut f, at)?),
            "outcome" => Self::Outcome(outcome(&mut f, at)?),
            "control" => Self::Control(control(&mut f, at)?),
            _ => return wrong("unknown kind", "t"),
        };
        f.done()?;
        if record.encode() != leaf {
            return wrong("not in canonical form", "");
        }
        Ok(record)
    }

    /// When.
    #[must_use]
    pub const fn at(&self) -> Millis {
        match self {
            Self::Intent(r) => r.at,
            Self::Outcome(r) => r.at,
            Self::Control(r) => r.at,
        }
    }

    /// The epoch of its linkable digests.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        match self {
            Self::Intent(r) => r.epoch,
            Self::Outcome(r) => r.epoch,
            Self::Control(r) => r.epoch,
        }
    }

    /// Who.
    #[must_use]
    pub const fn agent(&self) -> Option<&AgentId> {
        match self {
            Self::Intent(r) => r.agent.as_ref(),
            Self::Outcome(r) => r.agent.as_ref(),
            Self::Control(r) => r.agent.as_ref(),
        }
    }

    /// The decision, where it records one.
    #[must_use]
    pub const fn decision(&self) -> Option<Decision> {
        match self {
            Self::Intent(r) => Some(r.judged.decision),
            Self::Outcome(r) => Some(r.judged.decision),
            Self::Control(_) => None,
        }
    }
}
