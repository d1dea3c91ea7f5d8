#!/usr/bin/env python3
"""Fills in, or checks, what is expected in `cases.tsv` and `orders.tsv`: asks each registry's own comparator.

    oracle.py check [cases.tsv|orders.tsv]...    ends with 1 where a row differs
    oracle.py fill FILE                          writes the expected column anew

Needs, each where its rows are to be looked at: Python's `packaging`; node with npm's own `semver` (NPM_SEMVER names its
folder); java and maven-artifact (MAVEN_CP, a class path; Debian: libmaven3-core-java, libcommons-lang3-java); ruby; go
(`cmd/vendor/golang.org/x/mod/semver` of its own sources). NuGet has none here: its rows say `by hand`. A row whose
comparator is not installed is counted and left as it is.

What a range means is told here a second time, from the OSV schema's evaluation, apart from the Rust that is tested: the
events of one range are cut into intervals [introduced, fixed) and [introduced, last_affected].
"""
import functools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
NPM_SEMVER = os.environ.get("NPM_SEMVER", "/usr/lib/node_modules/npm/node_modules/semver")
MAVEN_CP = os.environ.get(
    "MAVEN_CP", "/usr/share/maven/lib/maven-artifact-3.x.jar:/usr/share/java/commons-lang3.jar")
NODE = f"""const s=require({NPM_SEMVER!r});require('readline').createInterface({{input:process.stdin}}).on('line',l=>{{
const[a,b]=l.split('\\t');try{{console.log(s.compare(a,b))}}catch(e){{console.log('x')}}}})"""
RUBY = """$stdout.sync=true
STDIN.each_line{|l| a,b=l.chomp.split("\t",-1); puts(begin; Gem::Version.new(a)<=>Gem::Version.new(b); rescue; 'x'; end)}"""
JAVA = """import org.apache.maven.artifact.versioning.ComparableVersion;
public class Cmp { public static void main(String[] x) throws Exception {
 var r=new java.io.BufferedReader(new java.io.InputStreamReader(System.in)); String l;
 while((l=r.readLine())!=null){ String[] p=l.split("\\t",-1);
 System.out.println(Integer.signum(new ComparableVersion(p[0]).compareTo(new ComparableVersion(p[1])))); } } }"""
GO = """package main
import ("bufio";"fmt";"os";"strings";"x/semver")
func main(){ s:=bufio.NewScanner(os.Stdin); for s.Scan(){ p:=strings.Split(s.Text(),"\\t")
 if !semver.IsValid(p[0])||!semver.IsValid(p[1]) {fmt.Println("x")} else {fmt.Println(semver.Compare(p[0],p[1]))} } }"""


@functools.cache
def started(oracle):
    """The comparator's process, or None where it is not installed."""
    work = pathlib.Path(tempfile.mkdtemp())
    if oracle == "npm semver" and shutil.which("node") and pathlib.Path(NPM_SEMVER).exists():
        command = ["node", "-e", NODE]
    elif oracle == "Gem::Version" and shutil.which("ruby"):
        command = ["ruby", "-e", RUBY]
    elif oracle == "Maven ComparableVersion" and shutil.which("javac"):
        (work / "Cmp.java").write_text(JAVA)
        subprocess.run(["javac", "-cp", MAVEN_CP, "Cmp.java"], cwd=work, check=True)
        command = ["java", "-cp", f"{MAVEN_CP}:{work}", "Cmp"]
    elif oracle == "Go x/mod semver" and shutil.which("go"):
        root = subprocess.run(["go", "env", "GOROOT"], capture_output=True, text=True, check=True).stdout.strip()
        (work / "semver").mkdir()
        shutil.copy(f"{root}/src/cmd/vendor/golang.org/x/mod/semver/semver.go", work / "semver")
        (work / "go.mod").write_text("module x\ngo 1.19\n")
        (work / "m.go").write_text(GO)
        subprocess.run(["go", "build", "-o", "cmp", "."], cwd=work, check=True)
        command = [str(work / "cmp")]
    else:
        return None
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)


def order(oracle, a, b):
    """-1, 0 or 1; None where nobody can be asked."""
    if oracle == "packaging":
        from packaging.version import Version
        return (Version(a) > Version(b)) - (Version(a) < Version(b))
    process = started(oracle)
    if process is None:
        return None
    if oracle == "Go x/mod semver":
        a, b = ("v" + t.removeprefix("v") for t in (a, b))
    process.stdin.write(f"{a}\t{b}\n")
    process.stdin.flush()
    answer = process.stdout.readline().strip()
    if answer == "x":
        raise ValueError(f"{oracle}: {a} or {b} is no version")
    return int(answer)


def intervals(events):
    """`introduced=1 fixed=2 | ...`: each range's pairs of a start and what ends it."""
    for one in events.split(" | "):
        start = None
        for event in one.split():
            kind, version = event.split("=", 1)
            if kind == "introduced":
                start = version
            else:
                yield start, kind, version
                start = None
        if start is not None:
            yield start, None, None


def expected(row):
    """`affected`, `not`, or None."""
    oracle, version = row["oracle"], row["version"]
    known = False
    for start, kind, end in intervals(row["events"]):
        after = 1 if start == "0" else order(oracle, version, start)
        before = -1 if kind is None else order(oracle, version, end)
        if after is None or before is None:
            return None
        known |= after >= 0 and (before < 0 or (kind == "last_affected" and before == 0))
    return "affected" if known else "not"


def rows(path):
    lines = [l for l in path.read_text().splitlines() if l and not l.startswith("#")]
    heading = lines[0].split("\t")
    return heading, [dict(zip(heading, l.split("\t"))) for l in lines[1:]]


def answer(row):
    if row["oracle"] == "by hand":
        return None
    if "events" in row:
        return expected(row)
    found = order(row["oracle"], row["a"], row["b"])
    return None if found is None else {-1: "<", 0: "=", 1: ">"}[found]


def main():
    what, *files = sys.argv[1:]
    wrong = 0
    for path in [pathlib.Path(f) for f in files] or [HERE / "cases.tsv", HERE / "orders.tsv"]:
        heading, all_rows = rows(path)
        asked = left = 0
        for row in all_rows:
            found = answer(row)
            if found is None:
                left += 1
                continue
            asked += 1
            if what == "fill":
                row["expected"] = found
            elif found != row["expected"]:
                wrong += 1
                print(f"{path.name}: {row}: the comparator says {found}")
        if what == "fill":
            comments = [l for l in path.read_text().splitlines() if l.startswith("#")]
            lines = comments + ["\t".join(heading)] + ["\t".join(r[h] for h in heading) for r in all_rows]
            path.write_text("\n".join(lines) + "\n")
        print(f"{path.name}: {asked} rows asked, {left} left as they are, {wrong} differ")
    sys.exit(1 if wrong else 0)


main()
