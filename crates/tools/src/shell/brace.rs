//! Brace expansion as bash does it ("Brace Expansion"), before everything else that looks at a word.
//!
//! What always holds: at most [`MAX_BRACES`] words come of one; sequences are those of whole numbers and of letters of
//! one case; what shells and versions read differently is a doubt.

use super::lex::Atom;
use super::{Doubt, MAX_BRACES};

/// Deepest nesting of braces.
const MAX_NESTING: usize = 8;
/// Most opening braces of a word in which one expands.
const MAX_OPENS: usize = 64;

/// The words that the atoms become. One, the same, where nothing expands.
pub(super) fn expand(atoms: &[Atom]) -> Result<Vec<Vec<Atom>>, Doubt> {
    let dots = atoms.windows(2).any(|w| w.iter().all(|a| is(a, '.')));
    let expands = atoms.iter().any(|a| is(a, '{')) && (dots || atoms.iter().any(|a| is(a, ',')));
    if !expands {
        return Ok(vec![atoms.to_vec()]);
    }
    let opens = atoms.iter().filter(|a| is(a, '{')).count();
    if opens > MAX_OPENS || !is_plain(atoms) {
        return Err(Doubt::Braces);
    }
    expand_at(atoms, 0)
}

/// Whether all braces are pairs with something between them. What bash makes of others beside commas (`a{}b,c}` is
/// `a}b ac`) is no rule that its manual has.
fn is_plain(atoms: &[Atom]) -> bool {
    let mut depth = 0_usize;
    let mut opened = false;
    for atom in atoms {
        if is(atom, '{') {
            depth += 1;
        } else if is(atom, '}') {
            if opened || depth == 0 {
                return false;
            }
            depth -= 1;
        }
        opened = is(atom, '{');
    }
    depth == 0
}

fn is(atom: &Atom, c: char) -> bool {
    *atom == Atom::Char(c, false)
}

fn expand_at(atoms: &[Atom], nesting: usize) -> Result<Vec<Vec<Atom>>, Doubt> {
    if nesting > MAX_NESTING {
        return Err(Doubt::Braces);
    }
    let Some(found) = find(atoms)? else { return Ok(vec![atoms.to_vec()]) };
    let head = atoms.get(..found.open).unwrap_or_default();
    let tail = atoms.get(found.close + 1..).unwrap_or_default();
    let mut middles = Vec::new();
    for part in found.parts {
        middles.extend(if found.sequence { vec![part] } else { expand_at(&part, nesting + 1)? });
        if middles.len() > MAX_BRACES {
            return Err(Doubt::Braces);
        }
    }
    let tails = expand_at(tail, nesting + 1)?;
    if middles.len() * tails.len() > MAX_BRACES {
        return Err(Doubt::Braces);
    }
    let mut out = Vec::with_capacity(middles.len() * tails.len());
    for middle in &middles {
        for tail in &tails {
            out.push([head, middle, tail].concat());
        }
    }
    Ok(out)
}

struct Found {
    open: usize,
    close: usize,
    parts: Vec<Vec<Atom>>,
    sequence: bool,
}

/// The first brace that expands: one with a comma of its own, or a sequence.
fn find(atoms: &[Atom]) -> Result<Option<Found>, Doubt> {
    let opens = atoms.iter().enumerate().filter(|(_, a)| is(a, '{')).map(|(i, _)| i);
    for open in opens {
        let mut depth = 0_usize;
        let mut commas = Vec::new();
        for (i, atom) in atoms.iter().enumerate().skip(open + 1) {
            if is(atom, '{') {
                depth += 1;
            } else if is(atom, '}') && depth > 0 {
                depth -= 1;
            } else if is(atom, ',') && depth == 0 {
                commas.push(i);
            } else if is(atom, '}') {
                let inner = atoms.get(open + 1..i).unwrap_or_default();
                if !commas.is_empty() {
                    let parts = inner.cut_at(open + 1, &commas);
                    return Ok(Some(Found { open, close: i, parts, sequence: false }));
                }
                if let Some(parts) = sequence(inner)? {
                    return Ok(Some(Found { open, close: i, parts, sequence: true }));
                }
                break;
            }
        }
    }
    Ok(None)
}

