# SPDX-License-Identifier: Apache-2.0
"""Country and operator of an address, from MaxMind-format databases the operator configured.

The only place that knows geoip2/maxminddb. Reads with ``maxminddb.get`` (a tenth of the cost of geoip2's
models) and takes the field names of GeoLite2, DB-IP and IPtoASN files alike. Without a database every
answer is empty; a record that cannot be read is empty and counted. Never looks anything up elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from egresswatch.errors import ConfigError

if TYPE_CHECKING:
    from maxminddb import Reader

_CACHE = 65536
_MAX_ORG = 255


class GeoHit(NamedTuple):
    """What the databases say; empty and None where they say nothing."""

    cc: str = ""
    asn: int | None = None
    as_org: str = ""


NOTHING = GeoHit()


class Geo:
    """Two databases and a cache; the same address always gets the same answer."""

    def __init__(self, country_db: str = "", asn_db: str = "") -> None:
        self.builds: dict[str, int] = {}
        """Edition -> build time, seconds since 1970, of each database in use."""
        self.errors = 0
        """Look-ups that a damaged database could not answer."""
        self._country = self._open(country_db, "country")
        self._asn = self._open(asn_db, "ASN")
        self._cache: dict[str, GeoHit] = {}

    def lookup(self, addr: str) -> GeoHit:
        """Country and operator of an address."""
        if self._country is None and self._asn is None:
            return NOTHING
        hit = self._cache.get(addr)
        if hit is None:
            if len(self._cache) >= _CACHE:
                self._cache.clear()
            country, asn = self._record(self._country, addr), self._record(self._asn, addr)
            hit = self._cache[addr] = GeoHit(_country(country), *_operator(asn))
        return hit

    def close(self) -> None:
        """Give the files back."""
        for reader in (self._country, self._asn):
            if reader is not None:
                reader.close()

    def _open(self, path: str, what: str) -> Reader | None:
        if not path:
            return None
        import maxminddb

        try:
            reader = maxminddb.open_database(path)
            metadata = reader.metadata()
        except OSError as error:
            raise ConfigError(f"{what} database cannot be read: {error.strerror or error}", path) from None
        except Exception:  # noqa: BLE001 - what is raised depends on where the damage is
            raise ConfigError(f"is not a MaxMind-format database (wanted as {what} database)", path) from None
        edition = str(metadata.database_type) or Path(path).stem
        if ("asn" in edition.lower()) != (what == "ASN") and _tells(edition):
            reader.close()
            raise ConfigError(f'is of type "{edition}", but the {what} database is wanted', path)
        self.builds[edition] = int(metadata.build_epoch)
        return reader

    def _record(self, reader: Reader | None, addr: str) -> dict[str, Any]:
        if reader is None:
            return {}
        try:
            record = reader.get(addr)
        except Exception:  # noqa: BLE001 - a damaged tree, or IPv6 asked of an IPv4 database
            self.errors += 1
            return {}
        return record if isinstance(record, dict) else {}


def _tells(edition: str) -> bool:
    """Does the type name what is in it? (An ISP or enterprise database holds both.)"""
    return any(word in edition.lower() for word in ("asn", "country", "city"))


def _country(record: dict[str, Any]) -> str:
    """ISO 3166-1 code: GeoLite2 and DB-IP nest it, IPtoASN files have it flat."""
    inner = record.get("country")
    code = inner.get("iso_code") if isinstance(inner, dict) else record.get("country_code", inner)
    if not isinstance(code, str) or len(code) != 2 or not (code.isascii() and code.isalpha()):
        return ""
    return code.upper()


def _operator(record: dict[str, Any]) -> tuple[int | None, str]:
    number = record.get("autonomous_system_number", record.get("asn"))
    if isinstance(number, str) and number.upper().removeprefix("AS").isdecimal():
        number = int(number.upper().removeprefix("AS"))
    org = record.get("autonomous_system_organization", record.get("as_name", record.get("org", "")))
    known = isinstance(number, int) and not isinstance(number, bool) and 0 < number < 1 << 32
    text = "".join(char for char in org if char.isprintable())[:_MAX_ORG] if isinstance(org, str) else ""
    return (int(number) if known and number is not None else None), text
