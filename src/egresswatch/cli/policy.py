# SPDX-License-Identifier: Apache-2.0
"""``egresswatch policy``: an allow-list or MUD file out of policy or traffic, a zone out of a MUD file."""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from egresswatch.cli.exchange import ForceOption, OutOption, give, known_names, remark, text_of
from egresswatch.errors import ConfigError, EgresswatchError, UsageError
from egresswatch.exchange.claims import Exported

policy_app = typer.Typer(
    help="What cameras may reach: for a firewall, as a MUD file, and out of one.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


class ListFormat(StrEnum):
    """What an allow-list can be written as."""

    nftables = "nftables"
    iptables = "iptables"
    ip6tables = "ip6tables"
    csv = "csv"
    mud = "mud"


class Suspect(StrEnum):
    """Verdicts that are no reason to allow something."""

    violation = "violation"
    p2p = "p2p"
    vendor_cloud = "vendor_cloud"


@policy_app.command("export", short_help="Allow-list for a firewall, or a MUD file.")
def export_policy(
    format: Annotated[ListFormat, typer.Option("--format", help="Of the result.")],
    site: Annotated[
        Path | None, typer.Option("--site", metavar="FILE", help="From the policy of this site.toml.")
    ] = None,
    observed: Annotated[
        Path | None, typer.Option("--observed", metavar="DIR", help="From what this output folder saw.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this zone or camera. May be given again.")
    ] = None,
    also: Annotated[
        list[Suspect] | None, typer.Option(help="With --observed: allow this verdict too (again: more).")
    ] = None,
    mud_url: Annotated[str, typer.Option(metavar="URL", help="Where the MUD file will be.")] = "",
    info: Annotated[str, typer.Option(metavar="TEXT", help="What the MUD file is about.")] = "",
    date: Annotated[str, typer.Option(metavar="DATE", help="last-update of the MUD file: 2026-11-22.")] = "",
    out: OutOption = None,
    force: ForceOption = False,
) -> None:
    """What some hosts may reach, from a site's policy or from observed traffic; the rest is denied."""
    from dataclasses import replace

    from egresswatch.exchange import allow, iptables, mud, nftables
    from egresswatch.exchange import observed as seen
    from egresswatch.rules.site import load_site

    if (site is None) == (observed is None):
        raise UsageError("give either --site FILE or --observed DIR")
    if date and not re.fullmatch(r"\d{4}-\d\d-\d\d", date):
        raise UsageError(f"--date {date}: must be of the form 2026-11-22")
    if mud_url and not re.fullmatch(r"https://[\x21-\x7e]{1,240}", mud_url):
        raise UsageError(f"--mud-url {mud_url}: RFC 8520 wants https")
    if site is not None:
        listed = allow.from_site(load_site(site), site.name)
    else:
        from egresswatch.analysis.load import load
        from egresswatch.analysis.observed import conversations

        rows = conversations(load(str(observed)))
        inside = map(str, load_site(None).inside_networks())
        listed = seen.from_rows(rows, Path(str(observed)).name, inside, also or ())
    known_names(only or [], [group.name for group in listed.groups], "--only")
    listed = listed.only(only or [])
    if date:
        listed = replace(listed, date=f"{date}T00:00:00Z")
    if not listed.groups:
        remark(Exported({}, 0, listed.notes), "nothing was written")
        raise EgresswatchError(f"{listed.source}: nothing in it says what anybody may reach")
    url = mud_url or "https://mud.invalid/device.json"
    exported = {
        ListFormat.nftables: lambda: nftables.export(listed),
        ListFormat.iptables: lambda: iptables.export(listed, 4),
        ListFormat.ip6tables: lambda: iptables.export(listed, 6),
        ListFormat.csv: lambda: nftables.table(listed),
        ListFormat.mud: lambda: mud.export(listed, url, info or ", ".join(g.name for g in listed.groups)),
    }[format]()
    give(exported, out, force=force)
    remark(exported, f"{exported.count} permissions of {len(listed.groups)} groups")


@policy_app.command("import", short_help="A MUD file as a zone of site.toml.")
def import_policy(
    file: Annotated[Path, typer.Argument(metavar="MUD", show_default=False)],
    zone: Annotated[str, typer.Option(metavar="NAME", help="Name of the zone.")] = "cameras",
    network: Annotated[
        list[str] | None, typer.Option(metavar="NET", help="Where the devices are. May be given again.")
    ] = None,
    vlan: Annotated[
        list[int] | None, typer.Option(metavar="ID", help="Where the devices are. May be given again.")
    ] = None,
    controller: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=NET", help="What my-controller or a controller's URI is here. May be given again."
        ),
    ] = None,
    out: OutOption = None,
    force: ForceOption = False,
) -> None:
    """What a MUD file (RFC 8520) allows a device to reach, as a [[zone]] that site.toml can hold."""
    from egresswatch.exchange import mud_read
    from egresswatch.exchange.claims import Refused
    from egresswatch.rules.site_reader import read_site

    if not network and not vlan:
        raise UsageError("a MUD file does not say where the device is: give --network or --vlan")
    text = text_of(file)
    try:
        mud = mud_read.read(text, _controllers(controller or []))
        digest = hashlib.sha256(text.encode()).hexdigest()
        made = mud_read.site_text(mud, zone, network or [], vlan or [], file.name, digest)
    except Refused as refused:
        raise UsageError(f"--network: {refused}") from None
    except EgresswatchError as error:
        raise EgresswatchError(f"{file}: {error}") from None
    try:
        read_site(Path(out or "site.toml"), made.encode())
    except ConfigError as error:
        raise EgresswatchError(f"{file}: makes no site file that loads: {error.message}") from None
    exported = Exported({"": made}, len(mud_read.merged(mud.entries)), tuple(mud.notes))
    give(exported, out, force=force)
    remark(exported, f'{exported.count} destinations of zone "{zone}"')


def _controllers(given: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in given:
        name, sign, net = item.rpartition("=")
        if not sign or not name:
            raise UsageError(f"--controller {item}: must be of the form my-controller=10.1.0.5/32")
        found.setdefault(name, []).append(net)
    return found
