# SPDX-License-Identifier: Apache-2.0
"""``egresswatch check``: everything that can be validated without a capture, all mistakes at once.

With ``--warm`` it also compiles the kernels into their cache, by replaying a capture of two frames:
what a start needs is compiled because a start has been made.
"""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from egresswatch.cli import FAILED, complain
from egresswatch.cli.options import (
    ConfigOption,
    OutOption,
    RulesOption,
    SetOption,
    SiteOption,
    settings_from,
)
from egresswatch.config import Settings
from egresswatch.errors import EgresswatchError, OutputError


def check(
    config: ConfigOption = None,
    site: SiteOption = None,
    rules: RulesOption = None,
    out: OutOption = None,
    set_: SetOption = None,
    warm: Annotated[
        bool, typer.Option("--warm", help="Also compile the kernels, so that a start is quick.")
    ] = False,
) -> int:
    """Validate settings, site, rules, inventory and databases; print one line each."""
    settings = settings_from(config, set_, rules)
    parts: list[tuple[str, Callable[[], str]]] = [
        ("settings", lambda: str(config) if config else "defaults"),
        ("rules", lambda: _rules(settings)),
        ("site", lambda: _site(site)),
        ("inventory", lambda: _inventory(settings)),
        ("geo", lambda: _geo(settings)),
    ]
    if out is not None:
        parts.append(("output", lambda: _out(out)))
    if warm:
        parts.append(("kernels", lambda: _warm(settings)))
    failed = False
    for name, part in parts:
        try:
            typer.echo(f"{name + ':':<11}{part()}")
        except EgresswatchError as error:
            failed = True
            complain(str(error))
    return FAILED if failed else 0


def _rules(settings: Settings) -> str:
    from egresswatch.rules import load_tables

    wanted = settings.rules
    tables = load_tables([Path(path) for path in wanted.paths], wanted.builtin, wanted.public_key)
    return f"{tables.version}, {len(tables.rules)} rules"


def _site(path: Path | None) -> str:
    from egresswatch.rules.site import load_site

    return load_site(path).policy_text()


def _inventory(settings: Settings) -> str:
    if not settings.enrich.cameras:
        return "none, cameras are recognised by themselves"
    from egresswatch.enrich.inventory import Inventory

    return f"{settings.enrich.cameras}, {len(Inventory.load(settings.enrich.cameras).entries)} assets"


def _geo(settings: Settings) -> str:
    from egresswatch.enrich.geo import Geo

    given = [path for path in (settings.enrich.geo_country, settings.enrich.geo_asn) if path]
    Geo(settings.enrich.geo_country, settings.enrich.geo_asn)
    return ", ".join(given) or "none, countries and operators are not told"


def _out(path: Path) -> str:
    """The folder is not made here: only whether it could be."""
    from egresswatch.sinks.folder import held_files

    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise OutputError("is a file, not a folder", existing)
    if not os.access(existing, os.W_OK | os.X_OK):
        raise OutputError("is a folder without write permission", existing)
    held = held_files(path)
    if held:
        raise OutputError(f"holds files of another run ({', '.join(held)})", path)
    return f"{path}/ can be written"


def _warm(settings: Settings) -> str:
    from egresswatch import jit
    from egresswatch.pipeline.replay import run
    from egresswatch.result import ReplayOptions
    from egresswatch.sniff.greeting import Greetings

    with tempfile.TemporaryDirectory() as folder:
        for name, data in warm_captures().items():
            (Path(folder) / name).write_bytes(data)
        # one by one: each kind of capture is read in its own way; together: several files are merged
        for paths in ([folder], *([str(path)] for path in sorted(Path(folder).iterdir()))):
            run(ReplayOptions(paths=tuple(paths), settings=settings), None)
    Greetings().read(b"")  # no connection is in those captures
    if jit.DISABLED:
        return "not compiled: NUMBA_DISABLE_JIT is set"
    if jit.unkept():
        raise EgresswatchError(jit.unkept())
    return f"compiled, kept in {jit.cache_directory()}"


def warm_captures() -> dict[str, bytes]:
    """The same two frames, one UDP datagram over IPv4 and one over IPv6 (documentation addresses), as pcap,
    pcapng and snoop."""
    udp = struct.pack(">HHHH", 40000, 40001, 12, 0) + bytes(4)
    v4 = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, b"\xc0\0\2\1", b"\xc0\0\2\2")
    prefix = b"\x20\x01\x0d\xb8" + bytes(11)
    v6 = struct.pack(">IHBB", 6 << 28, len(udp), 17, 64) + prefix + b"\1" + prefix + b"\2"
    frames = [bytes(12) + b"\x08\x00" + v4 + udp, bytes(12) + b"\x86\xdd" + v6 + udp]
    pcap = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    pcapng = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    pcapng += struct.pack("<IIHHII", 1, 20, 1, 0, 65535, 20)
    snoop = struct.pack(">8sII", b"snoop\0\0\0", 2, 4)
    for number, frame in enumerate(frames):
        size = len(frame)
        padded = frame.ljust(-(-size // 4) * 4, b"\0")
        pcap += struct.pack("<IIII", 1, number, size, size) + frame
        block = 32 + len(padded)
        pcapng += struct.pack("<IIIIIII", 6, block, 0, 0, 1_000_000 + number, size, size)
        pcapng += padded + struct.pack("<I", block)
        snoop += struct.pack(">IIIIII", size, size, 24 + len(padded), 0, 1, number) + padded
    return {"warm.pcap": pcap, "warm.pcapng": pcapng, "warm.snoop": snoop}
