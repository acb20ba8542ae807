# SPDX-License-Identifier: Apache-2.0
"""The ledger: every frame in exactly one bucket, and beside it all that was lost, refused or odd.

Builds the dict that ledger.json holds; balances it; computes nothing about cameras.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import egresswatch
from egresswatch.packets import Bucket
from egresswatch.pipeline.front import Front
from egresswatch.records import SourceFacts
from egresswatch.result import INPUT_FILES, iso
from egresswatch.rules import MatchTables
from egresswatch.rules.site import Site

_BESIDE = (
    "truncated_frames", "malformed_l4", "ip_options", "ipv6_extensions", "fragments_first",
    "fragments_later", "zero_ip_length", "zero_ipv6_length", "ip_length_beyond_frame", "super_frames",
    "late_frames", "opened_tunnels", "unopened_tunnels", "encrypted_wifi", "icmp_errors",
)  # fmt: skip


def ledger(
    front: Front, facts: SourceFacts, tables: MatchTables, site: Site, sniff: dict[str, int],
    refused: dict[str, int],
) -> dict[str, Any]:
    """The account of a finished run."""
    flow = front.table.tally()
    buckets = {bucket.name: int(front.buckets[bucket.value]) for bucket in Bucket}
    buckets["accounted"] -= flow["duplicates"]
    buckets["duplicate"] += flow["duplicates"]
    counts = front.counters()
    unsupported = {
        str(number): int(front.unsupported[number]) for number in np.flatnonzero(front.unsupported).tolist()
    }
    return {
        "frames_read": front.frames,
        "buckets": buckets,
        "balanced": front.frames == sum(buckets.values()),
        "ip_bytes_accounted": counts["ip_bytes"] - flow["duplicate_bytes"],
        "ip_bytes_duplicate": flow["duplicate_bytes"],
        **{name: counts[name] for name in _BESIDE},
        "unsupported_linktypes": unsupported,
        "first_packet": iso(front.first_ts),
        "last_packet": iso(front.last_ts),
        "snaplen": _snaplen(facts),
        "damaged_tail_bytes": sum(file.damaged_tail_bytes for file in facts.files),
        "interfaces": [
            {
                "name": interface.name, "linktype": interface.link, "snaplen": interface.snaplen,
                "packets": interface.packets, "received": interface.received,
                "dropped": interface.dropped,
            }
            for interface in facts.interfaces
        ],
        "flows": {
            "created": flow["created"],
            "capacity": front.table.capacity,
            "lack_of_resources": flow["evicted"],
            "vlan_joined": flow["vlan_joined"],
            "vlan_contradicted": flow["vlan_contradicted"],
            "fragments_joined": flow["frag_joined"],
            "fragments_without_first": flow["frag_orphans"],
            "fragments_forgotten": flow["frag_forgotten"],
            "duplicates_forgotten": flow["dup_forgotten"],
            "icmp_errors_matched": flow["icmp_marked"],
        },
        "shed": {"flow_budget": flow["budget_shed"], **sniff},
        "refused": refused,
        INPUT_FILES: [
            {
                "path": file.path, "size": file.size, "format": file.format, "frames": file.frames,
                "damaged_tail_bytes": file.damaged_tail_bytes, "damage": file.damage,
                **({"sha256": file.sha256} if file.sha256 is not None else {}),
            }
            for file in facts.files
        ],
        "software": {"name": "egresswatch", "version": egresswatch.__version__},
        "rules": {"version": tables.version, "digest": tables.digest, "count": len(tables.rules)},
        "site": {"given": site.given, "digest": site.digest or None},
    }  # fmt: skip


def _snaplen(facts: SourceFacts) -> int | None:
    """The smallest snaplen of any interface that tells one."""
    told = [interface.snaplen for interface in facts.interfaces if interface.snaplen]
    return min(told) if told else None
