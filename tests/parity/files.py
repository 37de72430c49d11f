"""Files that clenet reads and writes: IDX and safetensors; and its generator of shuffled orders."""
import json
import pathlib
import struct

import numpy as np

DTYPES = {"F32": np.float32, "F64": np.float64, "F16": np.float16, "I64": np.int64, "BF16": np.uint16}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items() if name != "BF16"}
MASK64 = (1 << 64) - 1


def write_idx(path, array):
    path.write_bytes(struct.pack(">I", 0x0800 | array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
                     + array.astype(np.uint8).tobytes())


def write_safetensors(path, tensors, metadata=None):
    """`tensors` maps a name to an array, or to (name of the dtype, array of its bits)."""
    header, blobs, offset = {}, [], 0
    if metadata:
        header["__metadata__"] = metadata
    for name, value in tensors.items():
        kind, array = value if isinstance(value, tuple) else (NAMES[value.dtype], value)
        blob = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def read_safetensors(path):
    """Returns the tensors by name, and the metadata."""
    data = pathlib.Path(path).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(data[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors, metadata


class Pcg32:
    """The generator of src/data/random.c."""

    def __init__(self, state, increment):
        self.state, self.increment = state, increment

    def u32(self):
        old = self.state
        self.state = (old * 6364136223846793005 + self.increment) & MASK64
        shifted, rotation = (((old >> 18) ^ old) >> 27) & 0xffffffff, old >> 59
        return ((shifted >> rotation) | (shifted << (-rotation & 31))) & 0xffffffff

    def below(self, bound):
        least = (-bound & 0xffffffff) % bound
        while True:
            number = self.u32()
            if number >= least:
                return number % bound

    def permutation(self, count):
        order = list(range(count))
        for i in range(count, 1, -1):
            j = self.below(i)
            order[i - 1], order[j] = order[j], order[i - 1]
        return order
