"""``tool.browser``: a page a script fills in, a form to submit, a login with pages behind it.

Real HTML with real scripts. What is asked for is put together in the browser or comes back for a form that
a script has stamped, and the oracle sees in the site's visits that the scripts have run.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from skvm.harness.contract import Facility
from skvm.harness.site import SITE_ORIGIN, Page, Site
from skvm.target.contract import (
    FILE_COATS,
    Act,
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
from skvm.target.vocabulary import CITIES, NAMES, NOUNS

_L1_LINKS = 5
_L1_FIELDS = (3, 5)
_L3_LISTS = 2
_L3_PER_LIST = 3
_L3_MATCHES = 2
_PLACES = ("window", "aisle", "middle")
_SAY = "The result is saved."
_LOG_IN = "/login"

# Marks are fetched from a place the page's text does not name and are no text before they are decoded.
_FILL = """<script>
const parts = "/parts/" + [..."%(spelt_backwards)s"].reverse().join("");
fetch(parts).then((answer) => answer.json()).then((filled) => {
  for (const [id, marks] of Object.entries(filled)) {
    document.getElementById(id).textContent = String.fromCharCode(...marks.map((mark) => mark ^ %(key)d));
  }
});
</script>"""
_STAMP = """<script>
document.getElementById("stamp").value = [..."%(spelt_backwards)s"].reverse().join("");
</script>"""


def _json_text(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


def _scripted(
    rng: random.Random,
    path: str,
    title: str,
    fields: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
) -> tuple[list[Page], str]:
    """A page whose table a script fills in: its pages, and the path the script gets the values from."""
    part, key = code(rng), rng.randint(1, 31)
    rows = "\n".join(
        f'<tr><th scope="row">{name}</th><td id="f{place}">…</td></tr>' for place, name in enumerate(fields)
    )
    script = _FILL % {"spelt_backwards": part[::-1], "key": key}
    marks = {f"f{at}": [ord(each) ^ key for each in value] for at, value in enumerate(fields.values())}
    carried = dict(headers or {})
    return [
        html_page(path, title, f"<table>\n{rows}\n</table>\n{script}", headers=carried),
        json_page(f"/parts/{part}", marks, headers=carried),
    ], f"/parts/{part}"


def _links(targets: Mapping[str, str]) -> str:
    items = "\n".join(f'<li><a href="{path}">{name}</a></li>' for name, path in targets.items())
    return f"<ul>\n{items}\n</ul>"


def _filled_page(rng: random.Random) -> Probe:
    names = rng.sample(NOUNS, _L1_LINKS)
    fields = rng.sample(PROPERTIES, rng.randint(*_L1_FIELDS))
    name, field = rng.choice(names), rng.choice(fields)
    paths = {each: f"/things/{code(rng)}" for each in names}
    pages = [html_page("/", "Things", _links(paths))]
    values: dict[str, dict[str, str]] = {}
    parts: dict[str, str] = {}
    for each, path in paths.items():
        values[each] = {field: code(rng) for field in fields}
        made, parts[each] = _scripted(rng, path, each, values[each])
        pages += made
    turns = [[asked("/")], [asked(paths[name]), asked(parts[name])]]
    neighbour = next(each for each in names if each != name)
    wrong = [
        values[neighbour][field],
        values[name][next(each for each in fields if each != field)],
        "…",
    ]
    return Probe(
        prompt=(
            f"Open {SITE_ORIGIN}/ in the browser and follow the link {name}. The page it leads to has a "
            f"table that a script fills in after the page has loaded. Write the value of {field} in that "
            "table, and nothing else, to the file result.txt."
        ),
        reference=Answer(_SAY, {"result.txt": values[name][field] + "\n"}, turns),
        secret={
            "expected": values[name][field],
            "wanted": [f"GET {paths[name]}", f"GET {parts[name]}"],
        },
        wrong=[Answer(_SAY, {"result.txt": each + "\n"}, turns) for each in wrong],
        site=Site(tuple(pages)),
    )


async def _grade_filled_page(probe: Probe, work: Work) -> Verdict:
    if unasked := missing(work.visits, probe.secret["wanted"]):
        return Verdict(False, f"the browser did not make the request {unasked}")
    return await grade_text(work.cell, "result.txt", probe.secret["expected"])


def _guess_text(probe: Probe, rng: random.Random) -> Answer:
    return Answer(_SAY, {"result.txt": code(rng) + "\n"}, probe.reference.turns)


def _form(rng: random.Random) -> Probe:
    stamp, action = code(rng), f"/find/{code(rng)}"
    cities = rng.sample(CITIES, 5)
    name, other_name = rng.sample(NAMES, 2)
    city, other_city = rng.sample(cities, 2)
    place, other_place = rng.sample(_PLACES, 2)
    seats, other_seats = (str(each) for each in rng.sample(range(2, 10), 2))
    right = {"name": name, "city": city, "seats": seats, "place": place}
    slips = [
        {**right, "name": other_name},
        {**right, "city": other_city},
        {**right, "seats": other_seats},
        {**right, "place": other_place},
    ]
    codes = [code(rng) for _ in (right, *slips)]
    pages = [html_page("/", "Find a booking", _form_text(action, cities, stamp))]
    for fields, found in zip((right, *slips), codes, strict=True):
        body = f"<p>Booking code: <strong>{found}</strong></p>"
        form = {**fields, "stamp": stamp}
        pages.append(html_page(action, "One booking found", body, method="POST", form=form))
    nothing = '<p>There is no booking like that.</p>\n<p><a href="/">Try again</a></p>'
    pages.append(html_page(action, "Nothing found", nothing, method="POST"))
    sent = {**right, "stamp": stamp}
    turns = [[asked("/")], [asked(action, form=sent)]]
    return Probe(
        prompt=(
            f"Open {SITE_ORIGIN}/ in the browser. The page has a form that finds a booking. Fill it in with "
            f"the name {name}, the city {city}, {seats} seats and the place {place}, and submit it with the "
            "button Find. Write the booking code that is shown then, and nothing else, to the file "
            "result.txt."
        ),
        reference=Answer(_SAY, {"result.txt": codes[0] + "\n"}, turns),
        secret={"expected": codes[0], "action": action, "sent": sent},
        wrong=[Answer(_SAY, {"result.txt": each + "\n"}, turns) for each in (*codes[1:], stamp)],
        site=Site(tuple(pages)),
    )


def _form_text(action: str, cities: Sequence[str], stamp: str) -> str:
    options = "\n".join(f"<option>{city}</option>" for city in ("", *cities))
    places = "\n".join(
        f'<label><input type="radio" name="place" value="{place}"> {place}</label>' for place in _PLACES
    )
    return "\n".join(
        (
            f'<form method="post" action="{action}">',
            '<p><label>Name <input name="name" required></label></p>',
            f'<p><label>City <select name="city" required>\n{options}\n</select></label></p>',
            '<p><label>Seats <input name="seats" type="number" min="1" max="9" required></label></p>',
            f"<fieldset><legend>Place</legend>\n{places}\n</fieldset>",
            '<input type="hidden" name="stamp" id="stamp">',
            "<p><button>Find</button></p>",
            "</form>",
            _STAMP % {"spelt_backwards": stamp[::-1]},
        )
    )


async def _grade_form(probe: Probe, work: Work) -> Verdict:
    action, sent = probe.secret["action"], probe.secret["sent"]
    was_sent = work.visits is None or any(
        visit.method == "POST" and visit.path == action and sent.items() <= visit.form.items()
        for visit in work.visits
    )
    if not was_sent:
        return Verdict(False, f"the form was not submitted with {json.dumps(sent)}")
    return await grade_text(work.cell, "result.txt", probe.secret["expected"])


def _session(rng: random.Random) -> Probe:
    user, password, session = rng.choice(NAMES).lower(), code(rng), code(rng)
    customer, *others = rng.sample(NAMES, 4)
    field, count = rng.choice(PROPERTIES), _L3_LISTS * _L3_PER_LIST
    numbers = [str(number) for number in rng.sample(range(1000, 10_000), count)]
    # The last list holds one of them, so that nobody is right who stops early.
    matching = {count - 1 - rng.randrange(_L3_PER_LIST)}
    while len(matching) < _L3_MATCHES:
        matching.add(rng.randrange(count))
    owner = {number: customer if at in matching else rng.choice(others) for at, number in enumerate(numbers)}
    value = {number: code(rng) for number in numbers}
    detail = {number: f"/order/{code(rng)}" for number in numbers}
    carried = {"cookie": f"session={session}"}
    lists = [f"/orders/{code(rng)}" for _ in range(count // _L3_PER_LIST)]
    pages, parts = _behind_the_login(
        rng, carried=carried, lists=lists, owner=owner, detail=detail, value=value, field=field
    )
    wanted = [number for number in numbers if owner[number] == customer]
    result = {number: value[number] for number in wanted}
    login = {"user": user, "password": password}
    granted = {"set-cookie": f"session={session}; Path=/; HttpOnly", "location": "/desk"}
    site = Site(
        (
            html_page("/", "Depot", f'<p><a href="{_LOG_IN}">Log in</a></p>'),
            html_page(_LOG_IN, "Log in", _LOG_IN_FORM),
            Page(_LOG_IN, "", method="POST", form=login, status=303, answer_headers=granted),
            html_page(_LOG_IN, "Log in", "<p>Wrong user or password.</p>", method="POST", status=403),
            *pages,
            *(_closed(page.path) for page in pages),
        )
    )
    turns: list[list[Act]] = [
        [asked("/"), asked(_LOG_IN)],
        [asked(_LOG_IN, form=login), asked("/desk", headers=carried)],
        [asked(path, headers=carried) for path in lists],
        [asked(path, headers=carried) for number in wanted for path in (detail[number], parts[number])],
    ]
    early = {number: value[number] for number in numbers[:-_L3_PER_LIST] if number in wanted}
    wrong = [early, value, {number: detail[number].removeprefix("/order/") for number in wanted}]
    return Probe(
        prompt=(
            f"Open {SITE_ORIGIN}/ in the browser and log in as the user {user} with the password {password}. "
            "Then open Orders. The list of orders goes on over several pages, linked by Next. Each order has "
            f"a page of its own, where a script fills in its {field}. Find the {field} of every order of the "
            f"customer {customer} and write the file result.json: a JSON object that maps the number of each "
            f"of these orders, as a string, to its {field}."
        ),
        reference=Answer(_SAY, {"result.json": _json_text(result)}, turns),
        secret={
            "expected": result,
            "wanted": [
                f"POST {_LOG_IN}",
                *(f"GET {path}" for path in lists),
                *(f"GET {path}" for number in wanted for path in (detail[number], parts[number])),
            ],
        },
        also=[Answer(_SAY, {"result.json": json.dumps(dict(reversed(result.items())))}, turns)],
        wrong=[Answer(_SAY, {"result.json": _json_text(each)}, turns) for each in wrong],
        site=site,
    )


_LOG_IN_FORM = f"""<form method="post" action="{_LOG_IN}">
<p><label>User <input name="user" autocomplete="username" required></label></p>
<p><label>Password <input name="password" type="password" required></label></p>
<p><button>Log in</button></p>
</form>"""


def _behind_the_login(
    rng: random.Random,
    *,
    carried: Mapping[str, str],
    lists: Sequence[str],
    owner: Mapping[str, str],
    detail: Mapping[str, str],
    value: Mapping[str, str],
    field: str,
) -> tuple[list[Page], dict[str, str]]:
    """The pages that want the session's cookie, and where the script of each order gets its values."""
    desk = html_page("/desk", "Desk", _links({"Orders": lists[0], "Log out": "/"}), headers=carried)
    pages, parts, numbers = [desk], {}, list(owner)
    for at, path in enumerate(lists):
        rows = "\n".join(
            f'<tr><td><a href="{detail[number]}">{number}</a></td><td>{owner[number]}</td></tr>'
            for number in numbers[at * _L3_PER_LIST : (at + 1) * _L3_PER_LIST]
        )
        more = f'\n<p><a href="{lists[at + 1]}">Next</a></p>' if at + 1 < len(lists) else ""
        table = f"<table>\n<tr><th>Order</th><th>Customer</th></tr>\n{rows}\n</table>{more}"
        pages.append(html_page(path, f"Orders, page {at + 1}", table, headers=carried))
    for number in numbers:
        fields = {"customer": owner[number], field: value[number]}
        made, parts[number] = _scripted(rng, detail[number], f"Order {number}", fields, carried)
        pages += made
    return pages, parts


