#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Serves PyTorch's side of compare.py: one command a line on standard input, one line of JSON on standard output.

    about                    version, kernels and threads
    list                     every case's number, name, group, kind, target, tolerance, memory, the target of its group's mean
    case NUMBER FILE         makes the case's inputs and writes them into FILE for Taper; answers with its variants
    prepare VARIANT FILE     readies a variant and compares its results with Taper's in FILE; answers with the worst
    compare FILE FILE        how far the tensors of the first file are from those of the second
    sample VARIANT N         runs the variant N times; answers with the nanoseconds that all of them took, by the
                             clock and of the processor
    memory VARIANT           runs the variant once; answers with the most bytes of tensors that it held beyond those before

What goes wrong is answered with {"error": text}. Argument: the number of threads.
"""
import json
import os
import sys
import time

import torch
from safetensors.torch import load_file, save_file

import cases
import loading
import models


def difference(name, ours, theirs):
    """How far Taper's tensor is from PyTorch's, relative to PyTorch's: the norm of the difference over the norm."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        raise ValueError(f"{name}: {ours.dtype}{tuple(ours.shape)} against {theirs.dtype}{tuple(theirs.shape)}")
    if not (torch.isfinite(ours).all() and torch.isfinite(theirs).all()):
        raise ValueError(f"{name}: not finite")
    ours, theirs = ours.double(), theirs.double()
    return float((ours - theirs).norm() / theirs.norm().clamp_min(1e-30))


def worst_difference(ours, theirs):
    if ours.keys() != theirs.keys():
        raise ValueError(f"results are {sorted(ours)} and {sorted(theirs)}")
    return max(difference(k, ours[k], v) for k, v in theirs.items())


def check_dropout(name, results, inputs):
    """p = 0.5: half of x is kept, times 2, and so is the gradient at the same places."""
    kept = results["y"] != 0
    n = kept.numel()
    if abs(int(kept.sum()) - n / 2) > 5 * (n / 4) ** 0.5:
        raise ValueError(f"{name} keeps {int(kept.sum())} of {n}")
    for key, source in (("y", "x"), ("d.x", "g")):
        if not torch.equal(results[key], torch.where(kept, inputs[source] * 2, 0.0)):
            raise ValueError(f"{name}: {key} is not what was kept, times 2")


class Server:
    def __init__(self):
        self.cases = cases.all_cases() + models.all_models() + loading.all_loaders()
        self.case, self.inputs, self.makers, self.ready = None, None, {}, {}

    def about(self):
        return {"torch": torch.__version__.split("+")[0], "kernels": torch.backends.cpu.get_cpu_capability(),
                "threads": torch.get_num_threads(), "onednn": torch.backends.mkldnn.is_available(),
                "blas": "MKL" if torch.backends.mkl.is_available() else "another BLAS"}

    def list(self):
        return [{"number": i, "name": c.name, "group": c.group, "kind": c.kind, "target": c.target,
                 "memory": c.memory, "mean": cases.MEANS.get(c.group), "tolerance": c.tolerance} for i, c in enumerate(self.cases)]

    def choose(self, number, path):
        self.case, self.ready = self.cases[int(number)], {}
        torch._dynamo.reset()
        torch.manual_seed(0)
        self.inputs = self.case.inputs()
        save_file({k: v.contiguous() for k, v in self.inputs.items()}, path,
                  metadata={"kind": self.case.kind} | self.case.settings)
        self.makers = self.case.variants(self.inputs)
        return list(self.makers)

    def prepare(self, variant, path):
        ready = self.makers[variant]()
        theirs, ours = ready.results(), load_file(path)
        worst = 0.0
        if self.case.random:
            check_dropout("Taper", ours, self.inputs)
            check_dropout("PyTorch", theirs, self.inputs)
        else:
            worst = worst_difference(ours, theirs)
        self.ready[variant] = ready
        return worst

    def compare(self, ours, theirs):
        return worst_difference(load_file(ours), load_file(theirs))

    def sample(self, variant, count):
        ready = self.ready[variant]
        run = ready.run
        with torch.inference_mode(ready.inference):
            used, start = time.process_time_ns(), time.perf_counter_ns()
            for _ in range(int(count)):
                run()
            return time.perf_counter_ns() - start, time.process_time_ns() - used

    def memory(self, variant):
        run = self.ready[variant].run
        run()
        activities = [torch.profiler.ProfilerActivity.CPU]
        with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
            run()
        events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
        held = most = 0
        for event in sorted(events, key=lambda e: e.start_ns()):
            held += event.nbytes()
            most = max(most, held)
        return most

    def answer(self, line):
        command, *rest = line.rstrip("\n").split("\t")
        return {"about": self.about, "list": self.list, "case": self.choose, "prepare": self.prepare, "compare": self.compare,
                "sample": self.sample, "memory": self.memory}[command](*rest)


def main():
    torch.set_num_threads(int(sys.argv[1]))
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what compilers and profilers print is no answer
    server = Server()
    for line in sys.stdin:
        try:
            answer = server.answer(line)
        except Exception as e:
            text = str(e).strip().splitlines()
            answer = {"error": f"{type(e).__name__}: {text[0] if text else ''}"}
        print(json.dumps(answer), file=out, flush=True)


main()
