# SPDX-License-Identifier: Apache-2.0
"""What a replay is asked to do and what it answers, as plain values.

Owns ``ReplayOptions`` (command line -> pipeline), ``ReplayResult`` (pipeline -> terminal, JSON and
exit status) and the JSON form of the latter. Computes no finding, writes nothing, reads no clock:
every time here is packet time in nanoseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from egresswatch.config import Settings
from egresswatch.records import SEVERITIES

STATES = ("egress", "blocked", "denied", "undecided", "inside")
"""Of a monitored asset: data left the site · it only tried to · it reached, or tried to, what the policy
denies within the site · too much was unseen to say · it stayed where it may be."""

INPUT_FILES = "input_files"
"""Key of ledger.json with the captures read: a list of objects with at least ``path``."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StopSwitch:
    """How a signal ends a followed capture early: what has been read is still judged and written."""

    def __init__(self) -> None:
        self.pressed = False
        self._hooks: list[Callable[[], None]] = []

    def on_stop(self, hook: Callable[[], None]) -> None:
        """Call ``hook`` when the switch is pressed (at once if it already is)."""
        self._hooks.append(hook)
        if self.pressed:
            hook()

    def press(self) -> None:
        """Ask everything that registered to stop."""
        self.pressed = True
        for hook in self._hooks:
            hook()


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """One replay: inputs, settings (rule folders included) and where to write."""

    paths: tuple[str, ...]
    settings: Settings = field(default_factory=Settings)
    site: Path | None = None
    out: Path | None = None
    """Folder to write; None writes nothing."""
    digest: bool = False
    force: bool = False
    follow: bool = False
    stop: StopSwitch = field(default_factory=StopSwitch)


@dataclass(frozen=True, slots=True)
class AssetLine:
    """One monitored asset in the verdict table: its worst finding in a line."""

    asset_id: str
    ip: str
    maker: str = ""
    """Maker and jurisdiction as people read it: ``Hikvision (CN)``; empty when unknown."""
    state: str = "inside"
    """One of ``STATES``."""
    bytes_out: int = 0
    """IP bytes sent outside to destinations that policy does not allow, all of them together; of a
    ``denied`` asset those sent to inside ones."""
    what: str = ""
    """What it looks like, when that was earned: ``video-like``; for undecided: the reason."""
    to: str = ""
    """The main destination in words: ``Easy4IP P2P relay 203.0.113.9, DE``."""
    more: int = 0
    """Further destinations beside ``to``."""
    attempts: int = 0
    """Attempts without an answer (blocked)."""
    since: int | None = None
    confidence: str = ""
    rule_id: str = ""
    alert_uid: str = ""
    role: str = "camera"


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What a replay found, ready to be shown."""

    version: str
    rules_version: str
    rules_digest: str
    rules_count: int
    site: str
    """For the header line: ``site.toml (policy: cameras isolated)``, or that none was given."""
    policy: bool
    """True when a site file was given."""
    first_ts: int | None
    last_ts: int | None
    packets: int
    balanced: bool
    assets: tuple[AssetLine, ...] = ()
    """Every monitored asset; also those that stayed inside."""
    inside_hosts: int = 0
    """Inside hosts seen at all, monitored or not."""
    missed_bytes: int = 0
    """Upper bound of bytes of monitored assets that were on the wire but not in the capture."""
    missed_ratio: float = 0.0
    mirror: str = ""
    """One phrase on the mirror: ``both directions, no duplicates``."""
    out: str | None = None
    outputs: tuple[str, ...] = ()
    """Paths of the files written."""
    errors: tuple[str, ...] = ()
    """One line per input that could not be read: exit status 1."""
    warnings: tuple[str, ...] = ()
    """One line per damage that was worked around: told, exit status 0."""
    limits: tuple[str, ...] = ()
    """Tables that were too small for this input, so that something may be missing."""
    alerts_by_severity: Mapping[str, int] = field(default_factory=dict)
    """Cases (not update lines) by severity."""
    verdicts: Mapping[str, int] = field(default_factory=dict)
    """Flow records by verdict."""
    ledger: Mapping[str, Any] = field(default_factory=dict)
    register: tuple[Mapping[str, Any], ...] = ()
    """The rows of cameras.json."""

    def count(self, state: str) -> int:
        """How many monitored assets are in ``state``."""
        return sum(asset.state == state for asset in self.assets)

    @property
    def alerts(self) -> int:
        """How many cases raised an alert."""
        return sum(self.alerts_by_severity.values())

    def reaches(self, severity: str) -> bool:
        """True when an alert has ``severity`` or a higher one."""
        return any(self.alerts_by_severity.get(name) for name in SEVERITIES[SEVERITIES.index(severity) :])


def iso(ts: int | None) -> str | None:
    """RFC 3339 text of a packet time, with its nanoseconds; None stays None."""
    if ts is None:
        return None
    seconds, nanos = divmod(ts, 1_000_000_000)
    whole = _EPOCH + timedelta(seconds=seconds)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{nanos:09d}Z"


def to_json(result: ReplayResult) -> dict[str, Any]:
    """The object that ``--json`` prints: same facts as the screen, keys in a fixed order."""
    return {
        "version": result.version,
        "rules": {
            "version": result.rules_version, "digest": result.rules_digest, "count": result.rules_count,
        },
        "site": result.site,
        "policy": result.policy,
        "first_packet": iso(result.first_ts),
        "last_packet": iso(result.last_ts),
        "packets": result.packets,
        "balanced": result.balanced,
        "cameras": {
            "monitored": len(result.assets),
            **{state: result.count(state) for state in STATES},
            "lines": [_asset(asset) for asset in result.assets],
        },
        "verdicts": dict(result.verdicts),
        "alerts": {name: result.alerts_by_severity.get(name, 0) for name in SEVERITIES},
        "not_seen": {"bytes": result.missed_bytes, "ratio": result.missed_ratio, "mirror": result.mirror},
        "ledger": dict(result.ledger),
        "out": result.out,
        "outputs": list(result.outputs),
        "errors": list(result.errors),
        "warnings": list(result.warnings),
        "limits": list(result.limits),
    }


def _asset(asset: AssetLine) -> dict[str, Any]:
    return {
        "asset_id": asset.asset_id,
        "ip": asset.ip,
        "maker": asset.maker,
        "role": asset.role,
        "state": asset.state,
        "bytes_out": asset.bytes_out,
        "what": asset.what,
        "to": asset.to,
        "more": asset.more,
        "attempts": asset.attempts,
        "since": iso(asset.since),
        "confidence": asset.confidence,
        "rule_id": asset.rule_id,
        "alert_uid": asset.alert_uid,
    }
