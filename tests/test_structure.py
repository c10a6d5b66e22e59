"""The house rules: which module may import what."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "srgan_cli"
LAYERS = (
    {"errors", "files", "options", "released", "walking"},
    {"formats", "exif", "metadata", "modes", "pillow", "sixteen", "encoding", "opening", "picture", "images"}
    | {"alpha", "finish", "charts", "data", "tiling", "metrics", "degradation", "memory", "pairs", "runs", "sizes"}
    | {
        "neighbours",
        "solid",
        "tones",
        "sources",
        "naming",
        "results",
        "jobs",
        "outcomes",
        "readapng",
        "readgif",
        "canvas",
        "writegif",
        "animation",
        "frames",
        "writing",
    },
    {
        "layers",
        "model",
        "fusion",
        "projection",
        "device",
        "replicas",
        "inference",
        "batches",
        "fitting",
        "losses",
        "lpips",
    }
    | {"objectives", "optimization", "stages", "summaries"},
    {"enlarging", "upscaling", "batch", "validation", "session", "training", "evaluation", "tables", "report"},
    {"console", "account", "scorebook", "boundary", "parameters", "cli"},
)
ALLOWED: tuple[set[str], ...] = (
    set(),
    {"numpy", "PIL", "scipy", "skimage", "imagecodecs", "tifffile", "pillow_heif"},
    {"numpy", "PIL", "keras", "tensorflow", "tensorboard", "jax"},
    {"numpy", "PIL", "keras"},
    {"rich", "typer"},
)
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("__"))


def imports(module: str) -> tuple[set[str], set[str]]:
    """The modules of the package and the libraries that a module imports, wherever in the file."""
    ours, others = set(), set()
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
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
            elif rest[0] in MODULES:
                ours.add(rest[0])
    return ours, others - sys.stdlib_module_names


def layer_of(module: str) -> int:
    (layer,) = (number for number, modules in enumerate(LAYERS) if module in modules)
    return layer


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module: str) -> None:
    ours, others = imports(module)
    layer = layer_of(module)
    assert all(layer_of(other) <= layer for other in ours)
    assert others <= ALLOWED[layer]


def test_no_module_imports_itself_in_a_circle() -> None:
    seen: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path, module))
        if module not in seen:
            for other in imports(module)[0]:
                visit(other, (*path, module))
            seen.add(module)

    for module in MODULES:
        visit(module, ())


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, srgan_cli; print(sorted({'tensorflow', 'keras', 'numpy', 'PIL', 'scipy'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.name)
def test_modules_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300
