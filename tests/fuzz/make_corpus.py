#!/usr/bin/env python3
"""Makes the corpus beside this file: for each target small files that are right ("good-…", have to be accepted) and a
file for each way of being wrong ("bad-…", have to be refused). Files of other names are left alone.

    tests/fuzz/make_corpus.py            writes tests/fuzz/corpus/TARGET/NAME
    tests/fuzz/make_corpus.py --check    only says what differs; exits with 1 where anything does
"""
import gzip
import io
import json
import math
import struct
import sys
import zipfile
import zlib
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"
CODES = {"F64": "d", "I64": "q", "I32": "i", "U16": "H", "F32": "f", "F16": "e", "BF16": "H", "U8": "B"}  # BF16: its bits
DEEP = 3000  # levels of nesting, beyond any parser's limit


def text(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


# ---- safetensors ----


def raw_safetensors(header, data=b"", length=None):
    """`header` is a value or bytes; `length` is what the file announces."""
    header = header if isinstance(header, bytes) else text(header)
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def safetensors(tensors, metadata=None):
    """tensors: {name: (dtype, shape, numbers)}, in this order behind each other."""
    header, data = ({"__metadata__": metadata} if metadata is not None else {}), b""
    for name, (dtype, shape, numbers) in tensors.items():
        packed = struct.pack(f"<{len(numbers)}{CODES[dtype]}", *numbers)
        header[name] = entry(dtype, shape, len(data), len(data) + len(packed))
        data += packed
    return raw_safetensors(header, data)


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def one(dtype="F32", shape=(2,), begin=0, end=8, data=bytes(8)):
    return raw_safetensors({"a": entry(dtype, list(shape), begin, end)}, data)


def safetensors_corpus():
    two = safetensors({"a": ("F32", [2, 3], range(6)), "b": ("U8", [3], [1, 2, 3])}, {"key": "värde"})
    yield "good-empty", raw_safetensors({})
    yield "good-two", two
    yield "good-all-types", safetensors(
        {"u": ("U8", [1], [7]), "h": ("F16", [3], [0.5, 6e-8, -math.inf]), "f": ("F32", [1], [0.5]),
         "b": ("BF16", [1], [0x3F80]), "w": ("I32", [1], [-2]), "s": ("U16", [2], [1, 65535]), "d": ("F64", [2], [1e300, -0.0]), "i": ("I64", [], [-1])})
    yield "good-unaligned", safetensors({"u": ("U8", [3], [1, 2, 3]), "d": ("F64", [1], [math.pi])})
    yield "good-nan", safetensors({"a": ("F32", [3], [math.nan, math.inf, -math.inf])})
    yield "good-no-numbers", safetensors({"a": ("F32", [0, 5], []), "b": ("U8", [1], [1]), "c": ("I64", [0], [])})
    yield "good-padded-header", raw_safetensors(text({"a": entry("U8", [1], 0, 1)}) + b"   \n", b"x")
    yield "good-rank-8", safetensors({"a": ("U8", [1] * 8, [1])})
    yield "good-other-order", raw_safetensors({"a": entry("U8", [1], 1, 2), "b": entry("U8", [1], 0, 1)}, b"xy")
    yield "good-whole-reals", raw_safetensors(
        b'{"a":{"dtype":"U8","shape":[1.0,2e0],"data_offsets":[0.0,2.0]}}', b"xy")
    yield "good-metadata-null", raw_safetensors({"__metadata__": None})
    yield "good-metadata-zero-byte", raw_safetensors({"__metadata__": {"key": "a\0b", "other": "c"}})
    yield "good-names-of-controls", safetensors({"a\x1b[2J\u202e\n": ("U8", [1], [1])}, {"\x9b": "\x07"})
    yield "bad-dtype-zero-byte", one(dtype="U8\0", shape=[8])
    yield "bad-nothing", b""
    yield "bad-seven-bytes", bytes(7)
    yield "bad-no-header", struct.pack("<Q", 0)
    yield "bad-truncated-header", two[:40]
    yield "bad-truncated-numbers", two[:-1]
    yield "bad-trailing-bytes", two + b"x"
    for name, length in {"long": 1000, "huge": 1 << 62, "wrapping": (1 << 64) - 8, "short": 5}.items():
        yield f"bad-{name}-header-length", raw_safetensors({}, bytes(16), length)
    yield "bad-not-json", raw_safetensors(b"{'a': 1}")
    yield "bad-not-an-object", raw_safetensors(b"[]")
    yield "bad-not-utf-8", raw_safetensors(b'{"\xff":1}')
    yield "bad-zero-in-name", raw_safetensors(b'{"a\\u0000b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}')
    yield "bad-duplicate-name", raw_safetensors(
        b'{"a":' + text(entry("U8", [1], 0, 1)) + b',"\\u0061":' + text(entry("U8", [1], 1, 2)) + b"}", b"xy")
    yield "bad-overlap", raw_safetensors({"a": entry("U8", [2], 0, 2), "b": entry("U8", [2], 1, 3)}, b"xyz")
    yield "bad-same-bytes", raw_safetensors({"a": entry("U8", [2], 0, 2), "b": entry("U8", [2], 0, 2)}, b"xy")
    yield "bad-nothing-within", raw_safetensors({"a": entry("U8", [4], 0, 4), "b": entry("U8", [0], 2, 2)}, b"wxyz")
    yield "bad-gap", raw_safetensors({"a": entry("U8", [1], 0, 1), "b": entry("U8", [1], 2, 3)}, b"xyz")
    yield "bad-backwards", one(begin=8, end=0)
    yield "bad-negative-offset", one(begin=-8, end=0)
    yield "bad-offset-outside", one(begin=8, end=16)
    yield "bad-offset-largest", one(begin=0, end=(1 << 63) - 1)
    yield "bad-offset-too-large", one(begin=0, end=1 << 64)
    yield "bad-offset-real", one(begin=0.0, end=7.5)
    yield "bad-three-offsets", raw_safetensors({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1, 1]}}, b"x")
    yield "bad-negative-shape", one(shape=[-2])
    yield "bad-negative-pair", one(shape=[-1, -2])
    yield "bad-shape-of-other-size", one(shape=[3])
    yield "bad-shape-overflow", one(shape=[1 << 32, 1 << 32, 1], end=0, data=b"")
    yield "bad-shape-wraps-to-2", one(shape=[(1 << 62) + 1, 4], dtype="U8", end=4, data=bytes(4))
    yield "bad-rank-9", one(shape=[1] * 9, dtype="U8", end=1, data=b"x")
    yield "bad-shape-text", one(shape="22")
    yield "bad-dtype", one(dtype="X32")
    yield "bad-dtype-number", one(dtype=32)
    yield "bad-no-dtype", raw_safetensors({"a": {"shape": [1], "data_offsets": [0, 1]}}, b"x")
    yield "bad-tensor-is-list", raw_safetensors({"a": [1]})
    yield "bad-metadata-number", raw_safetensors({"__metadata__": {"key": 1}})
    yield "bad-metadata-list", raw_safetensors({"__metadata__": ["key"]})
    yield "bad-deep", raw_safetensors(b'{"a":' + b"[" * DEEP)
    yield "bad-deep-closed", raw_safetensors(b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}")
    yield "bad-long-list", raw_safetensors({"a": entry("U8", [0] * 1500, 0, 0)})
    yield "bad-number-1e999", raw_safetensors(b'{"a":1e999}')


# ---- checkpoint ----

