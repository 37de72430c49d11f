"""Networks as clenet's JSON and as PyTorch modules, and the cases that are trained."""
import hashlib
import json

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Norm(nn.Module):
    """PyTorch's nn.BatchNorm, extended by the biased running variance and by a single value per channel."""

    def __init__(self, features, eps=1e-5, momentum=0.1, biased=False, affine=True):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(features)) if affine else None
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))
        self.eps, self.momentum, self.biased = eps, momentum, biased

    def forward(self, x):
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        count = x.numel() // x.shape[1]
        self.num_batches_tracked += 1
        if count > 1 and not self.biased:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, True, self.momentum,
                                self.eps)
        axes = [0] + list(range(2, x.ndim))
        with torch.no_grad():
            m = self.momentum
            self.running_mean.mul_(1 - m).add_(m * x.mean(axes))
            self.running_var.mul_(1 - m).add_(m * x.var(axes, unbiased=False))
        if count > 1:
            return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
        shape = [1, -1] + [1] * (x.ndim - 2)
        mean = x.mean(axes, keepdim=True)
        var = ((x - mean) ** 2).mean(axes, keepdim=True)
        normal = (x - mean) / torch.sqrt(var + self.eps)
        return normal if self.weight is None else normal * self.weight.view(shape) + self.bias.view(shape)


def philox(counter, key):
    """Philox4x32-10 (Salmon and others, 2011): four words of 32 bits for every column of four words."""
    c, k = [w.astype(np.uint64) for w in counter], list(key)
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(b >> np.uint64(32)) ^ c[1] ^ np.uint64(k[0]), b & low, (a >> np.uint64(32)) ^ c[3] ^ np.uint64(k[1]), a & low]
        k = [(k[0] + 0x9E3779B9) % 2 ** 32, (k[1] + 0xBB67AE85) % 2 ** 32]
    return c


