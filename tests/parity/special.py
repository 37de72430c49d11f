"""Trainings that need no PyTorch, because what they have to give is known exactly."""
import json

import numpy as np

from files import read_safetensors, write_idx
from networks import FLA, TAN, bn1, lin
from reference import make_images

SHAPE = (1, 12, 11)


def _data(folder, images=300):
    rng = np.random.default_rng(5)
    data = folder / "data"
    data.mkdir()
    for name, count in (("train", images), ("t10k", 77)):
        pixels = make_images(rng, "mixed", count, SHAPE)
        write_idx(data / f"{name}-images-idx3-ubyte", pixels[:, 0])
        write_idx(data / f"{name}-labels-idx1-ubyte", rng.integers(0, 10, count))
    return data


def _network(folder, name, layers):
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"name": name, "input": SHAPE, "layers": layers}))
    return path


def mixed_running_variances(runner, folder):
    """A network with one biased running variance and one unbiased goes on where it was."""
    network = _network(folder, "mixed", [FLA, bn1(biased_running_variance=True), lin(10), bn1()])
    words = ["--data", _data(folder), "--quiet", "--no-guard", "--save", folder / "mixed.st"]
    runner.run("train", "--network", network, "--epochs", 1, *words)
    result = runner.run("train", "--resume", folder / "mixed.st", "--epochs", 2, *words, fine=(0, 1))
    return result.returncode == 0, result.stderr.strip() or "resumed"


def a_last_batch_of_one(runner, folder):
    """A batch norm of a single value per channel gives beta, whatever the value: nothing before it learns."""
    network = _network(folder, "single", [FLA, lin(9), bn1(), TAN, lin(10)])
    words = ["--network", network, "--data", _data(folder, 3), "--batch-size", 2, "--quiet", "--no-guard", "--seed", 3,
             "--optimizer", "sgd", "--momentum", "0.5"]

    def buffers(steps):
        runner.run("train", *words, "--max-steps", steps, "--save", folder / "single.st")
        tensors, _ = read_safetensors(folder / "single.st")
        return (tensors[f"optimizer.momentum_buffer.{layer}.weight"] for layer in (1, 4))

    (before, behind), (before2, behind2) = buffers(1), buffers(2)
    gradients = [np.abs(after - first * np.float32(0.5)).max() for first, after in ((before, before2), (behind, behind2))]
    return gradients[0] == 0 and gradients[1] > 0, "gradient {:.1e} before it, {:.1e} behind it".format(*gradients)


SPECIAL = (mixed_running_variances, a_last_batch_of_one)
