//! Exports in their documented shapes; hostile ones end with an error.

use super::{Cloud, CloudError, CloudRead, CloudScan, MAX_DOCUMENT};
use crate::asset::Attribute;
use crate::{Basis, Inventory, Mark, Rules, declared, logs::Usage};

const GRAPH: &str = include_str!("../../tests/fixtures/cloud/azure-graph.json");
const TABLE: &str = include_str!("../../tests/fixtures/cloud/azure-table.json");
const LIST: &str = include_str!("../../tests/fixtures/cloud/azure-list.json");
const DEFENDER: &str = include_str!("../../tests/fixtures/cloud/defender.json");
const CONFIG: &str = include_str!("../../tests/fixtures/cloud/aws-config.json");
const AWS: &str = include_str!("../../tests/fixtures/cloud/aws-lists.json");
const GCP: &str = include_str!("../../tests/fixtures/cloud/gcp.ndjson");
const SEARCH: &str = include_str!("../../tests/fixtures/cloud/gcp-search.json");

fn cut(text: &str, size: usize) -> Result<CloudRead, CloudError> {
    let mut scan = CloudScan::new("export", None);
    for piece in text.as_bytes().chunks(size) {
        scan.push(piece)?;
    }
    scan.finish()
}

fn read(text: &str) -> CloudRead {
    cut(text, 1 << 18).unwrap()
}

fn inventory(read: CloudRead, own: &str) -> Inventory {
    let rules = Rules { now: 1_795_600_800_000, dormant_days: 90, least: 400, logs: false };
    Inventory::new(read.found, &Usage::default(), &declared(own).unwrap(), &rules)
}

fn names(inventory: &Inventory) -> Vec<String> {
    inventory.assets.iter().map(|a| format!("{}:{}", a.id.kind.name(), a.name)).collect()
}

fn values(inventory: &Inventory, name: &str, attribute: Attribute) -> Vec<String> {
    let asset = inventory.assets.iter().find(|a| a.name == name).unwrap();
    asset.attributes.get(&attribute).into_iter().flatten().map(|v| v.value.clone()).collect()
}

#[test]
fn azure_in_every_shape() {
    let one = read(GRAPH);
    assert_eq!(one.notes.len(), 2, "{:?}", one.notes);
    let graph = inventory(one, "");
    assert_eq!(names(&graph), ["endpoint:drafts"]);
    assert_eq!(
        values(&graph, "drafts", Attribute::Risk),
        ["public network access", "no network rules", "access by keys is not disabled"]
    );
    let hint = &graph.assets[0].attributes[&Attribute::OwnerHint][0];
    assert_eq!((hint.value.as_str(), hint.basis, hint.confidence), ("platform team", Basis::Inferred, 500));
    assert_eq!(graph.assets[0].owner, None, "a tag is no declaration");
    let table = inventory(read(TABLE), "");
    assert!(values(&table, "drafts", Attribute::Risk).is_empty());
    // The same resource by three ways is one asset.
    let list = inventory(read(LIST), "");
    assert!(graph.assets[0].id == table.assets[0].id && table.assets[0].id == list.assets[0].id);
    let cli = GRAPH.replace("totalRecords", "total_records").replace("$skipToken", "skip_token");
    assert_eq!(names(&inventory(read(&cli), "")), ["endpoint:drafts"]);
}

#[test]
fn a_sanction_elsewhere_approves_nothing_here() {
    let found = inventory(read(DEFENDER), "");
    assert_eq!(found.assets.len(), 1, "{:?}", names(&found));
    let asset = &found.assets[0];
    assert_eq!((asset.id.to_string().as_str(), asset.mark), ("service:chatgpt", Some(Mark::Shadow)));
    let used = asset.used.as_ref().unwrap();
    assert_eq!((used.clients, used.bytes_up, used.requests), (40, 700, 5000));
    assert_eq!(values(&found, &asset.name, Attribute::State), ["sanctioned in Defender for Cloud Apps"]);
    let own = "[[asset]]\nkind = \"service\"\nname = \"chatgpt\"\nowner = \"a\"\n";
    assert_eq!(inventory(read(DEFENDER), own).assets[0].mark, Some(Mark::Sanctioned));
}

#[test]
fn aws_lists_what_runs_and_not_what_is_offered() {
    let one = read(AWS);
    assert!(one.agents && !one.config);
    assert_eq!(one.notes.len(), 2, "{:?}", one.notes);
    let found = inventory(one, "");
    assert_eq!(
        names(&found),
        [
            "endpoint:ranker",
            "model:claims",
            "model:m",
            "agent:refunds",
            "agent:planner",
            "tool_server:tools",
            "tool:orders"
        ]
    );
    assert_eq!(values(&found, "tools", Attribute::Risk), ["answers without authorization"]);
    assert_eq!(values(&found, "ranker", Attribute::Location), ["eu-west-1"]);
    let one = read(CONFIG);
    assert!(one.config && !one.agents);
    assert_eq!(one.notes, ["1 results of AWS Config are no JSON"]);
    assert_eq!(values(&inventory(one, ""), "handbook", Attribute::OwnerHint), ["people"]);
}

