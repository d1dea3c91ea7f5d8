//! Folding, character by character: compatibility forms, accents, look-alikes, invisible characters.
//!
//! What always holds: what a character folds to depends on that character alone, never on its neighbours. So a
//! window of a text folds to the same characters as the text does, wherever it was cut. (This is why the view is
//! *like* NFKC and not NFKC: canonical composition looks at neighbours. Accents are dropped instead.)

use super::map::Map;
use std::ops::Range;
use unicode_normalization::char::decompose_compatible;

/// A maximal run of consecutive invisible characters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct HiddenRun {
    /// Where, in bytes of the original text.
    pub range: Range<usize>,
    /// Zero-width spaces, joiners, word joiners, soft hyphens, fillers and the like.
    pub zero_width: u32,
    /// Bidirectional controls.
    pub bidi: u32,
    /// Tag characters (U+E0000 to U+E007F).
    pub tags: u32,
    /// Variation selectors (both blocks).
    pub selectors: u32,
    /// What the tag characters (as ASCII) or variation selectors (as bytes) spell, where it is text; else empty.
    /// The caller scans it as a layer of its own.
    pub decoded: String,
    /// The visible character before and after (None at the ends of the text): emoji use joiners and selectors.
    pub before: Option<char>,
    /// See `before`.
    pub after: Option<char>,
}

/// A folded text.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    /// The folded text.
    pub text: String,
    /// From the folded text to the original.
    pub map: Map,
    /// Runs of invisible characters, in order.
    pub hidden: Vec<HiddenRun>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Invisible {
    ZeroWidth,
    Bidi,
    Tag,
    Selector,
}

fn invisible(c: char) -> Option<Invisible> {
    Some(match u32::from(c) {
        0xAD
        | 0x34F
        | 0x115F..=0x1160
        | 0x17B4..=0x17B5
        | 0x180E
        | 0x200B..=0x200D
        | 0x2060..=0x2064
        | 0x206A..=0x206F
        | 0x3164
        | 0xFEFF
        | 0xFFA0
        | 0xFFF9..=0xFFFB
        | 0x1_BCA0..=0x1_BCA3
        | 0x1_D173..=0x1_D17A => Invisible::ZeroWidth,
        0x61C | 0x200E..=0x200F | 0x202A..=0x202E | 0x2066..=0x2069 => Invisible::Bidi,
        0xE_0000..=0xE_007F => Invisible::Tag,
        0x180B..=0x180D | 0x180F | 0xFE00..=0xFE0F | 0xE_0100..=0xE_01EF => Invisible::Selector,
        _ => return None,
    })
}

/// Accents and other marks that sit on a letter. Marks that are letters' parts in other scripts are kept.
fn is_accent(c: char) -> bool {
    matches!(u32::from(c), 0x300..=0x36F | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x20D0..=0x20FF | 0xFE20..=0xFE2F)
}

/// Look-alikes of Latin letters that compatibility forms leave alone, each with its Latin character. Own table
/// after the idea of Unicode TR 39: Cyrillic, Greek, Latin's own relatives, Armenian, small capitals.
const LOOK_ALIKES: &str = "аaеeоoрpсcуyхxіiјjѕsԁdһhԛqԝwӏlүyѵvАAВBЕEКKМMНHОOРPСCТTУYХXІIЈJЅSҮYӀIѴVԚQԜW\
αaοoνvρpιiγyυuκkΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧX\
ıiɑaɡgɩiłlŁLøoØOđdĐDħhօoսuցgհhոnᴀaʙbᴄcᴅdᴇeꜰfɢgʜhɪiᴊjᴋkʟlᴍmɴnᴏoᴘpʀrꜱsᴛtᴜuᴠvᴡwʏyᴢz\
⁄/∕/∶:꞉:ː:․.∗*‹<›>‘'’'‛'′'ʼ'“\"”\"‟\"″\"";

/// The table, sorted for look-up.
fn table() -> &'static [(char, char)] {
    static TABLE: std::sync::OnceLock<Vec<(char, char)>> = std::sync::OnceLock::new();
    TABLE.get_or_init(|| {
        let mut chars = LOOK_ALIKES.chars();
        let mut pairs = Vec::new();
        while let (Some(from), Some(to)) = (chars.next(), chars.next()) {
            pairs.push((from, to));
        }
        pairs.sort_unstable();
        pairs
    })
}

fn look_alike(c: char) -> char {
    match c {
        _ if c.is_ascii() => c,
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{2028}' | '\u{2029}' | '\u{85}' => '\n',
        _ => digit(c).unwrap_or_else(|| {
            let table = table();
            table.binary_search_by_key(&c, |p| p.0).ok().and_then(|i| table.get(i)).map_or(c, |p| p.1)
        }),
    }
}

