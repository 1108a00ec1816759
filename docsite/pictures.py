"""``python -m docsite pictures``: every picture of the documentation, made by the software.

The runs are real; the model is a scripted one (``docsite/clerk.py``), but for the atlas, which shows the
measured profiles that come with the package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docsite.clerk import answer
from docsite.drawing import architecture_svg, icon_svg

__all__ = ["main"]

REPO = Path(__file__).resolve().parent.parent
PICTURES = REPO / "docs" / "pictures"
MODEL = "demo/clerk"
LIMIT_BYTES = 200_000
SKVM = str(Path(sys.executable).with_name("skvm"))
TASKS = REPO / "examples" / "optimizer" / "tasks"


def main() -> int:
    """Make all of them; returns the exit code."""
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / "architecture.svg").write_text(architecture_svg(), encoding="utf-8")
    (PICTURES / "icon.svg").write_text(icon_svg(), encoding="utf-8")
    if shutil.which("chromium") is None:
        print("there is no chromium here (package 'chromium'): drawings only")
        return 1
    from skvm.llm.fake import FakeServer

    with tempfile.TemporaryDirectory(prefix="p-") as name, FakeServer.running(answer) as model:
        studio = Studio(Path(name), model.base_url)
        studio.take()
    large = [path.name for path in PICTURES.iterdir() if path.stat().st_size > LIMIT_BYTES]
    for path in sorted(PICTURES.iterdir()):
        print(f"{path.relative_to(REPO)}  {path.stat().st_size:,} bytes")
    if large:
        print(f"larger than {LIMIT_BYTES:,} bytes: {', '.join(sorted(large))}")
    return 1 if large else 0


class Studio:
    """A home with a scripted model, in which commands run and pages are photographed."""

    def __init__(self, folder: Path, model_url: str) -> None:
        folder.chmod(0o755)
        self.folder = folder
        self.work = folder / "work"
        self.work.mkdir()
        self.env = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "COLUMNS": "110",
        }
        self.skvm("config", "init", "--route", f"openai-compatible,match={MODEL},url={model_url}")

    def skvm(self, *arguments: str) -> None:
        """Run one command.

        Raises:
            CalledProcessError: It failed.
        """
        print(f"$ skvm {' '.join(arguments)}", flush=True)
        subprocess.run(
            [SKVM, *arguments],
            cwd=self.work, env=self.env, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def take(self) -> None:
        """Make what is shown, then the pictures."""
        self.skvm("profile", "atlas", "--out", str(self.work / "atlas"))
        plans = REPO / "examples" / "plans"
        shutil.copytree(plans / "tasks" / "build-checks-harbour" / "fixtures", self.work / "pages")
        checks = str(plans / "skills" / "build-checks")
        self.skvm("plan", "run", checks, "--workdir", str(self.work / "pages"))
        self.skvm("plan", "trace", "--html", str(self.work / "plan.html"))
        target = ("--adapter", "shell-agent")
        shutil.copytree(REPO / "examples" / "optimizer" / "order-slip", self.work / "order-slip")
        self.skvm(
            "jit-optimize", "--skill", "order-slip", "--task-source=real", "--tasks", _tasks(1, 9),
            "--optimizer-model", "none", "--target-model", MODEL, *target,
        )  # fmt: skip
        self.skvm(
            "bench", "--model", MODEL, *target, "--tasks", _tasks(1, 12), "--runs-per-task", "3",
            "--conditions", "no-skill,original,jit-optimized", "--temperature", "0.7",
            "--skill", "order-slip",
        )  # fmt: skip
        with self.served() as address:
            self.photograph(address)

    @contextmanager
    def served(self) -> Iterator[str]:
        """The review page on loopback; gives its address with the token."""
        server = subprocess.Popen(
            [SKVM, "proposals", "serve", "--port", "0", "--no-open"],
            cwd=self.work, env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert server.stdout is not None
        try:
            line = next(line for line in server.stdout if "http://" in line)
            yield next(word for word in line.split() if word.startswith("http://"))
        finally:
            server.terminate()
            server.wait()

    def photograph(self, address: str) -> None:
        """Look at every page in light and dark colours."""
        from playwright.sync_api import sync_playwright

        report = next((self.folder / ".skvm" / "log" / "bench").rglob("report.html"))
        shots = {
            "atlas": (next((self.work / "atlas").glob("*.html")).as_uri(), 1200, 400),
            "plan-timeline": ((self.work / "plan.html").as_uri(), 1200, 640),
            "bench-report": (report.as_uri(), 1200, 1000),
        }
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
            for colours in ("light", "dark"):
                context = browser.new_context(color_scheme=colours, device_scale_factor=1)
                page = context.new_page()
                for name, (url, width, height) in shots.items():
                    page.set_viewport_size({"width": width, "height": height})
                    page.goto(url)
                    page.screenshot(path=_file(name, colours))
                page.set_viewport_size({"width": 1200, "height": 900})
                page.goto(address)
                page.locator("main a[href*=order-slip]").first.click()
                page.wait_for_load_state()
                page.screenshot(path=_file("review-page", colours))
                context.close()
            browser.close()


def _tasks(first: int, last: int) -> str:
    return ",".join(str(TASKS / f"order-slip-{number}") for number in range(first, last + 1))


def _file(name: str, colours: str) -> Path:
    return PICTURES / f"{name}{'-dark' if colours == 'dark' else ''}.png"
