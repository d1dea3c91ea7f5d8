//! Text of strangers made visible: what a terminal would obey or an eye would miss is written out.
//!
//! What always holds: the result has no character that moves, hides, reorders or recolours text, and two different
//! texts are never shown alike (a backslash is doubled). What it does not do: shorten, or judge.

use std::fmt::Write as _;

/// Why a character is not shown as itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hidden {
    /// C0 and C1 controls: a terminal obeys them.
    Control,
    /// Reorders what is shown.
    Bidi,
    /// Takes no room, or looks like nothing.
    Invisible,
    /// A letter that no font shows: Unicode tags and variation selectors, which can carry whole texts.
    Tag,
    /// Looks like a space and is none.
    Space,
    /// Means what a font says: private use and noncharacters.
    Private,
}

/// Whether a character hides, and how.
#[must_use]
pub fn hidden(c: char) -> Option<Hidden> {
    Some(match c {
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => Hidden::Control,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Hidden::Bidi
        }
        '\u{e0000}'..='\u{e0fff}' | '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180f}' => Hidden::Tag,
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' => Hidden::Invisible,
        '\u{a0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200a}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{3000}' => Hidden::Space,
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' | '\u{fdd0}'..='\u{fdef}' => Hidden::Private,
        _ if u32::from(c) & 0xfffe == 0xfffe => Hidden::Private,
        _ => return None,
    })
}

/// The text as it can be shown to a person on a terminal or a page: `\n` and `\t` by name, other hidden characters as
/// `\u{202e}`, a backslash as two.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            _ if hidden(c).is_some() => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_hides_is_written_out() {
        let check = |text: &str, shown: &str| assert_eq!(visible(text), shown);
        check("plain, ünïcode, 漢字", "plain, ünïcode, 漢字");
        check("a\u{1b}[31mred", "a\\u{1b}[31mred");
        check("a\u{202e}b", "a\\u{202e}b");
        check("a\u{e0041}b", "a\\u{e0041}b");
        check("a\nb\tc\rd", "a\\nb\\tc\\rd");
        check("a\\nb", "a\\\\nb");
        check("a\u{a0}b\u{200b}c\u{fe0f}", "a\\u{a0}b\\u{200b}c\\u{fe0f}");
    }

    proptest! {
        #[test]
        fn nothing_hides_and_nothing_is_alike(a in any::<String>(), b in any::<String>()) {
            let (x, y) = (visible(&a), visible(&b));
            prop_assert!(x.chars().all(|c| hidden(c).is_none()));
            prop_assert_eq!(a == b, x == y);
        }
    }
}