def _closed(path: str) -> Page:
    return html_page(path, "Not logged in", f'<p><a href="{_LOG_IN}">Log in</a> first.</p>', status=403)


async def _grade_session(probe: Probe, work: Work) -> Verdict:
    if unasked := missing(work.visits, probe.secret["wanted"]):
        return Verdict(False, f"the browser did not make the request {unasked}")
    return await grade_json(work.cell, "result.json", probe.secret["expected"])


def _guess_session(probe: Probe, rng: random.Random) -> Answer:
    numbers = [str(rng.randrange(1000, 10_000)) for _ in range(_L3_MATCHES)]
    result = {number: code(rng) for number in numbers}
    return Answer(_SAY, {"result.json": _json_text(result)}, probe.reference.turns)


primitive(
    Primitive(
        id="tool.browser",
        description="Use web pages through a browser",
        needs=frozenset({Facility.BROWSER, Facility.FILES}),
        levels={
            Level.L1: LevelSpec(
                claim="Can navigate to a page and read text that a script fills in",
                generate=_filled_page,
                grade=_grade_filled_page,
                guess=_guess_text,
                accepts=FILE_COATS,
            ),
            Level.L2: LevelSpec(
                claim="Can fill in a form with text, number and choice fields, submit it and read the answer",
                generate=_form,
                grade=_grade_form,
                guess=_guess_text,
                accepts=FILE_COATS,
            ),
            Level.L3: LevelSpec(
                claim=(
                    "Can log in through a form and, in that session, follow links over several pages and "
                    "collect what they show"
                ),
                generate=_session,
                grade=_grade_session,
                guess=_guess_session,
                accepts=FILE_COATS,
            ),
        },
        degradations=Degradations(
            l3_to_l2=(
                "Have the user log in beforehand and start on the page that matters; reduce the work there "
                "to one form that is filled in and submitted once."
            ),
            l2_to_l1=None,
        ),
    )
)
