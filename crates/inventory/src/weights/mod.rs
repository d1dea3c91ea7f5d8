//! Files of weights: what their headers say. Nothing is loaded; a few bytes at the beginning are read.
//!
//! What always holds: every length in a header is checked against the bytes that are there. Pickles (PyTorch's
//! formats) are named for what they are: loading one can run code.

mod gguf;
mod onnx;
mod safetensors;
#[cfg(test)]
mod tests;

use crate::asset::{AssetKind, Attribute, Basis, Sighting, Sink, Source};

/// What a header says.
type Said = Vec<(Attribute, String)>;

/// Reads the beginning of a file of `size` bytes.
pub fn scan(head: &[u8], size: u64, sink: &mut Sink) {
    let place = sink.place().to_owned();
    let extension = place.rsplit('.').next().unwrap_or("").to_ascii_lowercase();
    let (format, said): (&str, Option<Said>) = if head.starts_with(b"GGUF") {
        ("gguf", gguf::read(head))
    } else if head.starts_with(b"PK\x03\x04") || matches!(head, [0x80, 2..=5, ..]) {
        let risk = (Attribute::Risk, "a pickle: loading it can run code".to_owned());
        ("pickle", matches!(extension.as_str(), "pt" | "pth" | "ckpt").then(|| vec![risk]))
    } else if extension == "safetensors" {
        ("safetensors", safetensors::read(head, size))
    } else if extension == "onnx" {
        ("onnx", onnx::read(head))
    } else {
        return;
    };
    let Some(said) = said else { return };
    let mut sighting: Sighting = sink
        .at(AssetKind::ModelFile, &place, Source::ModelFile, 0)
        .with(Attribute::Format, format)
        .with(Attribute::Size, size.to_string());
    sighting.basis = Basis::Observed;
    place.rsplit('/').next().unwrap_or(&place).clone_into(&mut sighting.name);
    for (attribute, value) in said {
        sighting = sighting.with(attribute, value);
    }
    sink.push(sighting);
}

/// Bytes with a place in them; every read is checked.
struct Cursor<'b> {
    rest: &'b [u8],
}

impl<'b> Cursor<'b> {
    fn take(&mut self, n: u64) -> Option<&'b [u8]> {
        let (head, rest) = self.rest.split_at_checked(usize::try_from(n).ok()?)?;
        self.rest = rest;
        Some(head)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }
}
