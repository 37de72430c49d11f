"""What TensorBoard's own package reads from event files, beside the log of the same trainings. tests/interop/run runs it."""
import json
import logging
import math
import subprocess
import time

TAGS = {
    ("epoch", "epoch"): "epoch",
    ("epoch", "loss"): "loss/train",
    ("epoch", "train_accuracy"): "accuracy/train",
    ("epoch", "test_loss"): "loss/test",
    ("epoch", "test_accuracy"): "accuracy/test",
    ("epoch", "validation_loss"): "loss/validation",
    ("epoch", "validation_accuracy"): "accuracy/validation",
    ("epoch", "learning_rate"): "learning_rate",
    ("epoch", "train_seconds"): "seconds/train",
    ("epoch", "test_seconds"): "seconds/test",
    ("epoch", "validation_seconds"): "seconds/validation",
    ("test", "test_loss"): "loss/test",
    ("test", "test_accuracy"): "accuracy/test",
    ("test", "test_seconds"): "seconds/test",
    ("progress", "loss"): "progress/loss",
    ("progress", "train_accuracy"): "progress/accuracy",
    ("progress", "images_per_second"): "images_per_second",
}
NO_CURVES = {"event", "train_images", "images_before", "train_seconds", "stopped", "weights", "test_images"}
BATCH = 64


def expected_curves(lines):
    """By tag the (step, value) of every number of a log that a curve shows."""
    curves, step, per_epoch = {}, 0, 0
    for line in lines:
        kind, images = line["event"], line.get("train_images")
        if kind == "start":
            per_epoch = math.ceil(images / BATCH)
        if kind in ("epoch", "progress"):
            step = (line["epoch"] - 1) * per_epoch + math.ceil(images / BATCH)
        for name, value in line.items() if kind in ("epoch", "progress", "test") else ():
            if (kind, name) in TAGS and value is not None:
                curves.setdefault(TAGS[kind, name], []).append((step, value))
            elif name not in NO_CURVES and not (kind in ("progress", "test") and name == "epoch"):
                raise AssertionError(f"{kind}: {name} has no curve")
        if kind == "epoch":
            speed = (images - line["images_before"]) / line["train_seconds"]
            curves.setdefault("images_per_second", []).append((step, speed))
    return curves


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    logging.getLogger("tensorboard").setLevel(logging.ERROR)  # it tells every restart
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0, "images": 0, "tensors": 0})
    return events.Reload()


def texts(events, tag):
    """The JSON of a text, whose lines are indented as code."""
    return [json.loads("\n".join(line[4:] for line in event.tensor_proto.string_val[0].decode().splitlines()))
            for event in events.Tensors(tag)]


def wrong_curves(events, lines, began):
    wrong = []
    expected = expected_curves(lines)
    if set(expected) != set(events.Tags()["scalars"]):
        wrong.append(f"curves {sorted(set(expected) ^ set(events.Tags()['scalars']))}")
    for tag in set(expected) & set(events.Tags()["scalars"]):
        found = [(event.step, event.value) for event in events.Scalars(tag)]
        same = [a[0] == b[0] and math.isclose(a[1], b[1], rel_tol=2e-7) for a, b in zip(found, expected[tag])]
        if len(found) != len(expected[tag]) or not all(same):
            wrong.append(f"{tag}: {found} instead of {expected[tag]}")
        times = [event.wall_time for event in events.Scalars(tag)]
        if times != sorted(times) or not began <= times[0] <= times[-1] <= time.time():
            wrong.append(f"{tag}: times {times}")
    starts = [line for line in lines if line["event"] == "start"]
    for tag, expected_texts in (("options", [line["options"] for line in starts]),
                                ("recipe", [line["recipe"] for line in starts if "recipe" in line])):
        if texts(events, tag) != expected_texts:
            wrong.append(f"{tag}: {texts(events, tag)}")
    return wrong


def wrong_histograms(events, model, epochs):
    """Of the last epoch, whose parameters the model has."""
    from safetensors.numpy import load_file
    wrong, tensors = [], load_file(model)
    tags = events.Tags()["histograms"]
    expected = {f"parameters/{name}" for name in tensors if not name.startswith("optimizer.") and "running" not in name
                and "num_batches" not in name}
    if set(tags) != expected:
        wrong.append(f"histograms {sorted(set(tags) ^ expected)}")
    for tag in set(tags) & expected:
        found, values = events.Histograms(tag), tensors[tag.removeprefix("parameters/")].astype("float64")
        last = found[-1].histogram_value
        same = (len(found) == epochs and (last.num, last.min, last.max) == (values.size, values.min(), values.max())
                and math.isclose(last.sum_squares, (values**2).sum(), rel_tol=1e-9) and sum(last.bucket) == values.size)
        if not same:
            wrong.append(f"{tag}: {last}")
    return wrong


def compare(clenet, data, folder, say):
    """The number of trainings that are wrong."""
    failed = 0

    def train(*arguments):
        usual = (clenet, "train", "--data", str(data), "--batch-size", str(BATCH), "--offline", "--no-cache")
        result = subprocess.run([*usual, *arguments], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise RuntimeError(f"{arguments}: {result.stderr}")

    def check(title, log, wrong):
        nonlocal failed
        failed += bool(wrong)
        say(f"{'WRONG ' if wrong else 'ok    '} TensorBoard, {title}: {len(log)} events" + "".join(f"\n    {w}" for w in wrong))

    for title, options in (("test images", ()), ("validation images", ("--validation", "0.1", "--save-best")),
                           ("average of the weights", ("--ema", "0.9", "--schedule", "cosine"))):
        began, name = time.time() - 1, title.replace(" ", "-")
        runs, log, model = folder / "runs" / name, folder / f"{name}.jsonl", folder / f"{name}.safetensors"
        train("--epochs", "3", "--tensorboard", str(runs), "--log", str(log), "--save", str(model), *options)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        events = read(runs)
        wrong = wrong_curves(events, lines, began) + wrong_histograms(events, model, 3)
        images = events.Images("confusion")
        if [(image.width, image.height) for image in images] != [(320, 320)]:
            wrong.append(f"pictures {images}")
        check(title, lines, wrong)

    # A training that went on behind its last resume point, and then from that point: what was behind it does not count.
    began, runs, log, model = time.time() - 1, folder / "runs" / "resumed", folder / "resumed.jsonl", folder / "r.safetensors"
    train("--epochs", "2", "--tensorboard", str(runs), "--log", str(log), "--save", str(model))
    train("--epochs", "4", "--tensorboard", str(runs), "--resume", str(model))
    time.sleep(1.1)  # the name of the file begins with the second
    train("--epochs", "3", "--tensorboard", str(runs), "--resume", str(model), "--log", str(log), "--save", str(model))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    events = read(runs)
    wrong = [w for w in wrong_curves(events, lines, began) if not w.startswith("options")]
    check("resumed", lines, wrong + wrong_histograms(events, model, 3))
    return failed
