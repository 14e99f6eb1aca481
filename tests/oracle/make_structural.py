# SPDX-License-Identifier: MIT
"""structural.safetensors: products, convolutions, pools, norms, indexing, joining, ordering."""

import itertools

from golden import Draw, F, Golden, torch

g = Golden("structural")
INF, NAN = float("inf"), float("nan")


def simple(name, expression, frozen=(), outputs=None, extra=None, **shapes):
    """Inputs given by shape are drawn; tensors are taken as they are."""
    draw = Draw(name)
    inputs = {k: v if isinstance(v, torch.Tensor) else draw.distinct(v) for k, v in shapes.items()}
    g.case(name, expression, frozen=frozen, outputs=outputs, extra=extra, **inputs)


def ints(values):
    return torch.tensor(values, dtype=torch.int64)


# Products.
for name, a, b in (("1d_1d", (4,), (4,)), ("1d_2d", (4,), (4, 3)), ("2d_1d", (3, 4), (4,)), ("2d_2d", (3, 4), (4, 5)),
                   ("3d_3d", (2, 3, 4), (2, 4, 5)), ("1d_3d", (4,), (2, 4, 3)), ("3d_1d", (2, 3, 4), (4,)),
                   ("3d_2d", (2, 3, 4), (4, 5)), ("2d_3d", (3, 4), (2, 4, 5)),
                   ("broadcast", (2, 1, 3, 4), (5, 4, 2)), ("broadcast_ones", (1, 3, 4), (3, 4, 2)),
                   ("inner_0", (3, 0), (0, 2)), ("outer_0", (0, 3), (3, 2)), ("larger", (17, 33), (33, 19))):
    simple(f"matmul.{name}", "torch.matmul(a, b)", a=a, b=b)
simple("matmul.transposed", "torch.matmul(a.mT, b.mT)", a=(2, 4, 3), b=(2, 5, 4))
simple("matmul.same_operand", "torch.matmul(a, a.mT)", a=(3, 4))
simple("dot", "torch.dot(a, b)", a=(7,), b=(7,))
simple("outer", "torch.outer(a, b)", a=(3,), b=(5,))
simple("linear", "F.linear(x, weight, bias)", x=(2, 3, 4), weight=(5, 4), bias=(5,))
for equation, a, b in (("ij,jk->ik", (3, 4), (4, 2)), ("ij,kj->ik", (3, 4), (2, 4)), ("ji,jk->ki", (4, 3), (4, 2)),
                       ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)), ("i,j->ij", (3,), (4,)), ("i,i->", (5,), (5,)),
                       ("ij,ij->", (3, 4), (3, 4)), ("ij,ij->i", (3, 4), (3, 4)), ("ij,j->ij", (3, 4), (4,)),
                       ("ijk,k->ij", (2, 3, 4), (4,)), ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
                       ("ij,jk", (3, 4), (4, 2)), ("ba,cb", (3, 4), (2, 3)), ("...ij,...jk->...ik", (2, 3, 4), (4, 5)),
                       ("b...i,ij->b...j", (2, 3, 4), (4, 5)), ("ij,kl->ijkl", (2, 3), (2, 2)),
                       ("ij,jk->", (3, 4), (4, 2)),
                       ("ijk,jil->kl", (2, 3, 4), (3, 2, 5)), ("ij,jk->ki", (3, 4), (4, 2)), ("ii,i->i", (3, 3), (3,)),
                       ("ij,k->j", (3, 4), (2,))):
    label = equation.replace(",", "_").replace("->", "_to_").replace("...", "E")
    simple(f"einsum.{label}", f"torch.einsum('{equation}', a, b)", a=a, b=b)


def conv(kind, name, x, weight, bias=True, **options):
    given = "".join(f", {k}={v!r}" for k, v in options.items())
    call = f"F.{kind}(x, weight{', bias' if bias else ''}{given})"
    transposed = "transpose" in kind
    groups = options.get("groups", 1)
    shapes = {"x": x, "weight": weight}
    if bias:
        shapes["bias"] = (weight[1] * groups if transposed else weight[0],)
    full = f"{kind}.{name}"
    simple(full, call, **shapes)
    rank = len(weight) - 2

    def per_axis(key, default):
        value = options.get(key, default)
        return ints(value if isinstance(value, (tuple, list)) else [value] * rank)

    same = options.get("padding") == "same"
    if same:
        g.args(full, same=True)
    else:
        g.args(full, padding=per_axis("padding", 0))
    g.args(full, stride=per_axis("stride", 1), dilation=per_axis("dilation", 1), groups=groups)
    if transposed:
        g.args(full, output_padding=per_axis("output_padding", 0))


