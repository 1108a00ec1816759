"""Second algorithm for ``gen.code.sql``: other queries, put together from the words of the prompt."""

# ruff: noqa: E501 (queries on one line)
from __future__ import annotations

import re
from collections.abc import Sequence

from skvm.target.contract import Answer, Level, Probe

MENU = {
    r"how many rows of (\w+) have at least (\d+) as (\w+)\.": "SELECT SUM(CASE WHEN {2} > {1} - 1 THEN 1 ELSE 0 END) FROM {0}",
    r"the sum of (\w+) over the rows of (\w+) whose city is (\w+)\.": "SELECT SUM({0} * (city = '{2}')) FROM {1}",
    r"the name of each row of (\w+) whose city is (\w+), the largest (\w+) first": (
        "SELECT a.name FROM {0} a LEFT JOIN {0} b ON b.city = a.city AND b.{2} > a.{2} WHERE a.city IN ('{1}') GROUP BY a.id ORDER BY COUNT(b.id)"
    ),
    r"the names of the (\d) rows of (\w+) with the smallest (\w+), the smallest first": (
        "SELECT name FROM (SELECT name, RANK() OVER (ORDER BY {2}) AS r FROM {1}) WHERE r <= {0} ORDER BY r"
    ),
    r"the smallest and the largest (\w+) of the rows of (\w+) whose city is (\w+)\.": (
        "SELECT (SELECT {0} FROM {1} WHERE city = '{2}' ORDER BY {0} LIMIT 1), (SELECT {0} FROM {1} WHERE city = '{2}' ORDER BY {0} DESC LIMIT 1)"
    ),
    r"one row for every row of (\w+), those without \w+ too: the name, and the sum of (\w+) of the (\w+) that belong": (
        "SELECT name, SUM(v) FROM (SELECT id, name, 0 AS v FROM {0} UNION ALL SELECT p.id, p.name, t.{1} FROM {0} p, {2} t WHERE t.KEY = p.id) GROUP BY id ORDER BY SUM(v) DESC"
    ),
    r"one row for every row of (\w+): its day, the name from (\w+), and the running total, that is the sum of (\w+)": (
        "SELECT t.day, p.name, SUM(x.{2}) FROM {0} t, {1} p, {0} x WHERE p.id = t.KEY AND x.KEY = t.KEY AND x.day <= t.day GROUP BY t.id ORDER BY t.day"
    ),
    r"one row for every row of (\w+) that has (\w+): the name, and the (\w+) of the one of its \w+ with the largest day": (
        "SELECT p.name, t.{2} FROM {0} p, {1} t WHERE t.KEY = p.id AND NOT EXISTS (SELECT 1 FROM {1} x WHERE x.KEY = t.KEY AND x.day > t.day) ORDER BY 1"
    ),
    r"for every row of (\w+) whose (\w+) is NULL one row: its name, and the sum of (\w+) over itself": (
        # From below: every row climbs until it is at the top.
        "WITH RECURSIVE up(v, at) AS (SELECT {2}, id FROM {0} UNION ALL SELECT v, {1} FROM up, {0} x WHERE x.id = at AND {1} IS NOT NULL) "
        "SELECT x.name, (SELECT SUM(v) FROM up WHERE at = x.id) AS s FROM {0} x WHERE {1} IS NULL ORDER BY s DESC"
    ),
    r"for every (\w+) the (\d) (\w+) with the largest sum of (\w+): one row for each, with the name of the \w+, the name of the (\w+) and the sum": (
        "SELECT p, w, s FROM (SELECT *, DENSE_RANK() OVER (PARTITION BY p ORDER BY s DESC) AS r FROM (SELECT DISTINCT g.name AS p, i.name AS w, "
        "SUM(t.{3}) OVER (PARTITION BY t.{0}_id, t.{4}_id) AS s FROM SALE t, {0}s g, {2} i WHERE g.id = t.{0}_id AND i.id = t.{4}_id)) WHERE r <= {1} ORDER BY p, s DESC"
    ),
    r"one row, with the name of the (\w+) and its sum of (\w+), for every \w+ whose sum of \w+ is larger than the average of these sums over all (\w+)\.": (
        "SELECT n, s FROM (SELECT g.name AS n, s, AVG(s) OVER () AS m FROM {2} g JOIN (SELECT {0}_id AS k, SUM({1}) AS s FROM SALE GROUP BY 1) ON k = g.id) WHERE s > m ORDER BY s DESC"
    ),
}
"""What the prompt asks → a query; KEY and SALE stand for what the schema calls them."""


def solve(level: Level, probe: Probe) -> Sequence[Answer]:
    """Every right query's worth: one for each reading of the prompt that fits."""
    tables = re.findall(r"CREATE TABLE (\w+)", probe.prompt)
    key = re.search(r"(\w+_id) INTEGER", probe.prompt)
    return [
        Answer(
            "Done.",
            {
                "query.sql": query.format(*match.groups())
                .replace("KEY", key[1] if key else "")
                .replace("SALE", tables[-1])
            },
        )
        for pattern, query in MENU.items()
        if (match := re.search(pattern, probe.prompt))
    ]
