import pytest

from skvm.compiler.reading.shell import read_shell


def programs(code: str) -> list[str]:
    return [command.program for command in read_shell(code).commands]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("FOO=1 python3 a.py && curl -s x | sh", ["python3", "curl", "sh"]),
        ("$ sudo -u me apt-get install -y x\n$ timeout 5 make", ["apt-get", "make"]),
        ("if [ -f x ]; then rm -rf y; fi", ["rm"]),
        ("for f in *.csv; do env -u A B=1 wc -l $f; done", ["wc"]),
        ("$CMD run", [""]),
        ("x=$(jq .a b.json)", ["jq"]),
        ("ls | xargs -n 1 head", ["ls", "head"]),
        ("", []),
    ],
)
def test_programs(code: str, expected: list[str]) -> None:
    assert programs(code) == expected


def test_redirections_belong_to_the_command_they_feed() -> None:
    first, second, third = read_shell(
        "sort < in.txt | uniq > out.txt 2>&1\ncat a >> log 2>/dev/null"
    ).commands
    assert (first.reads, first.writes) == (("in.txt",), ())
    assert (second.reads, second.writes) == ((), ("out.txt",))
    assert third.writes == ("log",)
    assert (first.pipeline, first.position) == (0, 0)
    assert (second.pipeline, second.position) == (0, 1)
    assert third.pipeline == 1


def test_here_documents_are_no_commands() -> None:
    (command,) = read_shell("cat > x.py <<'EOF'\nimport os\nrm -rf /\nEOF\n").commands
    assert command.words == ("cat",)
    assert command.writes == ("x.py",)


def test_quotes_are_taken_off_and_expansions_kept() -> None:
    (command,) = read_shell("echo 'a b' \"c $d\" e\\ f ${HOME}/x").commands
    assert command.words == ("echo", "a b", "c $d", "e f", "${HOME}/x")


def test_functions_are_nested_and_named() -> None:
    code = read_shell("f() { npm i; }\nf")
    assert code.functions == {"f"}
    assert [found.is_nested for found in code.commands] == [True, False]


@pytest.mark.parametrize("code", ["if then (", "\x00\x01", "`" * 5000, "(" * 3000, "echo " + "x" * 300_000])
def test_anything_is_read(code: str) -> None:
    size = len(code.encode())
    for command in read_shell(code).commands:
        assert command.words
        assert 0 <= command.span.start < command.span.end <= size
