//! AWS: Config, Resource Explorer, and the lists of Bedrock, AgentCore and SageMaker.
//!
//! Shapes: the service models of botocore 1.44.5. AWS Config records no Bedrock agents.

use super::{CloudRead, push, resource, text};
use crate::asset::{AssetKind, Attribute, Sighting, Sink, Source};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// A list: its key, what its items are, and the fields with a key and a name.
struct List {
    key: &'static str,
    kind: AssetKind,
    sort: &'static str,
    id: &'static [&'static str],
    name: &'static str,
    state: &'static str,
}

const fn list(
    key: &'static str,
    kind: AssetKind,
    sort: &'static str,
    id: &'static [&'static str],
    name: &'static str,
    state: &'static str,
) -> List {
    List { key, kind, sort, id, name, state }
}

const LISTS: [List; 9] = [
    list("guardrails", AssetKind::Endpoint, "guardrail", &["arn", "id"], "name", "status"),
    list(
        "provisionedModelSummaries",
        AssetKind::Endpoint,
        "provisioned throughput",
        &["provisionedModelArn"],
        "provisionedModelName",
        "status",
    ),
    list(
        "inferenceProfileSummaries",
        AssetKind::Endpoint,
        "inference profile",
        &["inferenceProfileArn", "inferenceProfileId"],
        "inferenceProfileName",
        "status",
    ),
    list("agentSummaries", AssetKind::Agent, "bedrock agent", &["agentId"], "agentName", "agentStatus"),
    list(
        "knowledgeBaseSummaries",
        AssetKind::Endpoint,
        "knowledge base",
        &["knowledgeBaseId"],
        "name",
        "status",
    ),
    list(
        "agentRuntimes",
        AssetKind::Agent,
        "agent runtime",
        &["agentRuntimeArn"],
        "agentRuntimeName",
        "status",
    ),
    list(
        "Endpoints",
        AssetKind::Endpoint,
        "model endpoint",
        &["EndpointArn"],
        "EndpointName",
        "EndpointStatus",
    ),
    list(
        "NotebookInstances",
        AssetKind::Endpoint,
        "notebook",
        &["NotebookInstanceArn", "NotebookInstanceName"],
        "NotebookInstanceName",
        "NotebookInstanceStatus",
    ),
    list("modelSummaries", AssetKind::Model, "custom model", &["modelArn"], "modelName", "modelStatus"),
];

/// Types of resources as Config and Resource Explorer name them.
const TYPES: [(&str, AssetKind, &str); 18] = [
    ("AWS::Bedrock::Agent", AssetKind::Agent, "bedrock agent"),
    ("AWS::Bedrock::ApplicationInferenceProfile", AssetKind::Endpoint, "inference profile"),
    ("AWS::Bedrock::Guardrail", AssetKind::Endpoint, "guardrail"),
    ("AWS::Bedrock::KnowledgeBase", AssetKind::Endpoint, "knowledge base"),
    ("AWS::Bedrock::Prompt", AssetKind::Instructions, "prompt"),
    ("AWS::BedrockAgentCore::BrowserCustom", AssetKind::Tool, "browser"),
    ("AWS::BedrockAgentCore::Gateway", AssetKind::ToolServer, "gateway"),
    ("AWS::BedrockAgentCore::Runtime", AssetKind::Agent, "agent runtime"),
    ("AWS::Comprehend::Flywheel", AssetKind::Endpoint, "text analysis"),
    ("AWS::Kendra::Index", AssetKind::Endpoint, "search index"),
    ("AWS::Lex::Bot", AssetKind::Agent, "bot"),
    ("AWS::SageMaker::CodeRepository", AssetKind::Endpoint, "code repository"),
    ("AWS::SageMaker::Domain", AssetKind::Endpoint, "ML workspace"),
    ("AWS::SageMaker::Endpoint", AssetKind::Endpoint, "model endpoint"),
    ("AWS::SageMaker::InferenceExperiment", AssetKind::Endpoint, "experiment"),
    ("AWS::SageMaker::MlflowTrackingServer", AssetKind::Endpoint, "tracking server"),
    ("AWS::SageMaker::Model", AssetKind::Model, "own model"),
    ("AWS::SageMaker::NotebookInstance", AssetKind::Endpoint, "notebook"),
];

