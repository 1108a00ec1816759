"""What counts as an answer of a program in a cell."""

import json
from dataclasses import dataclass, field

import anyio
import pytest

from skvm.errors import InfrastructureError
from skvm.evaluate.isolated import ask
from skvm.harness.sandbox import Execution


@dataclass
class Cell:
    """Ends a command as it is told; ``{nonce}`` stands for the nonce of the request."""

    stdout: str = ""
    exit_code: int | None = 0
    stderr: str = ""
    is_truncated: bool = False
    asked: list = field(default_factory=list)

    async def execute(self, command, *, timeout_s, stdin=b"", env=None, cwd="."):
        self.asked.append((command, json.loads(stdin)))
        stdout = self.stdout.replace("{nonce}", self.asked[-1][1]["nonce"])
        is_timed_out = self.exit_code is None
        return Execution(self.exit_code, stdout, self.stderr, self.is_truncated, is_timed_out, 0.0)


def asked(cell):
    return anyio.run(lambda: ask(cell, "grade", {"source": "x"}, timeout_s=3))


def line(nonce="{nonce}", answer='{"given": 1}'):
    return f'{{"nonce": "{nonce}", "answer": {answer}}}'


def test_only_a_line_with_the_nonce_is_an_answer():
    noise = f"noise\n{line('0' * 32, '{}')}\n{line('', '{}')}\n[1]\n"
    assert asked(Cell(f"{noise}\n{line()}\n{noise}")).value == {"given": 1}


@pytest.mark.parametrize(
    "stdout",
    ["", line("0" * 32), "{nonce}", f"x{line()}", line(answer="[]"), "[" * 5000 + "{nonce}", line()[:-1]],
)
def test_anything_else_is_none_whatever_the_exit_code(stdout):
    answer = asked(Cell(stdout))
    assert (answer.value, answer.is_timed_out, answer.is_absent) == (None, False, False)
    assert "exit code 0 and gave no result" in answer.why


def test_the_reason_is_told():
    assert asked(Cell(exit_code=None)).why == "did not end within 3 s"
    assert asked(Cell(exit_code=None)).is_timed_out
    assert asked(Cell(exit_code=-9, stderr="a\nb\n")).why == "ended with exit code -9 and gave no result: b"
    assert asked(Cell(is_truncated=True)).why == "printed more than is kept and gave no result"
    assert asked(Cell(exit_code=127, stderr="sh: 1: python3: not found\n")).is_absent


def test_an_exit_code_of_the_work_is_not_a_missing_python():
    started = '{"nonce": "{nonce}", "started": true}'
    answer = asked(Cell(started, exit_code=127))
    assert (answer.value, answer.is_absent) == (None, False)


def test_a_cell_that_ends_is_no_answer_and_no_error():
    class Dying(Cell):
        async def execute(self, command, **more):
            raise InfrastructureError("the cell is gone")

    answer = asked(Dying())
    assert (answer.value, answer.is_absent, answer.why) == (None, False, "ended its cell: the cell is gone")


def test_every_question_has_a_nonce_of_its_own_that_no_argument_shows():
    cell = Cell()
    asked(cell)
    asked(cell)
    nonces = [request["nonce"] for _, request in cell.asked]
    assert len({*nonces}) == 2
    assert not any(nonce in part for nonce in nonces for command, _ in cell.asked for part in command)
    command = cell.asked[0][0]
    assert command[5:8] == ["-I", "-S", "-B"]
