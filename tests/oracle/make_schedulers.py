# SPDX-License-Identifier: MIT
"""schedulers.safetensors: the learning rate after each of fifty steps."""

import math

from golden import Draw, Golden, nn, torch
from torch.optim import lr_scheduler as lrs

g = Golden("schedulers")
STEPS = 50


def optimizer(kind, groups, **options):
    params = [{"params": [nn.Parameter(torch.zeros(1))]} for _ in range(groups)]
    if groups > 1:
        params[1]["lr"] = 0.5
    return getattr(torch.optim, kind)(params, lr=0.25, **options)


def momentum_of(group):
    return group["betas"][0] if "betas" in group else group["momentum"]


def scheduler(name, expression, groups=1, metrics=None, cycle=False, kind="SGD", **options):
    """lr[k] (lr1[k] of a second group, momentum[k]) after k calls of step(); lr[0] is that of the first update."""
    opt = optimizer(kind, groups, **options)
    sched = eval(expression, {"opt": opt, "math": math, "lrs": lrs, **vars(lrs)})
    lr, lr1, cycled = [], [], []

    def record():
        lr.append(opt.param_groups[0]["lr"])
        if groups > 1:
            lr1.append(opt.param_groups[1]["lr"])
        if cycle:
            cycled.append(momentum_of(opt.param_groups[0]))

    record()
    for step in range(STEPS):
        opt.step()
        sched.step() if metrics is None else sched.step(float(metrics[step]))
        record()
    g.put(name, "lr", lr)
    if groups > 1:
        g.put(name, "lr1", lr1)
    if cycle:
        g.put(name, "momentum", cycled)
    if metrics is not None:
        g.put(name, "metrics", metrics, exact=True)
    options = "".join(f", {k}={v}" for k, v in options.items())
    g.note(name, f"{expression}; opt = {kind}(lr=0.25{options}){', second group lr=0.5' if groups > 1 else ''}")


scheduler("step", "StepLR(opt, step_size=7)")
scheduler("step.gamma", "StepLR(opt, step_size=3, gamma=0.75)")
scheduler("step.groups", "StepLR(opt, step_size=7, gamma=0.5)", groups=2)
scheduler("multi_step", "MultiStepLR(opt, milestones=[5, 20, 21, 40])")
scheduler("multi_step.repeated", "MultiStepLR(opt, milestones=[30, 10, 10], gamma=0.5)")
scheduler("exponential", "ExponentialLR(opt, gamma=0.875)")
scheduler("cosine_annealing", "CosineAnnealingLR(opt, T_max=50)")
scheduler("cosine_annealing.eta_min", "CosineAnnealingLR(opt, T_max=50, eta_min=0.0625)")
scheduler("cosine_annealing.beyond", "CosineAnnealingLR(opt, T_max=20, eta_min=0.0625)")
scheduler("cosine_annealing.groups", "CosineAnnealingLR(opt, T_max=30)", groups=2)
scheduler("linear", "LinearLR(opt)")
scheduler("linear.options", "LinearLR(opt, start_factor=0.25, end_factor=0.75, total_iters=30)")
scheduler("constant", "ConstantLR(opt)")
scheduler("constant.options", "ConstantLR(opt, factor=0.25, total_iters=20)")
scheduler("lambda", "LambdaLR(opt, lambda k: 0.9375 ** k)")
scheduler("lambda.groups", "LambdaLR(opt, [lambda k: 0.9375 ** k, lambda k: 1.0 / (1 + k // 10)])", groups=2)
scheduler("multiplicative", "MultiplicativeLR(opt, lambda k: 0.9375)")
scheduler("multiplicative.varying", "MultiplicativeLR(opt, lambda k: 0.5 if k % 10 == 0 else 1.0)")
scheduler("polynomial", "PolynomialLR(opt, total_iters=40)")
scheduler("polynomial.power", "PolynomialLR(opt, total_iters=40, power=2.0)")
scheduler("cosine_restarts", "CosineAnnealingWarmRestarts(opt, T_0=10)")
scheduler("cosine_restarts.t_mult", "CosineAnnealingWarmRestarts(opt, T_0=5, T_mult=2, eta_min=0.0625)")