conv("conv1d", "plain", (2, 3, 9), (4, 3, 3))
conv("conv1d", "no_bias", (2, 3, 9), (4, 3, 3), bias=False)
conv("conv1d", "stride_padding", (2, 3, 10), (4, 3, 4), stride=2, padding=1)
conv("conv1d", "dilation", (2, 3, 11), (4, 3, 3), dilation=2, padding=2)
conv("conv1d", "groups", (2, 4, 8), (6, 2, 3), groups=2)
conv("conv1d", "depthwise", (2, 3, 8), (6, 1, 3), groups=3, padding=1)
conv("conv1d", "same", (2, 3, 9), (4, 3, 4), padding="same")
conv("conv1d", "unbatched", (3, 9), (4, 3, 3))
conv("conv1d", "kernel_1", (2, 3, 5), (4, 3, 1))
conv("conv2d", "plain", (2, 3, 6, 7), (4, 3, 3, 3))
conv("conv2d", "no_bias", (2, 3, 6, 7), (4, 3, 3, 3), bias=False)
conv("conv2d", "padding", (2, 3, 5, 6), (4, 3, 3, 3), padding=1)
conv("conv2d", "stride_padding", (2, 3, 7, 8), (4, 3, 3, 3), stride=2, padding=1)
conv("conv2d", "uneven", (2, 2, 8, 9), (3, 2, 3, 2), stride=(2, 1), padding=(1, 0))
conv("conv2d", "dilation", (1, 2, 8, 9), (3, 2, 3, 3), dilation=2, padding=2)
conv("conv2d", "dilation_uneven", (1, 2, 9, 8), (3, 2, 3, 2), dilation=(2, 3), stride=(1, 2), padding=(1, 2))
conv("conv2d", "groups", (2, 4, 5, 5), (6, 2, 3, 3), groups=2, padding=1)
conv("conv2d", "depthwise", (2, 3, 5, 6), (3, 1, 3, 3), groups=3, padding=1)
conv("conv2d", "everything", (2, 4, 9, 10), (4, 2, 3, 2), stride=(2, 3), padding=(2, 1), dilation=(1, 2), groups=2)
conv("conv2d", "same", (1, 2, 6, 7), (3, 2, 3, 3), padding="same")
conv("conv2d", "same_even_kernel", (1, 2, 6, 7), (3, 2, 4, 2), padding="same", dilation=(1, 3))
conv("conv2d", "kernel_1", (2, 3, 4, 4), (5, 3, 1, 1))
conv("conv2d", "kernel_1_stride", (2, 3, 5, 4), (5, 3, 1, 1), stride=2)
conv("conv2d", "kernel_is_image", (2, 3, 4, 5), (2, 3, 4, 5))
conv("conv2d", "unbatched", (3, 6, 7), (4, 3, 3, 3))
conv("conv2d", "leftover", (1, 1, 8, 8), (2, 1, 3, 3), stride=3)
conv("conv2d", "padding_above_kernel", (1, 1, 3, 3), (2, 1, 2, 2), padding=3)
conv("conv_transpose1d", "plain", (2, 3, 5), (3, 4, 3))
conv("conv_transpose1d", "options", (2, 4, 5), (4, 3, 3), stride=3, padding=1, output_padding=2, groups=2, dilation=2)
conv("conv_transpose2d", "plain", (2, 3, 4, 5), (3, 2, 3, 3))
conv("conv_transpose2d", "no_bias", (2, 3, 4, 5), (3, 2, 3, 3), bias=False)
conv("conv_transpose2d", "stride_padding", (2, 3, 4, 5), (3, 2, 4, 4), stride=2, padding=1)
conv("conv_transpose2d", "output_padding", (2, 3, 4, 5), (3, 2, 3, 3), stride=2, padding=1, output_padding=1)
conv("conv_transpose2d", "uneven", (1, 2, 3, 4), (2, 3, 3, 2), stride=(2, 3), padding=(1, 0), output_padding=(1, 2))
conv("conv_transpose2d", "groups", (2, 4, 3, 3), (4, 3, 3, 3), stride=2, groups=2)
conv("conv_transpose2d", "dilation", (1, 2, 4, 4), (2, 3, 3, 3), dilation=2, padding=1)
conv("conv_transpose2d", "everything", (2, 4, 4, 3), (4, 2, 3, 2), stride=(2, 3), padding=(1, 2),
     output_padding=(1, 0), groups=2, dilation=(2, 3))


