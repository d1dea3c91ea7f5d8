//! LiteLLM and Portkey, each with its own local regular-expression guardrail. `bench/peers.sh` installs them.

use crate::client::Shot;
use crate::process::Started;
use crate::prose::MODEL;
use crate::target::{Place, Target, free_port};
use anyhow::bail;
use std::process::Command;
use std::sync::Arc;

const LITELLM: &str = r#"model_list:
  - model_name: @MODEL@
    litellm_params:
      model: openai/@MODEL@
      api_base: http://@UPSTREAM@/v1
      api_key: sk-none
general_settings:
  master_key: sk-bench-master
litellm_settings:
  telemetry: false
  drop_params: true
  num_retries: 0
guardrails:
  - guardrail_name: content-filter
    litellm_params:
      guardrail: litellm_content_filter
      mode: [pre_call, post_call]
      default_on: true
      patterns:
        - { pattern_type: prebuilt, pattern_name: us_ssn, action: MASK }
        - { pattern_type: prebuilt, pattern_name: email, action: MASK }
        - { pattern_type: prebuilt, pattern_name: visa, action: MASK }
        - { pattern_type: prebuilt, pattern_name: aws_access_key, action: MASK }
"#;

/// Starts LiteLLM with a worker a core.
pub(crate) fn litellm(place: &Place<'_>) -> anyhow::Result<Target> {
    let binary = place.tools.join("litellm/bin/litellm");
    if !binary.exists() {
        bail!("LiteLLM is not installed: run bench/peers.sh");
    }
    let dir = place.folder.join("litellm");
    std::fs::create_dir_all(&dir)?;
    let port = free_port()?;
    let config = LITELLM.replace("@MODEL@", MODEL).replace("@UPSTREAM@", &place.upstream.to_string());
    std::fs::write(dir.join("config.yaml"), &config)?;
    let mut command = Command::new(&binary);
    command
        .arg("--config")
        .arg(dir.join("config.yaml"))
        .args(["--host", "127.0.0.1", "--num_workers", "2", "--port"])
        .arg(port.to_string())
        .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        .env("LITELLM_LOG", "ERROR")
        .env("LITELLM_MODE", "PRODUCTION")
        .current_dir(&dir);
    let process = Started::new("litellm", &mut command, &dir.join("log"))?;
    Ok(Target {
        name: "litellm".to_owned(),
        shot: Arc::new(Shot::new(
            ([127, 0, 0, 1], port).into(),
            &[("authorization", "Bearer sk-bench-master")],
        )?),
        process: Some(process),
        what: "proxy with its content filter (4 prebuilt patterns), master key, no database, 2 workers"
            .to_owned(),
        version: version(place, "litellm"),
        config,
        guarded: None,
    })
}

/// Starts Portkey's gateway.
pub(crate) fn portkey(place: &Place<'_>) -> anyhow::Result<Target> {
    let server = place.tools.join("portkey/node_modules/@portkey-ai/gateway/build/start-server.js");
    if !server.exists() {
        bail!("Portkey is not installed: run bench/peers.sh");
    }
    let dir = place.folder.join("portkey");
    std::fs::create_dir_all(&dir)?;
    let port = free_port()?;
    let config = serde_json::json!({
        "provider": "openai",
        "api_key": "sk-none",
        "custom_host": format!("http://{}/v1", place.upstream),
        "input_guardrails": [{
            "default.regexMatch": {"rule": r"\b\d{3}-\d{2}-\d{4}\b", "not": true},
            "deny": true,
        }],
    })
    .to_string();
    let mut command = Command::new("node");
    command
        .arg(&server)
        .arg(format!("--port={port}"))
        .arg("--headless")
        .env("TRUSTED_CUSTOM_HOSTS", "localhost,127.0.0.1")
        .env("NODE_ENV", "production")
        .current_dir(&dir);
    let process = Started::new("portkey", &mut command, &dir.join("log"))?;
    let headers = [("authorization", "Bearer sk-none"), ("x-portkey-config", config.as_str())];
    Ok(Target {
        name: "portkey".to_owned(),
        shot: Arc::new(Shot::new(([127, 0, 0, 1], port).into(), &headers)?),
        process: Some(process),
        what: "gateway with one regexMatch guardrail on the prompt, one process as it comes".to_owned(),
        version: version(place, "portkey"),
        config: format!("x-portkey-config: {config}"),
        guarded: None,
    })
}

/// What the script wrote down when it installed it.
fn version(place: &Place<'_>, name: &str) -> String {
    let file = place.tools.join(format!("{name}.version"));
    std::fs::read_to_string(file).map_or_else(|_| "unknown".to_owned(), |v| v.trim().to_owned())
}
