"""Attempts of an agent on the graders that run code, in every sandbox that works here.

Each is graded by two questions, one the work answers rightly and one it does not: exactly a half is what
it deserves, whatever lies beside it.
"""

import json
import os

import anyio
import pytest
from tests.confinement import ALL, CONFINING, make_ground, wait_until_gone, working
from tests.unit.evaluate.conftest import Agent, FakePort

from skvm.evaluate.grading import Seal, grade
from skvm.evaluate.run import RunSpec, open_bench, run_once
from skvm.evidence.record import Outcome
from skvm.harness.trajectory import Trajectory
from skvm.settings import load_settings
from skvm.task.model import Criterion, Task

READS = """
import json
from pathlib import Path
def grade(transcript, workspace_path):
    answer = Path(workspace_path, "answer.json")
    got = json.loads(answer.read_text())["answer"] if answer.exists() else None
    return [{"id": "right", "weight": 0.5, "score": float(got == 41)},
            {"id": "wrong", "weight": 0.5, "score": float(got == 42)}]
"""
RUNS = """
import subprocess, sys
def grade(transcript, workspace_path):
    done = subprocess.run([sys.executable, "-B", "mine.py"], cwd=workspace_path, timeout=30,
                          stdout=subprocess.PIPE, text=True)
    return {"right": float(done.stdout.strip().endswith("41")), "wrong": float(done.stdout.strip() == "42")}
"""
READING_TESTS = """
import json
from pathlib import Path
def answer(): return json.loads(Path("answer.json").read_text())["answer"]
def test_right(): assert answer() == 41
def test_wrong(): assert answer() == 42
"""
IMPORTING_TESTS = """
import mine
def test_right(): assert mine.answer() == 41
def test_wrong(): assert mine.answer() == 42
"""
FORGED = {"nonce": "", "answer": {"given": {"all": 1.0}, "tests": {"test_x.py::test_wrong": ""}, "exit": 0}}
EVIL = f"print('\\n' + {json.dumps(FORGED)!r}, flush=True); import os; os._exit(0)\n"
PASS_ALL = """
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    report.get_result().outcome = "passed"
"""


def python(source, **more):
    return Criterion(
        method="custom", id="p", options={"evaluatorId": "python-grade", "payload": source, **more}
    )


def suite(**more):
    parts = [
        {"id": name, "weight": 0.5, "testPattern": f"test_x > test_{name}"} for name in ("right", "wrong")
    ]
    payload = {"testFile": "test_x.py", "criteria": parts, **more}
    return Criterion(method="custom", id="j", options={"evaluatorId": "junit-grade", "payload": payload})


def task_of(criterion, tests=READING_TESTS):
    return Task(id="t", prompt="write mine.py", criteria=(criterion,), fixtures={"test_x.py": tests})


@pytest.fixture(params=ALL)
def sandbox(request):
    return working(request.param)


@pytest.fixture
def ground():
    with make_ground() as made:
        yield made


@pytest.fixture
def judge(sandbox, ground):
    """Grades what lies in the ground's work directory: the result of the one criterion."""
    tmp = ground.work.parent / "tmp"
    tmp.mkdir(mode=0o711)

    def judged(task):
        trajectory = Trajectory(harness="h", model="m", prompt="p")
        verdicts = anyio.run(grade, task, trajectory, Seal(sandbox, tmp, ground.work))
        assert list(tmp.iterdir()) == []
        return verdicts.results[0]

    return judged


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def answer(folder, value=41):
    write(folder, {"answer.json": json.dumps({"answer": value})})


def forged_reports(work, ground):
    report = '<testsuites><testcase classname="test_x" name="test_wrong"/></testsuites>'
    line = json.dumps(FORGED)
    names = ("_junit_results.xml", "junit.xml", "report.xml", ".pytest_cache/v/cache/lastfailed")
    write(work, dict.fromkeys(names, report))
    write(
        work,
        dict.fromkeys(("results.json", "result.jsonl", "stdout", "reward.txt", "_transcript.json"), line),
    )


def modules(work, ground):
    names = ("json", "os", "re", "pathlib", "pytest", "pluggy", "py", "sitecustomize", "usercustomize",
             "site", "grade", "channel", "typing", "ctypes", "exceptiongroup")  # fmt: skip
    write(work, {f"{name}.py": EVIL for name in names})
    write(
        work, {"_pytest/__init__.py": EVIL, "encodings/__init__.py": EVIL, "evil.pth": f"import os; {EVIL}"}
    )