# Of tests/fuzz/checkpoint.c's given network.
NETWORK = {
    "name": "small",
    "input": [1, 2, 2],
    "layers": [
        {"type": "Conv2d", "out_channels": 2, "kernel_size": 2},
        {"type": "BatchNorm2d"},
        {"type": "Flatten"},
        {"type": "Linear", "out_features": 2},
    ],
}
WEIGHTS = {
    "0.weight": ("F32", [2, 1, 2, 2], [0.5, -1, 2, 0.25, 1, 0, -0.5, 3]),
    "0.bias": ("F32", [2], [0.125, -0.125]),
    "1.weight": ("F32", [2], [1, -1]),
    "1.bias": ("F32", [2], [0, 0.5]),
    "1.running_mean": ("F32", [2], [0.1, 0.2]),
    "1.running_var": ("F32", [2], [1, 0]),
    "1.num_batches_tracked": ("I64", [], [7]),
    "3.weight": ("F32", [2, 2], [1, 2, 3, 4]),
    "3.bias": ("F32", [2], [0, 0]),
}
METADATA = {"clenet": "0.1.0", "network": text(NETWORK).decode()}
STANDARDIZED = {"mean": "[0.1,0.2,0.3,0.4]", "inverse_deviation": "[1,2,3,4]"}


def checkpoint(metadata=None, without=(), **tensors):
    """The small model with other metadata and tensors; "_" in an argument's name stands for the first dot."""
    changed = {name.replace("_", ".", 1).lstrip("t"): tensor for name, tensor in tensors.items()}
    kept = {name: tensor for name, tensor in {**WEIGHTS, **changed}.items() if name not in without}
    return safetensors(kept, {**METADATA, **(metadata or {})})