# The last of fifty steps is number 50, counted from 0: total_steps is 51.
SGD = {"momentum": 0.5}
for label, options in {
    "cos": "total_steps=51", "linear": "total_steps=51, anneal_strategy='linear'",
    "three_phase": "total_steps=51, three_phase=True",
    "three_phase_linear": "total_steps=51, three_phase=True, anneal_strategy='linear'",
    "epochs": "epochs=3, steps_per_epoch=17",
    "options": "total_steps=51, pct_start=0.5, div_factor=10.0, final_div_factor=100.0, base_momentum=0.75, "
               "max_momentum=0.875",
    "no_momentum": "total_steps=51, cycle_momentum=False", "longer": "total_steps=80",
}.items():
    scheduler(f"one_cycle.{label}", f"OneCycleLR(opt, max_lr=1.0, {options})", cycle=True, **SGD)
scheduler("one_cycle.adam", "OneCycleLR(opt, max_lr=1.0, total_steps=51)", cycle=True, kind="Adam")
scheduler("one_cycle.groups", "OneCycleLR(opt, max_lr=[1.0, 2.0], total_steps=51)", groups=2, **SGD)

for label, options in {
    "triangular": "", "uneven": ", step_size_down=4", "triangular2": ", mode='triangular2'",
    "exp_range": ", mode='exp_range', gamma=0.9375", "momentum": ", base_momentum=0.75, max_momentum=0.875",
}.items():
    scheduler(f"cyclic.{label}", f"CyclicLR(opt, base_lr=0.25, max_lr=1.0, step_size_up=8{options})", cycle=True, **SGD)

# A falling metric with plateaus, noise and a NaN; max mode sees it negated.
draw = Draw("plateau")
falling = (torch.linspace(2, 1, STEPS).clamp(min=1.5) + draw.uniform((STEPS,), -0.0625, 0.0625)).float().double()
flat = torch.full((STEPS,), 1.0).double()
broken = falling.clone()
broken[7] = float("nan")
for label, options, metrics in (
    ("default", "", falling), ("flat", "", flat), ("patience", "patience=2", falling),
    ("patience_0", "patience=0", flat),
    ("factor", "factor=0.5, patience=2", falling), ("max", "mode='max', patience=2", -falling),
    ("abs", "threshold_mode='abs', threshold=0.0625, patience=2", falling),
    ("rel", "threshold=0.0625, patience=2", falling),
    ("max_abs", "mode='max', threshold_mode='abs', threshold=0.0625, patience=2", -falling),
    ("max_rel", "mode='max', threshold=0.0625, patience=2", falling.flip(0)),
    ("cooldown", "patience=1, cooldown=4, factor=0.5", flat),
    ("min_lr", "patience=0, factor=0.5, min_lr=0.03125", flat),
    ("eps", "patience=0, factor=0.5, eps=0.0625", flat), ("nan", "patience=2, factor=0.5", broken),
    ("everything", "mode='max', factor=0.75, patience=3, threshold=0.03125, threshold_mode='abs', cooldown=2, "
                   "min_lr=0.0625, eps=1e-3", -falling),
):
    expression = f"ReduceLROnPlateau(opt{', ' if options else ''}{options})"
    scheduler(f"plateau.{label}", expression, metrics=metrics)
scheduler("plateau.groups", "ReduceLROnPlateau(opt, patience=1, factor=0.5, min_lr=[0.03125, 0.125])", groups=2,
          metrics=flat)

scheduler("sequential", "SequentialLR(opt, [LinearLR(opt, start_factor=0.125, total_iters=10), "
          "CosineAnnealingLR(opt, T_max=40)], milestones=[10])")
scheduler("sequential.three", "SequentialLR(opt, [ConstantLR(opt, factor=0.5, total_iters=4), "
          "ExponentialLR(opt, gamma=0.875), StepLR(opt, step_size=5)], milestones=[8, 20])")
scheduler("sequential.groups", "SequentialLR(opt, [ConstantLR(opt, factor=0.5, total_iters=20), "
          "ExponentialLR(opt, gamma=0.875)], milestones=[20])", groups=2)
scheduler("chained", "ChainedScheduler([ConstantLR(opt, factor=0.5, total_iters=10), "
          "ExponentialLR(opt, gamma=0.9375)])")

g.save()