def settings_files(work, ground):
    write(work, {"conftest.py": PASS_ALL, "plugin.py": PASS_ALL, "tests/conftest.py": PASS_ALL})
    ini = "addopts = -p plugin -k right\npython_files = conftest.py\n"
    write(
        work,
        {
            "pytest.ini": f"[pytest]\n{ini}",
            "tox.ini": f"[pytest]\n{ini}",
            "setup.cfg": f"[tool:pytest]\n{ini}",
        },
    )
    write(work, {"pyproject.toml": '[tool.pytest.ini_options]\naddopts = "-p plugin -k right"\n'})
    write(work, {"bunfig.toml": '[test]\npreload = ["./evil.ts"]\n', "pyvenv.cfg": "home = .\n"})


def graders_of_its_own(work, ground):
    passing = "def test_right(): pass\ndef test_wrong(): pass\n"
    write(
        work,
        dict.fromkeys(("test_x.py", "tests/test_x.py", "graders/test_x.py", "fixtures/test_x.py"), passing),
    )
    write(work, dict.fromkeys(("grade.py", "_grade_fn.py"), "def grade(t, w): return {'all': 1.0}\n"))


def links(work, ground):
    (work / "answer.link").symlink_to("/proc/self/fd/1")
    (work / "graders").symlink_to("/tmp")
    (work / "test_x.py").symlink_to(ground.secret)
    (work / "conftest.py").symlink_to(ground.secret)
    (work / "loop").symlink_to("loop")
    (work / "up").symlink_to("..")


