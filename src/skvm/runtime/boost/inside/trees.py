"""What JSON values look like: types, keys, and the classes of their strings, as a tree.

A node is ``{"types": […]}`` with, where it has strings, their ``classes``; where it has arrays, ``items`` (a
node or ``None``) and ``lengths`` (``some``, ``none``, ``any``); where it has objects, either ``keys`` (a node
each) and those of them that are ``optional``, or ``open``: a node for the values of all keys, any keys.
"""

from __future__ import annotations

import math

from skvm.runtime.boost.inside import cells

TYPE_CHECKING = False  # importing typing would take as long as all of this
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["describe", "join", "loosened", "misfits", "opened"]

DEPTH_LIMIT = 40
OPEN_KEYS = 60
KEY_LIMIT = 500
"""So many keys are a map, whatever stands below them: joining objects must not take ever longer."""
MISFIT_LIMIT = 10


def describe(values: Sequence[Any], depth: int = 0) -> dict[str, Any]:
    """The node of some values that stand at one place."""
    if depth > DEPTH_LIMIT:
        return {"types": ["deep"]}
    types = sorted({_type_of(value) for value in values})
    node: dict[str, Any] = {"types": types}
    if "string" in types:
        node["classes"] = cells.classes_of([value for value in values if isinstance(value, str)])
    arrays = [value for value in values if isinstance(value, list)]
    if arrays:
        items = [item for array in arrays for item in array]
        node["items"] = describe(items, depth + 1) if items else None
        node["lengths"] = "none" if not items else "some" if all(arrays) else "any"
    objects = [value for value in values if isinstance(value, dict)]
    if objects:
        node.update(_members(objects, depth))
    return node


