"""What the documents show: every block of Python is Python, and the two guides are programs that run."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import omium

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
GUIDES = ["python.md", "langgraph.md"]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def told(page: Path) -> list[ast.AST]:
    """The nodes of every block; a keyword argument may stand alone, as an answer to "which one?"."""
    nodes: list[ast.AST] = []
    for block in blocks(page, "python"):
        for source in (block, f"f(\n{block}\n)"):
            try:
                nodes += ast.walk(ast.parse(source))
                break
            except SyntaxError as error:
                trouble = error
        else:
            raise AssertionError(f"{page.name}: {trouble} in\n{block}")
    return nodes


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_are_python_and_name_what_there_is(page: Path) -> None:
    for node in told(page):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "omium":
            assert hasattr(omium, node.attr) or node.attr in ("langgraph", "crewai"), f"omium.{node.attr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_is_a_program_that_runs_again_and_again(name: str, tmp_path: Path) -> None:
    program = tmp_path / "guide.py"
    program.write_text("\n\n".join(blocks(ROOT / "docs" / name, "python")), "utf-8")
    for _ in range(2):
        subprocess.run([sys.executable, "guide.py"], cwd=tmp_path, check=True, timeout=120)
