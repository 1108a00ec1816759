"""What needs the primitives of tools, place by place."""

from __future__ import annotations

from pathlib import Path

import pytest

from skvm.compiler.requirements import analyse
from tests.unit.compiler.making import make_skill

BROWSER = "The browser tool is there.\n\n"
SERVICE = "Below `https://service.example.org`: `GET /loans` lists them.\n\n"
# fmt: off
CASES = [
    ("tool.file.read", "L1", "See `references/api.md` for the fields."),
    ("tool.file.read", "L1", "Load the right guide from the `guides/` directory."),
    ("tool.file.read", "L1", "Follow the template in [the guide](references/guide.md)."),
    ("tool.file.read", "L1", "Read `a.txt`, `b.txt` and `c.txt`."),
    ("tool.file.read", "L1", "参见 `references/说明.md`。"),
    ("tool.file.read", "L1", "If `notes.md` exists, read it first."),
    ("tool.file.read", "L2", "Read `a.txt` and `b.txt`; one of them may be missing."),
    ("tool.file.read", "L2", "读取 `a.txt` 和 `b.txt`，不存在的跳过。"),
    ("tool.file.read", "L1", "Read `a.txt` and `b.txt`; one may be missing.\n\n- `a.txt`; when it is not there, go on.\n- `b.txt`; when it is not there, go on."),  # noqa: E501
    ("tool.file.read", "L3", "`big.log` is a huge file, search it for the word and read only the lines around it."),  # noqa: E501
    ("tool.file.read", "L2", "`big.log` is a huge file, search it for the word and read the lines around it:\n\n```bash\ngrep -n -C 5 -F -- word big.log\n```"),  # noqa: E501
    ("tool.file.read", None, "Open `page.html` in a browser."),
    ("tool.file.read", None, "Do not read `secret.md`."),
    ("tool.file.read", None, "Find large files and delete them."),
    ("tool.file.read", None, "The result stands in `out.json`."),
    ("tool.file.read", None, "See [the site](https://example.org/page.html)."),
    ("tool.file.write", "L1", "Save the file with a telling name."),
    ("tool.file.write", "L1", "把结果保存为一个文件。"),
    ("tool.file.write", "L2", "Write `out.txt` with one line per guest."),
    ("tool.file.write", "L1", "Write `out.txt` with one line per guest:\n\n```bash\ncat > out.txt <<'EOF'\nCONTENT\nEOF\ncat >> out.txt <<'EOF'\nCONTENT\nEOF\n```"),  # noqa: E501
    ("tool.file.write", "L2", "Write `out.txt` with one line per guest:\n\n```bash\ncat > out.txt <<'EOF'\nCONTENT\nEOF\n```"),  # noqa: E501
    ("tool.file.write", None, "Do not save a file with the keys."),
    ("tool.file.write", None, "Create the list and run `tools/make.py` on it."),
    ("tool.file.write", None, "Press escape or create STOP.txt: `touch STOP.txt`"),
    ("tool.web", "L1", "Fetch `https://api.example.org/v1/day?format=json` and take the date."),
    ("tool.web", "L1", "Search the web for the latest price."),
    ("tool.web", "L1", "```\nGET https://api.example.org/v1/day\n```"),
    ("tool.web", "L1", "联网搜索最新的价格。"),
    ("tool.web", "L2", SERVICE + "Request the loans of the day, keep the records of the town and add up their days."),  # noqa: E501
    ("tool.web", "L3", SERVICE + "Send the token in every request as a header, go through all pages of the loans."),  # noqa: E501
    ("tool.web", None, "Docs: https://example.org/docs"),
    ("tool.web", None, "Get an API key from https://example.org/api/keys."),
    ("tool.web", None, "Do not fetch the page https://example.org/a yourself."),
    ("tool.web", None, "Fetch it:\n\n```bash\ncurl https://api.example.org/v1/day\n```"),
    ("tool.browser", "L1", BROWSER + "Navigate to the page `https://example.org/a` and wait for it."),
    ("tool.browser", "L2", BROWSER + "Fill in the form with the name and submit it."),
    ("tool.browser", "L2", "用浏览器工具。\n\n填写请假表单。"),
    ("tool.browser", "L3", BROWSER + "Log in at the page, then follow the links through all pages."),
    ("tool.browser", None, "Fill in the form with the name and submit it."),
    ("tool.browser", None, BROWSER + "Ask the user to open the page in the settings."),
    ("tool.call.batch", "L1", "Read the two files in parallel."),
    ("tool.call.batch", "L1", "Execute the tool calls in logical batches."),
    ("tool.call.batch", "L2", "Read the five files at once."),
    ("tool.call.batch", "L2", "Fetch all pages in parallel."),
    ("tool.call.batch", "L2", "同时读取五个文件。"),
    ("tool.call.batch", "L1", "Read the five files in parallel, two at a time."),
    ("tool.call.batch", "L3", "Read all cards at once, then at once the files these name."),
    ("tool.call.batch", None, "Do not read the files in parallel."),
    ("tool.call.batch", None, "Don't change 5 things at once."),
    ("tool.call.batch", None, "The script fetches all pages in parallel."),
    ("tool.call.format", "L1", "Call the tool `get_day` with the name of the town."),
    ("tool.call.format", "L1", "Use the `exec` tool to list the folder."),
    ("tool.call.format", "L1", "调用工具 `get_day`。"),
    ("tool.call.format", "L2", "Call the tool `add_event` with a list of objects."),
    ("tool.call.format", "L2", "The MCP server is there. Create or update issues with all required fields."),
    ("tool.call.format", "L3", "Call the tool `draw` with a list of pages, each with a list of blocks, each with a `text`."),  # noqa: E501
    ("tool.call.format", None, "The tool is there. Use `--force` with care."),
    ("tool.call.format", None, "Call `make test` with the tool of your choice."),
    ("tool.call.format", None, "Never call the tool `delete_all`."),
]
# fmt: on


@pytest.mark.parametrize(("primitive_id", "level", "body"), CASES)
def test_level_of_a_place(primitive_id: str, level: str | None, body: str, tmp_path: Path) -> None:
    found = analyse(make_skill(tmp_path, body + "\n")).requirements
    levels = [str(needed.level) for needed in found if needed.primitive_id == primitive_id]
    assert levels == ([level] if level else [])