def training(optimizer=None, **more):
    """The metadata of a resume point, in the middle of an epoch."""
    adam = {
        "name": "adam", "lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "momentum": 0.0, "weight_decay": 0.0}
    values = {
        "optimizer": {**adam, **(optimizer or {})}, "batch_size": 16, "seed": str((1 << 64) - 1),
        "data": {"name": "synthetic", "digest": "0f" * 32, "images": 60}, "epochs": 2, "steps": "10", "position": 32,
        "batches": 2, "hits": 20, "loss_sum": 1.5, "loss_carry": -1e-9, "shuffle": ["1", "3"], "init": ["5", "7"],
        "best_accuracy": 0.5}
    return {"training": text({**values, **more}).decode()}


def moments(*names, change=lambda x: x * x):
    """Of every trainable tensor, a tensor with each of these names."""
    return {f"optimizer.{name}.{key}": ("F32", shape, [change(x) for x in numbers])
            for name in names for key, (dtype, shape, numbers) in WEIGHTS.items() if key.endswith((".weight", ".bias"))}


def resumable(metadata, tensors):
    return safetensors({**WEIGHTS, **tensors}, {**METADATA, **metadata})


def named(network):
    return {"clenet": "0.1.0", "network": network if isinstance(network, str) else text(network).decode()}


def checkpoint_corpus():
    plain = checkpoint()
    yield "good-plain", plain
    yield "good-of-another-program", safetensors(WEIGHTS)
    foreign = {"classes": "2", "mean": "0.5", "resize": "32", "image": "shoe.png", "training": "true", "network": "resnet"}
    yield "good-strings-of-another-program", safetensors(WEIGHTS, {**foreign, "network": text(NETWORK).decode()})
    yield "good-no-version", checkpoint({**foreign, "clenet": "yes", "network": text(NETWORK).decode()})
    yield "good-later-version", checkpoint({"clenet": "99.0.0-rc1"})
    yield "good-classes-of-controls", checkpoint({"classes": '["a\\u001b[2J\\n","\\u202e=1"]'})
    yield "good-whole-reals", checkpoint({"resize": "2.0", "image": "[1.0,28e0,28]"})
    yield "good-standardized", checkpoint({**STANDARDIZED, "resize": "2"})
    yield "good-no-tracked", checkpoint(without=["1.num_batches_tracked"])
    yield "good-prefix", safetensors({"module." + name: tensor for name, tensor in WEIGHTS.items()})
    yield "good-half", checkpoint(t0_bias=("F16", [2], [0.5, -6e-8]), t3_bias=("BF16", [2], [0x3F80, 0x8001]),
                                  t1_bias=("F64", [2], [0.1, 1e-300]))
    yield "good-classes", checkpoint({"classes": '["T-shirt/top","ä"]', "image": "[1,28,28]", "resize": "2"})
    adam = moments("exp_avg", "exp_avg_sq")
    yield "good-adam", resumable(training(), adam)
    yield "good-momentum", resumable(training({"name": "sgd", "momentum": 0.9}), moments("momentum_buffer"))
    yield "good-sgd", resumable(training({"name": "sgd"}), {})
    raw = {f"optimizer.raw.{key}": tensor for key, tensor in WEIGHTS.items() if "tracked" not in key}
    yield "good-average", resumable(training({"ema": 0.9}), {**adam, **raw})
    yield "bad-average-alone", resumable(training({"ema": 0.9}), adam)
    yield "bad-raw-alone", resumable(training(), {**adam, **raw})
    yield "bad-raw-variance", resumable(training({"ema": 0.9}), {**adam, **raw,
                                                                 "optimizer.raw.1.running_var": ("F32", [2], [1, -1])})
    yield "good-accumulated", resumable(training({"accumulate": 3}, steps="1"), adam)
    yield "bad-training-accumulate", resumable(training({"accumulate": 2.5}), adam)
    yield "bad-training-ema", resumable(training({"ema": 1.0}), {**adam, **raw})
    yield "good-epoch-begins", resumable(training(position=0, batches=0, hits=0, best_accuracy=-1.0), adam)
    yield "bad-no-moments", resumable(training(), {})
    yield "bad-moments-alone", resumable({}, adam)
    yield "bad-square-negative", resumable(training(), {**adam, "optimizer.exp_avg_sq.0.bias": ("F32", [2], [0, -1])})
    yield "bad-moment-nan", resumable(training(), {**adam, "optimizer.exp_avg.0.bias": ("F32", [2], [0, math.nan])})
    for name, change in {
            "position": {"position": 61}, "position-negative": {"position": -1}, "images-huge": {"position": 1 << 62},
            "batch-size": {"batch_size": 0}, "batch-size-wraps": {"batch_size": (1 << 32) + 0}, "hits": {"hits": 33},
            "steps": {"steps": "0"}, "steps-sign": {"steps": "-1"}, "seed-2-64": {"seed": str(1 << 64)},
            "seed-number": {"seed": 1}, "generator-even": {"shuffle": ["1", "2"]}, "generator": {"init": ["1"]},
            "sum": {"loss_sum": 1e300}, "accuracy": {"best_accuracy": 1.5},
            "data": {"data": {"name": "n" * 64, "digest": "", "images": 60}},
            "digest": {"data": {"name": "n", "digest": "0" * 65, "images": 60}}}.items():
        yield f"bad-training-{name}", resumable(training(**change), adam)
    yield "bad-training-lr", resumable(training({"lr": -1.0}), adam)
    yield "bad-training-optimizer", resumable(training({"name": "lion"}), adam)
    yield "bad-training-not-json", resumable({"training": "{"}, adam)
    yield "bad-training-list", resumable({"training": "[]"}, adam)
    yield "bad-two-prefixes", safetensors(
        {("module." if i % 2 else "other.") + name: tensor for i, (name, tensor) in enumerate(WEIGHTS.items())})
    yield "bad-classes-one", checkpoint({"classes": '["a"]'})
    yield "bad-classes-number", checkpoint({"classes": '["a",1]'})
    yield "bad-image", checkpoint({"image": "[1,28,28]"})
    yield "bad-image-huge", checkpoint({"image": "[1,16385,2]", "resize": "2"})
    yield "bad-half-infinite", checkpoint(t0_bias=("F16", [2], [0, math.inf]))
    yield "bad-double-beyond-float", checkpoint(t0_bias=("F64", [2], [0, 1e300]))
    yield "bad-truncated", plain[:-4]
    yield "bad-nan", checkpoint(t0_bias=("F32", [2], [0, math.nan]))
    yield "bad-infinite", checkpoint(t3_weight=("F32", [2, 2], [0, 1, -math.inf, 3]))
    yield "bad-nan-mean", checkpoint(t1_running_mean=("F32", [2], [0, math.nan]))
    yield "bad-negative-variance", checkpoint(t1_running_var=("F32", [2], [1, -1e-30]))
    yield "bad-dtype", checkpoint(t0_bias=("I64", [2], [1, 2]))
    yield "bad-bytes", checkpoint(t0_bias=("U8", [2], [1, 2]))
    yield "bad-shape", checkpoint(t3_weight=("F32", [4], [1, 2, 3, 4]))
    yield "bad-rank", checkpoint(t0_bias=("F32", [2, 1, 1, 1, 1, 1, 1, 1], [0, 0]))
    yield "bad-missing", checkpoint(without=["1.running_var"])
    yield "bad-all-missing", safetensors({}, METADATA)
    yield "bad-unknown", checkpoint(t4_weight=("F32", [1], [1]))
    yield "bad-tracked-negative", checkpoint(t1_num_batches_tracked=("I64", [], [-1]))
    yield "bad-tracked-two", checkpoint(t1_num_batches_tracked=("I64", [2], [1, 1]))
    huge = {"input": [1, 2, 2], "layers": [{"type": "Flatten"}, {"type": "Linear", "out_features": 1 << 26},
                                           {"type": "Linear", "out_features": 2}]}
    yield "bad-huge-network", safetensors({"1.weight": ("F32", [0], [])}, named(huge))
    # A gigabyte each of parameters and moments, none of them there: nothing may be allocated for them.
    wide = {"input": [1, 1, 1], "layers": [{"type": "Flatten"}, {"type": "Linear", "out_features": 1 << 20},
                                           {"type": "Linear", "out_features": 253, "bias": False}]}
    yield "bad-more-than-there-is", safetensors({}, {**named(wide), **training()})
    yield "bad-count-beyond-int", safetensors({}, {**named(wide), **training(batch_size=(1 << 32) + 16)})
    # What only the metadata has wrong, with a network that is not the given one's either.
    other = {"input": [4], "layers": [{"type": "Linear", "out_features": 2}]}
    linear = {"0.weight": ("F32", [2, 4], range(8)), "0.bias": ("F32", [2], [0, 1])}

    def with_metadata(**metadata):
        return safetensors(linear, {**named(other), **metadata})

    yield "good-linear", with_metadata()
    yield "good-linear-standardized", with_metadata(**STANDARDIZED)
    yield "bad-network-not-json", with_metadata(network="{")
    yield "bad-network-deep", with_metadata(network="[" * DEEP)
    yield "bad-network-unknown-layer", with_metadata(network='{"input":[4],"layers":[{"type":"Conv9d"}]}')
    yield "bad-mean-alone", with_metadata(mean="[1,2,3,4]")
    yield "bad-mean-too-short", with_metadata(mean="[1]", inverse_deviation="[1]")
    yield "bad-mean-not-numbers", with_metadata(mean='[1,2,"3",4]', inverse_deviation="[1,2,3,4]")
    yield "bad-deviation-infinite", with_metadata(mean="[1,2,3,4]", inverse_deviation="[1,2,3,1e300]")
    yield "bad-deviation-deep", with_metadata(mean="[1,2,3,4]", inverse_deviation="[" * DEEP)
    yield "bad-resize", with_metadata(resize="28")
    yield "bad-resize-huge", with_metadata(resize="99999999999999999999")


# ---- network ----

FLATTEN, LINEAR = {"type": "Flatten"}, {"type": "Linear", "out_features": 2}


def network(*layers, input=(1, 8, 8), **more):
    return text({"input": list(input), "layers": list(layers), **more})


def conv(channels=2, kernel=3, **more):
    return {"type": "Conv2d", "out_channels": channels, "kernel_size": kernel, **more}


def network_corpus():
    yield "good-small", network(FLATTEN, LINEAR)
    yield "good-features", network(LINEAR, {"type": "ReLU"}, LINEAR, input=[5])
    yield "good-flat-flatten", network(FLATTEN, LINEAR, input=[5])
    yield "good-named", network(FLATTEN, LINEAR, name="ä “name”")
    yield "good-everything", network(
        conv(3, [3, 5], stride=[2, 1], padding=[1, 2], in_channels=1), {"type": "BatchNorm2d", "eps": 1e-3},
        {"type": "Tanh"}, {"type": "AvgPool2d", "kernel_size": 3, "stride": 2, "padding": 1},
        conv(5, 1, bias=False), {"type": "BatchNorm2d", "momentum": 0, "num_features": 5}, {"type": "ReLU"},
        {"type": "MaxPool2d", "kernel_size": [2, 3], "stride": [1, 2], "padding": [0, 1]}, {"type": "Sigmoid"},
        FLATTEN, {"type": "BatchNorm1d", "biased_running_variance": True}, {"type": "Linear", "out_features": 10,
        "bias": False}, {"type": "Identity"}, name="everything")
    yield "good-groups", network(conv(6), conv(9, [2, 3], groups=3, dilation=[2, 1], padding="same"),
                                 conv(9, 1, groups=9, bias=False), FLATTEN, LINEAR)
    residual = {"type": "Residual", "layers": [conv(2, 3, padding=1), {"type": "BatchNorm2d"}]}
    nested = {"type": "Residual", "layers": [{"type": "ReLU"}]}
    for _ in range(3):
        nested = {"type": "Residual", "layers": [nested], "shortcut": [nested, nested]}
    yield "good-branches", network(conv(2), residual, residual | {"shortcut": [conv(2, 1)]}, nested, FLATTEN, LINEAR)
    yield "good-branches-of-features", network({"type": "Residual", "layers": [FLATTEN, {"type": "Linear", "out_features": 10}],
                                                 "shortcut": [{"type": "BatchNorm1d"}]}, LINEAR, input=[10])
    yield "bad-branches", network(conv(3), residual, FLATTEN, LINEAR)
    yield "bad-branches-deep", network({"type": "Residual", "layers": [nested]}, FLATTEN, LINEAR)
    yield "bad-branches-empty", network({"type": "Residual", "layers": []}, FLATTEN, LINEAR)
    yield "good-norms-and-activations", network(
        conv(4), {"type": "GroupNorm", "num_groups": 2, "affine": False}, {"type": "SiLU"},
        {"type": "LayerNorm", "normalized_shape": [4, 6, 6]}, {"type": "Hardswish"}, FLATTEN, {"type": "LayerNorm"},
        {"type": "GELU", "approximate": "tanh"}, LINEAR)
    yield "bad-group-norm", network(conv(4), {"type": "GroupNorm", "num_groups": 3}, FLATTEN, LINEAR)
    yield "bad-word", network(FLATTEN, {"type": "GELU", "approximate": "sigmoid"}, LINEAR)
    yield "good-wide", network(conv(1 << 20, 8), FLATTEN, LINEAR)
    yield "good-large-input", network(conv(2, [1, 65536], stride=65536), FLATTEN, LINEAR, input=[1, 1 << 11, 1 << 16])
    yield "good-many-layers", network(*[{"type": "ReLU"}] * 200, FLATTEN, LINEAR)
    yield "good-byte-order-mark", b"\xef\xbb\xbf" + network(FLATTEN, LINEAR) + b"\r\n"
    yield "good-whole-reals", network(conv(2.0, [3.0, 3]), FLATTEN, {"type": "Linear", "out_features": 2.0}, input=[1.0, 8, 8])
    yield "good-whole-exponents", b'{"input":[4e0],"layers":[{"type":"Linear","out_features":20E-1}]}'
    yield "bad-two-byte-order-marks", b"\xef\xbb\xbf\xef\xbb\xbf" + network(FLATTEN, LINEAR)
    yield "bad-option-of-controls", network(FLATTEN, {**LINEAR, "\x1b]0;x\x07": 2})
    yield "bad-type-of-controls", network({"type": "\u009b2J\n"})
    yield "bad-groups", network(conv(6, groups=4), FLATTEN, LINEAR, input=[8, 8, 8])
    yield "bad-dilation", network(conv(6, 65536, dilation=65536), FLATTEN, LINEAR)
    yield "bad-nothing", b""
    yield "bad-truncated", network(FLATTEN, LINEAR)[:-3]
    yield "bad-trailing", network(FLATTEN, LINEAR) + b"}"
    yield "bad-zero-byte", network(FLATTEN, LINEAR) + b"\0"
    yield "bad-list", b"[]"
    yield "bad-duplicate-key", b'{"input":[4],"layers":[{"type":"Linear","out_features":2,"out_features":3}]}'
    yield "bad-unknown-key", network(FLATTEN, LINEAR, classes=2)
    yield "bad-unknown-option", network(FLATTEN, {**LINEAR, "units": 2})
    yield "bad-unknown-layer", network({"type": "Conv9d"}, FLATTEN, LINEAR)
    yield "bad-type-number", network({"type": 1})
    yield "bad-layer-text", network("Flatten", LINEAR)
    yield "bad-layers-object", b'{"input":[4],"layers":{"type":"Flatten"}}'
    yield "bad-no-layers", network()
    yield "bad-1001-layers", b'{"input":[1],"layers":[' + b"0," * 1000 + b"0]}"
    yield "bad-no-input", text({"layers": [FLATTEN, LINEAR]})
    yield "bad-input-two", network(FLATTEN, LINEAR, input=[8, 8])
    yield "bad-input-zero", network(FLATTEN, LINEAR, input=[1, 0, 8])
    yield "bad-input-negative", network(FLATTEN, LINEAR, input=[-1, -8, 8])
    yield "bad-input-product", network(FLATTEN, LINEAR, input=[1 << 28, 1 << 28, 1 << 28])
    yield "bad-endless-kernel", network(conv(1, [1, 65535]), FLATTEN, LINEAR, input=[1, 1, 131072])
    yield "bad-endless-work", network(conv(256, 3), FLATTEN, LINEAR, input=[256, 256, 256])
    yield "bad-input-wraps", network(FLATTEN, LINEAR, input=[1 << 16, 1 << 16, 1])
    yield "bad-input-2-64", network(FLATTEN, LINEAR, input=[(1 << 64) + 1, 1, 1])
    yield "bad-kernel-too-large", network(conv(2, 9), FLATTEN, LINEAR)
    yield "bad-kernel-negative", network(conv(2, -1), FLATTEN, LINEAR)
    yield "bad-kernel-three", network(conv(2, [1, 1, 1]), FLATTEN, LINEAR)
    yield "bad-kernel-real", network(conv(2, 1.5), FLATTEN, LINEAR)
    yield "bad-stride-zero", network(conv(2, 1, stride=0), FLATTEN, LINEAR)
    yield "bad-padding-huge", network(conv(2, 1, padding=65536), conv(2, 1, padding=65536), FLATTEN, LINEAR)
    yield "bad-pool-padding", network({"type": "MaxPool2d", "kernel_size": 2, "padding": 2}, FLATTEN, LINEAR)
    yield "bad-pool-window", network({"type": "AvgPool2d", "kernel_size": 257}, FLATTEN, LINEAR, input=[1, 512, 512])
    yield "bad-pool-stride-half", network({"type": "MaxPool2d", "kernel_size": 2, "stride": [0, 1]}, FLATTEN, LINEAR)
    yield "bad-weights", network(conv(1 << 28, 8), FLATTEN, LINEAR)
    yield "bad-weights-in-all", network(FLATTEN, *[{"type": "Linear", "out_features": 1 << 13}] * 6, LINEAR)
    yield "bad-channels-2-32", network(conv((1 << 32) + 2, 1), FLATTEN, LINEAR)
    yield "bad-eps", network({"type": "BatchNorm2d", "eps": 0}, FLATTEN, LINEAR)
    yield "bad-momentum", network({"type": "BatchNorm2d", "momentum": 1e308}, FLATTEN, LINEAR)
    yield "bad-flag-number", network(FLATTEN, {**LINEAR, "bias": 1})
    yield "bad-linear-on-image", network(LINEAR)
    yield "bad-conv-on-features", network(FLATTEN, conv(), LINEAR)
    yield "bad-in-features", network(FLATTEN, {**LINEAR, "in_features": 63})
    yield "bad-one-class", network(FLATTEN, {"type": "Linear", "out_features": 1})
    yield "bad-4097-classes", network(FLATTEN, {"type": "Linear", "out_features": 4097})
    yield "bad-image-out", network(conv())
    yield "bad-nothing-to-train", network(FLATTEN)
    yield "bad-name-empty", network(FLATTEN, LINEAR, name="")
    yield "bad-name-long", network(FLATTEN, LINEAR, name="n" * 64)
    yield "bad-name-control", network(FLATTEN, LINEAR, name="a\nb")
    yield "bad-name-zero", b'{"name":"a\\u0000","input":[4],"layers":[{"type":"Linear","out_features":2}]}'
    yield "bad-not-utf-8", b'{"name":"\xc3\x28","input":[4],"layers":[]}'
    yield "bad-surrogate", b'{"name":"\\ud800","input":[4],"layers":[]}'
    yield "bad-nan", b'{"input":[NaN],"layers":[]}'
    yield "bad-1e999", b'{"input":[1e999],"layers":[]}'
    yield "bad-deep", b"[" * DEEP
    yield "bad-deep-objects", b'{"layers":' * 500
    yield "bad-long-list", b'{"layers":[' + b"[]," * 1000 + b"[]]}"


# ---- profile ----


def profile(match=None, values=None, **more):
    return text({"name": "x", "match": match if match is not None else {}, "values": values or {}, **more})


def quirk(**more):
    return profile(quirks=[{"operation": "conv2d", "reason": "wrong", **more}])


def profile_corpus():
    yield "good-least", profile()
    yield "good-everything", json.dumps({
        "name": "x", "match": {"type": "CPU", "name": "CPU|Processor", "vendor": "Some", "platform": "Portable",
                               "min_native_float_vector": 8},
        "measured": "a device, a day", "note": "a note", "values": {"lanes": 8, "vector": 8},
        "quirks": [{"operation": "conv2d", "reason": "wrong", "driver": {"from": "1.2", "below": "10.0"}},
                   {"operation": "linear", "reason": "wrong", "link": "https://example.org", "driver": {}}]},
        indent=2).encode()
    yield "good-layers", profile(layers={"Conv2d 6x12x12 16x5x5": {"winograd": 0, "accumulators": 8},
                                         "Conv2d 3x32x32 8x3x3 stride 2x2 padding 1x1": {"fuse": 0},
                                         "Conv2d 8x9x9 8x3x3 dilation 2x1 groups 8": {"winograd": 0},
                                         "Linear 256x120": {"slice_cache_kib": 96}})
    yield "good-matches-nothing", text({"name": "safe", "match": None, "values": {}, "measured": None})
    yield "good-escaped-keys", b'{"n\\u0061me": "x",\n "match": {},\n\n "values": {"\\u006canes": 4}}'
    yield "good-behind-zero", profile() + b"\0{"
    yield "good-blanks", b" \n\r\t{\n\"name\"\n:\n\"x\"\n,\"match\":{\n}\n,\"values\" :{ } } \n"
    yield "good-quotes-in-note", profile(note='"values": {"lanes": [\\')
    yield "good-long-version", quirk(driver={"from": "9" * 40 + ".", "below": "1" + ".0" * 300})
    yield "good-byte-order-mark", b"\xef\xbb\xbf\r\n" + profile() + b"\r\n"
    yield "good-whole-reals", profile({"min_native_float_vector": 4.0}, {"lanes": 8e0})
    yield "bad-key-of-controls", profile(**{"\x1b[2J\n": 1})
    yield "bad-nothing", b""
    yield "bad-blanks", b"\n\n  \n"
    yield "bad-truncated", profile()[:-2]
    yield "bad-list", b"[1]"
    yield "bad-duplicate-key", b'{"name":"x","match":{},"values":{"lanes":1,\n"l\\u0061nes":2}}'
    yield "bad-no-name", text({"match": {}, "values": {}})
    yield "bad-name-empty", text({"name": "", "match": {}, "values": {}})
    yield "bad-unknown-key", profile(notes="x")
    yield "bad-unknown-escaped-key", b'{"name":"x","match":{},"values":{},\n"n\\u006ftes":1}'
    yield "bad-layer-text", profile(layers={"Conv2d 6x12x12": {}})
    yield "bad-layer-key", profile(layers={"Linear 256x120": {"lanes": 8}})
    yield "bad-layer-value", profile(layers={"Linear 256x120": {"fuse": 2}})
    yield "bad-layers-list", profile(layers=[])
    yield "bad-match-list", profile(match=[])
    yield "bad-match-part", profile(match={"name": "a||b"})
    yield "bad-match-key", profile(match={"driver": "1"})
    yield "bad-match-type", profile(match={"type": "tpu"})
    yield "bad-match-width", profile(match={"min_native_float_vector": 1 << 32})
    yield "bad-value-unknown", profile(values={"lane": 1})
    yield "bad-value-real", profile(values={"lanes": 1.5})
    yield "bad-value-negative", profile(values={"lanes": -1})
    yield "bad-value-huge", profile(values={"lanes": (1 << 63) - 1})
    yield "bad-value-too-large", profile(values={"lanes": 1 << 64})
    yield "bad-value-least", profile(values={"lanes": -(1 << 63)})
    yield "bad-value-nested", profile(values={"lanes": {"lanes": [{"lanes": 1}]}})
    yield "bad-quirks-object", profile(quirks={})
    yield "bad-quirk-text", profile(quirks=["conv2d"])
    yield "bad-second-quirk", profile(quirks=[{"operation": "adam", "reason": "[{"}, 1])
    yield "bad-quirk-operation", quirk(operation="fft")
    yield "bad-quirk-key", quirk(drivers={})
    yield "bad-quirk-reason", quirk(reason=None)
    yield "bad-driver-list", quirk(driver=["1.0"])
    yield "bad-driver-version", quirk(driver={"from": "1.0-rc1"})
    yield "bad-driver-key", quirk(driver={"to": "1.0"})
    yield "bad-deep", b'{"name":' + b"[" * DEEP
    yield "bad-deep-values", b'{"name":"x","match":{},"values":' + b'{"a":' * 500 + b"1" + b"}" * 501
    yield "bad-long-list", profile(quirks=[0] * 1500)
    yield "bad-long-key", profile(**{"k" * 3000: 1})


# ---- prepared ----


def prepared(metadata=None, without=(), **tensors):
    """A prepared set with other metadata and tensors; "_" in an argument's name stands for the dot."""
    usual = {"train.images": ("U8", [2, 1, 2, 2], range(8)), "train.labels": ("I64", [2], [1, 0]),
             "test.images": ("U8", [1, 1, 2, 2], range(4)), "test.labels": ("I64", [1], [1])}
    changed = {name.replace("_", "."): tensor for name, tensor in tensors.items()}
    kept = {name: tensor for name, tensor in {**usual, **changed}.items() if name not in without}
    widest_first = sorted(kept.items(), key=lambda item: -struct.calcsize(CODES[item[1][0]]))
    return aligned(safetensors(dict(widest_first), metadata))


def aligned(file):
    """The file with blanks behind its header, so that its numbers begin at a multiple of 8."""
    length, = struct.unpack("<Q", file[:8])
    blanks = -length % 8
    return struct.pack("<Q", length + blanks) + file[8:8 + length] + b" " * blanks + file[8 + length:]


def prepared_corpus():
    test = ("test.images", "test.labels")
    said = {"clenet": "0.1.0", "name": "mine", "classes": '["a","\\u001b[2J"]', "digest": "0f" * 32, "fit": "crop",
            "ground": "#0a0b0c", "prepared": "{}"}
    yield "good-plain", prepared()
    yield "good-said", prepared(said)
    yield "good-no-test", prepared(without=test)
    yield "good-number-of-classes", prepared({"classes": "4096"})
    yield "good-words", prepared(train_images=("U16", [2, 1, 2, 2], range(8)), test_images=("U16", [1, 1, 2, 2], range(4)))
    yield "good-floats", prepared(train_images=("F32", [2, 3, 1, 1], range(6)), without=test)
    yield "good-narrow-labels", prepared(train_labels=("I32", [2], [0, 1]), test_labels=("U8", [1], [255]))
    yield "good-other-tensors", prepared(weight=("F32", [1], [1]))
    yield "good-empty-test", prepared(test_images=("U8", [0, 1, 2, 2], []), test_labels=("I64", [0], []))
    yield "good-infinite-with-digest", prepared(said, train_images=("F32", [2, 1, 1, 1], [0, math.inf]), without=test)
    yield "bad-infinite", prepared(train_images=("F32", [2, 1, 1, 1], [0, math.inf]), without=test)
    yield "bad-nan-of-test", prepared(train_images=("F32", [2, 1, 1, 1], [0, 1]), test_images=("F32", [1, 1, 1, 1], [math.nan]))
    for name, string in {"classes-none": ("classes", "[]"), "classes-zero": ("classes", "0"), "classes-text": ("classes", '"a"'),
                         "classes-many": ("classes", "4097"), "classes-few": ("classes", '["a"]'), "classes-mixed": ("classes", '["a",1]'),
                         "classes-deep": ("classes", "[" * DEEP), "digest-short": ("digest", "0f"),
                         "digest-capitals": ("digest", "0F" * 32), "fit": ("fit", "tight"), "ground": ("ground", "#0a0b0g")}.items():
        yield f"bad-{name}", prepared({string[0]: string[1]})
    for name in ("train.images", "train.labels", *test):
        yield f"bad-without-{name}", prepared(without=[name])
    yield "bad-label-negative", prepared(train_labels=("I64", [2], [0, -1]))
    yield "bad-label-large", prepared(train_labels=("I32", [2], [0, 4096]))
    yield "bad-label-wraps", prepared(train_labels=("I64", [2], [0, 1 << 32]))
    yield "bad-labels-of-floats", prepared(train_labels=("F32", [2], [0, 1]))
    yield "bad-labels-three", prepared(train_labels=("I64", [3], [0, 1, 1]))
    yield "bad-labels-of-rank-2", prepared(train_labels=("I64", [2, 1], [0, 1]))
    yield "bad-pixels-of-doubles", prepared(train_images=("F64", [2, 1, 1, 1], [0, 1]))
    yield "bad-rank-3", prepared(train_images=("U8", [2, 2, 2], range(8)))
    yield "bad-no-image", prepared(train_images=("U8", [0, 1, 2, 2], []), train_labels=("I64", [0], []))
    yield "bad-no-width", prepared(train_images=("U8", [2, 1, 2, 0], []))
    yield "bad-side", prepared(train_images=("U8", [1, 1, 65537, 1], bytes(65537)), train_labels=("I64", [1], [0]), without=test)
    yield "bad-test-of-other-shape", prepared(test_images=("U8", [1, 1, 1, 4], range(4)))
    yield "bad-test-of-other-type", prepared(test_images=("U16", [1, 1, 2, 2], range(4)))
    yield "bad-odd-place", aligned(safetensors({"train.labels": ("U8", [1], [0]), "train.images": ("U16", [1, 1, 1, 1], [1])}))
    yield "bad-truncated", prepared()[:-1]
    yield "bad-truncated-header", prepared()[:60]


# ---- IDX ----


def idx(*sizes, body=None, magic=None):
    count = math.prod(sizes)
    body = bytes(i % 7 for i in range(count)) if body is None else body
    return struct.pack(f">{1 + len(sizes)}I", 0x0800 | len(sizes) if magic is None else magic, *sizes) + body


def zipped(data):
    return gzip.compress(data, mtime=0)


def idx_corpus():
    images, labels = idx(3, 4, 5), idx(20)
    packed = zipped(images)
    yield "good-images", images
    yield "good-labels", labels
    yield "good-one", idx(1, 1, 1)
    yield "good-images-gz", packed
    yield "good-labels-gz", zipped(labels)
    yield "good-two-members-gz", zipped(images[:20]) + zipped(images[20:])
    yield "good-many-gz", zipped(idx(300, 28, 28, body=bytes(300 * 28 * 28)))
    yield "good-trailing-behind-gz", packed + b"behind"  # zlib passes over it, as gunzip does
    yield "bad-nothing", b""
    yield "bad-three-bytes", images[:3]
    yield "bad-header-only", images[:16]
    yield "bad-half-a-header", images[:9]
    yield "bad-truncated", images[:-1]
    yield "good-trailing", images + b"x"
    yield "bad-magic", idx(2, body=b"ab", magic=0x0A01)
    yield "bad-rank-5", idx(1, 1, 1, 1, 1)
    yield "good-colours", idx(2, 3, 4, 5)
    yield "good-columns", idx(20, 3)
    yield "good-shorts", idx(3, 2, 2, body=bytes(range(24)), magic=0x0B03)
    yield "good-floats", idx(3, 2, 2, body=struct.pack(">12f", *range(12)), magic=0x0D03)
    yield "good-doubles", idx(3, 2, 2, body=struct.pack(">12d", *range(12)), magic=0x0E03)
    yield "good-int-columns", idx(3, 8, body=struct.pack(">24i", *range(24)), magic=0x0C02)
    yield "bad-not-finite", idx(1, 1, 2, body=struct.pack(">2f", 1, math.nan), magic=0x0D03)
    yield "bad-large-double", idx(1, 1, 2, body=struct.pack(">2d", 1, 1e39), magic=0x0E03)
    yield "bad-int-images", idx(1, 1, 2, body=bytes(8), magic=0x0C03)
    yield "bad-float-labels", idx(2, body=bytes(8), magic=0x0D01)
    yield "bad-shorts-truncated", idx(3, 2, 2, body=bytes(23), magic=0x0B03)
    yield "bad-little-endian", images[3::-1] + images[4:]
    yield "bad-4g-images", idx(0xFFFFFFFF, 28, 28, body=b"x")
    yield "bad-16m-images", idx(1 << 24, 4096, 4096, body=b"x")
    yield "bad-4gib-exactly", idx(1 << 8, 4096, 4096, body=b"x")
    yield "bad-16m-labels", idx(1 << 24, body=b"x" * 100)
    yield "bad-no-images", idx(0, 4, 5)
    yield "bad-no-height", idx(3, 0, 5)
    yield "bad-width", idx(1, 1, 4097)
    yield "bad-gz-truncated", packed[:-12]
    yield "bad-gz-no-checksum", packed[:-8]
    yield "bad-gz-checksum", packed[:-8] + bytes(4) + packed[-4:]
    yield "bad-gz-length", packed[:-4] + bytes(4)
    yield "bad-gz-damaged", packed[:14] + bytes([packed[14] ^ 0xFF]) + packed[15:]
    yield "bad-gz-header", packed[:2] + b"\x07" + packed[3:]
    yield "bad-gz-header-only", packed[:10]
    yield "bad-gz-nothing", zipped(b"")
    yield "bad-gz-twice", zipped(packed)
    yield "bad-gz-bomb", zipped(idx(1 << 24, 4096, 4096, body=bytes(1 << 20)))
    yield "good-gz-trailing", zipped(images + b"x")


# ---- CIFAR-100 ----


def cifar(names=100, labels=(5,), cut=0, more=b""):
    text = b"".join(b"n%d\n" % i for i in range(names))
    records = b"".join(bytes([0, label]) + bytes(3072) for label in labels)
    return text + b"\0" + records[:len(records) - cut] + more


def cifar_corpus():
    yield "good-one", cifar()
    yield "good-two", cifar(labels=(1, 200))  # the data set refuses labels that are no classes
    yield "good-empty-line", b"\n" + cifar().replace(b"n9\n", b"n9\r\n")
    yield "bad-99-names", cifar(99)
    yield "bad-101-names", cifar(101)
    yield "bad-no-names", cifar(0)
    yield "bad-no-records", cifar(labels=())
    yield "bad-truncated", cifar(cut=1)
    yield "bad-more", cifar(more=b"x")
    yield "bad-nothing", b""


# ---- NumPy ----


def npy(header="{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }", body=bytes(range(6)), version=1, length=None):
    text = header.encode() + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(text) if length is None else length)
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + body


