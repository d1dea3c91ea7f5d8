//! A table for each parser: what stands in a file, and what is found.

use super::*;

fn deps(path: &str, text: &str) -> Vec<(String, String, u64)> {
    let kind = FileKind::of(path).unwrap_or_else(|| panic!("{path} is of no kind"));
    let text_of = |d: Dependency| {
        (d.name, d.version.map(|v| format!("={v}")).or(d.requirement).unwrap_or_default(), d.line)
    };
    dependencies(kind, text).into_iter().map(text_of).collect()
}

fn check(path: &str, text: &str, want: &[(&str, &str, u64)]) {
    let mut want: Vec<_> = want.iter().map(|(n, v, l)| ((*n).to_owned(), (*v).to_owned(), *l)).collect();
    // In which order they come does not matter: what takes them joins them by name.
    let mut found = deps(path, text);
    want.sort();
    found.sort();
    assert_eq!(found, want, "{path}");
}

#[test]
fn python() {
    check(
        "requirements-dev.txt",
        "# c\n-r base.txt\nopenai==1.2.3 \\\n  --hash=sha256:00\nllama-index[extra] >=0.1,<1 ; python_version > '3'\nanthropic # why\nx @ https://example.org/x.whl\n--index-url https://example.org\nmcp ~= 1.0\n",
        &[
            ("openai", "=1.2.3", 3),
            ("llama-index", ">=0.1,<1", 5),
            ("anthropic", "", 6),
            ("x", "@ https://example.org/x.whl", 7),
            ("mcp", "~= 1.0", 9),
        ],
    );
    check(
        "pyproject.toml",
        "[project]\nname = \"x\"\ndependencies = [\n  \"openai>=1\",\n]\n[project.optional-dependencies]\na = [\"anthropic\"]\n[dependency-groups]\ndev = [\"mcp==1\", {include-group = \"a\"}]\n[tool.poetry.dependencies]\npython = \"^3\"\nlangchain = {version = \"^0.3\", optional = true}\n[tool.poetry.group.dev.dependencies]\ncrewai = \"*\"\n",
        &[
            ("openai", ">=1", 4),
            ("anthropic", "", 7),
            ("mcp", "=1", 9),
            ("langchain", "^0.3", 12),
            ("crewai", "", 14),
        ],
    );
    check(
        "uv.lock",
        "version = 1\n\n[[package]]\nname = \"openai\"\nversion = \"1.2\"\nsource = { registry = \"x\" }\ndependencies = [\n    { name = \"httpx\" },\n]\n\n[[package]]\nname = \"own\"\nsource = { virtual = \".\" }\n[package.metadata]\nname = \"no\"\n",
        &[("openai", "=1.2", 4), ("own", "", 12)],
    );
    check(
        "Pipfile",
        "[packages]\nopenai = \"*\"\n[dev-packages]\nmcp = {version = \"==1\"}\n",
        &[("openai", "", 2), ("mcp", "==1", 4)],
    );
    check(
        "Pipfile.lock",
        "{\"_meta\": {},\n\"default\": {\n\"openai\": {\"version\": \"==1.2\"}}}",
        &[("openai", "=1.2", 3)],
    );
}

