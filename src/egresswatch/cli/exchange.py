# SPDX-License-Identifier: Apache-2.0
"""``rules export``, ``rules import`` and ``policy export``, ``policy import``: files in and out.

Owns where texts are read from and written to and how it is told what was left out; what they say is
``egresswatch.exchange``. The result goes to standard output or ``--out``, all remarks to standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from egresswatch.errors import EgresswatchError, OutputError, UsageError
from egresswatch.exchange.claims import Exported, Reading, summary

MAX_FILE = 64 << 20


class RuleFormat(StrEnum):
    """Formats of indicators."""

    suricata = "suricata"
    sigma = "sigma"
    stix = "stix"


class DestinationClass(StrEnum):
    """``dest_class`` that imported rules may have."""

    vendor_cloud = "vendor_cloud"
    p2p = "p2p"
    infrastructure = "infrastructure"
    other = "other"


SUFFIXES = {
    ".rules": RuleFormat.suricata,
    ".yml": RuleFormat.sigma,
    ".yaml": RuleFormat.sigma,
    ".json": RuleFormat.stix,
}
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="PATH", help="Write there, not to standard output.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
Folders = Annotated[
    list[Path] | None,
    typer.Option("--rules", metavar="DIR", help="More rules; the same id replaces. May be given again."),
]
Builtin = Annotated[bool, typer.Option("--builtin/--no-builtin", help="With or without the built-in pack.")]


def export_rules(
    format: Annotated[RuleFormat, typer.Option("--format", help="Of the result.")],
    out: OutOption = None,
    rules: Folders = None,
    builtin: Builtin = True,
    force: ForceOption = False,
) -> None:
    """The pack's indicators as Suricata rules, Sigma rules (a folder) or a STIX 2.1 bundle."""
    from egresswatch.exchange import sigma, stix, suricata
    from egresswatch.rules.loader import load_pack

    writers = {
        RuleFormat.suricata: suricata.export, RuleFormat.sigma: sigma.export, RuleFormat.stix: stix.export,
    }  # fmt: skip
    pack = load_pack(rules or [], builtin)
    exported = writers[format](pack)
    give(exported, out, force=force)
    remark(exported, f"{exported.count} {format} items from {len(pack.rules)} rules")


def import_rules(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE|DIR", show_default=False)],
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="Rule folder to write.")],
    format: Annotated[
        RuleFormat | None, typer.Option("--format", help="Of the input; without it by the file's name.")
    ] = None,
    family: Annotated[
        str, typer.Option(metavar="XYZ", help="Family of the rule ids; another one for another source.")
    ] = "IMP",
    class_: Annotated[
        DestinationClass, typer.Option("--class", help="What such a destination is; other raises no alert.")
    ] = DestinationClass.vendor_cloud,
    known: Annotated[bool, typer.Option("--known", help="Also what the built-in pack has already.")] = False,
    force: ForceOption = False,
) -> None:
    """Indicators of others as a rule folder for --rules: every rule experimental, with its source."""
    import re

    from egresswatch.exchange import packtext
    from egresswatch.rules.loader import load_pack
    from egresswatch.rules.model import DETECTOR_FAMILIES

    if not re.fullmatch("[A-Z0-9]{2,4}", family) or family in DETECTOR_FAMILIES:
        raise UsageError(f"--family {family}: two to four capital letters or digits, no detector's family")
    reading = Reading()
    for path in paths:
        for file in _inputs(path):
            part = _read(file, format)
            reading.found += part.found
            reading.notes += part.notes
    origin = packtext.Origin(", ".join(path.name for path in paths), family, str(class_))
    exported = packtext.pack_text(reading.found, origin, None if known else load_pack())
    whole = Exported(exported.files, exported.count, (*reading.notes, *exported.notes))
    if whole.files:
        give(whole, into, force=force)
    remark(whole, f"{whole.count} rules in {into}" if whole.files else "nothing was written")
    if not whole.files:
        raise EgresswatchError(f"{', '.join(map(str, paths))}: no indicator that our rules can say")


def _inputs(path: Path) -> list[Path]:
    if not path.exists():
        raise EgresswatchError(f"{path}: no such file or folder")
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    if not found:
        raise EgresswatchError(f"{path}: no file in it ends with {', '.join(SUFFIXES)}")
    return found


def _read(file: Path, format: RuleFormat | None) -> Reading:
    from egresswatch.exchange import sigma_read, stix_read, suricata_read

    kind = format or SUFFIXES.get(file.suffix)
    text = text_of(file)
    try:
        if kind is RuleFormat.suricata:
            return suricata_read.read(text)
        if kind is RuleFormat.sigma:
            return sigma_read.read(text, file.name)
        if kind is RuleFormat.stix:
            return stix_read.read(text)
    except EgresswatchError as error:
        raise EgresswatchError(f"{file}: {error}") from None
    raise UsageError(f"{file}: what is it? --format suricata, sigma or stix says so")


def text_of(file: Path) -> str:
    """A file's text, or one line that says why there is none."""
    try:
        if file.stat().st_size > MAX_FILE:
            raise EgresswatchError(f"{file}: is larger than {MAX_FILE >> 20} MiB")
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise EgresswatchError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise EgresswatchError(f"{file}: is not UTF-8 text") from None


def give(exported: Exported, out: Path | None, *, force: bool) -> None:
    """To standard output, to one file, or to a folder of several."""
    if out is None:
        typer.echo("---\n".join(exported.files.values()), nl=False)
        return
    single = set(exported.files) == {""}
    occupied = out.exists() if single else out.is_dir() and any(out.iterdir())
    if (occupied or (not single and out.is_file())) and not force:
        raise OutputError("is there already; --force replaces it", out)
    try:
        if single:
            _write({out: exported.files[""]})
        else:
            out.mkdir(parents=True, exist_ok=True)
            _write({out / name: text for name, text in exported.files.items()})
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", out) from None


def _write(texts: Mapping[Path, str]) -> None:
    """Each file appears whole."""
    for path, text in texts.items():
        new = path.with_name(path.name + ".new")
        new.write_text(text, encoding="utf-8")
        new.replace(path)


def remark(exported: Exported, told: str) -> None:
    """What was done and, one line a reason, what was not."""
    for line in summary(exported.notes):
        _say(line)
    left = sum(not note.taken for note in exported.notes)
    _say(f"{told}; {left} left out, {len(exported.notes) - left} taken not exactly")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def known_names(wanted: Iterable[str], there: Iterable[str], option: str) -> None:
    """UsageError when a wanted name is not there."""
    names = list(there)
    for name in wanted:
        if name not in names:
            raise UsageError(f"{option} {name}: there is only {', '.join(names) or 'nothing'}")