class Drop(nn.Module):
    """Dropout and Dropout2d with clenet's random numbers: of seed, step, layer, sample and element or channel."""
    SEED = 1  # of every case: programs.py
    begins = True  # whether the batch that comes is the first of its update; samples count from there

    def __init__(self, layer, p=0.5, by_channel=False):
        super().__init__()
        self.layer, self.p, self.by_channel, self.step, self.before = layer, p, by_channel, 0, 0

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        self.step += Drop.begins
        self.before *= not Drop.begins
        units = x.shape[1] if self.by_channel else x[0].numel()
        n, quad = np.meshgrid(self.before + np.arange(len(x)), np.arange(-(-units // 4)), indexing="ij")
        self.before += len(x)
        words = philox([quad, np.full_like(quad, self.layer), np.full_like(quad, self.step), n], (self.SEED, 0))
        bits = np.stack(words, -1).reshape(len(x), -1)[:, :units]
        keep = torch.tensor((bits >> np.uint64(8)).astype(np.float32) * 2.0 ** -24 >= np.float32(self.p)).to(x.dtype)
        keep = keep.reshape(keep.shape + (1,) * (x.ndim - 2)) if self.by_channel else keep.reshape(x.shape)
        return x * keep / (1 - self.p)


def pair(value):
    return tuple(value) if isinstance(value, list) else (value, value)


class Residual(nn.Module):
    """The sum of what two sequences make of an input."""

    def __init__(self, layers, shortcut):
        super().__init__()
        self.layers, self.shortcut = layers, shortcut

    def forward(self, x):
        return self.layers(x) + self.shortcut(x)


def build_list(layers, x, index):
    """The nn.Sequential of a list of layers, its output for x, and the index of the layer behind it. Layers of a Residual
    are counted before it."""
    modules = []
    for o in layers:
        t, g = o["type"], o.get
        if t == "Residual":
            main, _, index = build_list(o["layers"], x, index)
            shortcut, _, index = build_list(g("shortcut", []), x, index)
            m = Residual(main, shortcut)
        elif t == "Conv2d":
            m = nn.Conv2d(x.shape[1], o["out_channels"], pair(o["kernel_size"]), pair(g("stride", 1)),
                          g("padding", 0) if isinstance(g("padding", 0), str) else pair(g("padding", 0)),
                          dilation=pair(g("dilation", 1)), groups=g("groups", 1), bias=g("bias", True))
        elif t == "Linear":
            m = nn.Linear(x.shape[1], o["out_features"], bias=g("bias", True))
        elif t in ("BatchNorm1d", "BatchNorm2d"):
            m = Norm(x.shape[1], g("eps", 1e-5), g("momentum", 0.1), g("biased_running_variance", False),
                     g("affine", True))
        elif t == "GroupNorm":
            m = nn.GroupNorm(o["num_groups"], x.shape[1], g("eps", 1e-5), g("affine", True))
        elif t == "LayerNorm":
            m = nn.LayerNorm(tuple(x.shape[1:]), g("eps", 1e-5), g("elementwise_affine", True))
        elif t in ("MaxPool2d", "AvgPool2d"):
            k = pair(o["kernel_size"])
            m = getattr(nn, t)(k, pair(o["stride"]) if "stride" in o else k, pair(g("padding", 0)))
        elif t in ("Dropout", "Dropout2d"):
            m = Drop(index, g("p", 0.5), t == "Dropout2d")
        else:
            m = getattr(nn, t)(**{k: v for k, v in o.items() if k != "type"})
        m.eval()
        x = m(x)
        modules.append(m)
        index += 1
    return nn.Sequential(*modules), x, index


def build(net):
    """The nn.Sequential of a network's JSON, and the shape of its output."""
    module, x, _ = build_list(net["layers"], torch.zeros(1, *net["input"]), 0)
    return module, x.shape[1:]


def layers_of(net):
    """All layers, those of branches among them."""
    return [m for m in net.modules() if not isinstance(m, (nn.Sequential, Residual))]


def conv(n, k, s=1, p=0, bias=True, dilation=1, groups=1):
    d = {"type": "Conv2d", "out_channels": n, "kernel_size": k}
    if s != 1:
        d["stride"] = s
    if p != 0:
        d["padding"] = p
    if dilation != 1:
        d["dilation"] = dilation
    if groups != 1:
        d["groups"] = groups
    if not bias:
        d["bias"] = False
    return d


def lin(n, bias=True):
    return {"type": "Linear", "out_features": n} | ({} if bias else {"bias": False})


def bn2(**o):
    return {"type": "BatchNorm2d"} | o


def bn1(**o):
    return {"type": "BatchNorm1d"} | o


def gn(groups, **o):
    return {"type": "GroupNorm", "num_groups": groups} | o


def ln(**o):
    return {"type": "LayerNorm"} | o


def pool(kind, k, s=None, p=0):
    d = {"type": kind, "kernel_size": k}
    if s is not None:
        d["stride"] = s
    if p != 0:
        d["padding"] = p
    return d


def mp(k, s=None, p=0):
    return pool("MaxPool2d", k, s, p)


def ap(k, s=None, p=0):
    return pool("AvgPool2d", k, s, p)


SIG, REL, TAN, IDE, FLA = ({"type": t} for t in ("Sigmoid", "ReLU", "Tanh", "Identity", "Flatten"))
PLAIN2, PLAIN1 = bn2(affine=False), bn1(affine=False)
SILU, HARDSWISH = {"type": "SiLU"}, {"type": "Hardswish"}
GELU, GELU_TANH = {"type": "GELU"}, {"type": "GELU", "approximate": "tanh"}
LEAKY, ELU = {"type": "LeakyReLU", "negative_slope": 0.1}, {"type": "ELU", "alpha": 0.7}
DROP, DROP2 = {"type": "Dropout", "p": 0.3}, {"type": "Dropout2d"}
GLOBAL = {"type": "AdaptiveAvgPool2d", "output_size": 1}


def res(layers, shortcut=None):
    return {"type": "Residual", "layers": layers} | ({"shortcut": shortcut} if shortcut else {})


class Case:
    """A network with its data, its settings, and what of it is compared."""

    def __init__(self, kind, title, shape, layers, **o):
        self.kind, self.title = kind, title
        self.net = {"name": "case", "input": list(shape), "layers": layers}
        self.count, self.tests = o.pop("count", 24), o.pop("tests", 11)
        self.batch, self.epochs = o.pop("batch", 24), o.pop("epochs", 3)
        self.optimizer = o.pop("optimizer", "adam" if o.pop("adam", True) else "sgd")
        self.eps = o.pop("eps", 1e-8)  # of all but SGD
        self.more = o.pop("more", {})  # other hyperparameters and the schedule, by their names in checkpoints
        self.freeze = o.pop("freeze", ())  # patterns of names of parameters that do not change
        self.lr, self.momentum, self.decay = o.pop("lr", 0.01), o.pop("momentum", 0.0), o.pop("decay", 0.0)
        self.images = o.pop("images", "mixed")  # "mixed", "noise", or a function (rng, count, shape) -> uint8
        self.labels = o.pop("labels", None)
        self.weights = o.pop("weights", None)  # of the classes in the training loss; None: none
        self.seed = o.pop("seed", None)  # of weights and data; None: the run's
        self.tweak = o.pop("tweak", None)  # a function (state, rng) that changes the initial weights
        self.standardize, self.resize = o.pop("standardize", False), o.pop("resize", 0)
        self.image = o.pop("image", None)  # the shape of the stored images where they are resized
        self.exact = o.pop("exact", False)  # a test of ties: one step, and nothing is shaken
        if self.exact:
            self.epochs, self.batch, self.optimizer, self.momentum = 1, max(self.batch, self.count), "sgd", 0.5
        digest = hashlib.sha256(title.encode()).digest()
        self.thorough = digest[0] % 3 == 0  # evaluate, predict and import, too
        assert not o, o


    def text(self):
        """The network as clenet reads it."""
        return json.dumps(self.net)


def has_single_values(case):
    """Whether a batch norm gets a batch with a single value per channel."""
    net, _ = build(case.net)
    sizes = {case.batch, case.count % case.batch} if case.count > case.batch else {case.count}
    single = []
    for module in layers_of(net):
        if isinstance(module, Norm):
            module.register_forward_pre_hook(lambda _, inputs: single.append(inputs[0].numel() == inputs[0].shape[1]))
    net(torch.zeros(1, *case.net["input"]))
    return 1 in sizes and any(single)
