# SPDX-License-Identifier: MIT
"""optim.safetensors: ten steps of every optimizer on given gradients, and gradient clipping."""

from golden import Draw, Golden, nn, torch

g = Golden("optim")
SHAPES = ((3, 4), (5,))
STEPS = 10


def start(name):
    """Two parameters and ten gradients for each, given rather than computed."""
    draw = Draw(name)
    params = [nn.Parameter(draw.uniform(s)) for s in SHAPES]
    grads = [draw.normal((STEPS, *s)) for s in SHAPES]
    for i, (p, grad) in enumerate(zip(params, grads)):
        g.put(name, f"p{i}", p, exact=True)
        g.put(name, f"g{i}", grad, exact=True)
    return params, grads


def follow(name, optimizer, params, grads):
    """after<i>: the parameter after each step; state<i>/<key>: the optimizer's state after the last."""
    after = [[] for _ in params]
    for step in range(STEPS):
        for p, grad in zip(params, grads):
            p.grad = grad[step].clone()
        optimizer.step()
        for rows, p in zip(after, params):
            rows.append(p.detach().clone())
    for i, (rows, p) in enumerate(zip(after, params)):
        g.put(name, f"after{i}", torch.stack(rows))
        for key, value in optimizer.state[p].items():
            if isinstance(value, torch.Tensor):
                g.put(name, f"state{i}/{key}", value)


def optim(name, kind, **options):
    params, grads = start(name)
    follow(name, getattr(torch.optim, kind)(params, **options), params, grads)
    g.note(name, f"{kind}(" + ", ".join(f"{k}={v}" for k, v in options.items()) + ")")


WD, MAX = {"weight_decay": 0.125}, {"maximize": True}
for label, options in {
    "plain": {}, "momentum": {"momentum": 0.875}, "dampening": {"momentum": 0.875, "dampening": 0.25},
    "nesterov": {"momentum": 0.875, "nesterov": True}, "weight_decay": WD, "maximize": MAX,
    "momentum_weight_decay": {"momentum": 0.875, **WD},
    "dampening_weight_decay_maximize": {"momentum": 0.875, "dampening": 0.25, **WD, **MAX},
    "nesterov_weight_decay_maximize": {"momentum": 0.875, "nesterov": True, **WD, **MAX},
}.items():
    optim(f"sgd.{label}", "SGD", lr=0.0625, **options)
for kind in ("Adam", "AdamW"):
    for label, options in {
        "plain": {}, "amsgrad": {"amsgrad": True}, "weight_decay": WD, "maximize": MAX,
        "betas_eps": {"betas": (0.75, 0.875), "eps": 0.125},
        "everything": {"amsgrad": True, **WD, **MAX, "betas": (0.75, 0.875), "eps": 0.125},
    }.items():
        optim(f"{kind.lower()}.{label}", kind, lr=0.0625, **options)
    optim(f"{kind.lower()}.defaults", kind)
for label, options in {
    "plain": {}, "alpha_eps": {"alpha": 0.75, "eps": 0.125}, "centered": {"centered": True},
    "momentum": {"momentum": 0.875}, "weight_decay": WD, "maximize": MAX,
    "centered_momentum": {"centered": True, "momentum": 0.875},
    "everything": {"alpha": 0.75, "eps": 0.125, "centered": True, "momentum": 0.875, **WD, **MAX},
}.items():
    optim(f"rmsprop.{label}", "RMSprop", lr=0.0625, **options)
optim("rmsprop.defaults", "RMSprop")
for label, options in {
    "plain": {}, "lr_decay": {"lr_decay": 0.25}, "weight_decay": WD, "maximize": MAX,
    "initial_accumulator_value": {"initial_accumulator_value": 0.5}, "eps": {"eps": 0.125},
    "everything": {"lr_decay": 0.25, **WD, "initial_accumulator_value": 0.5, "eps": 0.125, **MAX},
}.items():
    optim(f"adagrad.{label}", "Adagrad", lr=0.0625, **options)
optim("adagrad.defaults", "Adagrad")

# Parameter groups: the second parameter has options of its own.
for kind, common, own in (("SGD", {"lr": 0.0625, "momentum": 0.875}, {"lr": 0.25, "weight_decay": 0.125}),
                          ("AdamW", {"lr": 0.0625}, {"lr": 0.25, "weight_decay": 0.5}),
                          ("Adagrad", {"lr": 0.0625}, {"lr_decay": 0.25})):
    name = f"groups.{kind.lower()}"
    params, grads = start(name)
    groups = [{"params": [params[0]]}, {"params": [params[1]], **own}]
    follow(name, getattr(torch.optim, kind)(groups, **common), params, grads)
    g.note(name, f"{kind}, all {common}, second group {own}")

# Clipping: gradients g0, g1 before and after0, after1 after it.
for label, p in (("2", 2.0), ("inf", float("inf")), ("1", 1.0), ("3", 3.0)):
    for kind, limit in (("clipped", 1.25), ("below", 64.0)):
        name = f"clip_grad_norm.p_{label}.{kind}"
        draw = Draw(name)
        params = [nn.Parameter(torch.zeros(s, dtype=torch.float64)) for s in SHAPES]
        for i, q in enumerate(params):
            q.grad = draw.normal(tuple(q.shape))
            g.put(name, f"g{i}", q.grad, exact=True)
        g.put(name, "total_norm", nn.utils.clip_grad_norm_(params, limit, norm_type=p))
        for i, q in enumerate(params):
            g.put(name, f"after{i}", q.grad)
        g.args(name, max_norm=limit, norm_type=p)
        g.note(name, f"clip_grad_norm_(params, {limit}, norm_type={p})")
name = "clip_grad_value"
draw = Draw(name)
params = [nn.Parameter(torch.zeros(s, dtype=torch.float64)) for s in SHAPES]
for i, q in enumerate(params):
    q.grad = draw.normal(tuple(q.shape))
    g.put(name, f"g{i}", q.grad, exact=True)
nn.utils.clip_grad_value_(params, 0.5)
for i, q in enumerate(params):
    g.put(name, f"after{i}", q.grad)
g.args(name, clip_value=0.5)
g.note(name, "clip_grad_value_(params, 0.5)")

g.save()
