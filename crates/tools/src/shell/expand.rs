//! Expansions: how far each goes, and what commands stand in it. What it would put in is a doubt.
//!
//! XCU 2.6, and bash's `$'..'`, `$".."`, `$[..]`, process substitution. ANSI-C quoting is the one that is decidable.

use super::lex::{RawWord, Reader};
use super::parse::Stop;
use super::{Doubt, Fault};

impl Reader<'_> {
    /// What a `$` begins.
    pub(super) fn dollar(&mut self, word: &mut RawWord, double: bool) -> Result<(), Fault> {
        match self.peek() {
            Some('(') => {
                self.at += 1;
                if self.peek() == Some('(') {
                    self.at += 1;
                    self.arithmetic(word)
                } else {
                    self.substitution(word)
                }
            }
            Some('{') => {
                self.at += 1;
                self.braced(word, double)
            }
            Some('[') => {
                self.at += 1;
                self.facts.expansion = true;
                word.doubt(Doubt::Arithmetic);
                self.until(&[']'], double)
            }
            Some('\'') if !double => {
                self.at += 1;
                self.ansi(word)
            }
            Some('"') if !double => {
                self.at += 1;
                word.doubt(Doubt::Translation);
                self.facts.expansion = true;
                self.double(word)
            }
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                while self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_') {
                    self.at += 1;
                }
                self.variable(word);
                Ok(())
            }
            Some(c) if c.is_ascii_digit() || matches!(c, '@' | '*' | '#' | '?' | '-' | '$' | '!') => {
                self.at += 1;
                self.variable(word);
                Ok(())
            }
            _ => {
                // Nothing follows that it could mean: itself, unless braces put something behind it.
                if double {
                    word.quote('$')
                } else {
                    word.plain('$')
                }
                Ok(())
            }
        }
    }

    fn variable(&mut self, word: &mut RawWord) {
        self.facts.expansion = true;
        word.doubt(Doubt::Variable);
    }

    /// The rest of `$(..)`, `<(..)` or `>(..)`: commands up to the bracket.
    pub(super) fn substitution(&mut self, word: &mut RawWord) -> Result<(), Fault> {
        self.facts.substitution = true;
        word.doubt(Doubt::Substitution);
        self.deeper()?;
        self.substituting += 1;
        let outer = std::mem::take(&mut self.pending);
        self.list(Stop::Paren)?;
        if !self.eat(')') {
            return Err(Fault::Unterminated);
        }
        if !self.pending.is_empty() {
            return Err(Fault::Unterminated);
        }
        self.pending = outer;
        self.substituting -= 1;
        self.depth -= 1;
        Ok(())
    }

    /// The rest of `$((..))`. What looks like it and is a substitution ends elsewhere; both are doubts.
    fn arithmetic(&mut self, word: &mut RawWord) -> Result<(), Fault> {
        self.facts.expansion = true;
        word.doubt(Doubt::Arithmetic);
        self.until(&[')', ')'], true)
    }

    /// The rest of `${..}`.
    fn braced(&mut self, word: &mut RawWord, double: bool) -> Result<(), Fault> {
        // bash 5.3 runs commands in `${ ..; }` and `${| ..; }`.
        if matches!(self.raw(0), Some(' ' | '\t' | '\n' | '|' | '(')) {
            self.facts.substitution = true;
        }
        self.variable(word);
        self.until(&['}'], double)
    }

    /// Skips to the closing characters, over quotes and inner expansions; brackets of the same kind nest.
    fn until(&mut self, close: &[char], double: bool) -> Result<(), Fault> {
        self.deeper()?;
        let last = close.last().copied().unwrap_or(')');
        let open = match last {
            ')' => '(',
            ']' => '[',
            _ => '{',
        };
        let mut inner = 0_usize;
        let mut skipped = RawWord::default();
        loop {
            let c = self.peek().ok_or(Fault::Unterminated)?;
            self.at += 1;
            match c {
                '\\' => self.at += 1,
                '\'' if !double => {
                    while self.raw(0).ok_or(Fault::Unterminated)? != '\'' {
                        self.at += 1;
                    }
                    self.at += 1;
                }
                '<' | '>' if !double && open == '{' && self.peek() == Some('(') => {
                    self.at += 1;
                    self.substitution(&mut skipped)?;
                }
                '"' => self.double(&mut skipped)?,
                '$' => self.dollar(&mut skipped, double)?,
                '`' => self.backquoted(&mut skipped, double)?,
                _ if c == open && open != '{' => inner += 1,
                _ if c == last && inner > 0 => inner -= 1,
                _ if c == last => {
                    if close.len() == 1 || self.eat(last) {
                        self.depth -= 1;
                        return Ok(());
                    }
                    // `$((..) ..)`: a substitution that begins with a subshell.
                    return Err(Fault::Construct("a substitution that begins as arithmetic does"));
                }
                _ => {}
            }
        }
    }

    /// The rest of a backquoted substitution: its own text, unescaped, is read by itself (XCU 2.6.3).
    pub(super) fn backquoted(&mut self, word: &mut RawWord, double: bool) -> Result<(), Fault> {
        self.facts.substitution = true;
        word.doubt(Doubt::Substitution);
        let mut inner = String::new();
        loop {
            let c = self.raw(0).ok_or(Fault::Unterminated)?;
            self.at += 1;
            match (c, self.raw(0)) {
                ('`', _) => break,
                ('\\', Some(n @ ('$' | '`' | '\\'))) => {
                    self.at += 1;
                    inner.push(n);
                }
                ('\\', Some('"')) if double => {
                    self.at += 1;
                    inner.push('"');
                }
                _ => inner.push(c),
            }
        }
        self.apart(&inner, |reader| reader.list(Stop::End))
    }

    /// The expansions of a here-document's body.
    pub(super) fn body_expansions(&mut self, body: &str) -> Result<(), Fault> {
        self.apart(body, |reader| {
            let mut text = RawWord::default();
            loop {
                // A quote is a character there, and no history is expanded.
                if matches!(reader.peek(), Some('"' | '!')) {
                    reader.at += 1;
                } else if !reader.in_double(&mut text)? {
                    return Ok(());
                }
            }
        })
    }

    /// Reads another text one level deeper, with the same bounds; its commands join these.
    fn apart(
        &mut self,
        text: &str,
        read: impl FnOnce(&mut Reader<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut reader = Reader::new(text, self.depth + 1, self.budget)?;
        reader.substituting = 1;
        read(&mut reader)?;
        if reader.raw(0).is_some() || !reader.pending.is_empty() {
            return Err(Fault::Syntax);
        }
        let (facts, mut commands) = (reader.facts, reader.commands);
        self.facts.substitution |= facts.substitution;
        self.facts.expansion |= facts.expansion;
        self.facts.background |= facts.background;
        self.facts.compound |= facts.compound;
        self.commands.append(&mut commands);
        Ok(())
    }

    /// The rest of `$'..'` (bash: "ANSI-C Quoting").
    fn ansi(&mut self, word: &mut RawWord) -> Result<(), Fault> {
        word.open();
        word.bash = true;
        let mut bytes: Vec<u8> = Vec::new();
        let mut known = true;
        loop {
            let c = self.raw(0).ok_or(Fault::Unterminated)?;
            self.at += 1;
            match c {
                '\'' => break,
                '\\' => known &= self.escape(&mut bytes)?,
                _ => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        // A byte alone may be half a character, which is known to no text.
        match String::from_utf8(bytes) {
            Ok(text) if known => text.chars().for_each(|c| word.quote(c)),
            _ => word.doubt(Doubt::Character),
        }
        Ok(())
    }

    /// What stands behind a backslash in `$'..'`. False where versions differ on it.
    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<bool, Fault> {
        let escape = self.raw(0).ok_or(Fault::Unterminated)?;
        self.at += 1;
        let code = match escape {
            'a' => Some(7),
            'b' => Some(8),
            'e' | 'E' => Some(27),
            'f' => Some(12),
            'n' => Some(10),
            'r' => Some(13),
            't' => Some(9),
            'v' => Some(11),
            '\\' | '\'' | '"' | '?' => Some(u32::from(escape)),
            '0'..='7' => {
                self.at -= 1;
                self.digits(8, 3).map(|code| code & 0xff)
            }
            'x' => self.digits(16, 2),
            'u' => self.digits(16, 4),
            'U' => self.digits(16, 8),
            'c' => None,
            other => {
                bytes.push(b'\\');
                bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(true);
            }
        };
        // No digits (`\x{..}` means something to some), a control character by name, a NUL that ends the text.
        let Some(code) = code.filter(|c| *c != 0) else { return Ok(false) };
        match u8::try_from(code) {
            Ok(byte) if escape != 'u' && escape != 'U' => bytes.push(byte),
            _ => match char::from_u32(code) {
                Some(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                None => return Ok(false),
            },
        }
        Ok(true)
    }

    /// Up to `most` digits; none where none stand.
    fn digits(&mut self, base: u32, most: usize) -> Option<u32> {
        let mut value: Option<u32> = None;
        for _ in 0..most {
            let Some(digit) = self.raw(0).and_then(|c| c.to_digit(base)) else { break };
            self.at += 1;
            value = Some(value.unwrap_or(0).wrapping_mul(base).wrapping_add(digit));
        }
        value
    }
}
