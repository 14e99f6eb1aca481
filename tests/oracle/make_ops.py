# SPDX-License-Identifier: MIT
"""ops.safetensors: pointwise operations, values and gradients."""

import itertools

import mpmath
from golden import Draw, Golden, np, torch

g = Golden("ops")
mpmath.mp.dps = 40

INF, NAN = float("inf"), float("nan")
# Infinities, NaN, signed zeros, huge, tiny, subnormal; then the kinks and half-way points of the family.
SPECIAL_1 = [INF, -INF, NAN, 0.0, -0.0, 3e38, -3e38, 1e30, -1e30, 1e-30, -1e-30, 1e-45, -1e-45,
             0.5, -0.5, 1.0, -1.0, 1.5, -1.5, 2.0, -2.0, 2.5, -2.5, 3.0, -3.0, 6.0, 20.0, -20.0, 100.0, -100.0]
SPECIAL_2 = [INF, -INF, NAN, 0.0, -0.0, 1.0, -1.0, 2.5, -3.0, 1e30]
SPECIAL_3 = [INF, -INF, NAN, 0.0, 1.0, -2.5]


def specials(name, expression, inputs):
    """The same expression on special values, upstream gradient one; also as PyTorch computes it in float32."""
    keys = list(inputs)
    values = {1: SPECIAL_1, 2: SPECIAL_2, 3: SPECIAL_3}[len(keys)]
    columns = zip(*itertools.product(values, repeat=len(keys)))
    special = {k: torch.tensor(c, dtype=torch.float32).double() for k, c in zip(keys, columns)}
    for key, value in special.items():
        g.put(name, f"special_{key}", value, exact=True)
    for prefix, dtype in (("special", torch.float64), ("special32", torch.float32)):
        (y,), _, gradients = g.run(expression, special, dtype=dtype, upstream=lambda _, out: torch.ones_like(out))
        g.put(name, f"{prefix}_y", y)
        for key, gradient in gradients.items():
            g.put(name, f"{prefix}_g{key}", gradient)


def unary(name, expression, lo=-3.0, hi=3.0, special=True):
    x0 = Draw(name).uniform((64,), lo, hi)
    g.case(name, expression, x0=x0)
    if special:
        specials(name, expression, {"x0": x0})


def many(name, expression, *domains, special=True):
    """Two or three operands of one shape, then the broadcast variant <name>_bcast."""
    for suffix, shapes in (("", [(8, 8)] * 3), ("_bcast", [(4, 1, 3), (5, 1), (5, 3)])):
        draw = Draw(name + suffix)
        inputs = {f"x{i}": draw.uniform(shapes[i], *d) for i, d in enumerate(domains)}
        g.case(name + suffix, expression, **inputs)
        if special and not suffix:
            specials(name, expression, inputs)


