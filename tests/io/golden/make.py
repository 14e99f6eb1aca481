# SPDX-License-Identifier: MIT
"""Makes the files beside it with the formats' own libraries: python make.py (needs torch, numpy and safetensors)."""

import csv
import gzip
import io
import pathlib
import struct

import numpy as np
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent


def ramp(count, dtype):
    """0, 1, 2, ... less one half where the dtype has halves, with an imaginary part of minus twice that."""
    if dtype == torch.bool:
        return torch.arange(count) % 3 == 0
    if dtype.is_complex:
        real = torch.arange(count) - 0.5
        return torch.complex(real, -2 * real).to(dtype)
    return (torch.arange(count) - (0.5 if dtype.is_floating_point else 0)).to(dtype)


def safetensors():
    dtypes = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
              torch.float32, torch.float64, torch.complex64]
    tensors = {str(dtype).removeprefix("torch."): ramp(6, dtype).reshape(2, 3) for dtype in dtypes}
    tensors |= {"scalar": torch.tensor(3.5), "none": torch.zeros(0, 4), "é\u2028\U0001f600/\"\\\t\x01": torch.ones(1)}
    save_file(tensors, HERE / "all.safetensors", metadata={"format": "pt \n\"ü\""})
    save_file({}, HERE / "empty.safetensors")


def npy():
    table = np.arange(6).reshape(2, 3)
    for name in ["<f2", "<f4", "<f8", ">f2", ">f4", ">f8", "|b1", "|u1", "|i1", "<i2", ">i2", "<i4", "<i8", ">i8", "<c8",
                 ">c8", "<c16"]:
        dtype = np.dtype(name)
        values = (table - 0.5) * (1 - 2j) if dtype.kind == "c" else table - 0.5 if dtype.kind == "f" else table
        np.save(HERE / (name.replace("<", "le_").replace(">", "be_").replace("|", "") + ".npy"), values.astype(dtype))
    np.save(HERE / "fortran.npy", np.asfortranarray(table.astype("<f4") - 0.5))
    np.save(HERE / "scalar.npy", np.array(3.5, "<f4"))
    np.save(HERE / "none.npy", np.zeros((0, 5), "<f4"))
    np.save(HERE / "uint16.npy", np.zeros(3, "<u2"))
    np.save(HERE / "text.npy", np.array(["a", "bc"]))
    np.save(HERE / "fields.npy", np.zeros(2, [("x", "<f4"), ("y", "<i4")]))
    np.save(HERE / "objects.npy", np.array([None, {}], object), allow_pickle=True)
    for version in [(2, 0), (3, 0)]:
        with open(HERE / f"version{version[0]}.npy", "wb") as file:
            np.lib.format.write_array(file, table.astype("<f4") - 0.5, version=version)
    with open(HERE / "two.npy", "wb") as file:
        np.save(file, np.arange(3, dtype="<i8"))
        np.save(file, np.arange(2, dtype="<i2"))


def gzipped():
    images = struct.pack(">4B3I", 0, 0, 0x08, 3, 2, 3, 4) + bytes(range(24))
    (HERE / "images.idx3-ubyte.gz").write_bytes(gzip.compress(images, mtime=0))
    (HERE / "members.gz").write_bytes(gzip.compress(b"one ", mtime=0) + gzip.compress(b"", mtime=0) +
                                      gzip.compress(b"two", mtime=0) + bytes(7))
    (HERE / "zeros.gz").write_bytes(gzip.compress(bytes(10_000_000), mtime=0))


def table():
    text = io.StringIO(newline="")
    writer = csv.writer(text)  # its default dialect is RFC 4180: commas, CR LF, quotes where they are needed
    writer.writerows([["name", "a,b", "value"], ["plain", 1, -0.5], ['say "hi"', 2, 1e300], ["two\r\nlines", 3, "nan"],
                      ["", 4, "inf"], ["ünï", 5, " 7 "]])
    (HERE / "table.csv").write_bytes(text.getvalue().encode())


if __name__ == "__main__":
    safetensors()
    npy()
    gzipped()
    table()
