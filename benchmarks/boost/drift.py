"""Workflows whose files change after a template for them was promoted.

In each, somebody else notices first: the guard, the postcondition, the code itself, or nobody before the run
is graded. In every case the template must not be used again after that one run, also by runs that had begun
before it, and except for the last case the model does the run and nothing wrong is left behind.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import anyio

from benchmarks.boost.chores import Right, wrong_with
from benchmarks.boost.scripted_runs import Done, Runs, Task, open_runs
from skvm.runtime.boost.standing import Status

__all__ = ["WORKFLOWS", "Drifted", "Workflow", "drift", "table"]

_WORDS = ("amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "haven")
_NAMES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


@dataclass(frozen=True, slots=True)
class Workflow:
    """A chore in its old and in its new form.

    Args:
        name: What changes, in words.
        seen_by: Who notices.
        prompt: With ``{0}`` and ``{1}`` for the names of the files.
        names: Of the files, before their extensions' dot.
        old: The model's code for the old form, with ``{0}`` and ``{1}``.
        new: That for the new form.
    """

    name: str
    seen_by: str
    prompt: str
    names: tuple[str, str]
    old: str
    new: str

    def task(self, number: int, *, is_new: bool) -> Task:
        """A run; what is right is the same in both forms."""
        source, target = (pattern.format(_NAMES[number]) for pattern in self.names)
        text, right = _MAKERS[self.name](Random(f"{self.name} {number}"), is_new)
        wanted = Right(target, *right)
        code = (self.new if is_new else self.old).replace("{0}", source).replace("{1}", target)
        return Task(
            skill_id=self.name.replace(" ", "-"),
            prompt=self.prompt.format(source, target),
            files={source: text.encode()},
            command=f"python3 - <<'EOF'\n{code}EOF",
            target=target,
            is_good=lambda data: not wrong_with(wanted, data),
        )


Made = tuple[str, tuple[str, object]]


def _amounts(draw: Random, is_new: bool) -> Made:
    rows = [(draw.choice(_WORDS[:3]), draw.randint(2, 90)) for _ in range(9)]
    mark = ";" if is_new else ","
    text = "\n".join(
        [mark.join(("id", "who", "amount")), *(f"{n}{mark}{who}{mark}{x}" for n, (who, x) in enumerate(rows))]
    )
    return text + "\n", ("json", {who: sum(x for each, x in rows if each == who) for who, _ in rows})


def _days(draw: Random, is_new: bool) -> Made:
    days = [(draw.randint(2020, 2026), draw.randint(1, 12), draw.randint(1, 28)) for _ in range(12)]
    form = "{2:02}/{1:02}/{0}" if is_new else "{0}-{1:02}-{2:02}"
    text = "\n".join(
        ["id,due,what", *(f"{n},{form.format(*day)},{draw.choice(_WORDS)}" for n, day in enumerate(days))]
    )
    months = [f"{year}-{month:02}" for year, month, _ in days]
    return text + "\n", ("json", {month: months.count(month) for month in months})


def _levels(draw: Random, is_new: bool) -> Made:
    levels = ["INFO", "WARN", "ERROR", *(draw.choice(("INFO", "WARN", "ERROR")) for _ in range(9))]
    service = "web " if is_new else ""
    text = "".join(
        f"2026-03-{draw.randint(1, 28):02} {service}{level} {draw.choice(_WORDS)} done\n" for level in levels
    )
    return text, ("json", {level: levels.count(level) for level in levels})


def _readings(draw: Random, is_new: bool) -> Made:
    names = draw.sample(_WORDS, 6)
    rows = [(name, draw.randint(2, 90)) for name in names]
    mark = ": " if is_new else "="
    return "".join(f"{name}{mark}{x}\n" for name, x in rows), ("json", dict(rows))


def _lists(draw: Random, is_new: bool) -> Made:
    lines = [draw.choice(_WORDS) for _ in range(12)]
    remarks = [f"# {draw.choice(_WORDS)}" for _ in range(3 if is_new else 0)]
    return "".join(f"{line}\n" for line in [*remarks, *lines]), ("lines", sorted(set(lines)))


_MAKERS = {
    "another delimiter": _amounts,
    "another order of dates": _days,
    "one more word in each line": _levels,
    "another mark between names and numbers": _readings,
    "remarks among the lines": _lists,
}
_SUM = (
    "import csv, json\ntotals = {}\nwith open('{0}', newline='') as f:\n"
    "    for row in csv.DictReader(f, delimiter=','):\n"
    "        totals[row['who']] = totals.get(row['who'], 0) + int(row['amount'])\n"
    "with open('{1}', 'w') as f:\n    json.dump(totals, f)\n"
)
_MONTH = (
    "import csv, json\ncounts = {}\nwith open('{0}', newline='') as f:\n    for row in csv.DictReader(f):\n"
    "        month = row['due'][:7]\n        counts[month] = counts.get(month, 0) + 1\n"
    "with open('{1}', 'w') as f:\n    json.dump(counts, f)\n"
)
_LEVEL = (
    "import json\nfrom collections import Counter\nwith open('{0}') as f:\n"
    "    counts = Counter(line.split()[1] for line in f if line.strip())\n"
    "with open('{1}', 'w') as f:\n    json.dump(dict(counts), f)\n"
)
_READING = (
    "import json\nfound = {}\nwith open('{0}') as f:\n    for line in f:\n        parts = line.split('=')\n"
    "        found[parts[0]] = int(parts[1])\nwith open('{1}', 'w') as f:\n    json.dump(found, f)\n"
)
_LIST = (
    "with open('{0}') as f:\n    lines = sorted({line for line in f if not line.startswith('%')})\n"
    "with open('{1}', 'w') as f:\n    f.writelines(lines)\n"
)
WORKFLOWS = (
    Workflow(
        "another delimiter",
        "guard",
        "Sum amount for each who in {0} and write the totals as a JSON object to {1}.",
        ("{0}.csv", "{0}_totals.json"),
        _SUM,
        _SUM.replace("delimiter=','", "delimiter=';'"),
    ),
    Workflow(
        "another order of dates",
        "guard",
        "Count the rows of {0} for each month (as YYYY-MM) and write the counts as a JSON object to {1}.",
        ("{0}.csv", "{0}_months.json"),
        _MONTH,
        _MONTH.replace("row['due'][:7]", "'-'.join(row['due'].split('/')[:0:-1])"),
    ),
    Workflow(
        "one more word in each line",
        "postcondition",
        "Count the lines of {0} for each level and write the counts as a JSON object to {1}.",
        ("{0}.log", "{0}_levels.json"),
        _LEVEL,
        _LEVEL.replace("[1]", "[2]"),
    ),
    Workflow(
        "another mark between names and numbers",
        "code",
        "Write the readings in {0} as a JSON object to {1}.",
        ("{0}.txt", "{0}_readings.json"),
        _READING,
        _READING.replace("'='", "':'"),
    ),
    Workflow(
        "remarks among the lines",
        "grading",
        "Write the lines of {0} to {1}, sorted and each once.",
        ("{0}.txt", "{0}_sorted.txt"),
        _LIST,
        _LIST.replace("'%'", "'#'"),
    ),
)


@dataclass(frozen=True, slots=True)
class Drifted:
    """What came of a workflow's change.

    Args:
        workflow: The workflow.
        lessons: Runs until its template was promoted.
        answered: The run before the change.
        first: The first run in the new form.
        beside: A run in the old form that had begun before that one, and went on after it.
        later: The next run in the new form.
        before: Where the template stood before the change.
        after: Where it stood when the first run was over.
        reason: Why.
        kept: What the step left behind of what lay there, and its outputs; ``""`` where nothing changed.
    """

    workflow: Workflow
    lessons: int
    answered: Done
    first: Done
    beside: Done
    later: Done
    before: Status
    after: Status
    reason: str
    kept: str


async def drift(workflow: Workflow, runs: Runs) -> Drifted:
    """Learn a workflow, use it, change its files, and see.

    Raises:
        RuntimeError: Nothing was promoted.
    """
    skill_id, lessons = workflow.task(0, is_new=False).skill_id, 0
    for number in range(4):
        lessons = number + 1
        await runs.do(workflow.task(number, is_new=False))
        if (await runs.shelf(skill_id)).promoted:
            break
    shelf = await runs.shelf(skill_id)
    if not shelf.promoted:
        raise RuntimeError(f"{workflow.name}: nothing was promoted")
    (candidate, *_) = shelf.promoted
    answered = await runs.do(workflow.task(4, is_new=False))
    before = shelf.standing(candidate).status
    beside = runs.begin(workflow.task(5, is_new=False))
    first = await runs.do(workflow.task(6, is_new=True))
    standing = (await runs.shelf(skill_id)).standing(candidate)
    others = await beside.do()
    later = await runs.do(workflow.task(7, is_new=True))
    states = [dict(state or {}) for state in first.states[:2]]
    kept = "" if states[0] == states[1] else f"{sorted(states[1].items() ^ states[0].items())}"
    return Drifted(
        workflow,
        lessons,
        answered,
        first,
        others,
        later,
        before,
        standing.status,
        _reason(first.events),
        kept if first.is_answered else "",
    )


def _reason(events: tuple[object, ...]) -> str:
    found: Mapping[str, str] = {
        str(getattr(each, "event", "")): str(getattr(each, "reason", ""))
        for each in events
        if getattr(each, "is_good", None) is False
    }
    return "; ".join(found.values())


def _by(done: Done) -> str:
    who = "template" if not done.asked else "template, then model" if done.is_answered else "model"
    return f"{who}, {'right' if done.record.score == 1.0 else 'wrong'}"


def table(rows: list[Drifted]) -> str:
    """As Markdown."""
    lines = [
        "| what changes | who notices | run before | first run after | template then | run beside | next run"
        " | reason |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = (
            row.workflow.name,
            row.workflow.seen_by,
            _by(row.answered),
            _by(row.first),
            row.after.value,
            _by(row.beside),
            _by(row.later),
            row.reason[:90],
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


async def measure(place: Path) -> None:
    async with open_runs(place) as runs:
        print(table([await drift(workflow, runs) for workflow in WORKFLOWS]))


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        anyio.run(measure, place)


if __name__ == "__main__":
    main()
