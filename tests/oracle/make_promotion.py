# SPDX-License-Identifier: MIT
"""promotion.csv: result dtypes of pairs of dtypes, of dtype and Python scalar, and of a few operations."""

import sys

from golden import FOLDER, torch

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64",
          "complex128"]
SCALARS = {"bool": True, "int": 1, "float": 1.0, "complex": 1j}


def tensor(dtype):
    return torch.ones(1, dtype=getattr(torch, dtype))


def name(dtype):
    return str(dtype).removeprefix("torch.")


def attempt(f):
    try:
        return name(f().dtype)
    except (RuntimeError, NotImplementedError, TypeError):
        return "error"


rows = ["kind,left,right,result"]
for a in DTYPES:
    for b in DTYPES:
        rows.append(f"tensor_tensor,{a},{b},{name(torch.result_type(tensor(a), tensor(b)))}")
for a in DTYPES:
    for label, scalar in SCALARS.items():
        rows.append(f"tensor_scalar,{a},{label},{name(torch.result_type(tensor(a), scalar))}")
for a in DTYPES:
    for b in DTYPES:
        rows.append(f"div,{a},{b},{attempt(lambda: tensor(a) / tensor(b))}")
for op in ("exp", "sum", "prod", "cumsum", "mean", "abs", "neg", "floor", "sqrt", "square", "reciprocal", "sigmoid"):
    for a in DTYPES:
        if op == "mean":
            result = attempt(lambda: torch.mean(tensor(a)))
        elif op == "cumsum":
            result = attempt(lambda: torch.cumsum(tensor(a), 0))
        else:
            result = attempt(lambda: getattr(torch, op)(tensor(a)))
        rows.append(f"{op},{a},,{result}")
FOLDER.mkdir(parents=True, exist_ok=True)
(FOLDER / "promotion.csv").write_text("\n".join(rows) + "\n")
print(f"promotion.csv: {len(rows) - 1} rows", file=sys.stderr)
