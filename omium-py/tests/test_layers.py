"""Who may import whom in the package, read from the sources; and that stub and module tell the same."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import omium
from omium import _omium

PACKAGE = Path(omium.__file__).parent
TESTS = Path(__file__).parent
LINES_MAX = 600

GROUND = {"exceptions", "_bytecode", "_hints", "_omium", "_redact"}
VALUES = {"codec", "view"}
RUNNING = {"runtime", "recovery", "checks", "retry", "_entry"}
"""What carries an open execution; the verbs, effects among them, stand on it."""
ADAPTERS = {"crewai", "langgraph"}
TOP = {"cli", "demo", "pytest_plugin", "torture"}
"""The command line, the demo and the tools for tests use the package as anybody does."""


def part_of(module: str) -> str:
    """`omium.codec._refs` is part of codec, `omium` itself of __init__."""
    return [*module.split("."), "__init__"][1]


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def run_on_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when the module is imported; not those for the type checker."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If) and ast.unparse(statement.test) != "TYPE_CHECKING":
            yield from run_on_import(statement.body + statement.orelse)
        elif isinstance(statement, ast.Try):
            yield from run_on_import(statement.body + statement.orelse + statement.finalbody)
            for handler in statement.handlers:
                yield from run_on_import(handler.body)
        elif isinstance(statement, ast.With | ast.ClassDef):
            yield from run_on_import(statement.body)


def checked_only(tree: ast.Module) -> set[ast.AST]:
    """What only the type checker sees."""
    guards = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return {inner for guard in guards for inner in ast.walk(guard)}


def named(module: str, nodes: Iterator[ast.AST]) -> set[str]:
    """The modules that import statements among the nodes name."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module if SOURCES[module].name == "__init__.py" else module.rpartition(".")[0]
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in SOURCES or inner == "omium._omium" else base)
    return found


def imports(module: str, *, on_import: bool = False) -> set[str]:
    """What a module imports when it runs; with `on_import` only what its own import brings along."""
    tree = ast.parse(SOURCES[module].read_text("utf-8"))
    if on_import:
        return named(module, run_on_import(tree.body))
    hidden = checked_only(tree)
    return named(module, (node for node in ast.walk(tree) if node not in hidden))


def own(names: set[str]) -> set[str]:
    return {name for name in names if name.split(".")[0] == "omium"}


@pytest.mark.parametrize("module", SOURCES)
def test_imports_point_downwards(module: str) -> None:
    part = part_of(module)
    used = {part_of(name) for name in own(imports(module))} - {part}
    if part in TOP:
        return
    assert not used & TOP, "nothing imports the command line or the demo"
    if part != "__init__":
        assert not used & ADAPTERS, "nothing imports an adapter"
    if part in GROUND:
        assert used <= GROUND
    if part in VALUES:
        assert used <= GROUND | VALUES
    if part in RUNNING:
        assert used <= GROUND | VALUES | RUNNING
    if part in ADAPTERS:
        assert "__init__" not in used, "an adapter imports the module it means"


def test_no_module_leads_back_to_itself() -> None:
    """Neither on import nor by an import inside a function."""
    graph = {module: (own(imports(module)) & SOURCES.keys()) - {module, "omium"} for module in SOURCES}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join([*trail, module])
        if module not in done:
            for other in graph[module]:
                visit(other, (*trail, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize(
    "module", [module for module in SOURCES if part_of(module) not in ADAPTERS | {"demo", "pytest_plugin"}]
)
def test_only_adapters_need_other_packages(module: str) -> None:
    foreign = {name.split(".")[0] for name in imports(module, on_import=True)} - sys.stdlib_module_names - {"omium"}
    assert not foreign, "import it where it is needed: omium requires no package"


@pytest.mark.parametrize("module", [module for module in SOURCES if part_of(module) not in TOP | {"config"}])
def test_only_config_reads_the_environment(module: str) -> None:
    tree = ast.parse(SOURCES[module].read_text("utf-8"))
    read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & {"environ", "environb", "getenv"}
    assert not read


@pytest.mark.parametrize("path", sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi")]), ids=str)
def test_no_file_is_too_long(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LINES_MAX


def test_the_stub_names_what_the_native_module_has() -> None:
    tree = ast.parse((PACKAGE / "_omium.pyi").read_text("utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    listed = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    assert sorted(listed) == sorted(_omium.__all__)
    assert set(listed) == defined | {"__version__"}


def test_every_public_name_is_there_and_belongs_to_omium() -> None:
    assert list(omium.__all__) == sorted(set(omium.__all__))
    for name in omium.__all__:
        assert getattr(omium, name) is not None
        assert name in dir(omium)
    with pytest.raises(AttributeError, match="no_such_name"):
        omium.no_such_name  # noqa: B018


def test_every_test_module_has_a_name_of_its_own() -> None:
    """Outside of packages pytest imports by the bare name: any two folders must go into one command."""
    loose = [
        path for path in TESTS.rglob("*.py") if path.stem != "conftest" and not (path.parent / "__init__.py").exists()
    ]
    names = Counter(path.stem for path in loose)
    assert [name for name, count in names.items() if count > 1] == []
    borrowed = [
        str(path) for path in loose if re.search(r"^from conftest import", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert borrowed == [], "conftest is a name that every folder has"
