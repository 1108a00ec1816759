"""What is found about a skill's dependencies: coded, each with its page."""

from __future__ import annotations

from skvm.diagnostics import Severity, rule

__all__ = ["SKV220", "SKV221", "SKV222", "SKV223", "SKV224"]

SKV220 = rule(
    "SKV220",
    "refused dependency",
    "The skill needs a package or a command that may not be bound (--refuse). It stands in env-"
    "manifest.json as refused, no script and no skvm env command installs it, and the first pass takes "
    "another way where the skill names one. Where it names none, a function of the skill may be out of "
    "reach.",
)
SKV221 = rule(
    "SKV221",
    "dependency only guessed",
    "Something is imported or called that neither the skill declares nor anybody knows by that name; it "
    "may be a file of another project. It is listed with a low confidence and never installed. Declare it"
    " (requirements.txt, an install command, compatibility in the frontmatter) to make it sure.",
    Severity.NOTE,
)
SKV222 = rule(
    "SKV222",
    "nothing to refuse",
    "A dependency was refused that the skill does not need, or not under this name. Names are written as "
    "type:name (pip:pandas, npm:@scope/tool, system:ffmpeg, service:github); env-manifest.json lists "
    "them.",
)
SKV223 = rule(
    "SKV223",
    "dependency without a version",
    "A required Python or Node package is named without any version, so two machines may bind different "
    "ones. What was bound is recorded beside the private environment. Write a lower bound at least.",
    Severity.NOTE,
)
SKV224 = rule(
    "SKV224",
    "dependency from elsewhere",
    "The skill gets a package from an address, a repository or an index of its own. The public registry may "
    "hold another package under that name, of anybody who took it, so no script and no skvm env command "
    "installs it; it is listed, and told to be missing where it is not there. Look where it comes from and "
    "install it yourself, or name one of the registry.",
)