def pool(kind, name, x, outputs=None, **options):
    full = f"{kind}.{name}"
    rank = 1 if "1d" in kind else 2
    call = f"F.{kind}(x, " + ", ".join(f"{k}={v!r}" for k, v in options.items()) + ")"
    simple(full, call, outputs=outputs, x=x)
    for key, value in options.items():
        if key == "return_indices":
            continue
        if isinstance(value, (bool, type(None))) or key == "divisor_override":
            g.args(full, **{key: np_int(value)})
        else:
            g.args(full, **{key: ints([-1 if v is None else v for v in
                                       (value if isinstance(value, tuple) else (value,) * rank)])})


def np_int(value):
    return value if isinstance(value, bool) else ints(value)


INDEXED = {"return_indices": True, "outputs": ["y", "index"]}
for rank, size in ((1, (9,)), (2, (7, 9))):
    x = (2, 3, *size)
    pool(f"max_pool{rank}d", "plain", x, kernel_size=2, **INDEXED)
    pool(f"max_pool{rank}d", "stride", x, kernel_size=3, stride=2, **INDEXED)
    pool(f"max_pool{rank}d", "padding", x, kernel_size=3, stride=2, padding=1, **INDEXED)
    pool(f"max_pool{rank}d", "ceil", x, kernel_size=2, stride=2, ceil_mode=True, **INDEXED)
    pool(f"max_pool{rank}d", "ceil_padding", x, kernel_size=3, stride=3, padding=1, ceil_mode=True, **INDEXED)
    pool(f"max_pool{rank}d", "dilation", x, kernel_size=3, stride=1, dilation=2, **INDEXED)
    pool(f"max_pool{rank}d", "unbatched", x[1:], kernel_size=2, **INDEXED)
    pool(f"avg_pool{rank}d", "plain", x, kernel_size=2)
    pool(f"avg_pool{rank}d", "stride", x, kernel_size=3, stride=2)
    pool(f"avg_pool{rank}d", "padding", x, kernel_size=3, stride=2, padding=1)
    pool(f"avg_pool{rank}d", "exclude_pad", x, kernel_size=3, stride=2, padding=1, count_include_pad=False)
    pool(f"avg_pool{rank}d", "ceil", x, kernel_size=2, stride=2, ceil_mode=True)
    pool(f"avg_pool{rank}d", "ceil_padding", x, kernel_size=3, stride=3, padding=1, ceil_mode=True)
    pool(f"avg_pool{rank}d", "ceil_exclude_pad", x, kernel_size=3, stride=3, padding=1, ceil_mode=True,
         count_include_pad=False)
    for out in (1, 2, 4, size[0]):
        pool(f"adaptive_avg_pool{rank}d", f"{out}", x, output_size=out)
        pool(f"adaptive_max_pool{rank}d", f"{out}", x, output_size=out, **INDEXED)
pool("max_pool2d", "uneven", (2, 2, 7, 9), kernel_size=(2, 3), stride=(1, 2), padding=(1, 0), **INDEXED)
pool("avg_pool2d", "uneven", (2, 2, 7, 9), kernel_size=(2, 3), stride=(1, 2), padding=(1, 0))
pool("avg_pool2d", "divisor_override", (2, 2, 7, 9), kernel_size=2, divisor_override=3)
pool("adaptive_avg_pool2d", "uneven", (2, 2, 7, 9), output_size=(3, 5))
pool("adaptive_max_pool2d", "uneven", (2, 2, 7, 9), output_size=(3, 5), **INDEXED)
pool("adaptive_avg_pool2d", "larger_than_input", (1, 2, 3, 2), output_size=(5, 4))
pool("adaptive_avg_pool2d", "keep_height", (1, 2, 3, 6), output_size=(None, 4))
TIES = torch.tensor([[[[1.0, 1, 2, 0], [1, 1, 2, 2], [NAN, 3, -INF, -INF], [3, NAN, -INF, -INF]]]]).double()
simple("max_pool2d.ties", "F.max_pool2d(x, 2, return_indices=True)", outputs=["y", "index"], x=TIES)
simple("avg_pool2d.special", "F.avg_pool2d(x, 2)", x=TIES)

