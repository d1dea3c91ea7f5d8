//! tmp
use super::*;
use crate::view::*;
#[test]
#[ignore]
fn measure() {
    let inj = Injection::new(&crate::settings::Settings::default());
    let inp = std::fs::read_to_string("/tmp/mb/in.tsv").unwrap();
    let mut out = String::new();
    let t = std::time::Instant::now();
    let mut bytes = 0;
    for line in inp.lines() {
        let (id, text) = line.split_once('\t').unwrap();
        let text = text.replace("\\n", "\n").replace("\\\\", "\\");
        bytes += text.len();
        let f = fold(&text);
        let lo = lower(&f.text);
        let v = ViewText { text: &f.text, lower: &lo, layer: cordon_types::Layer::Plain, floor: 0, closed: true, map: &f.map };
        out.push_str(id);
        for k in [SpanKind::User, SpanKind::ToolResult] {
            let mut s = Sink::new();
            inj.scan(&v, k, &mut s);
            out.push('\t');
            for h in &f.hidden {
                if let Some((w, n)) = inj.hidden(h, k) { out.push_str(&format!("{n}={w}:;")); }
            }
            for m in s.matches { out.push_str(&format!("{}={}:{};", m.rule, m.confidence, lo[m.range].replace(['\n', '\t', ';'], " "))); }
        }
        out.push('\n');
    }
    println!("{bytes} bytes {:?}", t.elapsed());
    for _ in 0..2 {
    let ben = std::fs::read_to_string("/tmp/mb/benign.tsv").unwrap();
    let corpus: Vec<(String,String,map::Map)> = ben.lines().map(|l| { let f = fold(l); let lo = lower(&f.text); (f.text, lo, f.map)}).collect();
    let n: usize = corpus.iter().map(|c| c.0.len()).sum();
    for _ in 0..2 {
    let t = std::time::Instant::now();
    for (a, b, m) in &corpus {
        let v = ViewText { text: a, lower: b, layer: cordon_types::Layer::Plain, floor: 0, closed: true, map: m };
        let mut s = Sink::new();
        inj.scan(&v, SpanKind::User, &mut s);
    }
    println!("scan only {:.3} us/KB over {n} {}", t.elapsed().as_secs_f64() * 1e6 / (n as f64 / 1024.0), inj.latin.matcher.as_ref().unwrap().stat());
    }}
    std::fs::write("/tmp/mb/out.tsv", out).unwrap();
}
