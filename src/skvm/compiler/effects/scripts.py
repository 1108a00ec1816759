"""What a script of the bundle touches when it is run with some words: its code is read, never run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from skvm.compiler.effects.model import ANYTHING, ENVIRONMENT, Effects, merged
from skvm.compiler.effects.programs import OUTPUT_OPTIONS
from skvm.compiler.effects.python_effects import PythonEffects, python_effects
from skvm.compiler.effects.resources import hosts_in, is_path, path_name
from skvm.compiler.effects.shell_effects import shell_effects
from skvm.compiler.effects.tools import Call, tool_effects
from skvm.errors import UsageError
from skvm.skill.emit import resource_bytes
from skvm.skill.ir import Skill

__all__ = ["Scripts"]

_RUNNERS = {"python": ".py", "python3": ".py", "bash": ".sh", "sh": ".sh", "zsh": ".sh", "node": ".js"}
_MAX_BYTES = 120_000
_QUESTION_MODULES = {"json.tool", "py_compile", "this", "calendar", "ast", "tokenize", "platform"}


@dataclass(slots=True)
class Scripts:
    """The scripts of one skill, each read when it is first asked for."""

    skill: Skill
    _known: dict[str, PythonEffects | None] = field(default_factory=dict)

    def __call__(self, words: tuple[str, ...]) -> Effects | None:
        """What a command does that runs a script of the bundle or a piece of Python; ``None`` for others."""
        runner = words[0].rsplit("/", 1)[-1]
        if re.fullmatch(r"python3\.\d+", runner):
            runner = "python3"
        if runner == "uv" and words[1:2] == ("run",) and len(words) > 2:
            following = words[2:]
            return self(following if following[0].startswith("python") else ("python3", *following))
        if runner in _RUNNERS:
            return self._run(runner, words[1:])
        if words[0].endswith((".py", ".sh")) and "/" in words[0]:
            return self._script(words[0], words[1:], ())
        return None

    def _run(self, runner: str, rest: tuple[str, ...]) -> Effects | None:
        while rest and rest[0] in {"-u", "-B", "-s", "-x", "-e", "-E", "-I"}:
            rest = rest[1:]
        if not rest or set(rest) <= {"--version", "-V", "-v", "--help", "-h"}:
            return Effects((ENVIRONMENT,), (), (runner,), (), is_open=not rest)
        if rest[0] == "-c" and len(rest) > 1:
            inside = (
                python_effects(rest[1]).whole
                if runner.startswith("python")
                else merged(
                    [found.effects for found in shell_effects(rest[1], self)] or [Effects(is_open=True)]
                )
            )
            return merged([inside, Effects((ENVIRONMENT,), (), (runner,))])
        if rest[0] == "-m" and len(rest) > 1:
            return self._module(runner, rest[1:])
        if rest[0].startswith("-"):
            return Effects((ENVIRONMENT,), (), (runner,), (), is_open=True)
        return self._script(rest[0], rest[1:], (runner,))

    def _module(self, runner: str, rest: tuple[str, ...]) -> Effects:
        called = Effects((ENVIRONMENT,), (), (runner,))
        if rest[0] == "pip":
            return merged([called, tool_effects(rest) or Effects(is_open=True)])
        if rest[0] == "venv":
            return merged([called, Effects(writes=tuple(path_name(f"{word}/") for word in rest[1:2]))])
        if rest[0] in _QUESTION_MODULES:
            files = tuple(sorted({path_name(word) for word in rest[1:] if not word.startswith("-")}))
            return merged([called, Effects(files[:1], files[1:])])
        return merged([called, Effects(is_open=True)])

    def _script(self, path: str, arguments: Sequence[str], calls: tuple[str, ...]) -> Effects:
        found = self.find(path)
        called = Effects((ENVIRONMENT, path_name(path)), (), calls)
        if found is None:
            named = {path_name(word) for word in arguments if not word.startswith("-") and is_path(word)}
            return merged([called, Effects(tuple(sorted(named)), is_open=True)])
        script = self.read(found)
        if script is None:
            return merged([called, Effects(is_open=True)])
        return merged([called, _with_arguments(script, Call.of(("script", *arguments)))])

    def find(self, path: str) -> str | None:
        """The bundle file a path of a command means: the same, or its only one with the same last parts."""
        plain = path.split("}", 1)[-1].lstrip("./") if path.startswith(("$", "./", "{")) else path
        plain = re.sub(r"^(?:\$\w+|\{[^}]*\}|<[^>]*>)/", "", plain).lstrip("/")
        names = [resource.path for resource in self.skill.resources]
        if plain in names:
            return plain
        last = [
            name
            for name in names
            if plain.endswith(f"/{name}") or ("/" not in plain and name.endswith(f"/{plain}"))
        ]
        return last[0] if len(last) == 1 else None

    def read(self, path: str) -> PythonEffects | None:
        """What one bundle script touches, whatever it is given; ``None`` where it cannot be read."""
        if path not in self._known:
            self._known[path] = self._read(path)
        return self._known[path]

    def _read(self, path: str) -> PythonEffects | None:
        resource = next((found for found in self.skill.resources if found.path == path), None)
        if resource is None or not resource.is_text or resource.size_bytes > _MAX_BYTES:
            return None
        try:
            code = resource_bytes(self.skill, path).decode("utf-8", "replace")
        except UsageError:
            # Gone or changed since the skill was read: unknown, hence open.
            return None
        if path.endswith(".py"):
            return self._with_neighbours(path, python_effects(code))
        if path.endswith((".sh", ".bash")):
            found = shell_effects(
                code, lambda words: None if words[0].endswith((".sh", ".py")) else self(words)
            )
            uses_arguments = bool(re.search(r"\$(?:[1-9@*]|\{[1-9@])", code))
            effects = merged([item.effects for item in found] or [Effects()])
            return PythonEffects(effects, uses_arguments, uses_arguments, ANYTHING in effects.writes)
        return PythonEffects(Effects(hosts=tuple(sorted(hosts_in(code))), is_open=True), True, True, True)

    def _with_neighbours(self, path: str, own: PythonEffects) -> PythonEffects:
        """A script with the modules of the bundle it imports; one that is nowhere leaves it open."""
        folder = path.rpartition("/")[0]
        names = {resource.path for resource in self.skill.resources}
        effects, nowhere = [own.effects], False
        for module in own.unknown_modules:
            places = [f"{folder}/{module}.py".lstrip("/"), f"{module}.py", f"{folder}/{module}/__init__.py"]
            place = next((name for name in places if name in names and name != path), None)
            # Held open while it is read, so that modules that import each other end.
            self._known.setdefault(path, None)
            neighbour = self.read(place) if place else None
            nowhere |= neighbour is None
            effects += [neighbour.effects] if neighbour else []
        whole = merged(effects)
        return replace(own, effects=replace(whole, is_open=whole.is_open or nowhere), unknown_modules=())


def _with_arguments(script: PythonEffects, call: Call) -> Effects:
    """A script's effects with the files its command names in the place of those its code leaves open."""
    outputs = [path_name(value) for value in call.values(*OUTPUT_OPTIONS)]
    inputs = [
        path_name(word) for word in call.without(*OUTPUT_OPTIONS) if is_path(word) or "*" in path_name(word)
    ]
    reads, writes = set(script.effects.reads), set(script.effects.writes)
    if script.writes_unnamed and (outputs or len(inputs) > 1):
        writes.discard(ANYTHING)
        writes.update(outputs or inputs[-1:])
    if script.reads_unnamed and inputs:
        reads.discard(ANYTHING)
    reads.update(inputs)
    return Effects(
        tuple(sorted(reads)),
        tuple(sorted(writes)),
        script.effects.calls,
        script.effects.hosts,
        script.effects.is_open,
        script.effects.exclusive,
    )
