//! What is fuzzed: each parser, the detectors, and the whole pipeline, as plain functions over bytes.
//!
//! What always holds: a target panics exactly when something that must hold does not; any bytes are taken. What it
//! does not do: make inputs; `smoke` does, and libFuzzer (`targets/`).

mod custody;
mod detect;
mod export;
mod flow;
mod govern;
mod inventory;
mod mcp;
mod provenance;
pub mod seeds;
mod supply;
mod texts;
mod token;
mod tools;
mod wire;
mod witness;

pub use custody::custody;
pub use detect::{detect_scan, detect_stream};
pub use export::{export, usage};
pub use flow::pipeline;
pub use govern::{evidence, pack};
pub use inventory::{
    scan_cloud, scan_code, scan_graph, scan_logs, scan_mcp, scan_own, scan_probe, scan_weights,
};
pub use mcp::mcp_message;
pub use provenance::provenance;
pub use supply::{advisory, bill, versions};
pub use texts::{config, key, manifest, note, policy, proof, record, rightsize};
pub use token::token;
pub use tools::{shell, tool_openapi, tool_schema, tool_set};
pub use wire::{wire_answer, wire_request, wire_scan, wire_stream};
pub use witness::{trust, witness};

/// One target: its name, its body, and inputs to begin with.
pub struct Target {
    /// What it is called.
    pub name: &'static str,
    /// Panics when something does not hold.
    pub body: fn(&[u8]),
    /// Inputs that reach deep.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "wire_scan", body: wire_scan, seeds: seeds::json },
    Target { name: "wire_request", body: wire_request, seeds: seeds::requests },
    Target { name: "wire_answer", body: wire_answer, seeds: seeds::answers },
    Target { name: "wire_stream", body: wire_stream, seeds: seeds::streams },
    Target { name: "mcp_message", body: mcp_message, seeds: seeds::messages },
    Target { name: "detect_scan", body: detect_scan, seeds: seeds::texts },
    Target { name: "detect_stream", body: detect_stream, seeds: seeds::texts },
    Target { name: "provenance", body: provenance, seeds: seeds::spoken },
    Target { name: "manifest", body: manifest, seeds: seeds::manifests },
    Target { name: "rightsize", body: rightsize, seeds: seeds::cuts },
    Target { name: "config", body: config, seeds: seeds::configs },
    Target { name: "policy", body: policy, seeds: seeds::policies },
    Target { name: "key", body: key, seeds: seeds::keys },
    Target { name: "token", body: token, seeds: token::seeds },
    Target { name: "record", body: record, seeds: seeds::records },
    Target { name: "export", body: export, seeds: seeds::records },
    Target { name: "usage", body: usage, seeds: seeds::usages },
    Target { name: "proof", body: proof, seeds: seeds::proofs },
    Target { name: "note", body: note, seeds: seeds::notes },
    Target { name: "scan_code", body: scan_code, seeds: inventory::seeds::code },
    Target { name: "scan_mcp", body: scan_mcp, seeds: inventory::seeds::mcp },
    Target { name: "scan_weights", body: scan_weights, seeds: inventory::seeds::weights },
    Target { name: "scan_logs", body: scan_logs, seeds: inventory::seeds::logs },
    Target { name: "scan_cloud", body: scan_cloud, seeds: inventory::seeds::clouds },
    Target { name: "scan_graph", body: scan_graph, seeds: inventory::seeds::graph },
    Target { name: "scan_probe", body: scan_probe, seeds: inventory::seeds::probe },
    Target { name: "scan_own", body: scan_own, seeds: inventory::seeds::own },
    Target { name: "versions", body: versions, seeds: supply::seeds::versions },
    Target { name: "advisory", body: advisory, seeds: supply::seeds::records },
    Target { name: "bill", body: bill, seeds: supply::seeds::bills },
    Target { name: "pack", body: pack, seeds: seeds::packs },
    Target { name: "evidence", body: evidence, seeds: seeds::records },
    Target { name: "witness", body: witness, seeds: witness::requests },
    Target { name: "trust", body: trust, seeds: witness::policies },
    Target { name: "custody", body: custody, seeds: seeds::custody },
    Target { name: "tool_set", body: tool_set, seeds: tools::seeds::tool_sets },
    Target { name: "tool_schema", body: tool_schema, seeds: tools::seeds::schemas },
    Target { name: "tool_openapi", body: tool_openapi, seeds: tools::seeds::documents },
    Target { name: "shell", body: shell, seeds: tools::seeds::lines },
    Target { name: "pipeline", body: pipeline, seeds: seeds::exchanges },
];

/// The first byte decides something; the rest is the input.
pub(crate) fn led(data: &[u8]) -> (usize, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (usize::from(*first), rest))
}