#[test]
fn node() {
    check(
        "web/package.json",
        "{\n \"dependencies\": {\n  \"openai\": \"^4\",\n  \"mine\": \"npm:@anthropic-ai/sdk@^1\"\n },\n \"devDependencies\": {\"ai\": \"latest\"}\n}",
        &[("@anthropic-ai/sdk", "^1", 4), ("openai", "^4", 3), ("ai", "latest", 6)],
    );
    check(
        "package-lock.json",
        "{\"lockfileVersion\": 3, \"packages\": {\n\"\": {\"name\": \"own\"},\n\"node_modules/openai\": {\"version\": \"4.1.0\"},\n\"node_modules/a/node_modules/@scope/b\": {\"version\": \"1.0.0\"}}}",
        &[("@scope/b", "=1.0.0", 0), ("openai", "=4.1.0", 3)],
    );
    check(
        "package-lock.json",
        "{\"lockfileVersion\": 1, \"dependencies\": {\n\"a\": {\"version\": \"1\", \"dependencies\": {\n\"openai\": {\"version\": \"3\"}}}}}",
        &[("a", "=1", 0), ("openai", "=3", 3)],
    );
    check(
        "yarn.lock",
        "# yarn lockfile v1\n\n\n\"@anthropic-ai/sdk@^0.1.0\", \"@anthropic-ai/sdk@^0.1.2\":\n  version \"0.1.5\"\n  dependencies:\n    version \"no\"\n\nopenai@^4:\n  version \"4.0.1\"\n",
        &[("@anthropic-ai/sdk", "=0.1.5", 4), ("openai", "=4.0.1", 9)],
    );
    check(
        "yarn.lock",
        "__metadata:\n  version: 8\n\n\"openai@npm:^4.0.0\":\n  version: 4.2.0\n  resolution: \"openai@npm:4.2.0\"\n\n\"mine@npm:openai@^4\":\n  version: 4.3.0\n\n\"own@workspace:.\":\n  version: 0.0.0\n",
        &[("openai", "=4.2.0", 4), ("openai", "=4.3.0", 8)],
    );
    check(
        "pnpm-lock.yaml",
        "lockfileVersion: '9.0'\n\npackages:\n\n  '@ai-sdk/openai@1.0.0':\n    resolution: {integrity: x}\n\n  openai@4.0.0(zod@3.0.0):\n    engines: {node: '>=18'}\n\nsnapshots:\n\n  no@1:\n",
        &[("@ai-sdk/openai", "=1.0.0", 5), ("openai", "=4.0.0", 8)],
    );
    check(
        "pnpm-lock.yaml",
        "packages:\n\n  /openai/3.0.0_x@1:\n    dev: false\n  /@a/b@1.0.0:\n    dev: true\n",
        &[("openai", "=3.0.0", 3), ("@a/b", "=1.0.0", 5)],
    );
}

#[test]
fn rust_and_go() {
    check(
        "Cargo.toml",
        "[package]\nname = \"x\"\n[dependencies]\nasync-openai = \"0.2\"\nmine = { package = \"rmcp\", version = \"1\" }\n[target.'cfg(unix)'.dev-dependencies]\ngenai = { git = \"x\" }\n[workspace.dependencies]\nrig-core = \"0.1\"\n",
        &[("async-openai", "0.2", 4), ("rmcp", "1", 5), ("rig-core", "0.1", 9), ("genai", "", 7)],
    );
    check(
        "Cargo.lock",
        "version = 4\n\n[[package]]\nname = \"rmcp\"\nversion = \"1.0.0\"\ndependencies = [\n \"x\",\n]\n",
        &[("rmcp", "=1.0.0", 4)],
    );
    check(
        "go.mod",
        "module example.org/x\n\ngo 1.22\n\nrequire github.com/openai/openai-go v1.0.0\n\nrequire (\n\tgithub.com/mark3labs/mcp-go v0.1.0 // indirect\n)\n\nreplace (\n\ta.b/c v1 => d.e/f v2\n)\n",
        &[("github.com/openai/openai-go", "=v1.0.0", 5), ("github.com/mark3labs/mcp-go", "=v0.1.0", 8)],
    );
    check("go.sum", "a.b/c v1.0.0 h1:x=\na.b/c v1.0.0/go.mod h1:y=\n", &[("a.b/c", "=v1.0.0", 1)]);
}

