"""Whatever is changed about a certificate or a skill, ``skvm verify`` notices."""

from __future__ import annotations

import base64
import copy
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skvm.certify.checking import Checked, check_certificate
from skvm.certify.keys import load_key, make_key, sign, trusted_in
from skvm.certify.sealing import certificate_bytes, read_certificate
from tests.unit.certify.place import Place, make_place

ORDER = 2**252 + 27742317777372353535851937790883648493
"""Order of the group that signatures of Ed25519 are made in."""


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, frozenset[str]]]:
    with pytest.MonkeyPatch.context() as patch:
        place = make_place(tmp_path_factory.mktemp("issued"), patch)
        place.bench(count=2)
        assert place.certify() == 0
        yield place, trusted_in(str(place.public))


def codes(place: Place, trusted: frozenset[str], data: bytes | None = None) -> list[str]:
    """Codes of the findings, the certificate's bytes replaced for once."""
    return [each.code for each in _checked(place, trusted, data).findings]


def _checked(place: Place, trusted: frozenset[str], data: bytes | None = None) -> Checked:
    path = place.file
    if data is not None:
        path = place.file.with_name("writer.certificate.json.try")
        path.write_bytes(data)
    return check_certificate(path, skill=place.skill, trusted=trusted, is_any_key_good=False, is_alone=False)


def test_untouched_it_holds(issued: tuple[Place, frozenset[str]]) -> None:
    place, trusted = issued
    assert codes(place, trusted) == []
    assert codes(place, trusted, place.file.read_bytes()) == []


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_byte(issued: tuple[Place, frozenset[str]], data: st.DataObject) -> None:
    place, trusted = issued
    good = place.file.read_bytes()
    at = data.draw(st.integers(0, len(good)))
    kind = data.draw(st.sampled_from(("change", "insert", "remove", "cut", "append")))
    byte = bytes([data.draw(st.integers(0, 255))])
    bad = {
        "change": good[:at] + byte + good[at + 1 :],
        "insert": good[:at] + byte + good[at:],
        "remove": good[:at] + good[at + 1 :],
        "cut": good[:at],
        "append": good + byte,
    }[kind]
    assert (codes(place, trusted, bad) != []) is (bad != good)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from _places(value[key], (*path, key))
    yield path


@given(st.data())
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_field_written_in_the_right_form(
    issued: tuple[Place, frozenset[str]], data: st.DataObject
) -> None:
    """A forger who knows the form: every value is changed or taken out, the bytes are canonical again."""
    place, trusted = issued
    value = place.value()
    path = data.draw(st.sampled_from([path for path in _places(value) if path]))
    holder = value
    for key in path[:-1]:
        holder = holder[key]
    old = copy.deepcopy(holder[path[-1]])
    if data.draw(st.booleans()):
        del holder[path[-1]]
    else:
        holder[path[-1]] = data.draw(
            st.one_of(
                st.none(),
                st.booleans(),
                st.integers(-3, 3),
                st.sampled_from((0.5, "", "x", "sha256:" + "0" * 64, [], {})),
            )
        )
        if holder[path[-1]] == old and type(holder[path[-1]]) is type(old):
            return
    bad = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"
    assert codes(place, trusted, bad) != []


def _forged(place: Place, change: Callable[[dict[str, Any]], None]) -> bytes:
    value = place.value()
    change(value)
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"


def test_a_signature_taken_off_or_given_another_key(
    issued: tuple[Place, frozenset[str]], tmp_path: Path
) -> None:
    place, trusted = issued
    assert codes(place, trusted, _forged(place, lambda value: value.update(signature=None))) == ["SKV903"]
    assert codes(place, trusted, _forged(place, lambda value: value.pop("signature"))) == ["SKV901"]
    # Signed anew by a stranger: everything agrees but whose it is.
    make_key(tmp_path / "mallory.pem")
    certificate, _ = read_certificate(place.file.read_bytes())
    forged = certificate.statement.model_copy(update={"limits": ("none at all",)})
    signature = sign(forged, load_key(tmp_path / "mallory.pem"))
    assert codes(place, trusted, certificate_bytes(forged, signature)) == ["SKV905"]
    assert codes(place, frozenset(), place.file.read_bytes()) == ["SKV905"]
    # The stranger's key under the fingerprint that is trusted.
    (own,) = trusted
    claimed = signature.model_copy(update={"fingerprint": own})
    assert codes(place, trusted, certificate_bytes(forged, claimed)) == ["SKV904"]
    # The trusted key beside the stranger's signature.
    assert certificate.signature is not None
    mixed = certificate.signature.model_copy(update={"value": signature.value})
    assert codes(place, trusted, certificate_bytes(forged, mixed)) == ["SKV904"]


