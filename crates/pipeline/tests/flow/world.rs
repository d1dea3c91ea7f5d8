//! A gate with chosen rules, and what goes through it.

use bytes::Bytes;
use cordon_detect::{Detectors, Guards, Pattern, Settings, Term};
use cordon_flow::Sessions;
use cordon_pipeline::{
    Arrival, Caller, Exchange, Gate, Issued, Lasting, Model, ModelTable, Nobody, Price, Prompt, Refusal,
    Refused, Step, StreamMachine, Tally, prompt,
};
use cordon_policy::{PolicySet, PolicySource};
use cordon_types::{AgentId, Dialect, Feature, FindingKind, KeyId, Millis, ModelName, Operation, UpstreamId};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// 2026-12-01T12:00:00Z.
pub const NOW: Millis = 1_796_126_400_000;

/// One gate and one caller.
pub struct World {
    pub gate: Arc<Gate>,
    pub caller: Caller,
}

/// A manifest that lets everything through by name and does `handling` to every kind, both ways.
pub fn everything(handling: &str) -> String {
    let features: Vec<String> = Feature::ALL.iter().map(|f| format!("\"{}\"", f.name())).collect();
    let kinds: String = FindingKind::ALL.iter().map(|k| format!("{} = \"{handling}\"\n", k.name())).collect();
    format!(
        "features = [{}]\nuninspected = \"allow\"\n[data.prompt]\n{kinds}[data.answer]\n{kinds}[[tools]]\nname = \"t\"\n",
        features.join(", ")
    )
}

impl World {
    /// A world whose agent has a manifest with these lines besides its head.
    pub fn new(manifest: &str) -> Self {
        Self::edited(manifest, |_| ())
    }

    /// As `new`, with a gate that was changed before use.
    pub fn edited(manifest: &str, edit: impl FnOnce(&mut Gate)) -> Self {
        let toml = format!(
            "agent = \"a\"\nowner = \"o@example.com\"\npurpose = \"p\"\nrisk = \"limited\"\nmodels = [\"m\"]\n{manifest}"
        );
        let manifest =
            cordon_policy::parse_manifest("a.toml", &toml).unwrap_or_else(|p| panic!("{p}\n{toml}"));
        let models = [ModelName::new("m").unwrap()];
        let policy = PolicySet::build(vec![manifest], Vec::<PolicySource>::new(), &models).unwrap();
        let settings = Settings {
            terms: vec![Term { name: "falcon".into(), text: "Project Falcon".into(), case_sensitive: false }],
            patterns: vec![Pattern { name: "ticket".into(), regex: r"TCK-\d{3,8}".into(), max_len: 12 }],
            ..Settings::default()
        };
        let mut gate = Gate {
            policy,
            detectors: Arc::new(Detectors::new(&settings).unwrap()),
            guards: Guards::ALL,
            detector_may_fail: false,
            limits: cordon_wire::Limits::default(),
            models: table(None),
            catalogue: cordon_ledger::Catalogue::default(),
            tool_killed: Arc::new(|_| false),
            servers: BTreeSet::new(),
            clean: cordon_pipeline::Clean::new(&[6; 32]),
            staged: None,
            lasting: Lasting {
                issued: Arc::new(Issued::new([7; 32])),
                sessions: Arc::new(Sessions::new(cordon_flow::Limits::default())),
                calls: Arc::default(),
                differences: Arc::default(),
                held: Arc::new(Nobody),
                binding_key: [6; 32],
            },
        };
        edit(&mut gate);
        let caller = Caller {
            key: KeyId::new("k1").unwrap(),
            agent: AgentId::new("a").unwrap(),
            on_behalf: false,
            user: None,
            front: false,
            request: None,
        };
        Self { gate: Arc::new(gate), caller }
    }

    pub fn prompt(&self, op: Operation, body: &Value) -> Result<Prompt, Box<Refused>> {
        self.prompt_bytes(op, body.to_string().into())
    }

