//! The lists are whole, sorted and sourced; hosts and names are found as their rows say.

use super::*;
use std::collections::HashSet;

fn whole(list: &'static str, fields: usize, keys: usize) {
    let all: Vec<_> = rows(list).collect();
    assert!(!all.is_empty());
    for row in &all {
        assert_eq!(row.len(), fields, "{row:?}");
        assert!(!row[0].trim().is_empty() && !row[fields - 1].trim().is_empty(), "no source: {row:?}");
    }
    let sorted: Vec<_> = all.iter().map(|r| r[..keys].to_vec()).collect();
    assert!(
        sorted.windows(2).all(|w| w[0] < w[1]),
        "not sorted, or twice: {:?}",
        sorted.windows(2).find(|w| w[0] >= w[1])
    );
}

#[test]
fn the_lists_are_whole_sorted_and_sourced() {
    whole(ENDPOINTS, 6, 2);
    whole(PACKAGES, 6, 2);
    whole(IMAGES, 2, 1);
    whole(VARIABLES, 3, 1);
    whole(MODELS, 3, 1);
    let c = catalogue();
    assert_eq!(c.hosts.rows().len(), rows(ENDPOINTS).count(), "a row was not understood");
    assert_eq!(c.names.packages().len(), rows(PACKAGES).count());
    for row in c.hosts.rows() {
        assert_eq!(row.domain, row.domain.to_ascii_lowercase());
        assert!(!row.domain.contains("://") && row.domain.contains('.'), "{}", row.domain);
    }
}

#[test]
fn every_row_finds_itself() {
    let hosts = &catalogue().hosts;
    for row in hosts.rows() {
        let (host, path) = match row.matches {
            Match::HostPath => {
                row.domain.split_once('/').map(|(h, p)| (h.to_owned(), Some(format!("/{p}")))).unwrap()
            }
            Match::Wildcard => (row.domain.replace('*', "eu-west-1"), None),
            Match::Exact => (row.domain.to_owned(), None),
            Match::Suffix => (format!("x.{}", row.domain), None),
        };
        assert!(hosts.find(&host, path.as_deref()).is_some(), "{row:?}");
    }
}

fn vendor(host: &str, path: Option<&str>) -> Option<(&'static str, u16)> {
    let hosts = &catalogue().hosts;
    hosts.find(host, path).map(|h| (hosts.row(h).unwrap().vendor, h.confidence))
}

#[test]
fn hosts() {
    for (host, path, want) in [
        ("api.openai.com", None, Some(("OpenAI", 900))),
        ("API.OpenAI.com.", None, Some(("OpenAI", 900))),
        ("api.openai.com.evil.example", None, None),
        ("notopenai.com", None, None),
        ("europe-west4-aiplatform.googleapis.com", None, Some(("Google Vertex AI (regional)", 900))),
        ("storage.googleapis.com", None, None),
        ("bedrock-runtime-fips.us-east-1.amazonaws.com", None, Some(("AWS Bedrock", 900))),
        ("bedrock-runtime.cn-north-1.amazonaws.com.cn", None, Some(("AWS Bedrock", 900))),
        ("s3.us-east-1.amazonaws.com", None, None),
        ("app.hubspot.com", None, None),
        ("app.hubspot.com", Some("/mcp"), Some(("HubSpot", 800))),
        ("app.hubspot.com", Some("/mcpx"), None),
        ("api.cloudflare.com", None, Some(("Cloudflare Workers AI", 400))),
        ("mcp.intranet.example", None, Some(("", 300))),
        ("mymcp.example.com", None, None),
        ("mcp", None, None),
        ("", None, None),
        ("....", None, None),
    ] {
        assert_eq!(vendor(host, path), want, "{host} {path:?}");
    }
    let long = format!("{}.openai.com", "a".repeat(300));
    assert_eq!(vendor(&long, None), None);
}

#[test]
fn packages_and_names() {
    let names = &catalogue().names;
    for (eco, name, found) in [
        ("pypi", "OpenAI", true),
        ("pypi", "llama_index.core", true),
        ("pypi", "requests", false),
        ("npm", "@anthropic-ai/sdk", true),
        ("npm", "@Anthropic-ai/sdk", false),
        ("go", "github.com/openai/openai-go/v2", true),
        ("go", "github.com/openai/openai-go/vendor", false),
        ("maven", "dev.langchain4j:langchain4j-open-ai", true),
        ("nuget", "azure.ai.openai", true),
        ("gem", "ruby-openai", true),
        ("cargo", "async_openai", true),
    ] {
        assert_eq!(names.package(eco, name).is_some(), found, "{eco} {name}");
    }
    assert_eq!(names.module("pypi", "google.generativeai.types", '.').unwrap().name, "google-generativeai");
    assert!(names.module("pypi", "google.cloud", '.').is_none());
    assert!(names.image("docker.io/ollama/ollama").is_some() && names.image("ollama/ollamax").is_none());
    assert_eq!(names.variable("OPENAI_API_KEY").unwrap().vendor, "OpenAI");
    assert_eq!(names.model("anthropic/Claude-sonnet-4").unwrap().vendor, "Anthropic");
    let modules: HashSet<_> =
        names.packages().iter().filter(|p| !p.module.is_empty()).map(|p| p.module).collect();
    assert!(modules.contains("openai"));
}
