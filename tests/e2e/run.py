"""Runs every `test_*.py`, `bad_*.py`, `canary_*.py` and `ops_*.py` beside it, with unittest alone.

    CORDON_BIN=target/debug/cordon .tools/venv/bin/python tests/e2e/run.py [--jobs N] [part of a test's name ...]

Each module has a process of its own; as many go at once as `--jobs` says (where it says nothing, one more than there
are processors, since much of their time they wait). Prints each test. Non-zero when one fails, when nothing ran, or
when a module cannot be loaded. What is skipped is named.
"""

import argparse
import os
import re
import subprocess
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
PATTERNS = ("test_*.py", "bad_*.py", "canary_*.py", "ops_*.py")
# What takes longest goes first, so that it is not what everything waits for at the end.
LONG = ("test_crash", "test_tool_attacks", "test_oauth", "bad_http", "test_mcp_conformance", "test_witness", "test_tasks")
# What a module says of one test is shown at once; the rest, when the module is through.
TEST = re.compile(r"(ok|FAIL|ERROR|skip) +[0-9.]+ s  ")
TOTAL = re.compile(r"(\d+) tests, (\d+) failed, (\d+) skipped")


class Named(unittest.TextTestResult):
    """Each test on a line of its own, by its full name, with how long it took."""

    def startTest(self, test):
        unittest.TestResult.startTest(self, test)
        self.started = time.monotonic()

    def say(self, word, test, why=""):
        took = time.monotonic() - getattr(self, "started", time.monotonic())
        self.stream.writeln(f"{word:<5} {took:6.2f} s  {test.id()}{why}")
        self.stream.flush()

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.say("ok", test)

    def addFailure(self, test, err):
        unittest.TestResult.addFailure(self, test, err)
        self.say("FAIL", test)

    def addError(self, test, err):
        unittest.TestResult.addError(self, test, err)
        self.say("ERROR", test)

    def addSkip(self, test, reason):
        unittest.TestResult.addSkip(self, test, reason)
        self.say("skip", test, f": {reason}")

    def addSubTest(self, test, subtest, err):
        unittest.TestResult.addSubTest(self, test, subtest, err)
        if err is not None:
            self.say("FAIL", subtest)


def chosen(suite, parts):
    """The tests whose name has one of the parts in it."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from chosen(test, parts)
        elif not parts or any(part in test.id() for part in parts):
            yield test


def run_module(module, parts):
    """One module, in this process; its total stands last."""
    loaded = unittest.TestLoader().loadTestsFromName(module)
    tests = unittest.TestSuite(chosen(loaded, parts))
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Named, verbosity=0).run(tests)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    print(f"{result.testsRun} tests, {failed} failed, {len(result.skipped)} skipped")
    return 0 if failed == 0 else 1


class Modules:
    """All modules, some at once, and what came of them."""

    def __init__(self, parts):
        self.parts, self.lock = parts, threading.Lock()
        self.run = self.failed = 0
        self.skipped = []

    def of(self, module):
        """One module, in a process of its own."""
        command = [sys.executable, str(Path(__file__).resolve()), "--module", module, *self.parts]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        later = []
        for line in child.stdout:
            if TEST.match(line):
                self.show(line)
            else:
                later.append(line)
        code = child.wait()
        total = TOTAL.fullmatch(later.pop().strip()) if later else None
        with self.lock:
            self.run += int(total[1]) if total else 0
            # Without its total a module did not come to its end, whatever it says.
            self.failed += (int(total[2]) or (code != 0)) if total else 1
        if code != 0 or total is None:
            self.show("".join([f"--- {module} ended with {code}\n", *later]))

    def show(self, text):
        with self.lock:
            if text.startswith("skip"):
                self.skipped.append(text.split("  ", 1)[-1])
            sys.stdout.write(text)
            sys.stdout.flush()


def run_all(parts, jobs):
    names = sorted({path.stem for pattern in PATTERNS for path in HERE.glob(pattern)})
    names.sort(key=lambda name: LONG.index(name) if name in LONG else len(LONG))
    modules = Modules(parts)
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(modules.of, names))
    for skipped in modules.skipped:
        print(f"skipped: {skipped}", end="")
    print(f"{modules.run} tests, {modules.failed} failed, {len(modules.skipped)} skipped")
    return 0 if modules.failed == 0 and modules.run > 0 else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=(os.cpu_count() or 1) + 1, help="modules that run at once")
    parser.add_argument("--module", help="run this one module, in this process")
    parser.add_argument("parts", nargs="*", help="run the tests whose name has one of these in it")
    given = parser.parse_args()
    sys.path.insert(0, str(HERE))
    if given.module:
        return run_module(given.module, given.parts)
    return run_all(given.parts, max(1, given.jobs))


if __name__ == "__main__":
    sys.exit(main())
