"""`srgan train`'s adversarial step against a line-by-line version of the reference loop: steps a second, peak memory.

    python bench/training.py [VGG_WEIGHTS]

The reference, once a step and batch: the generator predicts SR; the discriminator is trained on HR, then on SR; VGG19
predicts the features of HR; generator, frozen discriminator and VGG19 are trained as one model. It has textbook layers.
Each candidate is a process of its own; they take turns of a few steps (A B C, A B C, ...), so that all meet the noise.
"""

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

CANDIDATES = {"reference float32": "float32", "srgan float32": "float32", "srgan bfloat16": "mixed_bfloat16"}
HR_SIZE, BATCH, STEPS, ROUNDS = 256, 1, 3, 5
PICTURES = Path(__file__).parents[1] / "examples"


def reference(weights: str | None) -> Callable[[], None]:
    """`STEPS` steps of the reference loop."""
    import keras
    import numpy as np
    from fusion import textbook

    from srgan_cli.model import Generator, build_discriminator

    data = batches(as_floats=True)
    generator, discriminator = textbook(Generator()), build_discriminator()
    vgg = keras.applications.VGG19(include_top=False, weights=weights or "imagenet")
    features = keras.Model(vgg.inputs, vgg.layers[9].output, trainable=False)
    discriminator.compile(keras.optimizers.Adam(2e-4, 0.5), "mse")
    frozen = keras.models.clone_model(discriminator)  # Keras 3 freezes by layer, so the frozen one is a copy
    frozen.trainable = False
    lr_input = keras.Input((None, None, 3))
    sr = generator(lr_input)
    combined = keras.Model(lr_input, [frozen(sr), features(sr)])
    combined.compile(keras.optimizers.Adam(2e-4, 0.5), ["binary_crossentropy", "mse"], loss_weights=[1e-3, 1.0])
    valid, fake = (np.full((BATCH, HR_SIZE // 16, HR_SIZE // 16, 1), value, np.float32) for value in (1, 0))

    def steps() -> None:
        for index in range(STEPS):
            lr, hr = data[index]
            sr = generator.predict(lr, verbose=0)
            discriminator.train_on_batch(hr, valid)
            discriminator.train_on_batch(sr, fake)
            combined.train_on_batch(lr, [valid, features.predict(hr, verbose=0)])

    return steps


def ours(weights: str | None) -> Callable[[], None]:
    """`STEPS` steps as `srgan train` does them."""
    from srgan_cli.model import Generator, build_discriminator
    from srgan_cli.training.losses import content_loss
    from srgan_cli.training.objectives import SRGAN
    from srgan_cli.training.optimization import make_optimizer
    from srgan_cli.training.options import TrainOptions

    options = TrainOptions(vgg_weights=weights)
    data, model = batches(as_floats=False), SRGAN(Generator(), build_discriminator(), content_loss(options))
    model.compile(make_optimizer(options, options.steps))
    return lambda: model.fit(data, verbose=0, shuffle=False)


def batches(as_floats: bool) -> "keras.utils.PyDataset":  # type: ignore[name-defined]  # noqa: F821 (imported in the processes only)
    """The pictures, resized, as `STEPS` batches."""
    from srgan_cli.training.batches import BatchDataset, Batches, Prefetcher
    from srgan_cli.training.data import Pictures
    from srgan_cli.training.options import TrainOptions

    options = TrainOptions(str(PICTURES), sampling="resize", hr_size=HR_SIZE, batch_size=BATCH)
    made = Batches(Pictures(options.data, 2**30), options, as_floats)
    return BatchDataset(Prefetcher(made, options.workers, STEPS), 0, STEPS)


def run(name: str, weights: str | None, pipe: Connection) -> None:
    """A candidate's process: each message is answered with seconds a step, the last with peak memory in GiB."""
    import keras

    keras.config.set_dtype_policy(CANDIDATES[name])
    steps = (reference if name.startswith("reference") else ours)(weights)
    steps()  # traces and compiles
    while pipe.recv():
        started = time.perf_counter()
        steps()
        pipe.send((time.perf_counter() - started) / STEPS)
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


def main() -> None:
    """Let them take turns and print medians, ratios and memory."""
    weights = sys.argv[1] if sys.argv[1:] else None
    pipes = {}
    for name in CANDIDATES:
        pipes[name], theirs = multiprocessing.Pipe()
        multiprocessing.get_context("spawn").Process(target=run, args=(name, weights, theirs), daemon=True).start()
    seconds: dict[str, list[float]] = {name: [] for name in pipes}
    for _ in range(ROUNDS):
        for name, pipe in pipes.items():
            pipe.send(True)
            seconds[name].append(pipe.recv())
    base = next(iter(seconds))
    for name, pipe in pipes.items():
        pipe.send(False)
        ratio = median(one / other for one, other in zip(seconds[base], seconds[name], strict=True))
        speed = f"median {median(seconds[name]):.2f} s a step, {ratio:.2f} times as fast"
        print(f"{name}: {speed}, peak {pipe.recv():.2f} GiB")


if __name__ == "__main__":
    main()
