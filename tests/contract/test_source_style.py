# SPDX-License-Identifier: Apache-2.0
"""House rules that no ready-made linter knows: clocks, chance, kernels, file heads, file length."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "egresswatch"
SOURCES = sorted(PACKAGE.rglob("*.py"))
ALL_PYTHON = SOURCES + [
    path for folder in ("tests", "scripts", "bench") for path in sorted((ROOT / folder).rglob("*.py"))
]

MAX_LINES = 300
CLOCKS = {  # calls whose answer depends on when they are made
    "time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime", "time.strftime",
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
}  # fmt: skip
CHANCE = {"random", "secrets", "uuid"}
WALL_CLOCK_OWNER = "source/live.py"
PRINTERS = ("cli/", "dissect/", "sinks/terminal.py")  # what is there to talk to a person

ARRAY_ATTRIBUTES = {"shape", "size", "view", "dtype"}
ALLOCATORS = {"np.zeros", "np.empty", "np.ones", "np.array", "np.arange", "list", "dict"}
FORBIDDEN_IN_KERNELS = (
    ast.Raise, ast.Try, ast.With, ast.JoinedStr, ast.ListComp, ast.DictComp, ast.SetComp,
    ast.GeneratorExp, ast.Dict, ast.Set, ast.Yield, ast.Lambda, ast.Global,
)  # fmt: skip


def relative(path):
    return path.relative_to(ROOT).as_posix()


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def dotted(node):
    """``a.b.c`` of an expression, or nothing."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def calls(path):
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call):
            yield node.lineno, dotted(node.func)


def kernels():
    """(file, function) of everything that is compiled."""
    for path in SOURCES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef):
                names = {dotted(d.func if isinstance(d, ast.Call) else d) for d in node.decorator_list}
                if names & {"kernel", "inline", "jit.kernel", "jit.inline"}:
                    yield path, node


KERNELS = list(kernels())


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_no_wall_clock_and_no_chance(path):
    """What is written depends on the packets alone: no clock, no random number."""
    if path.relative_to(PACKAGE).as_posix() == WALL_CLOCK_OWNER:
        return
    found = [f"{relative(path)}:{line} {name}" for line, name in calls(path)
             if any(name == clock or name.endswith("." + clock) for clock in CLOCKS)]  # fmt: skip
    for node in ast.walk(parsed(path)):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [
            f"{relative(path)}:{node.lineno} imports {n}" for n in names if n.partition(".")[0] in CHANCE
        ]
    assert not found


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_only_the_command_line_prints(path):
    """Stages return values; what a person reads goes through cli and sinks/terminal."""
    name = path.relative_to(PACKAGE).as_posix()
    if name.startswith(PRINTERS):
        return
    assert not [line for line, call in calls(path) if call == "print"]


@pytest.mark.parametrize("path", ALL_PYTHON, ids=relative)
def test_every_file_says_its_licence_and_its_subject(path):
    """First line SPDX, then a docstring saying what the file owns."""
    text = path.read_text(encoding="utf-8")
    head = text.removeprefix("#!/usr/bin/env python3\n")
    assert head.startswith("# SPDX-License-Identifier: Apache-2.0\n")
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_no_file_grows_out_of_hand(path):
    """One subject a file: at most 300 lines."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", ALL_PYTHON, ids=relative)
def test_nothing_is_left_to_do(path):
    """No marks of unfinished work are committed."""
    marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X:", "NotImplemented" + "Error"]
    text = path.read_text(encoding="utf-8")
    assert not [mark for mark in marks if mark in text]


@pytest.mark.parametrize(("path", "node"), KERNELS, ids=[f"{p.stem}.{n.name}" for p, n in KERNELS])
def test_kernels_read_fields_by_name_in_brackets(path, node):
    """``row["f"]`` works compiled and as plain Python; ``row.f`` works compiled only."""
    wrong = []
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute):
            base = dotted(part).partition(".")[0]
            if base not in {"np", "math"} and part.attr not in ARRAY_ATTRIBUTES:
                wrong.append(f"{relative(path)}:{part.lineno} {ast.unparse(part)}")
    assert not wrong


@pytest.mark.parametrize(("path", "node"), KERNELS, ids=[f"{p.stem}.{n.name}" for p, n in KERNELS])
def test_kernels_allocate_nothing_and_raise_nothing(path, node):
    """A kernel is loops over arrays it was given."""
    parts = list(ast.walk(node))
    found = [f"{relative(path)}:{part.lineno}" for part in parts if isinstance(part, FORBIDDEN_IN_KERNELS)]
    named = [(c.lineno, dotted(c.func)) for c in parts if isinstance(c, ast.Call)]
    made = [f"{relative(path)}:{line} {name}" for line, name in named if name in ALLOCATORS]
    assert not found + made


def test_there_are_kernels():
    """The checks above look at something."""
    assert KERNELS
