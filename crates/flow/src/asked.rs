//! Asking about a value: who brought it, or the worst of those who brought its parts.
//!
//! ```text
//! value -> as a whole: an encoding's inside, a typed value, one word, a run of words that followed one another
//!       -> a list (comma, semicolon, line): each item as a whole
//!       -> a join: name <address>, page + path, folder + file, page + query, mentions with spaces between them
//! ```
//! INVARIANT: every part that says something is accounted for, or nothing is known of the value.
//! SECURITY: a part of a join is a mention (a field of a result, a quotation, an identifier, a typed value), never a
//! word out of a sentence; a mail address, an account or a host is never joined. Thus no target can be put together
//! from words that the user happened to say.

use crate::encoded;
use crate::index::Index;
use crate::keyed::{Keyed, Kind};
use crate::seen::{MENTION_WORDS, RUN, mention_key, plain_key, strict};
use crate::shape::{self, Shape};
use crate::typed::{self, Forms};
use crate::url::Url;
use crate::words::{self, Words};
use cordon_types::Provenance;
use smallvec::SmallVec;

/// Places in a path where it may have been joined.
const MOST_CUTS: usize = 16;
/// Words of a join: more of them are a text, and no target.
const MOST_JOINED: usize = 64;

/// One question.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) keyed: &'a Keyed,
    pub(crate) index: &'a Index,
    /// Whether lists and joins count.
    pub(crate) joins: bool,
}

