"""The supply chain through the built binary: advisories, the gate, bills of materials, against official schemas."""

import asyncio
import json
import shutil
import stat
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
import zipfile
from pathlib import Path

import jsonschema_rs
from gateway import ROOT, Gateway
from test_mcp import FIXTURE, connected, manifest

SCHEMAS = ROOT / "crates/supply/tests/data/schemas"


def schema(name):
    # SARIF's own pattern for languages has a bracket that closes nothing.
    return json.loads((SCHEMAS / name).read_text().replace("{2}]?$", "{2}?$"))


def violations(name, document):
    """Every violation of an official schema; what it refers to is beside it."""
    base = "http://cyclonedx.org/schema/"
    registry = jsonschema_rs.Registry([
        (f"{base}spdx.SNAPSHOT.schema.json", schema("spdx-licences.json")),
        (f"{base}jsf-0.82.SNAPSHOT.schema.json", schema("jsf-0.82.json")),
    ])
    validator = jsonschema_rs.validator_for(schema(name), registry=registry)
    return [f"{e.instance_path}: {e.message}" for e in validator.iter_errors(document)]


def record(number, name, fixed, ecosystem="PyPI", modified="2026-11-20T00:00:00Z", **more):
    events = [{"introduced": "0"}, {"fixed": fixed}]
    return {
        "id": f"GHSA-{number}", "modified": modified, "summary": f"{name} is bad", "aliases": [f"CVE-{number}"],
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected": [{"package": {"ecosystem": ecosystem, "name": name}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}],
        **more,
    }


