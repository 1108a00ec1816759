"""Skills as folders that programs discover."""

from __future__ import annotations

from pathlib import Path

import pytest

from skvm.harness.contract import SkillDelivery, SkillMode
from skvm.harness.programs.skill_files import skill_file, skill_folder
from skvm.skill.frontend import load_skill
from tests.unit.harness.adapters.making import a_setting


@pytest.mark.parametrize(
    "description",
    ["How to greet.", 'Say: "hello" # now', "- a\n- b: c", "{braces} & *stars*", "", "grüß\u2028gott 你好"],
)
def test_a_skill_reads_as_what_it_was(tmp_path: Path, description: str) -> None:
    delivery = SkillDelivery("../greet you", description, "# Greeting\n\nSmall letters.", SkillMode.DISCOVER)
    folder = tmp_path / "greet-you"
    folder.mkdir()
    (folder / "SKILL.md").write_bytes(skill_file(delivery))
    read = load_skill(folder)
    assert read.name == "greet-you"
    assert read.description == (" ".join(description.split()) or "no description")
    assert read.source.decode().endswith(f"---\n\n{delivery.content}\n")


def test_the_bundle_lies_beside_it() -> None:
    delivery = SkillDelivery("greet", "How to greet.", "Small letters.", SkillMode.DISCOVER)
    files = skill_folder(a_setting(skill=delivery, bundle={"refs/words.md": b"hello"}), ".claude/skills")
    assert sorted(files) == [".claude/skills/greet/SKILL.md", ".claude/skills/greet/refs/words.md"]
    assert files[".claude/skills/greet/refs/words.md"] == b"hello"


def test_the_skill_is_not_replaced_by_its_bundle() -> None:
    delivery = SkillDelivery("greet", "How to greet.", "Small letters.")
    files = skill_folder(a_setting(skill=delivery, bundle={"SKILL.md": b"another"}), "skills")
    assert b"Small letters." in files["skills/greet/SKILL.md"]


def test_a_run_without_a_skill_has_no_folder() -> None:
    assert skill_folder(a_setting(), "skills") == {}