#[test]
fn jvm_dotnet_and_ruby() {
    check(
        "pom.xml",
        "<project>\n<!-- <dependency> -->\n<dependencies>\n <dependency>\n  <groupId>com.openai</groupId>\n  <artifactId>openai-java</artifactId>\n  <version>1.0</version>\n  <exclusions><exclusion><groupId>a.b</groupId><artifactId>c</artifactId></exclusion></exclusions>\n </dependency>\n <dependency><groupId>dev.langchain4j</groupId><artifactId>langchain4j</artifactId><version>${v}</version></dependency>\n</dependencies></project>",
        &[("com.openai:openai-java", "=1.0", 4), ("dev.langchain4j:langchain4j", "${v}", 10)],
    );
    check(
        "app/build.gradle.kts",
        "dependencies {\n  // implementation(\"a.b:c:1\")\n  implementation(\"com.openai:openai-java:2.0\")\n  implementation group: 'dev.langchain4j', name: 'langchain4j', version: '1.0'\n  url = \"https://example.org:80\"\n}",
        &[("com.openai:openai-java", "=2.0", 3), ("dev.langchain4j:langchain4j", "=1.0", 4)],
    );
    check(
        "gradle.lockfile",
        "# c\ncom.openai:openai-java:1.0=compileClasspath\nempty=\n",
        &[("com.openai:openai-java", "=1.0", 2)],
    );
    check(
        "gradle/libs.versions.toml",
        "[versions]\no = \"1.0\"\n[libraries]\nopenai = { module = \"com.openai:openai-java\", version.ref = \"o\" }\nlc = \"dev.langchain4j:langchain4j:2\"\n",
        &[("dev.langchain4j:langchain4j", "=2", 5), ("com.openai:openai-java", "=1.0", 4)],
    );
    check(
        "x.csproj",
        "<Project>\n<ItemGroup>\n <PackageReference Include=\"OpenAI\" Version=\"2.0.0\" />\n <PackageReference Include=\"Azure.AI.OpenAI\">\n  <Version>1.0.*</Version>\n </PackageReference>\n <PackageReference Include=\"Mscc.GenerativeAI\"></PackageReference>\n</ItemGroup></Project>",
        &[("OpenAI", "=2.0.0", 3), ("Azure.AI.OpenAI", "1.0.*", 4), ("Mscc.GenerativeAI", "", 7)],
    );
    check(
        "packages.config",
        "<packages><package id=\"OpenAI\" version=\"1.0\" /></packages>",
        &[("OpenAI", "=1.0", 1)],
    );
    check(
        "packages.lock.json",
        "{\"version\":1,\"dependencies\":{\"net8.0\":{\n\"OpenAI\":{\"type\":\"Direct\",\"resolved\":\"2.0\"},\"own\":{\"type\":\"Project\"}}}}",
        &[("OpenAI", "=2.0", 2)],
    );
    check(
        "Gemfile",
        "# gem \"no\"\ngem \"ruby-openai\", \"~> 7\"\n gem 'anthropic'\n",
        &[("ruby-openai", "~> 7", 2), ("anthropic", "", 3)],
    );
    check(
        "Gemfile.lock",
        "GEM\n  remote: x\n  specs:\n    ruby-openai (7.0.1)\n      faraday (>= 1)\n",
        &[("ruby-openai", "=7.0.1", 4)],
    );
}

/// kind, key, confidence, line
fn found(path: &str, text: &str) -> Vec<(String, u16, u64)> {
    let mut sink = Sink::new(path);
    crate::scan_file(FileKind::of(path).unwrap(), text.as_bytes(), 0, &mut sink);
    sink.found.into_iter().map(|s| (s.id.to_string(), s.confidence, s.evidence.line)).collect()
}

fn sees(path: &str, text: &str, want: &[(&str, u16, u64)]) {
    let got = found(path, text);
    let want: Vec<_> = want.iter().map(|(k, c, l)| ((*k).to_owned(), *c, *l)).collect();
    assert_eq!(got, want, "{path}: {text}");
}

