//! The demo: attacks and leaks against the built-in credulous model, stopped; normal work beside them, going through.
//!
//! ```text
//! stage (a whole gateway) <- caller <- scenes        then, from the files alone:
//!                             |                      evidence (ledger verified, each record proved, files searched)
//!                             +-> answer -----------> verdict: is it as it should be -> told (lines, JSON)
//! ```
//! Played for several rounds it is a period's worth of traffic, whose evidence packs can then be made from what is kept.
//!
//! What always holds: it asserts its own outcome. A scene is good when the answer, the record and the record's proof
//! are all as they should be; the demo is good when every scene is, and no file holds what was said.

mod answer;
mod caller;
mod evidence;
mod prompt;
mod scenes;
mod stage;
#[cfg(test)]
mod tests;
mod told;
mod verdict;

pub use told::{Scene, Summary, Told};

use crate::error::AppError;
use answer::Answer;
use cordon_types::Secret;
use evidence::Evidence;
use scenes::{How, Key, Script};
use serde_json::json;
use stage::{Place, Stage, Who};
use std::path::Path;

/// Most calls until a budget of two a minute refuses: its window may turn over once in between.
const MAX_TRIES: usize = 6;

/// A script that was played.
struct Played {
    script: Script,
    answer: Answer,
    /// Calls that went through before.
    before: usize,
    /// Which time it was played, from 0.
    round: u32,
}

/// Plays all scenes, `rounds` times; true when each came out as it should. The data stays in `keep`, else nothing does.
/// Told are the scenes of the first round, those of later ones that went wrong, and the end.
pub fn play(keep: Option<&Path>, rounds: u32, tell: &mut dyn FnMut(&Told)) -> Result<bool, AppError> {
    let stage = Stage::open(keep)?;
    let mut played = Vec::new();
    for round in 0..rounds.max(1) {
        if round > 0 {
            stage.ask("DELETE", &format!("/cordon/v1/kills/{}", runaway()), &json!({}))?;
        }
        for script in scenes::all() {
            played.push(perform(&stage, script, round)?);
        }
    }
    let keys = Who::ALL.map(|who| Secret::new(stage.key(who).to_owned()));
    let place = stage.close()?;
    let evidence = Evidence::gather(&place.root)?;
    let mut good = true;
    let mut scenes = 0;
    for played in &played {
        scenes += 1;
        let scene = verdict::judge(scenes, played, &evidence);
        good &= scene.failures.is_empty();
        if played.round == 0 || !scene.failures.is_empty() {
            tell(&Told::Scene(scene));
        }
    }
    let summary = sum_up(&place, &evidence, &keys, scenes, good)?;
    let good = summary.good;
    tell(&Told::Summary(summary));
    Ok(good)
}

/// What is killed.
fn runaway() -> String {
    format!("agent:{}", Who::Runaway.name())
}

fn perform(stage: &Stage, script: Script, round: u32) -> Result<Played, AppError> {
    let key = match script.key {
        Key::Of(who) => Some(stage.key(who).to_owned()),
        Key::Missing => None,
        Key::Wrong => Some(wrong(stage.key(Who::Desk))),
    };
    let send = || stage.caller.send(script.dialect, key.as_deref(), &script.body);
    let mut before = 0;
    let answer = match script.how {
        How::Once => send()?,
        How::UntilRefused => {
            let mut answer = send()?;
            while answer.status == 200 && before < MAX_TRIES {
                before += 1;
                answer = send()?;
            }
            answer
        }
        How::KilledMidway => {
            let mut open = stage.caller.open(script.dialect, key.as_deref(), &script.body)?;
            // The first words are out; the rest would come.
            if !stage.caller.until(&mut open, r#""content":"T"#)? {
                return Err(AppError::Demo("the answer that is to be killed did not begin".to_owned()));
            }
            stage.ask("POST", "/cordon/v1/kills", &json!({"scope": runaway()}))?;
            stage.caller.rest(open)?
        }
    };
    Ok(Played { script, answer, before, round })
}

/// A key with its last character changed.
fn wrong(key: &str) -> String {
    let mut key = key.to_owned();
    let last = key.pop();
    key.push(if last == Some('2') { '3' } else { '2' });
    key
}

fn sum_up(
    place: &Place,
    evidence: &Evidence,
    keys: &[Secret],
    scenes: usize,
    good: bool,
) -> Result<Summary, AppError> {
    let mut never = scenes::canaries();
    never.extend(keys.iter().map(|k| k.expose().to_owned()));
    let search = evidence::search(&place.root, &never)?;
    // A search that finds nothing proves nothing, unless it finds what is there.
    let control = evidence::search(&place.root, &[Who::Runaway.purpose().to_owned()])?;
    let clean = search.hits.is_empty() && !control.hits.is_empty();
    Ok(Summary {
        scenes,
        records: evidence.size,
        origin: evidence.origin.clone(),
        root: evidence.root.clone(),
        files: search.files,
        strings: never.len(),
        good: good && clean,
        hits: search.hits,
        kept: place.kept().then(|| place.root.clone()),
    })
}
