# SPDX-License-Identifier: Apache-2.0
"""Rule folders -> ``Pack``: the only place that knows YAML, and a strict one.

Only ``true`` and ``false`` are booleans and only digits are numbers (``NO``, ``12:34:56`` and dates
stay texts); a key given twice, an unknown field, an alias, a tag or a second document is a mistake
with its place. All mistakes of a run are told at once, and then nothing is loaded. Within a folder
an id may stand once; a later folder replaces what an earlier one says under the same id.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from egresswatch.errors import RuleError
from egresswatch.rules import makers_schema, schema, signature
from egresswatch.rules.compile import compile_pack
from egresswatch.rules.makers import FingerprintRule, OuiGroup, Vendor
from egresswatch.rules.model import Pack, Rule, RulePackError
from egresswatch.rules.nodes import Fields, Node, Notes
from egresswatch.rules.tables import MatchTables

MAX_FILE = 4 << 20
MAX_DEPTH = 32
MANY_OPEN = 2000
_COMPACT = re.compile(r"(?:[-?:][ \t]+){8}")
"""Lists within lists on one line: the other way to nest deep with few characters."""
READERS: dict[str, Callable[[Node, str, Notes], Any]] = {
    "rules": schema.read_rule,
    "vendors": makers_schema.read_vendor,
    "ouis": makers_schema.read_ouis,
    "fingerprints": makers_schema.read_fingerprint,
}
TOP_FIELDS = ("pack", *READERS)
PACK_FIELDS = ("format", "version")
FORMAT = 1


class _Loader(yaml.CSafeLoader):
    """CSafeLoader with three implicit types; texts stay texts."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("null", r"~|null|", ["~", "n", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first))

_SCALARS: dict[str, Callable[[str], Any]] = {
    "tag:yaml.org,2002:str": str,
    "tag:yaml.org,2002:bool": "true".__eq__,
    "tag:yaml.org,2002:int": lambda text: int(text[:20]),
    "tag:yaml.org,2002:null": lambda _: None,
}


def builtin_path() -> Path:
    """The pack that ships with egresswatch: inside the installed package, or ``rules/`` of a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_rules"
    return installed if installed.is_dir() else package.parent.parent / "rules"


def load_tables(paths: Sequence[Path] = (), builtin: bool = True, public_key: str = "") -> MatchTables:
    """Read, check and compile: the built-in pack first, then ``paths`` in order (folders or files).

    With a ``public_key`` (``rules.public_key``) every one of ``paths`` must be signed with it; the
    built-in pack is part of the program. Raises RulePackError (a RuleError) with every mistake of
    every file, RuleError for a signature, ConfigError for the key.
    """
    return compile_pack(load_pack(paths, builtin, public_key))


def load_pack(paths: Sequence[Path] = (), builtin: bool = True, public_key: str = "") -> Pack:
    """What the files say, merged: later folders replace rules, makers and fingerprints by id."""
    if public_key:
        key = signature.public_key(public_key)
        for path in paths:
            signature.verify(Path(path), key)
    notes = Notes()
    roots = ([builtin_path()] if builtin else []) + [Path(path) for path in paths]
    merged: dict[str, dict[object, Any]] = {name: {} for name in READERS}
    versions: list[str] = []
    for number, root in enumerate(roots):
        found = _read_root(root, notes, "rules" if builtin and number == 0 else str(root))
        versions += [version for version in found.pop("pack", []) if version]
        for name, items in found.items():
            _merge(merged[name], items, notes)
    if notes.errors:
        raise RulePackError(
            tuple(sorted(notes.errors, key=lambda error: (error.path or "", error.line or 0)))
        )
    rules: list[Rule] = list(merged["rules"].values())
    vendors: list[Vendor] = list(merged["vendors"].values())
    ouis: list[OuiGroup] = list(merged["ouis"].values())
    fingerprints: list[FingerprintRule] = list(merged["fingerprints"].values())
    return Pack("+".join(versions) or "none", tuple(rules), tuple(vendors), tuple(ouis), tuple(fingerprints))


def _merge(known: dict[object, Any], items: list[Any], notes: Notes) -> None:
    """Later roots replace; twice within one root is a mistake."""
    here: dict[object, Any] = {}
    for item in items:
        key = _key(item)
        first = here.setdefault(key, item)
        if first is not item and not isinstance(item, OuiGroup):
            notes.add(item.path, item.line, f"{key}: is already defined at {first.path}:{first.line}")
        elif first is not item:
            notes.add(
                item.path,
                item.line,
                f"{item.oui.vendor}: this registrant is already at {first.path}:{first.line}",
            )
    known.update(here)


def _key(item: Rule | Vendor | OuiGroup | FingerprintRule) -> object:
    if isinstance(item, FingerprintRule):
        return item.fingerprint.id
    return item.oui if isinstance(item, OuiGroup) else item.id


def _read_root(root: Path, notes: Notes, shown: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {"pack": [], **{name: [] for name in READERS}}
    if not root.exists():
        raise RuleError("no such rule folder or file", shown)
    files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.suffix in (".yaml", ".yml"))
    if not files:
        raise RuleError("no rule files (*.yaml) in this folder", shown)
    for file in files:
        name = shown if file == root else f"{shown}/{file.relative_to(root).as_posix()}"
        node = _document(file, name, notes)
        if node is not None:
            _read_file(node, name, notes, found)
    if not notes.errors and not any(found[name] for name in READERS):
        raise RuleError("holds no rules, makers, prefixes or fingerprints", shown)
    return found


def _read_file(node: Node, name: str, notes: Notes, found: dict[str, list[Any]]) -> None:
    top = Fields(node, name, notes, "", TOP_FIELDS)
    for section in top.table:
        if section == "pack":
            pack = Fields(top.table["pack"], name, notes, "pack", PACK_FIELDS)
            if pack.number("format", 1, 999, default=FORMAT) != FORMAT:
                pack.error(pack.line, f"format is newer than this egresswatch reads ({FORMAT})")
            found["pack"].append(pack.text("version", pattern=r"[0-9A-Za-z.-]{1,40}", form="2026.11"))
        elif section in READERS:
            found[section] += [READERS[section](item, name, notes) for item in top.items(section)]


def _document(file: Path, name: str, notes: Notes) -> Node | None:
    """The file's one document, or None after noting why not."""
    try:
        found = file.stat()
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):  # a pipe would be waited for
            raise RuleError("is not a plain file", name)
        if found.st_size > MAX_FILE:
            raise RuleError(f"is larger than {MAX_FILE >> 20} MiB", name)
        return read_document(file.read_text(encoding="utf-8"), name, notes)
    except RuleError as error:
        notes.errors.append(error)
    except OSError as error:
        notes.errors.append(RuleError(f"cannot be read: {error.strerror}", name))
    except UnicodeDecodeError:
        notes.errors.append(RuleError("is not UTF-8 text", name))
    return None


