"""What a heading says of its section: whether it is at the heart of the skill, or help to look up."""

from __future__ import annotations

import enum
import re
import unicodedata

__all__ = ["Role", "anchor_of", "bare_title", "moment_of", "role_of", "slug_of"]


class Role(enum.IntEnum):
    """What a section is for; lower ones leave first, the start and the heart never.

    What stands below a section about the heart is at the heart as well; below a start it is a subject.
    """

    HELP = 1
    SUBJECT = 2
    START = 3
    HEART = 4


# Titles are read in small letters.
_START = re.compile(
    r"^(?:overview|introduction|usage|contents|resources|references|documentation|scripts|assets|"
    r"knowledge base)$|"
    r"\b(?:(?:bundled|reference|supporting|additional) (?:files?|guides?|materials?|resources))\b|"
    r"\b(?:quick ?start|getting started|how to use|how (?:this|the) skill works|key features|"
    r"core (?:capabilities|features))\b|概述|快速开始",
)
_HEART = re.compile(
    r"^instructions?$|^(?:your )?role$|^(?:important |key )?notes?$|^(?:when|if)\b|"
    r"\b(?:when (?:not )?to (?:use|activate)|rules?|constraints?|principles?|guard ?rails?|safety|"
    r"permissions?|critical|important|must|never|always|required|requirements?|do(?:n['’]t| not)s?|"
    r"deliverables?|prerequisites?|output (?:format|artifacts?|contract)|before (?:you )?start(?:ing)?|"
    r"initial assessment|inputs? (?:to|you|needed)|responsibilit\w+|checklists?|check ?points?|"
    r"(?:input|output) validation|best practices|"
    r"guidelines?|anti[- ]?patterns?|pitfalls?|mistakes?|red flags?|proactive triggers?|gotchas?|"
    r"warnings?|cautions?|limitations?|non[- ]goals?|boundar\w+|scope|purpose|mission|persona|"
    r"communication|related skills|see also|cross[- ]references|routing|escalation|"
    r"decision (?:tree|framework|flow)\w*|(?:detailed )?reference documentation|table of contents|"
    r"keywords|trigger(?: terms|s|ing)?|activation|activates)\b"
    r"|规则|原则|注意|必须|禁止|要求|约束|输出格式|何时使用|检查清单|目录",
)
_HELP = re.compile(
    r"\b(?:examples?|samples?|demos?|walk-?throughs?|case stud\w+|scenarios?|troubleshoot\w*|faqs?|"
    r"frequently asked|common (?:issues|errors|problems|questions|fixes)|known issues|debugging|background|"
    r"error (?:codes?|messages?|reference|handling)|theory|concepts?|rationale|history|glossary|terminology|"
    r"appendix|advanced|(?:quick|api|command|cli|tool|complete|full|schema|field|parameter) reference|"
    r"reference tables?|cheat ?sheets?|api|commands?|options?|parameters?|flags|arguments?|configuration|"
    r"settings|endpoints?|schemas?|methods?|templates?|snippets?|recipes?|cookbook|patterns?|exit codes?|"
    r"rate limits?|status codes?|environment variables?|benchmarks?|comparisons?|migration|changelog|"
    r"alternatives|integrations?|ci/cd|tips|further reading|installation|install|setup|data sources|"
    r"use cases)\b"
    r"|示例|例子|案例|常见问题|故障|参考|附录|背景|模板|配置|命令|参数|接口",
)
_MOMENTS = (
    (
        r"troubleshoot|\b(?:common|known|typical|frequent) (?:\w+ )?(?:issues|problems|errors|failures)\b"
        r"|^(?:issues|problems|errors)\b|\berror (?:handling|codes?|messages?|reference|recovery)\b"
        r"|\bdebugging\b"
        r"|故障(?:排|处)|常见(?:问题|错误)|问题排查|错误(?:处理|码)",
        "when something goes wrong here",
    ),
    (r"\bfaq|frequently asked|common questions", "when a question of this kind comes up"),
    (r"\btemplates?\b|模板", "before filling in a template"),
    (
        r"\bexamples?\b|\bsamples?\b(?! size)|\bdemos?\b|walk-?through|case stud|示例|例子|案例",
        "when a worked example would help",
    ),
    (r"\bscenarios?\b|use cases?|场景", "when one of these cases comes up"),
    (
        r"\binstall|\bset-?up\b|\bconfigur|\bsettings\b|environment variable|安装|配置",
        "before setting this up",
    ),
    (
        r"^background(?:$| (?:and|of|on|to|information|reading))|\btheory\b|\bconcepts?\b|\brationale\b"
        r"|\bhistory (?:notes|of)\b|^history$|背景",
        "when the background matters",
    ),
    (r"\b(?:workflows?|process(?:es)?|procedures?|playbook|runbook)\b|流程|步骤", "before doing this"),
    (
        r"\breferences?\b|\bapis?\b|\bcommands?\b|\boptions\b|\bparameters?\b|\bflags\b|\barguments?\b"
        r"|\bendpoints?\b|\bschemas?\b|\b(?:exit|status) codes?\b|glossary|terminology|cheat|\blimits\b"
        r"|参考|命令|参数|接口",
        "when the details are needed",
    ),
    (r"\bmigrat|\bupgrad", "before migrating"),
    (r"\bintegrations?\b|ci/cd", "before integrating this with something else"),
)
_SLUG_CHARS = 36
_NUMBER = re.compile(
    r"^(?:(?:step|phase|stage|part|section|appendix|pattern|example|scenario)\s+)?"
    r"(?:[\dA-Z]{1,2}(?:\.\d+)*[.):：]\s*|\d{1,2}(?:\.\d+)+\s+)",
    re.IGNORECASE,
)


def role_of(title: str) -> Role:
    """The role a title gives its section."""
    small = title.lower()
    if _HEART.search(small):
        return Role.HEART
    if _START.search(small):
        return Role.START
    return Role.HELP if _HELP.search(small) else Role.SUBJECT


def moment_of(title: str, *, is_procedure: bool) -> str:
    """When what stands under a title must be read."""
    for pattern, moment in _MOMENTS:
        if re.search(pattern, title, re.IGNORECASE):
            return moment
    return "before doing this" if is_procedure else "before working on this"


def bare_title(title: str) -> str:
    """A title without its number, pictures and marks."""
    plain = title
    if not title.isascii():
        plain = "".join(sign for sign in title if unicodedata.category(sign) not in ("So", "Cf", "Cs", "Mn"))
    plain = _NUMBER.sub("", " ".join(plain.replace("`", "").split()))
    return plain.strip(" :：-–—") or " ".join(title.split())


def slug_of(title: str) -> str:
    """A file name for a title: words of small ASCII letters and digits; ``part`` where nothing is left."""
    title = bare_title(title)
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if len(slug) > _SLUG_CHARS:
        slug = slug[: _SLUG_CHARS + 1].rpartition("-")[0] or slug[:_SLUG_CHARS]
    # What is left of a title in another script may be a letter that says nothing.
    says = title.isascii() or re.search(r"[a-z]{3}", slug) is not None
    return slug if slug and says else "part"


def anchor_of(title: str) -> str:
    """The anchor that leads to a heading, as it is written in links."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
