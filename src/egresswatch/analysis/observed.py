# SPDX-License-Identifier: Apache-2.0
"""Who each camera talked to, out of a replay's output folder: the raw material of an allow-list.

One row for each camera, peer, protocol, service port and name, with flows, bytes and the last time.
Judges nothing: verdict and outcome are told as the replay wrote them.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from egresswatch.analysis.load import Run
from egresswatch.errors import EgresswatchError

_KEY = ["camera", "address", "peer", "by_camera", "proto", "port", "name", "verdict", "outcome", "direction"]


def conversations(run: Run) -> list[dict[str, Any]]:
    """Rows with the fields of ``_KEY`` and ``flows``, ``bytes``, ``last`` (ns), in a fixed order.

    ``by_camera`` says which end began; ``port`` is the service's, 0 where there is none.
    """
    known = set(run.cameras["asset_id"].astype(str))
    try:
        return _summed(run.flows, known)
    except (KeyError, TypeError, ValueError) as error:  # a table of another program, or a broken one
        path = run.folder / "flows.parquet"
        raise EgresswatchError(f"{path}: is not the table that replay writes: {error}") from error


def _summed(flows: pd.DataFrame, known: set[str]) -> list[dict[str, Any]]:
    parts = []
    for by_camera, own, other in ((True, "orig", "resp"), (False, "resp", "orig")):
        chosen = flows[flows[f"{own}_asset"].isin(known)]
        parts.append(
            pd.DataFrame(
                {
                    "camera": chosen[f"{own}_asset"].astype(str),
                    "address": chosen[f"{own}_h"].astype(str),
                    "peer": chosen[f"{other}_h"].astype(str),
                    "by_camera": by_camera,
                    "proto": chosen["proto"].astype(str),
                    "port": chosen["resp_p"].fillna(0).astype("int64"),
                    "name": chosen["server_name"].fillna("").astype(str) if by_camera else "",
                    "verdict": chosen["verdict"].astype(str),
                    "outcome": chosen["outcome"].astype(str),
                    "direction": chosen["direction"].astype(str),
                    "flows": (chosen["seq"] == 0).astype("int64"),
                    "bytes": (chosen["orig_ip_bytes"] + chosen["resp_ip_bytes"]).astype("uint64"),
                    "last": chosen["ts_end"].astype("int64"),
                }
            )
        )
    table = pd.concat(parts, ignore_index=True)
    if table.empty:
        return []
    grouped = table.groupby(_KEY, sort=True, as_index=False)
    summed = grouped.agg(flows=("flows", "sum"), bytes=("bytes", "sum"), last=("last", "max"))
    rows: list[dict[str, Any]] = summed.to_dict("records")
    return rows
