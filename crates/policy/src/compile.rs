//! A manifest to Cedar text, a policy a row, each with its id and the row it came from.
//!
//! What always holds: what the manifest limits becomes a `forbid`, so that nothing else can widen it; what it
//! handles becomes a `permit` with the handling as annotation; names are printable ASCII without quotes, so that
//! no name can leave its string. What it deliberately does not do: evaluate. The text is parsed and validated like
//! anybody's.

use crate::manifest::{DataTable, Handling, Manifest, ToolRule, Uninspected};
use crate::predicate::{ArgumentRule, Bound, Predicate};
use crate::{KindSet, ReasonCode};
use cordon_types::{Effect, FindingKind, Guard, SpanKind};
use std::fmt::Write as _;

const MODEL_ANY: &str = r#"action in [Action::"model.prompt", Action::"model.answer", Action::"model.list"]"#;
const MODEL_BOTH: &str = r#"action in [Action::"model.prompt", Action::"model.answer"]"#;
const TOOL_ANY: &str = r#"action in [Action::"tool.list", Action::"tool.call"]"#;
const INSPECTED: &str = r#"action in [Action::"model.prompt", Action::"model.answer", Action::"tool.call"]"#;
const PROMPT: &str = r#"action == Action::"model.prompt""#;
const ANSWER: &str = r#"action in [Action::"model.answer", Action::"tool.call"]"#;
const CALL: &str = r#"action == Action::"tool.call""#;

const NOT_GOOD: &str = r#"["untrusted", "unknown"].contains(context.target)"#;
const GOES_OUT: &str = r#"["send", "spend", "execute"].contains(context.effect)"#;

/// One generated policy.
#[derive(Debug)]
pub(crate) struct Generated {
    pub(crate) id: String,
    pub(crate) text: String,
    /// It holds only where something was found.
    pub(crate) of_findings: bool,
}

/// The manifest's policies, in the order in which they are read best.
pub(crate) fn compile(m: &Manifest) -> Vec<Generated> {
    let mut c = Compiler { m, out: Vec::new() };
    c.models();
    c.provider_side();
    c.data("prompt", &m.data.prompt, PROMPT);
    c.data("answer", &m.data.answer, ANSWER);
    c.tools();
    if m.flow {
        c.flow();
    }
    c.out
}

struct Compiler<'m> {
    m: &'m Manifest,
    out: Vec<Generated>,
}

/// The parts of a policy.
struct Draft<'a> {
    id: &'a str,
    comment: String,
    annotations: Vec<(&'static str, String)>,
    effect: &'static str,
    action: &'a str,
    resource: String,
    condition: String,
    of_findings: bool,
}

impl Draft<'_> {
    fn new<'a>(id: &'a str, effect: &'static str, action: &'a str, comment: impl Into<String>) -> Draft<'a> {
        Draft {
            id,
            comment: comment.into(),
            annotations: Vec::new(),
            effect,
            action,
            resource: "resource".to_owned(),
            condition: String::new(),
            of_findings: false,
        }
    }

    fn forbid<'a>(id: &'a str, code: ReasonCode, action: &'a str, comment: impl Into<String>) -> Draft<'a> {
        Draft::new(id, "forbid", action, comment).note("code", code.name())
    }

    fn note(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.annotations.push((key, value.into()));
        self
    }

    fn resource(mut self, resource: String) -> Self {
        self.resource = resource;
        self
    }

    fn when(mut self, condition: &str) -> Self {
        self.condition = format!("\nwhen {{ {condition} }}");
        self
    }

    fn unless(mut self, condition: &str) -> Self {
        self.condition = format!("\nunless {{ {condition} }}");
        self
    }
}

