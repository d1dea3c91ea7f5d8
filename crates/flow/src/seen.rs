//! Entering a text: every value in it that somebody may ask about later, as digests.
//!
//! ```text
//! text -> words -> each word (and the parts of an address, the layers of an encoding)
//!               -> neighbours: 2, 3 and 4 words
//!               -> values of several words: days, amounts, accounts, telephones
//!               -> mentions: the whole, if it is short, and what stands in quotation marks
//! ```
//! What always holds: strangers' texts and the user's are read by the same rules, so that whatever the user's text
//! would enter, a stranger's text had entered before. What it does not do: keep any text.

use crate::asked::Asking;
use crate::encoded;
use crate::index::Index;
use crate::keyed::{Keyed, Kind};
use crate::shape::{self, Shape};
use crate::typed;
use crate::url::{self, Scheme, Url};
use crate::words::{self, Words};
use cordon_types::Provenance;
use smallvec::SmallVec;

/// Words of a mention at most.
pub(crate) const MENTION_WORDS: usize = 12;
/// Words that are kept as neighbours at most: a longer run is known by runs of four that overlap by three.
pub(crate) const RUN: usize = 4;

/// What divides a word into others that may be values.
const DIVIDERS: [char; 16] =
    ['"', '\'', '<', '>', ',', ';', '|', '(', ')', '[', ']', '{', '}', '=', '`', '&'];

/// Bytes of a word that is taken apart at most: longer ones are data, and would cost time without end.
const LONGEST_PARTED: usize = 4_096;

/// One text being entered.
pub(crate) struct Entering<'a> {
    pub(crate) keyed: &'a Keyed,
    pub(crate) index: &'a mut Index,
    pub(crate) source: Provenance,
}

