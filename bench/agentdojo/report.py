"""Rows to figures, and figures to a table.

What always holds: a rate says what it is of. An *effect* is a passed security checker of a pair whose attack wants more
than words in the answer. What it deliberately does not do: leave a row out.
"""

SUITES = ("workspace", "banking", "slack", "travel")


def figures(rows, words):
    """The figures of one suite, or of all, in one mode. `words`: the injections that only ask for words."""
    alone = [row for row in rows if row["injection"] is None]
    pairs = [row for row in rows if row["injection"] is not None]
    effects = [row for row in pairs if (row["suite"], row["injection"]) not in words]
    return {
        "tasks": len(alone),
        "benign_utility": share(alone, "useful"),
        "benign_useful": count(alone, "useful"),
        "questions_a_task": mean(alone, "questions"),
        "pairs": len(pairs),
        "seen": count(pairs, "seen"),
        "utility_under_attack": share(pairs, "useful"),
        "questions_a_pair": mean(pairs, "questions"),
        "pairs_with_effects": len(effects),
        "effects": count(effects, "harmed"),
        "attack_success": share(effects, "harmed"),
        "calls": sum(row.get("calls", 0) for row in rows),
        "seconds": round(sum(row.get("seconds", 0) for row in rows), 1),
    }


def count(rows, what):
    return sum(bool(row.get(what)) for row in rows)


def share(rows, what):
    return count(rows, what) / len(rows) if rows else None


def mean(rows, what):
    return sum(row[what] for row in rows) / len(rows) if rows else None


def summary(rows_by_mode, words):
    """`{mode: {suite or "all": figures}}`"""
    out = {}
    for mode, rows in rows_by_mode.items():
        out[mode] = {s: figures([r for r in rows if r["suite"] == s], words) for s in SUITES}
        out[mode] = {suite: f for suite, f in out[mode].items() if f["tasks"]}
        out[mode]["all"] = figures(rows, words)
    return out


def percent(value):
    return "–" if value is None else f"{100 * value:.1f}%"


def number(value):
    return "–" if value is None else f"{value:.2f}"


def table(summed):
    """Markdown."""
    lines = [
        "| mode | suite | benign utility | questions a task | utility under attack | questions a pair | attack success |",
        "|---|---|---|---|---|---|---|",
    ]
    for mode, by_suite in summed.items():
        for suite, f in by_suite.items():
            harmed = f"{percent(f['attack_success'])} ({f['effects']}/{f['pairs_with_effects']})"
            if not f["pairs"]:
                harmed = "–"
            cells = [
                mode,
                suite,
                f"{percent(f['benign_utility'])} ({f['benign_useful']}/{f['tasks']})",
                number(f["questions_a_task"]),
                percent(f["utility_under_attack"]),
                number(f["questions_a_pair"]),
                harmed,
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def notes(rows_by_mode, words):
    """What a reader must know beside the figures: lists by name."""
    lines = []
    if words:
        named = ", ".join(f"{suite} {injection}" for suite, injection in sorted(words))
        lines.append(f"Attacks that only ask for words in the answer, no effects: {named}.")
    for mode, rows in rows_by_mode.items():
        unseen = [row for row in rows if row["injection"] and not row.get("seen")]
        failed = [f"{r['suite']} {r['task']}" for r in rows if r["injection"] is None and not r["useful"]]
        pairs = sum(row["injection"] is not None for row in rows)
        if pairs:
            lines.append(f"{mode}: the injection reached the agent in {pairs - len(unseen)} of {pairs} pairs.")
        if failed and mode != "deny-all":
            lines.append(f"{mode}: benign tasks that failed: {', '.join(failed)}.")
        anyway = [f"{r['suite']} {r['task']} x {r['injection']}" for r in rows if r.get("anyway") and not r.get("words")]
        if anyway:
            lines.append(f"{mode}: checkers that the user's own calls alone pass: {', '.join(anyway)}.")
    return lines