impl Compiler<'_> {
    fn add(&mut self, d: Draft<'_>) {
        let id = format!("manifest:{}:{}", self.m.agent, d.id);
        let mut text = format!("// {}\n@id(\"{id}\")\n", d.comment);
        for (key, value) in &d.annotations {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "@{key}(\"{value}\")");
        }
        let _ = write!(
            text,
            "{} (principal == Agent::\"{}\", {}, {}){};",
            d.effect, self.m.agent, d.action, d.resource, d.condition
        );
        self.out.push(Generated { id, text, of_findings: d.of_findings });
    }

    fn models(&mut self) {
        let m = self.m;
        let mut permit = Draft::new("use", "permit", MODEL_ANY, "an agent with a manifest may use models");
        if let Some(cap) = m.max_output_tokens {
            permit.comment = format!("max_output_tokens = {cap}");
            permit = permit.note("obligation", "cap").note("tokens", cap.to_string());
        }
        self.add(permit);
        let comment = format!("models = {:?}", m.models);
        let names: Vec<&str> = m.models.iter().map(String::as_str).collect();
        let forbid = Draft::forbid("models", ReasonCode::ModelNotListed, MODEL_ANY, comment);
        self.add(unless_listed(forbid, "Model", "model", &names));
    }

    fn provider_side(&mut self) {
        let m = self.m;
        let features: Vec<&str> = m.features.iter().map(|f| f.name()).collect();
        let betas: Vec<&str> = m.betas.iter().map(String::as_str).collect();
        for (id, code, names) in [
            ("features", ReasonCode::FeatureNotListed, features),
            ("betas", ReasonCode::BetaNotListed, betas),
        ] {
            let draft = Draft::forbid(id, code, MODEL_BOTH, format!("{id} = {names:?}"));
            // Cedar's strict validation knows no empty set literal.
            self.add(match names.is_empty() {
                true => draft.unless(&format!("context.{id}.isEmpty()")),
                false => draft.unless(&format!("{}.containsAll(context.{id})", set(&names))),
            });
        }
        if m.uninspected == Uninspected::Refuse {
            let comment = "uninspected = \"refuse\" (the default for an agent with tools)";
            let draft = Draft::forbid("uninspected", ReasonCode::Uninspected, INSPECTED, comment);
            self.add(draft.when("context.uninspected"));
        }
    }

    fn data(&mut self, direction: &str, table: &DataTable, action: &str) {
        for handling in [Handling::Block, Handling::Redact, Handling::Mask, Handling::Notify] {
            // What holds for secrets holds in observe mode too, so a block of secrets is a policy of its own.
            let groups: &[Option<bool>] = match handling {
                Handling::Block => &[Some(true), Some(false)],
                _ => &[None],
            };
            for secrets in groups {
                let (kinds, entries) = entries(table, handling, *secrets);
                if entries.is_empty() {
                    continue;
                }
                let names: Vec<&str> = kinds.iter().map(FindingKind::name).collect();
                let comment = format!("[data.{direction}] {} = \"{}\"", names.join(", "), handling.name());
                let suffix = if *secrets == Some(true) { "-secrets" } else { "" };
                let id = format!("data.{direction}:{}{suffix}", handling.name());
                let mut draft = match handling {
                    Handling::Block => Draft::forbid(&id, ReasonCode::FindingRefused, action, comment),
                    _ => Draft::new(&id, "permit", action, comment).note("obligation", handling.name()),
                };
                draft = draft.note("kind", names.join(","));
                draft.of_findings = true;
                if *secrets == Some(true) {
                    draft = draft.note("enforce", "always");
                }
                let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
                self.add(draft.when(&format!("context.findings.containsAny({})", set(&entries))));
            }
        }
    }

    fn tools(&mut self) {
        let m = self.m;
        for tool in &m.tools {
            self.tool(tool);
        }
        let names: Vec<&str> = m.tools.iter().map(|t| t.name.as_str()).collect();
        let forbid =
            Draft::forbid("tools", ReasonCode::ToolNotListed, TOOL_ANY, format!("[[tools]] {names:?}"));
        self.add(unless_listed(forbid, "Tool", "tool", &names));
    }

    /// The shipped pack of information flow: what no detector has to notice.
    fn flow(&mut self) {
        if self.m.tools.is_empty() {
            return;
        }
        let ask = Draft::new(
            "flow.target",
            "permit",
            CALL,
            "a target that neither the user nor a trusted tool supplied needs a person",
        );
        self.add(ask.note("obligation", "hold").when(&format!("context.untrusted == \"ask\" && {NOT_GOOD}")));
        let comment = "untrusted = \"refuse\": such a target is never reached";
        let refuse = Draft::forbid("flow.refuse", ReasonCode::TargetUntrusted, CALL, comment);
        self.add(refuse.when(&format!("context.untrusted == \"refuse\" && {NOT_GOOD}")));
        let comment = "data above its class never leaves by a tool that is not cleared for it";
        let class = Draft::forbid("flow.class", ReasonCode::ClassRefused, CALL, comment);
        self.add(class.when(&format!("{GOES_OUT} && context.class > context.clearance")));
    }

    fn tool(&mut self, tool: &ToolRule) {
        let glob = tool.name.strip_suffix('*');
        let resource = match glob {
            Some(_) => "resource".to_owned(),
            None => format!("resource == Tool::\"{}\"", tool.name),
        };
        let like = glob.map(|prefix| format!("context.tool like \"{prefix}*\""));
        let effect = tool.effect.map_or("", Effect::name);
        let id = format!("tool:{}", tool.name);
        let comment = match effect {
            "" => format!("[[tools]] name = \"{}\"", tool.name),
            effect => format!("[[tools]] name = \"{}\", effect = \"{effect}\"", tool.name),
        };
        let permit = Draft::new(&id, "permit", TOOL_ANY, comment).resource(resource.clone());
        self.add(match &like {
            Some(like) => permit.when(like),
            None => permit,
        });
        let Some(rules) = &tool.args else { return };
        let id = format!("tool:{}:args", tool.name);
        let comment = described_rules(rules, tool.other_args);
        let forbid = Draft::forbid(&id, ReasonCode::ArgumentRefused, CALL, comment).resource(resource);
        self.add(match &like {
            Some(like) => forbid.when(&format!("{like} && !context.args_ok")),
            None => forbid.unless("context.args_ok"),
        });
    }
}

