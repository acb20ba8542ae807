# SPDX-License-Identifier: Apache-2.0
"""``egresswatch demo FOLDER``: writes the example capture with its inventory and site policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from egresswatch.errors import OutputError

demo_app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@demo_app.command()
def demo(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="Folder to write camera-day.pcap, cameras.csv and site.toml to."
        ),
    ],
) -> None:
    """Write the example: a day of a camera network, the same bytes every time."""
    from egresswatch.demo import camera_day

    try:
        capture, count = camera_day.write(folder)
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", error.filename or folder) from error
    size = capture.stat().st_size / 1e6
    typer.echo(f"{capture}: {count:,} frames, {size:.1f} MB, a day of packet time".replace(",", " ", 1))
    beside = f"{folder / camera_day.INVENTORY}, {folder / camera_day.SITE}"
    typer.echo(f"{beside}: who the cameras are, what they may reach")
