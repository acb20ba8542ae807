# SPDX-License-Identifier: Apache-2.0
"""A small rule pack for the register's tests, so that they do not change when the real one grows."""

from __future__ import annotations

import pytest

from egresswatch.rules.makers import Fingerprint, Oui, Vendor


def vendor(id_, name, country="CN", parent="", aliases=(), kind="maker", made_by=()):
    return Vendor(id_, name, country, parent, aliases, (), (), kind, made_by)


class FakeTables:
    """OUI 02xxxx cannot be used (local bit): real-looking prefixes of four kinds."""

    vendors = {
        "hikvision": vendor("hikvision", "Hikvision", aliases=("HIK",)),
        "ezviz": vendor("ezviz", "EZVIZ", parent="hikvision"),
        "dahua": vendor("dahua", "Dahua"),
        "axis": vendor("axis", "Axis", "SE"),
        "huawei": vendor("huawei", "Huawei"),
    }
    ouis = {
        0x4419B6: Oui("hikvision", "Hangzhou Hikvision", "camera"),
        0x3CEF8C: Oui("dahua", "Zhejiang Dahua", "camera"),
        0x00408C: Oui("axis", "Axis AB", "mostly"),
        0x00259E: Oui("huawei", "Huawei Technologies", "generic"),
    }
    prints = {
        ("rtsp_server", "Dahua Rtsp Server"): ("dahua", "camera", "", "high"),
        ("rtsp_server", "AirTunes/1"): ("", "other", "", "high"),
        ("http_server", "DNVRS-Webs"): ("hikvision", "recorder", "", "medium"),
        ("http_server", "App-webs/"): ("hikvision", "camera", "", "medium"),
        ("http_server", "maybe"): ("", "camera", "", "low"),
        ("dhcp_vendor_class", "android-dhcp-14"): ("", "client", "", "medium"),
        ("http_user_agent", "Desktop Browser"): ("", "client", "", "high"),
        ("dhcp_hostname", "DS-2CD2143"): ("hikvision", "camera", "DS-2CD2143", "medium"),
    }

    def oui(self, mac):
        return None if mac & (1 << 41) else self.ouis.get(mac >> 24)

    def vendor(self, vendor_id):
        return self.vendors.get(vendor_id)

    def fingerprints(self, kind, value):
        found = self.prints.get((kind, value))
        if found is None:
            return ()
        vendor_id, role, model, confidence = found
        return (Fingerprint("FP-1", kind, vendor_id, role, model, confidence, "known"),)


@pytest.fixture(scope="session")
def tables():
    return FakeTables()
