# SPDX-License-Identifier: Apache-2.0
"""Replay: captures in, outputs and a result out. Puts the two halves together and closes what it opened.

The only order of stages there is: source ▸ front (decode, flow) ▸ interpreter (sniff, enrich, detect)
▸ sinks. Whatever fails, files of an unfinished run do not stay behind under their real names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import egresswatch
from egresswatch.detect.alerts import Detector
from egresswatch.detect.summary import asset_lines, by_severity
from egresswatch.enrich.geo import Geo
from egresswatch.enrich.inventory import Inventory
from egresswatch.enrich.names import PassiveNames
from egresswatch.enrich.register import Register
from egresswatch.events import Alert
from egresswatch.patterns import Parser
from egresswatch.pipeline.account import ledger
from egresswatch.pipeline.asides import Neighbours
from egresswatch.pipeline.classify import Classifier
from egresswatch.pipeline.front import Front
from egresswatch.pipeline.interpret import Interpreter
from egresswatch.pipeline.rows import Rows
from egresswatch.pipeline.steps import BATCHES, Steps
from egresswatch.pipeline.watched import Networks
from egresswatch.records import Array
from egresswatch.result import STATES, AssetLine, ReplayOptions, ReplayResult
from egresswatch.rules import load_tables
from egresswatch.rules.recogniser import Recognisers
from egresswatch.rules.site import Site, load_site
from egresswatch.sinks.ecs import ecs
from egresswatch.sinks.folder import (
    ALERTS,
    CAMERAS,
    FLOWS,
    LEDGER,
    NEIGHBOURS,
    OUTPUTS,
    SIGHTINGS,
    prepare_out,
)
from egresswatch.sinks.jsonl import AlertWriter
from egresswatch.sinks.ledger import write_cameras, write_ledger
from egresswatch.sinks.parquet import FlowWriter, NeighbourWriter, SightingWriter
from egresswatch.sniff.engine import Engine
from egresswatch.sniff.probes import BUILTIN
from egresswatch.source import open_replay

Progress = Callable[[int, int], None]
_RESTARTING = (Parser.HTTP, Parser.RTSP, Parser.SIP)
"""Stream protocols of which later messages on the same connection are read as well."""


@dataclasses.dataclass(slots=True)
class _Writers:
    flows: FlowWriter | None = None
    sightings: SightingWriter | None = None
    neighbours: NeighbourWriter | None = None
    alerts: AlertWriter | None = None


def run(options: ReplayOptions, progress: Progress | None = None) -> ReplayResult:
    """Replay captures. Raises EgresswatchError when nothing could be done at all."""
    settings = options.settings
    rules = settings.rules
    tables = load_tables([Path(path) for path in rules.paths], rules.builtin, rules.public_key)
    site = load_site(options.site)
    inventory = Inventory.load(settings.enrich.cameras)
    geo = Geo(settings.enrich.geo_country, settings.enrich.geo_asn)
    register = Register(tables, site, inventory, settings.enrich.max_hosts)
    names = PassiveNames(settings.sniff.max_names)
    patterns = _patterns(tables.patterns)
    recognisers = Recognisers(tables.recognisers, settings.sniff.max_flows)
    engine = Engine(settings.sniff.max_flows, int(settings.sniff.flow_bytes), patterns, recognisers)
    detector = Detector(tables, settings.detect, settings.output.observer, egresswatch.__version__)
    classifier = Classifier(tables, names)
    source = open_replay(
        options.paths, batch=settings.replay.batch, follow=options.follow, digest=options.digest,
        keep=BATCHES if settings.replay.workers > 1 else 1,
    )  # fmt: skip
    options.stop.on_stop(source.stop)
    alerts: list[Alert] = []
    pack = {"version": tables.version, "digest": tables.digest}
    with _outputs(options, pack) as writers:
        rows = Rows(
            settings, site, register, classifier, geo, writers.flows, writers.sightings
        )

        def emit(alert: Alert) -> None:
            alerts.append(alert)
            if writers.alerts is not None:
                writers.alerts.write(ecs(alert, pack))

        front = Front(settings, patterns, networks(site), Networks(tables), between=site.given)
        interpreter = Interpreter(
            settings, tables, site, register, names, geo, engine, detector, classifier, rows,
            Neighbours(register, site, settings.sniff.max_neighbours, writers.neighbours), emit,
        )
        with closing(source), closing(Steps(source, front, settings.replay.workers)) as steps:
            for step in steps:
                if step.last:
                    interpreter.finish(step.seconds, front.clock if front.frames else 0)
                else:
                    for second in step.seconds:
                        interpreter.second(second)
                if progress is not None:
                    progress(step.bytes_read, step.frames)
        for host in rows.blind.of_hosts():
            register.counts(*host)
        account = ledger(
            front, source.facts, tables, site, engine.shed,
            {
                "hosts": register.refused, "names_evicted": names.evicted, "names": names.refused,
                "cases": detector.refused, "geo_errors": geo.errors,
                **interpreter.refused,
            },
        )  # fmt: skip
        register_rows = tuple({**row, "rules": pack} for row in register.rows())
    if options.out is not None:
        write_cameras(options.out / CAMERAS, register_rows)
        write_ledger(options.out / LEDGER, account)
    geo.close()
    missed, seen = rows.sums.missed, rows.sums.seen
    return ReplayResult(
        version=egresswatch.__version__, rules_version=tables.version,
        rules_digest=tables.digest, rules_count=len(tables.rules),
        site=site.policy_text(), policy=site.given, first_ts=front.first_ts, last_ts=front.last_ts,
        packets=front.frames, balanced=bool(account["balanced"]),
        assets=_assets(register, alerts, detector.untold), limits=_limits(account),
        inside_hosts=len(register), missed_bytes=missed,
        missed_ratio=round(missed / (missed + seen), 6) if missed else 0.0,
        mirror=_mirror(account), out=str(options.out) if options.out is not None else None,
        outputs=tuple(str(options.out / name) for name in OUTPUTS) if options.out is not None else (),
        errors=tuple(source.facts.errors),
        warnings=tuple(f"{file.path}: {file.damage}" for file in source.facts.files if file.damage),
        alerts_by_severity=by_severity(alerts), verdicts=dict(sorted(rows.sums.verdicts.items())),
        ledger=account, register=register_rows,
    )  # fmt: skip


def networks(site: Site) -> Array:
    """The inside networks as the flow kernel wants them: uint64[n, 4], first and last address."""
    low = (1 << 64) - 1
    out = []
    for network in site.inside_networks():
        base = 0xFFFF << 32 if network.version == 4 else 0
        first, last = base + int(network.network_address), base + int(network.broadcast_address)
        out.append([first >> 64, first & low, last >> 64, last & low])
    return np.array(out, np.uint64).reshape(-1, 4)


@contextmanager
def _outputs(options: ReplayOptions, pack: dict[str, str]) -> Iterator[_Writers]:
    """The growing files of a run; they appear together when all went well, else not at all."""
    writers = _Writers()
    if options.out is None:
        yield writers
        return
    prepare_out(options.out, options.force)
    about = {f"rules_{name}": text for name, text in pack.items()}
    writers.flows = FlowWriter(options.out / FLOWS, about)
    writers.sightings = SightingWriter(options.out / SIGHTINGS, about)
    writers.neighbours = NeighbourWriter(options.out / NEIGHBOURS, about)
    writers.alerts = AlertWriter(options.out / ALERTS)
    opened: tuple[Any, ...] = (writers.flows, writers.sightings, writers.neighbours, writers.alerts)
    try:
        yield writers
    except BaseException:
        for writer in opened:
            writer.abandon()
        raise
    for writer in opened:
        writer.close()


def _patterns(pack: Array) -> Array:
    """Built-in patterns, then the rule pack's; text protocols start anew at each message."""
    patterns = np.concatenate([BUILTIN, pack])
    for parser in _RESTARTING:
        patterns["every"][(patterns["parser"] == parser) & (patterns["proto"] == 6)] = 1
    return patterns