def read_document(text: str, name: str, notes: Notes) -> Node | None:
    """The one YAML document of a text, read as strictly as a rule file; None after noting why not."""
    try:
        _shallow(text, name)
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
        if root is None:
            raise RuleError("is empty", name)
        return _value(root, name, notes, set(), 0)
    except RuleError as error:
        notes.errors.append(error)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = str(getattr(error, "problem", None) or "cannot be read as YAML").replace("'", '"')
        notes.errors.append(RuleError(f"not YAML: {problem}", name, mark.line + 1 if mark else None))
    return None


def _shallow(text: str, name: str) -> None:
    """RuleError when a text is nested deeper than any rule: the reader in C recurses, and some thousand
    levels would end the process. Only texts that could be so deep are looked through."""
    if text.count("[") + text.count("{") <= MANY_OPEN and not _COMPACT.search(text):
        return
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            mark = event.start_mark
            raise RuleError(f"nested deeper than {MAX_DEPTH} levels", name, mark.line + 1 if mark else None)


def _value(node: yaml.Node, name: str, notes: Notes, seen: set[int], depth: int) -> Node:
    line = node.start_mark.line + 1
    if id(node) in seen:
        raise RuleError("anchors and aliases are not allowed", name, line)
    seen.add(id(node))
    if depth > MAX_DEPTH:
        raise RuleError(f"nested deeper than {MAX_DEPTH} levels", name, line)
    if isinstance(node, yaml.ScalarNode):
        if node.tag not in _SCALARS:
            raise RuleError(f'tag "{node.tag}" is not allowed', name, line)
        return Node(_SCALARS[node.tag](node.value), line)
    if node.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
        raise RuleError(f'tag "{node.tag}" is not allowed', name, line)
    if isinstance(node, yaml.SequenceNode):
        return Node([_value(item, name, notes, seen, depth + 1) for item in node.value], line)
    table: dict[str, Node] = {}
    for key, value in node.value:
        at = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise RuleError("a field name must be a text", name, at)
        if key.value in table:
            notes.add(name, at, f'field "{key.value}" is given twice (first in line {table[key.value].line})')
            continue
        table[key.value] = Node(_value(value, name, notes, seen, depth + 1).value, at)
    return Node(table, line)
