"""An epoch of BN-LeNet in PyTorch, with the settings that can make it faster as options. On a GPU a step is a CUDA graph,
from picking the images to Adam, and one launch of it."""
import ctypes
import re

import torch
from torch import nn

import data

args = data.options(device=["cpu", "cuda"], tf32=["convolutions", "yes", "no"],
                    compile=["no", "network", "tuned"], adam=["default", "fused", "compiled"],
                    layout=["contiguous", "channels_last"], onednn=["yes", "no"], denormals=["kept", "flushed"])
torch.manual_seed(0)
torch.set_flush_denormal(args.denormals == "flushed")
torch.backends.mkldnn.enabled = args.onednn == "yes"
torch.backends.cudnn.benchmark = True
torch.backends.cudnn.allow_tf32 = args.tf32 != "no"
torch.backends.cuda.matmul.allow_tf32 = args.tf32 == "yes"
layout = torch.channels_last if args.layout == "channels_last" else torch.contiguous_format

images, labels = (torch.from_numpy(array).to(args.device) for array in data.load(args.data))
images = images.contiguous(memory_format=layout)
network = nn.Sequential(
    nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6), nn.Sigmoid(), nn.MaxPool2d(2, 2),
    nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16), nn.Sigmoid(), nn.MaxPool2d(2, 2), nn.Flatten(),
    nn.Linear(256, 120), nn.BatchNorm1d(120), nn.Sigmoid(),
    nn.Linear(120, 84), nn.BatchNorm1d(84), nn.Sigmoid(), nn.Linear(84, 10),
).to(args.device, memory_format=layout)
start = {name: value.clone() for name, value in network.state_dict().items()}
optimizer = torch.optim.Adam(network.parameters(), lr=0.001, capturable=args.device == "cuda",
                             **({"fused": True} if args.adam == "fused" else {}))


total = torch.zeros((), device=args.device)  # loss of the epoch's images


def loss_of(x, y):
    return nn.functional.cross_entropy(network(x), y)


optimizer_step = torch.compile(optimizer.step) if args.adam == "compiled" else optimizer.step
if args.compile != "no":
    loss_of = torch.compile(loss_of, dynamic=False, mode="max-autotune" if args.compile == "tuned" else "default")


def reset():
    network.load_state_dict(start)
    for state in optimizer.state.values():
        for value in state.values():
            value.zero_()


def step(batch):
    optimizer.zero_grad(set_to_none=True)
    loss = loss_of(images[batch], labels[batch])
    loss.backward()
    optimizer_step()
    total.add_(loss.detach(), alpha=len(batch))


class Graph:
    """step() for one size of batch, recorded once."""

    def __init__(self, batch):
        self.batch = batch.clone()
        stream = torch.cuda.Stream()
        torch.cuda.synchronize()
        with torch.cuda.stream(stream):
            for _ in range(12):
                step(self.batch)
        torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            step(self.batch)

    def __call__(self, batch):
        self.batch.copy_(batch)
        self.graph.replay()


graphs = {}


def epoch(order, size):
    total.zero_()
    for batch in torch.from_numpy(order).to(args.device).split(size):
        if args.device == "cpu":
            step(batch)
            continue
        if len(batch) not in graphs:
            graphs[len(batch)] = Graph(batch)
        graphs[len(batch)](batch)
    return float(total) / len(order)


def blas():
    """The BLAS this process has loaded, and for OpenBLAS which kernels it chose."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = set(re.findall(r"\S*/lib(?:openblas|blas|blis)\S*\.so\S*", maps.read()))
    for path in paths:
        try:
            corename = ctypes.CDLL(path).openblas_get_corename
        except AttributeError:
            continue
        corename.restype = ctypes.c_char_p
        return f"OpenBLAS for {corename().decode()}"
    return "MKL" if torch.backends.mkl.is_available() else "reference BLAS"


result = data.measure(args, len(images), epoch, reset)
hardware = torch.cuda.get_device_name() if args.device == "cuda" else f"threads: {torch.get_num_threads()}, {blas()}"
data.report(f"PyTorch {torch.__version__}", hardware, result)
