"""Harbor: the image's files as fixtures, own skills, sealed tests, and reasons to skip."""

import json

import pytest
from tests.unit.bench.importers.sources import TASK_TOML, harbor, write

from skvm.bench.importing import import_from
from skvm.task.loader import load_task, skill_folders


@pytest.fixture
def imported(tmp_path):
    def run(**changes):
        source = harbor(tmp_path / "source", **changes)
        (item,) = import_from("harbor", source, tmp_path / "data" / "tasks", force=True).items
        return item, tmp_path / "data" / "tasks" / "make-out"

    return run


def reason(imported, **changes):
    item, folder = imported(**changes)
    assert (item.status in ("written", "replaced"), item.runs_here) == (True, False), item
    assert not load_task(folder).host_ready
    return item.reason


def docker(*lines):
    return {"environment__Dockerfile": "\n".join(("FROM python:3.12-slim", "WORKDIR /app", *lines, ""))}


def test_a_plain_task_runs_here(imported):
    item, folder = imported()
    assert (item.status, item.runs_here, item.reason) == ("written", True, "")
    task = load_task(folder)
    assert task.prompt == "Write `out.txt` from `data/in.txt`. Work in `.`.".replace("`.`", ".")
    assert (task.timeout_ms, task.difficulty, task.category) == (45_000, "hard", "files")
    assert task.origin.source == "harbor"
    assert (folder / "fixtures/data/in.txt").read_bytes() == b"x\r\ny\n"
    assert (folder / "REFERENCE/solve.sh").read_text() == "echo x > /app/out.txt\n"
    assert [path.name for path in (folder / "fixtures").iterdir()] == ["data"]


def test_its_skills_are_its_own(imported):
    _, folder = imported(
        **{
            "environment__skills__deep__nested__SKILL.md": "---\nname: nested\ndescription: d\n---\n",
            "environment__skills__writer__references__SKILL.md": "part of writer",
            "environment__skills__loose.md": "of none",
        }
    )
    task = load_task(folder)
    assert task.skill == ("skills/deep/nested", "skills/writer")
    assert all((each / "SKILL.md").is_file() for each in skill_folders(task))
    assert (folder / "skills/writer/references/SKILL.md").is_file()
    assert not (folder / "skills/loose.md").exists()


def test_pytest_behind_a_download_is_graded_test_by_test(imported):
    item, folder = imported()
    (criterion,) = load_task(folder).criteria
    payload = criterion.options["payload"]
    assert (criterion.method, criterion.options["evaluatorId"]) == ("custom", "junit-grade")
    assert (payload["runner"], payload["testFile"], payload["timeoutMs"]) == (
        "pytest",
        "tests/test_outputs.py",
        30_500,
    )
    assert [(each["id"], each["weight"]) for each in payload["criteria"]] == [
        ("test_there", 0.5),
        ("TestText.test_text", 0.5),
    ]
    assert item.notes == ("graded by the share of tests that pass; Harbor gives 1 only if all do",)


def test_another_script_is_run_as_it_is(imported):
    script = "#!/bin/bash\ncmp /app/out.txt /tests/expected.txt && echo 1 > /logs/verifier/reward.txt\n"
    item, folder = imported(tests__test_sh=None, **{"tests__test.sh": script})
    assert item.runs_here
    (criterion,) = load_task(folder).criteria
    assert criterion.method == "script"
    assert criterion.options["command"].endswith('run_tests.py" /root /app /workspace')
    assert (folder / "graders/tests/test.sh").read_text() == script
    assert (folder / "graders/run_tests.py").is_file()


def test_tests_alone_are_enough(imported):
    item, folder = imported(**{"tests__test.sh": None})
    assert item.runs_here
    assert load_task(folder).criteria[0].method == "custom"


def test_without_tests_there_is_nothing_to_run(imported):
    files = {f"tests__{name}": None for name in ("test.sh", "test_outputs.py", "expected.txt")}
    assert reason(imported, **files) == "its tests are not here"


