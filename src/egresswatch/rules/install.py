# SPDX-License-Identifier: Apache-2.0
"""A new rule pack takes the place of an old one: all at once, or not at all.

The new folder is copied beside its place first; what is checked (signature, grammar, contradictions,
every example, size against the old one) is the copy, and the copy is what moves in. A refusal leaves
the place as it was. Owns the steps and their order; the checks belong to ``signature``, ``loader``,
``lint`` and ``guard``. ``reloaded`` is the same decision for a sensor that reads its rules again.
"""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from egresswatch.errors import EgresswatchError, OutputError, RuleError
from egresswatch.rules import guard, signature
from egresswatch.rules.compile import digest
from egresswatch.rules.diff import changes
from egresswatch.rules.lint import lint
from egresswatch.rules.loader import load_pack, load_tables
from egresswatch.rules.model import Pack
from egresswatch.rules.tables import MatchTables

_EXCHANGE = 2  # renameat2(2): RENAME_EXCHANGE
_HERE = -100  # AT_FDCWD


@dataclass(frozen=True, slots=True)
class Installed:
    """What is in place now, and how it differs from what was there."""

    version: str
    digest: str
    size: guard.Size
    signed: signature.Signed | None
    changes: tuple[str, ...]
    warnings: tuple[str, ...]


def install(
    new: Path,
    into: Path,
    key: signature.PublicKey | None = None,
    *,
    builtin: bool = True,
    allow_smaller: bool = False,
) -> Installed:
    """Put the pack of folder ``new`` into ``into``. Raises RuleError (refused) or OutputError (disk).

    ``builtin``: the pack is used beside the built-in one, so it may speak of its makers.
    """
    if not new.is_dir():
        raise RuleError("no such rule folder", new)
    if into.is_symlink() or (into.exists() and not into.is_dir()):
        raise OutputError("is not a folder", into)
    into = into.resolve()
    if into.is_relative_to(new.resolve()) or new.resolve().is_relative_to(into):
        raise RuleError("cannot be installed into itself", new)
    copy = into.with_name(f".{into.name}.new")
    try:
        signature.files_of(new)
        _remove(copy)
        into.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(new, copy)
        done = _checked(copy, new, into, key, builtin=builtin, allow_smaller=allow_smaller)
        _sync(copy)
        _exchange(copy, into)
        return done
    except OSError as error:
        raise OutputError(f"cannot install: {error.strerror or error}", into) from error
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def reloaded(
    old: MatchTables, paths: Sequence[Path], builtin: bool = True, public_key: str = ""
) -> MatchTables:
    """The rules as they are on disk now; RuleError when they must not replace ``old``."""
    new = load_tables(paths, builtin, public_key)
    guard.refuse_loss(guard.size_of(old), guard.size_of(new), "the new rules")
    return new


def _checked(
    copy: Path,
    shown: Path,
    into: Path,
    key: signature.PublicKey | None,
    *,
    builtin: bool,
    allow_smaller: bool,
) -> Installed:
    """Everything that may refuse the pack, cheapest first."""
    try:
        signed = signature.verify(copy, key) if key is not None else None
        pack = load_pack([copy], builtin=False)
        whole = load_pack([copy], builtin=True) if builtin else pack
    except RuleError as error:
        raise RuleError(str(error).replace(str(copy), str(shown))) from error
    issues = lint(whole)
    errors = [str(issue) for issue in issues if issue.severity == "error"]
    if errors:
        raise RuleError("\n".join(errors).replace(str(copy), str(shown)))
    old, notes = _old(into)
    if old is not None and not allow_smaller:
        guard.refuse_loss(guard.size(old), guard.size(pack), shown)
    return Installed(
        version=pack.version,
        digest=digest(pack),
        size=guard.size(pack),
        signed=signed,
        changes=tuple(changes(old, pack)) if old is not None else (),
        warnings=notes,
    )


def _old(into: Path) -> tuple[Pack | None, tuple[str, ...]]:
    """The pack in place; a broken one has no claim to stay, but that is said."""
    if not into.exists():
        return None, ()
    try:
        return load_pack([into], builtin=False), ()
    except EgresswatchError as error:
        return None, (f"the rules that were there could not be read: {str(error).splitlines()[0]}",)


def _remove(path: Path) -> None:
    """What an install that was killed left behind."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _sync(folder: Path) -> None:
    """On disk before it moves in: a power cut must not leave empty files under the right names."""
    for path in (*sorted(folder.rglob("*")), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _exchange(copy: Path, into: Path) -> None:
    """``copy`` and ``into`` change places in one step, so that no reader ever finds nothing."""
    if not into.exists():
        copy.rename(into)
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "renameat2"):
        if libc.renameat2(_HERE, os.fsencode(copy), _HERE, os.fsencode(into), _EXCHANGE) == 0:
            return
    # a file system or system without it: two steps, undone when the second fails
    aside = into.with_name(f".{into.name}.old")
    _remove(aside)
    into.rename(aside)
    try:
        copy.rename(into)
    except OSError:
        aside.rename(into)
        raise
    shutil.rmtree(aside, ignore_errors=True)