trait SplitAt {
    fn cut_at(&self, base: usize, at: &[usize]) -> Vec<Vec<Atom>>;
}

impl SplitAt for [Atom] {
    /// The parts between the commas, whose places count from `base` before this slice.
    fn cut_at(&self, base: usize, at: &[usize]) -> Vec<Vec<Atom>> {
        let mut start = 0;
        let mut parts = Vec::new();
        for comma in at.iter().map(|c| c - base).chain([self.len()]) {
            parts.push(self.get(start..comma).unwrap_or_default().to_vec());
            start = comma + 1;
        }
        parts
    }
}

/// `1..5`, `01..10`, `a..e`, `1..9..2`; none where the text is no sequence.
fn sequence(inner: &[Atom]) -> Result<Option<Vec<Vec<Atom>>>, Doubt> {
    let mut text = String::new();
    for atom in inner {
        match atom {
            Atom::Char(c, false) => text.push(*c),
            // Quoted or unknown: bash looks at it again after other expansions, or not at all.
            _ if inner.iter().filter(|a| is(a, '.')).count() >= 2 => return Err(Doubt::Braces),
            _ => return Ok(None),
        }
    }
    let parts: Vec<&str> = text.split("..").collect();
    let (first, last, step) = match parts.as_slice() {
        [first, last] => (*first, *last, "1"),
        [first, last, step] => (*first, *last, *step),
        _ => return Ok(None),
    };
    let whole = |s: &str| s.parse::<i64>().ok().filter(|n| n.abs() < 1 << 31);
    let letter = |s: &str| {
        let mut chars = s.chars();
        chars.next().filter(|c| c.is_ascii_alphabetic() && chars.next().is_none())
    };
    let Some(step) = whole(step) else {
        return if step.is_empty() { Ok(None) } else { Err(Doubt::Braces) };
    };
    let words = if let (Some(a), Some(b)) = (whole(first), whole(last)) {
        let padded = [first, last].iter().any(|s| {
            let digits = s.trim_start_matches(['-', '+']);
            digits.len() > 1 && digits.starts_with('0')
        });
        // Padding counts signs differently in versions.
        if padded && (first.contains(['-', '+']) || last.contains(['-', '+'])) {
            return Err(Doubt::Braces);
        }
        let width = if padded { first.len().max(last.len()) } else { 0 };
        steps(a, b, step)?.into_iter().map(|n| format!("{n:0width$}")).collect::<Vec<_>>()
    } else if let (Some(a), Some(b)) = (letter(first), letter(last)) {
        if a.is_ascii_lowercase() != b.is_ascii_lowercase() {
            return Err(Doubt::Braces);
        }
        let code = |c: char| i64::from(u32::from(c));
        let letters = steps(code(a), code(b), step)?;
        letters.into_iter().filter_map(|n| u8::try_from(n).ok()).map(|b| char::from(b).to_string()).collect()
    } else {
        return Ok(None);
    };
    Ok(Some(words.iter().map(|w| w.chars().map(|c| Atom::Char(c, true)).collect()).collect()))
}

/// From one end to the other; the sign of the step does not count.
fn steps(a: i64, b: i64, step: i64) -> Result<Vec<i64>, Doubt> {
    let size = step.abs().max(1);
    let count = usize::try_from((b - a).abs() / size + 1).unwrap_or(usize::MAX);
    if count > MAX_BRACES {
        return Err(Doubt::Braces);
    }
    let step = if a <= b { size } else { -size };
    Ok(std::iter::successors(Some(a), |n| Some(n + step)).take(count).collect())
}
