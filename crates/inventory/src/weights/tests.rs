//! Headers made by hand after the specifications, and hostile ones.

use super::*;

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

fn pair(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [&string(key)[..], &kind.to_le_bytes(), value].concat()
}

fn gguf(keys: u64, pairs: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"GGUF".to_vec();
    out.extend(3_u32.to_le_bytes());
    out.extend(0_u64.to_le_bytes());
    out.extend(keys.to_le_bytes());
    out.extend(pairs.concat());
    out
}

fn of(place: &str, head: &[u8], size: u64) -> Vec<(Attribute, String)> {
    let mut sink = Sink::new(place);
    scan(head, size, &mut sink);
    sink.found.into_iter().flat_map(|s| s.attributes).collect()
}

#[test]
fn gguf_metadata() {
    let array = [&8_u32.to_le_bytes()[..], &2_u64.to_le_bytes(), &string("a"), &string("b")].concat();
    let head = gguf(
        5,
        &[
            pair("general.architecture", 8, &string("llama")),
            pair("tokenizer.tokens", 9, &array),
            pair("general.flag", 7, &[1]),
            pair("general.file_type", 4, &15_u32.to_le_bytes()),
            pair("general.license", 8, &string("apache-2.0")),
        ],
    );
    let said = of("m/x.gguf", &head, 9);
    assert!(said.contains(&(Attribute::Architecture, "llama".into())), "{said:?}");
    assert!(said.contains(&(Attribute::Quantization, "Q4_K_M".into())));
    assert!(said.contains(&(Attribute::License, "apache-2.0".into())));
    // Cut anywhere, it ends, and what stood before the cut is known.
    for end in 0..head.len() {
        of("m/x.gguf", &head[..end], 9);
    }
}

#[test]
fn safetensors_metadata() {
    let header = br#"{"__metadata__":{"format":"pt","license":"mit"},"a":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}"#;
    let head = [&(header.len() as u64).to_le_bytes()[..], header].concat();
    let said = of("m.safetensors", &head, 1_000);
    assert!(said.contains(&(Attribute::Parameters, "7".into())), "{said:?}");
    assert!(said.contains(&(Attribute::Quantization, "BF16".into())));
    assert!(said.contains(&(Attribute::License, "mit".into())));
    // Longer than what was read: one all the same.
    assert!(!of("m.safetensors", &head[..40], 1_000).is_empty());
    assert!(of("m.safetensors", &head, 10).is_empty(), "a header longer than its file");
}

#[test]
fn onnx_metadata() {
    let head =
        [&[0x08, 0x08, 0x12, 0x07][..], b"pytorch", &[0x1a, 0x05], b"2.3.0", &[0x3a, 0xff, 0xff, 0x03]]
            .concat();
    let said = of("m.onnx", &head, 1 << 20);
    assert!(said.contains(&(Attribute::Command, "pytorch".into())), "{said:?}");
    assert!(said.contains(&(Attribute::Version, "2.3.0".into())));
    assert!(of("m.onnx", b"hello, this is no model", 23).is_empty());
}

#[test]
fn pickles_are_named() {
    let said = of("m.pt", b"PK\x03\x04rest", 9);
    assert!(said.iter().any(|(a, v)| *a == Attribute::Risk && v.contains("pickle")));
    assert!(of("m.onnx", b"PK\x03\x04rest", 9).is_empty());
}

#[test]
fn hostile_headers_end() {
    let huge = u64::MAX.to_le_bytes();
    of("x.gguf", &gguf(u64::MAX, &[pair("k", 9, &[&8_u32.to_le_bytes()[..], &huge].concat())]), 1);
    of("x.gguf", &gguf(u64::MAX, &[pair("k", 9, &[&10_u32.to_le_bytes()[..], &huge].concat())]), 1);
    let nested: Vec<u8> = (0..1000).flat_map(|_| [&9_u32.to_le_bytes()[..], &huge].concat()).collect();
    of("x.gguf", &gguf(1, &[pair("k", 9, &nested)]), 1);
    of("x.safetensors", &[&huge[..], b"{"].concat(), u64::MAX);
    let deep = [b"{\"a\":".as_slice(), &vec![b'['; 100_000]].concat();
    of("x.safetensors", &[&(deep.len() as u64).to_le_bytes()[..], &deep].concat(), 1 << 20);
    of("x.onnx", &[0xff; 4096], 4096);
}
