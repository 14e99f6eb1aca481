#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same work in Taper, in PyTorch and, for products and convolutions, in OpenBLAS and oneDNN, in turn, sample by
sample: medians, ratios, and whether the results agree.

    bench/compare.py [--only PATTERN] [--threads 1,2] [--seconds PER_CASE] [--no-compile] [--processor-time]
                     [--markdown FILE]

Taper's side is a program of bench/compare/*.cpp, built here by the release preset; PyTorch's is bench/compare/peer.py,
a process for each number of threads. OpenBLAS and oneDNN have programs of their own where they are there (Debian:
libopenblas-dev, libdnnl-dev). All are warmed up, and all read the same inputs. PyTorch keeps its memory instead of
giving it back to the system, and runs convolutions with channels last as well: the faster way is the one compared. A
ratio is the median of another's time over Taper's, sample by sample: above 1, Taper is faster.
"""
import argparse
import datetime
import json
import math
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SAMPLE = 0.01  # seconds that a sample takes, unless one run takes longer
PAUSE = 0.03  # between samples: OpenMP's threads spin for some milliseconds, on the core that the other side needs
WITH_MEMORY = ("training", "models", "inference")  # groups whose memory is measured
SPREADING = 0.1  # seconds of work until the system has given each thread a core of its own
LEAST = 5  # samples of each, whatever time they take
# Other libraries: name, program, and what their kinds of cases end with.
LIBRARIES = {"openblas": ("OpenBLAS", "openblas", ""), "onednn": ("oneDNN", "onednn", ""),
             "winograd": ("oneDNN Winograd", "onednn", "_winograd")}
# The groups that they take part in; targets there count against the best of all.
WITH_LIBRARIES = {"gemm": ("openblas", "onednn"), "gemm bfloat16": ("openblas", "onednn"),
                  "conv forward": ("onednn", "winograd"), "conv gradients": ("onednn", "winograd")}


class Failure(Exception):
    """What one side answered instead of a result."""


class Process:
    """A program that answers each line with one line."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment)

    def ask(self, *words, separator=" "):
        self.process.stdin.write(separator.join(map(str, words)) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"compare.py: {self.process.args[0]} ended with status {self.process.wait()}")
        return line.rstrip("\n")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Worker(Process):
    """Taper's side, or a library's."""

    def ask(self, *words):
        answer = super().ask(*words)
        if answer.startswith("error "):
            raise Failure(answer[6:])
        return answer

    def contender(self, clock):
        return lambda count: int(self.ask("sample", count).split()[clock]) / count


class Peer(Process):
    def ask(self, *words):
        answer = json.loads(super().ask(*words, separator="\t"))
        if isinstance(answer, dict) and "error" in answer:
            raise Failure(answer["error"])
        return answer

    def contender(self, clock, variant):
        return lambda count: self.ask("sample", variant, count)[clock] / count


def peer_environment(threads):
    """Without settings that choose slower kernels, and with a malloc that keeps what it has."""
    unwanted = ("OPENBLAS_", "MKL_", "DNNL_", "ONEDNN_", "OMP_", "GOMP_", "KMP_", "ATEN_", "MALLOC_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
    if "avx512bw" in pathlib.Path("/proc/cpuinfo").read_text():  # newer processors are unknown to it: SSE3 kernels
        environment["OPENBLAS_CORETYPE"] = "SkylakeX"
    return environment | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "CUDA_VISIBLE_DEVICES": "",
                          "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
                          "MALLOC_TOP_PAD_": str(64 << 20)}


def runs_per_sample(contender):
    """Also warms up: as many runs as take SAMPLE seconds, and the seconds of one run."""
    runs = 1
    while True:
        taken = contender(runs) * runs / 1e9
        if taken >= SAMPLE / 2 or runs >= 1 << 20:
            return max(1, round(runs * SAMPLE / max(taken, 1e-9))), taken / runs
        runs *= 2


