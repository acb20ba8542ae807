# SPDX-License-Identifier: Apache-2.0
"""``egresswatch dissect``: the packets behind one alert or flow.

With an output folder the flow is looked up there and its captures are the ones the ledger names
(or those given beside it); with captures alone they are replayed first to find it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egresswatch.cli.options import ConfigOption, RulesOption, SetOption, SiteOption, settings_from
from egresswatch.config import Settings
from egresswatch.errors import CaptureError, EgresswatchError, UsageError

if TYPE_CHECKING:
    from egresswatch.dissect.lookup import Flow, Subject
    from egresswatch.dissect.timeline import Reading

READ_AT_MOST = 2000
"""Frames that tshark reads; the flow's figures are of all its packets anyway."""


def dissect(
    uid: Annotated[
        str,
        typer.Argument(
            metavar="UID", help="An alert's or a flow's uid, or its beginning.", show_default=False
        ),
    ],
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="DIR|CAPTURE",
            help="Output folder of a replay; captures, when they are not where the replay read them.",
            show_default=False,
        ),
    ],
    packets: Annotated[
        int, typer.Option("--packets", metavar="N", min=1, help="Packets shown in the timeline.")
    ] = 40,
    config: ConfigOption = None,
    site: SiteOption = None,
    rules: RulesOption = None,
    set_: SetOption = None,
) -> int:
    """Read the packets behind one alert or flow with tshark: layers, conversation, timeline.

    Credentials and the content of messages and pictures are never printed.
    """
    from egresswatch.dissect.tshark import find as find_tshark

    tshark = find_tshark()  # before the long part
    settings = settings_from(config, set_, rules)
    with tempfile.TemporaryDirectory() as scratch:
        folder, captures = _inputs(paths)
        if folder is None:
            folder = Path(scratch) / "run"
            _replay(captures, settings, site, folder)
        from egresswatch.dissect import lookup

        subject = lookup.find(folder, uid)
        if not captures:
            captures = lookup.captures(folder)
        reading = _read(subject.flow, captures, tshark, Path(scratch) / "flow.pcapng", packets)
    show(subject, reading, packets)
    return 0


def _inputs(paths: Sequence[str]) -> tuple[Path | None, tuple[str, ...]]:
    """The output folder among ``paths`` (or None), and the captures."""
    folders = [path for path in paths if (Path(path) / "ledger.json").is_file()]
    if len(folders) > 1:
        raise UsageError(f"dissect: {len(folders)} output folders given; one flow is in one of them")
    captures = tuple(path for path in paths if path not in folders)
    for capture in captures:
        if capture == "-":
            raise UsageError("dissect reads a capture twice, so it cannot come from standard input")
        if not Path(capture).exists():
            raise CaptureError("does not exist", capture)
    return (Path(folders[0]) if folders else None), captures


def _replay(captures: tuple[str, ...], settings: Settings, site: Path | None, folder: Path) -> None:
    from egresswatch.cli.progress import Progress
    from egresswatch.pipeline.replay import run
    from egresswatch.result import ReplayOptions

    with Progress(captures) as progress:
        result = run(ReplayOptions(captures, settings, site, folder), progress.update)
    if result.errors:
        raise EgresswatchError(result.errors[0])


def _read(flow: Flow, captures: tuple[str, ...], tshark: object, scratch: Path, packets: int) -> Reading:
    from egresswatch.dissect.cut import cut
    from egresswatch.dissect.timeline import read
    from egresswatch.dissect.tshark import Tshark
    from egresswatch.source import open_replay

    assert isinstance(tshark, Tshark)
    source = open_replay(captures)
    try:
        limit = max(READ_AT_MOST, packets)
        frames = cut(source.batches(), (flow.orig_h, flow.resp_h), (flow.ts, flow.ts_end), limit, scratch)
    finally:
        source.close()
    if not frames.frames:
        told = f" ({source.facts.errors[0]})" if source.facts.errors else ""
        raise EgresswatchError(
            f"{flow.uid}: no packet of this flow is in {', '.join(captures[:3])}{told}. "
            "Give the captures that were replayed: egresswatch dissect UID DIR CAPTURE..."
        )
    return read(flow, frames, tshark)


def show(subject: Subject, reading: Reading, packets: int) -> None:
    """Print it."""
    from egresswatch.cli.dissection import render
    from egresswatch.cli.replay import console

    render(subject, reading, packets, console())
