"""A generator whose every number is a sum of those of others, of the same size, each times its share.

    python weights/mix.py OUTPUT.keras SHARE GENERATOR SHARE GENERATOR...

The shares add up to 1; equal ones give the mean (Wortsman et al., "Model soups", 2022,
https://arxiv.org/abs/2203.05482), one below 0 goes away from a generator. Generators are named as for `--model`.
"""

import sys

from srgan_cli.model import Generator, load_generator
from srgan_cli.released import find_weights


def mix(shares: list[float], generators: list[Generator]) -> Generator:
    """The sum of generators, each times its share.

    Raises:
        SystemExit: The shares do not add up to 1, or the generators differ in size.
    """
    if abs(sum(shares) - 1) > 1e-6:
        raise SystemExit(f"the shares add up to {sum(shares)}, not to 1")
    if len({generator.settings for generator in generators}) > 1:
        raise SystemExit("the generators differ in size")
    mixed = Generator(generators[0].settings)
    every = zip(*(generator.get_weights() for generator in generators), strict=True)
    mixed.set_weights([sum(share * part for share, part in zip(shares, parts, strict=True)) for parts in every])
    return mixed


if __name__ == "__main__":
    output, *rest = sys.argv[1:]
    mix([float(share) for share in rest[::2]], [load_generator(find_weights(name)) for name in rest[1::2]]).save(output)
