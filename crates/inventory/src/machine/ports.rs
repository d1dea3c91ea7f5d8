//! Which local model servers listen, from the kernel's own table. Nothing is connected to.

use crate::asset::{AssetKind, Attribute, Basis, Sink, Source};

/// Ports by default, and how sure one alone makes.
const PORTS: &[(u16, &str, u16)] = &[
    (1234, "LM Studio", 450),
    (1337, "Jan", 400),
    (4891, "GPT4All", 450),
    (5001, "KoboldCpp", 400),
    (11434, "Ollama", 700),
];

/// Reads `/proc/net/tcp` or `/proc/net/tcp6`: a line a socket, its local address, its state (`0A` listens).
pub fn listening(table: &str, sink: &mut Sink) {
    for (n, line) in crate::code::numbered(table).skip(1) {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (Some(local), Some(_), Some("0A")) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let port = local.rsplit(':').next().and_then(|p| u16::from_str_radix(p, 16).ok());
        let Some((port, name, confidence)) = PORTS.iter().find(|(p, _, _)| Some(*p) == port) else {
            continue;
        };
        let beyond =
            !local.starts_with("0100007F:") && !local.starts_with("00000000000000000000000001000000:");
        let mut sighting = sink
            .at(AssetKind::LocalServer, &crate::asset::slug(name), Source::Config, n)
            .with(Attribute::Host, format!("port {port}"));
        (*name).clone_into(&mut sighting.name);
        sighting.basis = Basis::Observed;
        sighting.confidence = *confidence;
        if beyond {
            sighting = sighting.with(Attribute::Risk, "listens beyond this machine");
        }
        sink.push(sighting);
    }
}
