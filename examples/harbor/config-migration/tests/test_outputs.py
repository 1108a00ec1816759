"""Checks the migrated settings one by one and prints the share that is right as the last line."""

import hashlib
import tomllib
from pathlib import Path

SERVICE = Path("/srv/service")
OLD = {
    "base.ini": "98ffe564e2856a328cd02965b4d430491f0a8109ab846d74eb188dcca7406af2",
    "site.ini": "4a757f6e35255be16e83d0288e44005938719151fafd4d2b6942e1fbf066574f",
}
EXPECTED = {
    "server.host": "[::1]",
    "server.port": 9443,
    "server.request_timeout_s": 120,
    "upload.max_bytes": 3 * 1024 * 1024,
    "upload.allowed_types": ["image/png", "application/pdf", "text/csv"],
    "log.level": "warning",
    "log.colour": True,
    "cache.enabled": False,
    "cache.ttl_s": 300,
    "database.url": "postgres://app@db.internal:5432/app?options=-c%20search_path%3Dapp",
}


def flat(table, prefix=""):
    found = {}
    for key, value in table.items():
        if isinstance(value, dict):
            found.update(flat(value, f"{prefix}{key}."))
        else:
            found[prefix + key] = value
    return found


def main():
    try:
        got = flat(tomllib.loads((SERVICE / "config.toml").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        print(f"no settings: {error}")
        print("0")
        return
    checks = {
        key: key in got and got[key] == value and type(got[key]) is type(value)
        for key, value in EXPECTED.items()
    }
    checks["nothing else"] = set(got) <= set(EXPECTED)
    checks["old files"] = all(
        hashlib.sha256((SERVICE / "old" / name).read_bytes()).hexdigest() == digest
        for name, digest in OLD.items()
    )
    for name, fine in checks.items():
        print(f"{'ok  ' if fine else 'FAIL'} {name}")
    print(sum(checks.values()) / len(checks))


if __name__ == "__main__":
    main()
