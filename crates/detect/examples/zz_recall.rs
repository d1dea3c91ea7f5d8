use cordon_detect::*;
use cordon_types::*;
use std::collections::BTreeMap;
fn main() {
    let d = Detectors::new(&Settings::default()).unwrap();
    let out = std::env::args().nth(1).unwrap();
    let mut m: BTreeMap<(String, String), (u32, u32)> = BTreeMap::new();
    let mut flags = String::new();
    for line in std::io::stdin().lines() {
        let l = line.unwrap();
        let mut p = l.splitn(4, '\t');
        let id = p.next().unwrap();
        let label = p.next().unwrap();
        let src = p.next().unwrap();
        let t = p
            .next()
            .unwrap()
            .replace("\\n", "\n")
            .replace("\\t", "\t")
            .replace("\\r", "\r")
            .replace("\\\\", "\\");
        let mut e = [0u8; 2];
        for (i, k) in [SpanKind::User, SpanKind::ToolResult].iter().enumerate() {
            let r = d.scan(&t, *k, Guards::NONE.with(Guard::Injection));
            let f = r.injection_flagged || r.findings.iter().any(|f| f.kind == FindingKind::HiddenText);
            e[i] = f as u8;
            let c = m.entry((label.into(), format!("{} {}", src, k.name()))).or_default();
            c.0 += 1;
            c.1 += f as u32;
        }
        flags.push_str(&format!("{id}\t{}\t{}\n", e[0], e[1]));
    }
    std::fs::write(&out, flags).unwrap();
    for ((l, s), (n, f)) in m {
        println!("{l}\t{s}\t{n}\t{f}");
    }
}
