# SPDX-License-Identifier: Apache-2.0
"""Numbers and times as people read them on a screen: ``1.9 GB``, ``312 411 906``, ``Tue 02:14``.

Units are decimal, times are UTC, month and day names are English whatever the locale. A space that
must not break at the end of a line is a no-break space (``GLUE``); who prints turns it into a space.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

GLUE = "\u00a0"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def count(number: int) -> str:
    """``312411906`` -> ``312 411 906``."""
    return f"{number:,}".replace(",", GLUE)


def size(number: int) -> str:
    """``1931000000`` -> ``1.9 GB``: two digits below ten, whole numbers above, never ``1000 MB``."""
    value = float(number)
    for unit in _UNITS:
        rounded = round(value, 1) if value < 9.95 and unit != "B" else round(value)
        if rounded < 1000 or unit == _UNITS[-1]:
            text = f"{rounded:.1f}".removesuffix(".0") if isinstance(rounded, float) else str(rounded)
            return f"{text}{GLUE}{unit}"
        value /= 1000
    raise AssertionError("unreachable")


def plural(number: int, one: str, many: str | None = None) -> str:
    """``1 camera``, ``2 cameras``."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def percent(ratio: float) -> str:
    """``0.02 %``: never shown as none when there is some, never as all when some is missing."""
    share = ratio * 100
    if 0 < share < 0.01:
        return f"under 0.01{GLUE}%"
    if 99.9 < share < 100:
        return f"over 99.9{GLUE}%"
    digits = 2 if share < 1 else 1 if share < 99.95 else 0
    return f"{share:.{digits}f}".removesuffix(".0").removesuffix(".00") + f"{GLUE}%"


def moment(ts: int) -> str:
    """``Mon 17 Nov 2026 00:00:03``."""
    at = _at(ts)
    return f"{_DAYS[at.weekday()]} {at.day} {_MONTHS[at.month - 1]} {at:%Y %H:%M:%S}"


def period(first: int | None, last: int | None) -> str:
    """First and last packet; the date once when both are of one day."""
    if first is None or last is None:
        return "no packet with a time"
    begin, end = _at(first), _at(last)
    if begin.date() == end.date():
        return f"{moment(first)} – {end:%H:%M:%S}"
    return f"{moment(first)} – {moment(last)}"


def since(ts: int | None, first: int | None, last: int | None) -> str:
    """A time inside ``first``..``last``, as short as it can be without being mistaken."""
    if ts is None:
        return ""
    at = _at(ts)
    begin = _at(first) if first is not None else at
    span = (_at(last) if last is not None else at) - begin
    if span < timedelta(hours=24) and at.date() == begin.date():
        return f"{at:%H:%M:%S}"
    if (begin + span).date() - begin.date() < timedelta(days=7):
        return f"{_DAYS[at.weekday()]}{GLUE}{at:%H:%M}"
    if span < timedelta(days=300):
        return f"{at.day}{GLUE}{_MONTHS[at.month - 1]}{GLUE}{at:%H:%M}"
    return f"{at:%Y-%m-%d}{GLUE}{at:%H:%M}"


def _at(ts: int) -> datetime:
    return _EPOCH + timedelta(microseconds=ts // 1000)