# Arithmetic.
ANY, POS, NONZERO = (-3.0, 3.0), (0.25, 4.0), (0.5, 3.0)
unary("abs", "torch.abs(x0)")
unary("neg", "-x0")
unary("square", "torch.square(x0)")
unary("reciprocal", "torch.reciprocal(x0)", 0.25, 4)
unary("add_scalar", "x0 + 1.5")
unary("rsub_scalar", "1.5 - x0")
unary("mul_scalar", "x0 * -2.5")
unary("div_scalar", "x0 / 2.5")
unary("rdiv_scalar", "2.5 / x0", 0.25, 4)
unary("deg2rad", "torch.deg2rad(x0)", -360, 360)
unary("rad2deg", "torch.rad2deg(x0)")
many("add", "x0 + x1", ANY, ANY)
many("add.alpha", "torch.add(x0, x1, alpha=2.5)", ANY, ANY)
many("sub", "x0 - x1", ANY, ANY)
many("sub.alpha", "torch.sub(x0, x1, alpha=2.5)", ANY, ANY)
many("mul", "x0 * x1", ANY, ANY)
many("div", "x0 / x1", ANY, NONZERO)
many("div.trunc", "torch.div(x0, x1, rounding_mode='trunc')", (-9, 9), NONZERO)
many("div.floor", "torch.div(x0, x1, rounding_mode='floor')", (-9, 9), NONZERO)
many("floor_divide", "torch.floor_divide(x0, x1)", (-9, 9), (-3, -0.5))
many("remainder", "torch.remainder(x0, x1)", (-9, 9), NONZERO)
many("remainder.negative", "torch.remainder(x0, x1)", (-9, 9), (-3, -0.5))
many("fmod", "torch.fmod(x0, x1)", (-9, 9), NONZERO)
many("fmod.negative", "torch.fmod(x0, x1)", (-9, 9), (-3, -0.5))
many("maximum", "torch.maximum(x0, x1)", ANY, ANY)
many("minimum", "torch.minimum(x0, x1)", ANY, ANY)
many("fmax", "torch.fmax(x0, x1)", ANY, ANY)
many("fmin", "torch.fmin(x0, x1)", ANY, ANY)
many("copysign", "torch.copysign(x0, x1)", ANY, ANY)
many("hypot", "torch.hypot(x0, x1)", ANY, ANY)
many("lerp", "torch.lerp(x0, x1, x2)", ANY, ANY, (-0.5, 1.5))
many("lerp.scalar_low", "torch.lerp(x0, x1, 0.25)", ANY, ANY)
many("lerp.scalar_high", "torch.lerp(x0, x1, 0.75)", ANY, ANY)
many("addcmul", "torch.addcmul(x0, x1, x2)", ANY, ANY, ANY)
many("addcmul.value", "torch.addcmul(x0, x1, x2, value=-0.5)", ANY, ANY, ANY)
many("addcdiv", "torch.addcdiv(x0, x1, x2)", ANY, ANY, NONZERO)
many("addcdiv.value", "torch.addcdiv(x0, x1, x2, value=-0.5)", ANY, ANY, NONZERO)
many("heaviside", "torch.heaviside(x0, x1)", ANY, ANY)
unary("sign", "torch.sign(x0)")
unary("sgn", "torch.sgn(x0)")
unary("signbit", "torch.signbit(x0)")
unary("clamp", "torch.clamp(x0, -1.0, 1.5)")
unary("clamp.min", "torch.clamp(x0, min=-0.5)")
unary("clamp.max", "torch.clamp(x0, max=0.5)")
unary("clamp.min_above_max", "torch.clamp(x0, 1.0, -1.0)")
many("clamp.tensor", "torch.clamp(x0, x1, x2)", ANY, (-2, 0), (-0.5, 2))
many("clamp.tensor_min", "torch.clamp(x0, min=x1)", ANY, ANY)
unary("nan_to_num", "torch.nan_to_num(x0)")
unary("nan_to_num.values", "torch.nan_to_num(x0, nan=0.5, posinf=10.0, neginf=-20.0)")

# Powers and roots.
unary("sqrt", "torch.sqrt(x0)", 0.0625, 9)
unary("rsqrt", "torch.rsqrt(x0)", 0.0625, 9)
many("pow", "torch.pow(x0, x1)", POS, ANY)
for label, exponent in (("0", 0.0), ("1", 1.0), ("2", 2.0), ("3", 3.0), ("4", 4.0), ("7", 7.0), ("m1", -1.0),
                        ("m2", -2.0), ("m3", -3.0)):
    unary(f"pow.scalar_{label}", f"torch.pow(x0, {exponent})")
for label, exponent in (("half", 0.5), ("mhalf", -0.5), ("2_5", 2.5), ("third", 0.25)):
    unary(f"pow.scalar_{label}", f"torch.pow(x0, {exponent})", 0.25, 4)
unary("pow.base_2", "torch.pow(2.0, x0)")
unary("pow.base_0", "torch.pow(0.0, x0)", 0.25, 3)

# Exponentials and logarithms.
unary("exp", "torch.exp(x0)")
unary("exp2", "torch.exp2(x0)")
unary("expm1", "torch.expm1(x0)")
unary("expm1.small", "torch.expm1(x0)", -1e-3, 1e-3, special=False)
unary("log", "torch.log(x0)", 0.0625, 9)
unary("log2", "torch.log2(x0)", 0.0625, 9)
unary("log10", "torch.log10(x0)", 0.0625, 9)
unary("log1p", "torch.log1p(x0)", -0.75, 9)
unary("log1p.small", "torch.log1p(x0)", -1e-3, 1e-3, special=False)
unary("sigmoid", "torch.sigmoid(x0)", -8, 8)
unary("logit", "torch.logit(x0)", 0.0625, 0.9375)
unary("logit.eps", "torch.logit(x0, eps=0.125)", 0.01, 0.99)
many("logaddexp", "torch.logaddexp(x0, x1)", ANY, ANY)
many("logaddexp2", "torch.logaddexp2(x0, x1)", ANY, ANY)
many("xlogy", "torch.xlogy(x0, x1)", ANY, POS)
many("xlog1py", "torch.special.xlog1py(x0, x1)", ANY, POS)
many("ldexp", "torch.ldexp(x0, x1)", ANY, ANY, special=False)

