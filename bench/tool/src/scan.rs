//! `bench scan`: files a second and log lines a second of `cordon scan`, and whether its memory stays flat.
//!
//! The corpus is made anew, the same at every run: packages of source files, manifests and lock files; and a Zeek ssl
//! log in which one line in a hundred names an AI service. Each measurement runs on a half and on the whole: memory
//! that grew with the input would show.

use crate::{say, target};
use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What is measured.
#[derive(Args)]
pub(crate) struct Options {
    /// Files of the tree.
    #[arg(long, default_value_t = 100_000)]
    files: usize,
    /// Lines of the log.
    #[arg(long, default_value_t = 2_000_000)]
    lines: usize,
    /// The binary; the one that was built without.
    #[arg(long)]
    cordon: Option<PathBuf>,
    /// Where the corpus is made and removed again.
    #[arg(long)]
    folder: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let cordon = target::binary(options.cordon.as_deref())?;
    let base = options.folder.clone().unwrap_or_else(std::env::temp_dir);
    let folder = base.join(format!("cordon-bench-scan-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let result = measure(&cordon, &folder, options);
    fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    result
}

fn measure(cordon: &Path, folder: &Path, options: &Options) -> anyhow::Result<()> {
    say::progress("making the corpus");
    let mut trees = Vec::new();
    for half in ["a", "b"] {
        trees.push(tree(&folder.join(half), options.files / 2)?);
    }
    let [a, b] = trees.as_slice() else { return Ok(()) };
    for (what, paths) in [("half the tree", vec![&a.0]), ("the tree", vec![&a.0, &b.0])] {
        let mut command = Command::new(cordon);
        command.arg("scan").args(paths).arg("--json");
        let (seconds, peak, summary) = timed(&mut command)?;
        let (files, bytes) = (number(&summary, "files"), number(&summary, "bytes"));
        ensure!(number(&summary, "assets") > 0.0, "the scan found nothing");
        say::line(&format!(
            "{what}: {files:.0} files, {:.0} MB read, in {seconds:.2} s: {:.0} files/s; peak {peak:.0} MB",
            bytes / 1e6,
            files / seconds
        ));
    }
    for (what, lines) in [("half the log", options.lines / 2), ("the log", options.lines)] {
        let path = folder.join("ssl.log");
        let bytes = log(&path, lines)?;
        let mut command = Command::new(cordon);
        command.args(["scan", "--json", "--logs"]).arg(&path);
        let (seconds, peak, summary) = timed(&mut command)?;
        ensure!(number(&summary, "assets") > 0.0, "the log gave nothing");
        #[allow(clippy::cast_precision_loss, reason = "a count of lines")]
        let (lines, megabytes) = (lines as f64, bytes as f64 / 1e6);
        say::line(&format!(
            "{what}: {lines:.0} lines, {megabytes:.0} MB, in {seconds:.2} s: {:.0} lines/s; peak {peak:.0} MB",
            lines / seconds
        ));
    }
    Ok(())
}

fn number(summary: &Value, key: &str) -> f64 {
    summary.get(key).and_then(Value::as_f64).unwrap_or(0.0)
}

/// Wall-clock seconds, most resident megabytes, and the last line of the output.
#[allow(clippy::disallowed_methods, reason = "a tool that measures reads the clock")]
fn timed(command: &mut Command) -> anyhow::Result<(f64, f64, Value)> {
    let began = std::time::Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let watch = std::thread::spawn(move || {
        let mut peak = 0.0_f64;
        while let Ok(text) = fs::read_to_string(&status) {
            let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
            let Some(kilobytes) = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<f64>().ok())
            else {
                break;
            };
            peak = peak.max(kilobytes / 1e3);
            std::thread::sleep(Duration::from_millis(5));
        }
        peak
    });
    let output = child.stdout.take().map(std::io::read_to_string).transpose()?.unwrap_or_default();
    let ended = child.wait()?;
    let seconds = began.elapsed().as_secs_f64();
    ensure!(ended.success(), "the scan ended with {ended}");
    let peak = watch.join().unwrap_or_default();
    let last = output.lines().last().unwrap_or("{}");
    Ok((seconds, peak, serde_json::from_str(last)?))
}

/// A tree of so many files: packages of twenty, in folders of a hundred packages.
fn tree(root: &Path, files: usize) -> anyhow::Result<(PathBuf, usize)> {
    let body = "def handler(event, context):\n    value = compute(event, context)\n    return {\"status\": value}\n\n".repeat(40);
    for n in 0..files {
        let folder = root.join(format!("{:03}/{:02}", n / 2000, n / 20 % 100));
        fs::create_dir_all(&folder)?;
        let (name, text) = match n % 20 {
            0 => (
                "package.json".to_owned(),
                "{\"dependencies\": {\"react\": \"^18\", \"lodash\": \"^4\"}}".to_owned(),
            ),
            1 => ("requirements.txt".to_owned(), "flask==3.0\nrequests>=2\n".to_owned()),
            2 => ("values.yaml".to_owned(), "image:\n  repository: nginx\n  tag: 1.27\n".repeat(10)),
            3 => ("README.md".to_owned(), body.clone()),
            4 => ("picture.png".to_owned(), "x".repeat(3000)),
            k if k == 5 && n % 2000 == 5 => {
                ("agent.py".to_owned(), format!("import openai\nu = \"https://api.openai.com/v1\"\n{body}"))
            }
            k => (
                format!("module{k}.{}", ["py", "ts", "go", "java"].get(k % 4).unwrap_or(&"py")),
                body.clone(),
            ),
        };
        fs::write(folder.join(name), text)?;
    }
    Ok((root.to_owned(), files))
}

fn log(path: &Path, lines: usize) -> anyhow::Result<usize> {
    let mut out = BufWriter::new(fs::File::create(path)?);
    out.write_all(b"#separator \\x09\n#path\tssl\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tversion\tcipher\tcurve\tserver_name\tresumed\tlast_alert\tnext_protocol\testablished\tssl_history\n")?;
    let mut bytes = 0;
    let mut line = String::new();
    for n in 0..lines {
        line.clear();
        let host = match n % 100 {
            0 => "api.openai.com",
            k if k % 3 == 0 => "static.assets.shop.example.com",
            _ => "outlook.office.example.net",
        };
        writeln!(
            line,
            "{}.{:06}\tC{n:x}\t10.{}.{}.{}\t{}\t192.0.2.9\t443\tTLSv13\tTLS_AES_128_GCM_SHA256\tx25519\t{host}\tF\t-\th2\tT\tCsiI",
            1_795_600_800 + n / 1000,
            n % 1_000_000,
            n % 3,
            n % 200,
            n % 250,
            30_000 + n % 30_000
        )?;
        out.write_all(line.as_bytes())?;
        bytes += line.len();
    }
    out.flush()?;
    Ok(bytes)
}
