#!/usr/bin/env python3
"""Prints what `luascale check` costs against selene, luacheck and bare reading, on the same files.

    cargo build --release
    benches/check.py [--markdown]

CPU time (user + system, all processes of a command), medians of five. Takes Lua files out of Debian's packages, and
luacheck with them; builds selene by cargo. Everything is kept in target/tools, nothing is installed. What cannot be had
is named, and its rows say so.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOLS = ROOT / "target" / "tools"
RUNS = 5
SELENE = "0.31.0"
LUA = ["lua5.1", "liblua5.1-0", "lua-filesystem", "lua-argparse", "lua-check"]
MODULES = ["lua-check", "lua-http", "lua-ldoc", "lua-penlight", "prosody"]
COUNTS = (10, 100, 1000)  # files of one growth

missing = []


def debian(folder, packages, apart):
    """The folder that Debian packages were unpacked into, each apart or all into one; None where there are none to be had."""
    done = folder / ".complete"
    if done.exists() and done.read_text().split() == packages:
        return folder
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return None
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as downloads:
        got = subprocess.run(["apt-get", "download", "-qq", *packages], cwd=downloads, capture_output=True)
        if got.returncode != 0:
            sys.stderr.write(got.stderr.decode(errors="replace"))
            return None
        for package in sorted(pathlib.Path(downloads).glob("*.deb")):
            name = package.name.split("_")[0]
            subprocess.run(["dpkg-deb", "-x", package, folder / name if apart else folder], check=True)
    done.write_text(" ".join(packages))
    return folder


def selene():
    """The command of selene; None where it cannot be built."""
    binary = TOOLS / "bin" / "selene"
    if not binary.exists():
        command = ["cargo", "install", "selene", "--version", SELENE, "--locked", "--root", TOOLS]
        if subprocess.run(command).returncode != 0:
            missing.append("selene: cargo could not install it; its message is above")
            return None
    return [str(binary)]


def luacheck():
    """The command of luacheck and its environment; None where it cannot be fetched."""
    folder = debian(TOOLS / "luacheck", LUA, apart=False)
    if folder is None:
        missing.append(f"luacheck: it is taken from Debian's packages ({' '.join(LUA)}), and apt-get could not download them")
        return None, None
    share = folder / "usr" / "share" / "lua" / "5.1"
    library = next(folder.glob("usr/lib/*/lua/5.1")).parent.parent
    environment = dict(
        os.environ,
        LD_LIBRARY_PATH=str(library),
        LUA_PATH=f"{share}/?.lua;{share}/?/init.lua",
        LUA_CPATH=f"{library}/lua/5.1/?.so",
    )
    return [str(folder / "usr/bin/lua5.1"), str(folder / "usr/bin/luacheck")], environment


def tree():
    """The tree of Lua files, links aside; ends where it cannot be fetched."""
    folder = debian(TOOLS / "modules", MODULES, apart=True)
    if folder is None:
        sys.exit(f"the tree of Lua files is taken from Debian's packages ({' '.join(MODULES)}): apt-get could not download them")
    # A module that is installed for several versions of Lua is linked, and would count several times.
    return sorted(path for path in folder.rglob("*.lua") if path.is_file() and not path.is_symlink())


def once(command, folder, environment=None, fine=(0,)):
    """User + system seconds of a command, those of its children included."""
    child = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in fine:
        sys.exit(f"{' '.join(map(str, command))}: status {child.returncode}\n{said.decode(errors='replace')[-2000:]}")
    return usage.ru_utime + usage.ru_stime


def medians(commands):
    """Medians of commands that take turns, so that what else the machine does meets all of them."""
    times = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, (command, folder, environment, fine) in commands.items():
            times[name].append(once(command, folder, environment, fine))
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def peaks(command, folder):
    """Peak resident memory in MiB of a command's own process and of the largest of its children."""
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    own, workers, ended = 0, {}, threading.Event()

    def high(pid):
        # The system keeps the peak, so that only what comes in a process's last milliseconds is not seen.
        try:
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) / 1024
        except (FileNotFoundError, ProcessLookupError):
            pass
        return 0

    def children():
        try:
            tasks = list(pathlib.Path(f"/proc/{child.pid}/task").iterdir())
            return {pid for task in tasks for pid in (task / "children").read_text().split()}
        except (FileNotFoundError, ProcessLookupError):
            return set()

    def watch():
        nonlocal own
        while not ended.is_set():
            own = max(own, high(child.pid))
            for pid in children():
                workers[pid] = max(workers.get(pid, 0), high(pid))
            time.sleep(0.002)

    watching = threading.Thread(target=watch)
    watching.start()
    child.wait()
    ended.set()
    watching.join()
    return own, max(workers.values(), default=0), len(workers)


POLICY = """-- {n}
policy "bench-{n}" {{
  target   = kubernetes.deployment {{ namespace = "bench", name = "app-{n}" }},
  replicas = {{ min = 2, max = {max} }},
  startup  = "90s",
  metrics  = {{
    cpu = prometheus {{ query = 'sum(rate(cpu_seconds_total{{app="app-{n}"}}[5m]))', unit = "ratio", per = "replica", saturation = 1 }},
    p95 = prometheus {{ query = 'histogram_quantile(0.95, sum by (le) (rate(http_seconds_bucket{{app="app-{n}"}}[5m])))', unit = "seconds", models = "latency", load = "cpu" }},
    rps = prometheus {{ query = 'sum(rate(http_requests_total{{app="app-{n}"}}[5m]))', unit = "per_second", per = "total", capacity = 120 }},
  }},
  scale_out = {{
    {{ name = "hot",  when = function(m) return m.cpu > 0.7 end, sustained_for = "2m", percent = 25 }},
    {{ name = "slow", when = function(m) return m.p95 > 0.4 end, add = 2 }},
  }},
  scale_in = {{
    {{ name = "idle", when = function(m) return m.cpu < 0.5 and m.p95 < 0.25 end, sustained_for = "10m", percent = 20 }},
  }},
  cooldown = {{ scale_in = "5m" }},
}}
"""