class Supply(unittest.TestCase):
    """A gateway whose tool server is started by a command that names a package."""

    @classmethod
    def setUpClass(cls):
        cls.directory = Path(tempfile.mkdtemp(prefix="cordon-e2e-supply-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        # What `uvx` would fetch and run is the fixture here.
        runner = cls.directory / "uvx"
        runner.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FIXTURE}" stdio\n')
        runner.chmod(runner.stat().st_mode | stat.S_IXUSR)
        server = f'\n[[servers]]\nid = "git"\npins = "first_use"\ncommand = [{json.dumps(str(runner))}, "mcp-server-git==2025.1.1"]\n'
        cls.gateway = Gateway(config=lambda text: text + server, agents={"tester": manifest()})
        cls.addClassCleanup(cls.gateway.close_verified)

        async def call(client):
            return (await client.call_tool("test_simple_text", {})).content[0].text

        told = asyncio.run(asyncio.wait_for(connected(cls.gateway, "tester", "/mcp/git", call, None), 120))
        assert told, told
        cls.tree = cls.directory / "tree"
        cls.tree.mkdir()
        (cls.tree / "requirements.txt").write_text("openai==1.0\nrequests==2.30.0\n")
        (cls.tree / "app.py").write_text('import openai\nMODEL = "gpt-4o"\nURL = "https://api.openai.com/v1"\n')
        cls.archive = cls.directory / "all.zip"
        with zipfile.ZipFile(cls.archive, "w", zipfile.ZIP_DEFLATED) as out:
            for one in [
                record(1, "requests", "2.31.0"),
                record(2, "mcp-server-git", "2025.2.0", severity=[]),
                record(3, "openai", "0.9"),
                record(4, "openai", "2.0", withdrawn="2026-01-01T00:00:00Z"),
            ]:
                out.writestr(f"{one['id']}.json", json.dumps(one))

    def cordon(self, *arguments):
        return self.gateway.run(*map(str, arguments))

    def ok(self, *arguments, code=0):
        done = self.cordon(*arguments)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done

    def lines(self, *arguments, code=0):
        return [json.loads(line) for line in self.ok(*arguments, "--json", code=code).stdout.splitlines()]

    def test_what_was_called_comes_first(self):
        made = json.loads(self.ok("advisories", "import", self.archive, "--json").stdout)
        self.assertEqual((made["records"], made["left_out"], made["unread"]), (3, 1, 0))
        *found, summary = self.lines("advisories", "check", self.tree)
        # The server's is not rated, requests' is critical: it was called, so it is first.
        self.assertEqual([f["id"] for f in found], ["GHSA-2", "GHSA-1"])
        self.assertEqual((found[0]["used"]["servers"], found[0]["used"]["agents"]), (["git"], ["tester"]))
        self.assertGreaterEqual(found[0]["used"]["calls"], 1)
        self.assertIsNone(found[1]["used"])
        self.assertEqual((found[1]["severity"], found[1]["score"], found[1]["fixed"]), ("critical", "9.8", "2.31.0"))
        self.assertEqual((summary["affected"], summary["used"], summary["ledger"]), (2, 1, True))
        # Nothing was called in no days at all.
        *found, _ = self.lines("advisories", "check", self.tree, "--used-days", "0")
        self.assertEqual([f["used"] for f in found], [None, None])
        table = self.ok("advisories", "check", self.tree).stdout
        self.assertLess(table.index("CALLED THROUGH THE GATEWAY"), table.index("AFFECTED"))
        for what, code in [("any", 3), ("used", 3), ("critical", 3), ("possible", 0)]:
            self.ok("advisories", "check", self.tree, "--fail-on", what, code=code)

    def test_an_old_snapshot_is_said_and_a_touched_one_refused(self):
        old = self.directory / "old.json"
        old.write_text(json.dumps(record(9, "requests", "9.0", modified="2020-01-01T00:00:00Z")))
        self.ok("advisories", "import", old)
        done = self.ok("advisories", "check", self.tree)
        self.assertIn("STALE", done.stderr)
        self.ok("advisories", "check", self.tree, "--fail-on", "stale", code=3)
        records = self.gateway.data_dir / "advisories/snapshot.jsonl"
        records.write_text(records.read_text().replace("9.0", "0.1"))
        self.assertIn("not what was signed", self.ok("advisories", "check", self.tree, code=1).stderr)
        self.ok("advisories", "import", self.archive)
        self.ok("advisories", "check", self.tree)

    def test_hostile_archives(self):
        bomb, cut, deep = (self.directory / n for n in ("bomb.zip", "cut.zip", "deep.json"))
        with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as out:
            out.writestr("a.json", b" " * (512 << 20))
        cut.write_bytes(self.archive.read_bytes()[:100])
        deep.write_bytes(b'{"a":' * (1 << 20))
        for path, why in [(bomb, "unpacks to more"), (cut, "cannot be read"), (deep, "no advisory was found")]:
            with self.subTest(path.name):
                self.assertIn(why, self.ok("advisories", "import", path, code=1).stderr)
        self.assertIn("no JSON", self.ok("bom", "--bom", deep, code=1).stderr)

    def test_the_gate_and_its_reports(self):
        change = self.directory / "change"
        shutil.copytree(self.tree, change, dirs_exist_ok=True)
        base = self.directory / "base.jsonl"
        self.ok("scan", self.tree, "--out", base)
        sarif, junit = self.directory / "gate.sarif", self.directory / "gate.xml"
        reports = ("--sarif", sarif, "--junit", junit)
        # Nothing is added: passed, and the reports say so.
        self.ok("gate", self.tree, "--base", base, *reports)
        self.assertEqual(violations("sarif-2.1.0.json", json.loads(sarif.read_text())), [])
        self.assertEqual(xml.parse(junit).getroot().attrib["failures"], "0")
        (change / "requirements.txt").write_text("openai==1.0\nrequests==2.30.0\ncrewai==0.1\nanthropic==0.2\n")
        (change / ".mcp.json").write_text('{"mcpServers": {"x": {"command": "npx", "args": ["n8n-mcp@1.0.0"]}}}')
        declared = self.directory / "inventory.toml"
        declared.write_text('[[asset]]\nkind = "package"\nname = "pypi/anthropic"\nowner = "ann"\n')
        common = ("gate", change, "--base-tree", self.tree, "--declared", declared)
        *found, summary = self.lines(*common, *reports, code=3)
        rules = {f["rule"] for f in found if f["weight"] == "error"}
        self.assertEqual(rules, {"new-agent", "new-framework", "new-tool-server"})
        self.assertFalse(summary["passed"])
        log = json.loads(sarif.read_text())
        self.assertEqual(violations("sarif-2.1.0.json", log), [])
        self.assertEqual({r["ruleId"] for r in log["runs"][0]["results"]}, {f["rule"] for f in found})
        root = xml.parse(junit).getroot()
        self.assertEqual(len(root.findall("./testsuite/testcase/failure")), summary["errors"])
        self.assertEqual(root.find("testsuite").attrib["tests"], str(len(found)))
        # What only warns does not fail; a name that is no rule is refused.
        self.ok(*common, "--warn", ",".join(rules) + ",risk")
        self.assertIn("no rule", self.ok(*common, "--warn", "new-pakage", code=1).stderr)

    def test_the_gate_on_permissions(self):
        before, after = self.directory / "agents-before", self.directory / "agents-after"
        for folder, tools in [(before, "git__log"), (after, "git__*")]:
            folder.mkdir(exist_ok=True)
            (folder / "a.toml").write_text(manifest("a", tools, ""))
        empty = self.directory / "empty"
        empty.mkdir(exist_ok=True)
        ask = ("gate", empty, "--base-tree", empty)
        found, _ = self.lines(*ask, "--manifests-base", before, "--manifests", after, code=3)
        self.assertEqual((found["rule"], found["subject"]), ("permission-added", "agent:a tool:git__*"))
        self.ok(*ask, "--manifests-base", after, "--manifests", before)

    def test_bills_of_materials(self):
        files = {}
        for name in ("cyclonedx", "spdx", "spdx3"):
            files[name] = self.directory / f"{name}.json"
            self.ok("bom", self.tree, "--format", name, "--out", files[name])
        for name, wanted in [("cyclonedx", "cyclonedx-1.6.json"), ("spdx", "spdx-2.3.json")]:
            document = json.loads(files[name].read_text())
            self.assertEqual(violations(wanted, document), [], name)
        import spdx_python_model

        model = spdx_python_model.v3_0_1
        objects = model.SHACLObjectSet()
        with files["spdx3"].open("rb") as stream:
            model.JSONLDDeserializer().read(stream, objects)
        names = {p.name for p in objects.foreach_type(model.software_Package, match_subclass=True)}
        self.assertLessEqual({"openai", "requests", "gpt-4o"}, names)
        self.assertEqual(objects.link(), set(), "references that lead nowhere")
        # And back: as an inventory, and as packages to look up.
        self.ok("advisories", "import", self.archive)
        for name, path in files.items():
            with self.subTest(name):
                assets = {(a["kind"], a["key"]) for a in self.lines("scan", "--bom", path) if a["t"] == "asset"}
                self.assertLessEqual({("package", "pypi/openai"), ("model", "gpt-4o")}, assets)
                *found, _ = self.lines("advisories", "check", "--bom", path)
                self.assertIn("GHSA-1", [f["id"] for f in found])


if __name__ == "__main__":
    unittest.main()
