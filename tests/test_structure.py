"""The house rules: which module may import what."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "srgan_cli"
# Modules and packages, each of which imports those before it alone.
ORDER = (
    *("errors", "files", "walking", "released", "options", "metrics", "layers", "pictures", "degradation", "device"),
    *("model", "upscaling", "jobs", "training", "evaluation", "terminal", "cli"),
)
KERAS = {"keras", "tensorflow", "jax"}
LIBRARIES: dict[str, set[str]] = {
    **{name: set() for name in ("errors", "files", "walking", "released", "options")},
    "metrics": {"numpy", "skimage"},
    "degradation": {"numpy", "PIL", "scipy"},
    "pictures": {"numpy", "PIL", "scipy", "imagecodecs", "tifffile", "pillow_heif"},
    "jobs": {"numpy", "PIL"},
    "device": KERAS,
    **{name: {"numpy", "PIL", "keras"} for name in ("layers", "model", "upscaling", "training", "evaluation")},
    **{name: {"rich", "typer"} for name in ("terminal", "cli")},
}
IN_A_MODULE_ALONE = {"training.summaries": {"tensorboard"}, "training.replicas": {"tensorflow"}}
# What is settled before the network is needed, and tested in milliseconds: nothing of Keras, however indirectly.
LIGHT = {
    *("errors", "files", "walking", "released", "options", "metrics", "pictures", "degradation", "jobs"),
    *(f"upscaling.{name}" for name in ("tiling", "sizes", "memory", "solid", "overlay")),
    *("training.options", "training.runs", "training.data", "evaluation.pairs", "evaluation.charts"),
    *(f"terminal.{name}" for name in ("boundary", "parameters", "console", "account")),
}


def name_of(path: Path) -> str:
    """A module's name below the package."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


PATHS = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py")) if not path.stem.startswith("__")}


def imports(module: str) -> tuple[set[str], set[str]]:
    """The modules of the package and the libraries that a module imports, wherever in the file."""
    ours: set[str] = set()
    others: set[str] = set()
    for node in ast.walk(ast.parse(PATHS[module].read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            first, *rest = name.split(".")
            if first != "srgan_cli":
                others.add(first)
            ours.update({rest[0], ".".join(rest[:2])} & PATHS.keys() if first == "srgan_cli" else ())
    return ours, others - sys.stdlib_module_names


def place(module: str) -> int:
    return ORDER.index(module.split(".")[0])


def is_light(module: str) -> bool:
    return not {module, module.split(".")[0]}.isdisjoint(LIGHT)


@pytest.mark.parametrize("module", PATHS)
def test_imports_go_one_way(module: str) -> None:
    ours, others = imports(module)
    assert all(place(other) <= place(module) for other in ours)
    assert others <= LIBRARIES[module.split(".")[0]] | IN_A_MODULE_ALONE.get(module, set())


def test_no_module_imports_itself_in_a_circle() -> None:
    seen: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path, module))
        if module not in seen:
            for other in imports(module)[0]:
                visit(other, (*path, module))
            seen.add(module)

    for module in PATHS:
        visit(module, ())


@pytest.mark.parametrize("module", [name for name in PATHS if is_light(name)])
def test_what_is_light_stays_light(module: str) -> None:
    ours, others = imports(module)
    assert others.isdisjoint(KERAS)
    assert all(map(is_light, ours))


def test_every_package_says_what_its_modules_do() -> None:
    for package in PACKAGE.glob("*/__init__.py"):
        said = re.findall(r"^- `(\w+)`: ", package.read_text(), re.MULTILINE)
        assert sorted(said) == sorted(path.stem for path in package.parent.glob("[!_]*.py")), package


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, srgan_cli; print(sorted({'tensorflow', 'keras', 'numpy', 'PIL', 'scipy'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("module", PATHS)
def test_modules_stay_small(module: str) -> None:
    assert len(PATHS[module].read_text().splitlines()) <= 300