# Trigonometric and hyperbolic.
unary("sin", "torch.sin(x0)", -9, 9)
unary("cos", "torch.cos(x0)", -9, 9)
unary("tan", "torch.tan(x0)", -1.4, 1.4)
unary("asin", "torch.asin(x0)", -0.96875, 0.96875)
unary("acos", "torch.acos(x0)", -0.96875, 0.96875)
unary("atan", "torch.atan(x0)")
unary("sinh", "torch.sinh(x0)")
unary("cosh", "torch.cosh(x0)")
unary("tanh", "torch.tanh(x0)")
unary("asinh", "torch.asinh(x0)")
unary("acosh", "torch.acosh(x0)", 1.125, 9)
unary("atanh", "torch.atanh(x0)", -0.96875, 0.96875)
unary("sinc", "torch.sinc(x0)")
many("atan2", "torch.atan2(x0, x1)", ANY, ANY)

# Rounding.
for name in ("ceil", "floor", "round", "trunc", "frac"):
    unary(name, f"torch.{name}(x0)", -9, 9)
unary("round.decimals_2", "torch.round(x0, decimals=2)", -9, 9)
unary("round.decimals_m1", "torch.round(x0, decimals=-1)", -90, 90)

# Comparison and logic.
for name in ("eq", "ne", "lt", "le", "gt", "ge"):
    many(name, f"torch.{name}(x0, x1)", ANY, ANY)
for name in ("logical_and", "logical_or", "logical_xor"):
    many(name, f"torch.{name}(x0, x1)", ANY, ANY)
unary("logical_not", "torch.logical_not(x0)")
for name in ("isnan", "isinf", "isfinite", "isposinf", "isneginf"):
    unary(name, f"torch.{name}(x0)")
many("isclose", "torch.isclose(x0, x1, rtol=0.25, atol=0.125)", ANY, ANY)
many("isclose.equal_nan", "torch.isclose(x0, x1, equal_nan=True)", ANY, ANY)
many("where", "torch.where(x0 > 0.25, x1, x2)", ANY, ANY, ANY)
many("where.self", "torch.where(x0 > x1, x0 * 2.0, x1)", ANY, ANY)
many("where.scalar", "torch.where(x0 > x1, x0, -1.5)", ANY, ANY)

# Error functions and the gamma family.
unary("erf", "torch.erf(x0)")
unary("erfc", "torch.erfc(x0)")
unary("erfc.tail", "torch.erfc(x0)", 3, 8, special=False)
unary("erfinv", "torch.erfinv(x0)", -0.96875, 0.96875)
unary("lgamma", "torch.lgamma(x0)", 0.0625, 9)
unary("lgamma.negative", "torch.lgamma(x0)", -4.9, -0.1, special=False)
unary("digamma", "torch.digamma(x0)", 0.0625, 9)
unary("digamma.negative", "torch.digamma(x0)", -4.9, -0.1, special=False)
unary("polygamma.1", "torch.polygamma(1, x0)", 0.0625, 9, special=False)
unary("polygamma.2", "torch.polygamma(2, x0)", 0.0625, 9, special=False)
# PyTorch's trigamma is right to nine digits only, and finite at its poles: exact values stand in for it.
def trigamma(x):
    return np.inf if x <= 0 and x == np.floor(x) else float(mpmath.psi(1, float(x)))


for case, part, at, upstream in (("digamma", "gx0", "x0", "gy"), ("digamma", "special_gx0", "special_x0", None),
                                 ("digamma.negative", "gx0", "x0", "gy"), ("polygamma.1", "y", "x0", None)):
    x, result = g.arrays[f"{case}/{at}"], g.arrays[f"{case}/{part}"]
    exact = np.isfinite(x) & (x < 1e6)
    scale = g.arrays[f"{case}/{upstream}"] if upstream else np.ones_like(x)
    result[exact] = [trigamma(v) for v in x[exact]] * scale[exact]
unary("i0", "torch.i0(x0)")
unary("erfcx", "torch.special.erfcx(x0)")
unary("ndtr", "torch.special.ndtr(x0)")
unary("ndtri", "torch.special.ndtri(x0)", 0.0625, 0.9375)
unary("log_ndtr", "torch.special.log_ndtr(x0)")
unary("entr", "torch.special.entr(x0)", 0.0625, 4)

