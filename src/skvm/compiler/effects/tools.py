"""What well-known programs read and write, by their arguments; a program not named here is unknown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from skvm.compiler.effects.model import ANYTHING, ENVIRONMENT, REPOSITORY, Effects
from skvm.compiler.effects.programs import (
    FIRST_IS_PROGRAM,
    GH_READS,
    GIT_HISTORY,
    GIT_READS,
    GIT_REMOTE,
    INSTALLERS,
    INSTALLING,
    LAST_IS_OUTPUT,
    OUTPUT_OPTIONS,
    QUESTIONS,
    READERS,
    SILENT,
    VALUE_OPTIONS,
)
from skvm.compiler.effects.resources import hosts_in, is_path, path_name

__all__ = ["Call", "tool_effects"]


@dataclass(frozen=True, slots=True)
class Call:
    """A command line taken apart.

    Args:
        program: Its name without directories.
        arguments: The words after it.
        options: Options in order, each with the value that follows it (``""`` for none or another option).
        positional: Words that are no options; values of unknown options are among them.
    """

    program: str
    arguments: tuple[str, ...]
    options: tuple[tuple[str, str], ...]
    positional: tuple[str, ...]

    @classmethod
    def of(cls, words: Sequence[str]) -> Call:
        """Take a command line apart."""
        options: list[tuple[str, str]] = []
        positional: list[str] = []
        arguments = tuple(words[1:])
        for index, word in enumerate(arguments):
            if word.startswith("-") and len(word) > 1:
                name, has_value, value = word.partition("=")
                following = arguments[index + 1] if index + 1 < len(arguments) else ""
                options.append((name, value if has_value else "" if following.startswith("-") else following))
            else:
                positional.append(word)
        return cls(words[0].rsplit("/", 1)[-1], arguments, tuple(options), tuple(positional))

    def values(self, *names: str) -> list[str]:
        """The values of options."""
        return [value for name, value in self.options if name in names and value]

    def has(self, *names: str) -> bool:
        """Whether one of some options is given."""
        return any(name in names for name, _ in self.options)

    def without(self, *names: str) -> list[str]:
        """The positional words that are not the value of one of some options."""
        taken = self.values(*names)
        kept: list[str] = []
        for word in self.positional:
            if word in taken:
                taken.remove(word)
            else:
                kept.append(word)
        return kept


def tool_effects(words: Sequence[str]) -> Effects | None:  # noqa: PLR0911 - one return a kind of program
    """What a command of a well-known program touches; ``None`` where the program is not known.

    Args:
        words: The command's words, the program first.
    """
    call = Call.of(words)
    if not call.program:
        return None
    if call.arguments and set(call.arguments) <= QUESTIONS:
        return _made(call, reads=[ENVIRONMENT])
    if call.program in SILENT:
        return _made(call, calls=False)
    if call.program in {"cd", "pushd", "popd", "source", ".", "eval", "exec"}:
        return Effects(is_open=True)
    if call.program in {"export", "alias"}:
        return _made(call, writes=[ENVIRONMENT], calls=False)
    if call.program in INSTALLERS and set(call.positional[:2]) & INSTALLING:
        return _install(call)
    rule = _RULES.get(call.program)
    if rule is not None:
        return rule(call)
    if call.program in READERS:
        return _reader(call)
    if call.program in LAST_IS_OUTPUT:
        return _last_is_output(call)
    return None


def _made(
    call: Call,
    *,
    reads: Sequence[str] = (),
    writes: Sequence[str] = (),
    hosts: Sequence[str] = (),
    calls: bool = True,
    is_open: bool = False,
) -> Effects:
    seen = {*reads, *([ENVIRONMENT] if calls else [])}
    return Effects(
        tuple(sorted(seen)),
        tuple(sorted(set(writes))),
        (call.program,) if calls else (),
        tuple(sorted(set(hosts))),
        is_open,
    )


def _reader(call: Call) -> Effects:
    if call.program == "sed" and any(
        name.startswith("-i") or name == "--in-place" for name, _ in call.options
    ):
        files = [path_name(word) for word in call.positional[1:]] or [ANYTHING]
        return _made(call, reads=files, writes=files)
    if call.program in {"find", "fd"} and call.has("-exec", "-delete", "-execdir", "-ok", "-x", "-X"):
        return Effects((ENVIRONMENT,), (), (call.program,), (), is_open=True)
    if call.program == "sort" and call.values("-o"):
        return _made(call, reads=[path_name(word) for word in call.positional], writes=_outputs(call))
    files = call.without(*VALUE_OPTIONS)
    if call.program in FIRST_IS_PROGRAM and not call.has("-e", "-f", "--regexp"):
        files = files[1:] if len(files) == len(call.positional) else files
    if call.program in {"ls", "tree", "du", "find", "fd", "rg", "ag"} and not files:
        files = [ANYTHING]
    if call.program in {"grep", "ls", "tree", "du", "find"}:
        files = [
            f"{word.rstrip('/')}/*" if not is_path(word) or word.endswith("/") else word for word in files
        ]
    return _made(call, reads=[path_name(word) for word in files])


def _outputs(call: Call) -> list[str]:
    return [path_name(value) for value in call.values(*OUTPUT_OPTIONS)]


def _last_is_output(call: Call) -> Effects:
    words = [word for word in call.positional if word != "--"]
    outputs = _outputs(call)
    if call.program == "ffmpeg":
        inputs = call.values("-i")
        return _made(
            call, reads=[path_name(word) for word in inputs], writes=[path_name(words[-1])] if words else []
        )
    if not words:
        return Effects((ENVIRONMENT,), (), (call.program,), (), is_open=True)
    if outputs:
        return _made(call, reads=[path_name(word) for word in words], writes=outputs)
    sources, output = words[:-1], path_name(words[-1])
    reads = [path_name(word) for word in sources] or [output]
    written = [output] if sources else [ANYTHING]
    if call.program == "pdftoppm":
        written = [f"{output}*"]
    if call.program in {"cp", "mv", "install", "ln"} and (
        output.endswith("/") or "." not in output.rsplit("/", 1)[-1]
    ):
        written.append(output.rstrip("/") + "/*")
    return _made(call, reads=reads, writes=[*written, *(reads if call.program == "mv" else [])])


def _install(call: Call) -> Effects:
    host = INSTALLERS[call.program]
    writes = [ENVIRONMENT]
    reads = [path_name(value) for value in call.values("-r", "--requirement", "-c")]
    if call.program in {"npm", "pnpm", "yarn", "bun"} and not call.has("-g", "--global"):
        writes += ["package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "node_modules/"]
        reads.append("package.json")
    if call.program in {"uv", "cargo", "go"}:
        writes += ["pyproject.toml", "uv.lock", ".venv/", "Cargo.toml", "Cargo.lock", "go.mod", "go.sum"]
        reads.append(ANYTHING)
    return _made(call, reads=reads, writes=writes, hosts=[host])


def _writer(call: Call) -> Effects:
    files = [path_name(word) for word in _file_words(call)] or [ANYTHING]
    if call.program in {"chmod", "chown", "chgrp"}:
        files = files[1:] or [ANYTHING]
    adds = call.program == "tee" and call.has("-a", "--append", "-ai")
    return _made(call, reads=files if adds else (), writes=files)


def _file_words(call: Call) -> list[str]:
    """The words of a program that makes or removes files; ``tee -a x`` names one, ``mkdir -m 700 x`` too."""
    return list(call.positional) if call.program == "tee" else call.without("-m", "-s", "--mode")


def _curl(call: Call) -> Effects:
    urls = [word for word in call.arguments if "://" in word or word.startswith(("localhost", "127.0.0.1"))]
    hosts = [host for word in urls for host in hosts_in(word)] or ["*"]
    writes = [path_name(value) for value in call.values("-o", "--output", "-D", "-c", "--cookie-jar")]
    if call.has("-O", "-LO", "-sSLO", "-OL", "-fsSLO", "--remote-name", "-sO", "-sLO", "-fLO"):
        writes += [path_name(url.rstrip("/").rsplit("/", 1)[-1]) for url in urls] or [ANYTHING]
    reads = [
        path_name(value.lstrip("@"))
        for value in call.values("-d", "--data", "--data-binary", "-T", "-F")
        if "@" in value
    ]
    method = next(iter(call.values("-X", "--request")), "GET").upper()
    sends = method not in {"GET", "HEAD"} or (
        call.has(
            "-d", "--data", "--data-raw", "--data-binary", "-F", "-T", "--json", "--form", "--data-urlencode"
        )
        and not call.has("-G", "--get")
    )
    touched = [f"host:{host}" for host in hosts]
    return _made(call, reads=[*reads, *touched], writes=[*writes, *(touched if sends else [])], hosts=hosts)


def _wget(call: Call) -> Effects:
    urls = [word for word in call.positional if "://" in word]
    hosts = [host for word in urls for host in hosts_in(word)] or ["*"]
    outputs = [path_name(value) for value in call.values("-O", "--output-document", "-qO", "-P")]
    if call.has("-r", "-m", "--mirror", "-i"):
        outputs = [ANYTHING]
    writes = [name for name in outputs if name not in {"-", "./*"}] or [
        path_name(url.rstrip("/").rsplit("/", 1)[-1]) for url in urls
    ]
    return _made(
        call, reads=[f"host:{host}" for host in hosts], writes=[] if "-" in outputs else writes, hosts=hosts
    )


def _git(call: Call) -> Effects:
    verb = next(iter(call.without("-C", "-c")), "")
    if verb in GIT_READS and not call.has("-d", "-D", "-m", "--set-upstream", "--global", "-u"):
        if verb in {"branch", "remote", "config"} and len(call.positional) > 2:
            return _made(call, writes=[REPOSITORY], reads=[REPOSITORY])
        return _made(call, reads=[REPOSITORY, ANYTHING])
    if verb in GIT_HISTORY:
        return _made(call, reads=[REPOSITORY, ANYTHING], writes=[REPOSITORY])
    if verb in GIT_REMOTE:
        hosts = [host for word in call.arguments for host in hosts_in(word)] or ["*"]
        touched = [f"host:{host}" for host in hosts]
        writes = touched if verb == "push" else [REPOSITORY] if verb == "fetch" else []
        return _made(call, reads=[REPOSITORY, *touched], writes=writes, hosts=hosts)
    if verb == "clone":
        urls = [word for word in call.positional if "://" in word or word.startswith("git@")]
        hosts = [host for word in urls for host in hosts_in(word)] or ["*"]
        last = call.positional[-1] if call.positional else ""
        target = (
            last.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git") if "://" in last or "@" in last else last
        )
        return _made(
            call, reads=[f"host:{host}" for host in hosts], writes=[path_name(f"{target}/")], hosts=hosts
        )
    hosts = ["*"] if verb in {"pull", "submodule"} else []
    return _made(call, writes=[ANYTHING, REPOSITORY], hosts=hosts, is_open=True)


def _gh(call: Call) -> Effects:
    hosts = ["api.github.com", "github.com"]
    verbs = set(call.positional[:2])
    asks = "api" in verbs and not call.has("-X", "--method", "-f", "-F", "--field", "--raw-field", "--input")
    touched = ["host:github.com"]
    if asks or verbs & GH_READS or {"auth", "status"} <= verbs:
        return _made(call, reads=[*touched, REPOSITORY], hosts=hosts)
    return _made(call, reads=[*touched, REPOSITORY], writes=[*touched, ANYTHING], hosts=hosts)


def _archive(call: Call) -> Effects:
    words = list(call.positional)
    if call.program == "unzip":
        if call.has("-l", "-t", "-p", "-Z"):
            return _made(call, reads=[path_name(word) for word in words])
        targets = call.values("-d")
        return _made(
            call,
            reads=[path_name(words[0])] if words else [],
            writes=[f"{path_name(t)}/" for t in targets] or [ANYTHING],
        )
    if call.program == "zip":
        return _made(
            call,
            reads=[path_name(word) for word in words[1:]] or [ANYTHING],
            writes=[path_name(words[0])] if words else [ANYTHING],
        )
    mode = "".join(name for name, _ in call.options) + (words[0] if words else "")
    archives = [value for name, value in call.options if name.endswith("f")]
    files = [path_name(word) for word in words if word not in archives]
    if "c" in mode and "x" not in mode:
        return _made(
            call, reads=files or [ANYTHING], writes=[path_name(value) for value in archives] or [ANYTHING]
        )
    if "t" in mode and "x" not in mode:
        return _made(call, reads=[path_name(value) for value in archives])
    targets = call.values("-C", "--directory")
    return _made(
        call,
        reads=[path_name(value) for value in archives],
        writes=[f"{path_name(t)}/" for t in targets] or [ANYTHING],
    )


def _document(call: Call) -> Effects:
    """Programs that turn files into the file an option names, else into one beside them."""
    outputs = _outputs(call)
    inputs = [
        path_name(word)
        for word in call.without(*OUTPUT_OPTIONS, "-f", "-t", "--from", "--to", "--convert-to")
    ]
    if call.program == "tesseract":
        words = call.without("-l", "--psm", "--oem", "--dpi")
        inputs = [path_name(word) for word in words[:1]]
        outputs = (
            [] if words[1:2] == ["stdout"] else [f"{path_name(word)}*" for word in words[1:2]] or [ANYTHING]
        )
    elif not outputs and call.program != "pandoc":
        return Effects((ENVIRONMENT,), (), (call.program,), (), is_open=True)
    return _made(call, reads=inputs, writes=outputs)


def _sqlite(call: Call) -> Effects:
    files = [path_name(word) for word in call.positional[:1]]
    question = " ".join(call.positional[1:]).lstrip().lower()
    only_asks = question.startswith(("select", ".schema", ".tables", "explain"))
    return _made(call, reads=files, writes=[] if only_asks else files or [ANYTHING])


_RULES: dict[str, Callable[[Call], Effects]] = {
    **dict.fromkeys(("touch", "mkdir", "rm", "rmdir", "tee", "truncate", "chmod", "chown", "chgrp"), _writer),
    **dict.fromkeys(("unzip", "zip", "tar"), _archive),
    **dict.fromkeys(("pandoc", "soffice", "libreoffice", "tesseract"), _document),
    "curl": _curl,
    "wget": _wget,
    "git": _git,
    "gh": _gh,
    "sqlite3": _sqlite,
}
