//! Text of a stranger's, made safe to look at: what a terminal or a page would act on, reorder or hide is shown as its
//! number.
//!
//! What always holds: the result is one line, has no control, no mark of direction and nothing invisible in it, and two
//! different texts never look the same: the brackets of the notation are themselves shown as their numbers.

/// Opens the notation: `⟨U+202E⟩`.
const OPEN: char = '\u{27E8}';
const CLOSE: char = '\u{27E9}';

/// The text with all that cannot be seen, or changes how its neighbours are seen, as its number.
#[must_use]
pub fn visible(text: &str) -> String {
    escaped(text, hidden)
}

/// The text with everything beyond printable ASCII as its number: for names where one letter can stand for another.
#[must_use]
pub fn ascii(text: &str) -> String {
    escaped(text, |c| !matches!(c, ' '..='~'))
}

fn escaped(text: &str, hide: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if hide(c) {
            out.push(OPEN);
            out.push_str(&format!("U+{:04X}", u32::from(c)));
            out.push(CLOSE);
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a character is not to be shown as it is. By Unicode 17: controls (Cc), format characters (Cf), separators
/// other than the plain space (Zs, Zl, Zp), private use (Co), noncharacters, and letters, marks and symbols that draw
/// nothing (fillers, joiners, selectors, the blank Braille pattern).
#[must_use]
pub fn hidden(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    if c == OPEN || c == CLOSE || (u32::from(c) & 0xFFFE) == 0xFFFE {
        return true;
    }
    matches!(c,
        // Controls; spaces other than the plain one; the soft hyphen.
        '\u{80}'..='\u{A0}' | '\u{AD}'
        | '\u{1680}' | '\u{2000}'..='\u{200F}' | '\u{2028}'..='\u{202F}' | '\u{205F}'..='\u{206F}' | '\u{3000}'
        // Joiners, fillers, selectors: drawn as nothing.
        | '\u{34F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFC}'
        // Marks of direction and number in Arabic and Syriac script.
        | '\u{600}'..='\u{605}' | '\u{61C}' | '\u{6DD}' | '\u{70F}' | '\u{890}' | '\u{891}' | '\u{8E2}'
        // Private use, noncharacters.
        | '\u{E000}'..='\u{F8FF}' | '\u{FDD0}'..='\u{FDEF}'
        // Format characters of further scripts.
        | '\u{110BD}' | '\u{110CD}' | '\u{13430}'..='\u{1345F}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
        // Tags, selectors, and all that is set aside beside them; private use planes.
        | '\u{E0000}'..='\u{E0FFF}' | '\u{F0000}'..='\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_made_visible() {
        for (given, shown) in [
            ("plain text, grüße, 東京 🎉", "plain text, grüße, 東京 🎉"),
            ("a\u{202E}b", "a⟨U+202E⟩b"),
            ("a\u{2066}b\u{2069}", "a⟨U+2066⟩b⟨U+2069⟩"),
            ("\u{1b}[2J\u{7}", "⟨U+001B⟩[2J⟨U+0007⟩"),
            ("one\ntwo\r\tx", "one⟨U+000A⟩two⟨U+000D⟩⟨U+0009⟩x"),
            ("a\u{85}b\u{9b}31m", "a⟨U+0085⟩b⟨U+009B⟩31m"),
            ("pay\u{200B}pal\u{200D}\u{2060}\u{FEFF}", "pay⟨U+200B⟩pal⟨U+200D⟩⟨U+2060⟩⟨U+FEFF⟩"),
            ("\u{E0041}\u{E007F}", "⟨U+E0041⟩⟨U+E007F⟩"),
            ("x\u{FE0F}\u{E0101}", "x⟨U+FE0F⟩⟨U+E0101⟩"),
            ("a\u{A0}b\u{3000}c\u{2028}d", "a⟨U+00A0⟩b⟨U+3000⟩c⟨U+2028⟩d"),
            ("\u{3164}\u{115F}\u{FFA0}\u{2800}", "⟨U+3164⟩⟨U+115F⟩⟨U+FFA0⟩⟨U+2800⟩"),
            ("\u{E000}\u{FDD0}\u{FFFE}\u{1FFFF}\u{10FFFF}", "⟨U+E000⟩⟨U+FDD0⟩⟨U+FFFE⟩⟨U+1FFFF⟩⟨U+10FFFF⟩"),
            ("⟨U+202E⟩", "⟨U+27E8⟩U+202E⟨U+27E9⟩"),
            ("\u{61C}\u{70F}\u{1D173}", "⟨U+061C⟩⟨U+070F⟩⟨U+1D173⟩"),
        ] {
            assert_eq!(visible(given), shown);
        }
    }

    #[test]
    fn letters_that_look_alike_do_not_in_ascii() {
        assert_eq!(ascii("p\u{430}ypal.com"), "p⟨U+0430⟩ypal.com");
        assert_eq!(ascii("plain ~"), "plain ~");
        assert_eq!(ascii("\u{7f}"), "⟨U+007F⟩");
    }

    /// What the notation stands for.
    fn back(shown: &str) -> String {
        let mut out = String::new();
        let mut rest = shown;
        while let Some((before, after)) = rest.split_once("⟨U+") {
            let (number, after) = after.split_once('⟩').unwrap();
            out.push_str(before);
            out.push(char::from_u32(u32::from_str_radix(number, 16).unwrap()).unwrap());
            rest = after;
        }
        out + rest
    }

    proptest! {
        #[test]
        fn nothing_hidden_stays_and_nothing_is_lost(text in any::<String>(), marks in "[\u{200B}-\u{206F}⟨⟩\u{0}-\u{1f}]{0,6}") {
            let text = text + &marks;
            let shown = visible(&text);
            prop_assert!(shown.chars().all(|c| !hidden(c) || c == OPEN || c == CLOSE));
            prop_assert_eq!(back(&shown), text.clone());
            prop_assert!(ascii(&text).chars().all(|c| matches!(c, ' '..='~') || c == OPEN || c == CLOSE));
            prop_assert_eq!(back(&ascii(&text)), text);
        }
    }
}
