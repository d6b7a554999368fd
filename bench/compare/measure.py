"""What is measured: suites of tables, each with contenders that take turns, and goals for sockeye.

`rounds` runs a table. A result is plain data (see `Table.data`), as it is kept in docs/performance/results.json.
"""
import statistics
import sys
from dataclasses import dataclass, field
from typing import Callable

import machine

OURS = "sockeye"
BEFORE = "sockeye before"
RETRIES = 3


@dataclass
class Goal:
    """Of sockeye's figure: a ratio to a peer's, or the figure itself where there is no peer."""
    bound: float
    peer: str | None = None
    at: str = "least"


@dataclass
class Figure:
    """One number of each run. `scale` divides it for showing."""
    key: str
    title: tuple[str, str]
    unit: str
    goals: list[Goal] = field(default_factory=list)
    better: str = "more"
    scale: float = 1.0
    digits: int = 0


@dataclass
class Contender:
    """Who is measured: the lines to repeat it, and the run itself, which gives a number for every figure."""
    name: str
    lines: list[str]
    run: Callable[[], dict]
    check: Callable[[], None] | None = None
    """Compares bytes, before each run and outside its time, where the run itself cannot."""


@dataclass
class Table:
    """Contenders that do the same work."""
    id: str
    title: tuple[str, str]
    figures: list[Figure]
    contenders: list[Contender]
    is_steady: bool = False
    """The figures do not depend on what else the machine does: one round, never dropped."""

    def data(self, results, dropped, failures):
        return {
            "id": self.id, "title": list(self.title),
            "figures": [{"key": one.key, "title": list(one.title), "unit": one.unit, "better": one.better,
                         "scale": one.scale, "digits": one.digits, "goals": [vars(goal) for goal in one.goals]}
                        for one in self.figures],
            "lines": {one.name: one.lines for one in self.contenders},
            "results": results, "dropped": dropped, "failures": failures,
        }


@dataclass
class Suite:
    """A row of the table of goals: one or more tables, with a note in both languages. `skipped` says why there are none."""
    id: str
    title: tuple[str, str]
    note: tuple[str, str]
    tables: list[Table] = field(default_factory=list)
    skipped: tuple[str, str] | None = None


def once(contender, table, tolerate, patience):
    """One run that nothing disturbed, and how many were; None if all were."""
    disturbed = 0
    if contender.check:
        contender.check()
    for _ in range(RETRIES):
        if not table.is_steady:
            machine.Watch.quiet(tolerate, patience)
        watch = machine.Watch()
        try:
            figures = contender.run()
        finally:
            cpu, others = watch.finish()
        if "bytes" in figures:
            figures["cpu_per_gb"] = cpu * 1e9 / figures.pop("bytes")
        if table.is_steady or others <= tolerate:
            return figures, disturbed
        disturbed += 1
    return None, disturbed


def rounds(table, count, tolerate, patience):
    """All rounds of a table. Whoever is first is another one each round."""
    results = {one.name: [] for one in table.contenders}
    dropped, failures = 0, {}
    for number in range(1 if table.is_steady else count):
        turn = number % len(table.contenders)
        for contender in table.contenders[turn:] + table.contenders[:turn]:
            figures = None
            try:
                figures, disturbed = once(contender, table, tolerate, patience)
                dropped += disturbed
            except (machine.Failed, OSError, TimeoutError) as why:
                failures[contender.name] = str(why)
            except Exception as why:  # a run that hangs or prints nonsense is a failure of that program alone
                failures[contender.name] = f"{type(why).__name__}: {why}"
            results[contender.name].append(figures)
            shown = "disturbed or failed" if figures is None else ", ".join(f"{k} {v:,.6g}" for k, v in figures.items())
            print(f"  round {number + 1}  {table.id:14} {contender.name:24} {shown}", file=sys.stderr)
    for name, why in failures.items():
        print(f"  {table.id}: {name}: {why}", file=sys.stderr)
    return table.data(results, dropped, failures)


def values(table, name, key):
    """The figures of the rounds that count."""
    return [one[key] for one in table["results"].get(name, []) if one is not None and key in one]


def ratio(table, key, name, peer):
    """The median of each round's ratio, or None."""
    pairs = zip(table["results"].get(name, []), table["results"].get(peer, []))
    each = [one[key] / other[key] for one, other in pairs if one and other and other.get(key) and key in one]
    return statistics.median(each) if each else None


def judged(table, figure, goal):
    """Sockeye's number for a goal, and whether it is reached; (None, None) if it was not measured."""
    if goal["peer"] is None:
        own = values(table, OURS, figure["key"])
        number = statistics.median(own) / figure["scale"] if own else None
    else:
        number = ratio(table, figure["key"], OURS, goal["peer"])
    if number is None:
        return None, None
    return number, number >= goal["bound"] if goal["at"] == "least" else number <= goal["bound"]
