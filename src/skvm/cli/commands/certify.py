"""``skvm certify``: issue a portability certificate; ``keygen``, ``show``."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any

import click

from skvm.cli.command import CommaList, SkvmCommand, VerbGroup, settings_of

__all__ = ["command"]

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_ISSUE = "issue"


class _Certify(VerbGroup):
    """A command whose first word is a verb, or else the skill to certify."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the verb that is left out; what is no folder and nearly a verb is meant as one."""
        if args and args[0] not in {*self.commands, "-h", "--help"} and not self._is_slip(args[0]):
            args = [_ISSUE, *args]
        return super().parse_args(ctx, args)

    def _is_slip(self, word: str) -> bool:
        close = difflib.get_close_matches(word, self.commands, n=1, cutoff=0.7)
        return bool(close) and not os.path.lexists(word)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Both forms."""
        formatter.write_usage(ctx.command_path, "SKILL --target MODEL[@HARNESS] [OPTIONS]")
        formatter.write_usage(ctx.command_path, "keygen|show …")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options of issuing, then the verbs."""
        issuing = self.commands[_ISSUE]
        with click.Context(issuing, parent=ctx.parent, info_name=ctx.info_name) as inner:
            issuing.format_options(inner, formatter)
        self.format_commands(ctx, formatter)


@click.group("certify", cls=_Certify, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Write what is known of a skill on a target, and what is not, into a signed certificate.

    SKILL is the folder of a skill or of a compiled variant (./show where it is called like a verb). Nothing
    is run: figures come from bench sessions in the journal, and without any the certificate says "not
    measured". `skvm verify FILE` checks it anywhere, offline.
    """


@command.command(_ISSUE, cls=SkvmCommand, short_help="Certify SKILL; what happens without a verb.")
@click.argument("skill", metavar="SKILL", type=click.Path(path_type=Path))
@click.option(
    "--target",
    "targets",
    type=CommaList(),
    multiple=True,
    metavar="MODEL[@HARNESS],…",
    help="For whom; may be repeated. Default: those of --session.",
)
@click.option(
    "--session",
    "sessions",
    type=CommaList(),
    multiple=True,
    metavar="ID,…",
    help="Bench sessions to report; default: the newest whole one of each target.",
)
@click.option("--out", metavar="FILE", help="Where to; - prints it. Default: SKILL.certificate.json beside.")
@click.option("--key", "key_file", metavar="FILE", help="Sign with this key instead of the one in the cache.")
@_json
@click.pass_context
def issue(ctx: click.Context, /, skill: Path, **options: Any) -> None:
    """Write a certificate of SKILL.

    Exit code: 0; 1 if SKILL is a variant whose proof does not hold.
    """
    from skvm.cli.certify_issue import issue_certificate

    issue_certificate(settings_of(ctx), skill.expanduser(), options)


@command.command(cls=SkvmCommand)
@click.option("--key", "key_file", metavar="FILE", help="Where to; default: keys/certify.pem in the cache.")
@_json
@click.pass_context
def keygen(ctx: click.Context, /, key_file: str | None, as_json: bool) -> None:
    """Make a key pair to sign with; the private half is yours alone and never leaves this machine."""
    from skvm.certify.keys import key_path, make_key, public_path
    from skvm.cli.console import out, print_json

    path = Path(key_file).expanduser() if key_file else key_path(settings_of(ctx))
    fingerprint = make_key(path)
    public = public_path(path)
    if as_json:
        print_json({"schema": 1, "key": str(path), "public": str(public), "fingerprint": fingerprint})
        return
    for name, value in (("private key", path), ("public key", public), ("fingerprint", fingerprint)):
        out.print(f"{name}  {value}", markup=False, highlight=False)


@command.command(cls=SkvmCommand)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--html", metavar="FILE", help="Write one page that loads nothing.")
@click.option("--badge", metavar="FILE", help="Write an SVG with the score and its interval.")
@click.option("--markdown", metavar="FILE", help="Write a summary for a README; - prints it.")
@_json
@click.pass_context
def show(ctx: click.Context, /, file: Path, **options: Any) -> int:
    """Show a certificate to a person, and whether its signature holds.

    Whose key that is, and whether the skill's files are those, is for `skvm verify` to say.
    Exit code: 1 if the certificate or its signature does not hold; then nothing is written.
    """
    from skvm.cli.certify_show import show_certificate

    return show_certificate(settings_of(ctx), file.expanduser(), options)
