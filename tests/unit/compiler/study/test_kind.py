from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from skvm.compiler.reading.prose import Prose
from skvm.compiler.study.kind import Kind, kind_of, procedural_share
from skvm.skill.bundle import digest_of
from skvm.skill.frontend import load_skill
from tests.unit.compiler.making import make_skill

LABELS = Path(__file__).parents[3] / "labels" / "dependencies"
STEPS = "".join(f"{number}. Open the file number {number}.\n" for number in range(1, 6))


@pytest.mark.parametrize(
    ("body", "description", "expected"),
    [
        (STEPS, "Does a thing.", Kind.PROCEDURAL),
        ("## Step 1\n\nA.\n\n## Step 2\n\nB.\n\n## Step 3\n\nC.\n", "Does a thing.", Kind.PROCEDURAL),
        ("## 步骤一\n\n甲。\n\n## 步骤二\n\n乙。\n\n## 步骤三\n\n丙。\n", "做事。", Kind.PROCEDURAL),
        ("Keep it warm and short.\n", "Write blog posts in the voice of the house.", Kind.GENERATIVE),
        ("```bash\ntool list\ntool get x\n```\n", "Design tokens from the tool.", Kind.TOOL_REFERENCE),
        ("Use `tool list`.\n", "Manage tickets with tool.", Kind.TOOL_REFERENCE),
    ],
)
def test_kinds(body: str, description: str, expected: Kind, tmp_path: Path) -> None:
    skill = make_skill(tmp_path, body, front=f"name: sample\ndescription: {description}\n")
    assert kind_of(skill, Prose(skill)) is expected


def test_a_share_counts_every_byte_once(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, f"# A\n\n## Workflow\n\n{STEPS}\n### Steps\n\n{STEPS}")
    assert 0.5 < procedural_share(Prose(skill)) <= 1


def test_kinds_agree_with_the_labels(public_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agreed: Counter[bool] = Counter()
    for path in sorted(LABELS.glob("*.json")):
        label = json.loads(path.read_text(encoding="utf-8"))
        skill = load_skill(public_data / label["skill"])
        if digest_of(skill.source) == label["digest"]:
            agreed[kind_of(skill, Prose(skill)) == label["kind"]] += 1
    with capsys.disabled():
        print(f"\nkinds as labelled: {agreed[True]} of {agreed.total()}")  # noqa: T201 - the figure
    assert agreed[True] >= 0.8 * agreed.total() > 0
