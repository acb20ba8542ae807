# SPDX-License-Identifier: Apache-2.0
"""Settings: every one typed, with its default, its unit and one sentence; unknown keys are refused.

A settings file is TOML with the sections below; ``--set section.key=value`` overrides any of them.
Durations are written ``"5ms"``, ``"60s"``, ``"5m"``, ``"1h"``; sizes ``"64KiB"``, ``"16MiB"``.
docs/configuration.md is generated from this file.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from egresswatch.errors import ConfigError, UsageError

NS = 1_000_000_000
TUNNELS = ("gre", "erspan", "vxlan", "geneve", "ipip", "6in4", "gtpu", "tzsp", "teredo")

MAX_DURATION = 3650 * 86400 * NS
MAX_SIZE = 1 << 30
MAX_NUMBER = (1 << 31) - 1
"""What times, tables and kernels can hold without a second thought."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h|d)")
_DURATION_UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": NS, "m": 60 * NS, "h": 3600 * NS, "d": 86400 * NS}
_SIZE = re.compile(r"(\d+)(B|KiB|MiB|GiB)?")
_SIZE_UNITS = {None: 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


class Duration(int):
    """Nanoseconds, written as ``"60s"``."""


class Size(int):
    """Bytes, written as ``"16MiB"``."""


def _s(default: Any, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """How frames are taken apart."""

    dedup: bool = _s(True, "recognise duplicate frames of a mirror and account them once")
    dedup_window: Duration = _s(Duration(5_000_000), "how far apart in packet time two copies can be")
    decapsulate: tuple[str, ...] = _s(
        ("erspan", "tzsp"),
        "mirrors and tunnels to open: none, all, or a list of " + ", ".join(TUNNELS),
    )
    vlan_in_key: str = _s("auto", "true, false or auto: whether the VLAN stack tells flows apart")


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """The biflow table."""

    table_size: int = _s(1 << 20, "flows alive at once; the oldest idle one is exported when full")
    tcp_idle_timeout: Duration = _s(Duration(300 * NS), "a TCP flow without packets for this long has ended")
    udp_idle_timeout: Duration = _s(Duration(60 * NS), "the same for UDP")
    other_idle_timeout: Duration = _s(Duration(60 * NS), "the same for all other protocols")
    active_timeout: Duration = _s(Duration(120 * NS), "a longer flow gives an interim record each time")
    end_linger: Duration = _s(Duration(5 * NS), "how long a closed TCP flow waits for stragglers")


@dataclass(frozen=True, slots=True)
class SniffSettings:
    """How much of a flow is read for names."""

    enabled: bool = _s(True, "read names, certificates and recognisers from first payloads")
    probe_packets: int = _s(16, "payload packets of each side that are tried against the patterns")
    flow_bytes: Size = _s(Size(32 << 10), "payload bytes of each side handed to a stream parser")
    max_flows: int = _s(65536, "flows being read at once; further ones are counted as shed")
    max_names: int = _s(262144, "entries of the passive-name table (asking host and address)")
    max_neighbours: int = _s(65536, "different ARP, LLDP, CDP and IPv6 neighbour messages that are read")


@dataclass(frozen=True, slots=True)
class EnrichSettings:
    """Who is who."""

    cameras: str = _s("", "inventory file (cameras.csv); empty: cameras are discovered")
    geo_country: str = _s("", "MaxMind-format country database (.mmdb); empty: no countries")
    geo_asn: str = _s("", "MaxMind-format ASN database (.mmdb); empty: no operators")
    max_hosts: int = _s(65536, "hosts kept in the register")


@dataclass(frozen=True, slots=True)
class RulesSettings:
    """Which rules apply."""

    builtin: bool = _s(True, "load the rule pack that ships with egresswatch")
    paths: tuple[str, ...] = _s((), "more rule folders or files; a rule with the same id replaces")
    public_key: str = _s("", "minisign public key, or a file with it: rules.paths must be signed with it")


@dataclass(frozen=True, slots=True)
class DetectSettings:
    """What becomes an alert."""

    update_factor: int = _s(10, "an open case is reported again when its bytes have grown by this factor")
    update_interval: Duration = _s(Duration(3600 * NS), "a case that goes on is reported at most this often")
    max_cases: int = _s(65536, "cases kept open at once")
    max_destinations: int = _s(16, "destinations of one camera told one by one, then summed up")


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """What is written."""

    observer: str = _s("egresswatch", "name of this sensor in alerts (observer.name)")
    row_hold: Duration = _s(Duration(3600 * NS), "flow rows are judged when this much packet time closes")
    max_held_rows: int = _s(1_000_000, "rows held for that at most")


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """Reading captures."""

    batch: int = _s(16384, "frames handled at a time (changes speed, never results)")
    workers: int = _s(1, "threads that share the work (changes speed, never results)")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, immutable."""

    decode: DecodeSettings = field(default_factory=DecodeSettings)
    flow: FlowSettings = field(default_factory=FlowSettings)
    sniff: SniffSettings = field(default_factory=SniffSettings)
    enrich: EnrichSettings = field(default_factory=EnrichSettings)
    rules: RulesSettings = field(default_factory=RulesSettings)
    detect: DetectSettings = field(default_factory=DetectSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    replay: ReplaySettings = field(default_factory=ReplaySettings)


def load(path: Path | None, overrides: typing.Sequence[str] = ()) -> Settings:
    """Settings from a TOML file (or the defaults) with ``section.key=value`` overrides.

    Raises ConfigError for the file, UsageError for an override.
    """
    document: dict[str, Any] = {}
    if path is not None:
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}", path) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"is not TOML: {error}", path) from error
    settings = _section(Settings, document, "", path)
    for override in overrides:
        settings = _override(settings, override)
    return settings  # type: ignore[no-any-return]


def _section(cls: Any, table: Any, prefix: str, path: Path | None) -> Any:
    if not isinstance(table, dict):
        raise ConfigError(f"[{prefix.rstrip('.')}] must be a table", path)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in fields:
            raise ConfigError(f"unknown setting {prefix + key!r}{_hint(key, fields)}", path, _line(path, key))
        kind = hints[key]
        if dataclasses.is_dataclass(kind):
            values[key] = _section(kind, value, f"{prefix}{key}.", path)
        else:
            try:
                values[key] = _value(kind, value, prefix + key)
            except ValueError as error:
                raise ConfigError(f"{prefix + key}: {error}", path, _line(path, key)) from None
    return cls(**values)


def _override(settings: Any, text: str) -> Any:
    name, equals, raw = text.partition("=")
    section, dot, key = name.strip().partition(".")
    if not equals or not dot:
        raise UsageError(f"--set {text}: write it as section.key=value, e.g. decode.dedup=false")
    sections = {f.name: f for f in dataclasses.fields(settings)}
    if section not in sections:
        raise UsageError(f"--set {text}: no section {section!r}{_hint(section, sections)}")
    current = getattr(settings, section)
    fields = {f.name: f for f in dataclasses.fields(current)}
    if key not in fields:
        raise UsageError(f"--set {text}: no setting {key!r} in {section!r}{_hint(key, fields)}")
    kind = typing.get_type_hints(type(current))[key]
    try:
        value = _value(kind, _from_text(kind, raw.strip()), key)
    except ValueError as error:
        raise UsageError(f"--set {text}: {error}") from None
    return dataclasses.replace(settings, **{section: dataclasses.replace(current, **{key: value})})


def _from_text(kind: Any, raw: str) -> Any:
    if kind is bool:
        if raw not in ("true", "false"):
            raise ValueError("must be true or false")
        return raw == "true"
    if kind is int:
        if not re.fullmatch(r"-?\d+", raw):
            raise ValueError("must be a whole number")
        return int(raw)
    if typing.get_origin(kind) is tuple:
        return [part.strip() for part in raw.split(",") if part.strip()]
    return raw


def _value(kind: Any, value: Any, name: str) -> Any:
    """``value`` as ``kind``; ValueError says what was expected."""
    if kind is bool:
        if not isinstance(value, bool):
            raise ValueError("must be true or false")
        return value
    if kind is Duration:
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError('must be a duration such as "5ms", "60s" or "1h"')
        length = round(float(match[1]) * _DURATION_UNITS[match[2]])
        if not 0 < length <= MAX_DURATION:
            raise ValueError("must be a duration of more than nothing and at most 3650d")
        return Duration(length)
    if kind is Size:
        match = _SIZE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError('must be a size such as "64KiB" or "16MiB"')
        size = int(match[1]) * _SIZE_UNITS[match[2]]
        if size > MAX_SIZE:
            raise ValueError("must be a size of at most 1GiB")
        return Size(size)
    if kind is int:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_NUMBER:
            raise ValueError(f"must be a whole number from 1 to {MAX_NUMBER}")
        return value
    if typing.get_origin(kind) is tuple:
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise ValueError("must be a list of texts")
        return _tunnels(items) if name.endswith("decapsulate") else tuple(items)
    if name.endswith("vlan_in_key"):
        value = str(value).lower() if isinstance(value, bool) else value
        if value not in ("true", "false", "auto"):
            raise ValueError("must be true, false or auto")
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return value


def _tunnels(items: list[str]) -> tuple[str, ...]:
    if items == ["none"]:
        return ()
    if items == ["all"]:
        return TUNNELS
    for item in items:
        if item not in TUNNELS:
            raise ValueError(f"{item!r} is not one of none, all, {', '.join(TUNNELS)}")
    return tuple(items)


def _hint(word: str, known: typing.Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _line(path: Path | None, key: str) -> int | None:
    """Line of a key, for messages: tomllib does not tell, so the first line that sets it."""
    if path is None:
        return None
    pattern = re.compile(rf"\s*(\[.*\b)?{re.escape(key)}\b")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if pattern.match(line):
            return number
    return None