def array(dtype, shape, body=None, order=False):
    size = math.prod(shape) * int(dtype[2:]) if body is None else 0
    return npy(f"{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': {shape}, }}", bytes(size) if body is None else body)


def npy_corpus():
    yield "good-bytes", npy()
    yield "good-version-2", npy(version=2)
    yield "good-version-3", npy(version=3)
    yield "good-gz", zipped(npy())
    for dtype in ("<u2", ">u2", "<f4", ">f4", "<f8", ">f8", "|i1", "<i8", ">u8"):
        yield f"good-{'big' if dtype[0] == '>' else 'little'}-{dtype[1:]}", array(dtype, (2, 3))
    yield "good-not-finite", array("<f4", (2,), struct.pack("<2f", 1, math.inf))
    yield "good-python-2", npy('{"shape": (2L, 3L), "fortran_order": False, "descr": "|u1"}')
    yield "good-one-dimension-fortran", array("|u1", (3,), order=True)
    yield "good-trailing", npy() + b"x"
    yield "bad-nothing", b""
    yield "bad-magic", b"\x92" + npy()[1:]
    yield "bad-version", npy(version=4)
    yield "bad-truncated", npy()[:-1]
    yield "bad-header-truncated", npy()[:30]
    yield "bad-header-length", npy(version=2, length=0xFFFFFFFF)
    yield "bad-objects", npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"\x80\x04.")
    yield "bad-structure", npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", bytes(4))
    yield "bad-fortran", array("|u1", (2, 3), order=True)
    yield "bad-dtype", npy("{'descr': '', 'fortran_order': False, 'shape': (2, 3), }")
    yield "bad-half-float", array("<f2", (2, 3))
    yield "bad-no-shape", npy("{'descr': '|u1', 'fortran_order': False, }")
    yield "bad-open-shape", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3")
    yield "bad-empty-dictionary", npy("{}")
    yield "bad-no-dictionary", npy("")
    yield "bad-scalar", array("|u1", ())
    yield "bad-five-dimensions", array("|u1", (1, 1, 1, 1, 1))
    yield "bad-no-elements", array("|u1", (0, 3))
    yield "bad-large", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967295, 4294967295), }")
    yield "bad-huge-number", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999999,), }")
    yield "bad-bomb", zipped(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (4294967295,), }", bytes(1 << 20)))


