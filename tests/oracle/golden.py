# SPDX-License-Identifier: MIT
"""Shared helpers: seeded inputs, one recorded case per expression, and the golden files themselves."""

import os

# The plain code path of every kernel: the same bits on every x86-64 machine.
os.environ.setdefault("ATEN_CPU_CAPABILITY", "default")
os.environ.setdefault("MKL_CBWR", "COMPATIBLE")

import math
import pathlib
import sys
import warnings
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from torch import nn

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
warnings.simplefilter("ignore")

FOLDER = pathlib.Path(os.environ.get("GOLDEN_DIR", pathlib.Path(__file__).resolve().parent.parent / "golden"))
NAMES = {"torch": torch, "F": F, "nn": nn, "math": math, "np": np, "inf": math.inf, "nan": math.nan}


def seed_of(name):
    """The seed of a case is its name, so that a new case leaves all others as they are."""
    return zlib.crc32(name.encode())


class Draw:
    """Seeded inputs whose floating values are exact in float32."""

    def __init__(self, name):
        self.rng = np.random.Generator(np.random.PCG64(seed_of(name)))

    def uniform(self, shape, lo=-3.0, hi=3.0):
        return torch.tensor(self.rng.uniform(lo, hi, shape).astype(np.float32).astype(np.float64))

    def normal(self, shape, scale=1.0):
        return torch.tensor((self.rng.standard_normal(shape) * scale).astype(np.float32).astype(np.float64))

    def distinct(self, shape):
        """Values in [-3, 3] that differ by at least 2^-10: no ties, no near ties."""
        n = math.prod(shape)
        steps = self.rng.permutation(np.arange(-3072, 3073))[:n]
        return torch.tensor(steps.astype(np.float64).reshape(shape) / 1024)

    def ints(self, shape, lo, hi):
        return torch.tensor(self.rng.integers(lo, hi, shape, dtype=np.int64))

    def bools(self, shape, p=0.5):
        return torch.tensor(self.rng.random(shape) < p)


def array_of(value):
    """A contiguous float64, int64 or bool array; complex values get a last axis (re, im)."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        if value.is_complex():
            value = torch.view_as_real(value.resolve_conj())
        value = value.resolve_neg().double() if value.is_floating_point() else value
        value = value.numpy(force=True)
    value = np.asarray(value)
    kind = {"b": np.bool_, "i": np.int64, "u": np.int64, "f": np.float64}[value.dtype.kind]
    return np.array(value, dtype=kind, order="C", copy=True)


def is_differentiable(t):
    return isinstance(t, torch.Tensor) and (t.is_floating_point() or t.is_complex())


class Golden:
    """One golden file: flat keys to arrays, and the list of its cases."""

    def __init__(self, file):
        self.file, self.arrays, self.notes, self.order = file, {}, {}, []

    def put(self, case, key, value, exact=False):
        assert "/" not in case, case
        array = array_of(value)
        if exact and array.dtype == np.float64:
            same = array.astype(np.float32).astype(np.float64)
            assert np.array_equal(same, array, equal_nan=True), f"{case}/{key} is not exact in float32"
        full = f"{case}/{key}"
        assert full not in self.arrays, full
        self.arrays[full] = array
        if case not in self.order:
            self.order.append(case)
            self.notes.setdefault(case, "")

    def note(self, case, text):
        self.notes[case] = text

    def args(self, case, **values):
        for key, value in values.items():
            self.put(case, f"arg/{key}", np.asarray(value))

    def run(self, expression, inputs, frozen=(), dtype=torch.float64, upstream=None, extra=None):
        """Evaluates expression on inputs; returns outputs, upstream gradients and input gradients by name."""
        local = {}
        for key, value in inputs.items():
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                value = value.detach().to(dtype)
            elif isinstance(value, torch.Tensor) and value.is_complex():
                value = value.detach().clone()
            local[key] = value
            if is_differentiable(value) and key not in frozen:
                value = value.clone().requires_grad_()
                local[key] = value
        # Names of inputs win over names of modules.
        result = eval(expression, {**NAMES, **(extra or {}), **local})
        outputs = list(result) if isinstance(result, (tuple, list)) else [result]
        if upstream is None:
            return outputs, {}, {}
        roots = [o for o in outputs if is_differentiable(o) and o.requires_grad]
        grads_out = [upstream(i, o) for i, o in enumerate(roots)]
        gradients = {}
        if roots:
            leaves = {k: v for k, v in local.items() if is_differentiable(v) and v.requires_grad}
            try:
                found = torch.autograd.grad(roots, list(leaves.values()), grads_out, allow_unused=True)
            except (RuntimeError, NotImplementedError) as e:
                if "not implemented" not in str(e):
                    raise
                return outputs, {}, {}
            gradients = {k: v for k, v in zip(leaves, found) if v is not None}
        sent = {id(o): g for o, g in zip(roots, grads_out)}
        return outputs, {i: sent[id(o)] for i, o in enumerate(outputs) if id(o) in sent}, gradients

    def case(self, name, expression, frozen=(), outputs=None, extra=None, note=None, **inputs):
        """Records inputs, y, a random upstream gy, and one g<input> per differentiable input."""
        for key, value in inputs.items():
            self.put(name, key, value, exact=True)
        draw = Draw(name + "/gy")

        def upstream(_, out):
            if out.is_complex():
                return torch.complex(draw.normal(tuple(out.shape)), draw.normal(tuple(out.shape)))
            return draw.normal(tuple(out.shape)).to(out.dtype)

        ys, gys, gradients = self.run(expression, inputs, frozen, upstream=upstream, extra=extra)
        outputs = outputs or (["y"] if len(ys) == 1 else [f"y{i}" for i in range(len(ys))])
        for key, y in zip(outputs, ys, strict=True):
            self.put(name, key, y)
        for i, gy in gys.items():
            self.put(name, "g" + outputs[i], gy, exact=True)
        for key, gradient in gradients.items():
            self.put(name, "g" + key, gradient)
        self.note(name, note or expression)

    def save(self):
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{self.file}.safetensors"
        save_file(self.arrays, path)
        path.chmod(0o644)
        lines = [f"# {self.file}.safetensors: case, expression, keys with shapes (:b bool, :i int64, else float64)"]
        by_case = {case: [] for case in self.order}
        for full in self.arrays:
            by_case[full.split("/", 1)[0]].append(full)
        for case in self.order:
            keys = []
            for full in by_case[case]:
                a = self.arrays[full]
                mark = {"b": ":b", "i": ":i", "f": ""}[a.dtype.kind]
                keys.append(f"{full[len(case) + 1:]}{mark}[{','.join(map(str, a.shape))}]")
            lines += [f"{case}", f"    {self.notes[case]}", f"    {' '.join(keys)}"]
        (FOLDER / f"{self.file}.txt").write_text("\n".join(lines) + "\n")
        kib = path.stat().st_size / 1024
        print(f"{path.name}: {len(self.order)} cases, {len(self.arrays)} arrays, {kib:.0f} KiB", file=sys.stderr)
