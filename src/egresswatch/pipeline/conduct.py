# SPDX-License-Identifier: Apache-2.0
"""What hosts do that tells what they are: ports they answer on inside, ports they contact outside.

Only ports that a fingerprint of the pack asks for are looked at, so this costs one comparison of columns
per block of records. A port counts when a connection was opened in sight (SYN) or the transport has none,
and the other end answered (inside), or the host sent something (outside).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from egresswatch.pipeline.columns import proto_name
from egresswatch.pipeline.notes import Addresses
from egresswatch.records import AddressClass, Array, Outcome
from egresswatch.rules import MatchTables
from egresswatch.rules.model import PROTOS

_INSIDE, _OUTSIDE = int(AddressClass.inside), int(AddressClass.outside)
_TCP = 6

Evidence = Callable[[str, int, str, str, int], None]
"""(address, MAC, kind, value, time): as ``Register.evidence``."""


class Conduct:
    """Reads records; one per run."""

    def __init__(self, tables: MatchTables, addresses: Addresses, evidence: Evidence) -> None:
        self._addresses, self._evidence = addresses, evidence
        self._served = _ports(tables, "served_port")
        self._contacted = _ports(tables, "contacted_port")

    def wanted(self, rows: Array) -> Array:
        """Mask of the records that ``read`` has a use for."""
        served, contacted = self._masks(rows)
        mask: Array = served | contacted
        return mask

    def read(self, rows: Array) -> None:
        """First records of flows, in their order."""
        served, contacted = self._masks(rows)
        for mask, end, kind in ((served, "resp", "served_port"), (contacted, "orig", "contacted_port")):
            for row in rows[mask]:
                words = int(row[f"{end}_hi"]), int(row[f"{end}_lo"])
                addr = self._addresses.text(*words, int(row["ver"] == 6))
                value = f"{proto_name(int(row['proto']))}/{int(row['resp_p'])}"
                self._evidence(addr, int(row[f"{end}_mac"]), kind, value, int(row["tick"]))

    def _masks(self, rows: Array) -> tuple[Array, Array]:
        """Records of a port that answered inside, and of one that was contacted outside."""
        if not (len(self._served) or len(self._contacted)):
            return np.zeros(len(rows), bool), np.zeros(len(rows), bool)
        code = rows["proto"].astype(np.uint32) << 16 | rows["resp_p"]
        first = (rows["seq"] == 0) & ((rows["oriented"] != 0) | (rows["proto"] != _TCP))
        first &= rows["orig_class"] == _INSIDE
        served = first & (rows["resp_class"] == _INSIDE) & np.isin(code, self._served)
        served &= rows["outcome"] == Outcome.answered
        contacted = first & (rows["resp_class"] == _OUTSIDE) & np.isin(code, self._contacted)
        contacted &= rows["orig_pkts"] > 0
        return served, contacted


def _ports(tables: MatchTables, kind: str) -> Array:
    """Protocol << 16 | port of every value that a fingerprint of this kind has."""
    ways = (way for part in tables.fingerprint_parts.get(kind, ()) for way in part.condition.ways)
    texts = {text for how, values in ways if how == "equals" for text in values}
    pairs = [text.partition("/") for text in sorted(texts)]
    known = [(PROTOS[proto], int(port)) for proto, _, port in pairs if proto in PROTOS and port.isdigit()]
    return np.array([proto << 16 | port for proto, port in known], np.uint32)
