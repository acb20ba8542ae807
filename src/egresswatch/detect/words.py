# SPDX-License-Identifier: Apache-2.0
"""Numbers, times and ends of a connection as a person on the night shift reads them.

Decimal units as network people use them; UTC always; no rounding that makes something out of nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from egresswatch.config import NS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PROTOCOLS = {
    1: "ICMP", 6: "TCP", 17: "UDP", 33: "DCCP", 47: "GRE", 50: "ESP", 58: "ICMPv6", 132: "SCTP",
    136: "UDP-Lite",
}
MAX_NAME = 80


def volume(count: int) -> str:
    """``1.9 GB``, ``38 MB``, ``512 bytes``."""
    return f"{count} byte{'s' * (count != 1)}" if count < 1000 else _scaled(count, "B")


def rate(bits_per_second: int) -> str:
    """``2.1 Mbit/s``."""
    return f"{bits_per_second} bit/s" if bits_per_second < 1000 else _scaled(bits_per_second, "bit/s")


def count(number: int, what: str) -> str:
    """``1 attempt``, ``1 204 attempts``."""
    return f"{grouped(number)} {what}" + ("" if number == 1 else "es" if what.endswith("s") else "s")


def grouped(number: int) -> str:
    """``1 204 311``."""
    return f"{number:,}".replace(",", " ")


def moment(ts: int) -> str:
    """``Tue 17 Nov 2026 02:14``: weekday for the shift, date for whoever reads it a year later."""
    return f"{_EPOCH + timedelta(seconds=ts // NS):%a %-d %b %Y %H:%M} UTC"


def clock(ts: int) -> str:
    """``2026-11-17 02:14:07Z``."""
    return f"{_EPOCH + timedelta(seconds=ts // NS):%Y-%m-%d %H:%M:%SZ}"


def span(nanoseconds: int) -> str:
    """``40 s``, ``12 min``, ``2 h 5 min``, ``6 days 3 h``."""
    seconds = nanoseconds // NS
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 86400:
        hours, minutes = divmod(seconds // 60, 60)
        return f"{hours} h" + (f" {minutes} min" if minutes else "")
    days, hours = divmod(seconds // 3600, 24)
    return count(days, "day") + (f" {hours} h" if hours else "")


def transport(proto: int) -> str:
    """``TCP``, ``UDP``, ... else ``IP protocol 89``."""
    return _PROTOCOLS.get(proto, f"IP protocol {proto}")


def service(text: str) -> str:
    """``TLS``, ``QUIC``, ``RTSP``: protocol names are spoken in capitals."""
    return text.upper()


def end(address: str, port: int) -> str:
    """``203.0.113.9:443``, ``[2001:db8::9]:443``, or the address alone when there is no port."""
    if not port:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def name(text: str) -> str:
    """A name from the wire, cut to what fits a sentence."""
    return text if len(text) <= MAX_NAME else text[: MAX_NAME - 3] + "..."


def _scaled(number: int, unit: str) -> str:
    value = float(number)
    for prefix in ("", "k", "M", "G", "T"):
        # 999.5 would print as 1000 of the smaller unit
        if value < 999.5 or prefix == "T":
            return f"{value:.1f} {prefix}{unit}" if value < 9.95 else f"{value:.0f} {prefix}{unit}"
        value /= 1000
    raise AssertionError("unreachable")
