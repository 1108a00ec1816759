from __future__ import annotations

import pytest

from skvm.compiler.reading.norms import has_limit, is_normative, is_pointer

RULES = [
    "You MUST go.", "must not", "It mustn't be changed.", "please do not", "Don’t.", "NEVER push.",
    "Use it only once", "If it fails, stop.", "When in doubt, ask.", "Wait until it is done.",
    "Otherwise go on.",
    "Stop unless told.", "Only if needed.", "Ensure it is closed.", "Avoid tables.", "At most three.",
    "仅当需要时，禁止删除", "必须保留", "应当检查", "文件应放在此处", "不得修改", "如果失败则停止",
    "当文件缺失时，停止",
    "除非用户同意", "否则退出", "只有管理员可以删除", "一旦失败就停止",
]  # fmt: skip
PLAIN = [
    "This page lists the columns.", "It reads a file and prints it.", "Specifications.", "Whenable things.",
    "应用程序", "响应时长", "对应的列", "若干文件", "这是一个表格",
]  # fmt: skip


@pytest.mark.parametrize("text", RULES)
def test_rules(text: str) -> None:
    assert is_normative(text)


@pytest.mark.parametrize("text", PLAIN)
def test_no_rules(text: str) -> None:
    assert not is_normative(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Keep 3 copies.", True),
        ("up to a page", True),
        ("最多三行", True),
        ("三天", True),
        ("Keep copies.", False),
    ],
)
def test_limits(text: str, expected: bool) -> None:
    assert has_limit(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Read `references/a.md` before you write.", True),
        ("Read `references/a.md` when listing files.", True),
        ("修改之前阅读 `references/a.md`。", True),
        ("See `references/a.md`.", False),
        ("Read `references/b.md` before you write.\nSee `references/a.md`.", False),
        ("", False),
    ],
)
def test_pointers(text: str, expected: bool) -> None:
    assert is_pointer(text, "references/a.md") is expected