def join(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The tightest node that both satisfy."""
    node: dict[str, Any] = {"types": sorted({*one["types"], *other["types"]})}
    if "classes" in one or "classes" in other:
        node["classes"] = sorted({*one.get("classes", ()), *other.get("classes", ())})
    if "lengths" in one and "lengths" in other:
        pair = (one["items"], other["items"])
        node["items"] = join(*pair) if pair[0] and pair[1] else pair[0] or pair[1]
        node["lengths"] = one["lengths"] if one["lengths"] == other["lengths"] else "any"
    elif "lengths" in one or "lengths" in other:
        source = one if "lengths" in one else other
        node["items"], node["lengths"] = source["items"], source["lengths"]
    node.update(_joined_members(one, other))
    if one.get("isExact") is False or other.get("isExact") is False:
        node["isExact"] = False
    return node


def misfits(node: dict[str, Any], seen: dict[str, Any], path: str = "", depth: int = 0) -> list[str]:
    """What of a described value is not as a node has it, the first ten of it."""
    found: list[str] = []
    _compare(node, seen, path, found, is_exact=True, depth=depth)
    return found[:MISFIT_LIMIT]


def loosened(node: dict[str, Any]) -> dict[str, Any]:
    """A node of what one program writes: see ``cells.loosened``."""
    found = dict(node)
    if "integer" in node["types"]:
        found["types"] = sorted({*node["types"], "number"})
    if "classes" in node:
        found["classes"] = cells.loosened(node["classes"])
    for name in ("items", "open"):
        if node.get(name):
            found[name] = loosened(node[name])
    if "keys" in node:
        found["keys"] = {key: loosened(inner) for key, inner in node["keys"].items()}
    return found


def opened(node: dict[str, Any], parts: Sequence[str]) -> dict[str, Any]:
    """A node with the object at a place taken as a map: its keys may be any, its values are alike.

    Args:
        node: A node.
        parts: Keys that lead there; ``*`` into the items of an array or the values of a map.
    """
    if parts:
        name, rest = parts[0], parts[1:]
        if name == "*":
            inner = "items" if node.get("items") else "open"
            return {**node, inner: opened(node[inner], rest)} if node.get(inner) else node
        keys = node.get("keys") or {}
        return {**node, "keys": {**keys, name: opened(keys[name], rest)}} if name in keys else node
    if not node.get("keys"):
        return node
    kept = {key: value for key, value in node.items() if key not in ("keys", "optional")}
    return {**kept, "open": _joined(list(node["keys"].values()))}


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number" if math.isfinite(value) else "not-a-number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def _members(objects: Sequence[dict[str, Any]], depth: int) -> dict[str, Any]:
    by_key: dict[str, list[Any]] = {}
    for each in objects:
        for key, value in each.items():
            by_key.setdefault(key, []).append(value)
    keys = {key: describe(by_key[key], depth + 1) for key in sorted(by_key)}
    optional = sorted(key for key, values in by_key.items() if len(values) < len(objects))
    if len(keys) > OPEN_KEYS and _is_alike(list(keys.values())):
        return {"open": _joined(list(keys.values()))}
    return {"keys": keys, "optional": optional} if optional else {"keys": keys}


def _joined_members(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The tightest keys that the objects of two nodes satisfy.

    Values that are alike below keys of which most differ are a map: its keys are data.
    """
    has_one, has_other = "keys" in one or "open" in one, "keys" in other or "open" in other
    if not (has_one and has_other):
        source = one if has_one else other
        return {name: source[name] for name in ("keys", "optional", "open") if name in source}
    mine, theirs = one.get("keys") or {}, other.get("keys") or {}
    inner = [node for node in (one.get("open"), other.get("open"), *mine.values(), *theirs.values()) if node]
    common, either = set(mine) & set(theirs), {*mine, *theirs}
    if "open" in one or "open" in other:
        return {"open": _joined(inner)}
    if len(common) * 2 < len(either) and (len(either) > KEY_LIMIT or _is_alike(inner)):
        return {"open": _joined(inner)}
    keys = {
        key: join(mine[key], theirs[key]) if key in common else mine.get(key) or theirs[key]
        for key in sorted(either)
    }
    optional = sorted({*one.get("optional", ()), *other.get("optional", ()), *(set(keys) - common)})
    return {"keys": keys, "optional": optional} if optional else {"keys": keys}


def _joined(nodes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    whole = nodes[0]
    for node in nodes[1:]:
        whole = join(whole, node)
    return whole


def _is_alike(nodes: Sequence[dict[str, Any]]) -> bool:
    return len({_signature(node) for node in nodes}) == 1


def _signature(node: dict[str, Any]) -> tuple[object, ...]:
    types = {"number" if each == "integer" else each for each in node["types"]} - {"null"}
    return (*sorted(types), *sorted(node.get("keys") or ()))


def _compare(
    node: dict[str, Any], seen: dict[str, Any], path: str, found: list[str], *, is_exact: bool, depth: int
) -> None:
    if len(found) >= MISFIT_LIMIT:
        return
    place = path or "the whole"
    is_exact = is_exact and node.get("isExact") is not False
    types = node["types"]
    for name in seen["types"]:
        if name not in types and not (name == "integer" and "number" in types):
            found.append(f"{place} is {name}, not {' or '.join(types)}")
            return
    known = node.get("classes")
    odd = [
        name for name in seen.get("classes", ()) if known is not None and not cells.is_covered(name, known)
    ]
    found += [f"{place} holds {name}, not {', '.join(known or ())}" for name in odd]
    if "lengths" in seen:
        _compare_arrays(node, seen, path, found, is_exact=is_exact, depth=depth)
    if "keys" in seen or "open" in seen:
        _compare_members(node, seen, path, found, is_exact=is_exact, depth=depth)


def _compare_arrays(
    node: dict[str, Any], seen: dict[str, Any], path: str, found: list[str], *, is_exact: bool, depth: int
) -> None:
    if depth <= 1 and node.get("lengths") == "some" and seen["lengths"] != "some":
        found.append(f"{path or 'the whole'} is empty")
    if seen["items"] is None:
        return
    if node.get("items") is None:
        found.append(f"{path or 'the whole'} is not empty")
    else:
        _compare(node["items"], seen["items"], f"{path}/*", found, is_exact=is_exact, depth=depth + 1)


def _compare_members(
    node: dict[str, Any], seen: dict[str, Any], path: str, found: list[str], *, is_exact: bool, depth: int
) -> None:
    inner = node.get("open")
    theirs = seen.get("keys") or {}
    if inner:
        for key in sorted(theirs):
            _compare(inner, theirs[key], f"{path}/{key[:60]}", found, is_exact=is_exact, depth=depth + 1)
        if seen.get("open"):
            _compare(inner, seen["open"], f"{path}/*", found, is_exact=is_exact, depth=depth + 1)
        return
    if seen.get("open"):
        found.append(f"{path or 'the whole'} has many keys")
        return
    mine = node.get("keys") or {}
    optional = node.get("optional", ())
    there = set(theirs) - set(seen.get("optional", ()))
    found += [f"{path}/{key[:60]} is missing" for key in sorted(set(mine) - set(optional) - there)]
    for key in sorted(theirs):
        if key in mine:
            _compare(mine[key], theirs[key], f"{path}/{key[:60]}", found, is_exact=is_exact, depth=depth + 1)
        elif is_exact:
            found.append(f"{path}/{key[:60]} is new")
