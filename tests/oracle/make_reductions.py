# SPDX-License-Identifier: MIT
"""reductions.safetensors: reductions and scans over several axes, values, indices and gradients."""

from golden import Draw, Golden, torch

g = Golden("reductions")
INF, NAN = float("inf"), float("nan")

# arg/dim is empty for a reduction of everything.
AXES = {"all": [], "d0": [0], "d1": [1], "dm1": [-1], "d0_2": [0, 2], "d1_2": [1, 2], "d0_1_2": [0, 1, 2]}


def reduce(name, call, x, dim, keepdim=None, outputs=None, **args):
    g.case(name, call, outputs=outputs, x=x)
    g.args(name, dim=torch.tensor(dim, dtype=torch.int64))
    if keepdim is not None:
        g.args(name, keepdim=keepdim)
    g.args(name, **args)


def draws(name, **how):
    shape = how.get("shape", (3, 4, 5))
    return Draw(name).uniform(shape, *how["domain"]) if "domain" in how else Draw(name).distinct(shape)


def over_axes(op, single, several, outputs=None, axes=AXES, whole=None, **how):
    """op.<axes> and op.<axes>.keep; `single` takes one axis, `several` a list of them."""
    args = how.get("args", {})
    for label, dim in axes.items():
        if not dim:
            if whole is not False:
                reduce(f"{op}.all", whole or f"torch.{op}(x)", draws(f"{op}.all", **how), [], **args)
            continue
        if len(dim) > 1 and several is None:
            continue
        call, at = (single, dim[0]) if several is None else (several, tuple(dim))
        for keepdim in (False, True):
            name = f"{op}.{label}" + (".keep" if keepdim else "")
            expression = call.replace("DIM", repr(at)).replace("KEEP", repr(keepdim))
            reduce(name, expression, draws(name, **how), dim, keepdim, outputs if outputs else None, **args)


for op in ("sum", "mean", "amin", "amax"):
    over_axes(op, None, f"torch.{op}(x, dim=DIM, keepdim=KEEP)")
over_axes("logsumexp", None, "torch.logsumexp(x, dim=DIM, keepdim=KEEP)", whole="torch.logsumexp(x, dim=(0, 1, 2))")
over_axes("prod", "torch.prod(x, dim=DIM, keepdim=KEEP)", None, domain=(-1.5, 1.5))
for op in ("min", "max"):
    over_axes(op, f"torch.{op}(x, dim=DIM, keepdim=KEEP)", None, outputs=["y", "index"])
for op in ("argmin", "argmax"):
    over_axes(op, f"torch.{op}(x, dim=DIM, keepdim=KEEP)", None)
for op in ("var", "std"):
    for correction in (0, 1, 2):
        over_axes(f"{op}.correction_{correction}", None,
                  f"torch.{op}(x, dim=DIM, correction={correction}, keepdim=KEEP)",
                  whole=f"torch.{op}(x, correction={correction})", args={"correction": correction},
                  axes=AXES if correction == 1 else {"all": [], "d1": [1]})
for label, p in (("0", 0.0), ("1", 1.0), ("2", 2.0), ("3", 3.0), ("half", 0.5), ("inf", INF), ("minf", -INF)):
    over_axes(f"norm.p_{label}", None, f"torch.linalg.vector_norm(x, ord={p}, dim=DIM, keepdim=KEEP)",
              whole=f"torch.linalg.vector_norm(x, ord={p})", args={"p": p},
              axes=AXES if label in ("1", "2", "inf") else {"all": [], "d1": [1]})
for op in ("any", "all"):
    for label, dim in AXES.items():
        for keepdim in (False, True) if dim else (False,):
            name = f"{op}.{label}" + (".keep" if keepdim else "")
            x = Draw(name).bools((3, 4, 5), 0.25 if op == "any" else 0.75)
            call = f"torch.{op}(x, dim={tuple(dim)!r}, keepdim={keepdim})" if dim else f"torch.{op}(x)"
            reduce(name, call, x, dim, keepdim if dim else None)
for op in ("cumsum", "cumprod"):
    for label, dim in (("d0", 0), ("d1", 1), ("dm1", -1)):
        reduce(f"{op}.{label}", f"torch.{op}(x, dim={dim})", draws(f"{op}.{label}", domain=(-1.5, 1.5)), [dim])
    reduce(f"{op}.1d", f"torch.{op}(x, dim=0)", draws(f"{op}.1d", shape=(17,), domain=(-1.5, 1.5)), [0])

# Integers and bools: sums are int64.
for op, call in {"sum": "torch.sum(x, dim=1)", "prod": "torch.prod(x, dim=1)", "amax": "torch.amax(x, dim=1)",
                 "amin": "torch.amin(x, dim=1)", "argmax": "torch.argmax(x, dim=1)", "any": "torch.any(x, dim=1)",
                 "all": "torch.all(x, dim=1)", "cumsum": "torch.cumsum(x, dim=1)"}.items():
    # All distinct within a row: an index has one right answer.
    rows = torch.stack([torch.tensor(Draw(f"int.{op}{i}").rng.permutation(11) - 5) for i in range(4)])
    reduce(f"int.{op}", call, rows, [1])
