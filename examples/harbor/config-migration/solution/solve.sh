#!/bin/bash
set -e
cd /srv/service
python3 - <<'PYTHON'
import configparser
import json

old = configparser.ConfigParser(interpolation=None)
old.read(["/srv/service/old/base.ini", "/srv/service/old/site.ini"])


def get(section, key):
    return old.get(section, key, fallback=None)


def seconds(text):
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


def size(text):
    units = {"K": 1024, "M": 1024**2, "G": 1024**3}
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)


host, port = get("main", "bind").rsplit(":", 1)
new = {
    "server": {"host": host, "port": int(port), "request_timeout_s": seconds(get("main", "timeout"))},
    "upload": {
        "max_bytes": size(get("main", "max_upload")),
        "allowed_types": [part.strip() for part in get("main", "types").split(",") if part.strip()],
    },
    "log": {"level": (get("log", "verbosity") or "info").lower(), "colour": get("log", "color") in ("yes", "on", "1")},
    "cache": {"enabled": get("cache", "off") not in ("yes", "on", "1"), "ttl_s": 300},
}
if get("cache", "ttl"):
    new["cache"]["ttl_s"] = seconds(get("cache", "ttl"))
if get("db", "replica"):
    new.setdefault("database", {})["replica_url"] = get("db", "replica")
new.setdefault("database", {})["url"] = get("db", "url")
with open("config.toml", "w", encoding="utf-8") as file:
    for table, values in new.items():
        file.write(f"[{table}]\n")
        for key, value in values.items():
            # A TOML basic string, boolean, integer or array of strings reads like the JSON one.
            file.write(f"{key} = {json.dumps(value, ensure_ascii=False)}\n")
        file.write("\n")
PYTHON