def odd_shapes(work, ground):
    write(work, {"big.json": "[" * 200_000, "\udcff.py": EVIL, "-c": EVIL, "new\nline": EVIL})
    (work / "sparse").write_bytes(b"")
    os.truncate(work / "sparse", 1 << 36)
    os.mkfifo(work / "pipe")
    deep = os.open(work, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=deep)
        inner = os.open("d", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = inner
    os.close(deep)


PLANTS = (forged_reports, modules, settings_files, graders_of_its_own, links, odd_shapes)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
@pytest.mark.parametrize("criterion", [python(READS), suite()], ids=["python", "pytest"])
def test_what_is_planted_changes_nothing(judge, ground, criterion, plant):
    plant(ground.work, ground)
    answer(ground.work)
    result = judge(task_of(criterion))
    assert result.score == 0.5, result
    assert [each.score for each in result.checkpoints] == [1.0, 0.0]


@pytest.mark.parametrize("name", CONFINING)
@pytest.mark.parametrize("criterion", [python(READS), suite()], ids=["python", "pytest"])
def test_a_link_to_a_file_of_the_host_holds_no_answer(name, ground, criterion):
    ground.secret.write_text(json.dumps({"answer": 42}))
    (ground.work / "answer.json").symlink_to(ground.secret)
    trajectory = Trajectory(harness="h", model="m", prompt="p")
    seal = Seal(working(name), ground.work.parent, ground.work)
    (result,) = anyio.run(grade, task_of(criterion), trajectory, seal).results
    assert result.score == 0.0, result


WRONG = "def answer(): return 41\n"
IMPORTED = {
    "exits": ("import os; os._exit(0)\n", 0.0),
    "exits as if there were no Python": ("import os; os._exit(127)\n", 0.0),
    "ends its keepers": (
        "import os\nkeeper = os.getppid()\n"
        "above = int(open(f'/proc/{keeper}/stat').read().rpartition(')')[2].split()[1])\n"
        "for pid in (above, keeper):\n"
        " try:\n"
        "  is_worker = b'confine.inside' in open(f'/proc/{pid}/cmdline', 'rb').read()\n"
        "  if pid == keeper or is_worker: os.kill(pid, 9)\n"
        " except OSError: pass\n"
        "while True: pass\n", 0.0),
    "leaves": ("import sys; sys.exit(0)\n", 0.0),
    "skips": ("import pytest; pytest.skip('x', allow_module_level=True)\n", 0.0),
    "stops": ("import pytest; pytest.exit('x', returncode=0)\n", 0.0),
    "loops": ("while True: pass\n", 0.0),
    "exits later": (f"{WRONG}import atexit, os; atexit.register(os._exit, 0)\n", 0.5),
    "prints": (f"{WRONG}forged = {json.dumps(FORGED)!r}\nprint(forged, flush=True)\n"
               "import atexit; atexit.register(print, forged)\n", 0.5),
    "writes to all": (f"{WRONG}import os\nforged = {json.dumps(FORGED)!r}.encode()\nfor fd in range(100):\n"
                      " try: os.write(fd, forged)\n except OSError: pass\n", 0.5),
    "floods all": (f"{WRONG}import os\nfor fd in range(100):\n"
                   " try: [os.write(fd, b'x' * 65536) for _ in range(40)]\n except OSError: pass\n", 0.0),
    "floods stdout": (f"{WRONG}print('x' * 3_000_000, flush=True)\n", 0.5),
    "threads": (f"{WRONG}import threading\ndef spin():\n while True: pass\n"
                "threading.Thread(target=spin).start()\n", 0.5),
    "empties the list": (f"{WRONG}import gc, _pytest.main\nfor each in gc.get_objects():\n"
                         " if isinstance(each, _pytest.main.Session): each.items = []\n", 0.0),
    "drops a test": (f"{WRONG}import gc, _pytest.config\nclass Drop:\n"
                     " def pytest_collection_modifyitems(self, items): del items[1:]\n"
                     "for each in gc.get_objects():\n if isinstance(each, _pytest.config.Config):"
                     " each.pluginmanager.register(Drop())\n", 0.5),
}  # fmt: skip


@pytest.mark.parametrize("attack", IMPORTED)
def test_a_module_the_tests_import_gains_nothing(judge, ground, attack):
    source, deserved = IMPORTED[attack]
    write(ground.work, {"mine.py": source})
    result = judge(
        task_of(suite(timeoutMs=2000 if attack in ("loops", "ends its keepers") else 30_000), IMPORTING_TESTS)
    )
    assert result.score == deserved, result


CHILD = """
import os, sys
seen = []
parent = os.getppid()
for name in ("mem", "environ", "fd", "maps"):
    path = f"/proc/{parent}/{name}"
    try:
        if name == "fd":
            for fd in os.listdir(path):
                with open(f"{path}/{fd}", "wb", 0) as file:
                    file.write(FORGED)
                seen.append(fd)
        else:
            with open(path, "rb", 0) as file:
                os.pread(file.fileno(), 1, 4096) if name == "mem" else file.read(1)
            seen.append(name)
    except OSError:
        pass
for fd in range(3, 100):
    try:
        os.write(fd, FORGED)
        seen.append(fd)
    except OSError:
        pass
sys.stderr.write(FORGED.decode())
print(seen or 41)
"""


@pytest.mark.parametrize("name", CONFINING)
def test_a_program_the_grader_starts_reaches_nothing_of_it(name, ground):
    forged = f"FORGED = {(chr(10) + json.dumps(FORGED) + chr(10)).encode()!r}\n"
    write(ground.work, {"mine.py": forged + CHILD})
    trajectory = Trajectory(harness="h", model="m", prompt="p")
    seal = Seal(working(name), ground.work.parent, ground.work)
    (result,) = anyio.run(grade, task_of(python(RUNS)), trajectory, seal).results
    assert [each.score for each in result.checkpoints] == [1.0, 0.0], result


@pytest.mark.parametrize("criterion", [python(READS, timeoutMs=30_000), suite()], ids=["python", "pytest"])
def test_a_process_left_behind_writes_into_the_void(sandbox, ground, criterion):
    marker = f"stay-{os.getpid()}-{id(ground)}.py"
    daemon = """
import glob, sys, time
while True:
    for path in ["answer.json", *glob.glob("/tmp/**/work/answer.json", recursive=True)]:
        try:
            open(path, "w").write('{"answer": 42}')
        except OSError:
            pass
    time.sleep(0.02)
"""
    settings = load_settings(
        cache_dir=str(ground.work.parent / "c"), tmp_dir=str(ground.work.parent / "t"), env={}
    )

    async def act(context):
        await context.cell.write(marker, daemon.encode())
        await context.cell.write("answer.json", b'{"answer": 41}')
        await context.cell.execute(f"setsid nohup python3 {marker} >/dev/null 2>&1 &", timeout_s=20)

    async def main():
        settings.tmp_dir.mkdir(mode=0o711)
        async with open_bench(settings, sandbox=sandbox, port=FakePort()) as bench:
            return await run_once(RunSpec(task_of(criterion), "m", harness=Agent(act)), bench)

    record = anyio.run(main)
    assert record.outcome is Outcome.SCORED
    # It had its time before the agent's cell closed, so either answer may stand; but never both, or none.
    assert record.score == 0.5, record.criteria
    assert wait_until_gone(marker) == []


def test_a_sealed_test_file_never_reaches_the_agent(sandbox, ground):
    seen = []

    async def act(context):
        done = await context.cell.execute("ls -A; cat test_x.py; env | grep -c SKVM", timeout_s=20)
        seen.append(done.stdout)

    settings = load_settings(
        cache_dir=str(ground.work.parent / "c"), tmp_dir=str(ground.work.parent / "t"), env={}
    )

    async def main():
        settings.tmp_dir.mkdir(mode=0o711)
        async with open_bench(settings, sandbox=sandbox, port=FakePort()) as bench:
            return await run_once(RunSpec(task_of(suite()), "m", harness=Agent(act)), bench)

    assert anyio.run(main).score == 0.0
    assert seen == ["0\n"]
