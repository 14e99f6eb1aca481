# SPDX-License-Identifier: MIT
"""complex.safetensors: pointwise operations, reductions and products of complex tensors; a last axis holds (re, im)."""

from golden import Draw, Golden, torch

g = Golden("complex")


def drawn(draw, shape):
    return torch.complex(draw.uniform(shape, -2, 2), draw.uniform(shape, -2, 2))


def case(name, expression, *shapes, real=()):
    draw = Draw(name)
    inputs = {f"x{i}": draw.uniform(s, 0.5, 2) if i in real else drawn(draw, s) for i, s in enumerate(shapes)}
    g.case(name, expression, **inputs)


for op in ("neg", "abs", "angle", "reciprocal", "square", "sqrt", "rsqrt", "exp", "log", "log2", "log10", "log1p",
           "expm1", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
           "sigmoid", "sgn"):
    case(op, f"torch.{op}(x0)", (24,))
case("conj", "torch.conj(x0).resolve_conj()", (24,))
case("real", "torch.real(x0)", (24,))
case("imag", "torch.imag(x0)", (24,))
case("pow_2", "x0 ** 2", (24,))
case("pow_half", "x0 ** 0.5", (24,))
case("pow", "x0 ** x1", (12,), (12,))
for name, sign in (("add", "+"), ("sub", "-"), ("mul", "*"), ("div", "/")):
    case(name, f"x0 {sign} x1", (12,), (12,))
    case(f"{name}.bcast", f"x0 {sign} x1", (4, 1, 3), (5, 1))
    case(f"{name}.real_right", f"x0 {sign} x1", (12,), (12,), real=(1,))
    case(f"{name}.real_left", f"x0 {sign} x1", (12,), (12,), real=(0,))
case("eq", "x0 == x1", (12,), (12,))
case("ne", "x0 != x1", (12,), (12,))
case("sum", "torch.sum(x0, dim=1)", (3, 4))
case("mean", "torch.mean(x0, dim=1)", (3, 4))
case("prod", "torch.prod(x0, dim=1)", (3, 4))
case("cumsum", "torch.cumsum(x0, dim=1)", (3, 4))
case("norm_2", "torch.linalg.vector_norm(x0, dim=1)", (3, 4))
case("norm_1", "torch.linalg.vector_norm(x0, ord=1, dim=1)", (3, 4))
case("var", "torch.var(x0, dim=1)", (3, 4))
case("matmul", "torch.matmul(x0, x1)", (3, 4), (4, 2))
case("matmul.batched", "torch.matmul(x0, x1)", (2, 3, 4), (2, 4, 2))
case("dot", "torch.dot(x0, x1)", (5,), (5,))
case("outer", "torch.outer(x0, x1)", (3,), (4,))
case("chain", "torch.abs(torch.exp(x0) * x1 + torch.conj(x0))", (12,), (12,))

g.save()