pub(super) fn is_one(value: &Value) -> bool {
    let has = |key: &str| value.get(key).is_some_and(Value::is_array);
    LISTS.iter().any(|l| has(l.key))
        || ["Results", "Resources", "resourceIdentifiers"].iter().any(|k| has(k))
        || {
            let first = value.get("items").and_then(Value::as_array).and_then(|i| i.first());
            first.is_some_and(|i| i.get("gatewayId").is_some() || i.get("targetId").is_some())
        }
}

pub(super) fn read(value: &Value, sink: &mut Sink, read: &mut CloudRead) -> bool {
    if !is_one(value) {
        return false;
    }
    let rows = |key: &str| value.get(key).and_then(Value::as_array).into_iter().flatten();
    read.agents |= value.get("agentSummaries").is_some();
    read.config |= value.get("Results").is_some() || value.get("resourceIdentifiers").is_some();
    if ["nextToken", "NextToken"].iter().any(|k| !text(value, k).is_empty()) {
        read.notes.push("more pages follow (`nextToken`); give them too".to_owned());
    }
    let mut offered = 0_u64;
    for l in &LISTS {
        for row in rows(l.key) {
            offered += u64::from(!listed(l, row, sink));
        }
    }
    if offered > 0 {
        read.notes.push(format!("{offered} rows are what AWS offers, not what you run; left out"));
    }
    for row in rows("items") {
        gateway(row, sink);
    }
    let mut broken = 0_u64;
    for row in rows("Results") {
        // Each is a string that holds JSON.
        match row.as_str().map(serde_json::from_str::<Value>) {
            Some(Ok(row)) => typed(&row, sink),
            _ => broken += 1,
        }
    }
    if broken > 0 {
        read.notes.push(format!("{broken} results of AWS Config are no JSON"));
    }
    for row in rows("resourceIdentifiers").chain(rows("Resources")) {
        typed(row, sink);
    }
    true
}

/// Region and account of `arn:aws:service:region:account:...`.
fn located(sighting: Sighting, arn: &str) -> Sighting {
    let mut parts = arn.split(':').skip(3);
    let (region, account) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    sighting.with(Attribute::Location, region).with(Attribute::Account, account)
}

/// Takes a list's row; not what is only offered: foundation models, and AWS's own inference profiles.
fn listed(l: &List, row: &Value, sink: &mut Sink) -> bool {
    let own = ["baseModelArn", "customizationType", "ownerAccountId"].iter().any(|k| row.get(*k).is_some());
    if (l.key == "modelSummaries" && !own) || text(row, "type") == "SYSTEM_DEFINED" {
        return false;
    }
    let Some(id) = l.id.iter().map(|k| text(row, k)).find(|id| !id.is_empty()) else { return true };
    let sighting = resource(sink, l.kind, l.sort, id, text(row, l.name), 0)
        .with(Attribute::Vendor, "Amazon")
        .with(Attribute::State, text(row, l.state))
        .with(Attribute::Architecture, text(row, "baseModelName"));
    let mut sighting = located(sighting, id);
    if l.key == "agentSummaries" && row.get("guardrailConfiguration").is_none() {
        sighting = sighting.with(Attribute::Risk, "no guardrail");
    }
    push(sighting, None, sink);
    true
}

/// A gateway of AgentCore, or a target of one.
fn gateway(row: &Value, sink: &mut Sink) {
    let (id, target) = (text(row, "gatewayId"), text(row, "targetId"));
    let (kind, sort, key) = match (target, id) {
        ("", "") => return,
        ("", id) => (AssetKind::ToolServer, "gateway", id),
        (target, _) => (AssetKind::Tool, "gateway target", target),
    };
    let mut sighting = resource(sink, kind, sort, key, text(row, "name"), 0)
        .with(Attribute::Vendor, "Amazon")
        .with(Attribute::State, text(row, "status"))
        .with(Attribute::Format, text(row, "targetType"));
    if text(row, "authorizerType") == "NONE" {
        sighting = sighting.with(Attribute::Risk, "answers without authorization");
    }
    push(sighting, None, sink);
}

