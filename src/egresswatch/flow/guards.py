# SPDX-License-Identifier: Apache-2.0
"""Small bounded memories in front of the table: duplicates, fragments, hosts already shown.

Each is a set-associative cache per shard: fixed size, the oldest of a set gives way, and giving way
while the entry was still needed is counted. All run on packet time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.flow.layout import (
    DUP_SETS,
    DUP_WAYS,
    FRAG_LIFE,
    FRAG_SETS,
    FRAG_WAYS,
    HOSTS,
    Tally,
)
from egresswatch.jit import inline, kernel
from egresswatch.loads import mix, pair_hash

C_DUP_FORGOTTEN = int(Tally.dup_forgotten)
C_FRAG_JOINED = int(Tally.frag_joined)
C_FRAG_ORPHANS = int(Tally.frag_orphans)
C_FRAG_FORGOTTEN = int(Tally.frag_forgotten)
_U0 = np.uint64(0)
_U32 = np.uint64(32)


@inline
def dup_place(s: Any, key: Any) -> Any:
    """First entry of a fingerprint's set."""
    return (s * DUP_SETS + (np.int64(key >> _U32) & (DUP_SETS - 1))) * DUP_WAYS


@inline
def is_duplicate(dups: Any, s: Any, key: Any, clock: Any, window: Any, tally: Any) -> Any:
    """Was the same content seen within ``window`` ns? Remembers it if not."""
    base = dup_place(s, key)
    victim = base
    for k in range(base, base + DUP_WAYS):
        entry = dups[k]
        if entry["key"] == key and clock - entry["clock"] <= window:
            return True
        if entry["clock"] < dups[victim]["clock"]:
            victim = k
    entry = dups[victim]
    if entry["key"] != _U0 and clock - entry["clock"] <= window:
        tally[C_DUP_FORGOTTEN] += np.uint64(1)
    entry["key"], entry["clock"] = key, clock
    return False


@kernel
def _fragment_key(pkt: Any, side: Any, vlan: Any) -> Any:
    h = mix(mix(mix(_U0, pkt["frag_key"]), pkt["a_lo"]), pkt["b_lo"])
    h = mix(mix(h, pkt["a_hi"]), pkt["b_hi"])
    return mix(mix(h, np.uint64(side)), np.uint64(vlan)) | np.uint64(1)


@kernel
def note_fragment(frags: Any, s: Any, pkt: Any, side: Any, vlan: Any, clock: Any, tally: Any) -> None:
    """Remember which flow a first fragment belongs to."""
    key = _fragment_key(pkt, side, vlan)
    base = np.int64(key >> _U32) % FRAG_SETS * FRAG_WAYS
    victim = base
    for k in range(base, base + FRAG_WAYS):
        entry = frags[s, k]
        if entry["key"] == key:
            victim = k
            break
        if entry["clock"] < frags[s, victim]["clock"]:
            victim = k
    entry = frags[s, victim]
    if entry["key"] != _U0 and entry["key"] != key and clock - entry["clock"] <= FRAG_LIFE:
        tally[C_FRAG_FORGOTTEN] += np.uint64(1)
    entry["key"], entry["clock"], entry["meta"] = key, clock, pkt["meta"]


@kernel
def join_fragment(frags: Any, s: Any, pkt: Any, side: Any, vlan: Any, clock: Any, tally: Any) -> None:
    """Give a later fragment the ports of its first one, when that was seen before (RFC 791, 8200)."""
    key = _fragment_key(pkt, side, vlan)
    base = np.int64(key >> _U32) % FRAG_SETS * FRAG_WAYS
    for k in range(base, base + FRAG_WAYS):
        entry = frags[s, k]
        if entry["key"] == key and clock - entry["clock"] <= FRAG_LIFE:
            pkt["meta"] = entry["meta"]
            h = pair_hash(pkt["a_hi"], pkt["a_lo"], pkt["b_hi"], pkt["b_lo"], pkt["meta"])
            pkt["hash"] = mix(h, pkt["meta"]) >> _U32
            tally[C_FRAG_JOINED] += np.uint64(1)
            return
    tally[C_FRAG_ORPHANS] += np.uint64(1)


@inline
def host_place(mac: Any, hi: Any, lo: Any, vlan: Any) -> Any:
    """Where a sender is noted among those of its shard."""
    # from the MAC alone first: many a MAC is made from the address, and their difference says nothing
    h = mix(mix(mix(mix(_U0, np.uint64(mac)), lo), hi), np.uint64(vlan))
    return np.int64(h >> _U32) % HOSTS


@kernel
def show_host(hosts: Any, s: Any, row: Any, side: Any, kind: Any, mac: Any, vlan: Any) -> Any:
    """Must this sender be told to the register? An inside host once per (address, MAC, VLAN), an
    outside one once per MAC (it marks a router). A small cache forgets and tells again; it holds all
    of these, not their hash, which an address could be chosen for to hide another."""
    if kind > 1 or (kind == 0 and mac == _U0):
        return False
    hi, lo, tags = _U0, _U0, np.int64(0)
    if kind == 1:
        hi, lo = (row["a_hi"], row["a_lo"]) if side == 0 else (row["b_hi"], row["b_lo"])
        tags = np.int64(vlan)
    entry = hosts[s, host_place(mac, hi, lo, tags)]
    if (
        entry["mac"] == mac and entry["lo"] == lo and entry["hi"] == hi and entry["vlan"] == tags
        and entry["kind"] == kind + 1
    ):  # fmt: skip
        return False
    entry["mac"], entry["hi"], entry["lo"], entry["vlan"], entry["kind"] = mac, hi, lo, tags, kind + 1
    return True
