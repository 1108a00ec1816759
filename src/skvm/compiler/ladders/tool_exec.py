"""Lowering ``tool.exec``: a chain becomes one script, a described command an exact one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from skvm.compiler.contract import Gap
from skvm.compiler.ladder import LADDERS, Ground, Ladder, Lowering, edit_for
from skvm.compiler.reading.bundle import BundleScript
from skvm.compiler.reading.chains import is_said_chain, is_unbroken
from skvm.compiler.reading.commands import PLACEHOLDER, command_lines, is_shell
from skvm.compiler.reading.prose import BlockKind, Prose, Sentence
from skvm.compiler.reading.script_use import script_runs, shown_commands
from skvm.compiler.reading.shell import read_shell
from skvm.compiler.reading.spotting import is_chinese
from skvm.diagnostics import Span
from skvm.skill.edit import Edit
from skvm.skill.ir import CodeFence
from skvm.target.contract import Level

MOVES = (
    "one script: a chain of commands with nothing left to fill in lies in the bundle, run by one command",
    "exact command: a script the text names, or the only one it can mean, gets its command line, as its code "
    "says or as the skill shows it elsewhere",
)
_DANGEROUS = re.compile(
    r"\bsudo\b|\brm\s+-\w*[rf]|\bcurl\b[^\n]*\|\s*\w*sh\b|\bgit\s+(?:push|reset|commit)\b|"
    r"\bmkfs|\bdd\s+if=|\bshutdown\b"
    r"|>\s*/dev/sd|\bdrop\s+(?:table|database)\b|\bkill(?:all)?\b",
    re.IGNORECASE,
)
_STAYS = re.compile(
    # What a script of its own would not leave behind, wait for or ask.
    r"(?m)^\s*(?:export|source|\.|alias|set|unset|ulimit)\s|\bactivate\b|(?<![&>])&\s*$|"
    r"\bread\s+-|\b(?:ssh|vim?|nano|tmux)\s"
    r"|\blogin\b|\b(?:npm|pnpm|yarn|bun)\s+(?:run\s+)?(?:dev|start|serve)\b|http\.server|"
    r"\brunserver\b|\bserve\b|\bwatch\b"
    r"|\$(?:[1-9@*]|\{[1-9])|\btail\s+-f\b|--interactive\b|\s-it\b|~/|\bYOUR|\b[A-Z]+_HERE\b|\bxxx"
)
_SAMPLE = re.compile(
    r"\bmy[-_]\w|\b(?:sample|example|dummy|foo|bar|dbname|hello)\b|12345|(?-i:YYYY|\bARN\b|\b[A-Z]+_ID\b)"
    r"|\b(?:pg_restore|restore|revert|rollback|undo|uninstall|despawn)\b",
    re.IGNORECASE,
)
"""Values that only show what could stand there, and commands that take back what was done."""
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)|([A-Za-z_]\w*))")
_ENVIRONMENT = frozenset({"HOME", "PWD", "USER", "PATH", "TMPDIR", "LANG", "HOSTNAME"})
_KEEPS = re.compile(
    r"\b(?:keep|save|write|put|store)\s+(?:what it prints|its output|the output|the result|"
    r"what comes out)\s+"
    r"(?:in|to|into|as|under)\s+`([\w./-]+)`",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(
    r"\b(?:written like|such as|like|e\.g\.|for example)\s+`?([\w./:-]*\w)`?", re.IGNORECASE
)


def lower(gaps: Sequence[Gap], ground: Ground) -> Lowering:
    """Bundle chains; name scripts."""
    edits: list[Edit] = []
    files: dict[str, bytes] = {}
    if not ground.holds("tool.exec"):
        return Lowering()
    prose = ground.reading.prose
    fences = {fence.span.end: fence for fence in prose.skill.fences}
    for gap in gaps:
        fence = fences.get(gap.requirement.span.end)
        if gap.requirement.level is Level.L3 and fence is not None:
            code = prose.text(fence.content)
            block = prose.leads.get(fence.span)
            lead = prose.text(prose.blocks[block].span) if block is not None else ""
            if not fence.is_closed or not _is_bundled(code, is_said_chain(lead), _functions(prose)):
                continue
            path = ground.free_path(f"scripts/run-{len(files) + 1}.sh")
            files[path] = ("set -e\n" + "\n".join(command_lines(code)) + "\n").encode()
            shell = "bash" if fence.language == "bash" else "sh"
            line = "全部合成一条命令：" if is_chinese(lead) else "All of it in one command: "
            edits.append(_after_fence(gap, fence, ground, f"{line}`{shell} {path}`"))
        elif gap.requirement.level is Level.L2:
            edits += _named(gap, ground)
    return Lowering(edits, files)


def _functions(prose: Prose) -> frozenset[str]:
    """Names of the shell functions any fence of the skill defines."""
    fences = (prose.text(fence.content) for fence in prose.skill.fences if is_shell(fence))
    return frozenset(name for code in fences if "()" in code for name in read_shell(code).functions)


def _is_bundled(code: str, is_said: bool, functions: frozenset[str]) -> bool:
    """Whether a chain does the same in a script of its own as typed line by line, and as it stands.

    Args:
        code: The chain.
        is_said: Whether the text says that it is one.
        functions: Shell functions of the skill; a script of its own has only those in it.
    """
    if any(found.search(code) for found in (PLACEHOLDER, _DANGEROUS, _STAYS, _SAMPLE)):
        return False
    comments = sum(line.lstrip().startswith("#") for line in code.splitlines())
    if not is_said and (comments > 1 or not is_unbroken(code)):
        # Commands with a headline each may be meant for different days.
        return False
    shell = read_shell(code)
    top = [command for command in shell.commands if not command.is_nested]
    used = {first or second for first, second in _VARIABLE.findall(code)}
    # Where it ends in another folder, what follows in the skill is meant to happen there.
    if any(command.program in functions - shell.functions for command in shell.commands):
        return False
    is_plain = not shell.has_error and bool(top) and not any(command.program == "cd" for command in top)
    return is_plain and used <= shell.variables | _ENVIRONMENT


def _after_fence(gap: Gap, fence: CodeFence, ground: Ground, line: str) -> Edit:
    source = ground.reading.prose.skill.source
    span = fence.span
    start = source.rfind(b"\n", 0, span.start) + 1
    pad = source[start : span.start].decode("utf-8", "replace")
    pad = pad if not pad.strip() else ""
    end = span.end - (1 if source[span.start : span.end].endswith(b"\n") else 0)
    end -= 1 if source[span.start : end].endswith(b"\r") else 0
    return edit_for(
        [gap],
        Span(end, end),
        f"\n\n{pad}{line}",
        rule="one script",
        to_level=Level.L1,
        because="one command runs the whole chain",
    )


def _named(gap: Gap, ground: Ground) -> list[Edit]:
    """The command line of the script a sentence means."""
    sentence = ground.sentence(gap)
    if sentence is None or ground.reading.prose.blocks[sentence.block].kind is BlockKind.ROW:
        return []
    if sentence.text.rstrip().endswith((":", "：")):
        return []
    chinese = is_chinese(sentence.text)
    run = next((run for run in script_runs(ground.reading.prose) if run.sentence.span == sentence.span), None)
    script = ground.reading.bundle.find(run.name) if run else _only_script(sentence, ground)
    words = _exact(script, sentence, ground) if script else None
    if words is None and run is not None:
        shown = next(filter(_is_shown_whole, shown_commands(ground.reading.prose, run.name)), None)
        said = "命令行的写法：" if chinese else "Its command line looks like this: "
        words = f"{said}`{shown}`{'。' if chinese else '.'}" if shown else None
    if words is None:
        return []
    end = gap.requirement.span.end
    is_ended = sentence.text.rstrip().endswith((".", "!", "?", "。", "！", "？"))
    mark = "" if is_ended else "。" if chinese else "."
    blank = "" if chinese else " "
    return [
        edit_for(
            [gap],
            Span(end, end),
            f"{mark}{blank}{words}",
            rule="exact command",
            to_level=Level.L1,
            because="the command is given",
        )
    ]


def _exact(script: BundleScript, sentence: Sentence, ground: Ground) -> str | None:
    """The command line as the script's own code says; ``None`` where it does not say."""
    command = script.command
    if command is None:
        return None
    arguments = script.arguments or ()
    example = _example(sentence, ground) if len(arguments) == 1 and not arguments[0].option else None
    note = ""
    if example:
        command = command.replace(arguments[0].usage, example)
        name = arguments[0].name.replace("-", " ")
        note = f" ({example} stands for the {name} that is asked for)"
        note = f"（{example} 代表所要的 {name}）" if is_chinese(sentence.text) else note
    kept = _KEEPS.search(sentence.text)
    if kept:
        command += f" > {kept.group(1)}"
    return f"运行 `{command}`{note}。" if is_chinese(sentence.text) else f"Run `{command}`{note}."


def _is_shown_whole(line: str) -> bool:
    """Whether a command line the skill shows is all of it and gives the script something to work on."""
    words = line.split()
    given = [word for word in words[2:] if not word.startswith("-") or "=" in word]
    return "\\" not in line and " -h" not in line and "--help" not in line and bool(given) and len(words) < 16


def _only_script(sentence: Sentence, ground: Ground) -> BundleScript | None:
    """The only script of the bundle, where a sentence speaks of the script."""
    if not re.search(r"\bthe (?:\w+ ){0,2}script\b(?! you)", sentence.text, re.IGNORECASE):
        return None
    scripts = [found for found in ground.reading.bundle.scripts() if found.is_program and found.interpreter]
    return scripts[0] if len(scripts) == 1 else None


def _example(sentence: Sentence, ground: Ground) -> str | None:
    """A value the text shows for the only argument, right behind the sentence that tells to run it."""
    sentences = ground.reading.prose.sentences
    at = sentences.index(sentence)
    for following in sentences[at : at + 3]:
        found = _EXAMPLE.search(following.text)
        if found and re.search(r"\bargument\b", following.text, re.IGNORECASE):
            return found.group(1)
    return None


LADDERS.register("tool.exec", Ladder(MOVES, lower, by_command=True))