/// A row of Config or Resource Explorer.
fn typed(row: &Value, sink: &mut Sink) {
    let sort = ["resourceType", "CfnResourceType"].iter().map(|k| text(row, k)).find(|t| !t.is_empty());
    let Some((_, kind, sort)) = TYPES.iter().find(|(t, _, _)| Some(*t) == sort) else { return };
    let arn = ["arn", "Arn"].iter().map(|k| text(row, k)).find(|a| !a.is_empty());
    let Some(id) = arn.or(Some(text(row, "resourceId"))).filter(|id| !id.is_empty()) else { return };
    let name = text(row, "resourceName");
    let name = if name.is_empty() { id.rsplit(['/', ':']).next().unwrap_or(id) } else { name };
    let mut sighting = resource(sink, *kind, sort, id, name, 0).with(Attribute::Vendor, "Amazon");
    sighting = match arn {
        Some(arn) => located(sighting, arn),
        None => sighting
            .with(Attribute::Location, text(row, "awsRegion"))
            .with(Attribute::Account, text(row, "accountId")),
    };
    // Config writes tags as a list of keys and values, or as a map.
    let tags = row.get("tags").map(|tags| match tags {
        Value::Array(all) => {
            let pair = |t: &Value| Some((t.get("key")?.as_str()?.to_owned(), t.get("value")?.clone()));
            Value::Object(all.iter().filter_map(pair).collect())
        }
        other => other.clone(),
    });
    push(sighting, tags.as_ref(), sink);
}

/// Gives what one export names by its id alone the ARN under which another has it, so that it stands once. An id that
/// ends the ARNs of two resources, or of one of another account or region, names neither.
pub(super) fn join(found: &mut [Sighting]) {
    let by_last =
        |key: &str| key.starts_with("arn:").then(|| key.rsplit(['/', ':']).next().unwrap_or("").to_owned());
    let mut arns: HashMap<(AssetKind, String), HashSet<String>> = HashMap::new();
    for s in found.iter().filter(|s| s.evidence.source == Source::Cloud) {
        if let Some(last) = by_last(&s.id.key) {
            arns.entry((s.id.kind, last)).or_default().insert(s.id.key.clone());
        }
    }
    // The hint of an owner beside a resource has no attributes to tell by; it goes where its resource goes.
    let mut moved: HashMap<(AssetKind, String), Option<String>> = HashMap::new();
    for s in found.iter().filter(|s| s.evidence.source == Source::Cloud && is_amazon(s)) {
        let Some(all) = arns.get(&(s.id.kind, s.id.key.clone())) else { continue };
        let mut fits = all.iter().filter(|arn| is_of(s, arn));
        let one = fits.next().filter(|_| fits.next().is_none()).cloned();
        let known = moved.entry((s.id.kind, s.id.key.clone())).or_insert_with(|| one.clone());
        if *known != one {
            *known = None;
        }
    }
    for s in found.iter_mut().filter(|s| s.evidence.source == Source::Cloud) {
        if let Some(Some(arn)) = moved.get(&(s.id.kind, s.id.key.clone())) {
            s.id.key.clone_from(arn);
        }
    }
}

fn is_amazon(s: &Sighting) -> bool {
    s.attributes.iter().any(|(a, v)| *a == Attribute::Vendor && v == "Amazon")
}

/// Whether the ARN is of the account and region that the sighting names, where it names them.
fn is_of(s: &Sighting, arn: &str) -> bool {
    let mut parts = arn.split(':').skip(3);
    [Attribute::Location, Attribute::Account].iter().all(|attribute| {
        let part = parts.next().unwrap_or("");
        let said = s.attributes.iter().find(|(a, _)| a == attribute).map_or("", |(_, v)| v.as_str());
        said.is_empty() || part.is_empty() || said.eq_ignore_ascii_case(part)
    })
}
