# SPDX-License-Identifier: Apache-2.0
"""Writes the parts of the documentation that are made, not written: settings, rules, commands, demo output.

    scripts/write_docs.py           writes them anew (`make docs`)

tests/contract/test_docs.py compares what stands in the repository with what this script would write.
Generated parts stand between ``<!-- generated: NAME -->`` and ``<!-- end -->``.
"""

import dataclasses
import os
import re
import subprocess
import sys
import tempfile
import typing
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "scripts")]

import rules_page  # noqa: E402  (beside this file)

from egresswatch import config  # noqa: E402  (the checkout's own package, not an installed one)

_UNITS = (("d", 86400 * config.NS), ("h", 3600 * config.NS), ("m", 60 * config.NS), ("s", config.NS))
_UNITS_SMALL = (("ms", 10**6), ("us", 10**3), ("ns", 1))


def settings() -> str:
    """A table a section: every setting with its type, default and meaning."""
    out = []
    for section in dataclasses.fields(config.Settings):
        kind = typing.get_type_hints(config.Settings)[section.name]
        out += [f"## [{section.name}]", "", str(kind.__doc__), ""]
        out += ["| setting | kind | default | meaning |", "|---|---|---|---|"]
        hints = typing.get_type_hints(kind)
        for field in dataclasses.fields(kind):
            name, value = field.name, _shown(hints[field.name], field.default)
            out.append(
                f"| `{section.name}.{name}` | {_kind(hints[name])} | `{value}` | {field.metadata['doc']} |"
            )
        out.append("")
    return "\n".join(out).rstrip()


def _kind(hint: typing.Any) -> str:
    names = {bool: "true/false", int: "number", str: "text", config.Duration: "duration", config.Size: "size"}
    return names.get(hint, "list")


def _shown(hint: typing.Any, value: typing.Any) -> str:
    """A default as it would be written in the settings file."""
    if hint is bool:
        return str(value).lower()
    if hint is config.Duration:
        return f'"{_with_unit(int(value), _UNITS + _UNITS_SMALL)}"'
    if hint is config.Size:
        return f'"{_with_unit(int(value), (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)))}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _with_unit(value: int, units: typing.Sequence[tuple[str, int]]) -> str:
    """The most readable whole number: 120s rather than 2m, 1h rather than 3600s."""
    fitting = [(unit, value // size) for unit, size in units if value % size == 0]
    unit, number = next(((u, n) for u, n in fitting if n >= 1), ("s", 0))
    return f"{number}{unit}"


def commands() -> str:
    """What the program says of its commands."""
    return "```\n" + _egresswatch(ROOT, "--help").rstrip() + "\n```"


def demo() -> str:
    """What `make demo` prints, made the same way."""
    example = "demo-out/camera-day"
    files = [f"{example}/camera-day.pcap", "--set", f"enrich.cameras={example}/cameras.csv"]
    command = ["replay", *files, "--out", "demo-out/result"]
    with tempfile.TemporaryDirectory() as folder:
        _egresswatch(folder, "demo", example)
        lines = [line.rstrip() for line in _egresswatch(folder, *command).rstrip().splitlines()]
    return "\n".join(["```", "$ egresswatch " + " ".join(command), *lines, "```"])


def _egresswatch(folder: Path | str, *arguments: str) -> str:
    """Standard output of the checkout's program, run from another folder and without a terminal."""
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    environment["PYTHONPATH"] = str(ROOT / "src")
    command = [sys.executable, "-m", "egresswatch", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout


PARTS = {  # page -> generated parts in it
    "docs/configuration.md": {"settings": settings},
    "docs/rules.md": rules_page.PARTS,
    "README.md": {"demo": demo, "commands": commands},
}


def rewritten(page: str, parts: typing.Mapping[str, typing.Callable[[], str]]) -> str:
    """The page with its generated parts made anew."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, make in parts.items():
        pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"{page}: no part <!-- generated: {name} -->")
        made = make()
        text = pattern.sub(lambda match, made=made: match[1] + made + match[2], text)
    return text


def main() -> None:
    for page, parts in PARTS.items():
        (ROOT / page).write_text(rewritten(page, parts), encoding="utf-8")
        print(f"{page}: {', '.join(parts)}")


if __name__ == "__main__":
    main()
