"""The skill ``service-config``, done by the book."""

import json
import re

SIZES = {"small": ("256M", "0.25", "1"), "medium": ("512M", "0.5", "2"), "large": ("2G", "1.5", "3")}
SLIPS = (
    "settings as the brief spells them",
    "owners without addresses",
    "limits of another size",
    "no ini",
)


def solve(folder, prompt, slip=None):
    """Write the four files in ``config/``."""
    brief = (folder / "brief.md").read_text()
    name = brief.splitlines()[0].removeprefix("# ")
    above, below = map(facts, brief.split("## Settings"))
    config = folder / "config"
    config.mkdir()
    size = "large" if slip == "limits of another size" else above["size"]
    memory, cpu, replicas = SIZES[size]
    first = f"[service]\nname = {name}\nport = {above['port']}\nteam = {above['team']}\n"
    second = f"[limits]\nmemory = {memory}\ncpu = {cpu}\nreplicas = {replicas}\n"
    if slip != "no ini":
        (config / "service.ini").write_text(f"{first}\n{second}")
    (config / "settings.env").write_text(
        "".join(f"{variable(name, key, slip)}={value}\n" for key, value in below.items())
    )
    interval = 15 if above["critical"] == "yes" else 60
    url = f"http://{name}.internal:{above['port']}/healthz"
    (config / "health.json").write_text(json.dumps({"url": url, "interval": interval}))
    domain = "" if slip == "owners without addresses" else "@harbourline.example"
    owners = sorted(above["owners"].split(", "))
    (config / "OWNERS").write_text("".join(f"{owner}{domain}\n" for owner in owners))


def facts(part):
    """The list in a part of the brief."""
    return dict(re.findall(r"^- ([\w-]+): (.+)$", part, re.MULTILINE))


def variable(name, key, slip):
    """The variable of a setting."""
    if slip == "settings as the brief spells them":
        return key
    return f"{name}_{key}".upper().replace("-", "_")