def contest(contenders, seconds, threads):
    """Samples of each contender in turn, in nanoseconds per run. Work before each sample is not counted, as much again, and
    with several threads a tenth of a second of it: threads that wake up share a core until the system has spread them."""
    runs, before = {}, {}
    for name, contender in contenders.items():
        runs[name], one = runs_per_sample(contender)
        before[name] = max(runs[name], round(SPREADING / max(one, 1e-9)) if threads > 1 else 0)
    samples = {name: [] for name in contenders}
    end = time.monotonic() + seconds
    while min(map(len, samples.values())) < LEAST or time.monotonic() < end:
        for name, contender in contenders.items():
            time.sleep(PAUSE)
            contender(before[name])
            samples[name].append(contender(runs[name]))
    return samples


def memory_available():
    """GiB, or nothing where it is not known."""
    try:
        return int(re.search(r"MemAvailable:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) / (1 << 20)
    except (OSError, TypeError):
        return math.nan


def measure(taper, peer, libraries, case, threads, options, folder):
    """One row of the table; says on standard error what could not be measured."""
    if memory_available() < case["memory"]:
        raise Failure(f"it needs {case['memory']} GiB of memory, {memory_available():.0f} are free")
    inputs, results, others = (folder / f"{name}.safetensors" for name in ("inputs", "results", "others"))
    variants = peer.ask("case", case["number"], inputs)
    taper.ask("case", inputs, threads)
    taper.ask("check", results)
    clock = 1 if options.processor_time and threads == 1 else 0
    contenders, differences = {"Taper": taper.contender(clock)}, {}
    for variant in variants:
        if variant.startswith("compiled") and options.no_compile:
            continue
        try:
            differences[variant] = peer.ask("prepare", variant, results)
            contenders[variant] = peer.contender(clock, variant)
        except Failure as failure:
            print(f"{case['name']}: {variant} is left out: {failure}", file=sys.stderr)
    ways = {}
    for name in WITH_LIBRARIES.get(case["group"], ()):
        kind = case["kind"] + LIBRARIES[name][2]
        if name not in libraries or kind not in libraries[name].ask("list").split():
            continue
        try:
            ways[name] = libraries[name].ask("case", inputs, threads, kind).partition(" ")[2]
            libraries[name].ask("check", others)
            differences[name] = peer.ask("compare", others, results)
            contenders[name] = libraries[name].contender(clock)
        except Failure as failure:
            print(f"{case['name']}: {LIBRARIES[name][0]} is left out: {failure}", file=sys.stderr)
    samples = contest(contenders, options.seconds, threads)
    medians = {name: statistics.median(times) for name, times in samples.items()}
    ratios = {name: statistics.median(p / t for p, t in zip(samples[name], samples["Taper"]))
              for name in contenders if name != "Taper"}
    best = {way: min((name for name in ratios if name.startswith(way)), key=ratios.get, default=None)
            for way in ("eager", "compiled", *libraries)}
    against = min(ratios.values(), default=math.nan) if case["group"] in WITH_LIBRARIES else ratios.get(best["eager"], math.nan)
    # Memory, of PyTorch's way with the least: a step's tensors beyond what lives between steps (parameters, gradients,
    # the optimizer's state). torch.compile's own memory is not seen by its profiler.
    memory = None
    if case["group"] in WITH_MEMORY:
        memory = int(taper.ask("memory")), min(peer.ask("memory", name) for name in ratios if name.startswith("eager"))
    return {"case": case, "best": best, "ways": ways, "memory": memory, "medians": medians, "ratios": ratios,
            "ratio": against, "difference": max(differences.values(), default=math.nan)}


def microseconds(nanoseconds):
    us = nanoseconds / 1e3
    return f"{us:.3f}" if us < 10 else f"{us:.1f}" if us < 1000 else f"{us:,.0f}"


def number(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def agrees(row):
    return row["difference"] <= row["case"]["tolerance"]


def table_row(row):
    def time_and_ratio(way):
        if way not in row["best"]:
            return "missing | -"
        name = row["best"][way]
        if name is None:
            return "- | -"
        mark = row["ways"].get(name, name.partition(", ")[2])
        return f"{microseconds(row['medians'][name])}{f' ({mark})' if mark else ''} | {number(row['ratios'][name])}"

    target = row["case"]["target"]
    wrong = "" if agrees(row) else " **differs**"
    if row["case"]["group"] in WITH_LIBRARIES:
        others = " | ".join(map(time_and_ratio, ("eager", *WITH_LIBRARIES[row["case"]["group"]]))) + f" | {number(row['ratio'])}"
    else:
        others = f"{time_and_ratio('eager')} | {time_and_ratio('compiled')}"
    return (f"| {row['case']['name']} | {microseconds(row['medians']['Taper'])} | {others} | {target or '-'} | "
            f"{row['difference']:.0e}{wrong} |")


def head(case):
    """The first lines of the table that a case stands in."""
    if case["group"] in WITH_LIBRARIES:
        names = ["PyTorch", *(LIBRARIES[name][0] for name in WITH_LIBRARIES[case["group"]])]
        columns = [*(column for name in names for column in (f"{name}, us", "ratio")), "to the best"]
    else:
        columns = ["eager, us", "ratio", "torch.compile, us", "ratio"]
    columns = ["case", "Taper, us", *columns, "target", "difference"]
    return f"| {' | '.join(columns)} |\n| ---{' | --:' * (len(columns) - 1)} |"


def mean(rows, way):
    """The geometric mean of the ratios to one way to do the work, and how many rows have it."""
    ratios = [row["ratios"][row["best"][way]] for row in rows if row["best"].get(way)]
    return (statistics.geometric_mean(ratios), len(ratios)) if ratios else (math.nan, 0)


def summary(rows):
    """Geometric means of the groups, and the cases that miss their targets, the worst first."""
    lines = []
    names = {"eager": "PyTorch", "compiled": "torch.compile"} | {name: library[0] for name, library in LIBRARIES.items()}
    for group in dict.fromkeys(row["case"]["group"] for row in rows):
        some = [row for row in rows if row["case"]["group"] == group]
        if len(some) < 2:
            continue
        means = [f"{number(value)} to {names[way]}{f' ({count} of {len(some)})' if count < len(some) else ''}"
                 for way in names for value, count in [mean(some, way)] if count]
        if group in WITH_LIBRARIES:
            means.append(f"{number(statistics.geometric_mean(row['ratio'] for row in some))} to the best")
        if some[0]["case"]["mean"]:
            means[-1] += f" (target {some[0]['case']['mean']})"
        lines.append(f"{group}: {', '.join(means)}")
    text = ["Geometric means of the ratios. " + "; ".join(lines) + "."] if lines else []
    behind = [row for row in rows if row["case"]["target"] and not row["ratio"] >= row["case"]["target"]]
    behind.sort(key=lambda row: row["ratio"] / row["case"]["target"])
    if behind:
        text.append("Behind their targets, the farthest first: " +
                    "; ".join(f"{row['case']['name']} {number(row['ratio'])}" for row in behind) + ".")
    slower = [(row["ratios"][row["best"]["compiled"]], row["case"]["name"]) for row in rows if row["best"]["compiled"]]
    if slower := sorted(pair for pair in slower if pair[0] < 1):
        text.append("Slower than torch.compile: " + "; ".join(f"{name} {number(ratio)}" for ratio, name in slower) + ".")
    return "\n\n".join(text)


def memory_table(rows):
    lines = ["| peak memory beyond parameters, gradients and state | Taper, MiB | PyTorch, MiB | Taper / PyTorch |",
             "| --- | --: | --: | --: |"]
    for row in rows:
        if row["memory"] and max(row["memory"]) >= 1 << 20:
            ours, theirs = (x / (1 << 20) for x in row["memory"])
            lines.append(f"| {row['case']['name']} | {ours:.1f} | {theirs:.1f} | {number(ours / theirs)} |")
    return "\n".join(lines) if len(lines) > 2 else ""


def build_workers():
    """Builds Taper's worker, and those of the libraries that are there; answers with their folder."""
    root = HERE.parent
    subprocess.run(["cmake", "--preset", "release", "-DTAPER_BUILD_TESTS=OFF", "--log-level=WARNING"], cwd=root,
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", "--preset", "release", "--target", "bench.compare"], cwd=root, check=True,
                   stdout=subprocess.DEVNULL)
    return root / "build/release/bench/compare"


def processor():
    try:
        return re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())[1]
    except (OSError, TypeError):
        return platform.machine()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="PATTERN", help="cases whose name or group this finds (a regex)")
    parser.add_argument("--threads", default="1,2", help="numbers of threads, a table for each (default: 1,2)")
    parser.add_argument("--seconds", type=float, default=2, help="seconds for each case (default: 2)")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--processor-time", action="store_true",
                        help="with one thread: count the time on a processor only, for a machine that is busy")
    parser.add_argument("--python", default=sys.executable, help="the Python that has PyTorch (default: this one)")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="FILE", help="also write the tables there")
    return parser.parse_args()


