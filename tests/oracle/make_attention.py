# SPDX-License-Identifier: MIT
"""attention.safetensors: scaled_dot_product_attention with masks, causal, grouped heads, broadcasting, a scale."""

from golden import Draw, Golden, torch

g = Golden("attention")


def attention(name, options="", mask=None, frozen=(), **shapes):
    draw = Draw(name)
    inputs = {key: draw.normal(shape) for key, shape in shapes.items()}
    if mask is not None:
        inputs["mask"] = mask(draw)
        options = ", attn_mask=mask" + options
    g.case(name, f"F.scaled_dot_product_attention(q, k, v{options})", frozen=frozen, **inputs)


def bools(shape, p=0.6):
    return lambda draw: draw.bools(shape, p)


def floats(shape):
    return lambda draw: draw.normal(shape)


def some_rows(shape, floating):
    """Row 1 is masked as a whole, row 0 but for its last key."""

    def make(draw):
        mask = draw.bools(shape)
        mask[..., 0, :] = False
        mask[..., 0, -1] = True
        mask[..., 1, :] = False
        return draw.normal(shape).masked_fill(~mask, -torch.inf) if floating else mask

    return make


attention("plain", q=(2, 3, 5, 4), k=(2, 3, 7, 4), v=(2, 3, 7, 6))
attention("matrix", q=(5, 4), k=(7, 4), v=(7, 6))
attention("one", q=(1, 1), k=(1, 1), v=(1, 1))
attention("scale", ", scale=-0.75", q=(2, 5, 4), k=(2, 7, 4), v=(2, 7, 6))
attention("broadcast", q=(2, 1, 5, 4), k=(3, 7, 4), v=(7, 6))
attention("broadcast.ones", q=(5, 4), k=(2, 1, 7, 4), v=(1, 3, 7, 6))
attention("larger", q=(66, 5), k=(131, 5), v=(131, 3))
for queries, keys in ((5, 5), (4, 7), (7, 4), (66, 70)):
    attention(f"causal.{queries}_{keys}", ", is_causal=True", q=(queries, 4), k=(keys, 4), v=(keys, 3))
for name, shape in (("", (2, 2, 3, 5)), (".matrix", (3, 5)), (".keys", (1, 5)), (".queries", (3, 1)), (".batch", (2, 1, 1, 5)),
                    (".one", (1, 1))):
    shapes = {"q": (2, 2, 3, 2), "k": (2, 2, 5, 2), "v": (2, 2, 5, 3)}
    attention(f"bool{name}", mask=bools(shape), **shapes)
    attention(f"float{name}", mask=floats(shape), **shapes)
    attention(f"constant{name}", mask=floats(shape), frozen=("mask",), **shapes)
attention("bool.rows", mask=some_rows((2, 5, 7), False), q=(2, 5, 4), k=(2, 7, 4), v=(2, 7, 6))
attention("float.rows", mask=some_rows((2, 5, 7), True), q=(2, 5, 4), k=(2, 7, 4), v=(2, 7, 6))
attention("constant.rows", mask=some_rows((2, 5, 7), True), frozen=("mask",), q=(2, 5, 4), k=(2, 7, 4), v=(2, 7, 6))
attention("bool.larger", mask=bools((66, 131)), q=(66, 5), k=(131, 5), v=(131, 3))
attention("gqa", ", enable_gqa=True", q=(2, 6, 5, 4), k=(2, 2, 7, 4), v=(2, 2, 7, 3))
attention("gqa.one", ", enable_gqa=True", q=(2, 4, 5, 4), k=(2, 1, 7, 4), v=(2, 1, 7, 3))
attention("gqa.same", ", enable_gqa=True", q=(4, 5, 4), k=(4, 7, 4), v=(4, 7, 3))
attention("gqa.two", ", enable_gqa=True", q=(1, 8, 5, 4), k=(1, 2, 7, 4), v=(1, 4, 7, 3))
attention("gqa.causal", ", is_causal=True, enable_gqa=True", q=(2, 4, 6, 4), k=(2, 2, 6, 4), v=(2, 2, 6, 3))
attention("gqa.bool", ", enable_gqa=True", mask=bools((2, 1, 5, 7)), q=(2, 4, 5, 4), k=(2, 2, 7, 4), v=(2, 2, 7, 3))
attention("empty.queries", q=(2, 0, 4), k=(2, 7, 4), v=(2, 7, 3))
attention("empty.keys", q=(2, 5, 4), k=(2, 0, 4), v=(2, 0, 3))
attention("empty.features", q=(2, 5, 0), k=(2, 7, 0), v=(2, 7, 3))
attention("empty.values", q=(2, 5, 4), k=(2, 7, 4), v=(2, 7, 0))
attention("empty.items", q=(0, 5, 4), k=(0, 7, 4), v=(0, 7, 3))
g.save()
