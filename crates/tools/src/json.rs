//! JSON of strangers: read strictly within bounds, and written in one canonical form.
//!
//! Reading refuses what has two readings: a key twice, (where asked) keys that differ only in case, a second value,
//! bytes that are not UTF-8. Writing follows RFC 8785: keys by UTF-16 code units (section 3.2.3), numbers as
//! ECMAScript writes them (3.2.2.3), the shortest escapes (3.2.2.2).
//!
//! What always holds: values that differ are written differently. One step from RFC 8785: an integer that fits 64
//! bits keeps all its digits, since two large integers that share a double are two values.

use cordon_types::Problem;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

/// What a text may be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Longest text, in bytes.
    pub bytes: usize,
    /// Deepest nesting; at most 100 is useful, since the parser stops at 127.
    pub depth: usize,
    /// Most values, keys not counted.
    pub nodes: usize,
    /// Whether keys of one object that differ only in case are refused.
    pub cases: bool,
}

/// Reads one JSON text.
///
/// # Errors
/// When it is no JSON, has two readings, or is over its bounds.
pub fn read(text: &[u8], bounds: &Bounds) -> Result<Value, Problem> {
    if text.len() > bounds.bytes {
        return Err(Problem::new(
            "",
            format!("the text is over {} bytes", bounds.bytes),
            "split it, or shorten it",
        ));
    }
    let left = Cell::new(bounds.nodes);
    let mut de = serde_json::Deserializer::from_slice(text);
    let value = Reader { left: &left, depth: bounds.depth, cases: bounds.cases }.deserialize(&mut de);
    let value = value.and_then(|v| de.end().map(|()| v));
    value.map_err(|e| {
        Problem::new("", format!("not accepted as JSON: {e}"), "send one JSON value, each key once")
    })
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    left: &'a Cell<usize>,
    depth: usize,
    cases: bool,
}

impl Reader<'_> {
    fn count<E: serde::de::Error>(self) -> Result<(), E> {
        let left = self.left.get().checked_sub(1).ok_or_else(|| E::custom("too many values"))?;
        self.left.set(left);
        Ok(())
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("nested too deep"))?;
        Ok(Self { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, de: D) -> Result<Value, D::Error> {
        self.count()?;
        de.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<Value, E> {
        Number::from_f64(v).map(Value::Number).ok_or_else(|| E::custom("a number that is none"))
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }

    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::String(v))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let (mut members, mut folded) = (Map::new(), BTreeSet::new());
        while let Some(key) = map.next_key::<String>()? {
            if members.contains_key(&key) {
                return Err(A::Error::custom("a key stands twice in one object"));
            }
            if self.cases && !folded.insert(key.to_lowercase()) {
                return Err(A::Error::custom("two keys of one object differ only in case"));
            }
            let value = map.next_value_seed(inner)?;
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }
}

