"""Runs every `test_*.py`, `bad_*.py`, `canary_*.py` and `ops_*.py` beside it, with unittest alone.

    CORDON_BIN=target/debug/cordon .tools/venv/bin/python tests/e2e/run.py [part of a test's name ...]

Prints each test. Non-zero when one fails, when nothing ran, or when a module cannot be loaded. What is skipped is named.
"""

import sys
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
PATTERNS = ("test_*.py", "bad_*.py", "canary_*.py", "ops_*.py")


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


def main(parts):
    sys.path.insert(0, str(HERE))
    loader = unittest.TestLoader()
    every = unittest.TestSuite()
    for pattern in PATTERNS:
        every.addTests(loader.discover(str(HERE), pattern=pattern, top_level_dir=str(HERE)))
    tests = unittest.TestSuite(chosen(every, parts))
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Named, verbosity=0).run(tests)
    for test, reason in result.skipped:
        print(f"skipped: {test.id()}: {reason}")
    print(f"{result.testsRun} tests, {len(result.failures) + len(result.errors)} failed, {len(result.skipped)} skipped")
    return 0 if result.wasSuccessful() and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
