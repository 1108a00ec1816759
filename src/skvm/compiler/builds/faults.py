"""What keeps a compile or a proof from being good: coded, each with its page."""

from __future__ import annotations

from skvm.diagnostics import Severity, rule

__all__ = [
    "SKV280",
    "SKV281",
    "SKV282",
    "SKV283",
    "SKV284",
    "SKV285",
    "SKV286",
    "SKV287",
    "SKV288",
    "SKV289",
]

SKV280 = rule(
    "SKV280",
    "profile of another target",
    "The profile describes another model or another harness than the one named. Levels of one target say "
    "nothing about another one, so nothing is compiled. Name the profile's own target, or measure this one.",
    Severity.ERROR,
)
SKV281 = rule(
    "SKV281",
    "skill cannot be compiled",
    "SKILL.md is empty, binary or unreadable, or the folder is a compiled variant already. Compile the "
    "original skill; skvm lint shows what is wrong with it.",
    Severity.ERROR,
)
SKV282 = rule(
    "SKV282",
    "variant is being compiled",
    "Another process compiles the same skill for the same target with the same passes. Only one of them may "
    "write the variant. Wait for it to end, then run the command again.",
    Severity.ERROR,
)
SKV283 = rule(
    "SKV283",
    "variant cannot be written",
    "The disk is full, read-only, or another file lies where a folder must be. The variant that lay there "
    "before still does. Free some space or choose another place with --skvm-cache.",
    Severity.ERROR,
)
SKV284 = rule(
    "SKV284",
    "build differs from the lock",
    "With --frozen a build must be the one skvm.lock describes: same skill, profile, passes, options and "
    "recorded answers, and no model is asked. Compile without --frozen to bring the lock up to date.",
    Severity.ERROR,
)
SKV285 = rule(
    "SKV285",
    "proof does not hold",
    "A variant, its proof or a lock is not what the compile wrote, or an edit does not follow from the skill "
    "and the profile. Compile the skill again; if nobody has touched the files, report it.",
    Severity.ERROR,
)
SKV286 = rule(
    "SKV286",
    "lock not written",
    "The variant is complete, but skvm.lock could not be written beside the skill, because the skill's "
    "folder is read-only or what lies there is no lock. --no-lock leaves the lock out.",
)
SKV287 = rule(
    "SKV287",
    "bundle file has a name of ours",
    "The skill's bundle holds a file that a variant needs for itself (meta.json, proof.json, "
    "compilation-plan.json, or a record of a pass). Rename it in the skill.",
    Severity.ERROR,
)
SKV288 = rule(
    "SKV288",
    "compile not done in time",
    "The compile took longer than --timeout-ms allows. Nothing was written; the variant that lay there "
    "before still does. Allow more time, use a faster compiler model or none (--compiler-model=none), or "
    "split a very large skill.",
    Severity.ERROR,
)
SKV289 = rule(
    "SKV289",
    "compiler model does not answer",
    "The compiler model could not be reached, answered with an error, or took too long. Nothing was written. "
    "skvm config probe says what its endpoint can do; --compiler-model=none compiles without one.",
    Severity.ERROR,
)
