"""`cordon scan --cloud`: exports of clouds, by the built binary, plain and packed; what is no export ends with its name."""

import gzip
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[2] / "crates/inventory/tests/fixtures/cloud"


def scan(*args):
    cordon = os.environ.get("CORDON_BIN", "target/debug/cordon")
    done = subprocess.run([cordon, "scan", "--json", *map(str, args)], capture_output=True, text=True, timeout=60)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return done, {f"{r['kind']}:{r['name']}": r for r in rows if r["t"] == "asset"}


class Clouds(unittest.TestCase):
    def test_exports_of_every_cloud_join_to_one_inventory(self):
        with tempfile.TemporaryDirectory() as folder:
            packed = Path(folder) / "gcp.gz"
            packed.write_bytes(gzip.compress((FIXTURES / "gcp.ndjson").read_bytes()))
            names = ("azure-graph.json", "azure-list.json", "defender.json", "aws-lists.json", "aws-config.json")
            own = Path(folder) / "inventory.toml"
            own.write_text('[[asset]]\nkind = "agent"\nname = "refunds"\nowner = "shop"\n')
            done, assets = scan("--cloud", *(FIXTURES / n for n in names), packed, "--declared", own)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(assets["agent:refunds"]["mark"], "sanctioned")
        self.assertEqual(assets["endpoint:drafts"]["mark"], "shadow")
        self.assertIn("risk", assets["tool_server:tools"]["issues"])
        self.assertIn("agent:planner", assets)
        self.assertIn("resultTruncated", done.stderr)
        self.assertNotIn("records no Bedrock agents", done.stderr)

    def test_a_resource_of_two_exports_stands_once(self):
        arn = "arn:aws:bedrock:eu-west-1:111122223333:knowledge-base/KB1"
        rows = [{"Arn": arn, "CfnResourceType": "AWS::Bedrock::KnowledgeBase"}]
        with tempfile.TemporaryDirectory() as folder:
            explorer = Path(folder) / "explorer.json"
            explorer.write_text(json.dumps({"Resources": rows}))
            done, assets = scan("--cloud", FIXTURES / "aws-config.json", explorer)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([a["key"] for a in assets.values()], [arn.lower()])

    def test_config_alone_says_what_it_misses(self):
        done, assets = scan("--cloud", FIXTURES / "aws-config.json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("endpoint:handbook", assets)
        self.assertIn("records no Bedrock agents", done.stderr)

    def test_what_is_no_export_ends_with_its_name(self):
        with tempfile.TemporaryDirectory() as folder:
            bad = Path(folder) / "bad.json"
            bad.write_text("[" * 100_000)
            done, _ = scan("--cloud", bad)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("bad.json", done.stderr)
        self.assertIn("is not the JSON of an export", done.stderr)


if __name__ == "__main__":
    unittest.main()
