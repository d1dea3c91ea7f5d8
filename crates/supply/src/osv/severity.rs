//! How grave an advisory is: its CVSS vector (3.0, 3.1, 4.0), else the word of its database.

use serde::{Serialize, Serializer};
use std::str::FromStr as _;

/// A level, as CVSS names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Under 4.0.
    Low,
    /// 4.0 to 6.9.
    Medium,
    /// 7.0 to 8.9.
    High,
    /// 9.0 and more.
    Critical,
}

impl Level {
    /// Every level, the mildest first.
    pub const ALL: [Level; 4] = [Level::Low, Level::Medium, Level::High, Level::Critical];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
            Level::Critical => "critical",
        }
    }

    /// The level of a name; GitHub says `moderate`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "low" => Some(Level::Low),
            "medium" | "moderate" => Some(Level::Medium),
            "high" | "important" => Some(Level::High),
            "critical" => Some(Level::Critical),
            _ => None,
        }
    }

    fn of_score(tenths: u16) -> Option<Self> {
        match tenths {
            0 => None,
            1..=39 => Some(Level::Low),
            40..=69 => Some(Level::Medium),
            70..=89 => Some(Level::High),
            _ => Some(Level::Critical),
        }
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

/// How grave; all empty where nothing says.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Severity {
    /// The level.
    pub level: Option<Level>,
    /// The score of the vector, in tenths.
    pub tenths: Option<u16>,
    /// The vector, as written.
    pub vector: Option<String>,
}

impl Severity {
    /// The gravest of the vectors; where none can be read, the database's word.
    pub(super) fn of(vectors: Vec<String>, word: Option<&str>) -> Self {
        let scored = vectors.into_iter().filter_map(|v| Some((score(&v)?, v)));
        match scored.max_by_key(|(tenths, _)| *tenths) {
            Some((tenths, vector)) => Self {
                level: Level::of_score(tenths),
                tenths: Some(tenths),
                vector: Some(cordon_inventory::asset::clipped(vector)),
            },
            None => Self { level: word.and_then(Level::from_name), tenths: None, vector: None },
        }
    }
}

/// The score of a vector, or of a bare number, in tenths.
fn score(vector: &str) -> Option<u16> {
    let score = match vector.trim().parse::<f64>() {
        Ok(bare) => bare,
        Err(_) => cvss::Cvss::from_str(vector.trim()).ok()?.score(),
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded to 0 to 100")]
    let tenths = (0.0..=10.0).contains(&score).then(|| (score * 10.0).round() as u16);
    tenths
}
