"""The part that all peers' programs share: options, the network, the images, and how an epoch is timed."""
import argparse
import gzip
import json
import pathlib
import re
import time

import numpy

WARM_UP_STEPS = 20
WARM_UP_SECONDS = 10  # after which a slow peer has steps enough, of the least that let it compile and record
LEAST_WARM_UP_STEPS = 4
WEIGHTS = numpy.random.default_rng(1)


def options(**choices):
    """The options that every peer takes and its own: a name with its choices, the first of them the default."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--network", required=True, help="file with the output of 'clenet summary --python'")
    parser.add_argument("--data", required=True, help="folder of IDX files, or 'synthetic'")
    parser.add_argument("--shape", type=int, nargs=3, default=(1, 28, 28), help="of synthetic images (default 1 28 28)")
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--steps", type=int, help="steps to time (default: a whole epoch)")
    parser.add_argument("--seconds", type=float, default=1e9, help="time only the steps that take about so long")
    parser.add_argument("--repeats", type=int, default=1, help="time that so often and report the shortest")
    for name, values in choices.items():
        parser.add_argument("--" + name, choices=values, default=values[0])
    return parser.parse_args()


def network(args, nn):
    """The network of --network, made of nn's layers: PyTorch's nn, or a peer's layers under the same names."""
    text = pathlib.Path(args.network).read_text(encoding="utf-8")
    names = {"nn": nn}
    exec(text.replace("from torch import nn", ""), names)  # pylint: disable=exec-used
    return names["net"]


def initial(shape, bias):
    """Weight and bias (None without one) of the next convolution or linear layer, drawn as PyTorch draws them. All
    peers start from the same network, so that their losses agree."""
    bound = numpy.prod(shape[1:]) ** -0.5
    weight = WEIGHTS.uniform(-bound, bound, shape).astype(numpy.float32)
    return weight, WEIGHTS.uniform(-bound, bound, shape[:1]).astype(numpy.float32) if bias else None


def read_idx(folder, stem):
    """The array in the IDX file of that name, gzipped or not: two zeros, the type, the rank, the sizes, the bytes."""
    for path in sorted(pathlib.Path(folder).glob(stem + "*")):
        content = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
        sizes = numpy.frombuffer(content, ">i4", count=content[3], offset=4)
        return numpy.frombuffer(content, numpy.uint8, offset=4 + 4 * len(sizes)).reshape(sizes)
    raise SystemExit(f"no file {stem}* in {folder}")


def load(args):
    """The training images as float32 in [0, 1], N×C×H×W, and their labels as int64."""
    if args.data == "synthetic":
        random = numpy.random.default_rng(0)
        classes = int(re.findall(r"out_features=(\d+)", pathlib.Path(args.network).read_text(encoding="utf-8"))[-1])
        images = random.integers(0, 256, (60000, *args.shape), dtype=numpy.uint8)
        labels = random.integers(0, classes, 60000)
    else:
        images, labels = read_idx(args.data, "train-images")[:, None], read_idx(args.data, "train-labels")
    return images / numpy.float32(255), labels.astype(numpy.int64)


def warm_up(epoch, order, size):
    """Trains some steps, in which all compiling happens, and returns the seconds that the last one took."""
    start = time.perf_counter()
    for step in range(WARM_UP_STEPS):
        at = time.perf_counter()
        if step >= LEAST_WARM_UP_STEPS and at - start > WARM_UP_SECONDS:
            break
        epoch(order[step * size:(step + 1) * size], size)
        seconds = time.perf_counter() - at
    return seconds


def measure(args, image_count, epoch, reset):
    """Times epoch(order, batch_size), which trains on the images in that order, returns their mean loss and is done
    when it returns. A warm-up comes before; reset() then puts network and optimizer back to their start."""
    size = args.batch_size
    order = numpy.random.default_rng(0).permutation(image_count)
    step_seconds = warm_up(epoch, order, size)
    steps = min(args.steps or image_count, max(1, int(args.seconds / step_seconds)))
    if steps * size > image_count and image_count % size:  # the short last batch, too
        for _ in range(3):
            epoch(order[:image_count % size], size)
    if steps * size < image_count:
        order = order[:steps * size]
    seconds = []
    for _ in range(args.repeats):
        reset()
        start = time.perf_counter()
        loss = epoch(order, size)
        seconds.append(time.perf_counter() - start)
    return {"seconds": min(seconds), "images": len(order), "loss": loss}


def report(name, details, result):
    """The answer: one line of JSON, the last one on standard output."""
    print(json.dumps({"name": name, "details": details, **result}))