def test_files_go_where_the_image_copies_them(imported):
    _, folder = imported(
        **docker(
            "COPY data/*.txt /app/inputs/",
            'COPY ["data/in.txt", "/workspace/named.txt"]',
            "COPY skills /home/agent/.claude/skills",
            "RUN mkdir -p /app/out && chmod 777 /app/out",
            "ENV PYTHONUNBUFFERED=1 LANG=C.UTF-8",
            "RUN --mount=type=cache,target=/x set -eux; \\",
            "  # a comment between",
            "  pip install --upgrade pip",
            "WORKDIR /app/sub",
            "COPY data/in.txt .",
            "WORKDIR /app",
        )
    )
    found = sorted(
        path.relative_to(folder / "fixtures").as_posix() for path in (folder / "fixtures").rglob("*")
    )
    assert found == ["inputs", "inputs/in.txt", "named.txt", "out", "sub", "sub/in.txt"]
    assert load_task(folder).host_ready


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "RUN apt-get update && apt-get install -y --no-install-recommends no-such-package-7",
            "no-such-package-7",
        ),
        ("RUN apt-get install -y openjdk-93-jre-of-tomorrow", "openjdk-93"),
        ("RUN apt-get install -y nvidia-cuda-toolkit", "GPU"),
        ("RUN pip install --no-cache-dir no_such_package_7==1.2", "no_such_package_7"),
        ("RUN pip install -r requirements.txt", "requirements.txt, which is not here"),
        ("RUN npm install -g something", "npm"),
        ("RUN curl -L https://example.org/x | tar xz", "network (curl)"),
        ("RUN git clone https://example.org/x", "network (git)"),
        ("RUN python3 make_data.py", "runs python3"),
        ("RUN echo secret > /app/key", "runs echo"),
        ("COPY --from=builder /x /app/x", "another image"),
        ("COPY data/in.txt /etc/in.txt", "files into /etc/in.txt"),
        ("COPY data/in.txt /app/../../in.txt", "files into"),
        ("ADD https://example.org/x /app/x", "network"),
        ("COPY <<EOF /app/x\ntext\nEOF", "no source"),
        ("COPY gone.txt /app/", "its file gone.txt is not there"),
        ("ENV PYTHONUNBUFFERED=1 DATA_DIR=/app/data", "sets the variable DATA_DIR"),
        ("ENV MODE fast", "sets the variable MODE"),
        ('CMD ["postgres", "-D", "/data"]', "starts a service (postgres)"),
        ("FROM python:3.12-slim AS other", "several stages"),
    ],
)
def test_what_an_image_gives_is_a_reason(imported, line, expected):
    assert expected in reason(imported, **docker(line))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("nvidia/cuda:12.4", "GPU"),
        ("postgres:16", "database"),
        ("example.org/private/thing@sha256:00", "nothing is known"),
        ("julia:1.11", "program julia"),
    ],
)
def test_an_image_of_another_base_is_a_reason(imported, image, expected):
    assert expected in reason(imported, **{"environment__Dockerfile": f"FROM {image}\nWORKDIR /app\n"})


@pytest.mark.parametrize("copied", ["../../../outside", "/../../outside", "../*", "data/../../../outside"])
def test_a_copy_that_climbs_out_refuses_the_task(imported, tmp_path, copied):
    write(tmp_path, {"outside": "secret"})
    item, folder = imported(**docker(f"COPY {copied} /app/"))
    assert (item.status, folder.exists()) == ("refused", False)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("[environment]\ngpus = 1\n", "GPU"),
        ('[environment.env]\nKEY = "${KEY}"\n', "variable KEY"),
        ('[environment]\ndocker_image = "x/y"\n', "image (x/y)"),
        ('[[environment.mcp_servers]]\nname = "x"\n', "MCP"),
        ('[[steps]]\nname = "x"\n', "steps"),
    ],
)
def test_what_the_settings_ask_for_is_a_reason(imported, more, expected):
    text = more + TASK_TOML if more.startswith("[[steps") else TASK_TOML + more
    text = text if not more.startswith("[[steps") else TASK_TOML + more
    assert expected in reason(imported, **{"task.toml": text})


def test_compose_network_and_imports_are_reasons(imported):
    assert "docker-compose" in reason(imported, **{"environment__docker-compose.yaml": "services: {}\n"})
    assert "network" in reason(imported, **{"instruction.md": "Fetch https://pypi.org/x to /app/x.\n"})
    tests = {"tests__test_outputs.py": "import numpy\n\ndef test_a():\n    assert numpy\n"}
    assert "its tests import numpy" in reason(imported, **tests)


def test_tests_may_import_what_the_agent_is_to_write(imported):
    item, _ = imported(**{"tests__test_outputs.py": "import my_solution_7\n\ndef test_a():\n    pass\n"})
    assert item.runs_here


@pytest.mark.parametrize(
    "changes",
    [
        {"task.toml": "version = ["},
        {"task.toml": "a = " + "[" * 5_000},
        {"task.toml": b"\xff"},
        {"task.toml": "metadata = 3\n"},
        {"task.toml": "[agent]\ntimeout_sec = nan\n"},
        {"task.toml": "[agent]\ntimeout_sec = -1\n"},
        {"task.toml": '[verifier]\ntimeout_sec = "1"\n'},
        {"instruction.md": " \n"},
        {"instruction.md": None},
        {"tests__test_outputs.py": "def helper(): pass\n"},
        {"tests__test_outputs.py": "def test_(:\n"},
        {"environment__Dockerfile": b"FROM \xff"},
    ],
)
def test_a_malformed_task_is_refused_with_a_reason(imported, changes):
    item, folder = imported(**changes)
    assert (item.status, folder.exists()) == ("refused", False)
    assert item.reason


def test_a_byte_order_mark_and_windows_line_ends_are_read(imported):
    item, folder = imported(**{"task.toml": "\ufeff" + TASK_TOML.replace("\n", "\r\n")})
    assert (item.runs_here, load_task(folder).timeout_ms) == (True, 45_000)


def test_folders_without_end_are_refused(imported, tmp_path):
    deep = tmp_path / "source/make-out/environment/data"
    for _ in range(40):
        deep = deep / "d"
    deep.mkdir(parents=True)
    item, _ = imported()
    assert (item.status, "levels of folders" in item.reason) == ("refused", True)


def test_the_id_is_the_folder_and_must_be_a_name(tmp_path):
    source = harbor(tmp_path / "source", name="bad name")
    (item,) = import_from("harbor", source, tmp_path / "data" / "tasks").items
    assert (item.status, "cannot name a folder" in item.reason) == ("refused", True)


def test_the_task_file_is_plain_json(imported):
    _, folder = imported()
    raw = json.loads((folder / "task.json").read_text())
    assert raw["skill"] == ["skills/writer"]
    assert "hostReady" not in raw
