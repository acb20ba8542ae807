# SPDX-License-Identifier: Apache-2.0
"""``egresswatch rules verify, install, manifest``: packs that come from elsewhere.

Owns their words. The publisher of a pack runs ``rules manifest DIR`` and signs the list with
``minisign -S -m DIR/pack.sha256``; who uses it sets ``rules.public_key`` and installs with ``rules install``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egresswatch import config
from egresswatch.errors import OutputError, RuleError, UsageError
from egresswatch.rules import signature
from egresswatch.rules.install import install

SHOWN_CHANGES = 20
KeyOption = Annotated[
    str,
    typer.Option("--public-key", metavar="KEY", help="minisign public key, or a file with it."),
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings file: its rules.public_key counts.")
]


def verify_pack(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Signed rule folder, or a signed file.")],
    public_key: KeyOption = "",
    settings: ConfigOption = None,
) -> None:
    """Is this pack what the owner of the key signed? Exit status 1 when not."""
    key = _key(public_key, settings)
    if key is None:
        raise UsageError("rules verify: no key: give --public-key, or --config with rules.public_key")
    signed = signature.verify(folder, key)
    typer.echo(f"{folder}: signed with key {signed.key}; {signed.comment}")


def install_pack(
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Rule folder that is to be used.")],
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="Folder that rules.paths names.")],
    public_key: KeyOption = "",
    settings: ConfigOption = None,
    allow_smaller: Annotated[
        bool, typer.Option("--allow-smaller", help="Also when it has lost more than half of something.")
    ] = False,
    builtin: Annotated[
        bool, typer.Option("--builtin/--no-builtin", help="Will be used beside the built-in pack, or alone.")
    ] = True,
) -> None:
    """Check a pack (signature, grammar, contradictions, examples, size) and put it in place at once.

    When anything is wrong, the rules that are there stay as they are; exit status 1.
    """
    key = _key(public_key, settings)
    done = install(new, into, key, builtin=builtin, allow_smaller=allow_smaller)
    for warning in done.warnings:
        typer.echo(warning, err=True)
    for line in done.changes[:SHOWN_CHANGES]:
        typer.echo(line)
    if len(done.changes) > SHOWN_CHANGES:
        typer.echo(f"... and {len(done.changes) - SHOWN_CHANGES} more changes")
    by = f"signed with key {done.signed.key}" if done.signed is not None else "not signed"
    typer.echo(f"{into}: version {done.version}, digest {done.digest[:12]}, {done.size}; {by}")


def write_manifest(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Rule folder that is to be signed.")],
) -> None:
    """Write DIR/pack.sha256, the list that a publisher signs: minisign -S -m DIR/pack.sha256"""
    if not folder.is_dir():
        raise RuleError("no such rule folder", folder)
    text = signature.manifest(folder)
    if not text:
        raise RuleError("holds no files that could be signed", folder)
    path = folder / signature.MANIFEST
    try:
        (folder / signature.SIGNATURE).unlink(missing_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", path) from error
    typer.echo(f"{path}: {len(text.splitlines())} files; sign it with: minisign -S -m {path}")


def _key(text: str, settings: Path | None) -> signature.PublicKey | None:
    """The key of the command line, else of the settings; None when neither gives one."""
    wanted = text or (config.load(settings).rules.public_key if settings is not None else "")
    return signature.public_key(wanted) if wanted else None