/// Whether every number of a JSON text is read as exactly what is written: a reader in doubles rounds what has too many
/// digits. The text has been read before; of one that was not, this says nothing.
#[must_use]
pub fn is_exact(text: &[u8]) -> bool {
    let (mut at, mut quoted) = (0, false);
    while let Some(b) = text.get(at) {
        match b {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'-' | b'0'..=b'9' if !quoted => {
                let rest = text.get(at..).unwrap_or_default();
                let end = rest.iter().position(|b| !b"+-.eE0123456789".contains(b)).unwrap_or(rest.len());
                let token = rest.get(..end).and_then(|t| std::str::from_utf8(t).ok()).unwrap_or_default();
                let read: Option<Number> = serde_json::from_str(token).ok();
                if read.is_none_or(|n| decimal(&n.to_string()) != decimal(token)) {
                    return false;
                }
                at += end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    true
}

/// A number's sign, digits and power of ten, in one form; nothing for zero.
fn decimal(token: &str) -> Option<(bool, String, i64)> {
    let (minus, token) = token.strip_prefix('-').map_or((false, token), |t| (true, t));
    let (mantissa, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{part}");
    let digits = all.trim_start_matches('0').trim_end_matches('0');
    let zeros = all.len() - all.trim_end_matches('0').len();
    let power: i64 = exponent.trim_start_matches('+').parse().unwrap_or(i64::MAX / 2);
    let signed = |n: usize| i64::try_from(n).unwrap_or(i64::MAX / 4);
    (!digits.is_empty()).then(|| (minus, digits.to_owned(), power - signed(part.len()) + signed(zeros)))
}

/// The value in its canonical form.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => number(n, out),
        Value::String(s) => string(s, out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
            out.push('{');
            for (i, (key, value)) in members.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                string(key, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
    }
}

fn string(s: &str, out: &mut String) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out.push('"');
}

fn number(n: &Number, out: &mut String) {
    match n.as_f64() {
        Some(x) if n.is_f64() => out.push_str(&ecmascript(x)),
        _ => out.push_str(&n.to_string()),
    }
}

/// ECMA-262, `Number::toString`: the shortest digits that lead back (of two as near, the even ones), an exponent only
/// from 1e21 on and below 1e-6.
fn ecmascript(x: f64) -> String {
    // The digits are the JSON writer's; the standard library's differ where two are as near.
    let text = Number::from_f64(x).map(|n| n.to_string()).unwrap_or_default();
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |t| ("-", t));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{part}");
    let digits = all.trim_start_matches('0');
    let zeros = all.len() - digits.len();
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return "0".to_owned();
    }
    let signed = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    let exponent: i32 = exponent.trim_start_matches('+').parse().unwrap_or(0);
    // Where the point stands: behind so many digits.
    let point = signed(whole.len()) - signed(zeros) + exponent;
    format!("{sign}{}", placed(digits, signed(digits.len()), point))
}

fn placed(digits: &str, count: i32, point: i32) -> String {
    let zeros = |n: i32| "0".repeat(usize::try_from(n).unwrap_or(0));
    let cut = |n: i32| digits.split_at_checked(usize::try_from(n).unwrap_or(0)).unwrap_or((digits, ""));
    if count <= point && point <= 21 {
        format!("{digits}{}", zeros(point - count))
    } else if 0 < point && point <= 21 {
        let (whole, part) = cut(point);
        format!("{whole}.{part}")
    } else if -6 < point && point <= 0 {
        format!("0.{}{digits}", zeros(-point))
    } else {
        let (first, rest) = cut(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let exponent = point - 1;
        format!("{first}{dot}{rest}e{}{}", if exponent < 0 { "-" } else { "+" }, exponent.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOUNDS: Bounds = Bounds { bytes: 10_000, depth: 8, nodes: 100, cases: true };

    #[test]
    fn two_readings_are_refused() {
        let check =
            |text: &str, good: bool| assert_eq!(read(text.as_bytes(), &BOUNDS).is_ok(), good, "{text}");
        check(r#"{"a":1,"b":[true,null,"x",-1.5]}"#, true);
        check(r#"{"a":1,"a":2}"#, false);
        check(r#"{"a":1,"\u0061":2}"#, false);
        check(r#"{"name":1,"Name":2}"#, false);
        check(r#"{"ä":1,"Ä":2}"#, false);
        check(r#"{"a":{"x":1},"b":{"X":1}}"#, true);
        check("{} {}", false);
        check("[1e999]", false);
        check(r#""\ud800""#, false);
        check("[[[[[[[[1]]]]]]]]", true);
        check("[[[[[[[[[1]]]]]]]]]", false);
        check(&format!("[{}1]", "1,".repeat(98)), true);
        check(&format!("[{}1]", "1,".repeat(99)), false);
        assert!(read(b"\"\xff\"", &BOUNDS).is_err());
        assert!(read(&[b' '; 10_001], &BOUNDS).is_err());
        let loose = Bounds { cases: false, ..BOUNDS };
        assert!(read(br#"{"name":1,"Name":2}"#, &loose).is_ok());
    }

    /// The number table of RFC 8785, appendix B, where doubles are concerned.
    #[test]
    fn numbers_are_written_as_ecmascript_writes_them() {
        let check = |bits: u64, text: &str| assert_eq!(ecmascript(f64::from_bits(bits)), text);
        check(0x8000_0000_0000_0000, "0");
        check(0x0000_0000_0000_0001, "5e-324");
        check(0x8000_0000_0000_0001, "-5e-324");
        check(0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308");
        check(0x4340_0000_0000_0000, "9007199254740992");
        check(0x4430_0000_0000_0000, "295147905179352830000");
        check(0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22");
        check(0x44b5_2d02_c7e1_4af6, "1e+23");
        check(0x444b_1ae4_d6e2_ef4e, "999999999999999700000");
        check(0x444b_1ae4_d6e2_ef50, "1e+21");
        check(0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7");
        check(0x3eb0_c6f7_a0b5_ed8d, "0.000001");
        check(0x41b3_de43_5555_5553, "333333333.3333332");
        check(0xbecb_f647_612f_3696, "-0.0000033333333333333333");
        check(0x4314_3ff3_c1cb_0959, "1424953923781206.2");
    }

    #[test]
    fn numbers_that_would_be_rounded() {
        let check = |text: &str, exact: bool| assert_eq!(is_exact(text.as_bytes()), exact, "{text}");
        check(r#"{"a":[1,-0,1.50,18446744073709551615,-9223372036854775808,1e3,1.5E-7,0.1]}"#, true);
        check(r#"{"a":"1.00000000000000000001","b\"2.00000000000000000001":1}"#, true);
        check(r#"{"a":100.00000000000000001}"#, false);
        check("18446744073709551617", false);
        check("123456789012345678901234567890", false);
        check("[0.30000000000000001]", false);
        check("1e-400", false);
        check("1e400", false);
        check("1e99999999999999999999", false);
        check("0e99999999999999999999", true);
        check("100000000000000000000", true);
    }

    #[test]
    fn keys_are_sorted_by_utf16() {
        let text =
            "{\"\u{20ac}\":1,\"\\r\":2,\"\u{fb33}\":3,\"1\":4,\"\u{1f600}\":5,\"\u{80}\":6,\"\u{f6}\":7}";
        let value = read(text.as_bytes(), &BOUNDS).unwrap();
        let sorted =
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}";
        assert_eq!(canonical(&value), sorted);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Value::from),
            any::<String>().prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_canonical_form_leads_back_and_stays(v in value()) {
            let loose = Bounds { bytes: 1 << 20, depth: 50, nodes: 10_000, cases: false };
            let text = canonical(&v);
            let back = read(text.as_bytes(), &loose).unwrap();
            prop_assert_eq!(canonical(&back), text.clone());
            // Numbers may change their kind (1.0 is 1), never their worth.
            let other: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(other, back);
        }
    }
}
