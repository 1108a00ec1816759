"""``tool.web``: one document, a filtered query, an API with a token, pages and references.

The data lie on a site outside the sandbox, as codes nobody can guess, so an answer can only come from
asking for them; the oracle looks at what the site was asked, too.
"""

from __future__ import annotations

import json
import random
from typing import Any

from skvm.harness.contract import Facility
from skvm.harness.site import SITE_ORIGIN, Page, Site
from skvm.target.contract import (
    FILE_COATS,
    Answer,
    Degradations,
    Level,
    LevelSpec,
    Primitive,
    Probe,
    Verdict,
    Work,
    primitive,
)
from skvm.target.pages import PROPERTIES, asked, code, grade_json, grade_text, html_page, json_page, missing
from skvm.target.vocabulary import CITIES, NAMES, NOUNS, TEAMS

_L1_FIELDS = (5, 8)
_L1_DOCUMENTS = 5
_L2_RECORDS = (6, 9)
_L2_KEPT = (2, 4)
_L3_PAGES = (3, 4)
_L3_PER_PAGE = 4
_L3_MATCHES = (3, 4)
_THINGS = ("parcels", "tools", "rooms", "boxes", "shelves")
_ORDERS = ("orders", "repairs", "deliveries", "rentals", "loans")
_STATES = ("open", "packed", "closed")
_MEASURES = ("weight", "price", "length", "age", "distance")
_TOKEN_HEADERS = ("X-Token", "X-Key", "X-Pass", "X-Access")
_SAY = "The result is saved."


def _json_text(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


def _one_field(rng: random.Random) -> Probe:
    thing, kind = rng.choice(_THINGS), rng.choice(("json", "page"))
    names = rng.sample(NOUNS, _L1_DOCUMENTS)
    fields = rng.sample(PROPERTIES, rng.randint(*_L1_FIELDS))
    documents = {name: {field: code(rng) for field in fields} for name in names}
    name, field, neighbour = names[0], rng.choice(fields), names[1]
    if kind == "json":
        what = "a JSON object"
        pages = [json_page(f"/{thing}/{each}", documents[each]) for each in sorted(names)]
    else:
        what = "a web page with a table of fields"
        pages = [_table_page(f"/{thing}/{each}", each, documents[each]) for each in sorted(names)]
    expected = documents[name][field]
    others = [documents[neighbour][field], documents[name][next(f for f in fields if f != field)], field]
    turns = ([asked(f"/{thing}/{name}")],)
    return Probe(
        prompt=(
            f"Get {SITE_ORIGIN}/{thing}/{name} from the web server that runs there. It is {what}. Write the "
            f"value of the field {field}, and nothing else, to the file result.txt."
        ),
        reference=Answer(_SAY, {"result.txt": expected + "\n"}, turns),
        secret={"expected": expected, "wanted": [f"GET /{thing}/{name}"]},
        also=[Answer(_SAY, {"result.txt": f'"{expected}"'}, turns)],
        wrong=[Answer(_SAY, {"result.txt": each + "\n"}, turns) for each in others],
        site=Site(tuple(pages)),
    )


def _table_page(path: str, title: str, fields: dict[str, str]) -> Page:
    rows = "\n".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in fields.items())
    return html_page(path, title, f"<table>\n{rows}\n</table>")


async def _grade_one_field(probe: Probe, work: Work) -> Verdict:
    if unasked := missing(work.visits, probe.secret["wanted"]):
        return Verdict(False, f"the site was not asked {unasked}")
    return await grade_text(work.cell, "result.txt", probe.secret["expected"])


def _guess_one_field(probe: Probe, rng: random.Random) -> Answer:
    return Answer(_SAY, {"result.txt": code(rng) + "\n"}, probe.reference.turns)


