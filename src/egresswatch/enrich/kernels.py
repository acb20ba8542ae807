# SPDX-License-Identifier: Apache-2.0
"""Kernels of the crowd: hosts of which nothing is known but that they send, in arrays.

Owns the layout of the rows, of the index over them and of the memory of what was told before, and what is
done with a note where no more is to be done than to count or to note a time. Everything else is for
Python (``hosts``), note by note and in order: these decide nothing about who is who. A key that finds no
place within ``PROBES`` steps is left to Python as well; only the memory then tells it anew each time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.jit import inline, kernel, prefetch
from egresswatch.loads import mix

HOST = np.dtype(
    [
        ("mac", "u8"), ("hi", "u8"), ("lo", "u8"), ("first", "i8"), ("last", "i8"), ("vlan", "i4"),
        ("v6", "u1"), ("met", "u1"), ("pad", "u2"),
    ]
)  # fmt: skip
"""One host. ``mac`` 0: known by its address; ``vlan`` -1: none; ``met``: Python holds what is known of it."""
NOTED = np.dtype(
    [
        ("mac", "u8"), ("hi", "u8"), ("lo", "u8"), ("ts", "i8"), ("vlan", "i4"), ("v6", "u1"),
        ("inside", "u1"), ("strange", "u1"), ("pad", "u1"),
    ]
)  # fmt: skip
"""A sender as the packet path shows it, or an address and a MAC that somebody asks about."""
INDEX = np.dtype([("key", "u8"), ("at", "i8")])
"""Key of a MAC or of an address (0: empty place) -> row, or one of the words below."""
MEMORY = np.dtype([("mac", "u8"), ("hi", "u8"), ("lo", "u8"), ("turn", "i4"), ("v6", "u1"), ("pad", "u1", 3)])
"""One sender that was told before; all of it, since addresses can be chosen to have the same key."""

ASK, ROUTER, TELLS, NOBODY = -1, -2, -3, -4
"""Python knows; a MAC that forwards for others; one whose maker says something of them; none has this key."""
STRANGE_MAC, STRANGE_ADDR, UNCHECKED = 1, 2, 4
"""Something speaks about the MAC or the address of a note; nobody has looked yet."""
USED, HOSTS, MOST, PLACES, MOST_PLACES, ROUTERS, REFUSED, SEEN, TURN = range(9)
"""Counters: rows, hosts, most hosts (and routers), addresses of the crowd, most of them, routers, turned
away, remembered, turn."""
TALLY = 9
MOST_SEEN = 262_144
"""(MAC, address) pairs remembered; full, it starts anew."""
PROBES = 64
_AHEAD = 12
"""Notes between asking for memory and reading it."""

_U0, _U1, _S24 = np.uint64(0), np.uint64(1), np.uint64(24)
_GROUP = np.uint64(1 << 40)
_OF_MAC, _OF_ADDR = np.uint64(1 << 62), np.uint64(1 << 63)
_MAPPED = np.uint64(0xFFFF << 32)


@inline
def _mac_key(mac: Any) -> Any:
    """Key of a MAC in the index."""
    return mac | _OF_MAC


@inline
def _addr_key(hi: Any, lo: Any, v6: Any) -> Any:
    """Key of an address in the index; two addresses may have the same one."""
    return mix(mix(mix(_U0, lo), hi), np.uint64(v6)) | _OF_ADDR


@inline
def _key(note: Any, of_mac: Any) -> Any:
    return _mac_key(note["mac"]) if of_mac else _addr_key(note["hi"], note["lo"], note["v6"])


@inline
def _start(table: Any, key: Any) -> Any:
    return np.int64(mix(_U1, key) >> _S24 & np.uint64(len(table) - 1))


@inline
def _find(index: Any, key: Any) -> Any:
    at = _start(index, key)
    for _ in range(PROBES):
        if index[at]["key"] == key:
            return index[at]["at"]
        if index[at]["key"] == _U0:
            return np.int64(NOBODY)
        at = at + 1 & len(index) - 1
    return np.int64(ASK)


@inline
def _put(index: Any, key: Any, value: Any) -> Any:
    at = _start(index, key)
    for _ in range(PROBES):
        if index[at]["key"] == key or index[at]["key"] == _U0:
            index[at]["key"], index[at]["at"] = key, value
            return True
        at = at + 1 & len(index) - 1
    return False


@inline
def _forget(tally: Any) -> None:
    tally[SEEN] = 0
    tally[TURN] += 1


@inline
def _note_key(note: Any) -> Any:
    return mix(mix(mix(mix(_U1, note["mac"]), note["lo"]), note["hi"]), np.uint64(note["v6"]))


@inline
def _same(row: Any, note: Any) -> Any:
    return row["lo"] == note["lo"] and row["hi"] == note["hi"] and row["v6"] == note["v6"]


@inline
def _remember(memory: Any, tally: Any, note: Any) -> Any:
    key = _note_key(note)
    first = at = _start(memory, key)
    for _ in range(PROBES):
        if memory[at]["turn"] != tally[TURN]:
            if tally[SEEN] >= MOST_SEEN:
                _forget(tally)
                at = first
            told = memory[at]
            told["mac"], told["hi"], told["lo"], told["v6"] = note["mac"], note["hi"], note["lo"], note["v6"]
            told["turn"] = tally[TURN]
            tally[SEEN] += 1
            return True
        if memory[at]["mac"] == note["mac"] and _same(memory[at], note):
            return False
        at = at + 1 & len(memory) - 1
    return True


@inline
def _unspecified(note: Any) -> Any:
    return note["hi"] == _U0 and note["lo"] == (_U0 if note["v6"] else _MAPPED)


@inline
def _known(note: Any, row: Any, memory: Any, odd: Any, tally: Any) -> Any:
    """A note of a host in ``rows``; False: for Python."""
    if row["met"] or not _same(row, note):
        return False
    if row["vlan"] < 0 <= note["vlan"]:
        if odd[note["vlan"]]:
            return False
        row["vlan"] = note["vlan"]
    if row["first"] == 0:
        row["first"] = note["ts"]
    row["last"] = max(row["last"], note["ts"])
    _remember(memory, tally, note)
    return True


@inline
def _enter(note: Any, mac: Any, rows: Any, index: Any, memory: Any, tally: Any) -> Any:
    """A new host of whom nobody has said anything; False: for Python."""
    key, row = _addr_key(note["hi"], note["lo"], note["v6"]), tally[USED]
    if mac != _U0:
        if _find(index, key) != NOBODY or not _put(index, _mac_key(mac), row):
            return False
        if not _put(index, key, row):
            _put(index, _mac_key(mac), np.int64(ASK))
            return False
        _forget(tally)
    elif not _put(index, key, row):
        return False
    host = rows[row]
    host["mac"], host["hi"], host["lo"], host["v6"] = mac, note["hi"], note["lo"], note["v6"]
    host["first"], host["last"], host["vlan"], host["met"] = note["ts"], note["ts"], note["vlan"], 0
    tally[USED] += 1
    tally[HOSTS] += 1
    tally[PLACES] += 1
    _remember(memory, tally, note)
    return True


@inline
def _outside(note: Any, mac: Any, found: Any, index: Any, memory: Any, tally: Any) -> Any:
    """A sender from outside: who forwards for it is a router. Answer as ``_one``."""
    if found == ASK:
        return 1
    if found not in (ROUTER, TELLS):
        if tally[ROUTERS] >= tally[MOST]:
            if _remember(memory, tally, note):
                tally[REFUSED] += 1
            return 0
        if found != NOBODY:
            return 1
        if note["strange"] & UNCHECKED:
            return 2
        if note["strange"] & STRANGE_MAC or not _put(index, _mac_key(mac), np.int64(ROUTER)):
            return 1
        tally[ROUTERS] += 1
        _forget(tally)
    _remember(memory, tally, note)
    return 0


@inline
def _one(note: Any, rows: Any, index: Any, memory: Any, odd: Any, tally: Any) -> Any:
    """0: done; 1: for Python; 2: for Python to say first whether something speaks about this sender."""
    if _unspecified(note):
        return 1
    mac = note["mac"] if note["mac"] & _GROUP == _U0 else _U0
    found = np.int64(ROUTER)
    if mac != _U0:
        found = _find(index, _mac_key(mac))
    if not note["inside"]:
        return _outside(note, mac, found, index, memory, tally)
    if found == TELLS:
        return 1
    alone = STRANGE_MAC | STRANGE_ADDR
    if found == ROUTER:
        alone, mac = STRANGE_ADDR, _U0
        found = _find(index, _addr_key(note["hi"], note["lo"], note["v6"]))
    if found == ASK:
        return 1
    if found >= 0:
        return 0 if _known(note, rows[found], memory, odd, tally) else 1
    if tally[HOSTS] >= tally[MOST]:
        if _remember(memory, tally, note):
            tally[REFUSED] += 1
        return 0
    if note["strange"] & UNCHECKED:
        return 2
    if note["strange"] & alone or tally[PLACES] >= tally[MOST_PLACES]:
        return 1
    if note["vlan"] >= 0 and odd[note["vlan"]]:
        return 1
    return 0 if _enter(note, mac, rows, index, memory, tally) else 1


@kernel
def take(notes: Any, start: Any, rows: Any, index: Any, memory: Any, odd: Any, tally: Any) -> Any:
    """Notes from ``start`` on, up to the first that is Python's: its place, or -1 - place when Python has
    not looked yet whether something speaks about the sender; their number when all are done."""
    for k in range(start, len(notes)):
        ahead = notes[min(k + _AHEAD, len(notes) - 1)]
        prefetch(index, _start(index, _mac_key(ahead["mac"])))
        prefetch(memory, _start(memory, _note_key(ahead)))
        left = _one(notes[k], rows, index, memory, odd, tally)
        if left:
            return k if left == 1 else -1 - k
    return len(notes)


@kernel
def owners(asked: Any, rows: Any, index: Any, out: Any) -> None:
    """Row of the host that has each (MAC, address), NOBODY, or ASK."""
    for k in range(len(asked)):
        note = asked[k]
        out[k] = ASK
        if _unspecified(note):
            continue
        found = _find(index, _mac_key(note["mac"]))
        if found == ASK or (found >= 0 and rows[found]["met"]):
            continue
        if found < 0 or not _same(rows[found], note):
            found = _find(index, _addr_key(note["hi"], note["lo"], note["v6"]))
        if found < 0 or (not rows[found]["met"] and _same(rows[found], note)):
            out[k] = found


@kernel
def enter(index: Any, notes: Any, of_mac: Any, value: Any) -> Any:
    """Put the first note's MAC, or its address; False: there is no place for it."""
    return _put(index, _key(notes[0], of_mac), value)


@kernel
def look_up(index: Any, notes: Any, of_mac: Any) -> Any:
    """What the index has for the first note's MAC, or for its address."""
    return _find(index, _key(notes[0], of_mac))


@kernel
def enter_keys(index: Any, old: Any, start: Any) -> Any:
    """Put all keys of a smaller index, from ``start`` on, up to one that finds no place."""
    for k in range(start, len(old)):
        if old[k]["key"] != _U0 and not _put(index, old[k]["key"], old[k]["at"]):
            return k
    return len(old)


@kernel
def remember(memory: Any, tally: Any, notes: Any) -> Any:
    """Was this (MAC, address) not told since the memory last started anew? Remembers it."""
    return _remember(memory, tally, notes[0])
