"""Which code a detector's scores depend on, so that scores of older code are not taken for new."""

import ast
import hashlib
from copy import deepcopy
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOTS = ("kad.runs.train", "export.exporter", "runtime.streams.stream")


@cache
def code_fingerprint(detector: str) -> str:
    """Returns a hash of all code that training, exporting and scoring a detector import.

    It is of definitions, wherever they stand: comments, docstrings and layout do not change it, nor
    does a move to another module or a cut of one in two; other detectors do not, unless imported.

    Raises:
        LookupError: A module to begin with is not there: its code would be left out.
    """
    roots = (*ROOTS, f"kad.detectors.{detector.replace('-', '_')}")
    if missing := [root for root in roots if not _file(root)]:
        raise LookupError(f"The fingerprint needs modules that are not there: {', '.join(missing)}")
    modules = _closure(roots)
    code = sorted({part for module in modules for part in _code(module)})
    return hashlib.sha256("\n".join(code).encode()).hexdigest()[:16]


def _closure(modules: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    todo = list(modules)
    while todo:
        module = todo.pop()
        if module not in found and _file(module):
            found.add(module)
            todo += _imports(module)
    return found


def _file(module: str) -> Path | None:
    place = ROOT.joinpath(*module.split("."))
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


@cache
def _tree(module: str) -> ast.Module:
    file = _file(module)
    tree = ast.parse(file.read_text(encoding="utf-8") if file else "")
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [part for part in body if not _is_text(part)]
    return tree


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@cache
def _code(module: str) -> list[str]:
    """Returns the module's statements without imports of ours: what they name counts itself."""
    tree = deepcopy(_tree(module))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [part for part in body if not _our_imports(part)]
    return [ast.dump(part) for part in tree.body if not _is_list_of_names(part)]


def _is_list_of_names(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"


def _imports(module: str) -> list[str]:
    return [name for node in ast.walk(_tree(module)) for name in _our_imports(node)]


def _our_imports(node: ast.AST) -> list[str]:
    names = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module:
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    ours = ("kad", "runtime", "export")
    return [name for name in names if name.partition(".")[0] in ours]
