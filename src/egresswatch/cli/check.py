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

_WARM_HOSTS = 3000


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

    with tempfile.TemporaryDirectory() as folder:
        for name, data in warm_captures().items():
            (Path(folder) / name).write_bytes(data)
        # one by one: each kind of capture is read in its own way; together: several files are merged
        out = Path(folder) / "out"
        for paths in ([folder], *([str(path)] for path in sorted(Path(folder).glob("warm.*")))):
            run(ReplayOptions(paths=tuple(paths), settings=settings, out=out, force=True), None)
    _call_the_others()
    if jit.DISABLED:
        return "not compiled: NUMBA_DISABLE_JIT is set"
    if jit.unkept():
        raise EgresswatchError(jit.unkept())
    return f"compiled, kept in {jit.cache_directory()}"


def _call_the_others() -> None:
    """Kernels that those captures do not call: they hold no TLS, and nothing that tells about a host."""
    import numpy as np

    from egresswatch.enrich.crowd import Crowd, Words
    from egresswatch.sniff.greeting import Greetings

    Greetings().read(b"")
    crowd = Crowd(1, np.zeros(4096, np.bool_), lambda _row: None)
    crowd.route(1, tells=crowd.is_router(1))
    crowd.remember(1, Words(0, 0, False))


def warm_captures() -> dict[str, bytes]:
    """The same frames as pcap, pcapng and snoop: a UDP datagram over IPv6, and one over IPv4 from each of so
    many inside hosts that tables grow; all to the outside (documentation addresses) through one router."""
    udp = struct.pack(">HHHH", 40000, 40001, 12, 0) + bytes(4)
    prefix = b"\x20\x01\x0d\xb8" + bytes(11)
    router = b"\2\0\0\0\0\1"
    frames = [
        router + b"\2\0\0\0\0\2" + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(udp), 17, 64)
        + prefix + b"\1" + prefix + b"\2" + udp
    ]  # fmt: skip
    for host in range(_WARM_HOSTS):
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0)
        source = struct.pack(">BBH", 10, 1, host)
        frames.append(router + b"\4\0" + source + b"\x08\x00" + ip + source + b"\xc0\0\2\2" + udp)
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