def npz(method=zipfile.ZIP_STORED, **members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name + ".npy"), data, method)
    return file.getvalue()


def npz_corpus():
    stored, packed = npz(x_train=npy(), y_train=npy()), npz(zipfile.ZIP_DEFLATED, x_train=npy(), y_train=npy())
    yield "good-stored", stored
    yield "good-deflated", packed
    yield "bad-empty", npz()
    yield "bad-nothing", b""
    yield "bad-text", b"no archive at all"
    yield "bad-truncated", packed[:-30]
    yield "bad-crc", stored.replace(bytes(range(6)), bytes(6), 1)
    yield "bad-deflate", packed[:45] + b"\xff\xff\xff" + packed[48:]


# ---- CSV ----


def csv_corpus():
    yield "good-header", b"label,pixel0,pixel1\n1,2,3\n0,4,5\n"
    yield "good-no-header", b"1,2,3\n0,4,5\n"
    yield "good-crlf-gz", zipped(b"label,p0\r\n1,2\r\n0,3")
    yield "good-words", b"a,b,species\n1.5,-2e3,\"iris, large\"\n1,2,rose\n"
    yield "good-quotes", b'"label","p""0"\n"1" , "2"\n'
    yield "good-mark", b"\xef\xbb\xbflabel,p0\n1,2\n"
    yield "good-row-numbers", b",label,p0\n0,1,2\n1,0,3\n"
    yield "good-paths", b"path,label\na/b.png,1\nc.JPG,0\n"
    yield "good-paths-and-words", b"cat,a.jpeg\ndog,b.jpeg\n"
    yield "bad-nothing", b""
    yield "bad-header-only", b"label,p0\n"
    yield "bad-one-column", b"1\n2\n"
    yield "bad-columns", b"label,p0\n1,2\n1\n"
    yield "bad-empty-field", b"label,p0\n1,\n"
    yield "bad-empty-label", b"label,p0\n,1\n"
    yield "bad-nan", b"label,p0\n1,nan\n"
    yield "bad-large", b"label,p0\n1,1e400\n"
    yield "bad-hexadecimal", b"label,p0\n1,0x1p3\n"
    yield "bad-open-quote", b'label,p0\n1,"2\n'
    yield "bad-behind-quote", b'label,p0\n1,"2"3\n'
    yield "bad-zero-byte", b"label,p0\n1,\0\n"
    yield "bad-no-label", b"a,b,c\n1,2,3\n"
    yield "bad-gz-truncated", zipped(b"label,p0\n1,2\n")[:-9]
    yield "bad-empty-path", b"cat,a.jpeg\ndog,\n"
    yield "bad-4097-labels", b"label,p0\n" + b"".join(b"w%d,1\n" % i for i in range(4097))


