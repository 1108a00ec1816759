"""Several skills as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from skvm.errors import UsageError
from skvm.skill.emit import emit_skill, resource_bytes, skill_digest
from skvm.skill.frontend import load_skill, parse_skill
from skvm.skill.ir import Skill
from skvm.skill.join import join_skills


def skill(name: str, body: str = "Do it.\n", description: str = "Does.", **files: bytes) -> Skill:
    contents = {key.replace("__", "/"): data for key, data in files.items()}
    source = f"---\nname: {name}\ndescription: {description}\n---\n\n{body}".encode()
    return parse_skill(source, id=name, contents=contents)


def test_none_is_nothing_and_one_is_itself():
    one = skill("a")
    assert join_skills([]) is None
    assert join_skills([one]) is one


def test_bodies_stand_in_order_with_a_rule_between_them():
    joined = join_skills([skill("a", "# One\n\nFirst.\n"), skill("b", "# Two\n\nSecond.")])
    assert joined is not None
    assert joined.id == "a+b"
    assert joined.text(joined.body).strip() == "# One\n\nFirst.\n\n---\n\n# Two\n\nSecond."
    assert [heading.title for heading in joined.headings] == ["One", "Two"]
    assert joined.name == "a+b"
    assert joined.description == "a: Does. b: Does."


def test_all_bundle_files_come_along(tmp_path: Path):
    (tmp_path / "a" / "scripts").mkdir(parents=True)
    (tmp_path / "a" / "SKILL.md").write_text("---\nname: a\ndescription: A.\n---\nA\n")
    (tmp_path / "a" / "scripts" / "run.sh").write_bytes(b"#!/bin/sh\n")
    (tmp_path / "a" / "scripts" / "run.sh").chmod(0o755)
    joined = join_skills([load_skill(tmp_path / "a"), skill("b", data__x=b"1")])
    assert joined is not None
    assert [item.path for item in joined.resources] == ["data/x", "scripts/run.sh"]
    assert joined.resources[1].is_executable
    assert resource_bytes(joined, "scripts/run.sh") == b"#!/bin/sh\n"
    emit_skill(joined, tmp_path / "out")
    assert skill_digest(load_skill(tmp_path / "out")) == skill_digest(joined)


def test_the_same_file_in_both_is_one_file():
    joined = join_skills([skill("a", x=b"same"), skill("b", x=b"same")])
    assert joined is not None
    assert [item.path for item in joined.resources] == ["x"]


@pytest.mark.parametrize(
    ("one", "other", "path"),
    [({"x": b"1"}, {"x": b"2"}, "'x'"), ({"x": b"1"}, {"x__y": b"2"}, "'x'")],
)
def test_one_path_cannot_mean_two_things(one: dict[str, bytes], other: dict[str, bytes], path: str):
    for first, second in ((one, other), (other, one)):
        with pytest.raises(UsageError) as raised:
            join_skills([skill("a", **first), skill("b", **second)])
        assert path in raised.value.message
        assert "'a'" in raised.value.message
        assert "'b'" in raised.value.message


def test_an_open_code_block_does_not_swallow_the_next_skill():
    joined = join_skills([skill("a", "Run:\n\n~~~~sh\nls\n"), skill("b", "# Two\n")])
    assert joined is not None
    assert [heading.title for heading in joined.headings] == ["Two"]
    assert all(fence.is_closed for fence in joined.fences)


def test_a_last_line_is_not_made_a_heading_by_the_rule():
    joined = join_skills([skill("a", "Plain text"), skill("b", "More")])
    assert joined is not None
    assert joined.headings == ()


def test_hostile_metadata_stays_metadata():
    nasty = 'says "x": y\\n---\u2028# no\u0085heading \x07'
    first = parse_skill(b"\xef\xbb\xbfno front matter at all\n", id="a\u0001---")
    second = skill("b", description="'" + nasty.replace("\x07", "").replace("'", "") + "'")
    joined = join_skills([first, second])
    assert joined is not None
    assert joined.frontmatter is not None
    assert joined.frontmatter.is_valid
    assert joined.name == "a---+b"
    assert "heading" in joined.description
    assert joined.text(joined.body).startswith("\nno front matter at all")
    assert "\ufeff" not in joined.text()


def test_the_same_skills_give_the_same_bytes():
    made = [join_skills([skill("a", z=b"1", y=b"2"), skill("b", c=b"3")]) for _ in range(2)]
    assert made[0] is not None
    assert made[1] is not None
    assert made[0].source == made[1].source
    assert skill_digest(made[0]) == skill_digest(made[1])