reduce("bool.sum", "torch.sum(x, dim=1)", Draw("bool.sum").bools((4, 9)), [1])
reduce("bool.sum_all", "torch.sum(x)", Draw("bool.sum_all").bools((4, 9)), [])

# Shapes at the edge.
SCALAR, EMPTY = torch.tensor(1.5, dtype=torch.float64), torch.zeros((0, 3), dtype=torch.float64)
for op in ("sum", "mean", "prod", "amax", "amin", "argmax", "argmin", "cumsum"):
    reduce(f"rank_0.{op}", f"torch.{op}(x, dim=0)" if op == "cumsum" else f"torch.{op}(x)", SCALAR, [])
reduce("rank_0.var", "torch.var(x, correction=0)", SCALAR, [])
reduce("rank_0.norm", "torch.linalg.vector_norm(x)", SCALAR, [])
reduce("rank_0.logsumexp", "torch.logsumexp(x, dim=())", SCALAR, [])
for op in ("sum", "mean", "prod", "any", "all"):
    reduce(f"empty.{op}", f"torch.{op}(x)", EMPTY, [])
    reduce(f"empty.{op}_d0", f"torch.{op}(x, dim=0)", EMPTY, [0])
    reduce(f"empty.{op}_d1", f"torch.{op}(x, dim=1)", EMPTY, [1])
reduce("empty.amax_d1", "torch.amax(x, dim=1)", EMPTY, [1])
reduce("empty.logsumexp_d0", "torch.logsumexp(x, dim=0)", EMPTY, [0])
reduce("empty.norm", "torch.linalg.vector_norm(x)", EMPTY, [])
reduce("one.var", "torch.var(x, dim=1)", torch.tensor([[2.0], [3.0]], dtype=torch.float64), [1])
reduce("one.std_correction_0", "torch.std(x, dim=1, correction=0)", torch.tensor([[2.0], [3.0]]).double(), [1])

# NaN, infinities, ties, zeros: one row each, reduced over the last axis.
ROWS = torch.tensor([
    [1.0, NAN, 3.0, -2.0], [NAN, NAN, 1.0, INF], [INF, 1.0, -INF, 2.0], [INF, INF, 0.0, 1.0], [-INF, -INF, -INF, -INF],
    [3.0, 3.0, 1.0, 3.0], [1.0, 1.0, 2.0, 1.0], [0.0, -0.0, 0.0, -0.0], [0.0, 2.0, 3.0, 4.0], [0.0, 2.0, 0.0, 4.0],
    [0.0, 0.0, 0.0, 0.0], [1e30, 1e30, -1e30, 1.0], [500.0, 499.0, 0.0, -500.0], [2.0, 2.0, 2.0, 2.0],
], dtype=torch.float32).double()
for name, call in {
    "sum": "torch.sum(x, dim=1)", "mean": "torch.mean(x, dim=1)", "prod": "torch.prod(x, dim=1)",
    "amax": "torch.amax(x, dim=1)", "amin": "torch.amin(x, dim=1)", "logsumexp": "torch.logsumexp(x, dim=1)",
    "argmax": "torch.argmax(x, dim=1)", "argmin": "torch.argmin(x, dim=1)", "any": "torch.any(x, dim=1)",
    "all": "torch.all(x, dim=1)", "var": "torch.var(x, dim=1)", "std": "torch.std(x, dim=1)",
    "norm_1": "torch.linalg.vector_norm(x, ord=1, dim=1)", "norm_2": "torch.linalg.vector_norm(x, ord=2, dim=1)",
    "norm_3": "torch.linalg.vector_norm(x, ord=3, dim=1)",
    "norm_inf": "torch.linalg.vector_norm(x, ord=inf, dim=1)",
    "cumsum": "torch.cumsum(x, dim=1)",
}.items():
    reduce(f"special.{name}", call, ROWS, [1])
reduce("special.max", "torch.max(x, dim=1)", ROWS, [1], outputs=["y", "index"])
reduce("special.min", "torch.min(x, dim=1)", ROWS, [1], outputs=["y", "index"])

# Long rows: a reduction split over packs and threads, and its remainder.
for op in ("sum", "mean", "amax", "logsumexp"):
    reduce(f"long.{op}", f"torch.{op}(x, dim=1)", Draw(f"long.{op}").normal((2, 1037)), [1])
reduce("long.var", "torch.var(x, dim=1)", (Draw("long.var").normal((2, 1037)) + 64).float().double(), [1])

# Of an expression.
reduce("chain.sum_of_squares", "torch.sum((x * 2 - 1) ** 2, dim=1)", draws("chain.sum_of_squares"), [1])
reduce("chain.normalise", "(x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + 0.5)",
       draws("chain.normalise"), [1])

g.save()
