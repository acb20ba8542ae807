# SPDX-License-Identifier: Apache-2.0
"""When rows are looked at again: a timing wheel of one-second buckets per shard (Varghese, 1987).

A row hangs in the bucket of its earliest possible deadline. A packet does not move it: when the
bucket comes round, the row is exported, or hung where its deadline now lies. So a packet costs
nothing here, and expiry never scans the table. Lists are doubly linked by row number + 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.flow.layout import S_FIN_A, S_FIN_B, S_RST, WHEEL
from egresswatch.jit import inline, kernel

NS = np.int64(1_000_000_000)
# places in the timeouts array (int64 ns)
T_TCP, T_UDP, T_OTHER, T_ACTIVE, T_LINGER = 0, 1, 2, 3, 4


@inline
def is_closed(row: Any) -> Any:
    """Both ends sent FIN, or one sent RST."""
    state = row["state"]
    return state & S_RST != 0 or (state & S_FIN_A != 0 and state & S_FIN_B != 0)


@inline
def idle_at(row: Any, timeouts: Any) -> Any:
    """Packet time at which the flow has been idle long enough to end."""
    proto = np.int64(row["meta"] >> np.uint64(8)) & 0xFF
    if proto == 6:
        return row["last"] + (timeouts[T_LINGER] if is_closed(row) else timeouts[T_TCP])
    return row["last"] + (timeouts[T_UDP] if proto == 17 else timeouts[T_OTHER])


@inline
def deadline(row: Any, timeouts: Any) -> Any:
    """Packet time at which the row must be looked at."""
    return min(idle_at(row, timeouts), row["opened"] + timeouts[T_ACTIVE])


@inline
def hang(heads: Any, shards: Any, s: Any, rows: Any, index: Any, timeouts: Any) -> None:
    """Hang a row into the bucket of its deadline (never the one being looked at)."""
    row = rows[index]
    now = shards[s]["second"]
    due = (deadline(row, timeouts) + NS - 1) // NS
    due = min(max(due, now + 1), now + WHEEL - 1)
    if due < shards[s]["hint"]:
        shards[s]["hint"] = due
    bucket = due % WHEEL
    head = heads[s, bucket]
    row["after"], row["before"] = head, 0
    if head != 0:
        rows[np.int64(head) - 1]["before"] = index + 1
    heads[s, bucket] = index + 1
    row["second"] = bucket


@inline
def take_down(heads: Any, s: Any, rows: Any, index: Any) -> None:
    """Unhang a row."""
    row = rows[index]
    after, before = np.int64(row["after"]), np.int64(row["before"])
    if before != 0:
        rows[before - 1]["after"] = after
    else:
        heads[s, np.int64(row["second"])] = after
    if after != 0:
        rows[after - 1]["before"] = before
    row["second"] = -1


@kernel
def oldest(heads: Any, shards: Any, s: Any, rows: Any, timeouts: Any) -> Any:
    """The row of a full shard to give up: the first whose deadline is nearest.

    Rows that were used since they were hung are hung again on the way, at most 64 of them.
    """
    now = shards[s]["second"]
    second = max(shards[s]["hint"], now + 1)
    pick = np.int64(-1)
    for _ in range(64):
        steps = 0
        while heads[s, second % WHEEL] == 0 and steps < WHEEL:
            second += 1
            steps += 1
            if second > now + WHEEL - 1:
                second = now + 1
        shards[s]["hint"] = second
        pick = np.int64(heads[s, second % WHEEL]) - 1
        if (deadline(rows[pick], timeouts) + NS - 1) // NS <= second:
            return pick
        take_down(heads, s, rows, pick)
        hang(heads, shards, s, rows, pick, timeouts)
        shards[s]["hint"] = second
    return pick
