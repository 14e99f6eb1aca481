# SPDX-License-Identifier: MIT
"""losses.safetensors: every loss with every reduction, values and gradients."""

from golden import Draw, Golden, torch

g = Golden("losses")
REDUCTIONS = ("none", "mean", "sum")


def loss(name, call, reductions=REDUCTIONS, frozen=(), **inputs):
    """Cases <name>.<reduction>; call ends where the reduction is to be written."""
    for reduction in reductions:
        g.case(f"{name}.{reduction}", f"{call}, reduction='{reduction}')", frozen=frozen, **inputs)


def ints(values):
    return torch.tensor(values, dtype=torch.int64)


def probabilities(name, shape, dim=1):
    """Rows that sum to one up to float32 rounding."""
    p = Draw(name).uniform(shape, 0.125, 1)
    return (p / p.sum(dim, keepdim=True)).float().double()


d = Draw("pointwise")
x, target = d.uniform((4, 5)), d.uniform((4, 5))
loss("mse", "F.mse_loss(x, target", x=x, target=target)
loss("l1", "F.l1_loss(x, target", x=x, target=target)
loss("smooth_l1", "F.smooth_l1_loss(x, target", x=x, target=target)
loss("smooth_l1.beta", "F.smooth_l1_loss(x, target, beta=2.5", x=x, target=target)
loss("smooth_l1.beta_0", "F.smooth_l1_loss(x, target, beta=0.0", x=x, target=target)
loss("huber", "F.huber_loss(x, target", x=x, target=target)
loss("huber.delta", "F.huber_loss(x, target, delta=2.5", x=x, target=target)
loss("mse.rank_0", "F.mse_loss(x, target", x=torch.tensor(1.5).double(), target=torch.tensor(-0.25).double())
loss("l1.equal", "F.l1_loss(x, target", x=x, target=x.clone())
loss("smooth_l1.edge", "F.smooth_l1_loss(x, target", x=ints([-2, -1, 0, 1, 2]).double(), target=torch.zeros(5).double())
loss("huber.edge", "F.huber_loss(x, target", x=ints([-2, -1, 0, 1, 2]).double(), target=torch.zeros(5).double())

# Cross entropy: class indices, options one by one, then together; K-d targets; probabilities.
d = Draw("cross_entropy")
x, weight, target = d.uniform((6, 4)), d.uniform((4,), 0.5, 2), ints([0, 3, 1, 1, 2, 0])
holes = ints([0, -100, 1, 1, -100, 0])
loss("cross_entropy", "F.cross_entropy(x, target", x=x, target=target)
loss("cross_entropy.weight", "F.cross_entropy(x, target, weight", frozen=("weight",), x=x, target=target, weight=weight)
loss("cross_entropy.ignore_default", "F.cross_entropy(x, target", x=x, target=holes)
loss("cross_entropy.ignore_index", "F.cross_entropy(x, target, ignore_index=1", x=x, target=target)
loss("cross_entropy.ignore_all", "F.cross_entropy(x, target, ignore_index=2", x=x[:2], target=ints([2, 2]))
loss("cross_entropy.smoothing", "F.cross_entropy(x, target, label_smoothing=0.125", x=x, target=target)
loss("cross_entropy.smoothing_weight", "F.cross_entropy(x, target, weight, label_smoothing=0.125", frozen=("weight",),
     x=x, target=target, weight=weight)
loss("cross_entropy.everything", "F.cross_entropy(x, target, weight, ignore_index=1, label_smoothing=0.25",
     frozen=("weight",), x=x, target=target, weight=weight)
loss("cross_entropy.unbatched", "F.cross_entropy(x, target", x=x[0], target=ints(2))
x3, target3 = d.uniform((3, 4, 5)), d.ints((3, 5), 0, 4)
x4, target4 = d.uniform((2, 4, 3, 2)), d.ints((2, 3, 2), 0, 4)
loss("cross_entropy.3d", "F.cross_entropy(x, target", x=x3, target=target3)
loss("cross_entropy.4d", "F.cross_entropy(x, target", x=x4, target=target4)
loss("cross_entropy.3d_everything", "F.cross_entropy(x, target, weight, ignore_index=1, label_smoothing=0.25",
     frozen=("weight",), x=x3, target=target3, weight=weight)
