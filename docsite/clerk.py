"""A scripted model for the pictures: it makes order slips as well as its skill says how."""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

from skvm.llm.fake import FakeAnswer

__all__ = ["answer"]

_WHO = re.compile(r"(?:this is|name is|I am|I'm) ([A-Z]\w+ [A-Z]\w+)|([A-Z]\w+ [A-Z]\w+)")
_WHAT = re.compile(r"(\d+) ([a-z]+(?: [a-z]+)?)")


def answer(body: dict[str, Any]) -> FakeAnswer:
    """One command that writes the slip, then a closing line."""
    messages = body.get("messages", [])
    if any(each["role"] == "assistant" for each in messages):
        return FakeAnswer("The order slip is ready.", input_tokens=410, output_tokens=9)
    shown = json.dumps(messages, ensure_ascii=False)
    asked = str(next(each["content"] for each in reversed(messages) if each["role"] == "user"))
    luck = zlib.crc32(f"{asked}{body.get('seed')}".encode()) % 10
    return FakeAnswer(f"```bash\n{_command(shown, asked, luck)}\n```", input_tokens=380, output_tokens=36)


def _command(shown: str, asked: str, luck: int) -> str:
    who, what = _WHO.search(asked), _WHAT.search(asked)
    name = next(filter(None, who.groups()), "") if who else ""
    count, item = (what[1], what[2]) if what else ("1", "item")
    lines = [f"customer: {name}", f"item: {item}", f"quantity: {count}"]
    if "slip.txt has a line" in shown:  # the skill says what is checked
        written = lines[: 2 if luck == 0 else 3]
        return _write("slip.txt", written)
    if "Order slip" in shown:
        return _write("slip.txt", lines[:1]) if luck < 3 else _write("order.txt", lines)
    return _write("note.txt", [asked.rsplit("\n", maxsplit=1)[-1][:60]])


def _write(path: str, lines: list[str]) -> str:
    quoted = "\n".join(lines)
    return f"cat > {path} <<'END'\n{quoted}\nEND"
