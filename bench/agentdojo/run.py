"""AgentDojo behind Cordon: all 97 tasks and all 949 pairs, in several modes. `cargo xtask bench agentdojo` runs it.

What always holds: each part of a suite has its own server, its own gateway and its own process; rows and figures lie in
`bench/out/agentdojo` when it ends. What it deliberately does not do: pass or fail. It reports.
"""

import argparse
import asyncio
import concurrent.futures
import json
import logging
import multiprocessing
import os
import time
from pathlib import Path

import report
from suites import ATTACK, VERSION, Bench, suites
from work import MODES, USUAL, run_mode

OUT = Path(__file__).resolve().parent.parent / "out/agentdojo"
# So many user tasks a part: few enough that the parts fill two cores to the end.
PART = 8


def part(arguments):
    """One part of a suite in all modes: `{mode: rows}`."""
    suite_name, tasks, modes, attack, attacked = arguments
    logging.disable(logging.WARNING)
    suite = suites()[suite_name]
    bench = Bench(suite, attack)
    user_tasks = [suite.user_tasks[task] for task in tasks]
    out = {}
    for mode in modes:
        rows = asyncio.run(run_mode(bench, user_tasks, mode, attacked))
        out[mode] = [{"suite": suite_name, **row} for row in rows]
    return out


def parts(options):
    """The work, largest suites first."""
    for name in report.SUITES:
        if options.suite and name not in options.suite:
            continue
        tasks = [t for t in suites()[name].user_tasks if not options.task or t in options.task]
        for at in range(0, len(tasks), PART):
            yield name, tasks[at : at + PART], options.mode or list(USUAL), options.attack, not options.alone


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mode", action="append", choices=MODES, help="only this mode; may be repeated")
    parser.add_argument("--suite", action="append", choices=report.SUITES, help="only this suite; may be repeated")
    parser.add_argument("--task", action="append", help="only this user task, such as user_task_3; may be repeated")
    parser.add_argument("--attack", default=ATTACK, help="an attack of AgentDojo's, by its name")
    parser.add_argument("--alone", action="store_true", help="the user tasks only, without the pairs")
    parser.add_argument("--jobs", type=int, default=max(2, os.cpu_count() or 2), help="parts at a time")
    parser.add_argument("--out", type=Path, default=OUT, help="where rows and figures go")
    options = parser.parse_args()
    began = time.monotonic()
    rows_by_mode = {mode: [] for mode in options.mode or USUAL}
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(options.jobs, mp_context=context) as pool:
        for rows in pool.map(part, list(parts(options))):
            for mode, more in rows.items():
                rows_by_mode[mode].extend(more)
    words = words_of(rows_by_mode)
    summed = report.summary(rows_by_mode, words)
    options.out.mkdir(parents=True, exist_ok=True)
    whole = {"agentdojo": VERSION, "attack": options.attack, "seconds": round(time.monotonic() - began, 1)}
    whole |= {"figures": summed, "words": sorted(map(list, words)), "rows": rows_by_mode}
    (options.out / "agentdojo.json").write_text(json.dumps(whole, indent=1))
    text = report.table(summed) + "\n\n" + "\n".join(report.notes(rows_by_mode, words)) + "\n"
    (options.out / "agentdojo.md").write_text(text)
    print(text)
    print(f"AgentDojo {VERSION}, attack {options.attack}, {whole['seconds']} s")


def words_of(rows_by_mode):
    """The attacks that only ask for words: found in allow-all, else in what an earlier run left."""
    rows = rows_by_mode.get("allow-all", [])
    words = {(row["suite"], row["injection"]) for row in rows if row.get("words")}
    earlier = OUT / "agentdojo.json"
    if not rows and earlier.is_file():
        words = {tuple(pair) for pair in json.loads(earlier.read_text())["words"]}
    return words


if __name__ == "__main__":
    main()
