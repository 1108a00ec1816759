from __future__ import annotations

import json
from pathlib import Path

import anyio

from skvm.compiler.driver import CompileResult, compile_skill
from skvm.compiler.permissions import permission_records, permissions_of
from skvm.harness.permissions import Permission, Permissions, load_permissions
from skvm.settings import load_settings
from tests.unit.compiler.making import HARNESS, MODEL, make_profile, make_skill


def names(found: tuple[Permission, ...]) -> list[str]:
    return [item.name for item in found]


def test_what_text_and_code_touch(tmp_path: Path) -> None:
    skill = make_skill(
        tmp_path,
        "Read `in.csv`.\n\n```bash\njq .a in.json > out.json\ncurl -s https://api.example.org/v1 -o "
        "x.json\n```\n\n"
        "Save the table to `table.md`.\n",
    )
    found = permissions_of(skill)
    assert {"in.csv", "in.json"} <= set(names(found.read))
    assert names(found.write) == ["out.json", "table.md", "x.json"]
    assert names(found.commands) == ["curl", "jq"]
    assert names(found.hosts) == ["api.example.org"]
    assert found.network == "listed"
    assert found.unknown == ()


def test_scripts_of_the_bundle_count(tmp_path: Path) -> None:
    skill = make_skill(
        tmp_path,
        "Run `python scripts/get.py`.\n",
        scripts__get_dot_py="import requests\nopen('a.txt', 'w').write(requests.get('https://x.org/').text)\n",
    )
    found = permissions_of(skill)
    assert (names(found.write), names(found.hosts), names(found.commands)) == (
        ["a.txt"],
        ["x.org"],
        ["python"],
    )


def test_no_host_no_network(tmp_path: Path) -> None:
    assert permissions_of(make_skill(tmp_path, "Read `a.md`.\n")).network == "none"


def test_a_program_that_uses_the_network_somewhere(tmp_path: Path) -> None:
    found = permissions_of(make_skill(tmp_path, "```bash\nyt-dlp -x VIDEO\n```\n"))
    assert found.network == "any"
    assert names(found.unknown) == ["yt-dlp"]


def test_every_entry_says_where_it_stands(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, "Save the table to `table.md`.\n")
    (entry,) = permissions_of(skill).write
    source = entry.evidence[0]
    assert source.path == "SKILL.md"
    assert skill.source[source.start : source.end].decode() == source.quote == "Save the table to `table.md`."


def test_the_record_is_the_same_every_time_and_reads_back(tmp_path: Path) -> None:
    skill = make_skill(tmp_path, "```bash\njq .a in.json > out.json\n```\n")
    (first,) = permission_records(skill).values()
    (second,) = permission_records(skill).values()
    assert first == second
    assert json.loads(first)["schema"] == 1
    assert Permissions.model_validate_json(first) == permissions_of(skill)


def test_every_compile_writes_the_record_of_what_it_made(tmp_path: Path) -> None:
    async def run() -> CompileResult:
        settings = load_settings(cache_dir=str(tmp_path / "cache"), env={})
        skill = make_skill(tmp_path, "Save the table to `table.md`.\n")
        profile = make_profile("L3")
        return await compile_skill(
            skill, model=MODEL, harness=HARNESS, profile=profile, settings=settings, passes=("1", "3")
        )

    result = anyio.run(run)
    assert result.variant is not None
    held = load_permissions(result.variant)
    assert held is not None
    assert names(held.write) == ["table.md"]
    assert json.loads((result.variant / "plan.json").read_bytes())["schema"] == 1