impl Asking<'_> {
    /// Where a value came from. None if nobody brought it, or a part of it.
    pub(crate) fn value(&self, text: &str, depth: u8) -> Option<Provenance> {
        let whole = words::outer(text);
        if let Some(known) = self.whole(whole, depth) {
            return Some(known);
        }
        if !self.joins {
            return None;
        }
        let items = items(whole);
        if items.len() > 1 {
            return worst(items.iter().map(|i| self.item(words::outer(i), depth)));
        }
        self.joined(whole, depth)
    }

    fn item(&self, text: &str, depth: u8) -> Option<Provenance> {
        self.whole(text, depth).or_else(|| self.joined(text, depth))
    }

    fn whole(&self, text: &str, depth: u8) -> Option<Provenance> {
        let all: Words<'_> = text.split_whitespace().map(strict).collect();
        if let [word] = all.as_slice() {
            // Where both are known, what was said first of either counts: few words are an encoding by chance.
            return match (self.inside(word, depth), self.word(word)) {
                (Some(inside), Some(word)) => Some(inside.min(word)),
                (inside, word) => inside.or(word),
            };
        }
        // What ends a clause ends a command too: `make test; reboot` is not what "make test. Reboot" says.
        if !self.joins && (text.contains(['\n', '\r', ';', '!', ':', ',']) || text.contains(". ")) {
            return None;
        }
        self.typed(&all).or_else(|| self.run(&all))
    }

    /// What an encoding hides.
    fn inside(&self, word: &str, depth: u8) -> Option<Provenance> {
        let inner = encoded::inside(word, &shape::of(word), depth)?;
        self.value(&words::asked(&inner)?, depth + 1)
    }

    fn forms(&self, forms: &Forms) -> Option<Provenance> {
        let of = |(kind, text): &(Kind, String)| {
            let known = self.index.get(self.keyed.text(*kind, text));
            // A day that was said without its year is that day of any year, where nobody brought that very day.
            known.or_else(|| {
                let day = (*kind == Kind::Date).then(|| typed::yearless(text))?;
                self.index.get(self.keyed.text(Kind::Yearless, day))
            })
        };
        if let [day @ (Kind::Date, _), time @ (Kind::Time, _)] = forms.as_slice() {
            // A time of day that nobody brought makes a known day no other target; one that a stranger brought may.
            return match of(time) {
                None | Some(Provenance::Unknown) => of(day),
                known => worst([of(day), known].into_iter()),
            };
        }
        worst(forms.iter().map(of))
    }

    fn typed(&self, all: &[&str]) -> Option<Provenance> {
        if all.len() > typed::LONGEST {
            return None;
        }
        let text = all.join(" ");
        let forms = typed::read(&text)?;
        typed::is_read_alike(&text, &forms).then(|| self.forms(&forms)).flatten()
    }

    /// One word. The one form that its shape has decides; a spelling of it does not.
    pub(crate) fn word(&self, word: &str) -> Option<Provenance> {
        match shape::of(word) {
            Shape::Plain => self.index.get(plain_key(self.keyed, word)),
            Shape::Typed(forms) => typed::is_read_alike(word, &forms).then(|| self.forms(&forms)).flatten(),
            Shape::Mail(address) => self.index.get(self.keyed.text(Kind::Mail, &address)),
            Shape::Name => match shape::page(word) {
                Some(url) => self.url(&url, &url.whole()),
                None => self.name(word),
            },
        }
    }

    fn name(&self, word: &str) -> Option<Provenance> {
        match shape::channel(word) {
            Some(channel) => self.index.get(plain_key(self.keyed, channel)),
            None => self.spelled(Kind::Exact, shape::path(word)),
        }
    }

    fn url(&self, url: &Url<'_>, text: &str) -> Option<Provenance> {
        let marked = format!("{}{text}", url.scheme.asked());
        if text == url.site {
            // Whoever brought a page of it brought the site.
            return self.index.get(self.keyed.text(Kind::Origin, &marked));
        }
        self.spelled(Kind::Url, &marked)
    }

    /// A spelling counts as it was seen, or in lower case; and whoever brought the lower case first is counted too.
    fn spelled(&self, kind: Kind, text: &str) -> Option<Provenance> {
        let folded = self.index.get(self.keyed.folded(kind, text));
        if !words::has_upper(text) {
            return folded;
        }
        match (self.index.get(self.keyed.text(kind, text)), folded) {
            (Some(exact), Some(folded)) => Some(exact.min(folded)),
            (Some(exact), None) => Some(exact),
            (None, folded) => folded.filter(|f| !f.is_good()),
        }
    }

    /// Words that followed one another in one text.
    fn run(&self, all: &[&str]) -> Option<Provenance> {
        if all.len() < 2 {
            return None;
        }
        let digests: SmallVec<[u64; 16]> = all.iter().map(|w| self.keyed.folded(Kind::Lower, w)).collect();
        let pairs = self.windows(&digests, 2)?;
        if !pairs.is_good() {
            return Some(pairs);
        }
        let size = digests.len().min(RUN);
        let run = if size > 2 { self.windows(&digests, size)? } else { pairs };
        // Identifiers in it keep their own spelling and their own origin.
        let names = all.iter().filter(|w| !words::is_plain(w) && w.chars().nth(1).is_some());
        let names = worst_or(names.map(|w| self.word(w)), Provenance::User)?;
        Some(run.min(pairs).min(names))
    }

    fn windows(&self, digests: &[u64], size: usize) -> Option<Provenance> {
        worst(digests.windows(size).map(|run| self.index.get(self.keyed.sequence(Kind::Run, run))))
    }

    fn joined(&self, text: &str, depth: u8) -> Option<Provenance> {
        if !text.contains(char::is_whitespace) {
            let word = strict(text);
            return match shape::page(word) {
                Some(url) => self.page(&url).or_else(|| self.query(&url, depth)),
                None if words::is_plain(word) => None,
                None => self.path(word),
            };
        }
        if let Some((name, address)) = text.strip_suffix('>').and_then(|t| t.rsplit_once('<')) {
            let address = matches!(shape::of(address), Shape::Mail(_)).then_some(address)?;
            return worst([self.item(words::outer(name), depth), self.word(address)].into_iter());
        }
        let all: Words<'_> = text.split_whitespace().map(strict).collect();
        self.cover(&all)
    }

    /// Mentions one after the other, the longest first.
    fn cover(&self, mut all: &[&str]) -> Option<Provenance> {
        // SECURITY: groups of digits from here and there are no account that anybody named.
        if all.len() > MOST_JOINED || typed::accounts(all).any(|forms| self.forms(&forms).is_none()) {
            return None;
        }
        let mut found = Provenance::User;
        while !all.is_empty() {
            let sizes = (1..=all.len().min(MENTION_WORDS)).rev();
            let (known, rest) = sizes
                .filter_map(|n| all.split_at_checked(n))
                .find_map(|(head, rest)| self.mention(head).map(|known| (known, rest)))?;
            found = found.min(known);
            all = rest;
        }
        Some(found)
    }

    /// A part that a value may be joined from.
    fn mention(&self, all: &[&str]) -> Option<Provenance> {
        if let [word] = all
            && !words::is_plain(word)
        {
            // An option or an operator of a shell is a part of what it stood in, and of nothing else.
            let says = word.contains(char::is_alphanumeric) && !word.starts_with('-');
            return says.then(|| self.word(word)).flatten();
        }
        if let Some(typed) = self.typed(all) {
            return Some(typed);
        }
        let mentioned = self.index.get(mention_key(self.keyed, all))?;
        let whole = match all {
            [word] => self.index.get(plain_key(self.keyed, word)),
            _ => self.run(all),
        };
        // Its words must be known too, so that who brought them earlier in running text is not forgotten.
        whole.map(|w| w.min(mentioned))
    }

    /// `folder/file`: a path that was seen, and one mention behind it.
    fn path(&self, word: &str) -> Option<Provenance> {
        if crooked(word) {
            return None;
        }
        let cuts = word.rmatch_indices('/').take(MOST_CUTS).filter_map(|(at, _)| word.split_at_checked(at));
        cuts.filter(|(folder, _)| !folder.is_empty())
            .find_map(|(folder, rest)| worst([self.mention(&[folder]), self.behind(rest)].into_iter()))
    }

    /// `page/path`: a page that was seen, and one mention behind it.
    fn page(&self, url: &Url<'_>) -> Option<Provenance> {
        if url.query.is_some() || url.fragment.is_some() || crooked(url.path) {
            return None;
        }
        let page = url.page();
        let cuts = page.rmatch_indices('/').take(MOST_CUTS).filter_map(|(at, _)| page.split_at_checked(at));
        cuts.into_iter().find_map(|(base, rest)| {
            // The site must have been named itself: a page of it is not enough.
            let named =
                self.index.get(self.keyed.text(Kind::Url, &format!("{}{base}", url.scheme.asked())))?;
            // One name behind a bare site may be anybody's account there.
            let is_file = base.contains('/') || rest.trim_start_matches('/').contains(['.', '/']);
            let known = || worst([Some(named), self.url(url, base), self.behind(rest)].into_iter());
            is_file.then(known).flatten()
        })
    }

    /// What follows a base: as it stands, or without its slash.
    fn behind(&self, rest: &str) -> Option<Provenance> {
        let bare = rest.trim_start_matches('/');
        self.mention(&[bare]).or_else(|| self.mention(&[rest]))
    }

    /// `page?name=value`: a page that was seen, names that were, and a mention as each value.
    fn query(&self, url: &Url<'_>, depth: u8) -> Option<Provenance> {
        if url.fragment.is_some() {
            return None;
        }
        url.query?;
        let pairs = url.pairs().map(|(name, value)| {
            let value = words::asked(&value)?.into_owned();
            let all: Words<'_> = value.split_whitespace().map(strict).collect();
            worst([self.whole(&name, depth), self.mention(&all)].into_iter())
        });
        worst([self.url(url, &url.page()), worst(pairs)].into_iter())
    }
}

