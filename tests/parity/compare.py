"""A case, measured: what clenet makes of it beside PyTorch, and how far apart they may be."""
import fnmatch
import json
import math
import pathlib
import re
import shutil
import tempfile

import numpy as np
import torch

from files import read_safetensors, write_safetensors
from networks import build
from programs import hyperparameters, Wrong
from reference import load, logits_of, margin, prepare, preprocess, reference, updates_of

FACTOR = 10.0
FLOAT32_RUNS = FLOAT64_RUNS = 3  # that are shaken


class Result:
    """The comparisons of a case."""

    def __init__(self):
        self.rows = []  # (quantity, error, tolerance, error of PyTorch's float32)
        self.margin = math.inf  # reference.margin, where something is wrong

    def add(self, what, err, tol, other=0.0):
        if not err <= tol and not math.isfinite(err):
            err = math.inf
        self.rows.append((what, float(err), float(max(tol, 1e-300)), float(other)))

    @property
    def worst(self):
        return max(self.rows, key=lambda r: r[1] / r[2]) if self.rows else ("nothing", 0.0, 1.0, 0.0)

    @property
    def ratio(self):
        return self.worst[1] / self.worst[2]


def distance(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape:
        raise Wrong(f"shapes {a.shape} and {b.shape}")
    if a.size == 0:
        return 0.0
    d = np.abs(a - b)
    return math.inf if np.isnan(d).any() else float(d.max())


def slack(case, ref, k, allowed):
    """How far a weight moves for an error that is allowed in its gradient, with an optimizer that divides the gradient by
    its size."""
    name = k.split(" ", 1)[1]
    steps = sum(updates_of(case) for _ in range(case.epochs))
    if case.optimizer == "rmsprop":
        v, alpha = ref[f"moment square_avg {name}"], case.more.get("alpha", 0.99)
        size, most = np.sqrt(v) + case.eps, 2.0 * steps / math.sqrt(1 - alpha) / (1 - case.momentum)
    else:
        v, beta2 = ref[f"moment exp_avg_sq {name}"], case.more.get("beta2", 0.999)
        size, most = np.sqrt(v / (1 - beta2 ** steps)) + case.eps, 2.0 * steps
    error = allowed.get("gradient " + name, 0.0) * ref["clip factor"]
    return case.lr * np.minimum(most, error / size)


def compare(result, ref, r32, shaken, ours, case, allowed):
    """Adds what clenet has, `ours`, by quantity. The tolerances come from PyTorch's runs: float64, float32, shaken ones.
    What is 0 in all runs that only differ in weights and pixels has to be exactly 0. A matrix is exempt: its gradient is
    a sum of products that may cancel, of which a fused multiply-add leaves the rounding of one."""
    kinds = {}
    z = ref["trained logits"]
    moved = FACTOR * max(distance(r["trained logits"], z) for r in (r32, *shaken)) / (1 + np.abs(z).max())
    for k, v in ref.items():
        if isinstance(v, np.ndarray):
            kinds[k.split()[0]] = max(kinds.get(k.split()[0], 0.0), float(np.abs(v).max()) if v.size else 0.0)
    for k, mine in ours.items():
        exact = ref[k]
        if isinstance(exact, tuple):
            hits, gaps = exact
            result.add(k, max(0, abs(mine - hits) - sum(g <= 1e-3 + moved for g in gaps)), 0.5)
            continue
        e32 = distance(r32[k], exact)
        cond = max((distance(s[k], exact) for s in shaken), default=0.0)
        floor = 2e-6 * (float(np.abs(exact).max()) if exact.size else 0) + 2e-7 * kinds[k.split()[0]]
        if "loss" in k:
            floor += 2e-6
        tol = FACTOR * max(e32, cond) + floor
        if shaken and np.ndim(exact) < 2 and not any(np.any(run[k]) for run in (ref, r32, *shaken[:FLOAT32_RUNS])):
            tol = 0.0
        if k.startswith("gradient"):
            allowed[k] = tol
        moves = k.startswith(("weight", "raw-weight"))
        steps = case.optimizer == "rmsprop" and k.startswith("moment momentum_buffer")
        if case.optimizer != "sgd" and (moves or steps):
            distance(mine, exact)
            error = np.abs(np.asarray(mine, np.float64) - exact)
            name = k.removeprefix("moment momentum_buffer ").split()[-1]
            tols = tol + slack(case, ref, "of " + name, allowed) / (case.lr if steps else 1) + 0 * error
            at = np.unravel_index(np.argmax(error / tols), error.shape)
            result.add(k, error[at], tols[at], np.abs(r32[k] - exact)[at])
        else:
            result.add(k, distance(mine, exact), tol, e32)


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def check_model(runner, case, job, folder, end, tensors, log, result):
    """Predicts with the trained model: clenet, PyTorch in float64, ONNX Runtime, with batch norms folded and not."""
    state = {k: v for k, v in tensors.items() if not k.startswith("optimizer.")}
    xt = preprocess(case, job["test"], torch.float64, job["standard"])
    exact = logits_of(case.net, state, xt)
    z32 = logits_of(case.net, state, preprocess(case, job["test"], torch.float32, job["standard"]), torch.float32)
    scale = np.abs(exact).max()
    e32 = distance(z32, exact)
    tol = FACTOR * e32 + 4e-6 * scale + 1e-7
    runner.helped("logits", end, folder / "raw", folder / "logits", case.batch)
    z = np.fromfile(folder / "logits", np.float32).reshape(exact.shape)
    result.add("predict: logits", distance(z, exact), tol, e32)
    labels = job["test_labels"].astype(int)
    p = softmax(exact)
    loss = float(np.mean(-np.log(np.maximum(p[np.arange(len(labels)), labels], 1e-300))))
    if log and not log[-1]["stopped"]:
        lse = np.log(np.exp(exact - exact.max(1, keepdims=True)).sum(1)) + exact.max(1)
        loss = float(np.mean(lse - exact[np.arange(len(labels)), labels]))
        result.add("test loss of clenet's weights", abs(log[-1]["test_loss"] - loss),
                2 * tol + 2e-6 * (1 + abs(loss)))
    if job["image"][0] == 1 and case.thorough:
        r = runner.run("evaluate", end, "--data", folder / "data", "--batch-size", case.batch, "--predictions",
                       folder / "table.csv")
        found = re.search(r"loss ([\d.]+).*?acc\w* ([\d.]+)", r.stdout, re.S)
        rows = [t.split(",") for t in (folder / "table.csv").read_text().splitlines()[1:]]
        got = np.array([float(t[6]) for t in rows])
        result.add("evaluate: probability of the label", distance(got, p[np.arange(len(labels)), labels]), tol + 1e-6)
        hits = sum(int(t[1]) == int(t[3]) for t in rows)
        if log and not log[-1]["stopped"]:
            result.add("evaluate: hits are training's", abs(hits - round(log[-1]["test_accuracy"] * len(rows))), 0.5)
        if found is None:
            result.add("evaluate: output not understood", 1, 0.5)
    if job["image"][0] == 1 and case.thorough:
        r = runner.run("predict", end, folder / "data/t10k-images-idx3-ubyte", "--json", "--top", 256, "--batch-size",
                case.batch)
        q = np.zeros_like(p)
        for t in r.stdout.splitlines():
            o = json.loads(t)
            for e in o["predictions"]:
                q[o["index"], e["class"]] = e["probability"]
        result.add("predict --json: probabilities", distance(q, p), tol + 1e-6)
    runner.run("export", end, "--safetensors", folder / "plain.st")
    plain, meta = read_safetensors(folder / "plain.st")
    result.add("export: tensors", 0 if set(plain) == set(state) and all(
        np.array_equal(plain[k], state[k]) for k in state) else 1, 0.5)
    runner.run("export", end, "--safetensors", folder / "folded.st", "--fold-batchnorm")
    folded, meta = read_safetensors(folder / "folded.st")
    net = json.loads(meta["network"])
    z = logits_of(net, folded, xt)
    # Folding rounds the weights once: what that can do, by shaking them.
    shaken = [logits_of(net, {k: (v * (1 + 2.0 ** -23 * np.random.default_rng(i).uniform(-1, 1, v.shape))
                                  if v.dtype == np.float32 else v) for k, v in folded.items()}, xt) for i in range(3)]
    fold_tol = FACTOR * max(distance(s, z) for s in shaken) + tol
    result.add("folded: logits", distance(z, exact), fold_tol)
    if runner.onnxruntime:
        for fold in (False, True):
            more = ["--fold-batchnorm"] if fold else []
            for standard in (False, True) if case.standardize else (False,):
                runner.run("export", end, "--onnx", folder / "m.onnx", *more,
                        *(["--fold-standardize"] if standard else []))
                session = runner.onnxruntime.InferenceSession(str(folder / "m.onnx"),
                        providers=["CPUExecutionProvider"])
                x = preprocess(case, job["test"], torch.float32, None if standard else job["standard"]).numpy()
                shape = session.get_inputs()[0].shape
                if len(shape) == 2:
                    x = x.reshape(len(x), -1)
                z = session.run(["logits"], {"images": x})[0]
                result.add("ONNX Runtime" + " folded" * fold, distance(z, exact),
                           (fold_tol if fold else tol) + 1e-6 * scale)


def check_import(runner, case, job, folder, result):
    for kind, to in (("F64", np.float64), ("F16", np.float16), ("BF16", None), ("F32", np.float32)):
        given, expected = {}, {}
        for k, v in job["state"].items():
            if v.dtype != np.float32:
                given[k] = expected[k] = v
            elif kind == "BF16":
                t = torch.tensor(v).to(torch.bfloat16)
                given[k] = ("BF16", t.view(torch.int16).numpy())
                expected[k] = t.float().numpy()
            else:
                given[k] = v.astype(to)
                expected[k] = given[k].astype(np.float32)
        prefix = "module." if kind == "F16" else ""
        write_safetensors(folder / "foreign.st", {prefix + k: v for k, v in given.items()})
        (folder / "net.json").write_text(case.text())
        runner.run("import", folder / "foreign.st", "--network", folder / "net.json", "--save",
                folder / "imported.st")
        back, _ = read_safetensors(folder / "imported.st")
        result.add(f"import {kind}: tensors", 0 if set(back) == set(expected) and all(
            np.array_equal(back[k], expected[k]) for k in expected) else 1, 0.5)


def attempt(runner, case, seed, folder):
    job = prepare(case, seed)
    runner.write_data(job, folder)
    result = Result()
    ref = reference(case, job, torch.float64)
    r32 = reference(case, job, torch.float32)
    # Other roundings, to see how far the same training in float32 can come from float64 by chance.
    # Where pixels are equal on purpose, that would decide ties, which PyTorch gives to the first.
    shaken = [reference(case, job, torch.float32 if i < FLOAT32_RUNS else torch.float64, perturb=i + 1,
            layers=i >= FLOAT32_RUNS)
              for i in range(0 if case.exact else FLOAT32_RUNS + FLOAT64_RUNS)]
    allowed = {}
    # The gradient of the first step: SGD's momentum buffer after it.
    plain = {"name": "sgd", "lr": 1e-6, "momentum": 0.5, "weight_decay": 0.0,
             "label_smoothing": case.more.get("label_smoothing", 0.0), "accumulate": case.more.get("accumulate", 1)}
    _, tensors, _ = runner.train(case, job, folder, "g", plain, case.epochs, 1)
    ours = {"gradient " + k.removeprefix("optimizer.momentum_buffer."): v for k, v in tensors.items()
            if k.startswith("optimizer.momentum_buffer.")}
    assert set(ours) == {k for k in ref if k.startswith("gradient")}, (set(ours), ref.keys())
    compare(result, ref, r32, shaken, ours, case, allowed)
    log, tensors, end = runner.train(case, job, folder, "t", hyperparameters(case), case.epochs)
    ours = {}
    for line in log:
        e = line["epoch"]
        ours[f"loss epoch {e}"] = np.float64(line["loss"])
        ours[f"hits {e}"] = round(line["train_accuracy"] * case.count)
        ours[f"test loss epoch {e}"] = np.float64(line["test_loss"])
        ours[f"test hits {e}"] = round(line["test_accuracy"] * case.tests)
    if len(log) != case.epochs:
        raise Wrong(f"{len(log)} epochs in the log instead of {case.epochs}")
    parameters = [k for k in job["state"] if "running" not in k and "tracked" not in k]
    frozen = [k for k in parameters if any(fnmatch.fnmatchcase(k, pattern) for pattern in case.freeze)]
    for k in frozen:
        result.add("frozen " + k, int(tensors[k].tobytes() != job["state"][k].tobytes()), 0.5)
    for k, v in tensors.items():
        if k.startswith("optimizer."):
            _, moment, name = k.split(".", 2)
            if moment == "raw":
                if name in frozen:
                    result.add("frozen raw " + name, int(v.tobytes() != job["state"][name].tobytes()), 0.5)
                else:
                    ours[("raw-statistic " if "running" in name else "raw-weight ") + name] = v
            elif name in frozen:
                result.add("moment of frozen " + name, float(np.abs(v).max()), 0.0)
            else:
                ours[f"moment {moment} {name}"] = v
        elif "tracked" in k:
            result.add("num_batches_tracked", abs(int(v) - int(ref["tracked " + k])), 0.5)
        elif k not in frozen:
            ours[("statistic " if "running" in k else "weight ") + k] = v
    compare(result, ref, r32, shaken, ours, case, allowed)
    check_model(runner, case, job, folder, end, tensors, log, result)
    if case.thorough:
        check_import(runner, case, job, folder, result)
    # Who is nearer to float64, over the gradients.
    mine, theirs = [], []
    for what, err, _, other in result.rows:
        if what.startswith("gradient"):
            mine.append(err)
            theirs.append(other)
    result.nearer = (sum(mine), sum(theirs))
    return result


def measure(runner, case, seed, keep):
    """Returns the result and a verdict. Other data are tried where a ReLU or a max pool is too near to its kink."""
    for turn in range(3):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="clenet-parity-"))
        try:
            result = attempt(runner, case, seed + 1000003 * turn, folder)
            if result.ratio <= 1:
                return result, "ok" if turn == 0 else f"ok (kink in {turn})"
            near = result.margin = margin(case, prepare(case, seed + 1000003 * turn))
            if keep:
                to = pathlib.Path(keep) / re.sub(r"\W+", "-", f"{case.title}-{seed + 1000003 * turn}")
                shutil.rmtree(to, ignore_errors=True)
                shutil.copytree(folder, to)
                (to / "net.json").write_text(case.text())
            if near > 1e-6:
                return result, "WRONG"
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return result, "WRONG (near a kink each time)"


