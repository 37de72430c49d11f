"""Random cases: the same number and seed give the same network, settings and data."""
import random

import numpy as np

from named import set_gamma
from networks import (Case, FLA, GELU, GELU_TANH, HARDSWISH, IDE, REL, SIG, SILU, TAN, ap, bn1, bn2, build, conv, has_single_values,
                      lin, mp, pair)


def window(rng, size, most_padding):
    k = rng.randint(1, min(7, max(1, size + 2)))
    p = rng.randint(0, most_padding(k)) if rng.random() < 0.4 else 0
    if k > size + 2 * p:
        k = rng.randint(1, size + 2 * p)
        p = min(p, most_padding(k))
        if k > size + 2 * p:
            k = size
    s = rng.choice([1, 1, 1, 2, 2, 3, rng.randint(1, 5)])
    return k, s, p, (size + 2 * p - k) // s + 1


def square(a, b):
    return a if a == b else [a, b]


def draw_recipe(rng, case):
    """Another optimizer for some cases, a schedule for half, and other activations. Draws from a generator of its own: networks and data of a
    number stay as they were before there were recipes."""
    more = {"decay_weights_only": rng.randint(0, 1), "label_smoothing": rng.choice([0, 0, 0.1, 0.5])}
    if case.optimizer == "sgd":
        more["nesterov"] = int(case.momentum > 0 and rng.random() < 0.5)
    elif rng.random() < 0.5:
        case.optimizer = rng.choice(["adamw", "rmsprop"])
        case.momentum = rng.choice([0, 0.5]) if case.optimizer == "rmsprop" else 0
    schedule = rng.choice(["constant"] * 5 + ["step", "multistep", "exponential", "cosine", "one-cycle"])
    more |= {"schedule": schedule, "warmup_epochs": rng.choice([0, 0, 0.5, 1]), "warmup_start": 0.2}
    more |= {"step": {"step_size": 1, "gamma": 0.5}, "multistep": {"milestones": [1, 2]}, "exponential": {"gamma": 0.7},
             "cosine": {"schedule_epochs": case.epochs + 1}, "one-cycle": {"schedule_epochs": case.epochs + 2},
             "constant": {}}[schedule]
    more["clip_norm"] = rng.choice([0, 0, 0.1, 1])
    more["ema"] = random.Random(f"ema of {case.title}").choice([0, 0, 0.5, 0.9])  # of its own: other draws stay
    more["accumulate"] = random.Random(f"accumulate of {case.title}").choice([1, 1, 1, 2, 3])
    if rng.random() < 0.3:
        case.weights = [rng.choice([0.2, 0.5, 1.0, 3.0]) for _ in range(int(np.prod(build(case.net)[1])))]
    case.more = more
    for at, layer in enumerate(case.net["layers"]):
        if layer in (SIG, REL, TAN) and rng.random() < 0.4:
            case.net["layers"][at] = rng.choice([HARDSWISH, SILU, GELU, GELU_TANH])


