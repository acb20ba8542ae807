# SPDX-License-Identifier: Apache-2.0
"""``egresswatch rules``: what the rule pack knows, from which source, and whether it keeps its word.

Owns list, test, lint and diff; what ``show`` says is ``explain``, packs from elsewhere are ``packs``.
Output is plain text, one item a line, made to be read, searched and compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from egresswatch.cli import explain
from egresswatch.cli.exchange import export_rules, import_rules
from egresswatch.cli.packs import install_pack, verify_pack, write_manifest
from egresswatch.detect.families import DETECTOR_RULES
from egresswatch.rules import MatchTables, Rule, lint, load_tables
from egresswatch.rules import examples as rule_examples
from egresswatch.rules.compile import compile_pack
from egresswatch.rules.diff import changes
from egresswatch.rules.loader import load_pack
from egresswatch.rules.makers import named
from egresswatch.rules.nodes import hint

rules_app = typer.Typer(
    help="The rule pack: what it knows, from which source; runs every rule's own examples.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

Folders = Annotated[
    list[Path] | None,
    typer.Option("--rules", metavar="DIR", help="More rules; the same id replaces. May be given again."),
]
Builtin = Annotated[bool, typer.Option("--builtin/--no-builtin", help="With or without the built-in pack.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@rules_app.command("list", short_help="One line a rule.")
def list_rules(
    rules: Folders = None,
    builtin: Builtin = True,
    vendor: Annotated[str, typer.Option(metavar="ID", help="Only this maker's.")] = "",
    dest_class: Annotated[str, typer.Option("--class", metavar="CLASS", help="Only this class.")] = "",
    as_json: AsJson = False,
) -> None:
    """One line a rule: id, class, severity, confidence, platform, title."""
    tables = load_tables(rules or [], builtin)
    found = [
        rule
        for rule in tables.rules.values()
        if (not vendor or rule.vendor == vendor) and (not dest_class or rule.dest_class == dest_class)
    ]
    if as_json:
        typer.echo(json.dumps([_fields(rule) for rule in found], indent=2, ensure_ascii=False))
        return
    for rule in found:
        old = "" if rule.status == "stable" else f" ({rule.status})"
        typer.echo(
            f"{rule.id:<12} {rule.dest_class:<14} {rule.severity:<13} {rule.confidence:<6} "
            f"{rule.platform:<30} {rule.title}{old}"
        )
    typer.echo(
        f"{len(found)} of {len(tables.rules)} rules, pack {tables.version}, digest {tables.digest[:12]}"
    )
    if not vendor and not dest_class:
        own = ", ".join(rule.id for rule in DETECTOR_RULES)
        typer.echo(f"Beside the pack, rules about behaviour: {own} (rules show ID explains them)")


@rules_app.command(short_help="One rule, maker or fingerprint in full, with its sources.")
def show(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="Such as EW-HIK-0001, FP-AXS-0001, or a maker: hikvision.")
    ],
    rules: Folders = None,
    builtin: Builtin = True,
    as_json: AsJson = False,
) -> None:
    """Everything that one rule, fingerprint or maker says, with its sources and its place in the pack."""
    tables = load_tables(rules or [], builtin)
    found, lines = _found(name, tables)
    if as_json:
        typer.echo(json.dumps(_plain(asdict(found)), indent=2, ensure_ascii=False))
        return
    for line in lines:
        typer.echo(line)


def _found(name: str, tables: MatchTables) -> tuple[Any, Iterator[str]]:
    """What bears this id or name, and the lines that explain it."""
    wanted = name.strip().upper()
    rule = tables.rules.get(wanted)
    if rule is not None:
        return rule, explain.rule(rule, tables)
    for own in DETECTOR_RULES:
        if own.id == wanted:
            return own, explain.behaviour(own)
    for item in explain.fingerprints(tables):
        if item.fingerprint.id == wanted:
            return item, explain.fingerprint(item, tables)
    vendor = named(tables.vendors, name)
    if vendor is None:
        known = [*tables.rules, *tables.vendors, *(one.name for one in tables.vendors.values())]
        message = f"no rule, fingerprint or maker {name}{hint(name, known)}"
        raise typer.BadParameter(message, param_hint="ID")
    return vendor, explain.maker(vendor, tables)


@rules_app.command("test", short_help="Run every rule's own examples.")
def run_tests(rules: Folders = None, builtin: Builtin = True) -> None:
    """Run every rule's and fingerprint's own examples; exit status 1 when one fails."""
    tables = load_tables(rules or [], builtin)
    issues = rule_examples.run_examples(tables)
    for issue in issues:
        typer.echo(str(issue))
    typer.echo(f"{rule_examples.count(tables)} examples, {len(issues)} failed, {len(tables.rules)} rules")
    if issues:
        raise typer.Exit(1)


@rules_app.command("lint", short_help="Look for contradictions in the pack.")
def lint_rules(
    rules: Folders = None,
    builtin: Builtin = True,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail as well.")] = False,
) -> None:
    """Look for contradictions over the whole pack; exit status 1 when there is an error."""
    pack = load_pack(rules or [], builtin)
    issues = lint.lint(pack)
    for issue in issues:
        typer.echo(str(issue))
    errors = sum(issue.severity == "error" for issue in issues)
    typer.echo(f"{len(pack.rules)} rules: {errors} errors, {len(issues) - errors} warnings")
    if errors or (strict and issues):
        raise typer.Exit(1)


@rules_app.command("diff", short_help="What changed between two packs.")
def diff_rules(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Rule folder or file.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Rule folder or file.")],
) -> None:
    """What changed from OLD to NEW: rules added, removed, changed (and changed without a new rev)."""
    packs = load_pack([old], builtin=False), load_pack([new], builtin=False)
    lines = changes(*packs)
    for line in lines:
        typer.echo(line)
    before, after = (compile_pack(pack) for pack in packs)
    typer.echo(f"{before.version} ({before.digest[:12]}) -> {after.version} ({after.digest[:12]})")


def _fields(rule: Rule) -> dict[str, Any]:
    """A rule as plain values, for ``--json``."""
    return _plain(asdict(rule))  # type: ignore[no-any-return]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


rules_app.command("verify", short_help="Is a pack what the owner of a key signed?")(verify_pack)
rules_app.command("install", short_help="Check a pack and put it in the place of another.")(install_pack)
rules_app.command("manifest", short_help="Write the list of files that a publisher signs.")(write_manifest)
rules_app.command("export", short_help="As Suricata rules, Sigma rules or a STIX bundle.")(export_rules)
rules_app.command("import", short_help="Indicators of others as a rule folder.")(import_rules)