def main():
    options = arguments()
    if subprocess.run([options.python, "-c", "import torch, safetensors"], stderr=subprocess.DEVNULL).returncode:
        raise SystemExit("compare.py: PyTorch is missing: python3 -m venv DIR && DIR/bin/pip install torch numpy "
                         "safetensors, then compare.py --python DIR/bin/python")
    workers, wanted, text = build_workers(), re.compile(options.only), []
    disagree = False

    def say(line):
        print(line, flush=True)
        text.append(line)
        if options.markdown:
            options.markdown.write_text("\n".join(text) + "\n")

    for threads in map(int, options.threads.split(",")):
        peer = Peer([options.python, HERE / "compare/peer.py", str(threads)], peer_environment(threads))
        taper = Worker([workers / "taper"], os.environ)
        libraries = {name: Worker([workers / program], peer_environment(threads))
                     for name, (_, program, _) in LIBRARIES.items() if (workers / program).exists()}
        about, rows, everything, lines = peer.ask("about"), [], [], ""
        say(f"{'' if len(text) == 0 else chr(10)}{threads} thread{'s' if threads > 1 else ''}, "
            f"{datetime.datetime.now():%Y-%m-%d %H:%M}, load {os.getloadavg()[0]:.1f}, {processor()}; PyTorch "
            f"{about['torch']} ({about['kernels']}, {about['blas']}, threads: {about['threads']})"
            + "".join(f"; {about}" for about in dict.fromkeys(library.ask("about") for library in libraries.values()))
            + ("; processor time" if options.processor_time and threads == 1 else ""))
        with tempfile.TemporaryDirectory() as folder:
            for case in peer.ask("list"):
                if not wanted.search(case["name"]) and not wanted.search(case["group"]):
                    continue
                if head(case) != lines:  # another table
                    if rows:
                        say("\n" + summary(rows))
                    lines, rows = head(case), []
                    say("\n" + lines)
                try:
                    rows.append(measure(taper, peer, libraries, case, threads, options, pathlib.Path(folder)))
                    everything.append(rows[-1])
                    say(table_row(rows[-1]))
                    disagree |= not agrees(rows[-1])
                except Failure as failure:
                    say(f"| {case['name']} | failed: {failure} |")
                    disagree = True
        if rows:
            say("\n" + summary(rows))
        if memory := memory_table(everything):
            say("\n" + memory)
        for side in (taper, peer, *libraries.values()):
            side.close()
    return 1 if disagree else 0


if __name__ == "__main__":
    sys.exit(main())