def draw_groups(rng, layers, shape):
    """Groups and dilations for some convolutions, where they leave sizes as they are, and batch norms without γ and β. Draws
    from a generator of its own, as draw_recipe does."""
    has_weights = any(layer["type"] in ("Conv2d", "Linear") for layer in layers)
    for layer in layers:
        if has_weights and layer["type"].startswith("BatchNorm") and rng.random() < 0.2:
            layer["affine"] = False
        if layer["type"] == "Conv2d":
            each = [g for g in range(1, shape[0] + 1) if shape[0] % g == 0 and layer["out_channels"] % g == 0]
            if rng.random() < 0.5 and each[-1] > 1:
                layer["groups"] = rng.choice(each[1:])
            kernel, padding = pair(layer["kernel_size"]), pair(layer.get("padding", 0))
            dilation = [rng.choice([1, 2, 3]) for _ in kernel]
            wider = [p + (d - 1) * (k - 1) // 2 for p, d, k in zip(padding, dilation, kernel)]
            if rng.random() < 0.5 and all((d - 1) * (k - 1) % 2 == 0 for d, k in zip(dilation, kernel)):
                layer |= {"dilation": dilation, "padding": wider}
            shape = (layer["out_channels"],)


def random_case(number, seed, data_seed=None):
    """Number `number` of `seed`. Its data have a seed of their own where `data_seed` is given, and then no recipe."""
    rng = random.Random(f"{seed}/{number}")
    while True:
        c = rng.choice([1] * 7 + [2, 3, 3])
        h, w = (rng.randint(1, 16) for _ in range(2))
        if rng.random() < 0.15:
            h = w = rng.choice([1, 2, 28, 32])
        shape, flat, layers, cost, trains = (c, h, w), False, [], 0, False
        for _ in range(rng.randint(1, 8)):
            if not flat:
                kind = rng.choice(["conv"] * 4 + ["bn"] * 3 + ["act"] * 3 + ["max"] * 2 + ["avg"] * 2 + ["flat"] * 2)
            else:
                kind = rng.choice(["lin"] * 4 + ["bn"] * 3 + ["act"] * 3 + ["flat"])
            if kind in ("conv", "max", "avg"):
                most = (lambda k: 3) if kind == "conv" else (lambda k: k // 2)
                kh, sh, ph, oh = window(rng, shape[1], most)
                kw, sw, pw, ow = window(rng, shape[2], most)
                if kind == "conv":
                    n = rng.choice([1, 2, 3, 4, 5, 6, 8, 12, 16, 17, rng.randint(1, 40)])
                    layers.append(conv(n, square(kh, kw), square(sh, sw), square(ph, pw), rng.random() < 0.75))
                    cost += n * shape[0] * kh * kw * oh * ow
                    shape, trains = (n, oh, ow), True
                else:
                    s = None if rng.random() < 0.3 else square(sh, sw)
                    if s is None:
                        oh, ow = (shape[1] + 2 * ph - kh) // kh + 1, (shape[2] + 2 * pw - kw) // kw + 1
                    layers.append((mp if kind == "max" else ap)(square(kh, kw), s, square(ph, pw)))
                    shape = (shape[0], oh, ow)
            elif kind == "lin":
                n = rng.choice([1, 2, 3, 5, 10, 17, rng.randint(1, 150)])
                layers.append(lin(n, rng.random() < 0.75))
                cost += n * shape[0]
                shape, trains = (n,), True
            elif kind == "bn":
                o = {}
                if rng.random() < 0.4:
                    o["eps"] = rng.choice([1e-3, 0.1, 1e-8, 0.01])
                if rng.random() < 0.4:
                    o["momentum"] = rng.choice([0.0, 1.0, 0.3, 0.01])
                if rng.random() < 0.3:
                    o["biased_running_variance"] = True
                layers.append((bn1 if flat else bn2)(**o))
                trains = True
            elif kind == "act":
                layers.append(rng.choice([SIG, REL, TAN, SIG, REL, TAN, IDE]))
            else:
                layers.append(FLA)
                shape, flat = (int(np.prod(shape)),), True
        if not flat:
            layers.append(FLA)
            shape, flat = (int(np.prod(shape)),), True
        if not 2 <= shape[0] <= 256 or not trains or rng.random() < 0.6:
            n = rng.choice([2, 3, 5, 10, 17, rng.randint(2, 40)])
            layers.append(lin(n))
            cost += n * shape[0]
            shape = (n,)
        if cost <= 400000:
            break
    count = rng.choice([1, 2, 3, 5, 8, 17, 33, 40, 64, 65, 100])
    batch = rng.choice([1, 2, 3, 7, 16, 31, 64, 128]) if count <= 40 else rng.choice([16, 31, 33, 64, 128])
    o = {}
    if rng.random() < 0.5:
        o |= dict(adam=True, lr=rng.choice([1e-3, 1e-2]), decay=rng.choice([0, 0, 0.01, 0.3]))
    else:
        o |= dict(adam=False, lr=rng.choice([1e-3, 1e-2, 0.1]), momentum=rng.choice([0, 0.5, 0.9]),
                decay=rng.choice([0, 0, 0.01, 0.3]))
    if rng.random() < 0.2:
        o["standardize"] = True
    if h == w and rng.random() < 0.4:
        o |= dict(resize=h, image=(c, rng.randint(1, 30), rng.randint(1, 30)))
    if rng.random() < 0.4:
        o["tweak"] = set_gamma(lambda r, s: r.normal(0, 1, s))
    o["images"] = rng.choice(["mixed", "noise"])
    case = Case("random", f"random {seed}/{number}", (c, h, w), layers, count=count, tests=rng.choice([1, 5, 33]),
            batch=batch,
                epochs=rng.choice([1, 2, 3]), seed=data_seed, **o)
    if data_seed is None:
        draw_groups(random.Random(f"{seed}/{number}/groups"), layers, (c, h, w))
        draw_recipe(random.Random(f"{seed}/{number}/recipe"), case)
    if has_single_values(case):  # Adam would turn what rounding leaves of a gradient of 0 into whole steps
        case.optimizer, case.momentum = "sgd", 0.5
        case.more.pop("nesterov", None)
    return case

