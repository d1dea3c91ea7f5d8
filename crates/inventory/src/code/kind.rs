//! Which file is what, by its path alone.

use crate::asset::Source;

/// A programming language whose imports are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// Python, notebooks included.
    Python,
    /// JavaScript and TypeScript.
    Node,
    /// Go.
    Go,
    /// Rust.
    Rust,
    /// Java, Kotlin, Scala, Groovy.
    Jvm,
    /// C#, F#, Visual Basic.
    Dotnet,
    /// Ruby.
    Ruby,
    /// Others: addresses, variables, models and secrets alone.
    Other,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the files'")]
pub enum FileKind {
    Requirements,
    PyProject,
    Pipfile,
    PipfileLock,
    /// `uv.lock`, `poetry.lock`, `pdm.lock`.
    PythonLock,
    PackageJson,
    PackageLock,
    YarnLock,
    PnpmLock,
    CargoToml,
    CargoLock,
    GoMod,
    GoSum,
    Pom,
    Gradle,
    GradleCatalogue,
    GradleLock,
    DotnetProject,
    NugetLock,
    Gemfile,
    GemfileLock,
    Dockerfile,
    /// A YAML file: compose, Kubernetes, Helm, anything.
    Yaml,
    Ci,
    /// Source code.
    Code(Language),
    /// A configuration file of another format.
    Config,
    /// The configuration of an MCP client.
    McpConfig,
    /// A file that instructs agents.
    Instructions,
    /// `SKILL.md`.
    Skill,
    /// A file of weights.
    Weights,
    /// A file whose path alone names a model: Ollama's manifests, the Hugging Face cache.
    ModelStore,
}

impl FileKind {
    /// What `path` (with `/`) is; none where it is of no interest.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        if let Some(kind) = crate::machine::kind(path, name).or_else(|| by_name(path, name)) {
            return Some(kind);
        }
        let (_, extension) = name.rsplit_once('.')?;
        by_extension(&extension.to_ascii_lowercase())
    }

    /// Most bytes of such a file that are read; what is larger is passed over, or read up to here where only the
    /// beginning matters.
    #[must_use]
    pub const fn limit(self) -> u64 {
        match self {
            FileKind::Code(_) | FileKind::Instructions | FileKind::Skill => 1 << 20,
            FileKind::Weights => 2 << 20,
            FileKind::ModelStore => 0,
            FileKind::Yaml | FileKind::Config | FileKind::Ci | FileKind::Dockerfile => 2 << 20,
            // Lock files of large projects have ten megabytes; agent-scan reads clients' files up to 20.
            _ => 20 << 20,
        }
    }

    /// Whether the beginning alone is read.
    #[must_use]
    pub const fn head_only(self) -> bool {
        matches!(self, FileKind::Weights | FileKind::ModelStore)
    }

    pub(crate) const fn ecosystem(self) -> &'static str {
        use FileKind as K;
        match self {
            K::PackageJson | K::PackageLock | K::YarnLock | K::PnpmLock => "npm",
            K::CargoToml | K::CargoLock => "cargo",
            K::GoMod | K::GoSum => "go",
            K::Pom | K::Gradle | K::GradleCatalogue | K::GradleLock => "maven",
            K::DotnetProject | K::NugetLock => "nuget",
            K::Gemfile | K::GemfileLock => "gem",
            _ => "pypi",
        }
    }

    pub(crate) const fn source(self) -> Source {
        use FileKind as K;
        match self {
            K::PipfileLock
            | K::PythonLock
            | K::PackageLock
            | K::YarnLock
            | K::PnpmLock
            | K::CargoLock
            | K::GoSum
            | K::GradleLock
            | K::NugetLock
            | K::GemfileLock => Source::LockFile,
            K::Code(_) => Source::Code,
            K::Config => Source::Config,
            K::Dockerfile | K::Yaml => Source::Deployment,
            K::Ci => Source::Ci,
            K::McpConfig => Source::McpConfig,
            K::Instructions | K::Skill => Source::Instructions,
            K::Weights | K::ModelStore => Source::ModelFile,
            _ => Source::Manifest,
        }
    }

    pub(crate) const fn is_deployment(self) -> bool {
        matches!(self, FileKind::Dockerfile | FileKind::Yaml | FileKind::Ci | FileKind::Code(Language::Other))
    }

    /// Whether addresses, variables, models and secrets are looked for.
    pub(crate) const fn has_free_text(self) -> bool {
        use FileKind as K;
        matches!(self, K::Code(_) | K::Config | K::Dockerfile | K::Yaml | K::Ci)
    }
}

