# SPDX-License-Identifier: Apache-2.0
"""The P2P upload in a capture cut to 96 bytes a frame: bytes are counted in full, the protocol is known.

Suricata, nfpcapd and nDPI lose most packets of such a capture without a word.
"""

from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import pcap


def capture():
    upload = acts.p2p_upload(s.DAY + s.MINUTE, 12, s.P2P, s.DAHUA_CLOUD, s.VIEWERS[0], s.DAHUA_SERIAL)
    return pcap(sorted(upload, key=lambda frame: frame.ts), snaplen=96)


CHECKS = [
    ("flows", {"resp_h": s.VIEWERS[0].addr, "orig_pkts": 748, "orig_ip_bytes": 985328, "verdict": "p2p"}, 1),
    ("ledger", {"balanced": True}, 1),
]
