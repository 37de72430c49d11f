"""The peers: programs that train the same network as clenet, and their settings."""
import os
from typing import NamedTuple

CORES = len(os.sched_getaffinity(0))
DEBIAN_PYTHON = "/usr/bin/python3"
OTHER_NUMBERS = "other numbers than float32"  # in the title of a peer that trains with less precision
NO_CUDA = {"CUDA_VISIBLE_DEVICES": ""}
MODULES = {  # of each group of peers
    "pytorch": ("torch",),
    "cuda": ("torch",),
    "jax": ("jax",),
    "netcl": ("netcl", "pyopencl"),
    "tinygrad": ("tinygrad",),
}


class Setting(NamedTuple):
    """One thing to change on a peer."""
    label: str
    env: dict = {}
    args: tuple = ()


class Peer(NamedTuple):
    """A program that trains the same; axes: lists of settings that exclude each other, tried in this order."""
    group: str
    title: str
    python: str
    script: str
    axes: tuple
    env: dict = {}
    args: tuple = ()


def threads(with_openblas):
    """One core, half of them and all; OpenBLAS, which has threads of its own, held to one where it may be there."""
    settings = [Setting("1 thread", {"OMP_NUM_THREADS": "1"})]
    for n in sorted({(CORES + 1) // 2, CORES} - {1}):
        settings.append(Setting(f"{n} threads", {"OMP_NUM_THREADS": str(n)}))
        if with_openblas:
            settings.append(Setting(f"{n} threads, OpenBLAS 1",
                                    {"OMP_NUM_THREADS": str(n), "OPENBLAS_NUM_THREADS": "1"}))
    return settings


WITHOUT_ONEDNN = [Setting("without oneDNN", args=("--onednn", "no"))]
PYTORCH_AXES = (
    [Setting("OpenMP waits busily", {"OMP_WAIT_POLICY": "active"}),
     Setting("OpenMP waits asleep", {"OMP_WAIT_POLICY": "passive"})],
    [Setting("malloc keeps memory", {"MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "1073741824"})],
    [Setting("channels_last", args=("--layout", "channels_last"))],
    WITHOUT_ONEDNN,
    [Setting("denormals flushed", args=("--denormals", "flushed"))],
)
SYSTEM_PYTORCH_AXES = (threads(with_openblas=True), *PYTORCH_AXES)
CURRENT_PYTORCH_AXES = (
    threads(with_openblas=False),
    *PYTORCH_AXES,
    [Setting("fused Adam", args=("--adam", "fused")), Setting("compiled Adam", args=("--adam", "compiled"))],
    [Setting("torch.compile", args=("--compile", "network")),
     Setting("torch.compile max-autotune", args=("--compile", "tuned"))],
)
BF16_PYTORCH_AXES = (  # it is oneDNN that may multiply bfloat16
    [Setting("autocast", args=("--precision", "autocast"))],
    *(axis for axis in CURRENT_PYTORCH_AXES if axis is not WITHOUT_ONEDNN),
)
CUDA_AXES = (
    [Setting("fused Adam", args=("--adam", "fused"))],
    [Setting("channels_last", args=("--layout", "channels_last"))],
    [Setting("torch.compile", args=("--compile", "network"))],
)
TF32_CUDA_AXES = ([Setting("in matrix products, too", args=("--precision", "tf32"))], *CUDA_AXES)
JAX_AXES = (
    [Setting("1 thread", {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"})],
    [Setting("NHWC", args=("--layout", "NHWC"))],
    [Setting("pools by reshaping", args=("--pool", "reshaped"))],
    [Setting("ten steps a call", args=("--loop", "scan"))],
)
NETCL_AXES = (
    [Setting("performance mode", args=("--mode", "performance")),
     Setting("performance mode, autotuned", args=("--mode", "autotuned"))],
    [Setting("batches from the host", args=("--batches", "uploaded"))],
    [Setting("AdamW without decay", args=("--adam", "adamw"))],
)
NETCL_CPU_AXES = ([Setting("batches from the host", args=("--batches", "uploaded"))],)
TINYGRAD_AXES = (
    [Setting("batches from the host", args=("--batches", "uploaded"))],
    [Setting("FUSE_OPTIM", {"FUSE_OPTIM": "1"})],
)



def peers(python):
    return [
        Peer("pytorch", "PyTorch", python, "train_pytorch.py", CURRENT_PYTORCH_AXES, NO_CUDA),
        Peer("pytorch", f"PyTorch, bf16: {OTHER_NUMBERS}", python, "train_pytorch.py", BF16_PYTORCH_AXES, NO_CUDA,
             ("--precision", "bf16")),
        Peer("pytorch", "the system's PyTorch", DEBIAN_PYTHON, "train_pytorch.py", SYSTEM_PYTORCH_AXES, NO_CUDA),
        Peer("cuda", "PyTorch, CUDA graphs", python, "train_pytorch.py", CUDA_AXES, args=("--device", "cuda")),
        Peer("cuda", f"PyTorch, CUDA graphs, TF32: {OTHER_NUMBERS}", python, "train_pytorch.py", TF32_CUDA_AXES,
             args=("--device", "cuda", "--precision", "tf32-convolutions")),
        Peer("jax", "JAX, CPU", python, "train_jax.py", JAX_AXES, {"JAX_PLATFORMS": "cpu"}),
        Peer("netcl", "netcl, OpenCL", python, "train_netcl.py", NETCL_AXES),
        Peer("netcl", "netcl, its own CPU device", python, "train_netcl.py", NETCL_CPU_AXES, args=("--device", "cpu")),
        Peer("tinygrad", "tinygrad, OpenCL", python, "train_tinygrad.py", TINYGRAD_AXES, {"DEV": "CL"}),
        Peer("tinygrad", "tinygrad, its own CPU device", python, "train_tinygrad.py", TINYGRAD_AXES, {"DEV": "CPU"}),
    ]
