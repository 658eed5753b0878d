#!/usr/bin/env python3
"""What `luascale diff` of one changed policy costs in a large repository, against its floor.

    cargo build --release
    benches/diff.py [--markdown] [--binary PATH]

Makes a repository of 1,000 policies and 2,000 commits by `git fast-import`, whose last commit changes
one policy, and measures CPU time (user + system, children included), medians of five: `luascale diff
--meaning HEAD~1..HEAD` against `git diff --stat HEAD~1..HEAD` and loading the two versions of the policy
alone (a dry-run without a recording), each in a process of its own as the diff does.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
RUNS = 5
POLICIES = 1000
COMMITS = 2000
TARGET = 2.0


def policy(number, most):
    """A policy of the usual size."""
    return f"""-- Service {number}.
local CAPACITY = {100 + number % 50}

policy "service-{number:04}" {{
  target   = kubernetes.deployment {{ namespace = "shop", name = "service-{number:04}" }},
  replicas = {{ min = 2, max = {most} }},
  startup  = "90s",
  metrics  = {{
    cpu = prometheus {{ query = "avg(cpu{{service='{number}'}})", unit = "ratio", per = "replica", saturation = 1 }},
    rps = prometheus {{ query = "sum(rps{{service='{number}'}})", unit = "per_second", per = "total", capacity = CAPACITY }},
  }},
  scale_out = {{
    {{ name = "hot", when = function(m) return m.cpu > 0.7 end, sustained_for = "2m", percent = 25 }},
  }},
  scale_in = {{
    {{ name = "idle", when = function(m) return m.cpu < 0.4 end, sustained_for = "10m", percent = 20 }},
  }},
}}
"""


def repository(folder):
    """Every policy in a first commit, then one policy changed by each commit."""
    environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(folder)}
    git = lambda *arguments, **more: subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True, **more)
    git("init", "-q", "-b", "main", ".")
    out = []

    def data(text):
        out.append(f"data {len(text.encode())}\n{text}\n")

    def commit(number):
        out.append(f"commit refs/heads/main\ncommitter A <a@example.com> {1767225600 + 60 * number} +0000\n")
        data(f"Change {number}")

    path = lambda number: f"policies/team{number % 20:02}/service-{number:04}.lua"
    commit(0)
    for number in range(POLICIES):
        out.append(f"M 100644 inline {path(number)}\n")
        data(policy(number, 10))
    for number in range(1, COMMITS):
        commit(number)
        service = number * 7 % POLICIES
        out.append(f"M 100644 inline {path(service)}\n")
        data(policy(service, 10 + number))
    git("fast-import", "--quiet", input="".join(out).encode())
    git("reset", "-q", "--hard")
    service = (COMMITS - 1) * 7 % POLICIES
    return path(service), service


def cpu(folder, *arguments):
    """Median user + system seconds of a command with its children."""
    times = []
    for _ in range(RUNS):
        child = subprocess.Popen([*map(str, arguments)], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"{' '.join(map(str, arguments))}: status {child.returncode}\n{said.decode()}")
        times.append(usage.ru_utime + usage.ru_stime)
    return statistics.median(times), said.decode()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=ROOT / "target" / "release" / "luascale", type=pathlib.Path)
    parser.add_argument("--markdown", action="store_true", help="print the row of docs/performance.md")
    parser.add_argument("--keep", type=pathlib.Path, help="make the repository here, and leave it")
    args = parser.parse_args()
    if not args.binary.exists():
        sys.exit(f"{args.binary} is not there: run cargo build --release")
    binary = args.binary.resolve()
    with tempfile.TemporaryDirectory() as outer:
        folder = (args.keep or pathlib.Path(outer) / "repository").resolve()
        folder.mkdir(parents=True)
        path, service = repository(folder)
        alone = pathlib.Path(outer) / "alone"
        alone.mkdir()
        loads = []
        for name, most in (("before", 10), ("after", 10 + COMMITS - 1)):
            (alone / f"{name}.lua").write_text(policy(service, most))
            loads.append(cpu(alone, binary, "dry-run", f"{name}.lua")[0])
        start, _ = cpu(folder, binary, "--version")
        stat, _ = cpu(folder, "git", "diff", "--stat", "HEAD~1..HEAD")
        diff, said = cpu(folder, binary, "diff", "--meaning", "HEAD~1..HEAD")
        if f"service-{service:04}" not in said or "1 policy changed" not in said:
            sys.exit(f"not the difference that was made:\n{said}")
    floor = stat + sum(loads)
    measured = f"{diff / floor:.2f}x ({diff * 1000:.0f} ms / {stat * 1000:.0f} + {sum(loads) * 1000:.0f} ms)"
    if args.markdown:
        print(f"| diff of 1 changed policy in {POLICIES:,} and {COMMITS:,} commits | `git diff --stat` and loading both versions alone | {measured} | {TARGET:.0f}x |")
    else:
        print(f"diff / (git diff --stat + loading both versions): {measured}   (target {TARGET:.0f}x)")
        print(f"starting the binary: {start * 1000:.1f} ms")


if __name__ == "__main__":
    main()
