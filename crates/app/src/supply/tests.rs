//! Snapshots, archives and gates on a disk; hostile ones too.

use super::*;
use crate::data::DataDir;
use crate::scan::ScanOptions;
use cordon_supply::osv::Level;
use cordon_supply::report::Weight;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;

const NOW: u64 = 1_795_600_800_000;

fn write(root: &Path, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

fn zipped(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        out.start_file(*name, SimpleFileOptions::default()).unwrap();
        out.write_all(bytes).unwrap();
    }
    out.finish().unwrap().into_inner()
}

fn record(id: &str, name: &str, fixed: &str, more: &str) -> String {
    format!(
        r#"{{"id":"{id}","modified":"2026-11-20T00:00:00Z","summary":"bad","database_specific":{{"severity":"HIGH"}}{more},
        "affected":[{{"package":{{"ecosystem":"PyPI","name":"{name}"}},
        "ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#
    )
}

fn installation(root: &Path) -> PathBuf {
    let data = root.join("data");
    drop(DataDir::open(&data).unwrap());
    data
}

fn options(paths: &[&Path]) -> ScanOptions {
    ScanOptions {
        paths: paths.iter().map(|p| (*p).to_owned()).collect(),
        logs: Vec::new(),
        gateway: None,
        boms: Vec::new(),
        clouds: Vec::new(),
        cloud_format: None,
        live: crate::scan::Live::default(),
        format: None,
        machine: None,
        ports: false,
        declared: None,
        baseline: None,
        no_ignore: false,
        threads: 2,
        packages: true,
        least: 400,
        dormant_days: 90,
        now: i64::try_from(NOW).unwrap(),
    }
}

#[test]
fn a_snapshot_is_made_verified_and_refused_when_it_was_touched() {
    let dir = tempfile::tempdir().unwrap();
    let data = installation(dir.path());
    assert!(about(&data).unwrap_err().to_string().contains("there are no advisories"));
    let zip = zipped(&[
        ("PYSEC-1.json", record("PYSEC-1", "openai", "2.0", "").into_bytes()),
        (
            "PYSEC-2.json",
            record("PYSEC-2", "openai", "2.0", r#","withdrawn":"2026-01-01T00:00:00Z""#).into_bytes(),
        ),
        ("broken.json", b"{".to_vec()),
        ("README.md", b"not a record".to_vec()),
    ]);
    let zip = write(dir.path(), "all archive.zip", zip);
    // The same id twice: the one that was changed last.
    write(dir.path(), "more/a.json", record("PYSEC-1", "openai", "3.0", "").replace("11-20", "11-21"));
    let (made, notes) = import(&data, &[zip, dir.path().join("more")], NOW).unwrap();
    assert_eq!((made.records, made.left_out, made.unread, notes.len()), (1, 2, 1, 1));
    assert_eq!(
        (made.sources[0].0.as_str(), made.sources[0].1, made.sources[1].2.as_str()),
        ("all_archive.zip", 2, "-")
    );
    assert_eq!(made.days_old(NOW + 86_400_000 * 10), 14, "by the newest record, not by the import");
    assert_eq!(about(&data).unwrap(), made);
    let (advisories, _) = snapshot::open(&data).unwrap();
    assert_eq!(advisories.all()[0].affected[0].ranges[0].events[1].1, "3.0");

    let records = data.join("advisories/snapshot.jsonl");
    let whole = std::fs::read(&records).unwrap();
    std::fs::write(&records, [&whole[..], b"{}\n"].concat()).unwrap();
    assert!(snapshot::open(&data).unwrap_err().to_string().contains("not what was signed"));
    std::fs::write(&records, whole).unwrap();
    let note = data.join("advisories/snapshot.note");
    let text = std::fs::read_to_string(&note).unwrap();
    std::fs::write(&note, text.replace("taken 1795", "taken 1796")).unwrap();
    assert!(about(&data).unwrap_err().to_string().contains("signature"));
    // Another installation's is none of ours.
    std::fs::write(&note, &text).unwrap();
    let other = installation(&dir.path().join("other"));
    std::fs::create_dir_all(other.join("advisories")).unwrap();
    std::fs::copy(&note, other.join("advisories/snapshot.note")).unwrap();
    assert!(about(&other).unwrap_err().to_string().contains("signature"));
    let nobody = import(&dir.path().join("nowhere"), &[note], NOW).unwrap_err().to_string();
    assert!(nobody.contains("cordon init"), "{nobody}");
}

#[test]
fn hostile_archives_end_cleanly() {
    let dir = tempfile::tempdir().unwrap();
    let data = installation(dir.path());
    let refused = |name: &str, bytes: Vec<u8>, why: &str| {
        let path = write(dir.path(), name, bytes);
        let error = import(&data, &[path], NOW).unwrap_err().to_string();
        assert!(error.contains(why), "{name}: {error}");
    };
    // A record of 64 MiB in 64 KiB.
    refused("bomb.zip", zipped(&[("a.json", vec![b' '; 64 << 20])]), "unpacks to more");
    let whole = zipped(&[("a.json", record("X", "y", "1", "").into_bytes())]);
    refused("cut.zip", whole[..whole.len() / 2].to_vec(), "cannot be read");
    refused("deep.json", vec![b'['; 1 << 20], "no advisory was found");
    refused("empty.zip", zipped(&[]), "no advisory was found");
    // Names that lead elsewhere are names alone: nothing is unpacked to the disk.
    let sly = write(
        dir.path(),
        "sly.zip",
        zipped(&[
            ("../../etc/x\u{1b}[2J.json", b"{".to_vec()),
            ("/a.json", record("X", "y", "1", "").into_bytes()),
        ]),
    );
    let (made, notes) = import(&data, &[sly], NOW).unwrap();
    assert_eq!((made.records, made.unread), (1, 1));
    assert!(!notes[0].chars().any(char::is_control), "{notes:?}");
    #[cfg(unix)]
    {
        let folder = dir.path().join("linked");
        std::fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(dir.path(), folder.join("loop")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.join("z.json")).unwrap();
        assert!(import(&data, &[folder], NOW).unwrap_err().to_string().contains("no advisory"));
    }
}

#[test]
fn what_is_there_is_looked_up_and_lock_files_decide() {
    let dir = tempfile::tempdir().unwrap();
    let data = installation(dir.path());
    let one = write(dir.path(), "adv/1.json", record("PYSEC-1", "requests", "2.31.0", ""));
    import(&data, &[one], NOW).unwrap();
    let tree = dir.path().join("tree");
    // The manifest's range would admit 2.30; the lock file beside it says what is taken.
    write(&tree, "a/pyproject.toml", "[project]\nname = \"a\"\ndependencies = [\"requests>=2\"]\n");
    write(&tree, "a/uv.lock", "[[package]]\nname = \"requests\"\nversion = \"2.32.0\"\n");
    let ask = || Question { scan: options(&[&tree]), used_days: 30, now: NOW };
    let checked = check(&data, &ask(), &|_| {}).unwrap();
    assert_eq!((checked.found.len(), checked.packages), (0, 1), "{:?}", checked.found);
    // Elsewhere nothing does, and there a version is pinned that is affected.
    write(&tree, "b/pyproject.toml", "[project]\nname = \"b\"\ndependencies = [\"Requests>=2\"]\n");
    write(&tree, "c/requirements.txt", "requests==2.30.0\n");
    let checked = check(&data, &ask(), &|_| {}).unwrap();
    let told: Vec<_> =
        checked.found.iter().map(|f| (f.package.version.as_deref(), f.hit.doubt.is_some())).collect();
    assert_eq!(told, [(Some("2.30.0"), false), (None, true)]);
    assert!(checked.found[0].places[0].ends_with("c/requirements.txt:1"), "{:?}", checked.found[0].places);
    assert!(checked.ledger && checked.found[0].used.is_none());
}

#[test]
fn a_tool_server_of_the_gateway_is_looked_up() {
    let dir = tempfile::tempdir().unwrap();
    let data = installation(dir.path());
    let one = write(dir.path(), "1.json", record("PYSEC-1", "mcp-server-git", "2026.1.1", ""));
    import(&data, &[one], NOW).unwrap();
    let config = data.join("cordon.toml");
    let mut text = std::fs::read_to_string(&config).unwrap();
    text.push_str("\n[[servers]]\nid = \"git\"\ncommand = [\"uvx\", \"mcp-server-git==2025.1.1\"]\n");
    std::fs::write(&config, text).unwrap();
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let checked =
        check(&data, &Question { scan: options(&[&empty]), used_days: 30, now: NOW }, &|_| {}).unwrap();
    assert_eq!(checked.notes, Vec::<String>::new());
    assert_eq!(checked.found[0].places, ["cordon.toml: server git"]);
}

fn asked(scan: ScanOptions) -> Gate {
    Gate { scan, base_tree: None, manifests: None, advisories: None, warn: Vec::new() }
}

fn told(gated: &Gated) -> Vec<(&str, &str)> {
    gated.entries.iter().map(|e| (e.rule.id.as_str(), e.subject.as_str())).collect()
}

#[test]
fn a_gate_tells_what_a_change_adds_and_nobody_approved() {
    let dir = tempfile::tempdir().unwrap();
    let data = installation(dir.path());
    let (base, now) = (dir.path().join("base"), dir.path().join("now"));
    for tree in [&base, &now] {
        write(tree, "requirements.txt", "openai==1.0\n");
        write(tree, "AGENTS.md", "Be kind.\n");
        write(
            tree,
            ".mcp.json",
            r#"{"mcpServers":{"git":{"command":"uvx","args":["mcp-server-git==2025.1.1"]}}}"#,
        );
    }
    let declared = write(
        dir.path(),
        "inventory.toml",
        "[[asset]]\nkind = \"package\"\nname = \"pypi/anthropic\"\nowner = \"ann\"\n[[asset]]\nkind = \"package\"\nname = \"pypi/crewai\"\nstatus = \"forbidden\"\ninstead = \"langgraph\"\n",
    );
    let ask = || Gate {
        base_tree: Some(base.clone()),
        ..asked(ScanOptions { declared: Some(declared.clone()), ..options(&[&now]) })
    };
    let same = gate(&data, &ask(), &|_| {}).unwrap();
    assert_eq!((told(&same), same.added), (Vec::new(), Some(0)));

    write(
        &now,
        "requirements.txt",
        "openai==1.0\nanthropic==0.1\ncrewai==0.2\nlangchain==0.1\ncohere==1.0\n",
    );
    write(
        &now,
        ".mcp.json",
        r#"{"mcpServers":{"git":{"command":"uvx","args":["mcp-server-git==2025.2.0"]},"n8n":{"command":"npx","args":["n8n-mcp@1.0.0"]}}}"#,
    );
    let gated = gate(&data, &ask(), &|_| {}).unwrap();
    let got = told(&gated);
    for want in [
        ("forbidden", "package:pypi/crewai"),
        ("new-framework", "package:pypi/langchain"),
        ("new-package", "package:pypi/cohere"),
        ("new-tool-server", "tool_server:npm/n8n-mcp"),
        ("tool-server-changed", "tool_server:pypi/mcp-server-git"),
    ] {
        assert!(got.contains(&want), "{want:?} in {got:?}");
    }
    assert!(
        !got.iter().any(|(_, s)| s.contains("anthropic") || s.contains("openai") || s.contains("AGENTS")),
        "{got:?}"
    );

    // Known vulnerabilities of what is added; what was there is the base's matter.
    let records = [record("PYSEC-1", "cohere", "2.0", ""), record("PYSEC-2", "openai", "2.0", "")];
    for (n, text) in records.iter().enumerate() {
        write(dir.path(), &format!("adv/{n}.json"), text);
    }
    import(&data, &[dir.path().join("adv")], NOW).unwrap();
    let with = |level, warn: &[&str]| {
        let warn = warn.iter().map(|w| (*w).to_owned()).collect();
        let gated = gate(&data, &Gate { advisories: Some(level), warn, ..ask() }, &|_| {}).unwrap();
        let found = gated.entries.iter().filter(|e| e.rule.id.starts_with("PYSEC"));
        found.map(|e| (e.rule.id.clone(), e.weight)).collect::<Vec<_>>()
    };
    assert_eq!(with(Some(Level::High), &[]), [("PYSEC-1".to_owned(), Weight::Error)]);
    assert_eq!(with(Some(Level::Critical), &[]), [("PYSEC-1".to_owned(), Weight::Warning)]);
    assert_eq!(with(None, &["vulnerable"]), [("PYSEC-1".to_owned(), Weight::Warning)]);
}

const MANIFEST: &str = r#"
agent = "dev"
owner = "ann@example.org"
purpose = "tests"
risk = "limited"
models = ["small"]
uninspected = "refuse"

[budgets]
requests_per_minute = 10

[[tools]]
name = "git__log"
effect = "read"
approvals = 2
[tools.args]
path = { max_bytes = 10 }

[[tools]]
name = "mail__*"
effect = "send"
"#;

#[test]
fn permissions_that_a_change_adds_or_widens() {
    let dir = tempfile::tempdir().unwrap();
    let check = |now: &str, want: &[(&str, &str)]| {
        write(dir.path(), "base/dev.toml", MANIFEST);
        write(dir.path(), "now/dev.toml", now);
        let read = |name: &str| permissions::read(&dir.path().join(name)).unwrap_or_else(|e| panic!("{e}"));
        let found = permissions::widened(&read("base"), &read("now"));
        let got: Vec<_> = found.iter().map(|e| (e.rule.id.as_str(), e.subject.as_str())).collect();
        assert_eq!(got, want, "{found:#?}");
    };
    check(MANIFEST, &[]);
    let added = format!("{MANIFEST}\n[[tools]]\nname = \"shell__run\"\neffect = \"execute\"\n");
    check(&added, &[("permission-added", "agent:dev tool:shell__run")]);
    // A tool that a wider rule stood for is none that is added.
    let narrower = format!("{MANIFEST}\n[[tools]]\nname = \"mail__send\"\neffect = \"send\"\n");
    check(&narrower, &[]);
    let wider = MANIFEST.replace("git__log", "git__*");
    check(
        &wider,
        &[("permission-added", "agent:dev tool:git__*"), ("permission-widened", "agent:dev tool:git__log")]
            [..1],
    );
    check(
        &MANIFEST.replace("[tools.args]\npath = { max_bytes = 10 }\n", ""),
        &[("permission-widened", "agent:dev tool:git__log")],
    );
    check(
        &MANIFEST.replace("max_bytes = 10", "max_bytes = 99"),
        &[("permission-widened", "agent:dev tool:git__log")],
    );
    check(
        &MANIFEST.replace("approvals = 2", "approvals = 1"),
        &[("permission-widened", "agent:dev tool:git__log")],
    );
    check(
        &MANIFEST.replace("[\"small\"]", "[\"small\", \"large\"]"),
        &[("permission-added", "agent:dev model:large")],
    );
    check(&MANIFEST.replace("minute = 10", "minute = 20"), &[("permission-widened", "agent:dev budgets")]);
    check(&MANIFEST.replace("minute = 10", "minute = 5"), &[]);
    check(&MANIFEST.replace("\"refuse\"", "\"allow\""), &[("permission-widened", "agent:dev uninspected")]);
    check(&MANIFEST.replace("\"dev\"", "\"other\""), &[("permission-added", "agent:other")]);
}