fn by_name(path: &str, name: &str) -> Option<FileKind> {
    use FileKind as K;
    Some(match name {
        "pyproject.toml" => K::PyProject,
        "Pipfile" => K::Pipfile,
        "Pipfile.lock" => K::PipfileLock,
        "uv.lock" | "poetry.lock" | "pdm.lock" => K::PythonLock,
        "package.json" => K::PackageJson,
        "package-lock.json" | "npm-shrinkwrap.json" => K::PackageLock,
        "yarn.lock" => K::YarnLock,
        "pnpm-lock.yaml" => K::PnpmLock,
        "Cargo.toml" => K::CargoToml,
        "Cargo.lock" => K::CargoLock,
        "go.mod" => K::GoMod,
        "go.sum" => K::GoSum,
        "pom.xml" => K::Pom,
        "build.gradle" | "build.gradle.kts" => K::Gradle,
        "libs.versions.toml" => K::GradleCatalogue,
        "gradle.lockfile" | "buildscript-gradle.lockfile" => K::GradleLock,
        "packages.lock.json" => K::NugetLock,
        "packages.config" | "Directory.Packages.props" => K::DotnetProject,
        "Gemfile" | "gems.rb" => K::Gemfile,
        "Gemfile.lock" | "gems.locked" => K::GemfileLock,
        "Dockerfile" | "Containerfile" => K::Dockerfile,
        "Jenkinsfile" => K::Ci,
        ".gitlab-ci.yml" | ".travis.yml" | "azure-pipelines.yml" | "bitbucket-pipelines.yml" => K::Ci,
        ".env" | ".npmrc" | ".netrc" => K::Config,
        _ if name.starts_with("requirements") && (name.ends_with(".txt") || name.ends_with(".in")) => {
            K::Requirements
        }
        _ if name.ends_with(".txt") && path.contains("requirements/") => K::Requirements,
        _ if name.starts_with("Dockerfile.") || name.ends_with(".Dockerfile") => K::Dockerfile,
        _ if name.starts_with(".env.") => K::Config,
        _ if name.ends_with(".gemspec") => K::Gemfile,
        _ if name.ends_with(".csproj") || name.ends_with(".fsproj") || name.ends_with(".vbproj") => {
            K::DotnetProject
        }
        _ if path.contains(".github/workflows/") || path.contains(".circleci/") => K::Ci,
        _ => return None,
    })
}

fn by_extension(extension: &str) -> Option<FileKind> {
    use Language as L;
    Some(match extension {
        "py" | "pyi" | "ipynb" => FileKind::Code(L::Python),
        "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx" | "vue" | "svelte" => {
            FileKind::Code(L::Node)
        }
        "go" => FileKind::Code(L::Go),
        "rs" => FileKind::Code(L::Rust),
        "java" | "kt" | "kts" | "scala" | "groovy" => FileKind::Code(L::Jvm),
        "cs" | "fs" | "vb" => FileKind::Code(L::Dotnet),
        "rb" => FileKind::Code(L::Ruby),
        "sh" | "bash" | "zsh" | "ps1" | "php" | "swift" | "c" | "cc" | "cpp" | "h" | "hpp" | "r" | "lua"
        | "pl" | "ex" | "exs" | "dart" => FileKind::Code(L::Other),
        "yaml" | "yml" => FileKind::Yaml,
        "json" | "jsonc" | "json5" | "toml" | "ini" | "cfg" | "conf" | "properties" | "env" | "tf"
        | "tfvars" | "hcl" | "bicep" => FileKind::Config,
        "gguf" | "safetensors" | "onnx" | "pt" | "pth" | "ckpt" => FileKind::Weights,
        _ => return None,
    })
}
