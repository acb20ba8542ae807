# SPDX-License-Identifier: Apache-2.0
"""Compares what a replay wrote with what tshark answered for the same capture.

Gets the oracle's JSON document and the rows of our files, gives differences as lines for a person:
an empty list means equal. Nothing here knows which differences are known (``known.py`` does).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from egresswatch.pipeline.columns import PROTOCOLS

Row = Mapping[str, Any]
End = tuple[str, int]
Key = tuple[tuple[int, ...], int, End, End]
Counts = tuple[int, int, int, int]
"""Packets and IP bytes of the lower end, packets and IP bytes of the higher end."""

_NUMBERS = {name: number for number, name in PROTOCOLS.items()}


def end(address: str, port: int | None) -> End:
    """One end of a flow in canonical text; no port is port 0."""
    return str(ip_address(address)), port or 0


class Flows:
    """Packets and IP bytes per key and direction, however many records tell them."""

    def __init__(self) -> None:
        self._sums: dict[Key, list[int]] = {}

    def add(
        self, vlan: Iterable[int], proto: int, a: End, b: End, forth: tuple[int, int], back: tuple[int, int]
    ) -> None:
        if b < a:
            a, b, forth, back = b, a, back, forth
        sums = self._sums.setdefault((tuple(vlan), proto, a, b), [0, 0, 0, 0])
        for k, value in enumerate((*forth, *back)):
            sums[k] += value

    def table(self) -> dict[Key, Counts]:
        """Keys that any packet is left of (fragments that found their flow leave their own)."""
        return {key: (s[0], s[1], s[2], s[3]) for key, s in self._sums.items() if any(s)}


def flows_of_oracle(document: Mapping[str, Any]) -> dict[Key, Counts]:
    """The oracle's flows, with later fragments moved to the flow of their first fragment."""
    flows = Flows()
    listed = document["flows"]
    for one in listed:
        a, b = end(one["a_ip"], one["a_port"]), end(one["b_ip"], one["b_port"])
        forth, back = (one["pkts_ab"], one["ip_bytes_ab"]), (one["pkts_ba"], one["ip_bytes_ba"])
        flows.add(one["vlan"], one["proto"], a, b, forth, back)
        for part in one.get("frag_assign", ()) if one.get("frag") else ():
            if part["flow"] is None:
                continue
            owner, size = listed[part["flow"]], (part["pkts"], part["ip_bytes"])
            first, second = end(owner["a_ip"], owner["a_port"]), end(owner["b_ip"], owner["b_port"])
            source, target = (first, second) if part["dir"] == "ab" else (second, first)
            flows.add(owner["vlan"], owner["proto"], source, target, size, (0, 0))
            less = (-size[0], -size[1])
            flows.add(one["vlan"], one["proto"], end(source[0], 0), end(target[0], 0), less, (0, 0))
    return flows.table()


def flows_of_replay(rows: Iterable[Row]) -> dict[Key, Counts]:
    """The same of our flow records."""
    flows = Flows()
    for row in rows:
        vlan = [row[name] for name in ("vlan", "inner_vlan") if row[name] is not None]
        flows.add(
            vlan, _NUMBERS.get(row["proto"]) or int(row["proto"]),
            end(row["orig_h"], row["orig_p"]), end(row["resp_h"], row["resp_p"]),
            (row["orig_pkts"], row["orig_ip_bytes"]), (row["resp_pkts"], row["resp_ip_bytes"]),
        )  # fmt: skip
    return flows.table()


def flow_differences(oracle: Mapping[Key, Counts], ours: Mapping[Key, Counts]) -> list[str]:
    """Keys that only one side has, and keys whose counts differ."""
    lines = [f"missing {key}: {oracle[key]}" for key in sorted(oracle.keys() - ours.keys())]
    lines += [f"extra {key}: {ours[key]}" for key in sorted(ours.keys() - oracle.keys())]
    both = sorted(oracle.keys() & ours.keys())
    lines += [f"{key}: tshark {oracle[key]}, ours {ours[key]}" for key in both if oracle[key] != ours[key]]
    return lines


# --- names ------------------------------------------------------------------------------------------
def names_of_oracle(document: Mapping[str, Any], kind: str) -> set[str]:
    """What tshark read of one kind, lower-cased; the DNS root is not a name."""
    hellos = document["tls_client"]
    found: Iterable[Any] = {
        "dns": document["dns_names"],
        "sni": [one["sni"] for one in hellos if one["t"] != "quic"],
        "quic_sni": [one["sni"] for one in hellos if one["t"] == "quic"],
        "http_host": [one["host"] for one in document["http_hosts"]],
        "dhcp_hostname": [one["hostname"] for one in document["dhcp"]],
        "mqtt_client_id": [one["clientid"] for one in document["mqtt"]],
    }[kind]
    return {str(name).lower() for name in found if name and name != "<Root>"}