# Softmax and norms.
for name in ("softmax", "log_softmax", "softmin"):
    for dim in (0, 1, -1):
        label = "dm1" if dim == -1 else f"d{dim}"
        simple(f"{name}.{label}", f"F.{name}(x, dim={dim})", x=(3, 4, 5))
    simple(f"{name}.1d", f"F.{name}(x, dim=0)", x=(7,))
    simple(f"{name}.rank_0", f"F.{name}(x, dim=0)", x=())
    simple(f"{name}.empty", f"F.{name}(x, dim=1)", x=(0, 3))
    simple(f"{name}.special", f"F.{name}(x, dim=1)", x=torch.tensor(
        [[1000.0, 999, 0, -1000], [-INF, 0, 1, -INF], [-INF, -INF, -INF, -INF], [INF, 0, 1, 2], [NAN, 0, 1, 2],
         [1e30, 1e30, 1, 2]], dtype=torch.float32).double())
STATS = {"running_mean": Draw("running_mean").uniform((3,), -1, 1),
         "running_var": Draw("running_var").uniform((3,), 0.5, 2)}


def trained(x, running_mean, running_var, *rest, **options):
    """Training writes into the statistics: they come out beside y."""
    after = running_mean.clone(), running_var.clone()
    return F.batch_norm(x, *after, *rest, training=True, **options), *after


def batch_norm(name, x, training, affine=True, stats=True, **options):
    draw = Draw(name)
    inputs = {"x": draw.distinct(x)}
    if affine:
        inputs |= {"weight": draw.uniform((3,), 0.5, 2), "bias": draw.uniform((3,))}
    if stats:
        inputs |= {k: v.clone() for k, v in STATS.items()}
    operands = ["x", *(("running_mean", "running_var") if stats else ("None", "None")),
                *(("weight", "bias") if affine else ("None", "None"))]
    rest = "".join(f", {k}={v}" for k, v in options.items())
    plain = f"F.batch_norm({', '.join(operands)}, training={training}{rest})"
    written = stats and training
    g.case(name, f"trained({', '.join(operands)}{rest})" if written else plain, note=plain, extra={"trained": trained},
           frozen=("running_mean", "running_var"),
           outputs=["y", "after_running_mean", "after_running_var"] if written else None, **inputs)


for label, shape in (("2d", (6, 3)), ("3d", (4, 3, 5)), ("4d", (2, 3, 4, 5))):
    batch_norm(f"batch_norm.{label}.train", shape, True)
    batch_norm(f"batch_norm.{label}.eval", shape, False)
batch_norm("batch_norm.plain.train", (4, 3, 5), True, affine=False, stats=False)
batch_norm("batch_norm.no_affine.train", (4, 3, 5), True, affine=False)
batch_norm("batch_norm.no_affine.eval", (4, 3, 5), False, affine=False)
batch_norm("batch_norm.momentum.train", (4, 3, 5), True, momentum=0.5, eps=0.125)
simple("layer_norm.last", "F.layer_norm(x, (5,), weight, bias)", x=(3, 4, 5), weight=(5,), bias=(5,))
simple("layer_norm.two", "F.layer_norm(x, (4, 5), weight, bias)", x=(3, 4, 5), weight=(4, 5), bias=(4, 5))
simple("layer_norm.all", "F.layer_norm(x, (3, 4), weight, bias)", x=(3, 4), weight=(3, 4), bias=(3, 4))
simple("layer_norm.plain", "F.layer_norm(x, (5,))", x=(3, 4, 5))
simple("layer_norm.no_bias", "F.layer_norm(x, (5,), weight)", x=(3, 4, 5), weight=(5,))
simple("layer_norm.eps", "F.layer_norm(x, (5,), weight, bias, eps=0.125)", x=(3, 4, 5), weight=(5,), bias=(5,))
simple("layer_norm.constant_row", "F.layer_norm(x, (4,))", x=torch.tensor([[2.0] * 4, [1.0, 2, 3, 4]]).double())

# Indexing.
simple("embedding.plain", "F.embedding(index, weight)", index=ints([[1, 4, 1], [0, 5, 2]]), weight=(6, 3))
simple("embedding.padding_idx", "F.embedding(index, weight, padding_idx=1)", index=ints([[1, 4, 1], [0, 5, 2]]),
       weight=(6, 3))
simple("embedding.negative_padding_idx", "F.embedding(index, weight, padding_idx=-1)", index=ints([5, 4, 5, 0]),
       weight=(6, 3))