# ---- PNG ----

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type


def chunk(kind, data=b"", crc=None):
    sum_ = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", sum_)


def ihdr(width, height, depth=8, colour=0, interlace=0, rest=(0, 0)):
    return chunk(b"IHDR", struct.pack(">2I5B", width, height, depth, colour, *rest, interlace))


def rows(width, height, depth=8, colour=0, filter=0):
    """Unpacked scanlines: a filter byte, then bytes that count up."""
    row_bytes = (width * SAMPLES[colour] * depth + 7) // 8
    return b"".join(bytes([filter]) + bytes((31 * r + 7 * i) % 256 for i in range(row_bytes)) for r in range(height))


def adam7(width, height, depth=8, colour=0):
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes]
    return b"".join(rows(w, h, depth, colour) for w, h in sizes if w > 0 and h > 0)


def png(width=5, height=3, depth=8, colour=0, interlace=0, before=b"", data=None, filter=0):
    if data is None:
        data = adam7(width, height, depth, colour) if interlace else rows(width, height, depth, colour, filter)
    return (SIGNATURE + ihdr(width, height, depth, colour, interlace) + before +
            chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND"))


def png_corpus():
    palette = chunk(b"PLTE", bytes(range(48)))
    grey = png()
    yield "good-grey", grey
    yield "good-grey-1", png(depth=1)
    yield "good-grey-16", png(depth=16)
    yield "good-grey-alpha", png(colour=4)
    yield "good-grey-transparent", png(before=chunk(b"tRNS", b"\0\7"))
    yield "good-rgb", png(colour=2)
    yield "good-rgb-16-transparent", png(depth=16, colour=2, before=chunk(b"tRNS", bytes(6)))
    yield "good-rgba", png(colour=6, filter=4)
    yield "good-palette-4", png(depth=4, colour=3, before=palette)
    yield "good-palette-transparent", png(depth=4, colour=3, before=palette + chunk(b"tRNS", b"\0\x80"))
    yield "good-interlaced", png(9, 7, interlace=1)
    yield "good-interlaced-pixel", png(1, 1, interlace=1)
    yield "good-interlaced-rgba-16", png(9, 7, depth=16, colour=6, interlace=1)
    yield "good-many-chunks", png(before=chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"tEXt", b"key\0value"))
    packed = zlib.compress(rows(5, 3))
    yield "good-split-data", (SIGNATURE + ihdr(5, 3) + chunk(b"IDAT", packed[:3]) + chunk(b"IDAT") +
                              chunk(b"IDAT", packed[3:]) + chunk(b"IEND"))
    yield "bad-nothing", b""
    yield "bad-signature", b"\x89PNX" + grey[4:]
    yield "bad-signature-only", SIGNATURE
    yield "bad-no-ihdr", SIGNATURE + chunk(b"IDAT", packed) + chunk(b"IEND")
    yield "bad-no-data", SIGNATURE + ihdr(5, 3) + chunk(b"IEND")
    yield "bad-no-end", grey[:-12]
    yield "bad-truncated", grey[:-20]
    yield "good-trailing", grey + b"x"
    yield "bad-crc-ihdr", SIGNATURE + ihdr(5, 3)[:-4] + bytes(4) + grey[33:]
    yield "bad-crc-data", SIGNATURE + ihdr(5, 3) + chunk(b"IDAT", packed, crc=1) + chunk(b"IEND")
    yield "good-crc-ancillary", png(before=chunk(b"tEXt", b"key\0value", crc=1))
    yield "good-ink-on-nothing", png(4, 1, colour=4, data=b"\0" + bytes([0, 0, 0, 255, 9, 127, 255, 0]))
    yield "bad-crc-transparency", png(before=chunk(b"tRNS", b"\0\7", crc=1))
    yield "bad-interlace", png(interlace=2)
    yield "bad-interlaced-short", png(9, 7, interlace=1, data=rows(2, 1))
    yield "bad-no-palette", png(depth=4, colour=3)
    yield "bad-palette-of-4-bytes", png(depth=4, colour=3, before=chunk(b"PLTE", bytes(4)))
    yield "bad-palette-too-long", png(depth=1, colour=3, before=chunk(b"PLTE", bytes(3 * 300)))
    yield "bad-depth", SIGNATURE + ihdr(5, 3, depth=3) + grey[33:]
    yield "bad-rgb-depth", SIGNATURE + ihdr(5, 3, depth=4, colour=2) + grey[33:]
    yield "bad-colour", SIGNATURE + ihdr(5, 3, colour=5) + grey[33:]
    yield "bad-compression", SIGNATURE + ihdr(5, 3, rest=(1, 0)) + grey[33:]
    yield "bad-filter-method", SIGNATURE + ihdr(5, 3, rest=(0, 1)) + grey[33:]
    yield "bad-filter", png(filter=5)
    yield "bad-zero-width", png(0, 3, data=bytes(3))
    yield "bad-huge", png(0x7FFFFFFF, 0x7FFFFFFF, depth=16, colour=6, data=bytes(8))
    yield "bad-negative", png(0xFFFFFFFF, 0xFFFFFFFF, data=bytes(8))
    yield "bad-8193-wide", png(8193, 1)
    yield "bad-8192-square", png(8192, 8192, depth=16, colour=6, data=bytes(1 << 16))
    yield "bad-8192-square-interlaced", png(8192, 8192, colour=6, interlace=1, data=bytes(1 << 16))
    yield "bad-short-data", png(data=rows(5, 2))
    yield "bad-zlib", SIGNATURE + ihdr(5, 3) + chunk(b"IDAT", b"\x00" + packed[1:]) + chunk(b"IEND")
    yield "bad-critical-chunk", png(before=chunk(b"ABCD", b"x"))
    yield "bad-chunk-length", SIGNATURE + ihdr(5, 3) + b"\xff\xff\xff\xffIDAT" + packed
    yield "bad-text-bomb", png(before=chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1 << 20))), data=rows(5, 2))