def write_policies(folder, count):
    """A folder of policies, none like another, a hundred in each folder below."""
    for n in range(count):
        below = folder / f"{n // 100:03}"
        below.mkdir(parents=True, exist_ok=True)
        (below / f"app-{n}.lua").write_text(POLICY.format(n=n, max=20 + n % 40))


def copy(files, folder, count):
    """As many Lua files as are asked for: those of the tree in turn, each copy with a first line of its own."""
    for n in range(count):
        # Spread over the tree, so that few files are like many.
        source = files[n * 37 % len(files)]
        below = folder / f"{n // 100:03}"
        below.mkdir(parents=True, exist_ok=True)
        (below / f"{n}-{source.name}").write_bytes(f"-- copy {n}\n".encode() + source.read_bytes())
    return sorted(folder.rglob("*.lua"))


def size(files):
    return sum(path.stat().st_size for path in files)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=ROOT / "target" / "release" / "luascale", type=pathlib.Path)
    parser.add_argument("--markdown", action="store_true", help="print the table of docs/performance.md")
    args = parser.parse_args()
    if not args.binary.exists():
        sys.exit(f"{args.binary} is not there: run cargo build --release")
    binary = str(args.binary.resolve())
    findings = (0, 1)

    rows = []  # what, against, measured, target

    def ratio(what, against, over, under, target):
        if over is None or under is None:
            rows.append((what, against, "not measured", target))
        else:
            rows.append((what, against, f"{over / under:.2f}x ({over:.3f} s / {under:.3f} s)", target))

    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        files = tree()
        lua = scratch / "tree"
        for at, path in enumerate(files):
            below = lua / f"{at // 100:03}"
            below.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, below / f"{at}-{path.name}")
        files = sorted(lua.rglob("*.lua"))
        names = [str(path.relative_to(lua)) for path in files]
        what = f"`check --select language`, {len(files)} Lua files ({size(files) / 1e6:.1f} MB), cold"
        check = [binary, "check", "--select", "language", "."]
        cold = [*check, "--no-cache"]
        warm = [*check, "--cache-dir", str(scratch / "cache")]
        commands = {"cold": (cold, lua, None, findings)}
        command = selene()
        if command:
            # Its own default is the standard library of Lua 5.1; it ends with 1 where it finds something.
            commands["selene"] = ([*command, "--quiet", "--allow-warnings", "."], lua, None, findings)
        command, environment = luacheck()
        if command:
            # It ends with 2 where a file is none of the Lua that it knows.
            commands["luacheck"] = ([*command, "--no-config", "--no-cache", "-q", "."], lua, environment, (0, 1, 2))
        once(warm, lua, fine=findings)
        commands["warm"] = (warm, lua, None, findings)
        if shutil.which("sha256sum"):
            commands["hash"] = (["sha256sum", *names], lua, None, (0,))
        else:
            missing.append("reading and hashing: there is no sha256sum")
        took = medians(commands)
        ratio(what, "selene", took["cold"], took.get("selene"), "at most 0.5x")
        ratio("the same", "luacheck", took["cold"], took.get("luacheck"), "at most 0.1x")
        ratio("the same, warm cache", "reading and hashing the files (`sha256sum`)", took["warm"], took.get("hash"), "at most 3x")

        policies = scratch / "policies"
        write_policies(policies, 1000)
        every = [binary, "check", "--select", "all", "--no-cache", "."]
        language = [binary, "check", "--select", "language", "--no-cache", "."]
        took = medians({"all": (every, policies, None, findings), "language": (language, policies, None, findings)})
        ratio("`check`, all families, 1,000 policies", "the language family alone", took["all"], took["language"], "at most 3x")

        grown, memory = [], []
        for count in COUNTS:
            folder = scratch / f"copies-{count}"
            copied = copy(files, folder, count)
            took = medians({"": (cold, folder, None, findings)})[""]
            grown.append((count, size(copied), took))
            memory.append((count, peaks(cold, folder)))
        memory.append(("1,000 policies", peaks(every, policies)))
        begin = medians({"": ([binary, "--version"], scratch, None, (0,))})[""]
        first = grown[0]
        for count, bytes_, took in grown[1:]:
            times = (took - begin) / (first[2] - begin)
            rows.append((
                f"{count:,} files ({bytes_ / 1e6:.2f} MB)",
                f"{first[0]} files ({first[1] / 1e6:.2f} MB)",
                f"{times:.1f}x the time for {bytes_ / first[1]:.1f}x the bytes ({took:.3f} s / {first[2]:.3f} s)",
                "linear",
            ))
        for count, (own, worker, workers) in memory:
            label = count if isinstance(count, str) else f"{count:,} files"
            rows.append((
                f"peak memory, {label}",
                "",
                f"{own:.0f} MiB, and {worker:.0f} MiB in the largest of {workers} workers",
                "under 60 MB each",
            ))

    for name in missing:
        print(f"missing: {name}", file=sys.stderr)
    if args.markdown:
        print("| what | against | measured | target |\n|-|-|-|-|")
        for row in rows:
            print("| " + " | ".join(row) + " |")
    else:
        for what, against, measured, target in rows:
            print(f"{what}{' / ' + against if against else ''}\n    {measured}   (target {target})")


if __name__ == "__main__":
    main()
