"""Small task sets, one of each kind, and what strangers put into theirs."""

from __future__ import annotations

import json
from pathlib import Path

PINCH = """---
id: task_01_note
name: A note
category: writing
grading_type: hybrid
timeout_seconds: 90
grading_weights:
  automated: 3
  llm_judge: 1
workspace_files:
  - path: in/kept.txt
    content: |
      first

      last
  - path: stripped.txt
    content: |-
      no end
  - path: wide.txt
    content: |+
      two ends

  - source: table.csv
    dest: data/table.csv
---

# A note

## Prompt

Read in/kept.txt and write note.txt.

## Automated Checks

```python
def grade(transcript, workspace_path):
    text = '''
## Prompt

not this one
'''
    return {"written": 1.0, "else": 0.5}
```

## LLM Judge Rubric

### Criterion 1: Tone (Weight: 100%)

**Score 1.0**: Kind.
"""

TASK_TOML = """version = "1.0"
[metadata]
difficulty = "hard"
category = "files"
[verifier]
timeout_sec = 30.5
[agent]
timeout_sec = 45
"""

TEST_OUTPUTS = '''"""Tests of /app, which stays in a docstring."""

from __future__ import annotations

from pathlib import Path

WHERE = Path("/app") / "out.txt"


def test_there():
    """It is there."""
    assert WHERE.is_file()


class TestText:
    def test_text(self):
        assert WHERE.read_text() == Path(f"/tests/{'expected'}.txt").read_text()
'''

TEST_SH = """#!/bin/bash
apt-get update
apt-get install -y curl
curl -LsSf https://example.org/install.sh | sh
source $HOME/.local/bin/env
uvx --with pytest==8.4.1 pytest --ctrf /logs/verifier/ctrf.json /tests/test_outputs.py -rA
if [ $? -eq 0 ]; then
  echo 1 > /logs/verifier/reward.txt
else
  echo 0 > /logs/verifier/reward.txt
fi
"""


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def pinchbench(root: Path, text: str = PINCH) -> Path:
    return write(root, {"tasks/task_01_note.md": text, "assets/table.csv": b"a,b\r\n1,2\r\n"})


def harbor(root: Path, name: str = "make-out", **changes: str | bytes | None) -> Path:
    files: dict[str, str | bytes | None] = {
        "task.toml": TASK_TOML,
        "instruction.md": "Write `/app/out.txt` from `/app/data/in.txt`. Work in /app.\n",
        "environment/Dockerfile": "FROM python:3.12-slim\nWORKDIR /app\nCOPY data ./data\n",
        "environment/data/in.txt": b"x\r\ny\n",
        "environment/skills/writer/SKILL.md": "---\nname: writer\ndescription: d\n---\nWrite.\n",
        "environment/skills/writer/scripts/go.sh": "true\n",
        "tests/test.sh": TEST_SH,
        "tests/test_outputs.py": TEST_OUTPUTS,
        "tests/expected.txt": "x\n",
        "solution/solve.sh": "echo x > /app/out.txt\n",
    }
    files.update({path.replace("__", "/"): text for path, text in changes.items()})
    return write(root, {f"{name}/{path}": text for path, text in files.items() if text is not None})


def evals(root: Path, cases: list[object] | None = None) -> Path:
    listed = cases or [
        {
            "id": 1,
            "prompt": "Count the rows of data/rows.csv into count.txt",
            "files": ["evals/files/rows.csv"],
            "assertions": ["count.txt exists", "The answer is polite"],
        },
        {"id": 2, "prompt": "Say hello", "expected_output": "A greeting"},
        {"id": 3, "prompt": " "},
    ]
    return write(
        root,
        {
            "SKILL.md": "---\nname: counter\ndescription: counts\n---\nCount.\n",
            "scripts/count.py": "print(1)\n",
            "evals/evals.json": json.dumps({"skill_name": "counter", "evals": listed}),
            "evals/files/rows.csv": b"a\r\nb\r\n",
        },
    )


def skvm_data(root: Path, name: str = "sum_task", **fields: object) -> Path:
    task = {
        "id": name,
        "prompt": "Sum.",
        "skill": "../../skills/adder",
        "eval": [{"method": "script", "command": "true"}],
        "origin": {"source": "own"},
        **fields,
    }
    return write(
        root,
        {
            f"tasks/{name}/task.json": json.dumps(task, indent=3),
            f"tasks/{name}/fixtures/in.csv": b"a,b\r\n1,2\r\n",
            f"tasks/{name}/graders/check.py": "print(1)\n",
            "tasks/_draft/task.json": "{}",
            "skills/adder/SKILL.md": "---\nname: adder\ndescription: adds\n---\nAdd.\n",
        },
    )


SOURCES = {
    "pinchbench": (pinchbench, ["task_01_note"]),
    "harbor": (harbor, ["make-out"]),
    "evals": (evals, ["counter-eval-1", "counter-eval-2"]),
    "skvm-data": (skvm_data, ["sum_task"]),
}
"""By importer: what makes its source below a folder, and the ids it gives."""