def _limits(account: dict[str, Any]) -> tuple[str, ...]:
    """Full tables that can hide a camera or a finding, with the setting that makes them larger."""
    refused, shed = account["refused"], account["shed"]
    told = (
        (refused["cases"], "findings", "detect.max_cases"),
        (refused["hosts"], "host facts", "enrich.max_hosts"),
        (refused["names"], "names", "sniff.max_names"), (shed["flows"], "flows unread", "sniff.max_flows"),
    )  # fmt: skip
    return tuple(f"{number} {what} ({setting})" for number, what, setting in told if number)


def _assets(register: Register, alerts: list[Alert], untold: set[str]) -> tuple[AssetLine, ...]:
    """A line for every monitored asset, those with findings first."""
    lines = asset_lines(alerts)
    out = []
    for asset in register.monitored():
        line = lines.pop(asset.asset_id, None)
        if line is None:
            ip = asset.ips[0] if asset.ips else ""
            line = AssetLine(asset.asset_id, ip, asset.maker)
            if asset.asset_id in untold:
                line = dataclasses.replace(line, state="undecided", what="more findings than could be kept")
        out.append(dataclasses.replace(line, role=asset.role))
    order = {state: place for place, state in enumerate(STATES)}
    out += lines.values()
    return tuple(sorted(out, key=lambda line: (order[line.state], -line.bytes_out, line.asset_id)))


def _mirror(account: dict[str, Any]) -> str:
    """One phrase on what the mirror did to the frames."""
    duplicates = account["buckets"]["duplicate"]
    parts = [f"{duplicates} duplicates recognised" if duplicates else "no duplicates"]
    if account["truncated_frames"]:
        parts.append("frames cut by a snaplen")
    if account["super_frames"]:
        parts.append("super-frames of an offload")
    dropped = [i["dropped"] for i in account["interfaces"] if i["dropped"]]
    if dropped:
        parts.append(f"{sum(dropped)} frames dropped by the capture")
    return ", ".join(parts)