# ---- exif and jpeg ----


def exif(orientation, order=">", tag=0x112, kind=3, count=1, offset=8, entries=1, before=b""):
    """The content of a segment APP1 whose directory has the tag behind the entries `before`."""
    entry_ = struct.pack(order + "HHIHH", tag, kind, count, orientation, 0)
    return (b"Exif\0\0" + (b"MM" if order == ">" else b"II") + struct.pack(order + "HIH", 42, offset, entries) + before +
            entry_ + bytes(4))


def exif_corpus():
    for value in range(2, 9):
        yield f"good-{value}", exif(value)
    yield "good-little", exif(6, "<")
    yield "good-second", exif(6, entries=2, before=struct.pack(">HHII", 0x10F, 2, 4, 0x41424300))
    yield "good-cut-behind", exif(6)[:-4]
    yield "bad-nothing", b""
    yield "bad-upright", exif(1)
    yield "bad-zero", exif(0)
    yield "bad-nine", exif(9)
    yield "bad-name", b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>"
    yield "bad-order", b"Exif\0\0XX" + exif(6)[8:]
    yield "bad-tag", exif(6, tag=0x113)
    yield "bad-type", exif(6, kind=4)
    yield "bad-count", exif(6, count=2)
    yield "bad-count-huge", exif(6, count=0xFFFFFFFF)
    yield "bad-no-entries", exif(6, entries=0)
    yield "bad-cut", exif(6)[:-5]
    yield "bad-header-only", exif(6)[:14]
    for offset in (9, 14, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF):
        yield f"bad-offset-{offset}", exif(6, offset=offset, entries=0xFFFF)


