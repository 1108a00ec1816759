from __future__ import annotations

import pytest

from skvm.compiler.effects.model import ANYTHING
from skvm.compiler.effects.python_effects import python_effects
from skvm.compiler.effects.repeats import python_repetitions
from skvm.diagnostics import Span


@pytest.mark.parametrize(
    ("code", "reads", "writes"),
    [
        ("open('a.txt').read()", {"a.txt"}, set()),
        ("open('a.txt', 'w').write('x')", set(), {"a.txt"}),
        ("open('a.txt', mode='a')", {"a.txt"}, {"a.txt"}),
        ("from pathlib import Path\nPath('a.txt').write_text('x')", set(), {"a.txt"}),
        ("from pathlib import Path\np = Path('out') / 'a.txt'\np.read_text()", {"out/a.txt"}, set()),
        ("import pandas as pd\npd.read_csv('in.csv').to_excel('out.xlsx')", {"in.csv"}, {"out.xlsx"}),
        ("from PIL import Image\nImage.open('a.png').save('b.png')", {"a.png"}, {"b.png"}),
        ("import shutil\nshutil.copy('a', 'b')", {"a"}, {"b"}),
        ("import os\nos.rename('a', 'b')", {"a"}, {"a", "b"}),
        ("import matplotlib.pyplot as plt\nplt.savefig('p.png')", set(), {"p.png"}),
        ("import subprocess\nsubprocess.run(['cp', 'a.txt', 'b.txt'])", {"a.txt"}, {"b.txt"}),
        ("i = 1\nopen(f'page_{i}.pdf', 'wb')", set(), {"page_*.pdf"}),
        ("def f(name):\n    open(name, 'w')", set(), {ANYTHING}),
    ],
)
def test_files_of_code(code: str, reads: set[str], writes: set[str]) -> None:
    found = python_effects(code)
    assert set(found.effects.reads) - {"env:"} == reads
    assert set(found.effects.writes) == writes
    assert not found.whole.is_open


def test_the_network_of_code() -> None:
    asks = python_effects("import requests\nrequests.get('https://api.example.org/x')").effects
    assert asks.hosts == ("api.example.org",)
    assert asks.writes == ()
    sends = python_effects("import requests\nrequests.post('https://api.example.org/x')").effects
    assert sends.writes == ("host:api.example.org",)
    unsaid = python_effects("import requests\nrequests.get(url)").effects
    assert unsaid.hosts == ("*",)


@pytest.mark.parametrize(
    "code", ["eval(x)", "import mystery\nmystery.go()", "import os\nos.system(cmd)", "def ("]
)
def test_code_nobody_knows_is_open(code: str) -> None:
    assert python_effects(code).whole.is_open


def loops(code: str) -> list[str]:
    return [found.over for found in python_repetitions(code, Span(0, 1))]


HEAD = "import requests\nids = ['a', 'b']\nout = {}\ntotal = ''\n"


@pytest.mark.parametrize(
    "body",
    [
        "for i in ids:\n    out[i] = requests.get(i)\n",
        "for i in ids:\n    total += requests.get(i).text\n",
        "for i in ids:\n    with open(f'{i}.txt', 'w') as f:\n        f.write(requests.get(i).text)\n",
    ],
)
def test_loops_whose_rounds_are_apart(body: str) -> None:
    assert loops(HEAD + body) == ["ids"]


@pytest.mark.parametrize(
    "body",
    [
        "for i in ids:\n    out[i] = i\n",
        "for i in ids:\n    with open('all.txt', 'w') as f:\n        f.write(requests.get(i).text)\n",
        "for i in ids:\n    r = requests.get(i)\n    if r.ok:\n        break\n",
        "last = ''\nfor i in ids:\n    r = requests.get(i + last)\n    last = r.text\n",
        "for i in ids:\n    total += requests.get(i).text + total\n",
        "for i in ids:\n    session_thing(requests.get(i))\n",
        "for page in doc.pages:\n    requests.get(page)\n",
    ],
)
def test_loops_that_need_their_order_or_are_not_known(body: str) -> None:
    assert loops(HEAD + body) == []