def test_another_spelling_of_the_same_signature(issued: tuple[Place, frozenset[str]]) -> None:
    place, trusted = issued

    def with_order_added(value: dict[str, Any]) -> None:
        raw = base64.b64decode(value["signature"]["value"])
        scalar = int.from_bytes(raw[32:], "little") + ORDER
        raw = raw[:32] + scalar.to_bytes(32, "little")
        value["signature"]["value"] = base64.b64encode(raw).decode()

    def with_spare_bits(value: dict[str, Any]) -> None:
        text = value["signature"]["value"]
        assert text.endswith("==")
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        value["signature"]["value"] = text[:-3] + alphabet[alphabet.index(text[-3]) ^ 1] + "=="

    for change in (with_order_added, with_spare_bits):
        assert codes(place, trusted, _forged(place, change)) == ["SKV904"]


def test_what_readers_take_differently_is_no_certificate(issued: tuple[Place, frozenset[str]]) -> None:
    place, trusted = issued
    good = place.file.read_text()
    number = re.search(r"0\.\d+", good)[0]
    for bad in (
        good.replace('"kind": ', '"kind": "other",\n "kind": ', 1),  # a key twice
        good.replace('"schema": 1', '"schema": 1.0'),
        good.replace('"schema": 1', '"schema": 2'),
        good.replace('"schema": 1', '"schema": true'),
        good.replace('"id": "writer"', '"id": "wri\\ud800ter"'),
        good.replace(number, "NaN", 1),
        good.replace(number, f"{number}0000000000000001", 1),
        good.replace(number, f"{number}e0", 1),
        good.replace('"signature": {', '"signature": {"more": 1, '),
        "\ufeff" + good,
        "[" * 100_000,
        '{"a": "' + "[" * 100 + '"}',
        '{"kind": "skvm.certificate", "schema": ' + "9" * 50_000 + "}",
        "null",
        "",
    ):
        assert bad != good
        assert codes(place, trusted, bad.encode()) != [], bad[:200]
    for kept in (good.replace("\n", "\r\n"), good.replace("\n ", "\n\t "), json.dumps(json.loads(good))):
        assert "SKV902" in codes(place, trusted, kept.encode())


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _swap_for_link(skill: Path) -> None:
    # The same bytes behind a link: they may change without the folder changing.
    script = skill / "scripts" / "fetch.sh"
    script.rename(skill.parent / "elsewhere.sh")
    script.symlink_to(skill.parent / "elsewhere.sh")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda skill: (skill / "SKILL.md").write_text("x"), "SKILL.md: was changed"),
        (lambda skill: (skill / "SKILL.md").unlink(), "SKILL.md: is missing"),
        (lambda skill: _write(skill / "scripts/new.sh", ""), "scripts/new.sh: was added"),
        (lambda skill: _write(skill / "scripts/.hidden", ""), "scripts/.hidden: was added"),
        (lambda skill: (skill / "more").symlink_to("/etc/passwd"), "more: was added, as a link"),
        (lambda skill: (skill / "docs").symlink_to(skill / "scripts"), "docs: was added, as a link"),
        (_swap_for_link, "scripts/fetch.sh: is a link now and was a file"),
        (lambda skill: (skill / "scripts/fetch.sh").chmod(0o644), "may not be executed any more"),
        (lambda skill: (skill / "SKILL.md").chmod(0o755), "SKILL.md: may be executed now"),
        (lambda skill: (skill / "scripts/fetch.sh").rename(skill / "fetch.sh"), "fetch.sh: was added"),
        (lambda skill: os.mkfifo(skill / "pipe"), "is neither a file, a folder nor a link"),
        (lambda skill: _write(skill / "SKILL.MD", "x"), "SKILL.MD: was added"),
    ],
)
def test_the_skill(
    place: Place, change: Callable[[Path], None], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.certify() == 0
    assert place.verify() == 0
    capsys.readouterr()
    change(place.skill)
    assert place.verify(f"--skill={place.skill}") == 1
    told = capsys.readouterr()
    assert said in told.err
    assert "SKV906" in told.err


@given(
    at=st.integers(0, 10_000), bit=st.integers(0, 7), which=st.sampled_from(("SKILL.md", "scripts/fetch.sh"))
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_any_bit_of_a_file(issued: tuple[Place, frozenset[str]], at: int, bit: int, which: str) -> None:
    place, trusted = issued
    path = place.skill / which
    good = path.read_bytes()
    at %= len(good)
    try:
        path.write_bytes(good[:at] + bytes([good[at] ^ (1 << bit)]) + good[at + 1 :])
        assert codes(place, trusted) == ["SKV906"]
    finally:
        path.write_bytes(good)
    assert codes(place, trusted) == []