def segment(marker, content=b"", length=None):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2 if length is None else length) + content


def coded(values, end_of_block=True):
    """Blocks of one grey value each: four bits say how many bits a difference has."""
    bits, before = "", 128
    for value in values:
        difference = value - before
        before, size = value, abs(difference).bit_length()
        bits += f"{size:04b}" + (f"{difference if difference > 0 else difference + (1 << size) - 1:0{size}b}" if size else "")
        bits += "0" if end_of_block else ""
    bits += "1" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")


def jpeg(width=20, height=11, values=(0, 50, 100, 150, 200, 255), components=1, frame=0xC0, depth=8, before=b"",
         scans=None, sampling=0x11, data=None):
    """`values`: of blocks of 8 x 8 pixels, component by component. `scans`: (component, coefficient) of further scans."""
    ids = range(1, components + 1)
    tables = (segment(0xDB, b"\0" + b"\x08" * 64) + segment(0xC4, bytes([0, 0, 0, 0, 9]) + bytes(12) + bytes(range(9)) +
              bytes([0x10, 1]) + bytes(16)))
    sof = struct.pack(">BHHB", depth, height, width, components) + b"".join(bytes([i, sampling, 0]) for i in ids)
    progressive = frame == 0xC2

    def scan(which, low, high):
        return segment(0xDA, bytes([len(which)]) + b"".join(bytes([i, 0]) for i in which) + bytes([low, high, 0]))

    content = scan(ids, 0, 0 if progressive else 63)
    content += coded(values, not progressive) if data is None else data
    for which, coefficient in scans or ():
        blocks = -(-width // 8) * -(-height // 8)
        content += scan([which], coefficient, coefficient) + bytes(blocks // 8) + bytes([0xFF >> blocks % 8])
    return b"\xff\xd8" + before + tables + segment(frame, sof) + content + b"\xff\xd9"


def jpeg_corpus():
    grey = jpeg()
    yield "good-grey", grey
    yield "good-colours", jpeg(8, 8, (81, 90, 240), 3)
    yield "good-pixel", jpeg(1, 1, (7,))
    yield "good-progressive", jpeg(frame=0xC2)
    yield "good-progressive-scans", jpeg(frame=0xC2, scans=[(1, k) for k in range(1, 5)])
    for value in (3, 6, 9):
        yield f"good-orientation-{value}", jpeg(before=segment(0xE1, exif(value)))
    yield "good-exif-damaged", jpeg(before=segment(0xE1, exif(6)[:20]))
    yield "good-comment", jpeg(before=segment(0xFE, b"text"))
    yield "good-jfif", jpeg(before=segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"))
    yield "good-jfif-of-later", jpeg(before=segment(0xE0, b"JFIF\0\7\1\0\0\1\0\1\0\0"))
    yield "good-trailing", grey + b"x"
    yield "good-end-twice", grey + b"\xff\xd9"
    yield "bad-nothing", b""
    yield "bad-start-only", grey[:2]
    yield "bad-signature", b"\xff\xd7" + grey[2:]
    for cut in (2, 4, 8, 20, 60):
        yield f"bad-cut-{cut}", grey[:-cut]
    yield "bad-code", jpeg(data=b"\xff\0" * 6)
    yield "bad-marker", jpeg(data=b"\x87\xff\xd0")
    yield "bad-more-data", jpeg(data=coded((0, 50, 100, 150, 200, 255)) + b"U" * 40)
    yield "bad-inks", jpeg(8, 8, (1, 2, 3, 4), 4, before=segment(0xEE, b"Adobe\0\x64\0\0\0\0\0"))
    yield "bad-two-components", jpeg(8, 8, (1, 2), 2)
    yield "bad-five-components", jpeg(8, 8, (1, 2, 3, 4, 5), 5)
    yield "bad-12-bits", jpeg(depth=12)
    yield "bad-lossless", jpeg(frame=0xC3)
    yield "bad-zero-width", jpeg(0, 3)
    yield "bad-zero-height", jpeg(3, 0)
    yield "bad-8193-wide", jpeg(8193, 1)
    yield "bad-huge", jpeg(65500, 65500)
    yield "bad-8192-square", jpeg(8192, 8192)
    yield "bad-8192-square-progressive", jpeg(8192, 8192, frame=0xC2)
    yield "bad-many-scans", jpeg(8, 8, (100, 128, 128), 3, frame=0xC2,
                                 scans=[(1 + i // 63, 1 + i % 63) for i in range(150)])
    yield "good-scan-again", jpeg(frame=0xC2, scans=[(1, 1), (1, 1)])
    yield "bad-no-tables", b"\xff\xd8" + grey[2 + 69:]
    yield "bad-sampling", jpeg(sampling=0x55)
    yield "good-segment-of-1-byte", b"\xff\xd8" + segment(0xE1, b"", length=1) + grey[2:]
    yield "bad-segment-long", b"\xff\xd8" + segment(0xE1, exif(6), length=65535) + grey[2:]


# ---- Writing ----

CORPORA = {
    "safetensors": safetensors_corpus,
    "checkpoint": checkpoint_corpus,
    "network": network_corpus,
    "profile": profile_corpus,
    "idx": idx_corpus,
    "cifar": cifar_corpus,
    "npy": npy_corpus,
    "npz": npz_corpus,
    "csv": csv_corpus,
    "prepared": prepared_corpus,
    "png": png_corpus,
    "exif": exif_corpus,
    "jpeg": jpeg_corpus,
}


def main():
    check, differences = "--check" in sys.argv, 0
    for target, corpus in CORPORA.items():
        folder, files = CORPUS / target, dict(corpus())
        folder.mkdir(parents=True, exist_ok=True)
        made = (path for path in folder.glob("*") if path.name.startswith(("good-", "bad-")))
        stale = {path for path in made if path.name not in files}
        changed = [name for name, data in files.items()
                   if not (folder / name).is_file() or (folder / name).read_bytes() != data]
        for path in [*sorted(stale), *(folder / name for name in changed)]:
            print(path.relative_to(CORPUS))
            differences += 1
            if check:
                continue
            if path in stale:
                path.unlink()
            else:
                path.write_bytes(files[path.name])
    return 1 if check and differences else 0


if __name__ == "__main__":
    sys.exit(main())
