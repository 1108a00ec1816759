"""Secrets cut off, encoded, or dealt to the events of a stream."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skvm.evidence.redact import REDACTED, Redactor, keys_of_url, without_keys
from skvm.evidence.redact_stream import is_event_stream
from skvm.settings import Route, load_settings

KEY = "sk-ant-api03-Qx7dVb2LmN9pRt4WzKc8YhJf5GsUa3Ee"
PASSWORD = "correct-horse-battery-staple-91"


@pytest.mark.parametrize("secret", [KEY, PASSWORD])
@pytest.mark.parametrize("offset", range(4))
def test_base64_is_found_whatever_stands_before_it(secret, offset):
    data = b"x" * offset + secret.encode() + b" and more"
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(data).decode()
        redacted = Redactor([secret]).text(f"<{encoded}>")
        assert redacted.count(REDACTED) == 1
        assert len(redacted) < len(REDACTED) + offset * 2 + 20


@given(st.integers(26, len(KEY)), st.integers(0, len(KEY) - 12))
def test_what_a_cut_leaves_of_a_secret_is_replaced(head, tail):
    shown = f"a {KEY[:head]}\n[… 90 characters left out …]\n{KEY[tail:]} b"
    assert Redactor([KEY]).text(shown) == f"a {REDACTED}\n[… 90 characters left out …]\n{REDACTED} b"


def test_what_all_keys_of_a_kind_begin_with_stays():
    line = "keys look like sk-ant-api03-… or sk-or-v1-…"
    assert Redactor([KEY, "sk-or-v1-" + "0123456789abcdef" * 4]).text(line) == line


def test_secrets_that_begin_alike_are_both_replaced_whole():
    one, two = "team-credential-A-11111111111111", "team-credential-A-22222222222222"
    assert Redactor([one, two]).text(f"{two} {one}") == f"{REDACTED} {REDACTED}"


def test_half_a_private_key_is_replaced():
    body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n" * 3
    begin, end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    for text in (f"{begin}\n{body}[… cut …]", f"[… cut …]\n{body}{end} bye", json.dumps(f"{begin}\n{body}")):
        assert "MIIE" not in Redactor().text(text)
    assert Redactor().text(f"the line {end} ends it") == f"the line {REDACTED} ends it"


def test_letters_spelt_by_number_are_read():
    spelt = "".join(f"\\u{ord(letter):04x}" for letter in KEY)
    assert json.loads(Redactor([KEY]).text(f'{{"k":"{spelt}\\u0022"}}')) == {"k": f'{REDACTED}"'}
    plain = json.dumps({"k": "\\u0041 é \x1f"})
    assert Redactor([KEY]).text(plain) == plain


def stream(pieces, build):
    return "".join(f"data: {json.dumps(build(piece))}\n\n" for piece in pieces) + "data: [DONE]\n\n"


def chat(piece):
    return {"id": "c", "choices": [{"index": 0, "delta": {"content": piece}}]}


def arguments(piece):
    return {"choices": [{"delta": {"tool_calls": [{"index": 1, "function": {"arguments": piece}}]}}]}


def messages(piece):
    return {"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": piece}}


@pytest.mark.parametrize("build", [chat, arguments, messages])
@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_a_secret_dealt_to_the_events_of_a_stream_is_replaced(build, size):
    said = f"the key is {KEY}, keep it"
    pieces = [said[at : at + size] for at in range(0, len(said), size)]
    body = stream(pieces, build)
    redacted = Redactor([KEY]).data(body.encode()).decode()
    events = [json.loads(line[5:]) for line in redacted.splitlines() if line.startswith("data: {")]
    assert len(events) == len(pieces)

    def said_in(event):
        return said_of(event, build("MARK"))

    assert "".join(map(said_in, events)) == f"the key is {REDACTED}, keep it"


def said_of(event, shape):
    if shape == "MARK":
        return event
    inner = shape.items() if isinstance(shape, dict) else enumerate(shape) if isinstance(shape, list) else ()
    return next((said for key, each in inner if (said := said_of(event[key], each)) is not None), None)


def test_interleaved_answers_are_read_apart():
    def event(index, piece):
        return {"choices": [{"index": index, "delta": {"content": piece}}]}

    pieces = [KEY[at : at + 5] for at in range(0, len(KEY), 5)]
    body = "".join(f"data: {json.dumps(event(index, piece))}\r\n\r\n" for piece in pieces for index in (0, 1))
    redacted = Redactor([KEY]).data(body.encode()).decode()
    assert redacted.count(REDACTED) == 2
    assert KEY[20:25] not in redacted
    assert redacted.count("\r\n") == body.count("\r\n")


@given(st.lists(st.text(max_size=8), max_size=8))
def test_a_stream_without_a_secret_stays_byte_for_byte(pieces):
    body = stream(pieces, chat).encode()
    assert Redactor([KEY]).data(body) == body


@given(st.text(max_size=60), st.binary(max_size=60))
def test_redacting_twice_changes_nothing_more(text, data):
    redactor = Redactor([KEY, PASSWORD])
    for value in (text + KEY + text, KEY[:30] + text):
        assert redactor.text(redactor.text(value)) == redactor.text(value)
    once = redactor.data(data + KEY.encode() + data)
    assert redactor.data(once) == once
    assert KEY.encode() not in once


def test_streams_are_told_from_other_texts():
    assert is_event_stream(": ping\n\nevent: x\ndata: {}\n\n")
    assert is_event_stream("\ufeffdata: {}")
    assert not is_event_stream('{"data": 1}')
    assert not is_event_stream("some data: here")


def test_addresses_give_their_keys_and_are_shown_without_them(tmp_path):
    url = "https://user:p%40ss-word-77@host:8/v1?key=query-key-0001&v=1"
    assert set(keys_of_url(url)) == {"p%40ss-word-77", "p@ss-word-77", "query-key-0001"}
    assert keys_of_url("https://only-a-user-9@host/") == ("only-a-user-9",)
    assert without_keys(url) == "https://host:8/v1"
    assert without_keys("http://[bad:u:p@x/y") == "http://x/y"
    assert keys_of_url("http://[bad") == ()
    settings = load_settings(cache_dir=str(tmp_path), env={})
    held = {name: getattr(settings, name) for name in settings.__slots__}
    settings = type(settings)(**held | {"routes": (Route("x/*", "anthropic", base_url=url),)})
    redactor = Redactor.of(settings, {"HTTPS_PROXY": "http://me:proxy-secret-1@p:3128"})
    text = redactor.text(f"{url} {quote('p@ss-word-77')} proxy-secret-1")
    assert "word-77" not in text
    assert "key-0001" not in text
    assert "secret-1" not in text


def test_a_variable_that_is_no_text_does_not_stop_anybody():
    secret = b"\xff\xfe-secret-value".decode("utf-8", "surrogateescape")
    assert Redactor([secret]).data(b"a " + b"\xff\xfe-secret-value" + b" b") == f"a {REDACTED} b".encode()


@pytest.mark.parametrize("name", ["PGPASSWORD", "SSHPASS", "SMTP_PASS", "MYSQL_PWD", "DB_PASSWORD_2"])
def test_a_password_is_known_by_the_name_of_its_variable(tmp_path, name):
    settings = load_settings(cache_dir=str(tmp_path), env={})
    redactor = Redactor.of(settings, {name: PASSWORD, "PWD": "/workspace", "OLDPWD": "/workspaces"})
    assert (
        redactor.text(f"{PASSWORD} in /workspace and /workspaces")
        == f"{REDACTED} in /workspace and /workspaces"
    )


def test_where_a_key_lies_and_who_asks_a_database_is_no_secret(tmp_path):
    env = {
        "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "gcp.json"),
        "DATABASE_URL": "postgres://ordinary-user@localhost/db",
        "DB_PASSWORD": "password",
        "A_KEY": "/no-such-folder/and-so-a-key+==",
        "LONG_KEY": "/" + "k" * 300 + "/" + "v" * 300,
    }
    redactor = Redactor.of(load_settings(cache_dir=str(tmp_path), env={}), env)
    text = f"{tmp_path}/tasks/t asks as ordinary-user with a password"
    assert redactor.text(text) == text
    assert [redactor.text(env[name]) for name in ("A_KEY", "LONG_KEY")] == [REDACTED] * 2