#[test]
fn imports() {
    sees(
        "a.py",
        "import os, openai as o\nfrom langchain_openai.chat import X\nimport openai\n",
        &[("package:pypi/openai", 850, 1), ("package:pypi/langchain-openai", 850, 2)],
    );
    sees(
        "n.ipynb",
        "{\"source\": [\n  \"import anthropic\\n\",\n  \"import os\"\n]}",
        &[("package:pypi/anthropic", 850, 2)],
    );
    sees(
        "a.ts",
        "import OpenAI from 'openai'\nconst x = require(\"@anthropic-ai/sdk/core\")\nimport './openai'\nimport \"ollama/browser\"\n",
        &[
            ("package:npm/openai", 850, 1),
            ("package:npm/@anthropic-ai/sdk", 850, 2),
            ("package:npm/ollama", 850, 4),
        ],
    );
    sees(
        "a.go",
        "import (\n\t\"fmt\"\n\to \"github.com/sashabaranov/go-openai/jsonschema\"\n)\n",
        &[("package:go/github.com/sashabaranov/go-openai", 850, 3)],
    );
    sees("a.rs", "use async_openai::Client;\nuse std::fs;\n", &[("package:cargo/async-openai", 850, 1)]);
    sees(
        "A.java",
        "import static com.openai.client.X;\nimport java.util.List;\n",
        &[("package:maven/com.openai:openai-java", 850, 1)],
    );
    sees(
        "A.cs",
        "using OpenAI.Chat;\nusing AI = Microsoft.SemanticKernel.Core;\nusing System;\n",
        &[("package:nuget/openai", 850, 1), ("package:nuget/microsoft.semantickernel", 850, 2)],
    );
    sees("a.rb", "require \"anthropic\"\nrequire 'json'\n", &[("package:gem/anthropic", 850, 1)]);
}

#[test]
fn addresses_variables_and_models() {
    sees(
        "a.py",
        "u = \"https://api.openai.com/v1\"\n# see https://claude.ai/docs\n",
        &[("service:openai", 850, 1), ("service:claude", 300, 2)],
    );
    sees(
        "a.py",
        "u = 'http://llm.intranet.example:8000/v1/chat/completions'\nv = \"http://localhost:11434\"\nw = 'https://example.org/x'\n",
        &[("endpoint:llm.intranet.example:8000", 500, 1), ("endpoint:localhost:11434", 500, 2)],
    );
    sees(
        ".env",
        "MY_ANTHROPIC_API_KEY=\nOPENAI_API_KEYS=1\nanthropic_api_key=\n",
        &[("service:anthropic", 700, 1)],
    );
    sees(
        "a.ts",
        "const m = \"gpt-4o-mini\"; // \"gpt-4\"\nx('claude-plugin'); y('gemini-1.5-pro'); import './gpt-4.js'\n",
        &[("model:gpt-4o-mini", 750, 1), ("model:gpt-4", 300, 1), ("model:gemini-1.5-pro", 750, 2)],
    );
    sees(
        "c.yaml",
        "model: claude-sonnet-4-5\nother: openrouter/meta-llama/llama-3.1-70b\ntext: the gpt-4 of old\n",
        &[
            ("model:claude-sonnet-4-5", 450, 1),
            ("model:meta-llama/llama-3.1-70b", 750, 2),
            ("model:gpt-4", 450, 3),
        ],
    );
}

#[test]
fn deployments() {
    sees(
        "Dockerfile",
        "FROM --platform=linux/amd64 vllm/vllm-openai:v0.6 AS x\nfrom ollama/ollama\nRUN pip install 'openai==1.2' requests && npm i -g @anthropic-ai/claude-code@1\n",
        &[
            ("image:vllm/vllm-openai", 850, 1),
            ("image:ollama/ollama", 850, 2),
            ("package:pypi/openai", 800, 3),
            ("package:npm/@anthropic-ai/claude-code", 800, 3),
        ],
    );
    sees(
        "k8s/deploy.yaml",
        "spec:\n  containers:\n  - image: docker.io/ollama/ollama@sha256:ab\n  - name: {{ .Values.x }}\n",
        &[("image:docker.io/ollama/ollama", 850, 3)],
    );
    sees(
        "values.yaml",
        "image:\n  repository: qdrant/qdrant\n  tag: v1.2\n",
        &[("image:qdrant/qdrant", 850, 2)],
    );
    sees(
        ".github/workflows/ci.yml",
        "jobs:\n  a:\n    steps:\n      - uses: anthropics/claude-code-action@v1\n      - run: uvx mcp-server-git\n",
        &[("agent:claude-code", 900, 4), ("package:pypi/mcp-server-git", 800, 5)],
    );
}

