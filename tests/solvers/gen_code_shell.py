"""Second algorithm for ``gen.code.shell``: everything in one awk program of its own, put together from the prompt."""

# ruff: noqa: E501 (programs on one line)
from __future__ import annotations

import re
from collections.abc import Sequence

from skvm.target.contract import Answer, Level, Probe

SORT = "function before(a, b) {{ return {order} }} function sorted(n, i, j, t) {{ for (i = 2; i <= n; i++) for (j = i; j > 1 && before(r[j], r[j - 1]); j--) {{ t = r[j]; r[j] = r[j - 1]; r[j - 1] = t }} }} "
MENU = {
    r"the number of lines that begin with the letter (\w) \(": '{{ if (substr($0, 1, 1) == "{0}") n++ }} END {{ print n + 0 }}',
    r"the number of lines that are exactly the word (\w+) \(": "/^{0}$/ {{ n++ }} END {{ print n + 0 }}",
    r"the number of different lines \(": "{{ s[$0] }} END {{ for (k in s) n++; print n }}",
    r"in reverse alphabetical order and prints the first (\d) of the sorted lines": SORT.replace(
        "{order}", "a > b"
    )
    + "{{ r[NR] = $0 }} END {{ sorted(NR); for (i = 1; i <= {0}; i++) print r[i] }}",
    r"in alphabetical order and prints the last (\d) of the sorted lines": SORT.replace("{order}", "a < b")
    + "{{ r[NR] = $0 }} END {{ sorted(NR); for (i = NR - {0} + 1; i <= NR; i++) print r[i] }}",
    r"prints the (\d) lines with the largest numbers, largest number first": SORT.replace(
        "{order}", "a + 0 > b + 0"
    )
    + '{{ r[NR] = $2 " " $1 }} END {{ sorted(NR); for (i = 1; i <= {0}; i++) {{ split(r[i], p, " "); print p[2], p[1] }} }}',
    r"the (\d) lines with the smallest numbers among those whose number is at least (\d+), smallest": SORT.replace(
        "{order}", "a + 0 < b + 0"
    )
    + '$2 > {1} - 1 {{ r[++n] = $2 " " $1 }} END {{ sorted(n); for (i = 1; i <= {0}; i++) {{ split(r[i], p, " "); print p[2], p[1] }} }}',
    r"the different words of the lines whose number is at least (\d+), in alphabetical order": SORT.replace(
        "{order}", "a < b"
    )
    + "$2 > {0} - 1 && !s[$1]++ {{ r[++n] = $1 }} END {{ sorted(n); for (i = 1; i <= n; i++) print r[i] }}",
    r"for each of the (\d) most frequent words one line: the word, a space, and how many": SORT.replace(
        "{order}", "c[a] > c[b] || c[a] == c[b] && a < b"
    )
    + "!c[$1]++ {{ r[++n] = $1 }} END {{ sorted(n); for (i = 1; i <= {0}; i++) print r[i], c[r[i]] }}",
    r"takes only the lines of level (\w+), and prints for every (\w+) .* the sum of (\w+), in": '/ .{0}. / {{ match($0, / {1}=[a-z]*/); k = substr($0, RSTART + 1, RLENGTH - 1); match($0, / {2}=[0-9]*/); s[k] += substr($0, RSTART + length("{2}") + 2, RLENGTH - length("{2}") - 2) }} END {{ for (k in s) print substr(k, length("{1}") + 2), s[k] | "sort" }}',
    r"takes only the lines of level (\w+), and prints for every (\w+) .* the largest (\w+), in": '/ .{0}. / {{ match($0, / {1}=[a-z]*/); k = substr($0, RSTART + 1, RLENGTH - 1); match($0, / {2}=[0-9]*/); v = 0 + substr($0, RSTART + length("{2}") + 2, RLENGTH - length("{2}") - 2); if (!(k in s) || v > s[k]) s[k] = v }} END {{ for (k in s) print substr(k, length("{1}") + 2), s[k] | "sort" }}',
    r"takes only the lines of level (\w+), and prints for every such line, in the order of the file, one line: its (\w+), a semicolon, and its (\w+),": '/ .{0}. / {{ a = $0; sub(/.* {1}=/, "", a); sub(/ .*/, "", a); b = $0; sub(/.* {2}=/, "", b); sub(/ .*/, "", b); print a ";" b }}',
}
"""What the prompt asks → an awk program."""


def solve(level: Level, probe: Probe) -> Sequence[Answer]:
    """Every right script's worth: one for each reading of the prompt that fits."""
    source = re.search(r"It reads (\S+?), ", probe.prompt)
    assert source is not None
    return [
        Answer("Done.", {"solution.sh": f"awk '{program.format(*match.groups())}' {source[1]}\n"})
        for pattern, program in MENU.items()
        if (match := re.search(pattern, probe.prompt))
    ]
