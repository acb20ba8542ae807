# SPDX-License-Identifier: Apache-2.0
"""What can follow a link header. Codes below 0x10000 are ethertypes; these are the others."""

from __future__ import annotations

K_IP = 0x10000           # an IP header; its version nibble decides
K_NON_IP = 0x10001
K_BAD = 0x10002          # cut or inconsistent below IP
K_UNSUPPORTED = 0x10003
K_ETHERNET = 0x10004     # an Ethernet header follows
K_LLC = 0x10005          # an 802.2 header follows
K_PPP = 0x10006          # a PPP protocol field follows
K_ENCRYPTED = 0x10007    # 802.11 data that is encrypted
