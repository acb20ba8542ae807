# SPDX-License-Identifier: Apache-2.0
"""Flow rows and sightings: held until their hour of packet time closes, then judged and written.

A row is judged with what is known when its hour closes (or the input ends), so that a host that shows
itself as a camera only in its second minute has its first minute judged as well. Live and replay close
the same hours. Bounded by ``output.max_held_rows``: a fuller hour is judged early.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from egresswatch.config import Settings
from egresswatch.enrich.geo import NOTHING, Geo
from egresswatch.enrich.register import Register
from egresswatch.pipeline import columns
from egresswatch.pipeline.blind import BlindFlows
from egresswatch.pipeline.classify import Classifier
from egresswatch.pipeline.groups import distinct
from egresswatch.pipeline.held import Held
from egresswatch.pipeline.judging import Infos, Judge
from egresswatch.pipeline.notes import Addresses
from egresswatch.pipeline.owned import owned
from egresswatch.pipeline.perimeter import directions
from egresswatch.pipeline.sightings import Sightings
from egresswatch.pipeline.sums import Sums
from egresswatch.records import Array, Direction, EndReason, FlowInfo, Outcome
from egresswatch.rules.site import Site
from egresswatch.sinks.parquet import ROW_GROUP, Coded, FlowWriter, SightingWriter

_END = [EndReason(k).name if k else "" for k in range(6)]
_OUTCOME = [Outcome(k).name if k else "" for k in range(5)]
_DIRECTION = ["", *(direction.name for direction in Direction)]
_BLOCK = ROW_GROUP
"""Rows judged at a time: bounds the memory that their texts take."""


class Rows:
    """The hold and the way out of it, and what is summed up on the way."""

    def __init__(
        self, settings: Settings, site: Site, register: Register, classifier: Classifier, geo: Geo,
        flows: FlowWriter | None, sightings: SightingWriter | None,
    ) -> None:
        self._register, self._geo = register, geo
        self._flows, self._sightings_out = flows, sightings
        self._max = settings.output.max_held_rows
        self._held = Held()
        self.sightings = Sightings(self._max)
        self.sight = self.sightings.add
        """Keep a sighting."""
        self._infos: dict[int, FlowInfo] = {}
        self._addresses = Addresses()
        self._judge = Judge(site, classifier, self._addresses)
        self.sums = Sums()
        self.blind = BlindFlows(self._addresses)

    def hold(self, rows: Array) -> None:
        """Keep records (a row without packets only says that its flow ended, unless it missed bytes)."""
        told = rows["orig_pkts"] + rows["resp_pkts"] + rows["orig_missed"] + rows["resp_missed"] > 0
        if not told.all():
            rows = rows.take(np.flatnonzero(told))
        if len(rows):
            self._held.add(rows)

    def learn(self, flow: int, info: FlowInfo) -> None:
        """What was read on a flow; the object goes on changing while the flow lives."""
        self._infos[flow] = info

    @property
    def full(self) -> bool:
        """More is held than should be."""
        return self.sightings.full or len(self._held) >= self._max

    def held(self, words: Sequence[int]) -> list[Array]:
        """Records that are still held of hosts with these low address words, oldest first."""
        return self._held.of(words)

    def info(self, flow: int) -> FlowInfo | None:
        """What was read on a flow whose rows are held."""
        return self._infos.get(flow)

    def flush(self, live: set[int] | None = None) -> None:
        """Judge and write everything held. ``live``: flows whose infos must be kept."""
        if len(self._held):
            infos = Infos(self._infos)
            for rows in self._held.drain(_BLOCK):
                self._write(rows, infos)
                del rows  # before the next ones are made
        self._infos = {flow: self._infos[flow] for flow in sorted(live or ()) if flow in self._infos}
        if len(self.sightings) and self._sightings_out is not None:
            self._sightings_out.write(self.sightings.take(self._register))
        self.sightings.clear()

    # --- one block of rows ------------------------------------------------------------------------
    def _write(self, rows: Array, infos: Infos) -> None:
        owners = owned(rows, self._register)
        judged, codes = self._judge.judge(rows, owners, infos)
        direction = directions(rows)
        self.blind.count(rows, direction, [one.named for one in judged], codes, owners)
        self.sums.count(rows, [one.verdict for one in judged], codes, owners)
        if self._flows is None:
            return
        v6, ported = rows["ver"] == 6, rows["has_ports"] == 0
        out: dict[str, Any] = {
            "uid": columns.uids(rows["uid"]), "seq": rows["seq"],
            "community_id": columns.community_column(rows),
            "ts": rows["ts"], "ts_end": rows["ts_end"],
            "vlan": np.ma.MaskedArray(rows["vlan"], rows["vlan_tags"] < 1),
            "inner_vlan": np.ma.MaskedArray(rows["inner_vlan"], rows["vlan_tags"] < 2),
            "orig_h": columns.addresses(rows["orig_hi"], rows["orig_lo"], v6, self._addresses),
            "resp_h": columns.addresses(rows["resp_hi"], rows["resp_lo"], v6, self._addresses),
            "orig_p": np.ma.MaskedArray(rows["orig_p"], ported),
            "resp_p": np.ma.MaskedArray(rows["resp_p"], ported),
            "proto": Coded(*columns.coded(rows["proto"], columns.proto_name)),
            "orig_pkts": rows["orig_pkts"], "resp_pkts": rows["resp_pkts"],
            "orig_ip_bytes": rows["orig_ip_bytes"], "resp_ip_bytes": rows["resp_ip_bytes"],
            "orig_l2_addr": columns.macs(rows["orig_mac"]),
            "resp_l2_addr": columns.macs(rows["resp_mac"]),
            "orig_tcp_flags": rows["orig_flags"], "resp_tcp_flags": rows["resp_flags"],
            "orig_missed_bytes": rows["orig_missed"], "resp_missed_bytes": rows["resp_missed"],
            "end_reason": Coded(_END, rows["end"]),
            "outcome": Coded(_OUTCOME, rows["outcome"]),
            "service": Coded([j.service for j in judged], codes),
            "server_name": Coded([j.server_name for j in judged], codes),
            "server_name_source": Coded([j.source for j in judged], codes),
            "ja4": Coded([j.ja4 for j in judged], codes),
            "direction": Coded(_DIRECTION, direction),
            "orig_asset": Coded(owners.ids, owners.orig),
            "resp_asset": Coded(owners.ids, owners.resp),
            "platform": Coded([j.platform for j in judged], codes),
            "dest_class": Coded([j.dest_class for j in judged], codes),
            "verdict": Coded([j.verdict for j in judged], codes),
            "rule_ids": Coded([list(j.rules) for j in judged], codes),
            **self._places(rows, v6),
        }  # fmt: skip
        self._flows.write(out)

    def _places(self, rows: Array, v6: Array) -> dict[str, Coded]:
        """Where the responders are, if a database can tell."""
        hits, codes = [NOTHING], np.zeros(len(rows), np.int32)
        if self._geo.builds:
            ends = rows["resp_hi"], rows["resp_lo"], v6
            groups = distinct(*ends)
            words = zip(*(column[groups.first].tolist() for column in ends), strict=True)
            hits = [self._geo.lookup(self._addresses.text(*each)) for each in words]
            codes = groups.of
        return {
            "resp_cc": Coded([hit.cc for hit in hits], codes),
            "resp_asn": Coded([hit.asn for hit in hits], codes),
            "resp_as_org": Coded([hit.as_org for hit in hits], codes),
        }
