"""A program of somebody who uses the public API; it is type-checked, never run."""

import asyncio
from pathlib import Path

import skvm


def tell(progress: skvm.Progress) -> None:
    """Show how far it is."""
    print(f"{progress.verb} {progress.done}/{progress.total}: {progress.text}")  # noqa: T201


async def main() -> float | None:
    """Use everything once."""
    settings = skvm.load_settings(cache_dir="cache")
    made = await skvm.compile("skill", model="m/x", on_progress=tell, settings=settings)
    variant: Path | None = made.variant
    measured = await skvm.profile("m/x", primitives=["gen.regex"])
    runs: int = measured.runs
    result = await skvm.bench(["task"], models=["m/x"], repetitions=2)
    is_whole: bool = result.is_whole
    proposal = await skvm.optimize("skill", model="m/x", optimizer_model="none")
    folder: Path = proposal.dir
    async with skvm.BoostCapability.opened("skill", model="m/x", tool="bash") as boost:
        tool: str = boost.tool
    print(runs, is_whole, folder, tool, skvm.__version__)  # noqa: T201
    try:
        ran = await skvm.run("task", model="m/x", skill=variant)
    except skvm.SkvmError as error:
        print(error.help)  # noqa: T201
        raise
    return ran.score


if __name__ == "__main__":
    asyncio.run(main())
