"""clenet as a program, and through its C API by helper.c."""
import hashlib
import json
import pathlib
import subprocess

import numpy as np

from files import read_safetensors, write_idx, write_safetensors


# Every moment of an optimizer by its name in PyTorch; "momentum_buffer" only where there is momentum.
MOMENTS = {"adam": ("exp_avg", "exp_avg_sq"), "adamw": ("exp_avg", "exp_avg_sq"), "sgd": ("momentum_buffer",),
           "rmsprop": ("square_avg", "momentum_buffer")}


def hyperparameters(case):
    """A case's optimizer as checkpoints have it, and what it leaves unchanged."""
    return {"name": case.optimizer, "lr": case.lr, "beta1": 0.9, "beta2": 0.999, "eps": case.eps,
            "momentum": case.momentum, "weight_decay": case.decay, "freeze": ",".join(case.freeze)} | case.more


def resume_point(case, job, name, optimizer):
    """Tensors and metadata of a checkpoint before its first step."""
    tensors, optimizer = dict(job["state"]), dict(optimizer)
    freeze = optimizer.pop("freeze", "")
    trainable = [k for k in job["state"] if "running" not in k and "tracked" not in k]
    zeros = {k: np.zeros_like(job["state"][k]) for k in trainable}
    for moment in MOMENTS[optimizer["name"]]:
        if moment != "momentum_buffer" or optimizer["momentum"] > 0:
            tensors |= {f"optimizer.{moment}.{k}": v for k, v in zeros.items()}
    if optimizer.get("ema"):
        tensors |= {f"optimizer.raw.{k}": v for k, v in job["state"].items() if "tracked" not in k}
    digest = hashlib.sha256(job["train"].tobytes() + job["train_labels"].tobytes()).hexdigest()
    training = {"optimizer": optimizer,
                "batch_size": case.batch, "seed": "1",
                "data": {"name": name, "digest": digest, "images": case.count}, "epochs": 0, "steps": "0",
                "position": 0, "batches": 0, "hits": 0, "loss_sum": 0.0, "loss_carry": 0.0,
                "shuffle": [str(v) for v in job["shuffle"]], "init": ["1", "1"], "best_accuracy": -1.0}
    if freeze:
        training["freeze"] = freeze
    if case.weights:
        training["class_weights"] = case.weights
    meta = {"clenet": "0.1.0", "network": case.text(), "training": json.dumps(training)}
    if case.resize:
        meta["resize"] = str(case.resize)
    if case.resize or case.image:
        meta["image"] = json.dumps(list(job["image"]))
    if case.standardize:
        meta["mean"] = json.dumps([float(v) for v in job["standard"][0].ravel()])
        meta["inverse_deviation"] = json.dumps([float(v) for v in job["standard"][1].ravel()])
    return tensors, meta


class Wrong(Exception):
    """A program failed, or its output is not what it should be."""


class Runner:
    """Runs clenet, and tests/parity/parity_helper of its build folder."""

    def __init__(self, clenet, device):
        self.clenet, self.device = pathlib.Path(clenet).resolve(), device
        self.helper = self.clenet.parent / "tests/parity/parity_helper"
        if not self.helper.exists():
            raise FileNotFoundError(f"{self.helper}: CLENET has to be in a build folder with -Dtests=enabled")
        try:
            import onnxruntime
            onnxruntime.set_default_logger_severity(3)
            self.onnxruntime = onnxruntime
        except ImportError:
            self.onnxruntime = None

    def _output(self, *words):
        result = subprocess.run(words, capture_output=True, text=True, check=False, timeout=900)
        return result, " ".join(map(str, words[1:]))

    def run(self, *words, fine=(0,)):
        words = [str(word) for word in words]
        if words[0] in ("train", "evaluate", "predict"):
            # Binaries are for many later starts, and cost a few as much as building. The driver's own cache is enough here.
            words[1:1] = ["--no-cache", *(["--device", self.device] if self.device else [])]
        result, text = self._output(self.clenet, *words)
        if result.returncode not in fine:
            raise Wrong(f"clenet {text}: exit status {result.returncode}: {result.stderr.strip()[-600:]}")
        return result

    def helped(self, *words):
        result, text = self._output(self.helper, *map(str, words), self.device or "-")
        if result.returncode != 0:
            raise Wrong(f"parity_helper {text}: {result.stderr.strip()[-600:]}")
        return result

    def write_data(self, job, folder):
        data = folder / "data"
        data.mkdir(exist_ok=True)
        if job["image"][0] == 1:
            for part, name in (("train", "train"), ("test", "t10k")):
                write_idx(data / f"{name}-images-idx3-ubyte", job[part][:, 0])
                write_idx(data / f"{name}-labels-idx1-ubyte", job[part + "_labels"])
        top = int(job["train_labels"].max()) + 1
        head = np.array([len(job["train"]), len(job["test"]), *job["image"], top], np.int32).tobytes()
        (folder / "raw").write_bytes(head + job["train"].tobytes() + job["train_labels"].tobytes()
                                     + job["test"].tobytes() + job["test_labels"].tobytes())

    def train(self, case, job, folder, tag, optimizer, epochs, steps=0):
        """Returns the lines of the epochs, the tensors at the end, and the checkpoint's path."""
        tensors, meta = resume_point(case, job, "data", optimizer)
        write_safetensors(folder / f"{tag}.init", tensors, meta)
        if job["image"][0] == 1:
            end, log = folder / f"{tag}.st", folder / f"{tag}.log"
            log.unlink(missing_ok=True)
            more = ["--max-steps", steps] if steps else []
            self.run("train", "--resume", folder / f"{tag}.init", "--data", folder / "data", "--epochs", epochs,
                     "--save", end, "--log", log, "--quiet", "--no-guard", *more)
            lines = [json.loads(t) for t in log.read_text().splitlines()]
        else:
            r = self.helped("train", folder / f"{tag}.init", folder / "raw", folder / tag, epochs, steps)
            lines = [json.loads(t) for t in r.stdout.splitlines()]
            end = max(folder.glob(f"{tag}.[0-9]*"), key=lambda p: int(p.suffix[1:]))
        return [t for t in lines if t["event"] == "epoch"], read_safetensors(end)[0], end

