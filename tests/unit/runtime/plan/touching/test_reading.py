from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skvm.harness.contract import RunContext
from skvm.harness.dispatch import EVERYTHING, Touches, dispatch, located
from skvm.harness.fake import FakeCell, ScriptedSession
from skvm.harness.hooks import Hook, HookRun, Hooks
from skvm.harness.tools import FILE_TOOLS, run_tool, touches_of
from skvm.harness.trajectory import ToolCall, ToolKind
from skvm.runtime.plan.touching import CommandReader, Touching
from skvm.skill.frontend import load_skill
from skvm.skill.ir import Skill

pytestmark = pytest.mark.anyio

SCRIPT = """\
import sys
from helper import changed
with open(sys.argv[1]) as source, open(sys.argv[2], "w") as target:
    target.write(changed(source.read()))
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def read(work: Path, command: str, skill: Skill | None = None) -> Touches | None:
    return CommandReader.of(HookRun("r", "t", "m", "bare-agent", work, skill=skill)).read(command)


@pytest.mark.parametrize(
    ("command", "reads", "writes"),
    [
        ("cat a.txt", {"a.txt"}, set()),
        ("cat ./a.txt b.txt | wc -l > out.txt", {"./a.txt", "b.txt"}, {"out.txt"}),
        ("echo hi >> log && cat log", {"log"}, {"log"}),
        ("printf 'a\\n' > 'b c'", set(), {"b c"}),
        ("grep -n word a.txt 2> errors", {"a.txt"}, {"errors"}),
        ("grep -rn word", {"."}, set()),
        ("grep -fwords a.txt", {"words", "a.txt"}, set()),
        ("wc -l data/*.csv", {"data"}, set()),
        ("ls", {"."}, set()),
        ("ls data", {"data"}, set()),
        ("cp a b", {"a"}, {"b"}),
        ("cp a data", {"a"}, {"data/a"}),
        ("mv a b", set(), {"a", "b"}),
        ("rm -rf d version", set(), {"d", "version"}),
        ("touch -m a b", set(), {"a", "b"}),
        ("mkdir -p d/e", set(), {"d/e"}),
        ("tee -a log < in", {"in"}, {"log"}),
        ("sed -n '1,5p' a", {"a"}, set()),
        ("sed 's/x/y/g' a > b", {"a"}, {"b"}),
        ("awk -F, '{print $1}' a", {"a"}, set()),
        ("sort a | uniq -c", {"a"}, set()),
        ("jq '.x' a.json > b.json", {"a.json"}, {"b.json"}),
        ("timeout 5 cat a", {"a"}, set()),
        ("(cat a; cat b) > c", {"a", "b"}, {"c"}),
        ("pdftotext -layout x.pdf x.txt", {"x.pdf"}, {"x.txt"}),
        ("curl -s https://a.org/x -o f", {"host:a.org"}, {"f"}),
        ("python3 -c \"open('made', 'w').write('x')\"", set(), {"made"}),
        ("echo *.txt", {"."}, set()),
    ],
)
def test_what_is_plain_is_read(tmp_path: Path, command: str, reads: set[str], writes: set[str]) -> None:
    (tmp_path / "data").mkdir()
    touches = read(tmp_path, command)
    assert touches is not None
    assert not touches.is_everything
    assert reads <= set(touches.reads)
    assert writes <= set(touches.writes)
    if not writes:
        assert touches.writes == ()


@pytest.mark.parametrize(
    "command",
    [
        *("unheard-of a", "./script.sh a", "make", "git status", "pip install x", "npm ci", "sh -c 'cat a'"),
        *("cat $FILE", "cat `x`", 'cat "$(x)"', "x=1; cat a", "X=1 cat a", "PATH=. cat a", "cat ~/a"),
        *(
            "cd d && cat a",
            "(cd d; cat a)",
            "exec cat a",
            "eval 'rm a'",
            ". ./a",
            "set -f",
            "test -f a",
            "[ -f a ]",
        ),
        *("cat a &", "cat a & cat b", "cat a &> b", "cat a |& cat", "> a", "echo x; > a", "cat <<E\nx\nE"),
        *(
            "cat [ab]",
            "cat {a,b}",
            "cat a\\ b",
            "! cat a",
            "cat () { rm a; }; cat b",
            "for f in a; do cat b; done",
        ),
        *(
            "if cat a; then rm b; fi",
            "while cat a; do rm b; done",
            "cat <in> out",
            "cat 'a",
            "cat a |",
            "$ ls",
        ),
        *("xargs rm < a", "sudo cat a", "env -C d cat a", "find . -delete", "find . -exec rm {} +"),
        *("find . -fprint a", "sed -i s/a/b/ c", "sed 'w a' b", "sed -n '1e rm a' b", "sed -f s a"),
        *("awk '{print > \"a\"}' b", "awk 'BEGIN{system(\"rm a\")}'", "awk -f s a", "gawk -i inplace '{}' a"),
        *("sort a -o b", "sort -ob a", "sort --output=b a", "uniq a b", "xxd a b", "xxd -r a b"),
        *(
            "cp -r a b",
            "cp -t d a",
            "cp -a a b",
            "mv data x",
            "ln -s a b",
            "tar xf a",
            "unzip a",
            "rsync a b",
        ),
        *(
            "grep -R x data",
            "diff -r a b",
            "ls -L data",
            "curl -X POST https://a.org",
            "curl -d @a https://a.org",
        ),
        *("curl -sO https://a.org/x", "curl -sooutput https://a.org/x", "curl -K a", "pdftotext a.pdf"),
        *(
            "python3 x.py",
            "python3 -m http.server",
            "python3",
            "python3 - < a",
            "date -s now",
            "file -C -m a",
        ),
        *("python3 -c 'import subprocess, sys; subprocess.run(sys.argv[1:])'", "python3 -c 'exec(input())'"),
        *(
            "cat env:x",
            "cat a > host:x",
            "cat < git:x",
            "cat a > ./env:x",
            "rm ./env:x env:x",
            "python3 -c \"open('env:x')\"",
        ),
        *("wc --files0-from=a", "cat a\0", "cat \udcff", "", "   ", "# only a remark", "cat " + "a" * 30_000),
    ],
)
def test_what_is_not_plain_is_not_known(tmp_path: Path, command: str) -> None:
    (tmp_path / "data").mkdir()
    assert read(tmp_path, command) is None


WORDS = (
    "cat rm cp find sed awk python3 -c scripts/change.py s/a/b/ -o -- - é :// / .. && # \\ ' \" { * ? $ ` ( )"
)
PIECES = st.sampled_from((*WORDS.split(), "|", ">", "<", ";", "\n"))


@given(st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=12))
def test_nothing_a_model_writes_makes_it_fail(pieces: list[str]) -> None:
    reader = CommandReader(Path("/nowhere"))
    for joint in ("", " "):
        touches = reader.read(joint.join(pieces))
        if touches is not None:
            located(touches, Path("/nowhere"))


@pytest.mark.parametrize(
    "form", ["cat {}", "cp {} b", "cp b {}", "mv {} b", "cat {}/*", "python3 {}/x.py", "> {} cat a"]
)
def test_a_name_no_file_can_have_is_no_fault(tmp_path: Path, form: str) -> None:
    touches = read(tmp_path, form.format("n" * 5000))
    assert touches is None or located(touches, tmp_path).is_everything


@pytest.mark.parametrize("command", ["curl http://localhost:80/", "curl http://127.0.0.1/ -o a"])
def test_what_answers_on_this_machine_may_do_anything(tmp_path: Path, command: str) -> None:
    assert read(tmp_path, command) is EVERYTHING


def test_links_a_pattern_reaches_are_seen(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("")
    plain = read(tmp_path, "cat data/*.csv")
    assert plain is not None
    assert not located(plain, tmp_path).is_everything
    (tmp_path / "data" / "b.csv").symlink_to("../b")
    linked = read(tmp_path, "cat data/*.csv")
    assert linked is not None
    assert located(linked, tmp_path).is_everything


@pytest.fixture
def skill(tmp_path: Path) -> Skill:
    root = tmp_path / "skill"
    (root / "scripts").mkdir(parents=True)
    (root / "SKILL.md").write_text("---\nname: change\ndescription: Changes files.\n---\nRun it.\n")
    (root / "scripts" / "change.py").write_text(SCRIPT)
    (root / "scripts" / "helper.py").write_text("def changed(text):\n    return text.upper()\n")
    return load_skill(root)


@pytest.fixture
def work(tmp_path: Path, skill: Skill) -> Path:
    work = tmp_path / "work"
    (work / "scripts").mkdir(parents=True)
    for name in ("change.py", "helper.py"):
        (work / "scripts" / name).write_bytes((tmp_path / "skill" / "scripts" / name).read_bytes())
    return work


def test_a_script_of_the_skill_touches_what_its_command_names(skill: Skill, work: Path) -> None:
    touches = read(work, "python3 scripts/change.py in.txt out.txt", skill)
    assert touches is not None
    assert "in.txt" in touches.reads
    assert touches.writes == ("out.txt",)
    assert {"scripts/change.py", "scripts/helper.py"} <= set(touches.relies_on)


@pytest.mark.parametrize("how", ["changed", "gone", "link", "pipe", "beside", "module"])
def test_a_script_that_is_not_as_the_skill_has_it_is_not_known(skill: Skill, work: Path, how: str) -> None:
    import os

    script = work / "scripts" / "helper.py"
    if how in {"changed", "gone", "link", "pipe"}:
        code = script.read_text()
        script.unlink()
        if how == "changed":
            script.write_text(code.replace("upper", "lower"))
        elif how == "link":
            (work / "copy.py").write_text(code)
            script.symlink_to("../copy.py")
        elif how == "pipe":
            os.mkfifo(script)
    elif how == "beside":
        (work / "scripts" / "sys.py").write_text("")
    else:
        (work / "scripts" / "sys").mkdir()
    assert read(work, "python3 scripts/change.py in.txt out.txt", skill) is None


def test_a_script_that_imports_what_is_not_known_is_not_known(skill: Skill, work: Path) -> None:
    helper = "scripts/helper.py"
    changed = "import os\n\ndef changed(text):\n    os.remove('a')\n    return text\n"
    for place in (skill.root or Path(), work):
        (place / helper).write_text(changed)
    assert read(work, "python3 scripts/change.py in.txt out.txt", load_skill(skill.root or Path())) is None


def test_only_a_built_in_harness_is_read_for(tmp_path: Path) -> None:
    hooks = Hooks((Touching(),))
    for harness, count in (("bare-agent", 1), ("shell-agent", 1), ("not-registered", 1), ("codex", 0)):
        assert len(hooks.of_run(HookRun("r", "t", "m", harness, tmp_path)).hooks) == count, harness
    call = ToolCall(id="1", name="execute_command", kind=ToolKind.RUN, arguments={"command": "cat a"})
    [reader] = hooks.of_run(HookRun("r", "t", "m", "bare-agent", tmp_path)).hooks
    assert reader.touches(call) is not None
    assert reader.touches(call.model_copy(update={"kind": ToolKind.OTHER})) is None
    assert Hook().touches(call) is None


async def test_commands_that_touch_nothing_in_common_are_under_way_together(tmp_path: Path) -> None:
    reader = CommandReader(tmp_path)
    commands = ["cat a > x", "cat a > y", "wc -l a", "cat x"]
    begun: list[int] = []
    gate = anyio.Event()

    async def do(place: int) -> None:
        begun.append(place)
        await gate.wait()

    def look(place: int) -> Touches:
        return located(reader.read(commands[place]) or EVERYTHING, tmp_path)

    async with anyio.create_task_group() as group:
        group.start_soon(dispatch, len(commands), look, do)
        await anyio.wait_all_tasks_blocked()
        assert begun == [0, 1, 2]
        gate.set()
    assert begun == [0, 1, 2, 3]


PATHS = st.sampled_from(("a", "./a", "b", "d/a", "d/../b", "d", "new/a", "new", "soft", "*"))
LINES = st.one_of(
    *(
        st.builds(form.format, PATHS, PATHS)
        for form in (
            "cat {}",
            "cat {} > {}",
            "echo one >> {}",
            "cp {} {}",
            "mv {} {}",
            "rm -rf {}",
            "mkdir -p {}",
            "touch {} {}",
            "ls {}",
            "echo one | tee {} > {}",
            "sort {} {} | uniq -c",
            "grep -c o {} {}",
            "sed 's/o/0/' {} > {}",
            "ln -sf {} {}",
            "cd d && cat a > {}",
            "find {} -type f | sort",
            "for f in {}; do cat $f > {}; done",
        )
    )
)
KINDS = {tool.name: tool.kind for tool in FILE_TOOLS}


def call(name: str, /, **arguments: str) -> ToolCall:
    return ToolCall(id="x", name=name, kind=KINDS[name], arguments=arguments)


MADE = st.one_of(
    st.builds(lambda line: call("execute_command", command=line), LINES),
    st.builds(lambda line: call("execute_command", command=line), LINES),
    st.builds(lambda path: call("read_file", path=path), PATHS),
    st.builds(lambda path: call("write_file", path=path, content="two\n"), PATHS),
)


@dataclass(frozen=True, slots=True)
class SlowCell(FakeCell):
    """A cell in which everything begins after a while."""

    delays: list[int] = field(default_factory=list)

    async def pause(self) -> None:
        for _ in range(self.delays.pop() if self.delays else 0):
            await anyio.sleep(0.001)


async def results(calls: Sequence[ToolCall], delays: list[int], *, at_once: bool) -> object:
    """What calls are told, and what they leave."""
    tools = {tool.name: tool for tool in FILE_TOOLS}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "d").mkdir()
        (work / "a").write_text("one\n")
        (work / "d" / "a").write_text("three\n")
        (work / "soft").symlink_to("a")
        cell, reader = SlowCell(work, delays=list(delays)), CommandReader(work)
        context = RunContext("", "local/m", ScriptedSession(()), cell, work)
        told: dict[int, tuple[str, bool]] = {}

        async def do(place: int) -> None:
            await cell.pause()
            result = await run_tool(tools, context, calls[place])
            told[place] = (result.text.replace(folder, "WORK"), result.is_error)

        def look(place: int) -> Touches:
            known = touches_of(calls[place]) or reader.touches(calls[place]) or EVERYTHING
            return located(known, work) if at_once else EVERYTHING

        await dispatch(len(calls), look, do)
        return [told[place] for place in range(len(calls))], left_in(work)


def left_in(work: Path) -> dict[str, str]:
    """Everything below a directory."""
    left = {}
    for path in work.rglob("*"):
        kept = (
            str(path.readlink()) if path.is_symlink() else path.read_text() if path.is_file() else "directory"
        )
        left[str(path.relative_to(work))] = kept
    return left


@settings(max_examples=60, deadline=None)
@given(st.lists(MADE, min_size=2, max_size=6), st.lists(st.integers(0, 4), max_size=6))
def test_at_once_gives_what_one_after_the_other_gives(calls: list[ToolCall], delays: list[int]) -> None:
    async def both() -> tuple[object, object]:
        return await results(calls, delays, at_once=True), await results(calls, [], at_once=False)

    once, serial = anyio.run(both)
    assert once == serial
