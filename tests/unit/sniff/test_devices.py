# SPDX-License-Identifier: Apache-2.0
"""What devices say of themselves in XML: maker, model and firmware; no serial numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from egresswatch.records import Item
from egresswatch.sniff import devices, http

Read = Callable[..., list[Item]]

UPNP = (
    b'<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device><friendlyName>'
    b"Front - 192.0.2.4</friendlyName><manufacturer>Maker &amp; Sons</manufacturer>"
    b"<modelName>MC-2</modelName>"
    b"<modelNumber>2.1</modelNumber><serialNumber>S123456</serialNumber><UDN>uuid:S123456</UDN></device></root>"
)
ONVIF = (
    b'<env:Envelope xmlns:env="e"><env:Body><tds:GetDeviceInformationResponse><tds:Manufacturer>Maker'
    b"</tds:Manufacturer><tds:Model>MC-3</tds:Model><tds:FirmwareVersion>V5.4</tds:FirmwareVersion>"
    b"<tds:SerialNumber>S123456</tds:SerialNumber></tds:GetDeviceInformationResponse></env:Body></env:Envelope>"
)
HNAP = (
    b'<soap:Envelope><soap:Body><GetDeviceSettingsResponse xmlns="h"><GetDeviceSettingsResult>OK'
    b"</GetDeviceSettingsResult><DeviceName>S123456</DeviceName><VendorName>Maker</VendorName>"
    b"<ModelName>MC-5</ModelName><DeviceMacId>S123456</DeviceMacId><FirmwareVersion>1.02</FirmwareVersion>"
    b"</GetDeviceSettingsResponse></soap:Body></soap:Envelope>"
)
ISAPI = (
    b'<DeviceInfo version="2.0"><deviceName>IP CAMERA</deviceName><deviceID>S123456</deviceID>'
    b"<model>MC-4</model><serialNumber>S123456</serialNumber><firmwareVersion>V5.7.1</firmwareVersion></DeviceInfo>"
)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (UPNP, {
            "upnp_manufacturer": "Maker & Sons", "upnp_model": "MC-2", "upnp_model_number": "2.1",
            "upnp_name": "Front - 192.0.2.4",
        }),
        (ONVIF, {"onvif_manufacturer": "Maker", "onvif_model": "MC-3", "onvif_firmware": "V5.4"}),
        (HNAP, {"hnap_manufacturer": "Maker", "hnap_model": "MC-5", "hnap_firmware": "1.02"}),
        (ISAPI, {"isapi_device_name": "IP CAMERA", "isapi_model": "MC-4", "isapi_firmware": "V5.7.1"}),
    ],
)  # fmt: skip
def test_a_device_describes_itself(whole_or_not: Read, body: bytes, told: dict[str, str]) -> None:
    """In an answer; with or without a length, in chunks, or until the connection ends."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    for wire in (head + b"Content-Length: %d\r\n\r\n" % len(body) + body, chunked, head + b"\r\n" + body):
        items = whole_or_not(http.Reader, wire)
        assert {item.kind: item.value for item in items} == told
        assert {item.detail for item in items} == {"status 200"}
        assert "S123456" not in repr(items)


@pytest.mark.parametrize(
    "body",
    [
        b"<root><manufacturer>x</manufacturer></root>",
        b"<Envelope><Body><Fault/></Body></Envelope>",
        b"",
        b"<a>",
    ],
)
def test_other_documents_describe_nothing(body: bytes) -> None:
    """A root of another schema, another answer."""
    assert devices.described(body, "status 200") == ()


def test_a_cut_description_tells_what_is_there() -> None:
    """Fields beyond the capture are missing, no more."""
    assert [item.kind for item in devices.described(ISAPI[:150], "")] == ["isapi_device_name", "isapi_model"]