def _query(rng: random.Random) -> Probe:
    records, measure = rng.choice(_ORDERS), rng.choice(_MEASURES)
    cities = rng.sample(CITIES, 3)
    stock = {
        (city, state): _records(rng, measure, rng.randint(*_L2_RECORDS))
        for city in cities
        for state in _STATES
    }
    city, state = cities[0], rng.choice(_STATES)
    found = stock[city, state]
    bound, comparison = _bound(rng, sorted(record[measure] for record in found))

    def kept(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [each for each in records if (each[measure] > bound) is (comparison == "more")]

    pages = [
        json_page(f"/{records}", listed, query={"city": each, "state": its_state})
        for (each, its_state), listed in stock.items()
    ]
    pages.append(json_page(f"/{records}", {"error": "city and state are needed"}, status=400))
    result = _result(kept(found), measure)
    wrong = [
        _result(found, measure),
        _result([each for each in found if each not in kept(found)], measure),
        _result(kept(stock[cities[1], state]), measure),
        {**result, "total": result["total"] + bound},
    ]
    turns = ([asked(f"/{records}", query={"city": city, "state": state})],)
    reordered = {"total": result["total"], "ids": result["ids"][::-1]}
    return Probe(
        prompt=(
            f"The web server {SITE_ORIGIN} lists {records} at the address /{records} with two query "
            f"parameters, and with no others: city is the name of a city, state is {', '.join(_STATES[:-1])} "
            f"or {_STATES[-1]}. The answer is a JSON array of objects, each with the fields id, customer and "
            f"{measure} (a whole number).\n"
            f"Get the {records} of the city {city} in the state {state}. Take those whose {measure} is "
            f"{comparison} than {bound}. Write the file result.json: a JSON object with the fields ids, the "
            f"array of their ids in any order, and total, the sum of their {measure}s."
        ),
        reference=Answer(_SAY, {"result.json": _json_text(result)}, turns),
        secret={"expected": result, "wanted": [f"GET /{records}?city={city}&state={state}"]},
        also=[Answer(_SAY, {"result.json": json.dumps(reordered)}, turns)],
        wrong=[Answer(_SAY, {"result.json": _json_text(each)}, turns) for each in wrong],
        site=Site(tuple(pages)),
    )


def _records(rng: random.Random, measure: str, count: int) -> list[dict[str, Any]]:
    values = rng.sample(range(10, 100), count)
    return [{"id": code(rng), "customer": rng.choice(NAMES), measure: value} for value in values]


def _bound(rng: random.Random, values: list[int]) -> tuple[int, str]:
    """A bound that is none of the values and keeps a few of them on one side."""
    count, comparison = rng.randint(*_L2_KEPT), rng.choice(("more", "less"))
    place = len(values) - count if comparison == "more" else count
    # Where neighbours leave no room between them, the next lower gap is taken; 9 is below all of them.
    for at in range(place, 0, -1):
        if values[at] - values[at - 1] > 1:
            return rng.randint(values[at - 1] + 1, values[at] - 1), comparison
    return _bound(rng, values)


def _result(records: list[dict[str, Any]], measure: str) -> dict[str, Any]:
    return {"ids": [each["id"] for each in records], "total": sum(each[measure] for each in records)}


async def _grade_query(probe: Probe, work: Work) -> Verdict:
    if unasked := missing(work.visits, probe.secret["wanted"]):
        return Verdict(False, f"the site was not asked {unasked}")
    return await grade_json(work.cell, "result.json", probe.secret["expected"], unordered="ids")


def _guess_query(probe: Probe, rng: random.Random) -> Answer:
    records = _records(rng, "measure", rng.randint(*_L2_KEPT))
    return Answer(_SAY, {"result.json": _json_text(_result(records, "measure"))}, probe.reference.turns)


def _several(rng: random.Random) -> Probe:
    header, prize = rng.choice(_TOKEN_HEADERS), rng.choice(PROPERTIES)
    while prize == "token":
        prize = rng.choice(PROPERTIES)
    team, *others = rng.sample(TEAMS, 4)
    page_count, match_count = rng.randint(*_L3_PAGES), rng.randint(*_L3_MATCHES)
    names = rng.sample(NAMES, page_count * _L3_PER_PAGE)
    # The last page holds one of them, so that nobody is right who stops early.
    matching = {len(names) - 1 - rng.randrange(_L3_PER_PAGE)}
    while len(matching) < match_count:
        matching.add(rng.randrange(len(names)))
    people = [
        {"id": code(rng), "name": name, "team": team if place in matching else rng.choice(others)}
        for place, name in enumerate(names)
    ]
    prizes = {person["id"]: code(rng) for person in people}
    token, key = code(rng), header.lower()
    pages = [json_page("/session", {"token": token})]
    for number in range(1, page_count + 1):
        shown = people[(number - 1) * _L3_PER_PAGE : number * _L3_PER_PAGE]
        value = {"people": shown, "next": number + 1 if number < page_count else None}
        pages.append(json_page("/people", value, query={"page": str(number)}, headers={key: token}))
        pages.append(_refusal("/people", {"page": str(number)}))
    for person in people:
        path = f"/{prize}/{person['id']}"
        pages.append(json_page(path, {prize: prizes[person["id"]]}, headers={key: token}))
        pages.append(_refusal(path, {}))
    wanted = [person for person in people if person["team"] == team]
    result = {person["name"]: prizes[person["id"]] for person in wanted}
    turns = _several_turns(page_count, prize, [person["id"] for person in wanted], {header: token})
    early = {p["name"]: prizes[p["id"]] for p in people[:-_L3_PER_PAGE] if p["team"] == team}
    ids = {person["name"]: person["id"] for person in wanted}
    everybody = {person["name"]: prizes[person["id"]] for person in people}
    return Probe(
        prompt=(
            f"The web server {SITE_ORIGIN} has an API whose answers are JSON.\n"
            "- /session gives an object with the field token.\n"
            f"- Every other request must carry that token in the header {header}.\n"
            "- /people?page=1 gives the first page of a list: an object with the fields people, an array of "
            "objects with id, name and team, and next, the number of the next page, null on the last one.\n"
            f"- /{prize}/ followed by the id of a person gives an object with the field {prize}.\n"
            f"Find the {prize} of every person of the team {team}. There are several pages. Write the file "
            f"result.json: a JSON object that maps the name of each of them to the {prize}, and nothing else."
        ),
        reference=Answer(_SAY, {"result.json": _json_text(result)}, turns),
        secret={
            "expected": result,
            "wanted": [
                "GET /session",
                *(f"GET /people?page={number}" for number in range(1, page_count + 1)),
                *(f"GET /{prize}/{person['id']}" for person in wanted),
            ],
        },
        also=[Answer(_SAY, {"result.json": json.dumps(dict(reversed(result.items())))}, turns)],
        wrong=[Answer(_SAY, {"result.json": _json_text(each)}, turns) for each in (early, ids, everybody)],
        site=Site(tuple(pages)),
    )


def _refusal(path: str, query: dict[str, str]) -> Page:
    return json_page(path, {"error": "the token is missing or wrong"}, status=401, query=query)


def _several_turns(page_count: int, prize: str, ids: list[str], headers: dict[str, str]) -> Any:
    pages = [
        [asked("/people", query={"page": number}, headers=headers)] for number in range(1, page_count + 1)
    ]
    return [
        [asked("/session")],
        *pages,
        [asked(f"/{prize}/{id}", headers=headers) for id in ids],
    ]


async def _grade_several(probe: Probe, work: Work) -> Verdict:
    if unasked := missing(work.visits, probe.secret["wanted"]):
        return Verdict(False, f"the site was not asked {unasked}, or refused it")
    return await grade_json(work.cell, "result.json", probe.secret["expected"])


def _guess_several(probe: Probe, rng: random.Random) -> Answer:
    value = {name: code(rng) for name in rng.sample(NAMES, rng.randint(*_L3_MATCHES))}
    return Answer(_SAY, {"result.json": _json_text(value)}, probe.reference.turns)


primitive(
    Primitive(
        id="tool.web",
        description="Get data from a web server and use them",
        needs=frozenset({Facility.FETCH, Facility.FILES}),
        # What a shell fetches with; the sandbox need not have curl.
        commands=("python3",),
        levels={
            Level.L1: LevelSpec(
                claim="Can GET one page or JSON document from a given address and take one field out of it",
                generate=_one_field,
                grade=_grade_one_field,
                guess=_guess_one_field,
                accepts=FILE_COATS,
            ),
            Level.L2: LevelSpec(
                claim=(
                    "Can make a request with query parameters from a description of an API, then filter and "
                    "add up the records that come"
                ),
                generate=_query,
                grade=_grade_query,
                guess=_guess_query,
                accepts=FILE_COATS,
            ),
            Level.L3: LevelSpec(
                claim=(
                    "Can combine several endpoints of an API: a token sent in a header, all pages of a list, "
                    "and details looked up by id"
                ),
                generate=_several,
                grade=_grade_several,
                guess=_guess_several,
                accepts=FILE_COATS,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Ask for one endpoint only: write the complete request with its query parameters and, where "
                "a token is needed, its header into the text, and leave paging and look-ups to a script."
            ),
            l2_to_l1=(
                "Give the complete address of one document, query included, and name the single field to "
                "take from it."
            ),
        ),
    )
)
