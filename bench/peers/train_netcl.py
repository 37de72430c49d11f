"""An epoch of a network in netcl on the first OpenCL device, or on its own CPU device, NumPy (--device cpu)."""
import gc
import importlib.metadata

import numpy
from netcl import autograd, nn, optim
from netcl.core.device import manager
from netcl.core.tensor import Tensor
from netcl.core.transfer import write_tensor
from netcl.ops.indexing import index_select
from netcl.runtime.perf import enable_perf_mode

import data

args = data.options(device=["auto", "cpu"], mode=["default", "performance", "autotuned"],
                    adam=["adam", "adamw"], batches=["gathered", "uploaded"])
if args.mode != "default":
    enable_perf_mode(autotune=args.mode == "autotuned")
device = manager.default(args.device)
queue = device.queue


def store(tensor, array):
    if tensor.backend == "cpu":
        tensor.array[...] = array
    else:
        write_tensor(tensor, numpy.ascontiguousarray(array))


def square(sizes):
    """netcl's convolutions and pools have one size for height and width."""
    if sizes[0] != sizes[1]:
        raise SystemExit(f"netcl has no {sizes[0]}×{sizes[1]} windows, only squares")
    return sizes[0]


def with_initial(layer, shape, bias, transposed):
    weight, bias = data.initial(shape, bias)
    store(layer.weight, weight.T if transposed else weight)
    if bias is not None:
        store(layer.bias, bias)
    return layer


class Reshape(nn.Module):
    """Adds or removes height and width of 1: netcl has batch norm of images only."""

    def __init__(self, *added):
        self.added = added

    def forward(self, x):
        return autograd.flatten(x, (*x.value.shape[:2], *self.added))

    def parameters(self):
        return []


class Layers:
    """PyTorch's layers by name, as netcl has them."""

    @staticmethod
    def Conv2d(in_channels, out_channels, kernel_size, stride=(1, 1), padding=(0, 0), bias=True):
        layer = nn.Conv2d(queue, in_channels, out_channels, square(kernel_size), square(stride), square(padding), bias)
        return with_initial(layer, (out_channels, in_channels, *kernel_size), bias, False)

    @staticmethod
    def Linear(in_features, out_features, bias=True):
        layer = nn.Linear(queue, in_features, out_features, bias)
        return with_initial(layer, (out_features, in_features), bias, True)

    @staticmethod
    def MaxPool2d(kernel_size, stride):
        return nn.MaxPool2d(square(kernel_size), square(stride))

    BatchNorm2d = staticmethod(lambda num_features, **options: nn.BatchNorm2d(queue, num_features, **options))
    Flatten, Sigmoid, ReLU, Tanh = nn.Flatten, nn.Sigmoid, nn.ReLU, nn.Tanh

    @staticmethod
    def BatchNorm1d(num_features, **options):
        return Reshape(1, 1), nn.BatchNorm2d(queue, num_features, **options), Reshape()

    @staticmethod
    def Sequential(*layers):
        return nn.Sequential(*[part for layer in layers for part in (layer if isinstance(layer, tuple) else [layer])])


network = data.network(args, Layers)
images, labels = data.load(args)
one_hot = numpy.eye(labels.max() + 1, dtype=numpy.float32)[labels]
if args.batches == "gathered":
    images, one_hot = Tensor.from_host(queue, images), Tensor.from_host(queue, one_hot)
optimizers = {"adam": optim.Adam, "adamw": lambda *a, **b: optim.AdamW(*a, weight_decay=0, **b)}
state = [tensor for layer in network.layers for tensor in vars(layer).values() if isinstance(tensor, Tensor)]
start = [tensor.to_host().copy() for tensor in state]
optimizer = None
previous = None  # tape of the last step: netcl reuses its buffers as soon as it is gone


def reset():
    global optimizer
    for tensor, at_start in zip(state, start):
        store(tensor, at_start)
    optimizer = optimizers[args.adam](network.parameters(), lr=0.001)


def batch_of(array, batch):
    if args.batches == "gathered":
        return index_select(array, 0, Tensor.from_host(queue, batch.astype(numpy.int32), dtype="int32"))
    return Tensor.from_host(queue, numpy.ascontiguousarray(array[batch]))


def train(batch):
    """One step; returns the loss, still on the device."""
    optimizer.zero_grad()
    with autograd.Tape(retain_grads=False) as tape:
        logits = network(autograd.tensor(batch_of(images, batch)))
        loss = autograd.cross_entropy(logits, autograd.tensor(batch_of(one_hot, batch)))
    tape.backward(loss)
    optimizer.step()
    return tape, loss.value


def epoch(order, size):
    global previous
    losses = []
    for first in range(0, len(order), size):
        batch = order[first:first + size]
        previous, loss = train(batch)
        losses.append((loss, len(batch)))
        gc.collect()  # as netcl's Trainer does: its graph is full of cycles
    total = sum(float(loss.to_host()[0]) * count for loss, count in losses)
    if device.backend == "cl":
        queue.finish()
    return total / len(order)


reset()
result = data.measure(args, len(images) if args.batches == "uploaded" else images.shape[0], epoch, reset)
data.report(f"netcl {importlib.metadata.version('netcl')}", f"{device.device_name}, {device.platform_name}", result)
