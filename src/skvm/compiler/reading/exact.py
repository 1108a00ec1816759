"""Exact commands: what in inline code or a plain fence is a command line."""

from __future__ import annotations

import re

__all__ = ["is_command", "is_listing"]

_PROGRAM_WORDS = """
apt apt-get aws az awk bash bun bundle cargo cat cd chmod claude clawdbot clawdhub clawhub cmake
codex conda cp curl deno docker docker-compose dig dotnet echo fd ffmpeg ffprobe find firebase
flutter gcloud gh git go gradle grep head helm heroku hostname ifconfig jq just kubectl ln ls make
mcporter mkdir mv mvn mysql netlify nmap node npm npx nvm obsidian-cli openclaw openssl pandoc perl
php pip pip3 pipx playwright pnpm poetry powershell prisma psql pwd pytest python python3 qmd rclone
redis-cli rg rm rsync ruby ruff scp sed sh snowsql sort source sqlite3 ssh ssh-keygen stripe sudo
supabase systemctl tail tar terraform touch tsc tshark unzip uv uvx vercel vite vitest wget which
wrangler yarn yq yt-dlp zip
"""
_PROGRAMS = frozenset(_PROGRAM_WORDS.split())
_WORDS_TOO = frozenset(
    {"find", "make", "go", "just", "sort", "head", "which", "source", "node", "echo", "touch"}
)
"""Programs whose name begins sentences as well."""
_WORD = re.compile(
    r"(?:[\w.-]+|(?:\.{0,2}/|~/|\$\{?\w+\}?/|\{\w+\}/|"
    r"<[\w -]+>/)?(?:[\w.-]+/)*[\w.-]+\.(?:sh|py|m?js|ts|rb|pl))$"
)
_OPTION = re.compile(r"\s--?[A-Za-z][\w-]*(?:[\s=]|$)")
_SCRIPT = re.compile(r"(?:\./|scripts/)\S+\.(?:sh|py|m?js|ts|rb|pl)(?:\s|$)")
_LISTING_LANGUAGES = frozenset({"powershell", "ps1", "pwsh", "cmd", "bat", "batch", "fish"})
_PROMPT = re.compile(r"^\s*\$\s+")


def is_command(code: str) -> bool:
    """Whether inline code is a command line: a known program, or any with options, and what it is given."""
    first, _, rest = code.strip().partition(" ")
    if _SCRIPT.match(code.strip()):
        return bool(rest.strip()) or code.strip().startswith("./")
    if not rest.strip() or not _WORD.match(first) or first.endswith((":", ",")):
        return False
    if rest.lstrip().startswith(("=", "(", "→", "->", ":", "|", "is ", "are ", "and ", "or ")):
        return False
    return first in _PROGRAMS or (_OPTION.search(f" {rest}") is not None and first[0].islower())


def is_listing(language: str, code: str) -> bool:
    """Whether a fence that is no shell fence lists commands: every line of it begins with a known program."""
    if language in _LISTING_LANGUAGES:
        return True
    if language:
        return False
    lines = [_PROMPT.sub("", line).strip() for line in code.replace("\\\n", " ").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    return bool(lines) and all(
        line.split()[0] in _PROGRAMS - _WORDS_TOO or _SCRIPT.match(line) for line in lines
    )
