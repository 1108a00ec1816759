"""``skvm boost``: list, show, explain, enable, disable, improve, rm, test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from skvm.cli.command import SkvmCommand, VerbGroup, settings_of

if TYPE_CHECKING:
    from skvm.runtime.boost.shelf import Kept
    from skvm.settings import Settings

__all__ = ["command"]

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_model = click.option("--model", "--target-model", "model", metavar="ID", help="Only on this model.")
_adapter = click.option(
    "--adapter", "--target-adapter", "adapter", metavar="NAME", help="Only in this harness."
)


@click.group("boost", cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """See and steer what answers in a model's place.

    While `skvm run --boost=on` works on tasks of a skill, what the model does again and again becomes a
    template: code with typed parameters, proved on recorded runs. SKILL is a skill's folder or its id,
    PURPOSE one of its templates.
    """


@command.command("list", cls=SkvmCommand)
@click.argument("skill", required=False)
@_model
@_adapter
@_json
@click.pass_context
def list_(ctx: click.Context, /, skill: str | None, as_json: bool, **options: Any) -> None:
    """List templates and where they stand; of SKILL, or of all."""
    from skvm.cli.boost_page import kept_json, print_kept
    from skvm.cli.console import err, print_diagnostics, print_json

    kept, findings = _gather(settings_of(ctx), skill, options)
    if as_json:
        print_json({"schema": 1, "candidates": [kept_json(each) for each in kept]})
        return
    print_diagnostics(findings, console=err)
    if kept:
        print_kept(kept)
    else:
        err.print("no templates yet; they are learnt by `skvm run --boost=on`", markup=False)


@command.command(cls=SkvmCommand)
@click.argument("skill")
@click.argument("purpose")
@_model
@_adapter
@_json
@click.pass_context
def show(ctx: click.Context, /, skill: str, purpose: str, as_json: bool, **options: Any) -> None:
    """Show a template whole: prompts, values, guard, code, postcondition, evidence."""
    from skvm.cli.boost_page import kept_json, print_candidate
    from skvm.cli.console import print_json

    found = _one(settings_of(ctx), skill, purpose, options)
    if as_json:
        print_json({**kept_json(found), "candidate": found.candidate.model_dump(mode="json", by_alias=True)})
    else:
        print_candidate(found)


@command.command(cls=SkvmCommand)
@click.argument("skill")
@click.argument("purpose")
@click.option("--prompt", metavar="TEXT", help="Would it answer this?")
@click.option("--workdir", metavar="DIR", help="With --prompt: the files it would find.")
@_model
@_adapter
@_json
@click.pass_context
def explain(ctx: click.Context, /, skill: str, purpose: str, as_json: bool, **options: Any) -> int:
    """Say what happened to a template, and whether it would answer a prompt.

    Exit code: 1 if it would not answer the prompt, else 0.
    """
    from skvm.cli.boost_explain import explain_prompt, print_story, story_of
    from skvm.cli.console import print_json
    from skvm.errors import UsageError

    if options["workdir"] and options["prompt"] is None:
        raise UsageError("--workdir needs --prompt")
    settings = settings_of(ctx)
    found = _one(settings, skill, purpose, options)
    answer = None
    if options["prompt"] is not None:
        answer = explain_prompt(found, options["prompt"], options["workdir"])
    story = story_of(settings, found, options["model"], options["adapter"])
    if as_json:
        print_json({"schema": 1, "events": story, "answer": answer})
    else:
        print_story(found, story, answer)
    return 1 if answer is not None and not answer["answers"] else 0


@command.command(cls=SkvmCommand)
@click.argument("skill")
@click.argument("purpose")
@_json
@click.pass_context
def enable(ctx: click.Context, skill: str, purpose: str, as_json: bool) -> None:
    """Turn a template on again; one that was quarantined is watched anew."""
    _turn(settings_of(ctx), skill, purpose, is_enabled=True, as_json=as_json)


@command.command(cls=SkvmCommand)
@click.argument("skill")
@click.argument("purpose")
@_json
@click.pass_context
def disable(ctx: click.Context, skill: str, purpose: str, as_json: bool) -> None:
    """Turn a template off, until it is enabled; it is not learnt again meanwhile."""
    _turn(settings_of(ctx), skill, purpose, is_enabled=False, as_json=as_json)


@command.command(cls=SkvmCommand)
@click.argument("skill")
@click.argument("purpose")
@click.option("--compiler-model", metavar="ID", required=True, help="Who is asked.")
@_json
@click.pass_context
def improve(ctx: click.Context, skill: str, purpose: str, compiler_model: str, as_json: bool) -> None:
    """Ask a model for better names of values, and for other wordings recorded runs have.

    Nothing is taken on trust: names change nothing a template does, and a wording counts only if recorded
    prompts read by it in one way. What changes has to prove itself anew.
    """
    from skvm.cli.boost_improving import improve as ask
    from skvm.cli.boost_improving import print_improved
    from skvm.cli.console import print_json

    settings = settings_of(ctx)
    found = _one(settings, skill, purpose, {"model": None, "adapter": None})
    improved = ask(settings, found, compiler_model)
    if as_json:
        stored = [improved.after, *improved.further] if improved.is_changed else []
        print_json(
            {
                "schema": 1,
                "candidates": [each.model_dump(mode="json", by_alias=True) for each in stored],
                "usage": improved.usage.model_dump(mode="json"),
            }
        )
    else:
        print_improved(improved)


@command.command(cls=SkvmCommand)
@click.argument("skill")
@click.argument("purpose", required=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
@_json
@click.pass_context
def rm(ctx: click.Context, skill: str, purpose: str | None, yes: bool, as_json: bool) -> None:
    """Remove a template, or all of SKILL; the journal keeps what happened.

    Recorded runs may teach a single template again: `disable` keeps it away. Of a skill that is removed
    whole, they count no more.
    """
    import anyio

    from skvm.cli.console import out, print_json
    from skvm.cli.removing import confirm
    from skvm.runtime.boost.shelf import skill_id_of
    from skvm.runtime.boost.storage import BoostFolder

    settings, skill_id = settings_of(ctx), skill_id_of(skill)
    if purpose is not None:
        _one(settings, skill, purpose, {"model": None, "adapter": None})
    folder = BoostFolder(settings, skill_id)
    confirm(f"remove {purpose or 'all templates'} of {skill_id}?", is_agreed=yes)
    gone = folder.remove(purpose)
    if purpose is None and settings.journal_path.exists():
        anyio.run(_forget, settings, skill_id)
    if as_json:
        print_json({"schema": 1, "skillId": skill_id, "files": [str(path) for path in gone]})
    else:
        for path in gone:
            out.print(f"{'changed' if path.exists() else 'removed'} {path}", markup=False)
        if not gone:
            out.print("nothing was there", markup=False)


@command.command(cls=SkvmCommand)
@click.argument("skill")
@click.argument("purpose", required=False)
@click.option("--rounds", type=click.IntRange(1, 200), default=20, show_default=True, help="Fuzzing rounds.")
@click.option(
    "--sandbox",
    type=click.Choice(["auto", "bubblewrap", "landlock", "sandbox-exec"]),
    default="auto",
    show_default=True,
    help="Where templates run.",
)
@_json
@click.pass_context
def test(ctx: click.Context, /, skill: str, purpose: str | None, as_json: bool, **options: Any) -> int:
    """Run templates on recorded runs and on changed values, now; asks no model, records nothing.

    Exit code: 1 if one did not hold, else 0.
    """
    from skvm.cli.boost_testing import print_tried, tried_json, try_candidates
    from skvm.cli.console import print_json

    settings = settings_of(ctx)
    everything = {"model": None, "adapter": None}
    if purpose is not None:
        kept: tuple[Kept, ...] = (_one(settings, skill, purpose, everything),)
    else:
        kept, _ = _gather(settings, skill, everything)
    tried = try_candidates(
        settings, kept, rounds=options["rounds"], sandbox=options["sandbox"], quiet=as_json
    )
    if as_json:
        print_json({"schema": 1, "candidates": [tried_json(each) for each in tried]})
    else:
        print_tried(tried)
    return 0 if all(each.holds for each in tried) else 1


def _gather(settings: Settings, skill: str | None, options: dict[str, Any]) -> tuple[Any, Any]:
    import anyio

    from skvm.runtime.boost.shelf import gather, skill_id_of

    skill_id = skill_id_of(skill) if skill is not None else None
    return anyio.run(gather, settings, skill_id, options["model"], options["adapter"])


def _one(settings: Settings, skill: str, purpose: str, options: dict[str, Any]) -> Kept:
    from skvm.runtime.boost.shelf import find_one, skill_id_of

    kept, _ = _gather(settings, skill, options)
    return find_one(kept, skill_id_of(skill), purpose)


async def _forget(settings: Settings, skill_id: str) -> None:
    from skvm.evidence.blobs import BlobStore
    from skvm.evidence.journal import Journal
    from skvm.harness.confine import choose_sandbox
    from skvm.runtime.boost.library import Library

    async with Journal(settings.journal_path) as journal:
        library = Library.open(settings, journal, BlobStore(settings.blobs_dir), choose_sandbox("none"))
        await library.forget(skill_id)


def _turn(settings: Settings, skill: str, purpose: str, *, is_enabled: bool, as_json: bool) -> None:
    """Write it into the file, and into the journal for every target it has met."""
    import anyio

    from skvm.cli.console import out, print_json
    from skvm.runtime.boost.shelf import turn

    found = _one(settings, skill, purpose, {"model": None, "adapter": None})
    anyio.run(lambda: turn(settings, found, is_enabled=is_enabled))
    if as_json:
        print_json({"schema": 1, "skillId": found.skill_id, "purposeId": purpose, "isEnabled": is_enabled})
    else:
        out.print(f"{purpose} is {'on' if is_enabled else 'off'}", markup=False)