#[test]
fn secrets_are_told_without_their_value() {
    // A made-up key of the known form.
    let key = ["sk-ant-", "api03-", &"Ab3dEf9hIj2kLm5n".repeat(3)].concat();
    let text = format!("a = 1\nkey = \"{key}\"\nother = \"{key}\"\n");
    let mut sink = Sink::new("src/a.py");
    crate::scan_file(FileKind::of("src/a.py").unwrap(), text.as_bytes(), 0, &mut sink);
    let secret = sink.found.iter().find(|s| s.id.kind == AssetKind::Secret).expect("a secret");
    assert_eq!((secret.id.key.as_str(), secret.evidence.line), ("src/a.py#anthropic.key", 2));
    assert!(!format!("{:?}", sink.found).contains(key.get(..16).unwrap()), "the value is in a finding");
    let pem = format!(
        "x\n-----BEGIN RSA {k}-----\n{}\n-----END RSA {k}-----\n",
        format!("{}\n", "MIIEpAIBAAKCAQEA7xQz".repeat(3)).repeat(10),
        k = "PRIVATE KEY"
    );
    assert!(
        found("a.conf", &pem).iter().any(|f| f.0 == "secret:a.conf#key.pem" && f.2 == 2),
        "{:?}",
        found("a.conf", &pem)
    );
    assert!(found("a.py", "password = os.environ['X']\napi_key = \"your-key-here\"\n").is_empty());
}

#[test]
fn kinds() {
    use FileKind as K;
    for (path, want) in [
        ("a/requirements/base.txt", Some(K::Requirements)),
        ("notes.txt", None),
        ("README.md", None),
        ("CLAUDE.md", Some(K::Instructions)),
        (".github/workflows/x.yml", Some(K::Ci)),
        ("x/.github/copilot-instructions.md", Some(K::Instructions)),
        ("a/.cursor/mcp.json", Some(K::McpConfig)),
        ("settings.json", Some(K::Config)),
        ("h/.config/zed/settings.json", Some(K::McpConfig)),
        ("skills/x/SKILL.md", Some(K::Skill)),
        ("m.GGUF", Some(K::Weights)),
        ("h/.ollama/models/manifests/registry.ollama.ai/library/llama3/8b", Some(K::ModelStore)),
        ("Dockerfile.dev", Some(K::Dockerfile)),
        ("image.png", None),
    ] {
        assert_eq!(FileKind::of(path), want, "{path}");
    }
}

#[test]
fn hostile_files_end() {
    let deep = format!("{}{}", "{\"dependencies\":".repeat(100_000), "1");
    let deep_toml = format!("a = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_xml = "<dependency>".repeat(100_000);
    let one_line = "openai ".repeat(1 << 17);
    let urls = "https://".repeat(1 << 16);
    for path in [
        "package.json",
        "package-lock.json",
        "Pipfile.lock",
        "packages.lock.json",
        "pyproject.toml",
        "Cargo.toml",
        "pom.xml",
        "x.csproj",
        "a.py",
        "a.ts",
        "v.yaml",
        "Dockerfile",
        "requirements.txt",
        "yarn.lock",
        "pnpm-lock.yaml",
        "Gemfile",
        "build.gradle",
        ".mcp.json",
        "h/.continue/config.yaml",
        "h/.codex/config.toml",
        "SKILL.md",
    ] {
        // The detectors, which instructions go to whole, have hostile tests of their own.
        let most = if path == "SKILL.md" { 1 << 15 } else { usize::MAX };
        for text in [&deep, &deep_toml, &deep_xml, &one_line, &urls] {
            found(path, text.get(..text.len().min(most)).unwrap());
        }
    }
}
