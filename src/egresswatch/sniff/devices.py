# SPDX-License-Identifier: Apache-2.0
"""What a device says of itself in XML over HTTP: maker, model, firmware, name.

Read are the description document of UPnP (UDA 2.0 §2.3), ONVIF's GetDeviceInformationResponse (ONVIF Core
§8.2.1), HNAP's GetDeviceSettingsResponse and ISAPI's DeviceInfo. Gives upnp_*, onvif_*, hnap_* and isapi_*
with manufacturer, model, firmware and name. Serial numbers, identifiers and addresses are not read.
"""

from __future__ import annotations

from egresswatch.records import Item
from egresswatch.sniff import xmltext
from egresswatch.sniff.text import NAME_LIMIT, printable

_FIELDS: dict[bytes, tuple[tuple[str, str], ...]] = {
    b"root": (
        ("upnp_manufacturer", "manufacturer"), ("upnp_model", "modelName"), ("upnp_name", "friendlyName"),
        ("upnp_model_number", "modelNumber"),
    ),
    b"GetDeviceInformationResponse": (
        ("onvif_manufacturer", "Manufacturer"), ("onvif_model", "Model"),
        ("onvif_firmware", "FirmwareVersion"),
    ),
    b"GetDeviceSettingsResponse": (
        ("hnap_manufacturer", "VendorName"), ("hnap_model", "ModelName"),
        ("hnap_firmware", "FirmwareVersion"),
    ),
    b"DeviceInfo": (
        ("isapi_device_name", "deviceName"), ("isapi_model", "model"), ("isapi_firmware", "firmwareVersion"),
    ),
}  # fmt: skip


def described(data: bytes, detail: str) -> tuple[Item, ...]:
    """What an answer says of the host that gave it."""
    root = xmltext.root(data)
    fields = _FIELDS.get(xmltext.call(data) if root == b"Envelope" else root, ())
    if root == b"root" and b"urn:schemas-upnp-org:device" not in data:
        return ()
    found = ((kind, xmltext.text(data, name)) for kind, name in fields)
    return tuple(Item(kind, printable(value, NAME_LIMIT), detail) for kind, value in found if value)
