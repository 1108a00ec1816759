"""The rules on what is dangerous in a skill, each as a pattern over text and what clears a match.

What only warns of a thing ("never run …") is cleared.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from skvm.diagnostics import Rule, Severity, rule
from skvm.skill.any_word import AnyWord
from skvm.skill.sieve import Sieved, sieved

__all__ = [
    "CHECKS",
    "INTERPRETER",
    "SHELL",
    "SKV171",
    "SKV172",
    "SKV173",
    "SKV174",
    "SKV175",
    "SKV176",
    "SKV178",
    "SKV179",
    "Check",
    "is_quoted_attack",
    "is_warned_of",
    "mask_secrets",
    "quoted",
]

SKV171 = rule(
    "SKV171",
    "download is run unread",
    "A command feeds what it downloads straight to a shell or an interpreter.\n\n"
    "Whoever controls the address, or the connection, runs code with the rights of the agent; nobody has seen"
    " it, and it may be another one tomorrow.\n\n"
    "Download to a file, check its digest, then run it; or install from a registry with a version.",
)
SKV172 = rule(
    "SKV172",
    "secret in the skill",
    "The text or a script holds what looks like a real key, token, password or private key.\n\n"
    "Everybody who gets the skill has it, and models repeat it.\n\n"
    "Withdraw it at its issuer, then read it from the environment.",
    Severity.ERROR,
)
SKV173 = rule(
    "SKV173",
    "sends private data away",
    "A command or sentence sends credentials, environment variables or home files to an address.\n\n"
    "That is how a malicious skill steals; an honest one asks for what it needs and names where it goes.\n\n"
    "Remove it, or send one named value to the service it belongs to.",
    Severity.ERROR,
)
SKV174 = rule(
    "SKV174",
    "encoded code is run",
    "Something encoded (base64, hexadecimal) is decoded and run at once.\n\n"
    "Nobody who reads the skill can tell what it does.\n\n"
    "Write the code as it is.",
    Severity.ERROR,
)
SKV175 = rule(
    "SKV175",
    "deletes broadly",
    "A command deletes everything below the root, the home folder, the working folder or a system folder.\n\n"
    "An agent runs it as it stands, in whatever folder it is.\n\n"
    "Name the folder that was made for the task.",
    Severity.ERROR,
)
SKV176 = rule(
    "SKV176",
    "hides something from the user",
    "The text tells the agent to disregard its instructions or the user, or to do something without telling"
    " them.\n\n"
    "It can be harmless style, but it is also how an injected instruction reads; a person should look.\n\n"
    "Say what is done and why, and let the user decide.",
    Severity.NOTE,
)
SKV178 = rule(
    "SKV178",
    "invisible character in a word",
    "A character that is never shown stands between two letters.\n\n"
    "Words can be made to pass a filter that way, and a copied command does not work.\n\n"
    "Remove the character.",
)

SKV179 = rule(
    "SKV179",
    "unknown program is to be run",
    "The text has commands of a paste site run, or a program out of an archive with a password.\n\n"
    "That is how malware is handed out: the page can change at any time, and no scanner looks into such an"
    " archive.\n\n"
    "Install from a registry or a repository with a version, and say what the program does.",
    Severity.ERROR,
)

SHELL = (
    r"(?:(?:/(?:usr/)?bin/)?(?:sudo|env|exec|busybox|command)\s+(?:-\w+\s+)*)?(?:/(?:usr/)?bin/)?"
    r"(?:ba|z|da|k)?sh\b"
)
INTERPRETER = r"(?:(?:sudo\s+)?(?:python3?|node|perl|ruby|php)\b(?!\s+(?:-m|-c|-e|[\w./]))(?:\s+-)?)"
_NEGATED = re.compile(
    # "Do not skip this", "will not work without", "detects your system": so malware is urged on people.
    r"\b(?:(?:never|do not|don['’]t|must not|should not|cannot|avoid)"
    r"(?!\s+(?:skip|forget|worry|proceed|continue|work|ask|wait|miss|tell|mention|inform|need|hesitate)\b)|"
    r"refuse|block(?:ed|s|list)?|den(?:y|ied)|forbid(?:den)?|dangerous|malicious|attack\w*|inject\w*|"
    r"detect\w*\s(?:[\w-]+\s){0,3}(?:patterns?|commands?|shells?|secrets?|credentials?|code|threats?)|"
    r"suspicious|prevent|reject|flagged|scan\w* for|unsafe|insecure|vulnerab\w*|exploit\w*|risky|"
    r"high-risk|red flags?|prohibited|(?:bad|wrong)(?=\s*(?:[:)*`]|$|example|practice|way|pattern)))(?!\w)|"
    r"危险|禁止|不要|[❌🚫✗🔴]",
    re.IGNORECASE | re.MULTILINE,
)
_TABLE_OF_RISKS = re.compile(r"\brisks?\b|\bseverity\b|\bthreat", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Check:
    """One rule over a text: a cheap test for all of it, then a pattern, then what clears a match."""

    rule: Rule
    hints: tuple[str, ...]
    pattern: Sieved
    says: Callable[[re.Match[str]], str]
    clears: Callable[[str, re.Match[str]], bool]
    also: tuple[str, ...] = ()
    _looks: tuple[AnyWord, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "_looks", tuple(AnyWord(words) for words in (self.hints, self.also) if words)
        )

    def may_match(self, text: str) -> bool:
        """The cheap test: one of the hints, and one of the others where there are any."""
        return all(words.is_in(text) for words in self._looks)


def _line(text: str, match: re.Match[str]) -> str:
    start = text.rfind("\n", 0, match.start()) + 1
    end = text.find("\n", match.end())
    return text[start : end if end >= 0 else len(text)]


def _before(text: str, match: re.Match[str], chars: int = 240) -> str:
    return text[max(0, match.start() - chars) : match.start()]


def _table_header(text: str, match: re.Match[str]) -> str:
    """The first row of the table a match stands in; ``""`` where it stands in none."""
    lines = text[max(0, match.start() - 4000) : match.start()].split("\n")
    header = ""
    for line in reversed(lines):
        if not line.lstrip().startswith("|"):
            break
        header = line
    return header


def is_warned_of(text: str, match: re.Match[str]) -> bool:
    """Whether the line, or the heading and sentence before it, speaks of the thing as bad."""
    if _NEGATED.search(_line(text, match)):
        return True
    lead = _before(text, match)
    header = _table_header(text, match)
    if _NEGATED.search(header) or _TABLE_OF_RISKS.search(header):
        return True
    return any(
        _NEGATED.search(line)
        for line in lead.splitlines()[-3:]
        if line.lstrip().startswith(("#", "-", "*", "|", "**")) or line.rstrip().endswith(":")
    )


def quoted(match: re.Match[str]) -> str:
    """The words of a match on one line, cut."""
    return " ".join(match[0].split())[:100]


def _masked(secret: str) -> str:
    return f"{secret[:4]}… ({len(secret)} characters)"


_PLACEHOLDER = re.compile(
    r"x{4,}|X{4,}|\*{3,}|\.{3}|your|example|sample|dummy|fake|test|placeholder|redact|secret|changeme|"
    r"foo|<|12345|abcdef|ABCDEF|aaaa|0000|_here",
    re.IGNORECASE,
)


def _is_placeholder(_: str, match: re.Match[str]) -> bool:
    secret = match[0]
    if secret.startswith("-----"):
        return False
    return bool(_PLACEHOLDER.search(secret)) or len(set(secret)) < 10


def _is_shown_key(text: str, match: re.Match[str]) -> bool:
    """A private key of which only the frame is shown is an example or a pattern."""
    if not match[0].startswith("-----"):
        return _is_placeholder(text, match)
    following = text[match.end() : match.end() + 200]
    return not re.match(r"\s*(?:\\n|\n)[A-Za-z0-9+/=]{40,}", following)


_PRIVATE = (
    r"(?:api[- _]?keys?|credentials?|env(?:ironment)? (?:vars?|variables)|ssh keys?|private keys?|"
    r"passwords?|session cookies|"
    r"auth(?:entication)? tokens?|home (?:directory|folder)|keychain|~/\.(?:ssh|aws|env|netrc|gnupg|"
    r"kube)|\.env files?)"
)
_PRIVATE_FILES = (
    r"(?:~|\$HOME|/root|/home/\w+)/\.(?:ssh|aws|netrc|gnupg|kube|env|docker/config|git-credentials|npmrc|"
    r"pypirc|(?:ba|z)sh_history|config/(?:google-chrome|chromium|gcloud|gh)\b|mozilla)|/etc/(?:passwd|shadow)|(?<![\w.])\.env\b"
)

_ATTACK = re.compile(
    r"\b(?:attack\w*|inject\w*|jailbreak\w*|detect\w*|malicious|adversar\w*|suspicious|pattern|"
    r"phrases? like|such as|e\.g\.|phish\w*|red flag|threat|untrusted|hijack\w*)\b|提示注入",
    re.IGNORECASE,
)


def is_quoted_attack(text: str, match: re.Match[str]) -> bool:
    """Whether the words stand in a text about such attacks."""
    return bool(_ATTACK.search(_line(text, match)) or _ATTACK.search(_before(text, match, 400)))


_RUNNERS = "busybox command sh bash zsh dash ksh sudo env /bin /usr python node perl ruby php iex"
_PIPES = (
    *(f"{bar}{program}" for bar in ("|", "| ", "|  ") for program in _RUNNERS.split()),
    "<(curl",
    "<(wget",
    "<( curl",
    "$(curl",
    "$(wget",
    "$( curl",
    "`curl",
    "`wget",
    "Invoke-Expression",
)
_TO_USERS = (
    *(f"{verb} {the}user" for verb in ("tell", "telling", "inform", "informing") for the in ("the ", "")),
    *(
        f"{verb} {the}user"
        for verb in ("notify", "notifying", "alert", "from", "edge of")
        for the in ("the ", "")
    ),
)
_PRIVATE_HINTS = (
    *(
        "redential",
        "api key",
        "API key",
        "api-key",
        "api_key",
        "nv va",
        "nvironment va",
        "ssh key",
        "SSH key",
    ),
    *("rivate key", "assword", "ookies", "uth token", "ntication token", "ome dir", "ome folder", "eychain"),
    *("SSH key", "~/.", ".env file"),
)

_SECRET = re.compile(
    r"\b(?:AKIA[0-9A-Z]{16}|gh[po]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,}|sk-(?:ant-|"
    r"proj-|or-v1-)?[A-Za-z0-9_-]{32,}|"
    r"xox[baprs]-[0-9]{6,}-[A-Za-z0-9-]{10,}|AIza[0-9A-Za-z_-]{35}|glpat-[A-Za-z0-9_-]{20}|"
    r"npm_[A-Za-z0-9]{36}|"
    r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}|[sr]k_live_[A-Za-z0-9]{24,}|hf_[A-Za-z0-9]{34}|"
    r"AGE-SECRET-KEY-1[0-9A-Z]{50,}|"
    r"eyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,})\b"
    r"|-----BEGIN (?:RSA |EC |DSA |OPENSSH |PGP )?PRIVATE KEY(?: BLOCK)?-----"
)


def mask_secrets(text: str) -> str:
    """A text in which every secret is dots but for its first four characters; as long as before."""
    return _SECRET.sub(lambda match: match[0][:4] + "•" * (len(match[0]) - 4), text)


CHECKS: tuple[Check, ...] = (
    Check(
        SKV171,
        ("curl", "wget", "iwr", "irm", "Invoke-WebRequest", "Invoke-RestMethod"),
        sieved(
            rf"\b(?:curl|wget)\b[^\n|;]{{0,300}}(?:\\\n[^\n|;]{{0,200}})?\|\s*(?:{SHELL}|{INTERPRETER})"
            rf"|{SHELL}\s+(?:-\w+\s+)?(?:<\(|[\"']?\$\(|[\"']?`)\s*(?:curl|wget)\b[^\n]{{0,200}}"
            r"|\b(?:iwr|irm|Invoke-WebRequest|Invoke-RestMethod)\b[^\n|]{0,200}\|\s*(?:iex|"
            r"Invoke-Expression)\b",
        ),
        quoted,
        is_warned_of,
        _PIPES,
    ),
    Check(
        SKV172,
        (
            "AKIA",
            "ghp_",
            "gho_",
            "github_pat_",
            "sk-",
            "xox",
            "AIza",
            "-----BEGIN",
            "glpat-",
            "npm_",
            "SG.",
            "eyJ",
            "rk_live",
            "sk_live",
            "AGE-SECRET",
            "hf_",
        ),
        Sieved(_SECRET),
        lambda match: f"what looks like a secret: {_masked(match[0])}",
        _is_shown_key,
    ),
    Check(
        SKV173,
        ("curl", "wget", "nc ", "requests.post", "fetch("),
        sieved(
            rf"(?:\b(?:env|printenv)\b|(?:cat|tar|zip|"
            rf"base64)\b[^\n|]{{0,80}}(?:{_PRIVATE_FILES}))[^\n]{{0,80}}\|[^\n]{{0,60}}\b(?:curl|wget|"
            rf"nc)\b[^\n]{{0,120}}"
            rf"|\b(?:curl|wget)\b[^\n]{{0,160}}(?:-d|--data(?:-binary|-raw)?|-F|--form|-T|--post-data|"
            rf"--post-file)[ =]?[\"']?(?:[^\n\"']{{0,40}}=)?@?\$?\(?(?:(?:env|printenv)\b|"
            rf"(?:cat )?(?:{_PRIVATE_FILES}))[^\n]{{0,80}}"
            r"|requests\.post\([^\n]{0,120}(?:dict\()?os\.environ\b(?!\.get|\[)[^\n]{0,60}"
        ),
        quoted,
        is_warned_of,
    ),
    Check(
        SKV173,
        ("http", "server", "endpoint", "webhook"),
        sieved(
            rf"\b(?:send|upload|post|forward|transmit|"
            rf"exfiltrate)\b[^.\n]{{0,60}}\b{_PRIVATE}[^.\n]{{0,60}}\bto\b[^.\n]{{0,40}}(?:https?://|"
            rf"\b(?:our|my|this|the following) (?:server|endpoint|webhook))[^\n]{{0,80}}",
            re.IGNORECASE,
        ),
        quoted,
        is_warned_of,
        _PRIVATE_HINTS,
    ),
    Check(
        SKV174,
        ("base64", "b64decode", "atob", "fromhex", "-enc", "-EncodedCommand", "xxd"),
        sieved(
            rf"\bbase64\s+(?:-d|-D|--decode)\b[^\n|]{{0,80}}\|\s*(?:{SHELL}|{INTERPRETER})"
            r"|\b(?:eval|source)\b[^\n]{0,60}\bbase64\s+(?:-d|-D|--decode)\b[^\n]{0,60}"
            r"|\bxxd -r[^\n|]{0,40}\|\s*(?:ba|z)?sh\b"
            r"|\b(?:exec|eval)\(\s*(?:compile\()?[^\n]{0,60}(?:b64decode|fromhex|atob|unhexlify)\([^\n]{0,80}"
            r"|\bpowershell(?:\.exe)?\b[^\n]{0,60}\s-(?:enc|EncodedCommand)\b[^\n]{0,60}",
            re.IGNORECASE,
        ),
        quoted,
        is_warned_of,
    ),
    Check(
        SKV175,
        ("rm -", "rmtree", "rd /s", "Remove-Item"),
        sieved(
            r"(?:^|[`;&|]|\bsudo\b|\$ )[ \t]*(?:sudo )?rm\s+(?:-\w+\s+)*-(?:[a-zA-Z]*[rR][a-zA-Z]*f|"
            r"[a-zA-Z]*f[a-zA-Z]*[rR])\w*\s+(?:--no-preserve-root\s+)?[\"']?"
            r"(?:/\*?|~/?\*?|\$\{?HOME\}?/?\*?|\.{1,2}/?\*?|\*|/(?:usr|etc|var|home|opt|root|bin|lib|"
            r"boot|Users)/?\*?)[\"']?(?=\s|$|`|;|&)"
            r"|\brmtree\(\s*(?:[\"'](?:/|~|\.)[\"']|os\.path\.expanduser\([\"']~[\"']\)|"
            r"Path\.home\(\))\s*[,)]",
            re.MULTILINE,
        ),
        quoted,
        is_warned_of,
    ),
    Check(
        SKV176,
        ("gnore ", "isregard ", "orget ", "verride "),
        sieved(
            r"(?:[Ii]gnore|[Dd]isregard|[Ff]orget|[Oo]verride) (?:all |any )?(?:of )?(?:the |your )?"
            r"(?:previous|prior|above|earlier|system|safety|user['’]s) "
            r"(?:instructions?|prompts?|rules|guidelines|messages?|wishes)",
            re.IGNORECASE,
        ),
        quoted,
        is_quoted_attack,
    ),
    Check(
        SKV176,
        _TO_USERS,
        sieved(
            r"(?:do not|don['’]t|never) (?:tell|inform|notify|alert) (?:the )?users?\b(?! to\b)[^.\n]{0,40}"
            r"|without (?:telling|informing|notifying|the knowledge of) (?:the )?users?\b"
            r"|(?:hide|conceal) (?:this|it|these|that)\b[^.\n]{0,30} from (?:the )?users?\b",
            re.IGNORECASE,
        ),
        quoted,
        is_quoted_attack,
    ),
)