simple("embedding.rank_0", "F.embedding(index, weight)", index=ints(2), weight=(6, 3))
simple("embedding.empty", "F.embedding(index, weight)", index=torch.zeros((0,), dtype=torch.int64), weight=(6, 3))
simple("gather.d0", "torch.gather(x, 0, index)", x=(4, 3), index=ints([[0, 3, 1], [2, 3, 0]]))
simple("gather.d1", "torch.gather(x, 1, index)", x=(3, 4), index=ints([[0, 0, 3], [1, 2, 1], [3, 3, 3]]))
simple("gather.3d", "torch.gather(x, -1, index)", x=(2, 3, 4), index=Draw("gather.3d.i").ints((2, 3, 6), 0, 4))
simple("gather.smaller_index", "torch.gather(x, 1, index)", x=(3, 4), index=ints([[2, 1]]))
simple("scatter.d0", "torch.scatter(x, 0, index, source)", x=(4, 3), index=ints([[0, 3, 1], [2, 1, 0]]), source=(2, 3))
simple("scatter.d1", "torch.scatter(x, 1, index, source)", x=(3, 4), index=ints([[0, 2], [1, 3], [3, 0]]),
       source=(3, 2))
simple("scatter.value", "torch.scatter(x, 1, index, 1.5)", x=(3, 4), index=ints([[0, 2], [1, 3], [3, 0]]))
simple("scatter_add.d0", "torch.scatter_add(x, 0, index, source)", x=(4, 3), index=ints([[0, 3, 1], [0, 3, 0]]),
       source=(2, 3))
simple("scatter_add.d1", "torch.scatter_add(x, 1, index, source)", x=(3, 4),
       index=ints([[0, 0, 2], [1, 1, 1], [3, 0, 3]]), source=(3, 3))
# PyTorch has no gradient for a source larger than the index.
simple("scatter_add.larger_source", "torch.scatter_add(x, 1, index, source)", frozen=("source",), x=(3, 4),
       index=ints([[1, 1], [0, 3]]), source=(3, 4))
for dim, index in ((0, [2, 0, 2]), (1, [3, 1]), (-1, [0, 4, 4, 1])):
    simple(f"index_select.d{'m1' if dim < 0 else dim}", f"torch.index_select(x, {dim}, index)", x=(3, 4, 5),
           index=ints(index))
simple("index_select.empty", "torch.index_select(x, 0, index)", x=(3, 4), index=torch.zeros((0,), dtype=torch.int64))
simple("index_add", "torch.index_add(x, 0, index, source)", x=(4, 3), index=ints([2, 0, 2]), source=(3, 3))
simple("masked_fill.plain", "torch.masked_fill(x, mask, 1.5)", x=(3, 4), mask=Draw("mask1").bools((3, 4)))
simple("masked_fill.broadcast", "torch.masked_fill(x, mask, -1.0)", x=(2, 3, 4), mask=Draw("mask2").bools((3, 1)))
simple("masked_fill.infinite", "torch.masked_fill(x, mask, -inf)", x=(3, 4), mask=Draw("mask3").bools((3, 4)))
simple("masked_select", "torch.masked_select(x, mask)", x=(3, 4), mask=Draw("mask4").bools((3, 4)))
simple("index.tensor", "x[index]", x=(4, 3), index=ints([2, 0, 2, -1]))
simple("index.two_tensors", "x[i, j]", x=(4, 3), i=ints([2, 0, 2]), j=ints([1, 2, 1]))
simple("index.two_broadcast", "x[i, j]", x=(4, 3), i=ints([[2], [0]]), j=ints([1, 2, 1]))
simple("index.apart", "x[i, :, j]", x=(4, 2, 3), i=ints([2, 0, 2]), j=ints([1, 2, 1]))
simple("index.slice_tensor", "x[1:3, i]", x=(4, 3, 2), i=ints([2, 0, 2]))
simple("index.mask", "x[mask]", x=(4, 3, 2), mask=Draw("mask5").bools((4, 3)))
simple("index.steps", "x[..., 1::2, None, -1]", x=(4, 5, 3))

# Joining, splitting, padding, moving.
simple("cat.d0", "torch.cat([a, b, c], 0)", a=(2, 3), b=(1, 3), c=(3, 3))
simple("cat.d1", "torch.cat([a, b], 1)", a=(2, 3, 2), b=(2, 1, 2))
simple("cat.dm1", "torch.cat([a, b], -1)", a=(2, 3), b=(2, 2))
simple("cat.empty", "torch.cat([a, b], 0)", a=(0, 3), b=(2, 3))
simple("cat.repeated", "torch.cat([a, a, b], 0)", a=(2, 3), b=(1, 3))
for label, dim in (("d0", 0), ("d1", 1), ("dm1", -1)):
    simple(f"stack.{label}", f"torch.stack([a, b, c], {dim})", a=(2, 3), b=(2, 3), c=(2, 3))
