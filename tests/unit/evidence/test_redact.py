import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from skvm.evidence.redact import PLACEHOLDERS, REDACTED, Redactor
from skvm.settings import Route, load_settings

SECRET = 'pa"ss/wörd\\n-0123456789'


@pytest.mark.parametrize(
    "shape",
    [
        "sk-ant-api03-" + "a1" * 20,
        "sk-or-v1-" + "0f" * 32,
        "sk-" + "A" * 48,
        "AKIA" + "B" * 16,
        "ghp_" + "c" * 36,
        "xoxb-1234567890-abcdefghij",
        "AIza" + "d" * 35,
        "hf_" + "e" * 34,
        "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2QT4",
    ],
)
def test_key_shapes_are_replaced_wherever_they_stand(shape):
    redactor = Redactor()
    assert redactor.text(f"export KEY={shape}; next") == f"export KEY={REDACTED}; next"
    assert redactor.data(f'{{"k":"{shape}"}}'.encode()) == f'{{"k":"{REDACTED}"}}'.encode()
    for before in ("line\n", "\t", "\x1b[31m", "\x1b", "\0", "é", "😀"):
        for text in (before + shape, json.dumps(before + shape), json.dumps(json.dumps(before + shape))):
            assert shape not in redactor.text(text)


def test_private_key_blocks_are_replaced_plain_and_escaped():
    block = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----"
    assert Redactor().text(f"a {block} b") == f"a {REDACTED} b"
    assert Redactor().text(json.dumps({"k": block})) == json.dumps({"k": REDACTED})
    halves = json.dumps({"a": block[:40], "b": block[40:]})
    assert Redactor().text(halves) == json.dumps({"a": REDACTED, "b": REDACTED}), "JSON stays JSON"


@pytest.mark.parametrize("text", ["task-management", "sk-learn is a library", "the token count", "AKIA"])
def test_ordinary_words_stay(text):
    line = f"{text} short lm-studio/qwen"
    assert Redactor(["short", "", "lm-studio"]).text(line) == line


def test_known_secrets_are_replaced_in_every_spelling():
    redactor = Redactor([SECRET])
    spelled = [
        SECRET,
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps(json.dumps({"inner": SECRET})),
        "https://x/?key=pa%22ss%2Fw%C3%B6rd%5Cn-0123456789",
    ]
    for text in spelled:
        assert "0123456789" not in redactor.text(text)
    assert b"0123456789" not in redactor.data(b"\xff\x00" + SECRET.encode() + b"\xfe")


def test_json_values_are_redacted_keys_too():
    redactor = Redactor(["topsecretvalue"])
    value = {"topsecretvalue": [1, None, True, ("a topsecretvalue b",)]}
    assert redactor.json(value) == {REDACTED: [1, None, True, [f"a {REDACTED} b"]]}


def test_credentials_of_routes_and_environment_are_known(tmp_path):
    env = {"OPENROUTER_API_KEY": "or-credential-1", "MY_TOKEN": "env-credential-2", "PATH": "/usr/bin:/bin"}
    routes = (Route("x/*", "anthropic", api_key="file-credential-3"),)
    settings = load_settings(cache_dir=str(tmp_path), env={})
    settings = type(settings)(**{**{n: getattr(settings, n) for n in settings.__slots__}, "routes": routes})
    redactor = Redactor.of(settings, env)
    text = "or-credential-1 env-credential-2 file-credential-3 /usr/bin:/bin"
    assert redactor.text(text) == f"{REDACTED} {REDACTED} {REDACTED} /usr/bin:/bin"


@given(st.binary(max_size=200))
def test_bytes_without_a_secret_come_back_as_they_were(data):
    assert Redactor(["a secret with spaces"]).data(data) == data


@given(st.text(max_size=40), st.text(min_size=8, max_size=20), st.text(max_size=40))
def test_no_known_secret_survives(before, secret, after):
    assume(secret.lower() not in PLACEHOLDERS)
    redacted = Redactor([secret]).text(before + secret + after)
    assert all(secret not in piece for piece in redacted.split(REDACTED))
