"""What can be wrong with a certificate."""

from __future__ import annotations

from skvm.diagnostics import Severity, rule

__all__ = [
    "SKV901",
    "SKV902",
    "SKV903",
    "SKV904",
    "SKV905",
    "SKV906",
    "SKV907",
    "SKV908",
    "SKV909",
]

SKV901 = rule(
    "SKV901",
    "no certificate",
    "The file cannot be read as a certificate: it is no JSON that means one thing to every reader, lacks a"
    " field, has one nobody knows, or was written by a newer skvm.\n\n"
    "Nothing it seems to say can be relied on.\n\n"
    "Get it again from where it was issued, or issue it again.",
    Severity.ERROR,
)
SKV902 = rule(
    "SKV902",
    "certificate is not as it was written",
    "What it says can be read, but its bytes are not those a certificate with this content has: a program or"
    " a person has changed blanks, line ends or the order of keys.\n\n"
    "A certificate has one form, so that what a person reviews is what a program checks.\n\n"
    "Get it again; in git, `*.certificate.json -text` in .gitattributes keeps line ends as they are.",
    Severity.ERROR,
)
SKV903 = rule(
    "SKV903",
    "certificate is not signed",
    "It has no signature, or somebody has taken it off.\n\n"
    "Anybody could have written what it says.\n\n"
    "Get the signed one, or issue it again with `skvm certify`.",
    Severity.ERROR,
)
SKV904 = rule(
    "SKV904",
    "signature does not hold",
    "The signature is not that of the named key over what the certificate says.\n\n"
    "Either the statement or the signature was changed after it was signed.\n\n"
    "Do not rely on it; get it again from where it was issued.",
    Severity.ERROR,
)
SKV905 = rule(
    "SKV905",
    "key is not trusted",
    "The signature holds, but nobody said that this key is to be trusted.\n\n"
    "Anybody can make a key and sign anything with it; only where the key comes from tells who speaks.\n\n"
    "Compare the fingerprint with the issuer's by another way, then give it with `--trust`. "
    "`--allow-unknown-key` checks without this.",
    Severity.ERROR,
)
SKV906 = rule(
    "SKV906",
    "skill is not the certified one",
    "A file of the skill's folder was changed, is missing, was added, is a link now, or may be executed where"
    " it could not, or the folder is not there.\n\n"
    "The certificate speaks of other files than these.\n\n"
    "Get the files it speaks of, or have this state measured and certified.",
    Severity.ERROR,
)
SKV907 = rule(
    "SKV907",
    "figures are not those of the journal",
    "The journal of this machine gives other figures than the certificate says, or lacks a record they come"
    " from.\n\n"
    "Runs may have been judged since, or the certificate was made from another journal.\n\n"
    "Look at the session with `skvm bench --list-sessions`, and issue the certificate again.",
    Severity.ERROR,
)
SKV908 = rule(
    "SKV908",
    "certificate contradicts itself",
    "What it says in one place cannot be true together with what it says in another.\n\n"
    "skvm writes no such certificate; whoever signed it wrote it otherwise.\n\n"
    "Do not rely on it.",
    Severity.ERROR,
)
SKV909 = rule(
    "SKV909",
    "signature was not checked",
    "The package that checks signatures is not installed.\n\n"
    "Files were compared, but whether the statement is the issuer's is not known.\n\n"
    "Install the extra: `pip install 'skvm[sign]'`.",
    Severity.ERROR,
)
