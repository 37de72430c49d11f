"""What every peer's program needs and no library gives: its options, the images, and how an epoch is timed."""
import argparse
import gzip
import json
import pathlib
import time

import numpy


def options(**choices):
    """The options that every peer takes and its own: a name with its choices, the first of them the default."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--data", required=True, help="folder of IDX files, or 'synthetic'")
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--steps", type=int, help="steps to time (default: a whole epoch)")
    parser.add_argument("--repeats", type=int, default=1, help="time that so often and report the shortest")
    for name, values in choices.items():
        parser.add_argument("--" + name, choices=values, default=values[0])
    return parser.parse_args()


def read_idx(folder, stem):
    """The array in the IDX file of that name, gzipped or not: two zeros, the type, the rank, the sizes, the bytes."""
    for path in sorted(pathlib.Path(folder).glob(stem + "*")):
        content = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
        sizes = numpy.frombuffer(content, ">i4", count=content[3], offset=4)
        return numpy.frombuffer(content, numpy.uint8, offset=4 + 4 * len(sizes)).reshape(sizes)
    raise SystemExit(f"no file {stem}* in {folder}")


def load(source):
    """The training images as float32 in [0, 1], N×1×28×28, and their labels as int64."""
    if source == "synthetic":
        random = numpy.random.default_rng(0)
        images, labels = random.integers(0, 256, (60000, 28, 28)), random.integers(0, 10, 60000)
    else:
        images, labels = read_idx(source, "train-images"), read_idx(source, "train-labels")
    return (images / numpy.float32(255)).astype(numpy.float32)[:, None], labels.astype(numpy.int64)


def measure(args, image_count, epoch, reset):
    """Times epoch(order, batch_size), which trains on the images in that order, returns their mean loss and is done
    when it returns. All compiling happens in a warm-up before, with the full and with the short batch; reset() puts
    network and optimizer back to their start."""
    size = args.batch_size
    order = numpy.random.default_rng(0).permutation(image_count)
    for count in [20 * size] + 3 * [image_count % size]:
        if count:
            epoch(order[:count], size)
    reset()
    if args.steps:
        order = order[:args.steps * size]
    seconds = []
    for _ in range(args.repeats):
        start = time.perf_counter()
        loss = epoch(order, size)
        seconds.append(time.perf_counter() - start)
    return {"seconds": min(seconds), "images": len(order), "loss": loss}


def report(name, details, result):
    """The answer: one line of JSON, the last one on standard output."""
    print(json.dumps({"name": name, "details": details, **result}))