simple("split.size", "torch.split(x, 2, 0)", x=(5, 3))
simple("split.sizes", "torch.split(x, [1, 3, 2], 1)", x=(2, 6))
simple("chunk.even", "torch.chunk(x, 3, 1)", x=(2, 6))
simple("chunk.uneven", "torch.chunk(x, 4, 0)", x=(7, 2))
simple("chunk.fewer", "torch.chunk(x, 4, 0)", x=(5, 2))
for mode in ("reflect", "replicate", "circular"):
    simple(f"pad.{mode}_1d", f"F.pad(x, (2, 1), mode='{mode}')", x=(2, 3, 5))
    simple(f"pad.{mode}_2d", f"F.pad(x, (1, 2, 2, 1), mode='{mode}')", x=(2, 2, 4, 3))
    simple(f"pad.{mode}_3d", f"F.pad(x, (1, 0, 2, 1, 1, 1), mode='{mode}')", x=(1, 2, 3, 4, 2))
simple("pad.constant_1d", "F.pad(x, (2, 1))", x=(2, 5))
simple("pad.constant_2d", "F.pad(x, (1, 2, 3, 0), value=1.5)", x=(2, 3, 4))
simple("pad.constant_negative", "F.pad(x, (-1, 2, 0, -2), value=0.5)", x=(2, 5, 4))
simple("pad.constant_all_axes", "F.pad(x, (1, 0, 0, 1, 2, 0))", x=(2, 3, 2))
for name, expression in {"flip": "torch.flip(x, (0, 2))", "roll": "torch.roll(x, (1, -2), (0, 2))",
                         "repeat": "x.repeat(2, 1, 3)", "tril": "torch.tril(x, 1)", "triu": "torch.triu(x, -1)",
                         "repeat_interleave": "torch.repeat_interleave(x, 3, dim=1)", "unfold": "x.unfold(2, 3, 2)",
                         "expand": "x[:, :1].expand(3, 4, 5)", "permute": "x.permute(2, 0, 1).contiguous()",
                         "flatten": "x.transpose(0, 2).flatten(1)", "movedim": "torch.movedim(x, 0, -1)"}.items():
    simple(name, expression, x=(3, 4, 5))

# Ordering, scanning, encoding.
for dim, descending in itertools.product((0, -1), (False, True)):
    name = f"sort.{'dm1' if dim < 0 else 'd0'}" + (".descending" if descending else "")
    simple(name, f"torch.sort(x, dim={dim}, descending={descending})", outputs=["y", "index"], x=(4, 6))
SORTED = torch.tensor([[2.0, NAN, -INF, 2.0, INF, 0.0, -0.0, 2.0]]).double()
simple("sort.special", "torch.sort(x, dim=1, stable=True)", outputs=["y", "index"], x=SORTED)
simple("sort.special_descending", "torch.sort(x, dim=1, stable=True, descending=True)", outputs=["y", "index"],
       x=SORTED)
simple("argsort", "torch.argsort(x, dim=1)", x=(3, 7))
for dim, largest in itertools.product((0, -1), (True, False)):
    name = f"topk.{'dm1' if dim < 0 else 'd0'}" + ("" if largest else ".smallest")
    simple(name, f"torch.topk(x, 3, dim={dim}, largest={largest})", outputs=["y", "index"], x=(4, 6))
simple("topk.nan", "torch.topk(x, 2, dim=1)", outputs=["y", "index"],
       x=torch.tensor([[1.0, NAN, 3.0, INF], [-INF, -1.0, -2.0, -3.0]]).double())
for label, dim in (("d0", 0), ("dm1", -1)):
    simple(f"cumsum.{label}", f"torch.cumsum(x, {dim})", x=(3, 4, 5))
simple("one_hot.given", "F.one_hot(x, 5)", x=ints([[0, 4, 2], [1, 1, 3]]))
simple("one_hot.inferred", "F.one_hot(x)", x=ints([2, 0, 1, 2]))
simple("one_hot.rank_0", "F.one_hot(x, 3)", x=ints(1))

g.save()
