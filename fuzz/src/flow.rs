//! The whole pipeline: any bytes as a request, then any bytes as its answer, whole and streamed.

use crate::detect::detectors;
use crate::led;
use bytes::Bytes;
use cordon_detect::Guards;
use cordon_pipeline::{
    Arrival, Caller, Gate, Issued, Lasting, Model, ModelTable, Nobody, Price, Prompt, Step, StreamMachine,
    Tally, answer, prompt,
};
use cordon_policy::PolicySet;
use cordon_types::{AgentId, Dialect, Feature, FindingKind, KeyId, ModelName, Operation, UpstreamId};
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

const NOW: u64 = 1_796_126_400_000;
/// A card number: the manifest masks it, so it must never leave in one piece where it can be read.
const CARD: &str = "4111111111111111";

/// A gate that masks everything and allows every feature, so that as much as can be is reached.
fn gate() -> (Arc<Gate>, Caller) {
    static ONE: OnceLock<(Arc<Gate>, Caller)> = OnceLock::new();
    ONE.get_or_init(|| {
        let features: Vec<String> = Feature::ALL.iter().map(|f| format!("\"{}\"", f.name())).collect();
        let kinds: String = FindingKind::ALL.iter().map(|k| format!("{} = \"mask\"\n", k.name())).collect();
        let toml = format!(
            "agent = \"a\"\nowner = \"o\"\npurpose = \"p\"\nmodels = [\"m\"]\nfeatures = [{}]\nuninspected = \"allow\"\n\
             [data.prompt]\n{kinds}[data.answer]\n{kinds}[[tools]]\nname = \"t\"\n[[tools]]\nname = \"send\"\n\
             [tools.args]\nto = {{ domains = [\"example.com\"], required = true }}\n",
            features.join(", ")
        );
        let manifest = cordon_policy::parse_manifest("a.toml", &toml).unwrap_or_else(|p| panic!("{p}"));
        let name = |s: &str| ModelName::new(s).unwrap_or_else(|e| panic!("{e}"));
        let model = Model {
            name: name("m"),
            upstream: UpstreamId::new("u").unwrap_or_else(|e| panic!("{e}")),
            dialects: Dialect::ALL.to_vec(),
            upstream_name: "m".to_owned(),
            price: Price::default(),
            max_output_tokens: None,
        };
        let gate = Gate {
            policy: PolicySet::build(vec![manifest], Vec::new(), &[name("m")]).unwrap_or_else(|p| panic!("{p}")),
            detectors: detectors(),
            guards: Guards::ALL,
            detector_may_fail: false,
            limits: cordon_wire::Limits::default(),
            models: ModelTable::new([(model, Vec::new())]),
            catalogue: cordon_ledger::Catalogue::default(),
            tool_killed: Arc::new(|_| false),
            servers: BTreeSet::new(),
            clean: cordon_pipeline::Clean::new(&[6; 32]),
            staged: None,
            lasting: Lasting {
                issued: Arc::new(Issued::new([7; 32])),
                sessions: Arc::new(cordon_flow::Sessions::new(cordon_flow::Limits::default())),
                calls: Arc::default(),
                differences: Arc::default(),
                held: Arc::new(Nobody),
                binding_key: [6; 32],
            },
        };
        let caller = Caller {
            key: KeyId::new("k").unwrap_or_else(|e| panic!("{e}")),
            agent: AgentId::new("a").unwrap_or_else(|e| panic!("{e}")),
            on_behalf: false,
            user: None,
            front: false,
            request: None,
        };
        (Arc::new(gate), caller)
    })
    .clone()
}

/// `op cut request 0xff answer`
pub fn pipeline(data: &[u8]) {
    let (op, data) = led(data);
    let (cut, data) = led(data);
    let op = match op % 3 {
        0 => Operation::ChatCompletions,
        1 => Operation::Messages,
        _ => Operation::CountTokens,
    };
    let mut halves = data.splitn(2, |b| *b == 0xff);
    let request = halves.next().unwrap_or_default();
    let reply = halves.next().unwrap_or_default();
    let Some(sent) = ask(op, request) else { return };
    whole(&sent, reply);
    if op != Operation::CountTokens {
        streamed(op, request, reply, cut);
    }
}

fn ask(op: Operation, body: &[u8]) -> Option<Prompt> {
    let (gate, caller) = gate();
    let arrival = Arrival { op, betas: Vec::new(), body: Bytes::copy_from_slice(body), session: None };
    let sent = prompt(&gate, &caller, arrival, NOW).ok()?;
    if let Err(e) = cordon_wire::parse_request(op, sent.body.clone(), &gate.limits) {
        panic!("what goes upstream is no request: {e}");
    }
    Some(sent)
}

fn whole(sent: &Prompt, reply: &[u8]) {
    let (body, mut tally) = (Bytes::copy_from_slice(reply), Tally::default());
    if let Ok(out) = answer(&sent.exchange, body, &mut tally, NOW) {
        let (mut again, out_len) = (Tally::default(), out.len());
        match answer(&sent.exchange, out, &mut again, NOW) {
            Ok(twice) => {
                assert!(again.calls.iter().all(|c| c.refused.is_none()), "a refused call left");
                assert_eq!(twice.len(), out_len, "what left would be changed again");
            }
            Err(refusal) => panic!("what left is no answer: {:?} {}", refusal.why, refusal.public),
        }
    }
}

/// The stream in one piece and cut: the same bytes and the same end.
fn streamed(op: Operation, request: &[u8], reply: &[u8], cut: usize) {
    let (a, b) = reply.split_at_checked(cut * reply.len() / 255).unwrap_or((reply, b""));
    let one = run(op, request, &[reply]);
    let two = run(op, request, &[a, b]);
    assert_eq!(one, two, "a cut changes what leaves");
}

type Ran = Option<(Vec<u8>, Option<String>, String)>;

fn run(op: Operation, request: &[u8], chunks: &[&[u8]]) -> Ran {
    let mut machine = StreamMachine::new(ask(op, request)?.exchange, 1 << 16, 1 << 14, NOW).ok()?;
    let mut out = Vec::new();
    for chunk in chunks.iter().map(|c| Some(*c)).chain([None]) {
        let step = match chunk {
            Some(chunk) => machine.push(chunk, NOW),
            None => machine.end(NOW),
        };
        match step {
            Ok(Step::Flow(release)) => out.extend_from_slice(&release),
            Ok(Step::Last { release, tail }) => {
                out.extend_from_slice(&release);
                out.extend_from_slice(&tail);
                assert!(!contains_card(&out), "a masked value left");
                return Some((out, None, told(machine.tally())));
            }
            Err(cut) => {
                out.extend_from_slice(&cut.release);
                assert!(!contains_card(&out), "a masked value left");
                return Some((out, Some(format!("{:?}", cut.refusal.why)), String::new()));
            }
        }
    }
    None
}

/// Counts stand for the record; the figures of a stream that was cut may differ by where it was cut.
fn told(tally: &Tally) -> String {
    format!("{:?} {:?} {}", tally.findings, tally.replaced, tally.calls.len())
}

/// As a word of its own: within a longer run of digits it is no card number.
fn contains_card(out: &[u8]) -> bool {
    let text = String::from_utf8_lossy(out);
    let plain = |c: Option<char>| c.is_none_or(|c| c == ' ');
    text.match_indices(CARD).any(|(at, _)| {
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        let after = text.get(at + CARD.len()..).and_then(|t| t.chars().next());
        plain(before) && plain(after)
    })
}