    pub fn prompt_bytes(&self, op: Operation, body: Bytes) -> Result<Prompt, Box<Refused>> {
        prompt(&self.gate, &self.caller, Arrival { op, betas: Vec::new(), body, session: None }, NOW)
    }

    /// The context of an answer to a plain request.
    pub fn exchange(&self, op: Operation) -> Exchange {
        self.prompt(op, &plain(op)).map_err(|r| r.refusal.public).unwrap().exchange
    }

    /// The whole answer through the pipeline.
    pub fn answer(&self, op: Operation, body: &[u8]) -> (Result<Bytes, Refusal>, Tally) {
        let mut tally = Tally::default();
        let exchange = self.exchange(op);
        let out = cordon_pipeline::answer(&exchange, Bytes::copy_from_slice(body), &mut tally, NOW);
        (out, tally)
    }

    /// A streamed answer through the pipeline, in these chunks.
    pub fn stream(&self, op: Operation, chunks: &[&[u8]]) -> Streamed {
        stream(self.exchange(op), chunks)
    }
}

/// What became of a stream.
#[derive(Debug)]
pub struct Streamed {
    /// All that was released, the tail included.
    pub out: Vec<u8>,
    pub tally: Tally,
    /// Where it was cut.
    pub cut: Option<Refusal>,
}

impl Streamed {
    pub fn text(&self) -> String {
        String::from_utf8(self.out.clone()).unwrap()
    }

    /// What makes two runs the same: bytes, and why it was cut.
    pub fn same(&self) -> (String, Option<String>) {
        (self.text(), self.cut.as_ref().map(|c| format!("{:?} {}", c.why, c.public)))
    }
}

pub fn stream(exchange: Exchange, chunks: &[&[u8]]) -> Streamed {
    let mut machine = StreamMachine::new(exchange, 1 << 20, 1 << 20, NOW).unwrap();
    let mut out = Vec::new();
    let mut cut = None;
    for step in chunks.iter().map(|c| Some(*c)).chain([None]) {
        let step = match step {
            Some(chunk) => machine.push(chunk, NOW),
            None => machine.end(NOW),
        };
        match step {
            Ok(Step::Flow(release)) => out.extend_from_slice(&release),
            Ok(Step::Last { release, tail }) => {
                out.extend_from_slice(&release);
                out.extend_from_slice(&tail);
                break;
            }
            Err(stop) => {
                out.extend_from_slice(&stop.release);
                cut = Some(stop.refusal);
                break;
            }
        }
    }
    Streamed { out, tally: machine.tally().clone(), cut }
}

/// A model table with one model for both dialects.
pub fn table(max_output_tokens: Option<u64>) -> ModelTable {
    let model = Model {
        name: ModelName::new("m").unwrap(),
        upstream: UpstreamId::new("u").unwrap(),
        dialects: Dialect::ALL.to_vec(),
        upstream_name: "m".to_owned(),
        price: Price::default(),
        max_output_tokens,
    };
    ModelTable::new([(model, vec!["alias".to_owned()])])
}

/// The least request of an operation.
pub fn plain(op: Operation) -> Value {
    let messages = json!([{"role": "user", "content": "hello"}]);
    match op {
        Operation::Messages => json!({"model": "m", "max_tokens": 16, "messages": messages}),
        _ => json!({"model": "m", "messages": messages}),
    }
}

/// Data of every event.
pub fn data(stream: &str) -> Vec<Value> {
    let mut reader = cordon_wire::SseReader::new(1 << 20);
    reader.push(stream.as_bytes());
    let mut all = Vec::new();
    while let Some(frame) = reader.next().unwrap() {
        if !frame.is_comment() && frame.data.as_ref() != b"[DONE]" {
            all.push(serde_json::from_slice(&frame.data).unwrap());
        }
    }
    reader.finish().unwrap();
    all
}
