"""An epoch of a network in JAX on the CPU: a compiled function trains a step, or ten in turn (--loop scan)."""
import functools
import os

import jax
import numpy
from jax import lax, numpy as jnp

import data

args = data.options(layout=["NCHW", "NHWC"], pool=["windows", "reshaped"], loop=["step", "scan"])
jax.config.update("jax_platforms", "cpu")
KERNEL = {"NCHW": "OIHW", "NHWC": "HWIO"}[args.layout]
HEIGHT, WIDTH = args.layout.index("H"), args.layout.index("W")
SCANNED = 10  # steps of one call
RATE, BETA1, BETA2, EPS = 0.001, 0.9, 0.999, 1e-8


def spread(sizes, other):
    """Four values for the axes of a batch of images: the two sizes for height and width, `other` elsewhere."""
    values = [other] * 4
    values[HEIGHT], values[WIDTH] = sizes
    return values


def per_channel(values, x):
    """Values of the channels, to be combined with x."""
    return values[:, None, None] if x.ndim == 4 and args.layout == "NCHW" else values


def simple(function):
    """A layer without parameters."""
    return {}, {}, lambda parameters, running, x: (function(x), running)


class Layers:
    """PyTorch's layers by name: each makes its parameters, its running statistics, and a function that takes both and
    x, and returns y and the new running statistics."""

    @staticmethod
    def Conv2d(in_channels, out_channels, kernel_size, stride=(1, 1), padding=(0, 0), bias=True):
        weight, bias = data.initial((out_channels, in_channels, *kernel_size), bias)

        def apply(p, running, x):
            y = lax.conv_general_dilated(x, p["weight"], stride, [(n, n) for n in padding],
                                         dimension_numbers=(args.layout, KERNEL, args.layout))
            return y if bias is None else y + per_channel(p["bias"], y), running

        parameters = {"weight": weight if KERNEL == "OIHW" else weight.transpose(2, 3, 1, 0)}
        return parameters if bias is None else parameters | {"bias": bias}, {}, apply

    @staticmethod
    def Linear(in_features, out_features, bias=True):
        weight, bias = data.initial((out_features, in_features), bias)

        def apply(p, running, x):
            y = x @ p["weight"].T
            return y if bias is None else y + p["bias"], running

        return {"weight": weight} if bias is None else {"weight": weight, "bias": bias}, {}, apply

    @staticmethod
    def BatchNorm2d(num_features, eps=1e-5, momentum=0.1):
        def apply(p, running, x):
            axes = [axis for axis in range(x.ndim) if axis != (1 if x.ndim == 2 else args.layout.index("C"))]
            mean, variance = x.mean(axes), x.var(axes)
            count = x.size // num_features
            batch = {"mean": mean, "variance": variance * count / (count - 1)}
            running = {name: running[name] + momentum * (batch[name] - running[name]) for name in batch}
            scale = p["weight"] * lax.rsqrt(variance + eps)
            return (x - per_channel(mean, x)) * per_channel(scale, x) + per_channel(p["bias"], x), running

        zeros, ones = numpy.zeros(num_features, numpy.float32), numpy.ones(num_features, numpy.float32)
        return {"weight": ones, "bias": zeros}, {"mean": zeros, "variance": ones}, apply

    BatchNorm1d = BatchNorm2d

    @staticmethod
    def MaxPool2d(kernel_size, stride, padding=(0, 0)):
        def windows(x):
            return lax.reduce_window(x, -jnp.inf, lax.max, spread(kernel_size, 1), spread(stride, 1),
                                     spread([(n, n) for n in padding], (0, 0)))

        def reshaped(x):
            sizes = [n // size for n, size in zip(x.shape, spread(stride, 1))]
            x = lax.slice(x, [0] * 4, [n * size for n, size in zip(sizes, spread(stride, 1))])
            split = [n for pair in zip(sizes, spread(stride, 1)) for n in pair]
            return x.reshape(split).max((1, 3, 5, 7))

        fits = kernel_size == stride and padding == (0, 0)
        return simple(reshaped if args.pool == "reshaped" and fits else windows)

    @staticmethod
    def Flatten():
        return simple(lambda x: (x.transpose(0, 3, 1, 2) if args.layout == "NHWC" else x).reshape(len(x), -1))

    @staticmethod
    def Sequential(*layers):
        return layers

    Sigmoid = staticmethod(lambda: simple(jax.nn.sigmoid))
    ReLU = staticmethod(lambda: simple(jax.nn.relu))
    Tanh = staticmethod(lambda: simple(jnp.tanh))


layers = data.network(args, Layers)
images, labels = data.load(args)
images = jnp.asarray(images if args.layout == "NCHW" else numpy.ascontiguousarray(images.transpose(0, 2, 3, 1)))
labels = jnp.asarray(labels.astype(numpy.int32))


def loss_of(parameters, running, x, y):
    after = []
    for (_, _, apply), p, r in zip(layers, parameters, running):
        x, r = apply(p, r, x)
        after.append(r)
    return -jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1).mean(), after


def train(state, batch, images, labels):
    """The state after a step of Adam with the images of that batch."""
    gradient_of = jax.value_and_grad(loss_of, has_aux=True)
    (loss, running), gradient = gradient_of(state["parameters"], state["running"], images[batch], labels[batch])
    steps = state["steps"] + 1
    m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, state["m"], gradient)
    v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, state["v"], gradient)
    parameters = jax.tree.map(
        lambda w, m, v: w - RATE / (1 - BETA1 ** steps) * m / (jnp.sqrt(v / (1 - BETA2 ** steps)) + EPS),
        state["parameters"], m, v)
    return {"parameters": parameters, "running": running, "m": m, "v": v, "steps": steps,
            "loss": state["loss"] + loss * len(batch)}


def train_in_turn(state, batches, images, labels):
    return lax.scan(lambda state, batch: (train(state, batch, images, labels), None), state, batches)[0]


train_step = jax.jit(train, donate_argnums=0)
train_steps = jax.jit(train_in_turn, donate_argnums=0)
state = {}


def reset():
    parameters, running = [layer[0] for layer in layers], [layer[1] for layer in layers]
    zeros = functools.partial(jax.tree.map, numpy.zeros_like)
    state.update(jax.tree.map(jnp.array, {"parameters": parameters, "running": running, "m": zeros(parameters),
                                          "v": zeros(parameters), "steps": 0.0, "loss": 0.0}))


def epoch(order, size):
    state["loss"] = jnp.zeros(())
    order = jnp.asarray(order, jnp.int32)
    first = 0
    while args.loop == "scan" and first + SCANNED * size <= len(order):
        batches = order[first:first + SCANNED * size].reshape(SCANNED, size)
        state.update(train_steps(dict(state), batches, images, labels))
        first += SCANNED * size
    for at in range(first, len(order), size):
        state.update(train_step(dict(state), order[at:at + size], images, labels))
    return float(state["loss"]) / len(order)


reset()
epoch(numpy.arange(SCANNED * args.batch_size), args.batch_size)  # compiles what the warm-up's single steps do not need
result = data.measure(args, len(images), epoch, reset)
data.report(f"JAX {jax.__version__}", f"XLA on {len(os.sched_getaffinity(0))} cores", result)
