//! Raw words to words: braces, tildes, globs; then what is left is text.

use super::lex::Atom;
use super::parse::RawSimple;
use super::{Budget, Doubt, Fault, Redirection, Simple, Word, brace};

/// The simple command that a raw one is.
pub(super) fn finish(raw: RawSimple, budget: &mut Budget) -> Result<Simple, Fault> {
    let mut words = Vec::with_capacity(raw.words.len());
    for (i, word) in raw.words.iter().enumerate() {
        // `^old^new` at the beginning changes what was typed before.
        if i == 0 && word.atoms.first() == Some(&Atom::Char('^', false)) {
            words.push(Word::Undecidable(Doubt::History));
            continue;
        }
        match brace::expand(&word.atoms) {
            Err(doubt) => words.push(Word::Undecidable(doubt)),
            Ok(parts) => {
                let expanded = parts.len() > 1 || parts.first().is_some_and(|p| *p != word.atoms);
                // Which of the empty ones was quoted is not known any more; and where nothing is left (`{,}`), no word
                // could say that only bash reads it so.
                let empty = if word.quoted {
                    parts.iter().any(Vec::is_empty)
                } else {
                    parts.iter().all(Vec::is_empty)
                };
                if expanded && empty {
                    words.push(Word::Undecidable(Doubt::Braces));
                    continue;
                }
                // `{,$}x` and `{,$}''`: what a `$` means is decided after the braces.
                if expanded && parts.iter().any(|p| joins(p, word.quoted)) {
                    words.push(Word::Undecidable(Doubt::Variable));
                    continue;
                }
                for atoms in parts {
                    if atoms.is_empty() && !word.quoted {
                        continue;
                    }
                    budget.word()?;
                    words.push(one(&atoms, word.bash || expanded));
                }
            }
        }
    }
    let assignments = raw.assignments.into_iter().map(|(name, w)| (name, one(&w.atoms, w.bash))).collect();
    let redirections = raw.redirections.into_iter().map(|r| {
        let braces = r.target.atoms.contains(&Atom::Char('{', false));
        let target = if braces {
            Word::Undecidable(Doubt::Braces)
        } else {
            one(&r.target.atoms, r.bash || r.target.bash)
        };
        Redirection { fd: r.fd, op: r.op, target }
    });
    Ok(Simple {
        words,
        assignments,
        redirections: redirections.collect(),
        origin: raw.origin,
        fed: raw.fed,
        code: Vec::new(),
        runs_input: false,
    })
}

/// Whether a `$` stands before something: an atom, or quotes with nothing in them, which leave none.
fn joins(atoms: &[Atom], quoted: bool) -> bool {
    let dollar = Atom::Char('$', false);
    atoms.iter().enumerate().any(|(i, a)| *a == dollar && (quoted || i + 1 < atoms.len()))
}

fn one(atoms: &[Atom], bash: bool) -> Word {
    let mut text = String::with_capacity(atoms.len());
    let mut before = None;
    for (i, atom) in atoms.iter().enumerate() {
        let (c, quoted) = match atom {
            Atom::Doubt(doubt) => return Word::Undecidable(*doubt),
            Atom::Char(c, quoted) => (*c, *quoted),
        };
        if !quoted {
            match c {
                '*' | '?' => return Word::Undecidable(Doubt::Glob),
                // Alone it is the command that tests.
                '[' if atoms.len() > 1 => return Word::Undecidable(Doubt::Glob),
                // `~/x` and `~` are the home of whoever runs it, and stay as they are written.
                '~' if i == 0 && matches!(atoms.get(1), None | Some(Atom::Char('/', _))) => {}
                '~' if i == 0 || matches!(before, Some('=' | ':')) => {
                    return Word::Undecidable(Doubt::Tilde);
                }
                _ => {}
            }
        }
        text.push(c);
        before = Some(c);
    }
    if bash { Word::BashOnly(text) } else { Word::Literal(text) }
}