# Activations.
for name, expression in {
    "elu": "F.elu(x0)",
    "elu.alpha": "F.elu(x0, alpha=0.5)",
    "celu": "F.celu(x0)",
    "celu.alpha": "F.celu(x0, alpha=0.5)",
    "selu": "F.selu(x0)",
    "gelu": "F.gelu(x0)",
    "gelu.tanh": "F.gelu(x0, approximate='tanh')",
    "hardshrink": "F.hardshrink(x0)",
    "hardshrink.lambd": "F.hardshrink(x0, lambd=1.5)",
    "hardsigmoid": "F.hardsigmoid(x0)",
    "hardtanh": "F.hardtanh(x0)",
    "hardtanh.range": "F.hardtanh(x0, -2.0, 0.5)",
    "hardswish": "F.hardswish(x0)",
    "leaky_relu": "F.leaky_relu(x0)",
    "leaky_relu.slope": "F.leaky_relu(x0, 0.25)",
    "logsigmoid": "F.logsigmoid(x0)",
    "relu": "F.relu(x0)",
    "relu6": "F.relu6(x0)",
    "rrelu.eval": "F.rrelu(x0, 0.125, 0.375, training=False)",
    "silu": "F.silu(x0)",
    "mish": "F.mish(x0)",
    "softplus": "F.softplus(x0)",
    "softplus.beta_threshold": "F.softplus(x0, beta=2.0, threshold=5.0)",
    "softshrink": "F.softshrink(x0)",
    "softshrink.lambd": "F.softshrink(x0, lambd=1.5)",
    "softsign": "F.softsign(x0)",
    "tanhshrink": "F.tanhshrink(x0)",
    "threshold": "F.threshold(x0, 0.5, 20.0)",
}.items():
    unary(name, expression, -8, 8)
d = Draw("prelu")
g.case("prelu", "F.prelu(x0, x1)", x0=d.uniform((2, 3, 4)), x1=d.uniform((1,), 0, 0.5))
g.case("prelu.channels", "F.prelu(x0, x1)", x0=d.uniform((2, 3, 4)), x1=d.uniform((3,), -0.5, 0.5))
g.case("prelu.channels_2d", "F.prelu(x0, x1)", x0=d.uniform((8, 3)), x1=d.uniform((3,), -0.5, 0.5))
d = Draw("glu")
g.case("glu", "F.glu(x0)", x0=d.uniform((4, 6)))
g.case("glu.dim_1", "F.glu(x0, dim=1)", x0=d.uniform((2, 4, 3)))

# Compositions as users write them: fused here, separate kernels there.
unary("chain.silu_relu", "F.silu(F.relu(x0))", special=False)
many("chain.mul_add_tanh", "torch.tanh(x0 * x1 + x2) * x0", ANY, ANY, ANY, special=False)
many("chain.repeated", "x0 * x0 + x0 * x1 - x1 / (x0 * x0 + 1)", ANY, ANY, special=False)
many("chain.gaussian", "torch.exp(-(x0 - x1) ** 2 / (2 * x2 ** 2)) / x2", ANY, ANY, NONZERO, special=False)

# Integers: no gradient.
for name, expression in {
    "int.add": "x0 + x1",
    "int.mul": "x0 * x1",
    "int.div": "x0 / x1",
    "int.div_trunc": "torch.div(x0, x1, rounding_mode='trunc')",
    "int.div_floor": "torch.div(x0, x1, rounding_mode='floor')",
    "int.floor_divide": "x0 // x1",
    "int.remainder": "torch.remainder(x0, x1)",
    "int.fmod": "torch.fmod(x0, x1)",
    "int.maximum": "torch.maximum(x0, x1)",
    "int.minimum": "torch.minimum(x0, x1)",
    "int.bitwise_and": "x0 & x1",
    "int.bitwise_or": "x0 | x1",
    "int.bitwise_xor": "x0 ^ x1",
    "int.gcd": "torch.gcd(x0, x1)",
    "int.lcm": "torch.lcm(x0, x1)",
    "int.eq": "x0 == x1",
    "int.lt": "x0 < x1",
    "int.logical_and": "torch.logical_and(x0, x1)",
}.items():
    d = Draw(name)
    x0, x1 = d.ints((8, 8), -20, 21), d.ints((8, 8), -5, 6)
    g.case(name, expression, x0=x0, x1=torch.where(x1 == 0, 4, x1) if "logical" not in name else x1)
for name, expression in {"int.abs": "torch.abs(x0)", "int.neg": "-x0", "int.sign": "torch.sign(x0)",
                         "int.bitwise_not": "~x0", "int.square": "torch.square(x0)", "int.pow_3": "x0 ** 3",
                         "int.sqrt": "torch.sqrt(torch.abs(x0).double())", "int.clamp": "torch.clamp(x0, -3, 5)",
                         "int.logical_not": "torch.logical_not(x0)"}.items():
    g.case(name, expression, x0=Draw(name).ints((64,), -20, 21))
for name, expression in {"int.left_shift": "x0 << x1", "int.right_shift": "x0 >> x1", "int.pow": "x0 ** x1"}.items():
    d = Draw(name)
    g.case(name, expression, x0=d.ints((8, 8), -20, 21), x1=d.ints((8, 8), 0, 6))

g.save()
