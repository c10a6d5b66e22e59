"""What several commands let one choose, and what options are called.

Nothing heavy is imported here, so that the command line can be built from it at once.
"""

from typing import Literal

Degradation = Literal["bicubic", "photo"]
Precision = Literal["float32", "bfloat16", "float16"]
AnyDevice = Literal["auto", "cpu", "gpu"]
AnyPrecision = Literal["auto", Precision]
BACKENDS = ("tensorflow", "jax")  # of Keras
CHOOSE_BACKEND = f"set KERAS_BACKEND to {' or '.join(BACKENDS)}"


def key(name: str) -> str:
    """A field of an options class -> what it is called in a TOML file; a field cannot be called `from`."""
    return "from" if name == "start" else name


def flag(name: str) -> str:
    """A field of an options class -> what it is called on the command line."""
    return f"--{key(name).replace('_', '-')}"
