"""More of what is dangerous in a skill: the forms attacks take that are no single well-known line.

Each check reads a text whose continued lines are joined, so that a command split over lines is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from skvm.diagnostics import Rule, Severity, rule
from skvm.skill.dangers import (
    INTERPRETER,
    SHELL,
    SKV171,
    SKV173,
    SKV174,
    SKV175,
    SKV176,
    SKV178,
    SKV179,
    Check,
    is_quoted_attack,
    is_warned_of,
    quoted,
)
from skvm.skill.sieve import sieved

__all__ = ["ATTACKS", "SKV180"]

SKV180 = rule(
    "SKV180",
    "opens a back door",
    "A command hands a shell of this machine to another one, or lets a key that the skill brings log in.\n\n"
    "Whoever is at the other end then does what the user may do.\n\n"
    "Remove it; reach a machine by an account its owner made.",
    Severity.ERROR,
)

_HOME = r"(?:~|\$\{?HOME\}?|/root|/home/[\w$]+|/Users/[\w$]+)"
_KEPT = (
    rf"{_HOME}/\.(?:ssh(?!/[\w.-]*(?:\.pub|config|known_hosts|authorized_keys))|aws|netrc|gnupg|kube|docker/config|"
    rf"git-credentials|npmrc|pypirc|(?:ba|z)sh_history|"
    r"config/(?:google-chrome|chromium|gcloud|gh)\b|mozilla)(?![\w.-]*\.pub)"
)
"""Files in which people keep keys; not ``.env``, which is copied about for good reasons."""
_KEPT_NAMES = "ssh aws netrc gnupg kube docker git-cred npmrc pypirc bash_h zsh_h config mozilla"
_KEPT_HINTS = tuple(f"/.{name}" for name in _KEPT_NAMES.split())
_SHELLS = "sh bash zsh sudo env busybox /bin /usr python node perl"
_SHELL_PIPES = tuple(f"|{gap}{shell}" for gap in ("", " ", "  ") for shell in _SHELLS.split())
_WHOLE = ("full", "whole", "entire", "complete")
_TALK = ("conversation", "chat", "transcript", "prompt", "context")
_SENDS = r"(?:send|post|upload|include|append|forward|transmit|attach|exfiltrate)"
_GETS = r"(?:requests|httpx)\.get\(|urlopen\("
_WORDS = r"""(?:'[^'\n]{0,200}'|"[^"\n]{0,200}"|[^\n;'"])"""


def _is_table_or_warned_of(text: str, match: re.Match[str]) -> bool:
    """A row of a table has bars of its own."""
    start = text.rfind("\n", 0, match.start()) + 1
    return text[start : match.start()].lstrip().startswith("|") or is_warned_of(text, match)


def _is_not_run_or_fine(text: str, match: re.Match[str]) -> bool:
    """Whether what is downloaded is not run at once, or is compared with a digest or a signature before."""
    name = re.escape(match["file"])
    run = rf"(?:\b(?:ba|z|da)?sh\s+(?:-\w+\s+)?|\bsource\s+|[;&]\s*)(?:\./)?{name}(?![\w.-])"
    if not re.search(run, match["rest"]) or re.search(r"sha(?:256|512)|gpg\b|cosign|minisign", match[0]):
        return True
    return is_warned_of(text, match)


def _check(
    found: Rule,
    hints: tuple[str, ...],
    pattern: str,
    clears: Callable[[str, re.Match[str]], bool] = is_warned_of,
    *,
    also: tuple[str, ...] = (),
    flags: int = 0,
) -> Check:
    return Check(found, hints, sieved(pattern, flags), quoted, clears, also)


_PASTE_SITES = (
    r"(?:glot\.io|pastebin\.com|rentry\.(?:co|org)|hastebin\.\w+|ghostbin\.\w+|paste\.ee|dpaste\.\w+|"
    r"controlc\.com|termbin\.com|ix\.io)"
)