/// `unless` the resource is one of `names`, some of which may end in `*`. Without names it holds always.
fn unless_listed<'a>(draft: Draft<'a>, entity: &str, field: &str, names: &[&str]) -> Draft<'a> {
    let exact: Vec<String> =
        names.iter().filter(|n| !n.ends_with('*')).map(|n| format!("{entity}::\"{n}\"")).collect();
    let mut any = Vec::new();
    if !exact.is_empty() {
        any.push(format!("[{}].contains(resource)", exact.join(", ")));
    }
    for glob in names.iter().filter(|n| n.ends_with('*')) {
        any.push(format!("context.{field} like \"{glob}\""));
    }
    if any.is_empty() { draft } else { draft.unless(&any.join(" || ")) }
}

fn set(items: &[&str]) -> String {
    let quoted: Vec<String> = items.iter().map(|i| format!("\"{i}\"")).collect();
    format!("[{}]", quoted.join(", "))
}

/// The kinds that are handled so, and what stands in `context.findings` for them: the kind alone where every span is
/// handled so, else the kind with each span that is.
fn entries(table: &DataTable, handling: Handling, secrets: Option<bool>) -> (KindSet, Vec<String>) {
    let (mut kinds, mut entries) = (KindSet::EMPTY, Vec::new());
    for kind in FindingKind::ALL.iter().copied() {
        if secrets.is_some_and(|wanted| wanted != (kind.guard() == Guard::Secrets)) {
            continue;
        }
        let spans: Vec<SpanKind> =
            SpanKind::ALL.into_iter().filter(|s| table.get(kind, *s) == handling).collect();
        match spans.len() {
            0 => continue,
            n if n == SpanKind::ALL.len() => entries.push(kind.name().to_owned()),
            _ => entries.extend(spans.iter().map(|s| format!("{}@{}", kind.name(), s.name()))),
        }
        kinds.insert(kind);
    }
    (kinds, entries)
}

/// The argument rules in one line, for the comment and for `explain`.
pub(crate) fn described_rules(rules: &[ArgumentRule], other_args: bool) -> String {
    let mut out = String::from("[tools.args] ");
    for rule in rules {
        let parts: Vec<String> = rule.predicates.iter().map(described).collect();
        let _ = write!(out, "{}: {}; ", rule.argument.escape_default(), parts.join(" and "));
    }
    out.push_str(if other_args { "others allowed" } else { "others refused" });
    out
}

fn described(p: &Predicate) -> String {
    let bound = |b: &Bound| match b {
        Bound::Whole(n) => n.to_string(),
        Bound::Decimal(x) => x.to_string(),
    };
    // What the operator wrote is escaped, so that no line break can end the comment.
    let quoted = |texts: &[String]| {
        format!("[{}]", texts.iter().map(|t| format!("{t:?}")).collect::<Vec<_>>().join(", "))
    };
    match p {
        Predicate::Required | Predicate::Forbidden => p.name().to_owned(),
        Predicate::Enum(values) => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            format!("enum [{}]", values.join(", ").escape_debug())
        }
        Predicate::Pattern(_, text) => format!("pattern {text:?}"),
        Predicate::Min(b) | Predicate::Max(b) => format!("{} {}", p.name(), bound(b)),
        Predicate::MaxBytes(n) | Predicate::MaxItems(n) => format!("{} {n}", p.name()),
        Predicate::Commands(c) => format!("commands {}", quoted(&c.texts)),
        Predicate::Domains(texts) | Predicate::Hosts(texts) | Predicate::Under(texts) => {
            format!("{} {}", p.name(), quoted(texts))
        }
    }
}

/// `line 3, column 7` of a byte offset.
pub(crate) fn line_and_column(text: &str, offset: usize) -> String {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    format!("line {line}, column {column}")
}