#[test]
fn a_resource_of_aws_that_two_exports_show_stands_once() {
    let arn = "arn:aws:bedrock:eu-west-1:111122223333:knowledge-base/KB1";
    let explorer = |arn: &str| {
        format!(r#"{{"Resources":[{{"Arn":"{arn}","CfnResourceType":"AWS::Bedrock::KnowledgeBase"}}]}}"#)
    };
    let joined = |texts: &[&str]| {
        let mut found: Vec<_> = texts.iter().flat_map(|t| read(t).found).collect();
        super::join(&mut found);
        let all = inventory(CloudRead { found, ..CloudRead::default() }, "");
        all.assets.into_iter().map(|a| (a.id.key, a.sightings)).collect::<Vec<_>>()
    };
    // Config names it by its id, with a tag of its owner.
    assert_eq!(joined(&[CONFIG, &explorer(arn)]), [(arn.to_lowercase(), 3)]);
    assert_eq!(joined(&[&explorer(arn), CONFIG]), [(arn.to_lowercase(), 3)]);
    // By its ARN in both, and by the list of Bedrock itself.
    let config = format!(
        r#"{{"Results":["{{\"resourceType\":\"AWS::Bedrock::KnowledgeBase\",\"arn\":\"{arn}\"}}"],"QueryInfo":{{}}}}"#
    );
    let list =
        r#"{"knowledgeBaseSummaries":[{"knowledgeBaseId":"KB1","name":"handbook","status":"ACTIVE"}]}"#;
    assert_eq!(joined(&[&config, &explorer(arn), list]), [(arn.to_lowercase(), 3)]);
    // Of another account or region it is another one; of two that it could be it is neither.
    for other in [arn.replace("111122223333", "2"), arn.replace("eu-west-1", "us-east-1")] {
        assert_eq!(joined(&[CONFIG, &explorer(&other)]).len(), 2, "{other}");
        assert_eq!(joined(&[list, &explorer(arn), &explorer(&other)]).len(), 3, "{other}");
        assert_eq!(joined(&[CONFIG, &explorer(arn), &explorer(&other)]).len(), 2, "{other}");
    }
    // Another kind that ends alike is another thing.
    let agent = r#"{"agentSummaries":[{"agentId":"KB1","agentName":"x"}]}"#;
    assert_eq!(joined(&[agent, &explorer(arn)]).len(), 2);
}

#[test]
fn google_streams_and_relies_on_data() {
    let found = inventory(read(GCP), "");
    assert_eq!(names(&found), ["endpoint:ranker", "agent:planner"]);
    assert_eq!(values(&found, "ranker", Attribute::Risk), ["no private network"]);
    assert_eq!(found.assets[1].evidence[0].line, 3);
    assert_eq!(names(&inventory(read(SEARCH), "")), ["model:claims"]);
    // Lines are streamed: far more than a document may have.
    let mut scan = CloudScan::new("export", None);
    let other = GCP.lines().nth(1).unwrap().to_owned() + "\n";
    let block = other.repeat(8_000);
    for _ in 0..MAX_DOCUMENT / block.len() + 2 {
        scan.push(block.as_bytes()).unwrap();
    }
    assert!(scan.finish().unwrap().found.is_empty());
}

#[test]
fn any_cutting_reads_the_same() {
    for text in [GRAPH, TABLE, LIST, DEFENDER, CONFIG, AWS, GCP, SEARCH] {
        let whole = read(text).found;
        assert!(!whole.is_empty());
        for size in [1, 7, 100] {
            assert_eq!(cut(text, size).unwrap().found, whole);
        }
    }
}

#[test]
fn hostile_exports_end_with_an_error() {
    for text in ["[".repeat(100_000), format!("{{\"value\":{}", "[{\"a\":".repeat(50_000)), "{".to_owned()] {
        assert!(matches!(cut(&text, 1 << 18), Err(CloudError::Json(_))));
    }
    assert_eq!(cut("{\"a\":1}", 9).unwrap_err(), CloudError::Unknown);
    assert_eq!(cut(&format!("[{}0]", "0,".repeat(5_000_000)), 1 << 18).unwrap_err(), CloudError::TooLarge);
    assert_eq!(cut(&" ".repeat(MAX_DOCUMENT + 1), 1 << 18).unwrap_err(), CloudError::TooLarge);
    let mut named = CloudScan::new("export", Some(Cloud::Aws));
    named.push(LIST.as_bytes()).unwrap();
    assert_eq!(named.finish().unwrap_err(), CloudError::Unknown);
}
