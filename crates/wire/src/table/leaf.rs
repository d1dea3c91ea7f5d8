//! The leaves of a table: what is done with one value.

use super::Rule;
use super::build::Place;
use super::walk::{Walk, wrong};
use crate::fault::{WireCode, WireError, safe_key};
use crate::json::{Kind, scan};
use crate::span::{Issued, Place as At, Span, Splice, Used};
use cordon_types::{Feature, SpanKind};

/// Longest id, in bytes. Providers' own are under 100.
const MAX_ID: usize = 256;
/// Longest name of a model.
const MAX_NAME: usize = 256;

impl Walk<'_> {
    pub(super) fn leaf(&mut self, rule: Rule, place: &Place, node: u32) -> Result<(), WireError> {
        match rule {
            Rule::Text => self.string(place, node, Splice::Free),
            Rule::Fixed(why) => self.string(place, node, Splice::Refuse(why)),
            Rule::Id => self.id(place, node),
            Rule::Url(feature) => self.url(feature, place, node),
            Rule::Name => self.name(node),
            Rule::Number | Rule::Bool | Rule::Scalar | Rule::Null => self.scalar(rule, node),
            Rule::Enum(words) => self.word(words, &[], node).map(|_| ()),
            Rule::EnumUse(plain, feature, gated) => {
                if self.word(plain, gated, node)? {
                    self.out.used.push(Used { feature, path: place.path });
                }
                Ok(())
            }
            Rule::TrueUses(feature) => {
                self.scalar(Rule::Bool, node)?;
                if self.doc.kind(node) == Kind::True {
                    self.out.used.push(Used { feature, path: place.path });
                }
                Ok(())
            }
            Rule::Open => {
                self.open(place, node, false);
                Ok(())
            }
            Rule::Schema => {
                if !matches!(self.doc.kind(node), Kind::Object | Kind::True | Kind::False) {
                    return Err(wrong(self.doc.kind(node), "a JSON schema"));
                }
                self.open(place, node, true);
                Ok(())
            }
            Rule::Json => self.json(place, node),
            Rule::Issued => {
                self.expect(node, Kind::String)?;
                let digest_input = self.doc.text(node).into_owned().into_bytes();
                self.out.issued.push(Issued { digest_input, path: place.path });
                self.out.issued_nodes.push(node);
                Ok(())
            }
            Rule::Refused(hint) => {
                Err(WireError::new(WireCode::Unsupported, format!("this is not supported: {hint}")))
            }
            // Structure never comes here; `Opaque` is taken as it is, its feature has been named.
            _ => Ok(()),
        }
    }

    fn string(&mut self, place: &Place, node: u32, splice: Splice) -> Result<(), WireError> {
        self.expect(node, Kind::String)?;
        self.span(place, node, splice);
        Ok(())
    }

    fn id(&mut self, place: &Place, node: u32) -> Result<(), WireError> {
        self.expect(node, Kind::String)?;
        let text = self.doc.text(node);
        if text.len() > MAX_ID || !text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Err(WireError::new(
                WireCode::Unsupported,
                format!("an id must be at most {MAX_ID} printable ASCII characters"),
            ));
        }
        let (text, at) = (text.into_owned(), At { node, inner: None });
        let (kind, splice) = (SpanKind::Metadata, Splice::Refuse("id"));
        self.out.spans.push(Span { kind, text, path: place.path, splice, choice: 0, at });
        Ok(())
    }

    fn url(&mut self, feature: Feature, place: &Place, node: u32) -> Result<(), WireError> {
        self.expect(node, Kind::String)?;
        let path = place.path;
        self.out.used.push(Used { feature, path });
        let text = self.doc.text(node);
        // Inline data is the payload itself; anything else is an address, which can carry text.
        let inline = text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
        if !inline {
            self.out.used.push(Used { feature: Feature::FetchByUrl, path });
            self.span(place, node, Splice::Refuse("url"));
        }
        Ok(())
    }

    fn name(&self, node: u32) -> Result<(), WireError> {
        self.expect(node, Kind::String)?;
        let text = self.doc.text(node);
        let fine = (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fine {
            return Ok(());
        }
        Err(WireError::new(
            WireCode::Unsupported,
            format!("a name must be 1 to {MAX_NAME} printable ASCII characters"),
        ))
    }

    fn scalar(&self, rule: Rule, node: u32) -> Result<(), WireError> {
        let kind = self.doc.kind(node);
        let (fits, wanted) = match rule {
            Rule::Number => (kind == Kind::Number, "a number"),
            Rule::Bool => (matches!(kind, Kind::True | Kind::False), "a boolean"),
            Rule::Null => (kind == Kind::Null, "null"),
            _ => (matches!(kind, Kind::Number | Kind::True | Kind::False), "a number or boolean"),
        };
        if fits { Ok(()) } else { Err(wrong(kind, wanted)) }
    }

    /// Whether it is one of the gated words.
    fn word(&self, plain: &[&str], gated: &[&str], node: u32) -> Result<bool, WireError> {
        self.expect(node, Kind::String)?;
        let text = self.doc.bytes(node);
        let among = |words: &[&str]| words.iter().any(|word| word.as_bytes() == text.as_ref());
        if among(plain) {
            return Ok(false);
        }
        if among(gated) {
            return Ok(true);
        }
        Err(WireError::new(
            WireCode::UnknownVariant,
            format!("the value `{}` is not known here", safe_key(&self.doc.text(node))),
        ))
    }

    /// All strings and keys below `node`, flat.
    fn open(&mut self, place: &Place, node: u32, schema: bool) {
        let end = self.doc.node(node).next;
        let mut prose = false;
        for i in node..end {
            match self.doc.kind(i) {
                Kind::Key => {
                    let splice = Splice::Refuse(if schema { "schema" } else { "key" });
                    prose = matches!(self.doc.text(i).as_ref(), "description" | "title");
                    self.span(place, i, splice);
                    continue;
                }
                Kind::String if schema && !prose => self.span(place, i, Splice::Refuse("schema")),
                Kind::String => self.span(place, i, Splice::Free),
                _ => {}
            }
            prose = false;
        }
    }

    /// JSON inside a string.
    fn json(&mut self, place: &Place, node: u32) -> Result<(), WireError> {
        self.expect(node, Kind::String)?;
        let text = self.doc.text(node);
        let inner = inner_spans(&text, self.limits);
        let Some(inner) = inner else {
            self.span(place, node, Splice::Free);
            return Ok(());
        };
        for (text, range, splice) in inner {
            let at = At { node, inner: Some(range) };
            self.out.spans.push(Span { kind: place.kind, text, path: place.path, splice, choice: 0, at });
        }
        Ok(())
    }
}

/// One string or key of a JSON text: decoded, where it stands (with quotes), whether it may change.
pub(crate) type Inner = (String, std::ops::Range<usize>, Splice);

/// The strings and keys of a text that is one JSON object; nothing when it is not (or breaks a limit).
pub(crate) fn inner_spans(text: &str, limits: &crate::limits::Limits) -> Option<Vec<Inner>> {
    let tape = scan(text.as_bytes(), limits).ok()?;
    let doc = tape.over(text.as_bytes());
    if doc.kind(0) != Kind::Object {
        return None;
    }
    let spans = (0..doc.len()).filter_map(|i| {
        let n = doc.node(i);
        let splice = match n.kind {
            Kind::Key => Splice::Refuse("key"),
            Kind::String => Splice::Free,
            _ => return None,
        };
        Some((doc.text(i).into_owned(), n.start as usize..n.end as usize, splice))
    });
    Some(spans.collect())
}
