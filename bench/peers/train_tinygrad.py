"""An epoch of a network in tinygrad on the device that $DEV names, each step one replayed TinyJit."""
import importlib.metadata

import numpy
from tinygrad import Context, Device, Tensor, TinyJit, nn

import data


class Layers:
    """PyTorch's layers by name, as tinygrad has them."""

    @staticmethod
    def with_initial(layer):
        weight, bias = data.initial(layer.weight.shape, layer.bias is not None)
        layer.weight.assign(Tensor(weight)).realize()
        if bias is not None:
            layer.bias.assign(Tensor(bias)).realize()
        return layer

    Conv2d = staticmethod(lambda **options: Layers.with_initial(nn.Conv2d(**options)))
    Linear = staticmethod(lambda **options: Layers.with_initial(nn.Linear(**options)))
    BatchNorm2d = BatchNorm1d = staticmethod(lambda num_features, **options: nn.BatchNorm(num_features, **options))
    MaxPool2d = staticmethod(lambda **options: lambda x: x.max_pool2d(**options))
    Sigmoid, ReLU, Tanh = (staticmethod(lambda f=f: f) for f in (Tensor.sigmoid, Tensor.relu, Tensor.tanh))
    Flatten = staticmethod(lambda: lambda x: x.flatten(1))
    Sequential = staticmethod(lambda *layers: list(layers))


args = data.options(batches=["gathered", "uploaded"])
images, labels = data.load(args)
labels = labels.astype(numpy.int32)
layers = data.network(args, Layers)
optimizer = nn.optim.Adam(nn.state.get_parameters(layers), lr=0.001)
all_images, all_labels = Tensor(images).realize(), Tensor(labels).realize()
loss_sum = Tensor.zeros(1).contiguous().realize()
state = [*nn.state.get_state_dict(layers).values(), *optimizer.m, *optimizer.v, optimizer.b1_t, optimizer.b2_t]
Tensor.realize(*state)
start = [value.numpy().copy() for value in state]
steps = {}  # batch size → the step recorded for it


def train(x, y):
    optimizer.zero_grad()
    loss = x.sequential(layers).sparse_categorical_crossentropy(y)
    loss.backward()
    Tensor.realize(loss_sum.assign(loss_sum + loss.detach() * x.shape[0]), *optimizer.schedule_step())


def train_uploaded(size, batch):
    step = steps.setdefault(size, TinyJit(train))
    step(Tensor(images[batch]).realize(), Tensor(labels[batch]).realize())


def train_gathered(size, batch):
    step = steps.setdefault(size, TinyJit(lambda index: train(all_images[index], all_labels[index])))
    step(Tensor(batch.astype(numpy.int32)).realize())


def reset():
    for value, at_start in zip(state, start):
        value.assign(Tensor(at_start, dtype=value.dtype)).realize()


def epoch(order, size):
    train_batch = train_gathered if args.batches == "gathered" else train_uploaded
    loss_sum.assign(Tensor.zeros(1)).realize()
    for first in range(0, len(order), size):
        batch = order[first:first + size]
        train_batch(len(batch), batch)
    Device[Device.DEFAULT].synchronize()
    return loss_sum.item() / len(order)


with Context(TRAINING=1, BEAM=0):
    result = data.measure(args, len(images), epoch, reset)
device = Device[Device.DEFAULT]
details = [getattr(device, name, "") for name in ("device_name", "driver_version")] + ["BEAM off"]
data.report(f"tinygrad {importlib.metadata.version('tinygrad')}", " ".join(filter(None, details)), result)