/// The items of a list. Inside a word a comma divides addresses and words of letters only: in a URL it is a part of it.
fn items(text: &str) -> Vec<&str> {
    let spaced = text.contains(char::is_whitespace);
    let marks = [',', ';'];
    let lines = text.lines().flat_map(|line| {
        let mut rest = line;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let mut ends = rest.match_indices(marks).map(|(at, _)| at);
            let end = ends.find(|at| {
                let after = rest.get(at + 1..).unwrap_or_default();
                !spaced || after.is_empty() || after.starts_with(char::is_whitespace)
            });
            let (item, after) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
            rest = after.trim_start_matches(marks);
            Some(item)
        })
    });
    let items: Vec<&str> = lines.map(str::trim).filter(|i| !i.is_empty()).collect();
    let alone = |i: &&str| matches!(shape::of(words::outer(i)), Shape::Mail(_) | Shape::Plain);
    if spaced || items.iter().all(alone) { items } else { vec![text] }
}

/// A path that leads elsewhere than it reads.
fn crooked(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "." | "..")) || path.contains(['\\', '%', '?', '*'])
}

/// The worst of all, if each is known and there is one.
fn worst(all: impl Iterator<Item = Option<Provenance>>) -> Option<Provenance> {
    let mut found = None;
    for one in all {
        let one = one?;
        found = Some(found.map_or(one, |f: Provenance| f.min(one)));
    }
    found
}

fn worst_or(all: impl Iterator<Item = Option<Provenance>>, none: Provenance) -> Option<Provenance> {
    let mut found = none;
    for one in all {
        found = found.min(one?);
    }
    Some(found)
}
