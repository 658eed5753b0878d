#!/usr/bin/env python3
"""Prints the ratios of docs/performance.md, measured here and now.

    cargo build --release
    cargo bench --bench vm --bench sim                    # writes target/criterion
    benches/ratios.py [--markdown]

CPU time (user + system, children included) of whole commands, medians of five; times of inner loops from
criterion's medians. Ratios carry over between machines, times do not.
"""

import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
RUNS = 5
TICKS = 14 * 24 * 3600 // 15


def cpu(binary, *arguments):
    """Median user + system seconds of a command, and its peak resident memory in MiB."""
    times, peak = [], 0
    for _ in range(RUNS):
        with open(os.devnull, "wb") as null:
            child = subprocess.Popen([binary, *map(str, arguments)], stdout=null, stderr=subprocess.PIPE)
            said = child.stderr.read()
            _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"{binary} {' '.join(map(str, arguments))}: status {child.returncode}\n{said.decode()}")
        times.append(usage.ru_utime + usage.ru_stime)
        peak = max(peak, usage.ru_maxrss / 1024)
    return statistics.median(times), peak


def criterion(name):
    """Median nanoseconds of a criterion benchmark; None where it has not been run."""
    path = ROOT / "target" / "criterion" / name / "new" / "estimates.json"
    if not path.exists():
        return None
    return json.loads(path.read_text())["median"]["point_estimate"]


POLICY = """
policy "bench" {
  replicas = { min = 2, max = 60 },
  startup  = "90s",
  metrics  = {
    cpu = prometheus { query = "cpu", unit = "ratio", per = "replica", saturation = 1 },
    p95 = prometheus { query = "p95", unit = "seconds", models = "latency", load = "cpu" },
    rps = prometheus { query = "rps", unit = "per_second", per = "total", capacity = 120 },
  },
  scale_out = {
    { name = "hot",  when = function(m) return m.cpu > 0.7 end, sustained_for = "2m", percent = 25 },
    { name = "slow", when = function(m) return m.p95 > 0.4 end, add = 2 },
  },
  scale_in = {
    { name = "idle", when = function(m) return m.cpu < 0.5 and m.p95 < 0.25 end, sustained_for = "10m", percent = 20 },
  },
  cooldown = { scale_in = "5m" },
}
"""


def record(path, ticks):
    """A recording of a daily rhythm, a row every 15 s, without randomness."""
    import datetime

    begin = datetime.datetime(2026, 3, 2)
    with open(path, "w") as out:
        out.write("time,cpu,p95,rps,replicas\n")
        for tick in range(ticks):
            day = tick * 15 / 86400
            rps = 1400 + 1100 * math.sin(2 * math.pi * (day - 0.3)) + 150 * math.sin(tick / 37)
            load = rps / (40 * 120)
            time = begin + datetime.timedelta(seconds=15 * tick)
            out.write(f"{time:%Y-%m-%dT%H:%M:%SZ},{load:.4f},{0.09 / (1 - load):.4f},{rps:.1f},40\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=ROOT / "target" / "release" / "luascale", type=pathlib.Path)
    parser.add_argument("--markdown", action="store_true", help="print the table of docs/performance.md")
    args = parser.parse_args()
    if not args.binary.exists():
        sys.exit(f"{args.binary} is not there: run cargo build --release")

    rows = []  # what, against, measured, target

    def ratio(what, against, over, under, target):
        if over is None or under is None:
            rows.append((what, against, "not measured: run cargo bench first", target))
        else:
            rows.append((what, against, f"{over / under:.2f}x ({scale(over)} / {scale(under)})", target))

    ratio(
        "dry-run, VM path (3 rules, 10 metrics)",
        "a bare Luau driver loop without interrupt",
        criterion("vm/conditions"),
        criterion("vm/bare"),
        "1.3x",
    )
    ratio("full trace and JSON", "the run alone", criterion("sim/trace_json"), criterion("sim/bare"), "2x")

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "bench.lua").write_text(POLICY)
        record(folder / "all.csv", TICKS)
        record(folder / "tenth.csv", TICKS // 10)
        start, start_memory = cpu(args.binary, "--version")
        policy = folder / "bench.lua"
        whole, memory = cpu(args.binary, "dry-run", policy, "--samples", folder / "all.csv")
        tenth, _ = cpu(args.binary, "dry-run", policy, "--samples", folder / "tenth.csv")
        out = folder / "out.json"
        as_json, _ = cpu(args.binary, "dry-run", policy, "--samples", folder / "all.csv", "--format", "json", "--output", out)
        size = out.stat().st_size / 1e6

    rows += [
        (
            f"closed loop, 14 days at 15 s ({TICKS:,} ticks), three rules, whole command",
            "starting the binary",
            f"{whole:.3f} s against {start:.3f} s of CPU; {memory:.0f} MiB",
            "under 0.15 s",
        ),
        ("the same with --format json", "as text", f"{as_json / whole:.2f}x ({size:.0f} MB of JSON)", "2x"),
        (
            "ten times the ticks",
            "a tenth",
            f"{(whole - start) / (tenth - start):.1f}x",
            "at most 10x",
        ),
        ("binary, stripped", "", f"{args.binary.stat().st_size / 1e6:.1f} MB", "near 9 MB"),
        ("starting the binary", "", f"{start * 1000:.1f} ms of CPU, {start_memory:.0f} MiB", "near 2 ms"),
    ]
    if args.markdown:
        print("| what | against | measured | target |\n|-|-|-|-|")
        for row in rows:
            print("| " + " | ".join(row) + " |")
    else:
        for what, against, measured, target in rows:
            print(f"{what}{' / ' + against if against else ''}\n    {measured}   (target {target})")


def scale(ns):
    """Nanoseconds for people."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"


if __name__ == "__main__":
    main()
