"""Services: the hosts code asks and the keys it needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from skvm.compiler.dependencies.claim import CALLED, NAMED, Claim, Place
from skvm.compiler.dependencies.tables import services
from skvm.skill.sieve import sieved

__all__ = ["hosts_asked", "hosts_in_program", "key_service", "services_of_hosts"]

_URL = re.compile(
    r"\bhttps?://(?:[\w.-]+@)?([A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z]{2,})(?=[/:?\"'\s`)]|$)([^\s\"'`)>]*)"
)
_NOT_ASKED = re.compile(
    r"(?:^|\.)(?:example|yoursite|your-?\w*|mysite|mydomain|site|domain|acme|foo|localhost|test|target|staging|company|myapp|app-?url)\.|"
    r"\.(?:example|test|local|localhost|invalid|internal)$|(?:^|\.)(?:w3\.org|schemas?\.\w+\.\w+|json-schema\.org|astral\.sh|"
    r"githubusercontent\.com|pypi\.org|npmjs\.(?:com|org)|sh\.rustup\.rs|debian\.org|ubuntu\.com|docs\.rs|shields\.io|"
    r"jsdelivr\.net|unpkg\.com|cdnjs\.cloudflare\.com|fonts\.googleapis\.com|purl\.org|openxmlformats\.org|"
    r"schemas\.microsoft\.com|img\.shields\.io|creativecommons\.org|apache\.org|gnu\.org|nodesource\.com|get\.docker\.com)$",
    re.IGNORECASE,
)
_CLIENT = re.compile(r"(?:^|[\s|;&(`])(?:curl|wget|http|xh|httpie)\s")
_PARTS_OF_NO_NAME = frozenset(
    [
        "api",
        "apis",
        "www",
        "app",
        "apps",
        "rest",
        "gateway",
        "v1",
        "v2",
        "v3",
        "open",
        "openapi",
        "data",
        "developer",
        "developers",
        "dev",
        "prod",
        "service",
        "services",
        "public",
        "web",
        "mcp",
        "http",
        "cloud",
        "auth",
        "oauth",
        "login",
        "graph",
        "graphql",
        "query",
        "search",
        "export",
        "en",
        "us",
        "eu",
        "cn",
        "http",
        "hooks",
        "gw",
    ]
)
_TWO_PART_ENDS = frozenset({"co", "com", "org", "net", "gov", "ac", "edu", "or", "ne", "go"})
_STEMS_OF_NO_SERVICE = frozenset(
    [
        "MY",
        "YOUR",
        "API",
        "APP",
        "ACCESS",
        "AUTH",
        "SECRET",
        "BEARER",
        "USER",
        "SESSION",
        "REFRESH",
        "JWT",
        "CSRF",
        "TEST",
        "PRIVATE",
        "PUBLIC",
        "CLIENT",
        "LLM",
        "MODEL",
        "ENCRYPTION",
        "SIGNING",
        "SSH",
        "INPUT",
        "OUTPUT",
        "MAX",
        "NEXT",
        "PAGE",
        "CONTINUATION",
        "CI",
        "BOT",
        "ADMIN",
        "SERVICE",
        "DB",
        "DATABASE",
        "CACHE",
        "SOME",
        "PARTITION",
        "SRC",
        "DST",
        "SOURCE",
        "TARGET",
        "DEST",
        "EXAMPLE",
        "REFRESH",
        "ENVIRONMENT",
        "PRIMARY",
        "WEBHOOK",
        "RESPONSE",
        "EXPO_PUBLIC",
        "GATEWAY",
        "AGENT",
        "SORT",
        "HASH",
        "ID",
        "OLD",
        "NEW",
        "SSL",
        "TLS",
        "EXISTING",
    ]
)
_ASKS = sieved(
    r"\brequests\.|\bhttpx\.|\burlopen\b|\burllib\b|\baiohttp\b|\bfetch\(|\baxios\b|\bsession\.(?:get|post)|\bhttp\.client|"
    r"\bgot\(|\bws://|\bwebsocket|\bhttps?\.(?:get|request)\(",
    re.IGNORECASE,
)
_DOWNLOADS = re.compile(
    r"\.(?:sh|zip|tar\.gz|tgz|deb|dmg|whl|pdf|png|jpe?g|svg|css|html?|md|ttf|woff2?)\b|/releases/|/install\b"
)
_KEY_IN_CODE = sieved(
    r"""(?:environ(?:\.get)?\s*[\[(]\s*|getenv\(\s*|process\.env(?:\.|\[\s*))["']?([A-Z][A-Z0-9_]*?)_(?:API_KEY|API_TOKEN|ACCESS_TOKEN|AUTH_TOKEN|BOT_TOKEN|TOKEN|KEY)\b"""
)


def hosts_asked(code: str) -> list[tuple[str, int]]:
    """Hosts of addresses on lines that call a web client (or continue such a line), with line offsets."""
    if "http" not in code:
        return []
    found = []
    continued = False
    for offset, line in enumerate(code.split("\n")):
        bare = line.strip()
        if bare.startswith("#"):
            continue
        asks = continued or _CLIENT.search(bare) is not None
        continued = asks and bare.endswith("\\")
        if asks:
            found += [
                (match[1].lower(), offset) for match in _URL.finditer(line) if not _DOWNLOADS.search(match[2])
            ]
    return found


def hosts_in_program(code: str) -> list[tuple[str, int]]:
    """Hosts of addresses in a program that asks hosts, with line offsets."""
    if "http" not in code or not _ASKS.search(code):
        return []
    return [
        (match[1].lower(), code.count("\n", 0, match.start()))
        for match in _URL.finditer(code)
        if not _DOWNLOADS.search(match[2])
        and not code[code.rfind("\n", 0, match.start()) + 1 : match.start()]
        .lstrip()
        .startswith(("#", "//", "*"))
    ]


def services_of_hosts(found: Iterable[tuple[str, int]], place: Place) -> Iterator[Claim]:
    """The services behind hosts; addresses of nobody and of package sources are left out."""
    for host, offset in found:
        name = service_of_host(host)
        if name:
            yield Claim(
                "service",
                name,
                place.below(offset),
                CALLED,
                "shell-command",
                hosts=(host,),
                is_optional=place.is_optional,
            )


def service_of_host(host: str) -> str | None:
    """The service of a host: as the table says, else the part of its name that is a name."""
    known = services().get(host) or services().get(host.removeprefix("www."))
    if known:
        return known
    if _NOT_ASKED.search(host):
        return None
    parts = host.split(".")
    parts = parts[: -2 if len(parts) > 2 and parts[-2] in _TWO_PART_ENDS else -1]
    names = [part for part in parts if part not in _PARTS_OF_NO_NAME]
    if names and len(names[-1]) < 3:
        return host.removeprefix("www.").removeprefix("api.")
    return names[-1] if names else None


def key_service(stem: str, place: Place) -> Iterator[Claim]:
    """The service a key is for, by the name of its variable."""
    name = services().get(stem)
    if name is None:
        stem = re.sub(
            r"_(?:API|APP|ACCESS|BOT|SECRET|AUTH|CLIENT|USER|ENVIRONMENT|PERSONAL|BEARER|PRIVATE)$", "", stem
        )
        name = services().get(stem)
    if name is None and stem not in _STEMS_OF_NO_SERVICE and len(stem) > 2:
        name = stem.lower().replace("_", "-")
    if name is not None and stem not in _STEMS_OF_NO_SERVICE:
        yield Claim("service", name, place, NAMED, "shell-command", is_optional=place.is_optional)


def keys_in_program(code: str, place: Place) -> Iterator[Claim]:
    """Services whose keys a program takes from its environment."""
    if "environ" not in code and "getenv" not in code and "process.env" not in code:
        return
    for found in _KEY_IN_CODE.finditer(code):
        yield from key_service(found[1], place.below(code.count("\n", 0, found.start())))


__all__ += ["keys_in_program", "service_of_host"]