ATTACKS: tuple[Check, ...] = (
    # What is downloaded passes through something else on its way to a shell.
    _check(
        SKV171,
        ("curl", "wget"),
        rf"\b(?:curl|wget)\b{_WORDS}{{0,300}}?(?<!\|)\|(?!\|)[^\n;|]{{0,80}}(?<!\|)\|(?!\|)\s*(?:{SHELL}|{INTERPRETER})"
        rf"|\b(?:curl|wget)\b[^\n|'\"]{{0,80}}(?:'data:[^'\n]{{0,300}}'|\"data:[^\"\n]{{0,300}}\")\s*\|\s*{SHELL}",
        _is_table_or_warned_of,
        also=_SHELL_PIPES,
    ),
    _check(
        SKV171,
        ("curl", "wget"),
        r"(?:\b(?:source|eval)|(?m:^)\s*\.)\s+[\"']?(?:<\(|\$\(|`)\s*(?:curl|wget)\b[^\n]{0,200}",
        also=("<(", "$(", "`"),
    ),
    # Downloaded under a name, and run by that name at once.
    _check(
        SKV171,
        ("curl", "wget"),
        r"\b(?:curl|wget)\b[^\n]{0,200}?(?:\s-[a-zA-Z]*[oO]|\s--output(?:-document)?|>)[ =]*"
        r"(?P<file>[\w./~-]+)(?P<rest>[^\n]*(?:\n[^\n]*){0,2})",
        _is_not_run_or_fine,
        also=(" -o", " -O", " -L", " -s", " -f", "--output", ">"),
    ),
    _check(
        SKV171,
        ("exec(", "eval("),
        rf"\b(?:exec|eval)\(\s*(?:compile\()?[^\n]{{0,80}}(?:{_GETS}|\bfetch\()[^\n]{{0,80}}",
        also=("requests", "httpx", "urlopen", "fetch("),
    ),
    _check(
        SKV171,
        ("iex", "IEX", "Iex", "Invoke-Expression", "mshta", "certutil", "bitsadmin", "idden"),
        r"\b(?:iex|Invoke-Expression)\b[^\n]{0,60}(?:\b(?:iwr|irm|curl|wget)\b|Invoke-WebRequest|Invoke-RestMethod|"
        r"DownloadString)[^\n]{0,80}"
        r"|DownloadString\([^\n]{0,120}\|\s*(?:iex|Invoke-Expression)\b"
        r"|-w(?:indowstyle)?\s+hidden\b[^\n]{0,120}(?:\b(?:iwr|irm|curl|wget)\b|Invoke-WebRequest|Download)[^\n]{0,80}"
        r"|\bmshta(?:\.exe)?\s+[\"']?(?:https?|javascript|vbscript):[^\n]{0,80}"
        r"|\bcertutil(?:\.exe)?\b[^\n]{0,40}-urlcache\b[^\n]{0,120}"
        r"|\bbitsadmin(?:\.exe)?\b[^\n]{0,40}/transfer\b[^\n]{0,120}",
        flags=re.IGNORECASE,
    ),
    _check(
        SKV174,
        ("base64",),
        rf"{SHELL}[^\n]{{0,40}}(?:<\(|\$\(|`)[^\n]{{0,80}}\bbase64\s+(?:-d|-D|--decode)\b[^\n]{{0,60}}"
        r"|\bbase64\s+(?:-d|-D|--decode)\b[^\n|]{0,80}>\s*(?P<file>[\w./~-]+)[^\n]{0,80}(?:\n[^\n]{0,80}){0,2}?"
        r"(?:\b(?:ba|z|da)?sh\s+|\bsource\s+|[;&]\s*\./)(?P=file)(?![\w.-])",
        also=("sh", "source"),
    ),
    _check(
        SKV174,
        ("b64decode", "unhexlify", "fromhex", "marshal", "decompress"),
        r"\b(?P<name>\w{1,40})\s*=[^\n=]{0,60}(?:b64decode|unhexlify|fromhex|marshal\.loads|decompress)\([^\n]{0,200}"
        r"(?:\n[^\n]{0,120}){0,3}?\n\s*(?:exec|eval)\(\s*(?:compile\()?(?P=name)\b[^\n]{0,40}"
        r"|\b(?:exec|eval)\(\s*(?:compile\()?[^\n]{0,40}(?:marshal\.loads|decompress)\([^\n]{0,80}",
        also=("exec(", "eval("),
    ),
    # What is downloaded waits in a variable, or is given to a shell word by word.
    _check(
        SKV171,
        ("curl", "wget"),
        r"\b(?P<name>\w{1,40})=[\"']?(?:\$\(|`)\s*(?:curl|wget)\b[^\n]{0,200}(?:\n[^\n]{0,120}){0,3}?"
        r"\b(?:eval|(?:ba|z)?sh\s+-c)\s+[\"']?\$\{?(?P=name)\b"
        r"|\b(?:curl|wget)\b[^\n|]{0,200}\|\s*xargs\b[^\n]{0,60}\b(?:ba|z)?sh\s+-c",
        also=("eval", "sh -c"),
    ),
    _check(
        SKV171,
        ("deno run", "npx ", "bunx "),
        r"\b(?:deno\s+run|npx|bunx)\b[^\n]{0,60}\s[\"']?https?://\S{1,200}\.(?:ts|js|mjs|tgz|tar\.gz)\b",
    ),
    _check(
        SKV174,
        ("| rev", "| tr ", "|rev", "|tr ", "\\x"),
        rf"\|\s*(?:rev|tr\s+\S+\s+\S+)\s*\|\s*{SHELL}"
        rf"|\b(?:printf|echo)\b[^\n|]{{0,20}}(?:\\x[0-9a-fA-F]{{2}}){{3}}[^\n|]{{0,400}}\|\s*{SHELL}",
        _is_table_or_warned_of,
        also=_SHELL_PIPES,
    ),
    _check(
        SKV173,
        ("=$(", '="$(', "=`"),
        r"\b(?P<name>\w{1,40})=[\"']?(?:\$\(|`)\s*"
        rf"(?:env\b|printenv\b|(?:cat|base64)\b[^\n)]{{0,40}}{_KEPT})"
        r"[^\n]{0,80}(?:\n[^\n]{0,120}){0,3}?\n[^\n]{0,40}\b(?:curl|wget)\b[^\n]{0,160}\$\{?(?P=name)\b",
        also=("$(env", "$(printenv", "`env", "$(cat", "$(base64"),
    ),
    _check(
        SKV173,
        ("gist create", "s3 cp", "s3 sync", "gsutil ", "rclone ", "mail ", "mutt ", "ftp "),
        r"\b(?:gh gist create|(?:aws s3|gsutil|rclone|gcloud storage)\s+(?:cp|sync|copy|mv|rsync)"
        r"(?:\s+-\S+)*)"
        rf"\s+[\"']?{_KEPT}[^\n]{{0,80}}"
        rf"|\b(?:mail|mutt|sendmail|ftp)\s[^\n]{{0,80}}{_KEPT}[^\n]{{0,40}}",
        also=_KEPT_HINTS,
    ),
    _check(
        SKV173,
        ("169.254.169.254", "security find-"),
        r"(?:169\.254\.169\.254|\bsecurity find-(?:generic|internet)-password)[^\n]{0,160}\|[^\n]{0,60}"
        r"\b(?:curl|wget|nc)\b[^\n]{0,80}",
    ),
    _check(
        SKV176,
        ("用户", "忽略", "so that the user", "so the user"),
        r"(?:不要|不得|切勿|请勿|别)(?:告诉|告知|通知|透露给)用户"
        r"|(?:忽略|无视)(?:之前|以上|先前|前面|所有|此前)[^\n。]{0,10}(?:指令|提示词|规则|指示)"
        r"|so (?:that )?the user (?:does|will|would)(?: not|n['’]t) (?:notice|know|find out|reali[sz]e)\b",
        is_quoted_attack,
    ),
    # Names that are looked up carry what is stolen.
    _check(
        SKV173,
        ("dig ", "nslookup ", "host ", "ping "),
        r"\b(?:dig|nslookup|host|ping)\s[^\n]{0,40}\$\([^\n]{0,120}\)\.[\w-]+\.\w"
        rf"|{_KEPT}[^\n]{{0,120}}\b(?:dig|nslookup|host|ping)\s[^\n]{{0,40}}\$\w[^\n]{{0,60}}",
        also=(*_KEPT_HINTS, "$(cat", "$(env", "$(xxd", "$(base64", "$(printenv", "$(head", "$(echo"),
    ),
    _check(
        SKV173,
        ("scp ", "rsync ", "git ", "curl ", "wget "),
        rf"\b(?:scp|rsync)\b(?:\s+-[ie]\s+(?:'[^'\n]*'|\"[^\"\n]*\"|\S+)|\s+-(?![ie]\s)\S+)*"
        rf"\s+[\"']?{_KEPT}[^\n:]{{0,60}}\s[\w.@-]+:"
        rf"|\bgit\s+add\b[^\n;&|]{{0,60}}{_KEPT}[^\n]{{0,40}}"
        rf"|\bcp\s[^\n]{{0,30}}{_KEPT}[^\n]{{0,80}}\bgit\s+(?:add|push|commit)\b[^\n]{{0,60}}"
        rf"|\b(?:curl|wget)\b[^\n]{{0,300}}\$\(\s*(?:cat|base64|head|<)[^\n)]{{0,40}}(?:{_KEPT}|/etc/(?:passwd|shadow))"
        rf"|\b(?:tar|zip|cp|cat|base64)\b[^\n]{{0,80}}{_KEPT}[^\n]{{0,80}}(?:\n[^\n]{{0,160}}){{0,3}}?"
        rf"\n[^\n]{{0,40}}\bcurl\b[^\n]{{0,120}}@[^\n]{{0,60}}",
        also=(*_KEPT_HINTS, "/etc/passwd", "/etc/shadow"),
    ),
    _check(
        SKV173,
        ("dict(os.environ", "os.environ.copy("),
        r"\b(?P<name>\w{1,40})\s*=\s*(?:json\.dumps\()?(?:dict\(os\.environ\)|os\.environ\.copy\(\))\)?"
        r"(?:\n[^\n]{0,160}){0,5}?\n[^\n]{0,60}\b(?:post|put|urlopen)\([^\n]{0,160}(?<!env=)\b(?P=name)\b(?!\[)[^\n]{0,40}",
        also=("post(", "put(", "urlopen("),
    ),
    _check(
        SKV173,
        ("requests.", "httpx.", "urlopen("),
        rf"(?:\b(?:requests|httpx)\.(?:post|put|get)|urlopen)\([^\n]{{0,160}}\bopen\([^\n]{{0,60}}{_KEPT}[^\n]{{0,60}}",
        also=_KEPT_HINTS,
    ),
    _check(
        SKV173,
        ("fetch(", "axios.post("),
        r"(?:\bfetch|axios\.post)\([^\n]{0,200}(?:stringify\(\s*process\.env\s*\)|,\s*process\.env\s*[,)])[^\n]{0,40}",
        also=("process.env)", "process.env )", "process.env,"),
    ),
    _check(
        SKV173,
        ("http", "webhook", "server", "endpoint"),
        rf"\b(?:[Rr]ead|[Oo]pen|[Gg]et|[Cc]ollect|[Tt]ake|[Ll]oad)\b[^.\n]{{0,60}}{_KEPT}[^\n]{{0,80}}\b{_SENDS}\b"
        r"[^\n]{0,80}(?:https?://|\bwebhook|\bserver\b|\bendpoint)[^\n]{0,60}",
        also=_KEPT_HINTS,
    ),
    _check(
        SKV173,
        tuple(f"{how} {what}" for how in _WHOLE for what in _TALK),
        r"\b(?:[Ss]end|[Pp]ost|[Uu]pload|[Ff]orward|[Tt]ransmit)\b[^.\n]{0,40}\b"
        rf"(?:{'|'.join(_WHOLE)}) (?:{'|'.join(_TALK)})\b"
        r"[^.\n]{0,40}\bto\b[^.\n]{0,30}https?://[^\n]{0,60}",
        also=("http",),
    ),
    _check(
        SKV173,
        ("=<", "={"),
        r"!\[[^\]\n]{0,80}\]\(https?://[^)\s]{0,120}[?&][\w.-]{0,30}=[<{][^>}\n]{0,30}"
        r"(?:contents? of|\.env\b|secret|conversation|credentials)[^\n]{0,40}",
        also=("![",),
    ),
    _check(
        SKV175,
        ("rm -", "find /", "find ~", "find $", "mkfs", "of=/dev/"),
        r"(?:(?m:^)|[`;&|]|\bsudo\b|\$ )[ \t]*(?:sudo )?"
        r"rm\s+(?=(?:-\S+\s+){0,4}(?:-[a-zA-Z]{0,6}[rR]|--recursive))"
        r"(?:-\S+\s+){2,5}[\"']?(?:/\*?|~/?\*?|\$\{?HOME\}?/?\*?)[\"']?(?=\s|$|`|;|&)"
        r"|\bfind\s+(?:/|~/?|\$\{?HOME\}?/?)\s+(?:-type\s+\w\s+)?(?:-delete\b|-exec\s+rm\b)[^\n]{0,40}"
        r"|\bdd\s[^\n]{0,40}if=/dev/(?:zero|u?random)\s[^\n]{0,40}of=/dev/(?:sd[a-z]|nvme\d|vd[a-z]|hd[a-z])[^\n]{0,20}"
        r"|\bmkfs(?:\.\w+)?\s+(?:-\S+\s+){0,4}/dev/(?:sda|nvme0n1|vda|hda)\w*",
    ),
    _check(
        SKV176,
        ("to the user", "to user", "to your user", "from the user", "from user"),
        r"(?:[Dd]o not|[Dd]on['’]t|[Nn]ever|DO NOT) (?:mention|reveal|disclose)\b"
        r"[^.\n]{0,40}\bto (?:the |your )?users?\b"
        r"|[Kk]eep (?:this|it|that)\b[^.\n]{0,30}\b(?:secret|hidden) from (?:the )?users?\b",
        is_quoted_attack,
    ),
    _check(
        SKV176,
        tuple(f"{who} {how}" for who in ("user", "users") for how in ("must", "should", "may")),
        r"\busers? (?:must|should|may) (?:not|never) (?:know|notice|find out|learn)\b[^.\n]{0,40}",
        is_quoted_attack,
    ),
    _check(
        SKV180,
        ("/dev/tcp", "/bin/sh", "/bin/bash", "nc -", "ncat ", "authorized_keys"),
        r"\b(?:ba|z)?sh\s+-i\b[^\n]{0,40}/dev/tcp/[^\n]{0,60}|/dev/tcp/[^\n]{0,60}(?:0>&1|0<&1)"
        r"|\bn(?:c|cat)\b[^\n]{0,40}\s-[a-z]{0,4}[ec]\s+[\"']?(?:/bin/)?(?:ba|z)?sh\b[^\n]{0,40}"
        r"|\bdup2\(\s*\w+\.fileno\(\)[^\n]{0,160}(?:/bin/(?:ba)?sh|subprocess|pty\.spawn)[^\n]{0,60}"
        r"|\becho\s+[\"']?(?:ssh-(?:rsa|ed25519)|ecdsa-\S+)\s+AAAA[\w+/=]{40,}[^\n]{0,80}>>[^\n]{0,40}authorized_keys",
    ),
    Check(
        SKV179,
        ("glot.", "paste", "rentry.", "hastebin.", "ghostbin.", "controlc.", "termbin.", "ix.io"),
        sieved(
            rf"{_PASTE_SITES}/[^\n]{{0,160}}\b(?:execute|run|paste|terminal)\b[^\n]{{0,60}}"
            rf"|\b(?:execute|run|paste)\b[^\n]{{0,120}}\bhttps?://{_PASTE_SITES}/[^\n]{{0,60}}",
            re.IGNORECASE,
        ),
        quoted,
        is_warned_of,
    ),
    Check(
        SKV179,
        (".zip", ".rar", ".7z", ".exe", ".dmg", ".scr", ".msi"),
        sieved(
            r"\bdownload\b[^\n]{0,200}\.(?:zip|rar|7z)\b[^\n]{0,240}\b(?:pass(?:word|code)?|"
            r"pwd)\b\s*(?:is\b|:|=)[^\n]{0,120}"
            r"|\b(?:extract|unzip|unpack)\w*\b[^\n]{0,40}\b(?:with|using)\b[^\n]{0,20}\bpass(?:word|"
            r"code)?\b\s*(?:is\b|:|=)[^\n]{0,60}",
            re.IGNORECASE,
        ),
        quoted,
        is_warned_of,
        ("pass", "Pass", "PASS", "pwd"),
    ),
    Check(
        SKV178,
        ("\u200b", "\u200c", "\u200d", "\u2060", "\u00ad", "\ufeff"),
        sieved("(?<=[A-Za-z0-9])[\u200b\u200c\u200d\u2060\u00ad\ufeff](?=[A-Za-z0-9])"),
        lambda match: f"invisible character U+{ord(match[0]):04X} in a word",
        lambda _text, _match: False,
    ),
)
