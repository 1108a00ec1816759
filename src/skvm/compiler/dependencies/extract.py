"""From claims to one manifest: one need, one entry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from skvm.compiler.dependencies.claim import CALLED, DECLARED, GUESSED, Claim
from skvm.compiler.dependencies.gather import gather
from skvm.compiler.dependencies.tables import distributions, normal, programs, services
from skvm.compiler.skill_key import SkillKey, key_of
from skvm.harness.environment.manifest import Dependency, Manifest, Source, Type, sorted_entries
from skvm.skill.ir import Skill

__all__ = ["extract_manifest"]

_IN_BOTH = ("playwright",)
_SOURCES = {"python-import": Source.IMPORT, "shell-command": Source.COMMAND, "comment": Source.COMMENT}


def extract_manifest(skill: Skill, refused: Sequence[str] = ()) -> Manifest:
    """What a skill needs of its environment; nothing is run; the same skill gives the same manifest.

    Args:
        skill: The skill.
        refused: Dependencies that may not be bound, as ``type:name``.
    """
    wanted = {_refused_key(item) for item in refused}
    entries = [
        entry.model_copy(update={"refused": True})
        if (entry.type.value, _name_key(entry.type, entry.name)) in wanted
        else entry
        for entry in _extracted(key_of(skill))
    ]
    return Manifest(skill=skill.name, entries=tuple(entries))


@lru_cache(maxsize=16)
def _extracted(key: SkillKey) -> tuple[Dependency, ...]:
    """The entries of the last few skills: several passes ask for the same."""
    return sorted_entries(_entries(gather(key.skill)))


def _refused_key(text: str) -> tuple[str, str]:
    kind, _, name = text.partition(":")
    return kind, _name_key(kind, name)


def _name_key(kind: str, name: str) -> str:
    return normal(name) if kind == "pip" else name.lower()


@dataclass(slots=True)
class _Need:
    """Claims of one thing so far."""

    type: str
    name: str
    claims: list[Claim]

    @property
    def confidence(self) -> float:
        return max(claim.confidence for claim in self.claims)

    @property
    def is_required(self) -> bool:
        return not all(claim.is_optional or claim.place.is_optional for claim in self.claims)

    @property
    def commands(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for claim in self.claims for name in claim.commands))


def _entries(claims: Iterable[Claim]) -> list[Dependency]:
    needs: dict[tuple[str, str], _Need] = {}
    for claim in claims:
        key = (claim.type, _name_key(claim.type, claim.name))
        needs.setdefault(key, _Need(claim.type, claim.name, [])).claims.append(claim)
    _settle_registries(needs)
    _imply_runtimes(needs)
    _imply_services(needs)
    _merge_packages_and_commands(needs)
    _merge_suites(needs)
    return [made for need in needs.values() if (made := _entry(need)) is not None]


def _settle_registries(needs: dict[tuple[str, str], _Need]) -> None:
    """A command that both registries bring comes from the one the skill uses otherwise."""
    for name in _IN_BOTH:
        need = needs.get(("npm", name))
        uses_npm = any(key[0] == "npm" and key[1] != name for key in needs)
        if (
            need is None
            or uses_npm
            or need.confidence >= DECLARED
            or not any(key[0] == "pip" for key in needs)
        ):
            continue
        del needs[("npm", name)]
        target = needs.setdefault(("pip", name), _Need("pip", name, []))
        target.claims += [replace(claim, type="pip") for claim in need.claims]


def _imply_runtimes(needs: dict[tuple[str, str], _Need]) -> None:
    """A package needs the runtime it is for."""
    for kind, runtime in (("pip", "python3"), ("npm", "node")):
        found = [need for need in needs.values() if need.type == kind]
        if found:
            need = needs.setdefault(("system", runtime), _Need("system", runtime, []))
            need.claims += [
                Claim("system", runtime, claim.place, CALLED, "inferred", is_optional=not member.is_required)
                for member in found
                for claim in member.claims[:1]
            ]


def _imply_services(needs: dict[tuple[str, str], _Need]) -> None:
    """What a well-known library works on."""
    for need in list(needs.values()):
        name = services().get(f"pip:{normal(need.name)}") if need.type == "pip" else None
        if name:
            first = need.claims[0]
            claim = Claim("service", name, first.place, CALLED, "inferred", is_optional=not need.is_required)
            needs.setdefault(("service", name), _Need("service", name, [])).claims.append(claim)


def _merge_packages_and_commands(needs: dict[tuple[str, str], _Need]) -> None:
    """A package that brings a command is the need; of several registries the first named one."""
    packages = [need for need in needs.values() if need.type in ("pip", "npm")]
    for key, need in list(needs.items()):
        if need.type == "service" or key not in needs:
            continue
        for package in packages:
            if package is need or _rank(package) > _rank(need) or not _brings(package, need):
                continue
            if (package.type, _name_key(package.type, package.name)) in needs:
                package.claims += [
                    replace(claim, commands=claim.commands) for claim in need.claims if need.type == "system"
                ]
                del needs[key]
                break


def _rank(need: _Need) -> tuple[int, float]:
    """Packages before commands, declared before guessed."""
    return (need.type == "system", -need.confidence)


def _brings(package: _Need, need: _Need) -> bool:
    bare = normal(package.name.rsplit("/", 1)[-1])
    name = normal(need.name.rsplit("/", 1)[-1])
    if need.type != "system":
        return bare == name and need.type != package.type
    if need.name in package.commands:
        return True
    known = programs().get(need.name)
    if known and known.type == package.type and normal(known.package) == normal(package.name):
        return True
    if name == bare:
        return True
    # "npm install -g soulseek-cli", then "soulseek login".
    return need.confidence <= GUESSED and bare in (f"{name}-cli", f"{name}-cmd", f"{name}-ai")


def _merge_suites(needs: dict[tuple[str, str], _Need]) -> None:
    """Commands that one package of the system brings are one need."""
    by_package: dict[str, list[tuple[str, str]]] = {}
    for key, need in needs.items():
        if need.type == "system":
            known = programs().get(need.name)
            package = known.package if known and known.type == "system" else need.name
            by_package.setdefault(package.lower(), []).append(key)
    for package, keys in by_package.items():
        if len(keys) > 1:
            members = [needs.pop(key) for key in keys]
            claims = [claim for need in members for claim in need.claims]
            needs[("system", package)] = _Need("system", package, claims)


def _entry(need: _Need) -> Dependency | None:
    first = max(need.claims, key=lambda claim: claim.confidence)
    commands = need.commands
    if need.type == "system" and not commands:
        known = [
            name
            for name, program in programs().items()
            if program.package == need.name and program.type == "system"
        ]
        commands = ("python3",) if need.name == "python3" else tuple(sorted(known)) or (need.name,)
    try:
        return Dependency(
            name=need.name,
            type=Type(need.type),
            checkCommand=_check(need, commands),
            installCommand=_install(need),
            required=need.is_required,
            source=_SOURCES.get(first.source, Source.INFERRED),
            confidence=need.confidence,
            pythonModules=tuple(sorted({name for claim in need.claims for name in claim.modules})),
            spec=_spec(need.claims),
            evidence=f"{first.place.path}:{first.place.line}",
            hosts=tuple(sorted({host for claim in need.claims for host in claim.hosts})),
            commands=tuple(sorted(commands)),
            elsewhere=_is_elsewhere(need),
        )
    except ValueError:
        # A name that no installer would take is no dependency.
        return None


def _is_elsewhere(need: _Need) -> bool:
    """Whether the registry may hold a stranger's package under the name; everybody knows whose some are."""
    is_known = need.type == "pip" and normal(need.name) in distributions()
    is_package = need.type in ("pip", "npm")
    return is_package and not is_known and any(claim.is_elsewhere for claim in need.claims)


def _spec(claims: Sequence[Claim]) -> str | None:
    """As the skill states it: its own words, then its files, then its commands."""
    said = [claim for claim in claims if claim.spec]
    if not said:
        return None

    def order(claim: Claim) -> tuple[bool, bool]:
        return (claim.place.path != "SKILL.md" or claim.source != "inferred", claim.source != "inferred")

    return min(said, key=order).spec


def _check(need: _Need, commands: Sequence[str]) -> str:
    if need.type == "pip":
        return f"python3 -m pip show {normal(need.name)}"
    if need.type == "npm":
        return f"npm ls -g {need.name}"
    if need.type == "service":
        return "true"
    return " || ".join(f"command -v {name}" for name in sorted(commands))


def _install(need: _Need) -> str | None:
    import shlex

    if _is_elsewhere(need):
        return None
    spec = _spec(need.claims) or ""
    if need.type == "pip":
        return f"python3 -m pip install {shlex.quote(need.name + spec)}"
    if need.type == "npm":
        return f"npm install -g {shlex.quote(f'{need.name}@{spec}' if spec else need.name)}"
    return None