impl Entering<'_> {
    fn enter(&mut self, digest: u64) {
        self.index.enter(digest, self.source);
    }

    /// A whole text: a field of a result, what the user wrote.
    pub(crate) fn text(&mut self, text: &str) {
        self.layer(text, 0);
    }

    fn layer(&mut self, text: &str, depth: u8) {
        let text = words::seen(text);
        let raw: Vec<&str> = text.split_whitespace().collect();
        let all: Vec<&str> = raw.iter().map(|r| words::loose(r)).filter(|w| !w.is_empty()).collect();
        for (at, word) in all.iter().enumerate() {
            // The 13 of `June 13` is a day of it, and nobody's file or flat.
            if !typed::is_day_of_month(&all, at) {
                self.word(word, depth);
            }
        }
        typed::spans(&all, |forms| self.forms(&forms));
        self.neighbours(&all);
        self.strictly(&raw);
        if raw.len() <= MENTION_WORDS {
            self.mention(&all);
            let strict: Words<'_> = raw.iter().map(|r| strict(r.trim_matches('`'))).collect();
            if strict.as_slice() != all.as_slice() {
                self.mention(&strict);
            }
        }
        self.quotations(&raw);
    }

    /// One word, met in running text.
    fn word(&mut self, word: &str, depth: u8) {
        let shape = shape::of(word);
        let inner = encoded::inside(word, &shape, depth);
        // What is in it is entered all the same: who was first there stays first.
        if !self.repeats(word, inner.as_deref(), depth) {
            self.shaped(word, shape, depth);
        }
        if let Some(inner) = inner {
            self.layer(&inner, depth + 1);
        }
    }

    fn shaped(&mut self, word: &str, shape: Shape, depth: u8) {
        match shape {
            Shape::Plain => {
                if words::says_something(word) {
                    self.enter(plain_key(self.keyed, word));
                }
            }
            // A digit alone says nothing; where it stands by itself, it is a mention.
            Shape::Typed(forms) if word.len() > 1 => self.forms(&forms),
            Shape::Typed(_) => {}
            Shape::Mail(address) => {
                self.enter(self.keyed.text(Kind::Mail, &address));
                if let Some((_, domain)) = address.split_once('@') {
                    self.host(domain, Scheme::Unsaid);
                }
            }
            Shape::Name => {
                self.name(word);
                self.parts(word, depth);
            }
        }
    }

    /// Whether a stranger only repeats an encoded word, or what is in one, that somebody good brought.
    fn repeats(&self, word: &str, inner: Option<&str>, depth: u8) -> bool {
        let Some(inner) = inner.filter(|_| !self.source.is_good()) else { return false };
        let asking = Asking { keyed: self.keyed, index: self.index, joins: true };
        let known = |p: Option<Provenance>| p.is_some_and(Provenance::is_good);
        known(asking.word(word)) || words::asked(inner).is_some_and(|i| known(asking.value(&i, depth + 1)))
    }

    fn forms(&mut self, forms: &typed::Forms) {
        for (kind, text) in forms.iter().chain(typed::told_too(forms).iter()) {
            self.enter(self.keyed.text(*kind, text));
        }
    }

    /// An identifier, which may be a site or a page of one.
    fn name(&mut self, word: &str) {
        if let Some(channel) = shape::channel(word) {
            return self.enter(plain_key(self.keyed, channel));
        }
        self.spell(word);
        if let Some(site) = url::parse(word) {
            self.url(&site, &site.whole());
        }
    }

    /// An identifier as it was written, and folded.
    fn spell(&mut self, word: &str) {
        let word = shape::path(word);
        if word.chars().nth(1).is_some() {
            self.spelled(Kind::Exact, word);
        }
    }

    /// As it was written, and in lower case.
    fn spelled(&mut self, kind: Kind, text: &str) {
        if words::has_upper(text) {
            self.enter(self.keyed.text(kind, text));
        }
        self.enter(self.keyed.folded(kind, text));
    }

    /// The host of something that was seen: known by itself, and no base for other pages of it.
    fn host(&mut self, host: &str, scheme: Scheme) {
        self.spell(host);
        for mark in scheme.seen() {
            self.enter(self.keyed.text(Kind::Origin, &format!("{mark}{host}")));
        }
    }

    /// What of an identifier may stand alone: the host and the values of a URL, the file of a path, the name behind a
    /// sign, and what punctuation without a space divides.
    fn parts(&mut self, word: &str, depth: u8) {
        if word.len() > LONGEST_PARTED {
            return;
        }
        if !self.page(word, depth) {
            self.divided(word, depth);
        }
        if let Some(file) = shape::file(word) {
            self.part(file, depth);
        }
        if let Some(named) = word.strip_prefix(['#', '@']) {
            self.part(named, depth);
        }
    }

    fn part(&mut self, word: &str, depth: u8) {
        match shape::of(word) {
            Shape::Plain if words::says_something(word) => self.enter(plain_key(self.keyed, word)),
            Shape::Name => {
                self.name(word);
                self.page(word, depth);
            }
            Shape::Typed(forms) if word.len() > 1 => self.forms(&forms),
            Shape::Mail(address) => self.enter(self.keyed.text(Kind::Mail, &address)),
            _ => {}
        }
    }

    /// The parts of a URL; whether it is one.
    fn page(&mut self, word: &str, depth: u8) -> bool {
        let Some(url) = shape::page(word) else { return false };
        if url.query.is_some() || url.fragment.is_some() {
            self.url(&url, &url.page());
        }
        self.host(url.host(), url.scheme);
        if encoded::is_open(depth) {
            url.pairs().for_each(|(_, value)| self.layer(&value, depth + 1));
        }
        true
    }

    /// `{"to":"bob@x.com"}`, `to=bob@x.com`, `to:bob@x.com`, `[page](https://x.com)`.
    fn divided(&mut self, word: &str, depth: u8) {
        let label = |w: &str| {
            let (left, right) = w.split_once(':')?;
            (words::is_plain(left.trim_matches('"')) && !right.starts_with("//")).then_some(right.len())
        };
        if !word.contains(DIVIDERS) && label(word).is_none() {
            return;
        }
        for (at, _) in word.match_indices("http").filter(|(at, _)| word.get(*at..).is_some_and(is_link)) {
            let tail = word.get(at..).filter(|_| at > 0).unwrap_or_default();
            let end = tail
                .find(['"', '\'', '<', '>', '(', ')', '[', ']', '{', '}', '|', '`'])
                .unwrap_or(tail.len());
            if let Some(url) = tail.get(..end).map(words::loose).filter(|u| shape::page(u).is_some()) {
                self.part(url, depth);
            }
        }
        for piece in word.split(DIVIDERS) {
            let from = label(piece).map_or(0, |right| piece.len() - right);
            let piece = words::loose(piece.get(from..).unwrap_or_default());
            if piece != word {
                self.part(piece, depth);
            }
        }
    }

    fn url(&mut self, url: &Url<'_>, text: &str) {
        for mark in url.scheme.seen() {
            let marked = format!("{mark}{text}");
            self.spelled(Kind::Url, &marked);
            self.enter(self.keyed.text(Kind::Origin, &format!("{mark}{}", url.site)));
        }
    }

    fn neighbours(&mut self, all: &[&str]) {
        let digests: Vec<u64> = all.iter().map(|w| self.keyed.folded(Kind::Lower, w)).collect();
        for size in 2..=RUN {
            for run in digests.windows(size) {
                self.enter(self.keyed.sequence(Kind::Run, run));
            }
        }
    }

    /// The words that a value asked about would keep more of, as it would keep them.
    fn strictly(&mut self, raw: &[&str]) {
        // Between backticks stands a name to a writer and a command to a shell: they are never a part of what is known.
        let raw = raw.iter().map(|r| r.trim_matches('`')).filter(|r| !r.is_empty());
        let all: SmallVec<[(&str, bool); 16]> =
            raw.map(|r| (strict(r), strict(r) != words::loose(r))).collect();
        if !all.iter().any(|(_, differs)| *differs) {
            return;
        }
        for (word, _) in all.iter().filter(|(_, differs)| *differs) {
            if matches!(shape::of(word), Shape::Name) {
                self.name(word);
            }
        }
        let digests: Vec<(u64, bool)> =
            all.iter().map(|(w, differs)| (self.keyed.folded(Kind::Lower, w), *differs)).collect();
        for size in 2..=RUN {
            for run in digests.windows(size).filter(|r| r.iter().any(|(_, differs)| *differs)) {
                let run: SmallVec<[u64; RUN]> = run.iter().map(|(d, _)| *d).collect();
                self.enter(self.keyed.sequence(Kind::Run, &run));
            }
        }
    }

    /// Words that stand by themselves: also what says nothing in running text counts.
    fn mention(&mut self, all: &[&str]) {
        if let [word] = all {
            let shape = shape::of(word);
            if self.repeats(word, encoded::inside(word, &shape, 0).as_deref(), 0) {
                return;
            }
            match shape {
                Shape::Plain => self.enter(plain_key(self.keyed, word)),
                Shape::Typed(forms) => return self.forms(&forms),
                Shape::Mail(_) => return,
                Shape::Name => {
                    self.spelled(Kind::Exact, shape::path(word));
                    return self.name(word);
                }
            }
        }
        if !all.is_empty() {
            self.enter(mention_key(self.keyed, all));
        }
    }

    fn quotations(&mut self, raw: &[&str]) {
        for (at, first) in raw.iter().enumerate() {
            let opened = first.trim_start_matches(['(', '[', '{', ',']);
            let Some(mark) = opened.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) else {
                continue;
            };
            let closes = |n: usize, word: &str| {
                let word = word.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}']);
                word.ends_with(mark) && (n > 0 || word.len() > 1 + first.len() - opened.len())
            };
            let rest = raw.iter().skip(at).take(MENTION_WORDS);
            if let Some(last) = rest.clone().enumerate().position(|(n, w)| closes(n, w)) {
                let inside: Words<'_> =
                    rest.take(last + 1).map(|w| words::loose(w)).filter(|w| !w.is_empty()).collect();
                self.mention(&inside);
            }
        }
    }
}

fn is_link(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// A word read as a value's words are read; one that is nothing but punctuation stays.
pub(crate) fn strict(raw: &str) -> &str {
    let word = words::strict(raw);
    if word.is_empty() { raw } else { word }
}

/// The one digest of a word of letters. One that says nothing by itself is known only where it stood by itself.
pub(crate) fn plain_key(keyed: &Keyed, word: &str) -> u64 {
    if words::says_something_folded(word) {
        keyed.folded(Kind::Lower, word)
    } else {
        mention_key(keyed, &[word])
    }
}

/// The digest of words that stood by themselves.
pub(crate) fn mention_key(keyed: &Keyed, all: &[&str]) -> u64 {
    let digests: SmallVec<[u64; MENTION_WORDS]> = all.iter().map(|w| keyed.folded(Kind::Lower, w)).collect();
    keyed.sequence(Kind::Mention, &digests)
}
