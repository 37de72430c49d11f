"""Makes the golden values beside this file with PyTorch, in float64. See README.md.

Each network.safetensors holds
  images [200, 28, 28] U8, labels [200] U8     the first 200 training images of Fashion-MNIST (bn_lenet only)
  initial.NAME F32                             state dict at the start; γ, β and running statistics are not at
                                               their defaults, and every third γ is negative
  loss [10] F64, hits [10] I64                 of each of 10 steps on batches of 20, in order; pixels are byte / 255
  gradient.NAME F32                            of the first step's loss
  final.NAME F32                               state dict after 10 steps of Adam, lr 0.001
  logits [20, 10] F64                          of the first 20 images in prediction mode, with the final state
  sgd.loss, sgd.final.NAME (bn_lenet only)     the same with SGD: lr 0.01, momentum 0.9, weight_decay 5e-4

A bias whose output only meets a batch norm has gradient zero by mathematics. Autograd computes rounding noise
(about 1e-17), which Adam would amplify into steps of ±lr, so its gradient is set to zero before every step.
"""

import argparse
import copy
import gzip
import pathlib

import numpy
import torch
from safetensors.torch import save_file
from torch import nn

STEPS, BATCH = 10, 20


def bn_lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, kernel_size=5), nn.BatchNorm2d(6), nn.Sigmoid(), nn.MaxPool2d(2, 2),
        nn.Conv2d(6, 16, kernel_size=5), nn.BatchNorm2d(16), nn.Sigmoid(), nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(256, 120), nn.BatchNorm1d(120), nn.Sigmoid(),
        nn.Linear(120, 84), nn.BatchNorm1d(84), nn.Sigmoid(),
        nn.Linear(84, 10))


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, kernel_size=5), nn.Sigmoid(), nn.MaxPool2d(2, 2),
        nn.Conv2d(6, 16, kernel_size=5), nn.Sigmoid(), nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(256, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10))


def mixed():
    """The options that the other two leave out; the same network as mixed.json."""
    return nn.Sequential(
        nn.Conv2d(1, 3, kernel_size=(3, 5), stride=(2, 1), padding=(1, 2)), nn.BatchNorm2d(3, eps=1e-3, momentum=0.3),
        nn.Tanh(), nn.AvgPool2d(3, stride=2, padding=1),
        nn.Conv2d(3, 5, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(5), nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),
        nn.Conv2d(5, 7, kernel_size=(1, 3)), nn.MaxPool2d((3, 2), stride=(1, 2)), nn.ReLU(),
        nn.Flatten(),
        nn.Linear(28, 13, bias=False), nn.Tanh(), nn.Linear(13, 10), nn.BatchNorm1d(10))


def read_idx(path, header_bytes):
    with gzip.open(path) as stream:
        return numpy.frombuffer(stream.read(), numpy.uint8, offset=header_bytes).copy()


def leave_defaults(net, generator):
    """Values at which a mistake shows: γ = 1, β = 0 and untouched averages would hide several."""
    def uniform(tensor, low, high):
        tensor.copy_(low + (high - low) * torch.rand(tensor.shape, generator=generator))

    with torch.no_grad():
        for layer in net:
            if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
                uniform(layer.weight, 0.5, 1.5)
                layer.weight[::3] *= -1
                uniform(layer.bias, -0.5, 0.5)
                uniform(layer.running_mean, -0.1, 0.1)
                uniform(layer.running_var, 0.5, 1.5)


def zero_dead_biases(net):
    for affine, following in zip(net, net[1:]):
        if isinstance(following, (nn.BatchNorm1d, nn.BatchNorm2d)) and affine.bias is not None:
            affine.bias.grad.zero_()


def state(net, prefix):
    return {prefix + name: value.to(torch.float32).clone()
            for name, value in net.state_dict().items() if value.is_floating_point()}


def train(net, optimizer, pixels, labels):
    """Ten steps; returns loss and hits of each, and the gradients of the first."""
    losses, hits, gradients = [], [], {}
    for step in range(STEPS):
        batch = slice(step * BATCH, (step + 1) * BATCH)
        optimizer.zero_grad()
        logits = net(pixels[batch])
        loss = nn.functional.cross_entropy(logits, labels[batch])
        loss.backward()
        zero_dead_biases(net)
        if step == 0:
            gradients = {"gradient." + name: p.grad.to(torch.float32).clone() for name, p in net.named_parameters()}
        losses.append(loss.item())
        hits.append((logits.argmax(1) == labels[batch]).sum().item())
        optimizer.step()
    return torch.tensor(losses, dtype=torch.float64), torch.tensor(hits), gradients


def make(build, pixels, labels, dtype=torch.float64):
    torch.manual_seed(0)
    net = build()
    leave_defaults(net, torch.Generator().manual_seed(1))
    golden = state(net, "initial.")
    net = net.to(dtype)
    pixels = pixels.to(dtype) / 255
    start = copy.deepcopy(net)

    golden["loss"], golden["hits"], gradients = train(net, torch.optim.Adam(net.parameters(), lr=0.001), pixels, labels)
    golden |= gradients | state(net, "final.")
    net.eval()
    with torch.no_grad():
        golden["logits"] = net(pixels[:BATCH]).to(torch.float64)

    if build is bn_lenet:
        net = start
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
        golden["sgd.loss"], _, _ = train(net, optimizer, pixels, labels)
        golden |= state(net, "sgd.final.")
    return golden


def print_rounding(name, golden, single):
    """How far PyTorch's own float32 run ends from its float64 run: a yardstick for tolerances."""
    for prefix in ("loss", "gradient.", "final.", "logits", "sgd.loss", "sgd.final."):
        errors = [(golden[key] - single[key]).abs().max().item() for key in golden if key.startswith(prefix)]
        if errors:
            print(f"{name:10} {prefix:12} largest difference in float32 {max(errors):.1e}")


def main():
    folder = pathlib.Path(__file__).parent
    parser = argparse.ArgumentParser(description="Make golden values with PyTorch.")
    parser.add_argument("--data", type=pathlib.Path, default="/usr/share/datasets/fashion-mnist",
                        help="folder with Fashion-MNIST's gzipped IDX files (default: %(default)s)")
    parser.add_argument("--out", type=pathlib.Path, default=folder, help="where to write (default: here)")
    arguments = parser.parse_args()

    count = STEPS * BATCH
    images = torch.from_numpy(read_idx(arguments.data / "train-images-idx3-ubyte.gz", 16)[:count * 28 * 28])
    images = images.reshape(count, 28, 28)
    labels = torch.from_numpy(read_idx(arguments.data / "train-labels-idx1-ubyte.gz", 8)[:count])

    torch.use_deterministic_algorithms(True)
    for build in (bn_lenet, lenet, mixed):
        golden = make(build, images[:, None], labels.long())
        print_rounding(build.__name__, golden, make(build, images[:, None], labels.long(), torch.float32))
        if build is bn_lenet:
            golden |= {"images": images, "labels": labels}
        if build is lenet:
            golden = {name: value for name, value in golden.items() if not name.startswith("final.")}
        path = arguments.out / (build.__name__ + ".safetensors")
        save_file(golden, path, metadata={"made_with": "PyTorch " + torch.__version__})
        print(f"{path.name}: {path.stat().st_size} bytes, loss {golden['loss'][0]:.4f} to {golden['loss'][-1]:.4f}")


if __name__ == "__main__":
    main()