SIGHTINGS_OF = {
    "dns": ("dns_query", "dns_answer"),
    "sni": ("tls_sni",),
    "quic_sni": ("quic_sni",),
    "http_host": ("http_host",),
    "dhcp_hostname": ("dhcp_hostname",),
    "mqtt_client_id": ("mqtt_client_id",),
}
"""Kind of name -> the sightings that carry it."""


def names_of_replay(sightings: Iterable[Row], kind: str) -> set[str]:
    """The same of our sightings."""
    wanted = SIGHTINGS_OF[kind]
    return {one["value"].lower() for one in sightings if one["kind"] in wanted} - {"", "."}


@dataclass(slots=True)
class Tally:
    """Recall and precision over many captures, and where they were lost."""

    hits: int = 0
    wanted: int = 0
    given: int = 0
    differences: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    """Capture -> (missed, extra)."""

    def add(self, capture: str, wanted: set[str], given: set[str]) -> None:
        self.hits += len(wanted & given)
        self.wanted += len(wanted)
        self.given += len(given)
        if wanted != given:
            self.differences[capture] = (tuple(sorted(wanted - given)), tuple(sorted(given - wanted)))

    @property
    def recall(self) -> float:
        return self.hits / self.wanted if self.wanted else 1.0

    @property
    def precision(self) -> float:
        return self.hits / self.given if self.given else 1.0


# --- JA4 --------------------------------------------------------------------------------------------
def ja4_of_oracle(document: Mapping[str, Any]) -> Counter[str]:
    """How often each fingerprint was seen: one for every ClientHello."""
    return Counter(one["ja4"] for one in document["tls_client"] if one.get("ja4"))


def ja4_of_replay(sightings: Iterable[Row]) -> Counter[str]:
    """The same of our sightings."""
    return Counter(one["value"] for one in sightings if one["kind"] == "ja4")


def ja4_places_of_oracle(document: Mapping[str, Any]) -> set[tuple[End, End, str]]:
    """Which conversation showed which fingerprint."""
    places = set()
    for one in document["tls_client"]:
        if one.get("ja4") and one["flow"] is not None:
            flow = document["flows"][one["flow"]]
            a, b = end(flow["a_ip"], flow["a_port"]), end(flow["b_ip"], flow["b_port"])
            places.add((min(a, b), max(a, b), one["ja4"]))
    return places


def ja4_places_of_replay(sightings: Iterable[Row], rows: Iterable[Row]) -> set[tuple[End, End, str]]:
    """The same of our sightings, found through the flow they belong to."""
    ends = {
        row["uid"]: (end(row["orig_h"], row["orig_p"]), end(row["resp_h"], row["resp_p"])) for row in rows
    }
    return {(min(ends[s["uid"]]), max(ends[s["uid"]]), s["value"]) for s in sightings if s["kind"] == "ja4"}


# --- cameras ----------------------------------------------------------------------------------------
NOT_EGRESS_PORTS = (53, 123)
NOT_EGRESS_PROTOCOLS = (1, 58)


def egress_of(camera: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What counts as egress for a judgement: packets up, not DNS, NTP or ICMP."""
    return [
        one for one in camera["egress"]
        if one["up_pkts"]
        and one["rport"] not in NOT_EGRESS_PORTS
        and one["proto"] not in NOT_EGRESS_PROTOCOLS
    ]  # fmt: skip


def bytes_by_remote(camera: Mapping[str, Any], rows: Sequence[Row]) -> tuple[Counter[str], Counter[str]]:
    """IP bytes sent to each remote: as known, and as our rows tell."""
    known: Counter[str] = Counter()
    for one in camera["egress"]:
        known[one["remote"]] += one["up_ip_bytes"]
    told: Counter[str] = Counter(dict.fromkeys(known, 0))
    for row in rows:
        for me, other in (("orig", "resp"), ("resp", "orig")):
            if row[f"{me}_h"] in camera["device_ips"] and row[f"{other}_h"] in known:
                told[row[f"{other}_h"]] += row[f"{me}_ip_bytes"]
    return known, told


def verdicts_by_remote(camera: Mapping[str, Any], rows: Sequence[Row]) -> dict[str, set[str]]:
    """Verdicts of the camera's outbound rows, by remote."""
    out: dict[str, set[str]] = {}
    for row in rows:
        if row["direction"] == "outbound" and row["orig_h"] in camera["device_ips"]:
            out.setdefault(row["resp_h"], set()).add(row["verdict"])
        elif row["direction"] == "outbound" and row["resp_h"] in camera["device_ips"]:
            out.setdefault(row["orig_h"], set()).add(row["verdict"])
    return out
