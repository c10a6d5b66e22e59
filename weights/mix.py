"""A generator whose every number is a sum of those of others, of the same size, each times its share.

    python weights/mix.py OUTPUT.keras SHARE GENERATOR SHARE GENERATOR...

The shares add up to 1; equal ones give the mean (Wortsman et al., "Model soups", 2022,
https://arxiv.org/abs/2203.05482), one below 0 goes away from a generator. Generators are named as for `--model`.
"""

import sys

from srgan_cli.model import Generator, load_generator
from srgan_cli.released import find_weights

if __name__ == "__main__":
    output, *rest = sys.argv[1:]
    shares, names = [float(share) for share in rest[::2]], rest[1::2]
    if abs(sum(shares) - 1) > 1e-6:
        sys.exit(f"the shares add up to {sum(shares)}, not to 1")
    generators = [load_generator(find_weights(name)) for name in names]
    if len({generator.settings for generator in generators}) > 1:
        sys.exit("the generators differ in size, so there is nothing between them")
    mixture = Generator(generators[0].settings)
    every = zip(*(generator.get_weights() for generator in generators), strict=True)
    mixture.set_weights([sum(share * part for share, part in zip(shares, parts, strict=True)) for parts in every])
    mixture.save(output)
