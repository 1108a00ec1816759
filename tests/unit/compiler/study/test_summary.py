from __future__ import annotations

from pathlib import Path

from skvm.compiler.study.corpus import study_corpus
from skvm.compiler.study.skill_study import SkillStudy, Unreadable, study_json, study_skill
from skvm.compiler.study.summary import summarise, summary_json
from tests.unit.compiler.making import make_skill

BODY = """# Count

1. Read `in.csv`.
2. Calculate the total of `amount` for each `category`.
3. Write the totals to `out.json`.
4. Say that it is done.

```bash
jq . out.json
```
"""


def made(folder: Path, name: str, body: str) -> Path:
    place = folder / name
    place.mkdir()
    return make_skill(place, body).root / "SKILL.md"  # type: ignore[operator]


def test_a_study_says_what_the_skill_holds(tmp_path: Path) -> None:
    study = study_skill(made(tmp_path, "a", BODY))
    assert isinstance(study, SkillStudy)
    assert study.longest_procedure == 4
    assert study.languages == ("bash",)
    assert "system:jq" in study.dependencies
    assert str(study.levels["reason.arithmetic"]) == "L2"
    assert study.places["reason.arithmetic"] == 1
    assert study.tokens > 20
    assert study_json(study)["requirements"]["reason.arithmetic"] == {"level": "L2", "places": 1}


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    found = study_skill(tmp_path / "gone" / "SKILL.md")
    assert isinstance(found, Unreadable)
    assert found.message


def test_a_summary_does_not_depend_on_order_or_processes(tmp_path: Path) -> None:
    files = [made(tmp_path, f"s{index}", BODY if index % 2 else "Keep it short.\n") for index in range(70)]
    alone = [study for portion in study_corpus(files, jobs=1) for study in portion.studies]
    together = [study for portion in study_corpus(files, jobs=2) for study in portion.studies]
    assert alone == together
    assert summary_json(summarise(alone)) == summary_json(summarise(alone[::-1]))
    assert summarise(alone).skills == 70
    assert summarise(alone).procedural == 0.5
    (arithmetic,) = [each for each in summarise(alone).demand if each.primitive_id == "reason.arithmetic"]
    assert (arithmetic.skills, arithmetic.places) == (35, 35)


def test_nothing_sums_up_to_nothing() -> None:
    assert summary_json(summarise([]))["skills"] == 0
