//! Trees, logs and machines on a disk; hostile ones too.

use super::*;
use cordon_inventory::{AssetKind, Issue, Mark};
use std::io::Write as _;

fn options() -> ScanOptions {
    ScanOptions {
        paths: Vec::new(),
        logs: Vec::new(),
        format: None,
        machine: None,
        ports: false,
        declared: None,
        baseline: None,
        no_ignore: false,
        threads: 2,
        packages: false,
        gateway: None,
        boms: Vec::new(),
        clouds: Vec::new(),
        cloud_format: None,
        live: Live::default(),
        least: 400,
        dormant_days: 90,
        now: 1_795_600_800_000,
    }
}

fn write(root: &Path, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

fn run(options: &ScanOptions) -> Scanned {
    scan(options, &|_| {}).unwrap()
}

fn keys(scanned: &Scanned) -> Vec<String> {
    scanned.inventory.assets.iter().map(|a| a.id.to_string()).collect()
}

#[test]
fn a_tree_with_ignore_files_links_and_pipes() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write(root, "a/requirements.txt", "openai==1.2\n");
    write(root, "a/skipped/requirements.txt", "anthropic\n");
    write(root, "a/.gitignore", "skipped/\n");
    write(root, ".git/requirements.txt", "cohere\n");
    write(root, "a/blob.py", b"import mistralai\0");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(root, root.join("a/loop")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", root.join("a/x.py")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(root.join("a/pipe.py")).status();
        assert!(made.unwrap().success());
    }
    let mut asked = ScanOptions { paths: vec![root.to_owned()], ..options() };
    assert_eq!(keys(&run(&asked)), ["package:pypi/openai"]);
    asked.no_ignore = true;
    assert_eq!(keys(&run(&asked)), ["package:pypi/anthropic", "package:pypi/openai"]);
    asked.paths = vec![root.join("nowhere")];
    assert!(scan(&asked, &|_| {}).unwrap_err().to_string().contains("nowhere"));
}

#[test]
fn a_path_cannot_write_to_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "\u{1b}[2J\u{202e}/requirements.txt", "openai==1.2\n");
    let huge = vec![b'x'; 40 << 20];
    write(dir.path(), "\u{9b}2J/requirements.txt", huge);
    let scanned = run(&ScanOptions { paths: vec![dir.path().to_owned()], ..options() });
    let places: Vec<String> =
        scanned.inventory.assets[0].evidence.iter().map(|e| e.place.to_string()).collect();
    assert_eq!((places.len(), scanned.notes.len()), (1, 1), "{places:?} {:?}", scanned.notes);
    for text in places.iter().chain(&scanned.notes) {
        assert!(text.contains('\u{fffd}') && !text.chars().any(char::is_control), "{text:?}");
    }
}

#[test]
fn what_is_too_large_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "big.py", "x");
    std::fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    let scanned = run(&ScanOptions { paths: vec![dir.path().to_owned()], ..options() });
    assert_eq!((scanned.files, scanned.read), (1, 0));
    assert!(scanned.notes[0].contains("over the limit"), "{:?}", scanned.notes);
    // A header alone is read of weights, whatever their size.
    let path = write(dir.path(), "m.gguf", [&b"GGUF\x03\0\0\0"[..], &[0; 16]].concat());
    std::fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    let scanned = run(&ScanOptions { paths: vec![path], ..options() });
    assert_eq!(scanned.inventory.assets[0].id.kind, AssetKind::ModelFile);
}

const LOG: &str = "1795600000.000 1 10.0.0.5 TCP/200 9 GET https://api.openai.com/v1 ann X/- -\n";

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

