"""An epoch of a network in PyTorch, with the settings that can make it faster as options. On a GPU a step is a CUDA
graph, from picking the images to Adam, and one launch of it. --precision other than float32 changes the numbers."""
import contextlib
import ctypes
import re

import torch
from torch import nn

import data

args = data.options(device=["cpu", "cuda"], precision=["float32", "tf32-convolutions", "tf32", "bf16", "autocast"],
                    compile=["no", "network", "tuned"], adam=["default", "fused", "compiled"],
                    layout=["contiguous", "channels_last"], onednn=["yes", "no"], denormals=["kept", "flushed"])
torch.set_flush_denormal(args.denormals == "flushed")
torch.backends.mkldnn.enabled = args.onednn == "yes"
torch.backends.cudnn.benchmark = True
torch.backends.cudnn.allow_tf32 = args.precision in ("tf32-convolutions", "tf32")
torch.backends.cuda.matmul.allow_tf32 = args.precision == "tf32"
if args.precision == "bf16":  # tensors are float32; oneDNN may multiply bfloat16
    torch.backends.mkldnn.matmul.fp32_precision = torch.backends.mkldnn.conv.fp32_precision = "bf16"
layout = torch.channels_last if args.layout == "channels_last" else torch.contiguous_format

images, labels = (torch.from_numpy(array).to(args.device) for array in data.load(args))
images = images.contiguous(memory_format=layout)
network = data.network(args, nn)
for layer in network.modules():
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        for name, value in zip(("weight", "bias"), data.initial(layer.weight.shape, layer.bias is not None)):
            if value is not None:
                getattr(layer, name).data = torch.from_numpy(value)
network = network.to(args.device, memory_format=layout)
start = {name: value.clone() for name, value in network.state_dict().items()}
optimizer = torch.optim.Adam(network.parameters(), lr=0.001, capturable=args.device == "cuda",
                             **({"fused": True} if args.adam == "fused" else {}))


total = torch.zeros((), device=args.device)  # loss of the epoch's images


def loss_of(x, y):
    with torch.autocast(args.device, torch.bfloat16) if args.precision == "autocast" else contextlib.nullcontext():
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


def multiplies():
    """How this process multiplies float32 matrices: oneDNN may use bfloat16, but does so only on some CPUs."""
    a, b = torch.rand(512, 512, device=args.device), torch.rand(512, 512, device=args.device)
    exact = a.double() @ b.double()
    error = float(((a @ b).double() / exact - 1).abs().max())
    return "multiplies in float32" if error < 1e-5 else f"multiplies with relative errors up to {error:.0e}"


result = data.measure(args, len(images), epoch, reset)
hardware = torch.cuda.get_device_name() if args.device == "cuda" else f"threads: {torch.get_num_threads()}, {blas()}"
if args.precision in ("bf16", "tf32"):
    hardware += f", {multiplies()}"
data.report(f"PyTorch {torch.__version__}", hardware, result)
