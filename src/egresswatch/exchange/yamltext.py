# SPDX-License-Identifier: Apache-2.0
"""Plain values as YAML that every reader takes the same way.

Each text stands between double quotes with everything unusual escaped, so that no value can become
a number, a country code no false, and no text from outside an anchor, a tag or a new field. Only
mappings with plain keys, lists, texts, whole numbers and booleans.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_|-]*")
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
"""Keys that YAML 1.1 takes for something else than a text."""
_PAIR = re.compile(r"\\ud([89ab][0-9a-f]{2})\\ud([c-f][0-9a-f]{2})")


def document(value: Mapping[str, Any]) -> str:
    """A mapping as one YAML document, keys in their order."""
    return "\n".join(_block(value, 0)) + "\n"


def quoted(text: str) -> str:
    """``text`` between double quotes, as YAML 1.1, YAML 1.2 and TOML 1.0 all read it.

    A lone half of a surrogate pair cannot be said in either: it becomes U+FFFD.
    """
    clean = text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text
    escaped = json.dumps(clean, ensure_ascii=True).replace("\x7f", "\\u007f")
    return _PAIR.sub(_joined, escaped)


def _joined(found: re.Match[str]) -> str:
    """A surrogate pair as the one character it stands for."""
    high, low = int("d" + found[1], 16) - 0xD800, int("d" + found[2], 16) - 0xDC00
    return f"\\U{0x10000 + (high << 10) + low:08x}"


def _block(value: Mapping[str, Any] | Sequence[Any], depth: int) -> Iterator[str]:
    pad = "  " * depth
    if isinstance(value, Mapping):
        for key, item in value.items():
            name = key if _KEY.fullmatch(key) and key.lower() not in _WORDS else quoted(key)
            yield from _field(f"{pad}{name}:", item, depth)
        return
    for item in value:
        if isinstance(item, Mapping) and item:
            first, *rest = _block(item, depth + 1)
            yield f"{pad}- {first.lstrip()}"
            yield from rest
        else:
            yield f"{pad}- {_flow(item)}"


def _field(head: str, item: Any, depth: int) -> Iterator[str]:
    if isinstance(item, (Mapping, list, tuple)) and item:
        yield head
        yield from _block(item, depth + 1)
    else:
        yield f"{head} {_flow(item)}"


def _flow(item: Any) -> str:
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, int):
        return str(item)
    if isinstance(item, Mapping):
        return "{" + ", ".join(f"{quoted(key)}: {_flow(each)}" for key, each in item.items()) + "}"
    if isinstance(item, (list, tuple)):
        return "[" + ", ".join(_flow(each) for each in item) + "]"
    return quoted(str(item))
