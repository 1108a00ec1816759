"""``tool.web`` from its words: asks the site as the prompt says, and reads what it shows."""

from __future__ import annotations

import json
import re
from typing import Any

from skvm.harness.site import SITE_ORIGIN
from skvm.harness.trajectory import ToolKind
from skvm.target.contract import Act, Answer, Level, Probe


class Client:
    """Asks a site and remembers how."""

    def __init__(self, probe: Probe) -> None:
        assert probe.site is not None
        self.site = probe.site
        self.acts: list[list[Act]] = []

    def get(self, address: str, headers: dict[str, str] | None = None) -> str:
        """The text of a page; an error is a failure of the solver."""
        url = address if address.startswith(SITE_ORIGIN) else SITE_ORIGIN + address
        lowered = {name.lower(): value for name, value in (headers or {}).items()}
        page = self.site.find("GET", url, headers=lowered)
        assert page is not None, url
        assert page.status == 200, url
        self.acts.append([Act(ToolKind.FETCH, {"url": url, "headers": headers or {}})])
        return page.body


def solve(level: Level, probe: Probe) -> list[Answer]:
    return {Level.L1: _field, Level.L2: _query, Level.L3: _several}[level](probe)


def _field(probe: Probe) -> list[Answer]:
    address = re.search(r"http://\S+", probe.prompt)[0]  # type: ignore[index]
    field = re.search(r"the field (\w+),", probe.prompt)[1]  # type: ignore[index]
    client = Client(probe)
    values = re.findall(rf'(?:"{field}": "|<th>{field}</th><td>)([^"<]*)', client.get(address))
    return [Answer("", {"result.txt": value}, client.acts) for value in set(values)]


def _query(probe: Probe) -> list[Answer]:
    prompt = probe.prompt
    path = re.search(r"at the address (/\w+) with", prompt)[1]  # type: ignore[index]
    city, state = re.search(r"city (\w+) in the state (\w+)\.", prompt).groups()  # type: ignore[union-attr]
    measure, side, bound = re.search(r"whose (\w+) is (more|less) than (\d+)", prompt).groups()  # type: ignore[union-attr]
    client = Client(probe)
    ids, total = [], 0
    for record in json.loads(client.get(f"{path}?state={state}&city={city}")):
        distance = record[measure] - int(bound)
        if distance == 0:
            return []
        if (distance > 0) == (side == "more"):
            ids.append(record["id"])
            total += record[measure]
    if not ids or len(set(ids)) < len(ids):
        return []
    return [Answer("", {"result.json": json.dumps({"ids": sorted(ids), "total": total})}, client.acts)]


def _several(probe: Probe) -> list[Answer]:
    header = re.search(r"in the header ([\w-]+)\.", probe.prompt)[1]  # type: ignore[index]
    prize, team = re.search(r"Find the (\w+) of every person of the team (\w+)\.", probe.prompt).groups()  # type: ignore[union-attr]
    client = Client(probe)
    carried = {header: json.loads(client.get("/session"))["token"]}
    found: dict[str, str] = {}
    page: Any = 1
    while page is not None:
        listed = json.loads(client.get(f"/people?page={page}", carried))
        for person in listed["people"]:
            if person["team"] == team:
                if person["name"] in found:
                    return []
                shown = client.get(f"/{prize}/{person['id']}", carried)
                found[person["name"]] = json.loads(shown)[prize]
        page = listed["next"]
    return [Answer("", {"result.json": json.dumps(found)}, client.acts)] if found else []
