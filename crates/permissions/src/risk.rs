//! A risk tier for an agent, from what it may reach: data sensitivity x system access x autonomy.
//!
//! | factor | from |
//! |---|---|
//! | data, 1 to 4 | the highest class of any tool's results, public to restricted; 2 (internal) without tools |
//! | access, 1 to 5 | the gravest effect of any tool or provider-side feature: none 1, read 2, write 3, send 4, execute or spend 5 |
//! | autonomy, 1 to 3 | 1: it has no tool, or every tool that goes out refuses targets that nobody trusted supplied; 2: a person is asked; 3: nobody is (`untrusted = "allow"`, `flow = "off"`, observe mode, or the provider acts on its own) |
//!
//! The product, 1 to 60, makes the tier: below 8 minimal, below 24 limited, else high.
//!
//! What always holds: the same manifest gives the same tier. What it deliberately does not do: know what the agent is
//! for; an owner may have reasons for another tier, which is why both are shown.

use cordon_policy::{Manifest, RiskTier, Untrusted};
use cordon_types::{Class, Effect, Feature, Mode};
use serde::Serialize;

/// A tier and what it was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Risk {
    /// The manifest's own word.
    pub declared: &'static str,
    /// What the formula says.
    pub computed: &'static str,
    /// Data sensitivity, 1 to 4.
    pub data: u8,
    /// System access, 1 to 5.
    pub access: u8,
    /// Autonomy, 1 to 3.
    pub autonomy: u8,
    /// Their product.
    pub product: u8,
}

impl Risk {
    /// Whether the manifest declares less, or more, than the formula says.
    #[must_use]
    pub fn disagreement(&self) -> Option<&'static str> {
        let rank = |name: &str| RiskTier::ALL.iter().position(|t| t.name() == name);
        match rank(self.declared).cmp(&rank(self.computed)) {
            std::cmp::Ordering::Less => Some("risk_understated"),
            std::cmp::Ordering::Greater => Some("risk_overstated"),
            std::cmp::Ordering::Equal => None,
        }
    }
}

/// What a provider may do on its own side, as an effect of the agent's.
pub(crate) const fn feature_effect(feature: Feature) -> Option<Effect> {
    match feature {
        Feature::CodeExecution | Feature::ComputerUse => Some(Effect::Execute),
        // What is searched for or fetched leaves with the question.
        Feature::RemoteMcp | Feature::WebSearch | Feature::FetchByUrl => Some(Effect::Send),
        Feature::ProviderState => Some(Effect::Write),
        Feature::FileSearch => Some(Effect::Read),
        _ => None,
    }
}

const fn weight(effect: Effect) -> u8 {
    match effect {
        Effect::Read => 2,
        Effect::Write => 3,
        Effect::Send => 4,
        Effect::Execute | Effect::Spend => 5,
    }
}

/// The tier of a manifest.
#[must_use]
pub fn risk(m: &Manifest) -> Risk {
    let class = m.tools.iter().map(|t| t.class).max().unwrap_or(Class::Internal);
    let data = class as u8 + 1;
    // A tool whose effect nobody said is no less than one that writes.
    let tools = m.tools.iter().map(|t| weight(t.effect.unwrap_or(Effect::Write)));
    let own_side = m.features.iter().filter_map(|f| feature_effect(*f));
    let access = tools.chain(own_side.clone().map(weight)).max().unwrap_or(1);
    let out = || m.tools.iter().filter(|t| t.goes_out());
    let acts = own_side.into_iter().any(|e| weight(e) > 2);
    let loose = m.mode == Mode::Observe || acts || out().any(|t| !m.flow || t.untrusted == Untrusted::Allow);
    let autonomy = if loose {
        3
    } else if m.tools.is_empty() || out().all(|t| t.untrusted == Untrusted::Refuse) && out().next().is_some()
    {
        1
    } else {
        2
    };
    let product = data * access * autonomy;
    let computed = match product {
        0..8 => RiskTier::Minimal,
        8..24 => RiskTier::Limited,
        _ => RiskTier::High,
    };
    Risk { declared: m.risk.name(), computed: computed.name(), data, access, autonomy, product }
}
