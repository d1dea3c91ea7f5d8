//! What the operator's files say, as plain values: names of the operator's own, settings and hashes.
//!
//! What always holds: no owner's name or address, no purpose's text, no credential and no host gets in here; whether
//! they are stated does. What it does not do: read files; `app` fills it in.

/// The files' facts.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The version of Cordon that made the pack.
    pub version: String,
    /// Each file's name within the data directory, and its SHA-256.
    pub files: Vec<(String, String)>,
    /// Version of everything that decides, as these files make it.
    pub policy: String,
    /// Version of the detectors.
    pub detectors: String,
    /// The agents' manifests.
    pub agents: Vec<Agent>,
    /// The models.
    pub models: Vec<Model>,
    /// The upstreams.
    pub upstreams: Vec<Upstream>,
    /// Settings, as name and value.
    pub settings: Vec<(&'static str, String)>,
    /// Settings of transport.
    pub transport: Vec<(&'static str, String)>,
    /// Budgets of models.
    pub budgets: Vec<Budget>,
}

/// One manifest.
#[derive(Clone, Debug, Default)]
pub struct Agent {
    /// The agent.
    pub id: String,
    /// Whether an owner is named.
    pub owner: bool,
    /// Whether a purpose is stated.
    pub purpose: bool,
    /// The risk tier.
    pub risk: &'static str,
    /// How the manifest is applied.
    pub mode: &'static str,
    /// When it expires, in milliseconds since 1970.
    pub expires: Option<u64>,
    /// The provider-side features it names.
    pub features: Vec<&'static str>,
    /// Its tools.
    pub tools: Vec<Tool>,
    /// Budgets.
    pub budgets: Vec<Budget>,
}

/// One tool of a manifest.
#[derive(Clone, Debug, Default)]
pub struct Tool {
    /// Its name or pattern.
    pub name: String,
    /// What it does to the world, as declared.
    pub effect: Option<&'static str>,
    /// Arguments with limits; none when arguments are not limited at all.
    pub limited: Option<u64>,
}

/// One model.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// The upstream.
    pub upstream: String,
    /// Whether it has a price, so that cost is counted.
    pub priced: bool,
}

/// One upstream.
#[derive(Clone, Debug, Default)]
pub struct Upstream {
    /// Its id.
    pub id: String,
    /// What it speaks.
    pub kind: &'static str,
    /// `https`, `http`, or `built in`.
    pub scheme: &'static str,
    /// Whether private addresses may be dialled.
    pub private: bool,
    /// Whether a certificate authority of the operator's own is trusted.
    pub own_ca: bool,
}

/// One limit.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    /// Whose: an agent, an agent's key, a model.
    pub of: String,
    /// Which limit.
    pub limit: &'static str,
    /// How much.
    pub value: u64,
}