soft, soft3 = probabilities("soft", (6, 4)), probabilities("soft3", (3, 4, 5))
loss("cross_entropy.soft", "F.cross_entropy(x, target", x=x, target=soft)
loss("cross_entropy.soft_weight", "F.cross_entropy(x, target, weight", frozen=("weight",), x=x, target=soft,
     weight=weight)
loss("cross_entropy.soft_everything", "F.cross_entropy(x, target, weight, label_smoothing=0.125", frozen=("weight",),
     x=x, target=soft, weight=weight)
loss("cross_entropy.soft_3d", "F.cross_entropy(x, target", x=x3, target=soft3)
loss("cross_entropy.large", "F.cross_entropy(x, target", x=torch.tensor([[1e4, -1e4, 0], [-1e4, 1e4, 1e4]]).double(),
     target=ints([1, 2]))

log_p, log_p3 = (t.float().double() for t in (torch.log_softmax(x, 1), torch.log_softmax(x3, 1)))
loss("nll", "F.nll_loss(x, target", x=log_p, target=target)
loss("nll.weight", "F.nll_loss(x, target, weight", frozen=("weight",), x=log_p, target=target, weight=weight)
loss("nll.ignore_index", "F.nll_loss(x, target, ignore_index=1", x=log_p, target=target)
loss("nll.weight_ignore", "F.nll_loss(x, target, weight, ignore_index=1", frozen=("weight",), x=log_p, target=target,
     weight=weight)
loss("nll.3d", "F.nll_loss(x, target", x=log_p3, target=target3)
loss("nll.unbatched", "F.nll_loss(x, target", x=log_p[0], target=ints(2))

d = Draw("bce")
p, hard, between = d.uniform((4, 5), 0.0625, 0.9375), d.bools((4, 5)).double(), d.uniform((4, 5), 0, 1)
logits, item, pos = d.uniform((4, 5), -6, 6), d.uniform((4, 5), 0.25, 2), d.uniform((5,), 0.25, 3)
loss("bce", "F.binary_cross_entropy(x, target", x=p, target=between)
loss("bce.hard", "F.binary_cross_entropy(x, target", frozen=("target",), x=p, target=hard)
loss("bce.weight", "F.binary_cross_entropy(x, target, weight", frozen=("weight", "target"), x=p, target=hard,
     weight=item)
EDGE = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.5]).double()
loss("bce.edge", "F.binary_cross_entropy(x, target", frozen=("target",), x=EDGE,
     target=torch.tensor([0.0, 0.0, 1.0, 1.0, 0.5]).double())
BWL = "F.binary_cross_entropy_with_logits(x, target"
loss("bce_with_logits", BWL, x=logits, target=between)
loss("bce_with_logits.hard", BWL, frozen=("target",), x=logits, target=hard)
loss("bce_with_logits.weight", f"{BWL}, weight", frozen=("weight",), x=logits, target=between, weight=item)
loss("bce_with_logits.pos_weight", f"{BWL}, pos_weight=pos_weight", frozen=("pos_weight",), x=logits, target=between,
     pos_weight=pos)
loss("bce_with_logits.both", f"{BWL}, weight, pos_weight=pos_weight", frozen=("weight", "pos_weight"), x=logits,
     target=between, weight=item, pos_weight=pos)
loss("bce_with_logits.large", BWL, frozen=("target",), x=torch.tensor([1e4, -1e4, 1e4, -1e4, 0.0]).double(),
     target=torch.tensor([1.0, 0.0, 0.0, 1.0, 0.5]).double())

ALL = REDUCTIONS + ("batchmean",)
q = probabilities("kl", (4, 5))
log_x = torch.log_softmax(logits, 1).float().double()
loss("kl_div", "F.kl_div(x, target", reductions=ALL, x=log_x, target=q)
loss("kl_div.log_target", "F.kl_div(x, target, log_target=True", reductions=ALL, x=log_x,
     target=q.log().float().double())
zeros = q.clone()
zeros[0, 0] = zeros[2, 3] = 0
loss("kl_div.zeros", "F.kl_div(x, target", reductions=ALL, frozen=("target",), x=log_x, target=zeros)

g.save()