#[test]
fn logs_plain_and_packed() {
    let dir = tempfile::tempdir().unwrap();
    let zst = ruzstd::encoding::compress_to_vec(LOG.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    let files = [
        write(dir.path(), "a.log", LOG),
        // Two members, as a rotating logger appends them.
        write(dir.path(), "b.log.gz", [gz(LOG.as_bytes()), gz(LOG.as_bytes())].concat()),
        write(dir.path(), "c.log.zst", [zst.clone(), zst].concat()),
    ];
    let scanned = run(&ScanOptions { logs: files.to_vec(), ..options() });
    let hits: Vec<_> = scanned.logs.iter().map(|l| (l.format, l.counts.hits)).collect();
    assert_eq!(hits, [("squid", 1), ("squid", 2), ("squid", 2)]);
    assert_eq!(scanned.inventory.uses[0].used.requests, 5);
    assert_eq!(scanned.inventory.assets[0].mark, Some(Mark::Shadow));
    assert!(scanned.notes.is_empty(), "{:?}", scanned.notes);
}

#[test]
fn broken_and_hostile_logs_end_cleanly() {
    let dir = tempfile::tempdir().unwrap();
    let whole = gz(LOG.repeat(1000).as_bytes());
    let cut = write(dir.path(), "cut.log.gz", &whole[..whole.len() / 2]);
    let scanned = run(&ScanOptions { logs: vec![cut], format: Some(Format::Squid), ..options() });
    assert!(scanned.notes.iter().any(|n| n.contains("read up to there")), "{:?}", scanned.notes);

    // A gibibyte of one line, in a file a thousandth of that.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![b'0'; 1 << 20];
    for _ in 0..1024 {
        bomb.write_all(&zeros).unwrap();
    }
    let bomb = write(dir.path(), "bomb.log.gz", bomb.finish().unwrap());
    let scanned = run(&ScanOptions { logs: vec![bomb], format: Some(Format::Squid), ..options() });
    assert!(scanned.notes.iter().any(|n| n.contains("unpack to over")), "{:?}", scanned.notes);

    let unknown = write(dir.path(), "x.log", "what is this\n");
    let error = scan(&ScanOptions { logs: vec![unknown], ..options() }, &|_| {}).unwrap_err().to_string();
    assert!(error.contains("--log-format"), "{error}");
    let error = scan(&ScanOptions { logs: vec![dir.path().to_owned()], ..options() }, &|_| {}).unwrap_err();
    assert!(error.to_string().contains("is a folder"), "{error}");
}

#[test]
fn a_machine() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write(root, "home/ann/.cursor/mcp.json", r#"{"mcpServers":{"x":{"command":"npx","args":["n8n-mcp"]}}}"#);
    write(
        root,
        "Users/bob/Library/Application Support/Claude/claude_desktop_config.json",
        r#"{"mcpServers":{"y":{"url":"https://mcp.linear.app/mcp"}}}"#,
    );
    write(root, "home/ann/.ollama/models/manifests/registry.ollama.ai/library/llama3/8b", "{}");
    write(root, "home/ann/.claude/skills/pdf/SKILL.md", "---\nname: pdf\n---\n");
    write(root, "proc/net/tcp", "h\n 0: 0100007F:2CAA 00000000:0000 0A 0\n");
    let scanned = run(&ScanOptions { machine: Some(root.to_owned()), ports: true, ..options() });
    let got = keys(&scanned);
    for want in [
        "agent:cursor",
        "agent:claude-desktop",
        "tool_server:npm/n8n-mcp",
        "tool_server:mcp.linear.app/mcp",
        "model:llama3:8b",
        "local_server:ollama",
    ] {
        assert!(got.contains(&want.to_owned()), "{want} in {got:?}");
    }
    assert!(got.iter().any(|k| k.starts_with("skill:")), "{got:?}");
    // Without being asked, ports are not looked at.
    std::fs::remove_dir_all(root.join("home")).unwrap();
    let scanned = run(&ScanOptions { machine: Some(root.to_owned()), ..options() });
    assert!(!keys(&scanned).contains(&"local_server:ollama".to_owned()));
}

#[test]
fn declared_and_baseline() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    write(&tree, "requirements.txt", "openai\ncrewai\n");
    let own = write(
        dir.path(),
        "inventory.toml",
        "[[asset]]\nkind = \"package\"\nname = \"pypi/openai\"\nowner = \"ann\"\n[[asset]]\nkind = \"service\"\nname = \"Mistral\"\nowner = \"bob\"\n",
    );
    let asked = ScanOptions { paths: vec![tree], declared: Some(own), ..options() };
    let scanned = run(&asked);
    let marks: Vec<_> = scanned.inventory.assets.iter().map(|a| (a.id.key.as_str(), a.mark)).collect();
    assert_eq!(
        marks,
        [
            ("mistral", Some(Mark::Ghost)),
            ("pypi/crewai", Some(Mark::Shadow)),
            ("pypi/openai", Some(Mark::Sanctioned))
        ]
    );
    assert_eq!(scanned.inventory.issues().get(&Issue::Unowned), Some(&1));
    let bad = write(dir.path(), "bad.toml", "[[asset]]\nkind = \"x\"\nname = \"y\"\n");
    let error = scan(&ScanOptions { declared: Some(bad.clone()), ..asked.clone() }, &|_| {}).unwrap_err();
    assert!(error.to_string().contains("bad.toml: line 2"), "{error}");
    let error = scan(&ScanOptions { baseline: Some(bad), ..asked }, &|_| {}).unwrap_err();
    assert!(error.to_string().contains("is not of a scan"), "{error}");
}