/// Decimal digits of scripts that people write numbers in.
fn digit(c: char) -> Option<char> {
    let value = match u32::from(c) {
        n @ (0x660..=0x669 | 0x6F0..=0x6F9) => n & 0xF,
        n @ (0x966..=0x96F | 0x9E6..=0x9EF) => (n & 0xF).checked_sub(6)?,
        _ => return None,
    };
    char::from_digit(value, 10)
}

fn fold_char(c: char, out: &mut String) {
    // Ideographs and syllables have no other reading; decomposing them would only cost.
    if c.is_ascii() || matches!(u32::from(c), 0x3041..=0x30FA | 0x4E00..=0x9FFF | 0xAC00..=0xD7A3) {
        out.push(c);
        return;
    }
    let from = out.len();
    let first = look_alike(c);
    if first != c {
        out.push(first);
        return;
    }
    decompose_compatible(c, |d| {
        // A space inside an expansion would split a word where the original has none.
        if !is_accent(d) && (out.len() == from || !d.is_whitespace()) {
            out.push(look_alike(d));
        }
    });
}

/// Folds a text that is not all ASCII.
pub(crate) fn fold(text: &str) -> Folded {
    let mut folded = Folded { text: String::with_capacity(text.len()), ..Folded::default() };
    let mut run: Option<HiddenRun> = None;
    let mut before = None;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        let plain = rest.bytes().position(|b| b >= 0x80).unwrap_or(rest.len());
        if let Some(ascii) = rest.get(..plain).filter(|a| !a.is_empty()) {
            close_run(&mut run, ascii.chars().next(), &mut folded.hidden);
            folded.map.push_linear(folded.text.len(), at, plain);
            folded.text.push_str(ascii);
            before = ascii.chars().next_back();
            at += plain;
            continue;
        }
        let Some(c) = rest.chars().next() else { break };
        let len = c.len_utf8();
        if let Some(class) = invisible(c) {
            let r = run.get_or_insert_with(|| HiddenRun { range: at..at, before, ..HiddenRun::default() });
            r.range.end = at + len;
            count(r, class, c);
        } else {
            close_run(&mut run, Some(c), &mut folded.hidden);
            push_char(c, at, &mut folded);
            before = Some(c);
        }
        at += len;
    }
    close_run(&mut run, None, &mut folded.hidden);
    folded
}

fn push_char(c: char, at: usize, folded: &mut Folded) {
    let from = folded.text.len();
    fold_char(c, &mut folded.text);
    let len = folded.text.len() - from;
    if folded.text.get(from..).is_some_and(|t| t.chars().eq([c])) {
        folded.map.push_linear(from, at, len);
    } else {
        folded.map.push_replaced(from, len, at, c.len_utf8());
    }
}

fn count(run: &mut HiddenRun, class: Invisible, c: char) {
    let n = u32::from(c);
    let carried = match class {
        Invisible::ZeroWidth => {
            run.zero_width += 1;
            None
        }
        Invisible::Bidi => {
            run.bidi += 1;
            None
        }
        Invisible::Tag => {
            run.tags += 1;
            n.checked_sub(0xE_0000)
        }
        Invisible::Selector => {
            run.selectors += 1;
            // Bytes 0 to 15 are U+FE00.., 16 to 255 are U+E0100..: a known way to carry bytes unseen.
            n.checked_sub(0xE_0100).map(|v| v + 16)
        }
    };
    if let Some(t) = carried.and_then(char::from_u32).filter(|t| (' '..='~').contains(t)) {
        run.decoded.push(t);
    }
}

fn close_run(run: &mut Option<HiddenRun>, after: Option<char>, hidden: &mut Vec<HiddenRun>) {
    if let Some(mut r) = run.take() {
        r.after = after;
        hidden.push(r);
    }
}

/// The view's folding of a string (case kept): detectors fold their own literals with it, so that both sides agree.
pub(crate) fn fold_str(s: &str) -> String {
    if s.is_ascii() { s.to_owned() } else { fold(s).text }
}

/// Whether a character of the original text separates tokens: white space, or a script written without spaces.
pub(crate) fn breaks(c: char) -> bool {
    if c.is_ascii() {
        return super::is_break(c);
    }
    if invisible(c).is_some() {
        return false;
    }
    let mut folded = String::new();
    fold_char(c, &mut folded);
    folded.chars().next().is_some_and(super::is_break)
}

/// Lower case with the same offsets: a character whose lower case has another length stays.
pub(crate) fn lower(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest.bytes().position(|b| b >= 0x80).unwrap_or(rest.len());
        let Some((ascii, other)) = rest.split_at_checked(plain) else { break };
        out.push_str(ascii);
        let mut chars = other.chars();
        if let Some(c) = chars.next() {
            let mut low = c.to_lowercase();
            match (low.next(), low.next()) {
                (Some(l), None) if l.len_utf8() == c.len_utf8() => out.push(l),
                _ => out.push(c),
            }
        }
        rest = chars.as_str();
    }
    out.make_ascii_lowercase();
    out
}
