"""Cases with names: what a network, its data and its settings can be, kind by kind."""
import json
import pathlib

import numpy as np

from networks import (DROP, DROP2, ELU, GELU, GELU_TANH, GLOBAL, HARDSWISH, LEAKY, PLAIN1, PLAIN2, SILU, Case, FLA, IDE, REL, SIG,
                      TAN, ap, bn1, bn2, conv, gn, lin, ln, mp, res)


def set_gamma(values):
    def tweak(state, rng):
        for k in state:
            if k.endswith("weight") and k.replace("weight", "running_mean") in state:
                v = values(rng, state[k].shape) if callable(values) else np.full(state[k].shape, values)
                state[k] = v.astype(np.float32)
    return tweak


def scale_weights(factor, part="weight", only=None):
    def tweak(state, rng):
        for k in state:
            if k.endswith(part) and k.replace(part, "running_mean") not in state and (only is None or k in only):
                state[k] = (state[k] * factor).astype(np.float32)
    return tweak


def tie_weights(state, rng):
    """The first Conv2d passes the pixel in its middle through, so that equal pixels make exact ties."""
    w = state["0.weight"]
    w[:] = 0
    w[:, 0, w.shape[2] // 2, w.shape[3] // 2] = 1
    w[1::2] *= -1
    if "0.bias" in state:
        state["0.bias"][:] = 0


def few_levels(rng, count, shape):
    return rng.integers(0, 2, (count, *shape)) * 128


def scale_norm_bias(factor):
    def tweak(state, rng):
        for k in state:
            if k.endswith("bias") and k.replace("bias", "running_mean") in state:
                state[k] = (state[k] * factor).astype(np.float32)
    return tweak


def both(*tweaks):
    def tweak(state, rng):
        for t in tweaks:
            t(state, rng)
    return tweak


def offset_bias(value):
    def tweak(state, rng):
        state["0.bias"][:] = value
    return tweak


def shipped(name, **o):
    """A network of examples/networks, trained for 20 steps."""
    path = pathlib.Path(__file__).resolve().parents[2] / "examples/networks" / f"{name}.json"
    net = json.loads(path.read_text(encoding="utf-8"))
    return Case("network", name, net["input"], net["layers"], **dict(count=40, batch=8, epochs=4) | o)


def named_cases():
    """All of them, kind by kind."""
    small, C = (1, 12, 11), Case
    head = [FLA, lin(7)]
    yield C("channels", "3x32x32, LeNet-like", (3, 32, 32), [conv(6, 5), bn2(), REL, mp(2), conv(9, 5), bn2(), SIG,
            mp(2), FLA, lin(20), bn1(), TAN, lin(10)], count=20, batch=8)
    yield C("channels", "2x9x7", (2, 9, 7), [conv(5, 3), bn2(), TAN, *head])
    yield C("channels", "5x8x8, no padding of channels", (5, 8, 8), [bn2(), conv(3, [2, 3], [1, 2]), SIG, ap(2, 1),
            *head], batch=7)
    yield C("channels", "3x1x1", (3, 1, 1), [conv(4, 1), bn2(), TAN, *head])
    yield C("channels", "3x32x32, Flatten first", (3, 32, 32), [FLA, lin(16), bn1(), REL, lin(5)])
    yield C("geometry", "1x1 images", (1, 1, 1), [conv(3, 1), bn2(), TAN, *head])
    yield C("geometry", "1x1 images, MLP", (1, 1, 1), [FLA, lin(4), SIG, lin(3)])
    yield C("geometry", "1 x 40 strip", (1, 1, 40), [conv(4, [1, 9], [1, 3]), bn2(), REL, mp([1, 2]), *head])
    yield C("geometry", "40 x 1 strip", (1, 40, 1), [conv(4, [9, 1], [3, 1]), bn2(), REL, mp([2, 1]), *head])
    yield C("geometry", "kernel 7x5", (1, 15, 14), [conv(4, [7, 5]), bn2(), SIG, mp(2), *head])
    yield C("geometry", "kernel = image", (1, 9, 6), [conv(8, [9, 6]), bn2(), TAN, *head])
    yield C("geometry", "kernel 13x1, padding [6, 0]", (1, 9, 6), [conv(3, [13, 1], 1, [6, 0]), bn2(), TAN, *head])
    yield C("geometry", "stride 2", small, [conv(4, 3, 2, 1), bn2(), REL, conv(5, 3, 2), bn2(), REL, *head])
    yield C("geometry", "stride 3", (1, 17, 16), [conv(4, 4, 3, 2), bn2(), SIG, conv(3, 2, 3, 1), TAN, *head])
    yield C("geometry", "stride > kernel", small, [conv(4, 2, 3), bn2(), TAN, conv(4, 1, [2, 2]), *head])
    yield C("geometry", "stride [1, 4], kernel [3, 1]", small, [conv(4, [3, 1], [1, 4]), bn2(), TAN, *head])
    yield C("geometry", "padding beyond the kernel", (1, 5, 4), [conv(3, 2, 1, 4), bn2(), SIG, conv(4, [1, 2], [2, 3],
            [3, 0]), TAN, *head])
    yield C("geometry", "33 -> 65 channels", (1, 6, 6), [conv(33, 3), bn2(), REL, conv(65, 2), bn2(), TAN, *head])
    yield C("geometry", "one channel out, one feature", small, [conv(1, 3), bn2(), TAN, conv(1, 3), bn2(), TAN, FLA,
            lin(1), bn1(), TAN, lin(2)])
    yield C("pools", "max, overlapping 3/2", small, [conv(4, 3), bn2(), REL, mp(3, 2), *head])
    yield C("pools", "max, overlapping 4/1", small, [conv(4, 3), bn2(), TAN, mp(4, 1), *head])
    yield C("pools", "average, overlapping 3/1", small, [conv(4, 3), bn2(), REL, ap(3, 1), *head])
    yield C("pools", "max, padding 3/2/1", small, [conv(4, 3), bn2(), TAN, mp(3, 2, 1), *head])
    yield C("pools", "max, padding [3,5]/[1,2]/[1,2]", small, [conv(4, 3), bn2(), SIG, mp([3, 5], [1, 2], [1, 2]),
            *head])
    yield C("pools", "average, padding 3/2/1 (count_include_pad)", small, [conv(4, 3), bn2(), SIG, ap(3, 2, 1),
            *head])
    yield C("pools", "average, padding [2,3]/1/[1,0]", small, [conv(4, 3), bn2(), REL, ap([2, 3], 1, [1, 0]), *head])
    yield C("pools", "windows that do not divide", (1, 13, 11), [conv(4, 3), bn2(), REL, mp(3), conv(4, 2), SIG,
            *head])
    yield C("pools", "average, windows that do not divide", (1, 13, 12), [conv(4, 3), bn2(), REL, ap([4, 3]), *head])
    yield C("pools", "stride > window", (1, 13, 12), [conv(4, 3), bn2(), TAN, mp(2, 3), *head])
    yield C("pools", "average, stride > window", (1, 13, 12), [conv(4, 3), bn2(), TAN, ap([1, 2], [2, 4]), *head])
    yield C("pools", "global", small, [conv(4, 3), bn2(), REL, mp([10, 9]), conv(5, 1), ap(1), *head])
    yield C("pools", "pool on pool", (1, 15, 15), [conv(4, 3), bn2(), TAN, mp(3, 1, 1), ap(2, 2), mp(2, 1), *head])
    yield C("order", "batch norm after pool", small, [conv(4, 3), TAN, mp(2), bn2(), *head])
    yield C("order", "batch norm before any affine", small, [bn2(), conv(4, 3), REL, *head])
    yield C("order", "batch norm, activation, pool before any affine", small, [bn2(), TAN, mp(2), conv(4, 3), REL,
            *head])
    yield C("order", "batch norm after batch norm", small, [conv(4, 3), bn2(), bn2(eps=0.01), TAN, FLA, bn1(), lin(6),
            bn1(), bn1(), bn1()])
    yield C("order", "two activations in a row", small, [conv(4, 3), SIG, TAN, REL, SIG, FLA, lin(9), REL, TAN,
            lin(4)])
    yield C("order", "activation first", small, [SIG, conv(4, 3), bn2(), REL, *head])
    yield C("order", "max pool first", small, [mp(2), conv(4, 3), bn2(), REL, *head])
    yield C("order", "average pool first, padded", small, [ap(3, 2, 1), conv(4, 3), bn2(), REL, *head])
    yield C("order", "Flatten first", small, [FLA, lin(20), bn1(), SIG, lin(5)])
    yield C("order", "Flatten, batch norm first", small, [FLA, bn1(), lin(20), TAN, lin(5)])
    yield C("order", "Flatten twice, Identity everywhere", small, [IDE, conv(3, 3), IDE, bn2(), IDE, SIG, IDE, mp(2),
            FLA, IDE, FLA, lin(5), IDE])
    yield C("order", "no batch norm", small, [conv(4, 3), REL, mp(2), conv(5, 2), SIG, *head])
    yield C("order", "batch norm last", small, [conv(4, 3), TAN, FLA, lin(6), bn1()])
    yield C("order", "activation last", small, [conv(4, 3), bn2(), TAN, FLA, lin(6), SIG])
    yield C("order", "ReLU last", small, [conv(4, 3), bn2(), TAN, FLA, lin(6), REL])
    yield C("order", "fully convolutional, ends in Flatten", small, [conv(4, 3), bn2(), TAN, conv(5, [10, 9]), FLA])
    yield C("order", "ends in pool and Flatten", small, [conv(6, 3), bn2(), REL, ap([10, 9]), FLA])
    yield C("order", "batch norm only", (1, 3, 2), [FLA, bn1()], lr=0.1)
    yield C("order", "Linear on Linear", small, [FLA, lin(9), lin(8), lin(7, False), bn1(), lin(6)])
    yield C("order", "conv on conv", small, [conv(4, 3), conv(5, 2, 2), conv(3, 1, bias=False), *head])
    yield C("order", "twelve layers", (1, 18, 18), [conv(4, 3), bn2(), REL, conv(5, 3, 1, 1), bn2(), REL, mp(2),
            conv(6, 3), bn2(), TAN, FLA, lin(9), bn1(), SIG, lin(7)])
    yield C("classes", "17", small, [conv(4, 3), bn2(), SIG, mp(2), FLA, lin(17)])
    yield C("classes", "2", small, [conv(4, 3), bn2(), SIG, mp(2), FLA, lin(2)])
    yield C("classes", "256", small, [conv(4, 3), bn2(), SIG, mp(2), FLA, lin(256)], count=40)
    yield C("classes", "9, of which the data have 3", small, [conv(4, 3), bn2(), SIG, FLA, lin(9)], labels=lambda r,
            n: r.integers(0, 3, n))
    yield C("classes", "labels all the same", small, [conv(4, 3), bn2(), SIG, FLA, lin(5)], labels=lambda r,
            n: np.full(n, 3))
    bnet = [conv(4, 3), bn2(), SIG, mp(2), FLA, lin(9), bn1(), TAN, lin(5)]
    for b in (1, 2, 3, 5, 31):
        yield C("batch", f"{b}", small, bnet, batch=b, count=31 if b != 1 else 6, epochs=2, adam=b not in (1, 3, 5))
    yield C("batch", "333", small, bnet, batch=333, count=333, epochs=2)
    yield C("batch", "100 of 333: the last has 33", small, bnet, batch=100, count=333, epochs=2)
    yield C("batch", "larger than the data set", small, bnet, batch=500, count=29)
    yield C("batch", "last batch of one sample", small, bnet, batch=8, count=25, adam=False)
    yield C("batch", "last batch of one sample, BatchNorm2d only", small, [conv(4, 3), bn2(), SIG, *head], batch=16,
            count=33)
    yield C("batch", "last batch of one sample, biased", small, [conv(4, 3), bn2(biased_running_variance=True), SIG,
            FLA, lin(5), bn1(biased_running_variance=True)], batch=8, count=25, adam=False)
    yield C("batch", "one image in all", small, bnet, batch=4, count=1, tests=1, adam=False)
    yield C("batch", "1, no batch norm", small, [conv(4, 3), SIG, *head], batch=1, count=9)
    for act, name in ((REL, "ReLU"), (SIG, "Sigmoid"), (TAN, "Tanh"), (IDE, "Identity")):
        net = [conv(6, 3), bn2(), act, mp(2), *head]
        yield C("gamma", f"< 0, {name}, max pool", small, net, tweak=set_gamma(lambda r, s: -r.uniform(0.5, 1.5, s)))
        yield C("gamma", f"0, {name}, max pool", small, net, tweak=set_gamma(0.0), exact=True)
        yield C("gamma", f"of each sign and 0, {name}, max pool 3/2/1", small, [conv(6, 3), bn2(), act, mp(3, 2, 1),
                *head],
                tweak=set_gamma(lambda r, s: r.integers(-1, 2, s) * r.uniform(0.5, 1.5, s)), exact=True)
    yield C("gamma", "1e-4 and -1e-5, max pool", small, [conv(6, 3), bn2(), TAN, mp(2), *head],
            tweak=set_gamma(lambda r, s: np.resize([1e-4, -1e-5], s)))
    yield C("gamma", "1e-30 and -1e-25, beta 0, max pool", small, [conv(6, 3), bn2(), TAN, mp(2), *head],
            tweak=both(set_gamma(lambda r, s: np.resize([1e-30, -1e-25], s)), scale_norm_bias(0)))
    yield C("gamma", "< 0, average pool", small, [conv(6, 3), bn2(), REL, ap(2), *head], tweak=set_gamma(lambda r,
            s: -r.uniform(0.5, 1.5, s)))
    yield C("gamma", "0, average pool", small, [conv(6, 3), bn2(), SIG, ap(2), *head], tweak=set_gamma(0.0))
    yield C("ties", "max pool over equal pixels, Identity", small, [conv(4, 3, 1, 1), mp(2), *head],
            images=few_levels, exact=True, tweak=tie_weights)
    yield C("ties", "max pool 3/1/1 over equal pixels, batch norm, Tanh", small, [conv(4, 3, 1, 1), bn2(), TAN, mp(3,
            1, 1), *head], images=few_levels, exact=True, tweak=tie_weights)
    yield C("ties", "the same, gamma < 0", small, [conv(4, 3, 1, 1), bn2(), TAN, mp(3, 2, 1), *head],
            images=few_levels, exact=True,
            tweak=both(tie_weights, set_gamma(lambda r, s: -r.uniform(0.5, 1.5, s))))
    yield C("ties", "ReLU of exactly 0", small, [conv(4, 3, 1, 1), REL, FLA, lin(7)], images=few_levels, exact=True,
            tweak=tie_weights)
    yield C("ties", "max pool, then batch norm", small, [mp(2, 1), bn2(), conv(3, 2), TAN, *head], images=few_levels,
            exact=True)
    yield C("images", "all 0", small, [conv(4, 3), bn2(), TAN, mp(2), *head], images=lambda r, n, s: np.zeros((n,
            *s)))
    yield C("images", "all 0, batch norm behind batch norm", small,
            [conv(4, 3), bn2(eps=1e-8), bn2(), TAN, mp(2), *head], images=lambda r, n, s: np.zeros((n, *s)))
    yield C("images", "all 255", small, [conv(4, 3), bn2(), SIG, mp(2), *head], images=lambda r, n, s: np.full((n,
            *s), 255))
    yield C("images", "all 1, batch norm first", small, [bn2(), conv(4, 3), SIG, mp(2), *head], images=lambda r, n,
            s: np.full((n, *s), 1))
    yield C("images", "each one constant", small, [conv(4, 3), bn2(), SIG, mp(2), *head], images=lambda r, n,
            s: np.broadcast_to(r.integers(0, 256, (n, 1, 1, 1)), (n, *s)))
    yield C("images", "all the same image", small, bnet, images=lambda r, n, s: np.broadcast_to(r.integers(0, 256, (1,
            *s)), (n, *s)))
    yield C("images", "one pixel of one image is on", small, [conv(4, 3), bn2(), SIG, mp(2), *head], images=lambda r,
            n, s: np.where(np.arange(n * int(np.prod(s))).reshape(n, *s) == 77, 255, 0))
    yield C("images", "0 or 255, weights x 1000", small, [conv(4, 3), bn2(), TAN, mp(2), *head], images=lambda r, n,
            s: r.integers(0, 2, (n, *s)) * 255, tweak=scale_weights(1000, only=("0.weight",)))
    yield C("images", "a bias of 100 before batch norm", small, [conv(4, 3), bn2(), TAN, ap(2), *head],
            tweak=offset_bias(100))
    yield C("images", "a bias of 10000 before batch norm", small, [conv(4, 3), bn2(), TAN, ap(2), *head],
            tweak=offset_bias(10000))
    yield C("images", "a bias of -1000, 200 images in batches of 50", small, [conv(4, 3), bn2(), SIG, ap(2), FLA,
            lin(9), bn1(), TAN, lin(5)], tweak=offset_bias(-1000), count=200, batch=50, epochs=2)
    for m in (0, 1, 0.5, 0.05):
        yield C("batch norm", f"momentum {m}", small, [conv(4, 3), bn2(momentum=m), SIG, mp(2), FLA, lin(5),
                bn1(momentum=m)], batch=9)
    for e in (0.1, 1, 1e-12, 1e-3):
        yield C("batch norm", f"eps {e}", small, [conv(4, 3), bn2(eps=e), SIG, mp(2), FLA, lin(5), bn1(eps=e)])
    yield C("batch norm", "biased running variance", small, [conv(4, 3), bn2(biased_running_variance=True), SIG,
            mp(2), FLA, lin(5), bn1(biased_running_variance=True)], batch=5)
    yield C("batch norm", "one biased, one not", small, [conv(4, 3), bn2(biased_running_variance=True), SIG, mp(2),
            FLA, lin(5), bn1()], batch=5)
    yield C("batch norm", "bias false", small, [conv(4, 3, bias=False), bn2(), SIG, mp(2), FLA, lin(9, False), bn1(),
            lin(5, False)])
    yield C("batch norm", "65 features, batches of 2", small, [FLA, lin(65), bn1(), TAN, lin(5)], batch=2)
    o = dict(count=60, batch=16, epochs=4)
    onet = [conv(4, 3), bn2(), SIG, mp(2), FLA, lin(9), bn1(), TAN, lin(5)]
    yield C("optimizer", "Adam", small, onet, **o)
    yield C("optimizer", "Adam, weight decay 0.1", small, onet, decay=0.1, **o)
    yield C("optimizer", "Adam, weight decay 1", small, onet, decay=1.0, **o)
    yield C("optimizer", "Adam, lr 1", small, onet, lr=1.0, **o)
    # Beside gradients as small as eps: whether eps is added to the root, or within it.
    yield C("optimizer", "Adam, eps above the gradients", small, onet, eps=0.01, **o)
    yield C("optimizer", "Adam, eps among the gradients", small, onet, eps=1e-3, **o)
    yield C("optimizer", "SGD", small, onet, adam=False, lr=0.1, **o)
    yield C("optimizer", "SGD, momentum 0.9", small, onet, adam=False, lr=0.1, momentum=0.9, **o)
    yield C("optimizer", "SGD, momentum 0.9, weight decay 0.05", small, onet, adam=False, lr=0.1, momentum=0.9,
            decay=0.05, **o)
    yield C("optimizer", "SGD, weight decay 0.5, lr 1", small, onet, adam=False, lr=1.0, decay=0.5, **o)
    yield C("optimizer", "SGD, lr 1", small, onet, adam=False, lr=1.0, **o)
    yield C("optimizer", "SGD, momentum 1", small, onet, adam=False, lr=0.01, momentum=1.0, **o)
    yield C("optimizer", "AdamW", small, onet, optimizer="adamw", decay=0.01, **o)
    yield C("optimizer", "AdamW, weight decay 1, weights only, betas", small, onet, optimizer="adamw", decay=1.0,
            more={"decay_weights_only": 1, "beta1": 0.8, "beta2": 0.9}, **o)
    yield C("optimizer", "Adam, weight decay 1 of weights only", small, onet, decay=1.0,
            more={"decay_weights_only": 1}, **o)
    yield C("optimizer", "SGD with Nesterov's momentum, weight decay of weights only", small, onet, adam=False, lr=0.1,
            momentum=0.9, decay=0.3, more={"nesterov": 1, "decay_weights_only": 1}, **o)
    yield C("optimizer", "RMSprop", small, onet, optimizer="rmsprop", lr=0.001, **o)
    yield C("optimizer", "RMSprop, momentum 0.9, alpha 0.9, weight decay 0.1", small, onet, optimizer="rmsprop",
            lr=0.001, momentum=0.9, decay=0.1, more={"alpha": 0.9}, **o)
    for title, more in (("Adam", dict(decay=0.1)), ("AdamW", dict(optimizer="adamw", decay=1.0, more={"decay_weights_only": 1})),
                        ("SGD", dict(adam=False, lr=0.1, momentum=0.9, decay=0.05)),
                        ("RMSprop", dict(optimizer="rmsprop", lr=0.001, momentum=0.9, decay=0.1))):
        yield C("frozen", f"{title}, frozen layers and biases", small, onet, freeze=("0.*", "1.*", "*.bias"), **more, **o)
    yield C("frozen", "clipped, frozen layers and biases", small, onet, freeze=("0.*", "1.*", "*.bias"), adam=False, lr=0.1,
            momentum=0.5, more={"clip_norm": 0.3}, **o)
    yield C("frozen", "a frozen last layer", [3, 8, 8], onet, freeze=("8.*",), **o)
    yield C("clipping", "Adam, weight decay 0.1, clipped to norm 0.1", small, onet, decay=0.1, more={"clip_norm": 0.1}, **o)
    yield C("clipping", "SGD, momentum 0.9, clipped to norm 0.5", small, onet, adam=False, lr=0.1, momentum=0.9,
            more={"clip_norm": 0.5}, **o)
    yield C("clipping", "RMSprop, clipped to norm 1e-6", small, onet, optimizer="rmsprop", lr=0.001,
            more={"clip_norm": 1e-6}, **o)
    yield C("average", "Adam, weights averaged by 0.9", small, onet, more={"ema": 0.9}, **o)
    yield C("average", "SGD, momentum 0.9, averaged by 0.5, frozen layers", small, onet, adam=False, lr=0.1, momentum=0.9,
            freeze=("0.*", "*.bias"), more={"ema": 0.5, "clip_norm": 0.5}, **o)
    for title, more in (("Adam, weight decay 0.1, 3 batches per update", dict(decay=0.1, batch=7, more={"accumulate": 3})),
                        ("SGD, momentum 0.9, clipped, averaged, 2 per update, the last batch alone and short",
                         dict(adam=False, lr=0.1, momentum=0.9, batch=14, more={"accumulate": 2, "clip_norm": 0.5, "ema": 0.7})),
                        ("AdamW behind a warm-up, more batches per update than there are",
                         dict(optimizer="adamw", batch=13, more={"accumulate": 9, "warmup_epochs": 2})),
                        ("RMSprop, class weights, one-cycle, 2 batches per update",
                         dict(optimizer="rmsprop", lr=0.001, batch=16, weights=[1.0, 0.25, 0.0, 5.0, 2.0],
                              more={"accumulate": 2, "schedule": "one-cycle", "schedule_epochs": 4}))):
        yield C("accumulation", title, small, onet, **(o | more))
    yield C("accumulation", "dropout, 3 batches per update", small, [conv(4, 3), bn2(), SIG, mp(2), FLA, DROP, lin(9), TAN,
            DROP, lin(5)], batch=7, more={"accumulate": 3})
    yield C("loss", "label smoothing 0.1", small, onet, more={"label_smoothing": 0.1}, **o)
    yield C("loss", "class weights, one of them 0", small, onet, weights=[1.0, 0.25, 0.0, 5.0, 2.0], **o)
    yield C("loss", "class weights, label smoothing 0.2", small, onet, weights=[0.1, 0.25, 1.0, 5.0, 2.0],
            more={"label_smoothing": 0.2}, **o)
    yield C("loss", "label smoothing 0.6, 2 classes", small, [*onet[:-1], lin(2)], more={"label_smoothing": 0.6}, **o)
    o = dict(count=60, batch=16, epochs=7, adam=False, lr=0.1, momentum=0.5)
    for title, more in (("step", {"step_size": 2, "gamma": 0.3}), ("multistep", {"milestones": [1, 4, 5]}),
                        ("exponential", {"gamma": 0.8}), ("cosine", {"schedule_epochs": 7, "eta_min": 0.01}),
                        ("one-cycle", {"schedule_epochs": 7, "pct_start": 0.4, "final_div_factor": 100})):
        yield C("schedule", title, small, onet, more={"schedule": title} | more, **o)
        yield C("schedule", f"{title} behind a warm-up", small, onet,
                more={"schedule": title, "warmup_epochs": 1.5, "warmup_start": 0.1} | more, **o)
    yield C("layer", "leaky ReLU, max pool", small, [conv(4, 3), bn2(), LEAKY, mp(2), FLA, lin(9), LEAKY, lin(5)])
    yield C("layer", "leaky ReLU, default slope", small, [conv(4, 3), {"type": "LeakyReLU"}, FLA, lin(5)])
    yield C("layer", "ELU, max pool", small, [conv(4, 3), bn2(), ELU, mp(2), FLA, lin(9), ELU, lin(5)])
    yield C("layer", "ELU, default alpha, average", small, [conv(4, 3), {"type": "ELU"}, ap(2), FLA, lin(5)])
    yield C("layer", "SiLU, max pool", small, [conv(4, 3), bn2(), SILU, mp(2), FLA, lin(9), SILU, lin(5)])
    yield C("layer", "SiLU, max pool 3/2/1 without batch norm, average", (3, 12, 11), [conv(4, 3), SILU, mp(3, 2, 1),
            conv(5, 3, p=1), SILU, ap(2), FLA, lin(5)])
    yield C("layer", "Hardswish, max pool, gamma of each sign", small, [conv(4, 3), bn2(), HARDSWISH, mp(2), FLA, lin(9), bn1(),
            HARDSWISH, lin(5)], tweak=set_gamma(lambda r, s: 3 * r.choice([-1, 1], s)))
    yield C("layer", "GELU, max pool", small, [conv(4, 3), bn2(), GELU, mp(2), FLA, lin(9), GELU, lin(5)])
    yield C("layer", "GELU by tanh, average", small, [conv(4, 3), bn2(), GELU_TANH, ap(2), FLA, lin(9), GELU_TANH, lin(5)])
    yield C("layer", "GELU, weights x 30", small, [conv(4, 3), GELU, mp(2), FLA, lin(9), GELU_TANH, lin(5)],
            tweak=scale_weights(30), lr=1e-4)
    yield C("layer", "activations of their input behind sums", small, [
        conv(4, 3, p=1), bn2(), SILU, res([conv(4, 3, p=1), bn2()]), SILU, mp(2), res([conv(4, 3, p=1), GELU, conv(4, 3, p=1)]),
        HARDSWISH, FLA, lin(9), res([lin(9)]), GELU, lin(5)])
    yield C("layer", "group norms", (3, 12, 11), [conv(6, 3), gn(3), REL, mp(2), conv(8, 3, p=1), gn(8), TAN, ap(2), FLA, lin(12),
            gn(4), SIG, lin(5)])
    yield C("layer", "group norms of the images and without weights", (4, 9, 7), [gn(2), conv(6, 3), gn(1, affine=False, eps=0.1),
            bn2(), SIG, FLA, gn(5, affine=False), lin(5)])
    yield C("layer", "layer norms of images", (2, 9, 7), [ln(), conv(4, 3, p=1), ln(), GELU, mp(2), conv(4, 3, p=1),
            ln(elementwise_affine=False), bn2(), TAN, FLA, ln(eps=1e-3), lin(5)])
    yield C("layer", "layer norms of features", (1, 6, 5), [FLA, lin(16), ln(), TAN, lin(9), ln(elementwise_affine=False), bn1(), SIG,
            lin(7), ln(), lin(5)])
    yield C("layer", "group and layer norms, batches of one", small, [conv(4, 3), gn(2), REL, mp(2), FLA, lin(9), ln(), TAN, lin(5)],
            batch=1, count=9, adam=False)
    yield C("layer", "layer norm of a large mean", small, [conv(4, 3), ln(), TAN, ap(2), FLA, lin(9), ln(), SIG, lin(5)],
            tweak=offset_bias(1000))
    yield C("layer", "norms of equal values", small, [conv(4, 3), gn(4, eps=1e-8), TAN, mp(2), FLA, ln(), lin(5)],
            images=lambda r, n, s: np.zeros((n, *s)))
    yield C("layer", "group norms in branches, Nesterov, weight decay of weights only, clipped", small, [conv(4, 3, p=1), gn(2), SILU,
            res([conv(4, 3, p=1), gn(4), SILU, conv(4, 3, p=1), gn(1)]), SILU, GLOBAL, FLA, lin(5)], adam=False, lr=0.1,
            momentum=0.9, decay=0.3, batch=7, more={"nesterov": 1, "decay_weights_only": 1, "clip_norm": 0.5})
    yield C("layer", "dropout", small, [conv(4, 3), bn2(), SIG, mp(2), FLA, DROP, lin(9), bn1(), TAN, DROP, lin(5)], batch=7)
    yield C("layer", "dropout by channel, and of the input", small, [DROP, conv(5, 3), DROP2, bn2(), REL, ap(2), DROP2, FLA,
            lin(9), DROP], batch=9)
    yield C("layer", "dropout 0 and 0.9", small, [conv(4, 3), {"type": "Dropout", "p": 0}, REL, FLA, lin(30),
            {"type": "Dropout", "p": 0.9}, lin(5)])
    yield C("layer", "global average pool", small, [conv(6, 3), bn2(), REL, GLOBAL, FLA, lin(5)])
    yield C("layer", "global average pool of an odd image", (3, 9, 5), [conv(6, 3, 2), TAN, GLOBAL, FLA, lin(5)])
    yield C("groups", "2 and 3 groups", (2, 12, 11), [conv(6, 3, groups=2), bn2(), REL, mp(2), conv(9, 2, groups=3), SIG,
            *head])
    yield C("groups", "depthwise separable", (3, 12, 11), [conv(8, 3, 1, 1), bn2(), REL, conv(8, 3, 1, 1, False, groups=8),
            bn2(), REL, conv(12, 1), bn2(), REL, conv(12, 3, 2, 1, False, groups=12), bn2(), REL, conv(16, 1), bn2(), REL,
            GLOBAL, FLA, lin(5)])
    yield C("groups", "depthwise with multiplier 2, max pool", (3, 12, 11), [conv(6, 3, groups=3), bn2(), TAN, mp(2),
            conv(12, [2, 3], groups=6, bias=False), bn2(), TAN, mp([2, 1]), *head])
    yield C("groups", "dilation [2, 1], then 2 with stride 2", small, [conv(4, 3, dilation=[2, 1]), bn2(), REL,
            conv(5, [2, 3], 2, [1, 2], dilation=2), bn2(), SIG, *head])
    yield C("groups", "padding same of a dilation, depthwise", (2, 9, 10),
            [conv(4, [2, 3], 1, "same", groups=2, dilation=[2, 3]), bn2(), REL, mp(2), conv(4, 3, 1, 2, groups=4, dilation=2), TAN, *head])
    yield C("plain norm", "without gamma and beta", small, [conv(4, 3), PLAIN2, REL, mp(2), FLA, lin(9), PLAIN1, TAN, lin(5)], **o)
    yield C("plain norm", "some without gamma and beta, one first, one last", (3, 9, 10), [PLAIN2, conv(6, 3, bias=False), bn2(),
            TAN, conv(8, 2, groups=2), PLAIN2, PLAIN2, SIG, ap(2), FLA, lin(70), PLAIN1, REL, lin(5), PLAIN1], batch=7)
    yield C("plain norm", "one value per channel", (1, 3, 2), [FLA, lin(6), PLAIN1, TAN, lin(3)], batch=8, count=25, adam=False)
    yield C("layer", "padding same, not square", small, [conv(4, [5, 3], p="same"), bn2(), SIG, mp(2), FLA, lin(5)])
    block = [conv(6, 3, p=1, bias=False), bn2(), REL, conv(6, 3, p=1, bias=False), bn2()]
    yield C("branches", "blocks of a ResNet", (3, 12, 11), [
        conv(6, 3, p=1, bias=False), bn2(), REL, res(block), REL,
        res([conv(9, 3, 2, 1, False), bn2(), REL, conv(9, 3, p=1, bias=False), bn2()], [conv(9, 1, 2, bias=False), bn2()]), REL,
        GLOBAL, FLA, lin(5)], count=40, batch=16)
    yield C("branches", "blocks of a ResNet, SGD with Nesterov's momentum", small, [
        conv(6, 3, p=1), bn2(), REL, res(block), REL, res(block), REL, GLOBAL, FLA, lin(5)], count=40, batch=16, adam=False,
        lr=0.1, momentum=0.9, more={"nesterov": 1})
    yield C("branches", "activations first", small, [
        conv(4, 3), res([bn2(), TAN, conv(5, 3, p=1)], [conv(5, 1)]), res([bn2(), TAN, conv(5, 3, p=1)]), bn2(), TAN, ap(2), FLA,
        lin(9), res([bn1(), TAN, lin(9)]), lin(5)])
    yield C("branches", "within each other, with dropouts", small, [
        res([conv(1, 3, p=1), SIG]), res([res([conv(4, 3), ap(2), DROP2], [conv(4, 4, 2), TAN])], [conv(4, 4, 2)]), DROP,
        res([IDE]), FLA, lin(5)], batch=9)
    yield shipped("bn-lenet")
    yield shipped("lenet")
    yield shipped("mlp", adam=False, lr=0.1, momentum=0.9)
    yield shipped("bn-cnn-relu")
    yield shipped("cnn-dropout")
    yield shipped("lenet-5", count=20)
    yield shipped("vgg-mini", count=12, tests=3, batch=6, epochs=2)
    yield shipped("mobilenet-like", count=12, tests=3, batch=6, epochs=2)
    yield shipped("resnet-8", count=20, tests=3, adam=False, lr=0.05, momentum=0.9, more={"nesterov": 1})
    yield shipped("resnet-20", count=12, tests=3, batch=6, epochs=2, adam=False, lr=0.05, momentum=0.9, decay=1e-4)
    yield C("drift", "200 steps of Adam, smooth", small, [conv(4, 3), bn2(), SIG, ap(2), FLA, lin(9), bn1(), TAN,
            lin(5)], count=80, batch=16, epochs=40, lr=0.001)
    yield C("drift", "200 steps of SGD with momentum, smooth", small, [conv(4, 3), bn2(), TAN, ap(2), FLA, lin(9),
            bn1(), SIG, lin(5)], count=80, batch=16, epochs=40, adam=False, lr=0.05, momentum=0.9)
    yield C("drift", "200 steps of Adam, max pools and ReLU", small, [conv(4, 3), bn2(), REL, mp(2), FLA, lin(9),
            bn1(), SIG, lin(5)], count=80, batch=16, epochs=40, lr=0.001)
    yield C("saturation", "sigmoid, weights x 50", small, [conv(4, 3), SIG, mp(2), FLA, lin(9), SIG, lin(5)],
            tweak=scale_weights(50))
    yield C("saturation", "tanh, weights x 200", small, [conv(4, 3), TAN, ap(2), FLA, lin(9), TAN, lin(5)],
            tweak=scale_weights(200))
    yield C("saturation", "sigmoid, weights x 10000", small, [FLA, lin(9), SIG, lin(5)], tweak=scale_weights(10000,
            only=("1.weight",)))
    yield C("saturation", "logits of thousands", small, [FLA, lin(9), TAN, lin(5)], tweak=scale_weights(5000,
            only=("3.weight",)), adam=False, lr=1e-3)
    yield C("preprocess", "standardise", small, onet, standardize=True)
    yield C("preprocess", "standardise, some pixels constant", small, onet, standardize=True, images=lambda r, n,
            s: r.integers(0, 256, (n, *s)) * (np.arange(int(np.prod(s))).reshape(1,
            *s) % 3 > 0) + 9 * (np.arange(int(np.prod(s))).reshape(1, *s) % 3 == 0))
    yield C("preprocess", "resize 12x11 -> 20", (1, 20, 20), onet, image=small, resize=20)
    yield C("preprocess", "resize 28x28 -> 9", (1, 9, 9), onet, image=(1, 28, 28), resize=9)
    yield C("preprocess", "resize 7x30 -> 11, standardise", (1, 11, 11), onet, image=(1, 7, 30), resize=11,
            standardize=True)
    yield C("preprocess", "resize 1x1 -> 5", (1, 5, 5), [conv(3, 3), TAN, *head], image=(1, 1, 1), resize=5)
    yield C("preprocess", "3 channels, resize 10x8 -> 6, standardise", (3, 6, 6), [conv(3, 3), bn2(), TAN, *head],
            image=(3, 10, 8), resize=6, standardize=True)

