"""The hard programs: their directives, their builds, runs with a time limit.

Directives are comment lines at the top of a source:
  // build: COMPILER FLAGS             the program; -g and -fpatchable-function-entry=5 are added, $OUT is its directory
  // also[VARIANT]: COMPILER FLAGS     the same source, built otherwise
  // KEY[VARIANT]: VALUE               a directive of that variant alone; [arm64]: of arm64's machine
  // library: NAME COMPILER FLAGS      a shared library from the same source, beside the program
  // may-lose: WHY                     calls that cannot be recorded are counted as lost, under wait too
  // opens: NAME=N ...                 libraries that the program opens and closes itself, and how often
  // args: ARGUMENTS
  // status: N    // status-traced: N
  // counts: callgrind|listed|none     callgrind: every function, by address; listed: `calls` is complete; none: no check;
                                       arm64 only: `emulator`, which counts every function by address
  // calls: NAME=N ...                 calls by demangled name, summed over modules; N may be `own` (the program counts
                                       itself) or `any`
  // regs: GLOB                        functions whose registers are recorded at the levels for that; default: all
  // needs-slow: NAME,...              counters of info's slow_paths that must be above zero at graph level
  // left: N                           calls that were left without returning, at graph level
  // open: NAME ...                    functions whose frames are open at the end
  // refused: REASON=N ...             call sites that cannot be recorded, by reason; each reason is named on standard error
  // sites: none                       the program has no call site
  // oracle: gcov                      `calls` is verified with gcov: callgrind cannot run the program
  // limit: SECONDS                    time limit of a traced run, default 30
"""

import glob
import hashlib
import os
import re
import shlex
import signal
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
DEFAULT_CACHE = os.path.join(os.path.dirname(os.path.dirname(HERE)), ".build", "hard")
LIBRARY_FLAGS = ("-l", "-L", "-Wl,--no-as-needed")


class BuildError(Exception):
    pass


class Program:
    """One variant of one source."""

    def __init__(self, source, variant, command, directives, libraries):
        self.source, self.variant, self.command = source, variant, command
        self.directives, self.libraries = directives, libraries
        self.stem = os.path.splitext(os.path.basename(source))[0]
        self.name = self.stem if variant is None else f"{self.stem}[{variant}]"
        self.path = None

    def directive(self, key, default=None):
        return self.directives.get(f"{key}[{self.variant}]", self.directives.get(key, default))

    @property
    def arguments(self):
        return shlex.split(self.directive("args", ""))

    @property
    def status(self):
        return int(self.directive("status", "0"))

    @property
    def counts(self):
        return self.directive("counts", "none")

    @property
    def calls(self):
        """{demangled name: count, "own" or "any"}"""
        result = {}
        # Names may hold spaces within parentheses; a count is the last thing after "=".
        for name, count in re.findall(r"(\S[^=]*?)=(\d+|own|any)(?:\s+|$)", self.directive("calls", "")):
            result[name.strip()] = count if count in ("own", "any") else int(count)
        return result

    @property
    def modules(self):
        """The executable and its libraries, as built."""
        directory = os.path.dirname(self.path)
        linked = [n for n, c in self.libraries] if "-static" not in self.command else []
        return [self.path] + [os.path.join(directory, name) for name in linked]

    @property
    def opens(self):
        """{name: how often}"""
        return {name: int(times) for name, times in (word.split("=") for word in self.directive("opens", "").split())}


def load(pattern="*"):
    """All programs whose name (or stem) matches the glob."""
    import fnmatch
    programs = []
    for source in sorted(glob.glob(os.path.join(HERE, "*.c")) + glob.glob(os.path.join(HERE, "*.cpp"))):
        directives, builds, libraries = {}, [], []
        with open(source) as file:
            for line in file:
                match = re.match(r"// ([a-z-]+)(?:\[(\w+)\])?: (.*)", line)
                if not line.startswith("//"):
                    break
                if not match:
                    continue
                key, variant, value = match.groups()
                if key in ("build", "also"):
                    builds.append((variant, value))
                elif key == "library":
                    libraries.append(value.split(" ", 1))
                else:
                    directives[key if variant is None else f"{key}[{variant}]"] = value.strip()
        for variant, command in builds:
            program = Program(source, variant, command, directives, libraries)
            if fnmatch.fnmatchcase(program.name, pattern) or fnmatch.fnmatchcase(program.stem, pattern) \
                    or pattern == program.name:
                programs.append(program)
    return programs


def compile_command(command, source, output, directory):
    words = shlex.split(command.replace("$OUT", directory))
    flags = ["-g"]
    if not any(w.startswith("-fpatchable-function-entry") for w in words):
        flags.append("-fpatchable-function-entry=5")
    compiling = [w for w in words[1:] if not w.startswith(LIBRARY_FLAGS)]
    linking = [w for w in words[1:] if w.startswith(LIBRARY_FLAGS)]
    runpath = ["-Wl,-rpath,$ORIGIN"] if any(w.startswith("-l") for w in linking) else []
    return [words[0], *flags, *compiling, source, "-o", output, *linking, *runpath]


def build(program, cache):
    """Builds one program (if its source, headers or command changed) and sets its path."""
    directory = os.path.join(cache, program.stem + ("" if program.variant is None else "." + program.variant))
    os.makedirs(directory, exist_ok=True)
    program.path = os.path.join(directory, program.stem)
    commands = [compile_command(c, program.source, os.path.join(directory, n), directory) for n, c in program.libraries]
    commands.append(compile_command(program.command, program.source, program.path, directory))
    digest = hashlib.sha256(repr(commands).encode())
    for path in [program.source, *sorted(glob.glob(os.path.join(HERE, "*.h"))),
                 os.path.join(HERE, "call_sites.py"), os.path.join(HERE, "oracle.py")]:
        with open(path, "rb") as file:
            digest.update(file.read())
    stamp = os.path.join(directory, "stamp")
    if os.path.exists(stamp) and open(stamp).read() == digest.hexdigest():
        return
    for command in commands:
        answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=directory)
        if answer.returncode != 0:
            raise BuildError(f"{program.name}: {shlex.join(command)}\n{answer.stdout}")
    for stale in glob.glob(os.path.join(directory, "*.json")):
        os.remove(stale)
    with open(stamp, "w") as file:
        file.write(digest.hexdigest())


def descendants(pid):
    """The processes below `pid`, as /proc shows them now."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            children.setdefault(parent, []).append(int(entry))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


class Result:
    def __init__(self, status, output, errors, seconds, timed_out):
        self.status, self.output, self.errors = status, output, errors
        self.seconds, self.timed_out = seconds, timed_out


def run(command, limit, environment=None):
    """Runs a command in a process group of its own; kills that group, and what has left it, after `limit` seconds."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               start_new_session=True, env=environment)
    timed_out = False
    try:
        output, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        timed_out = True
        below = descendants(process.pid)
        os.killpg(process.pid, signal.SIGKILL)
        for pid in below:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        output, errors = process.communicate()
    status = process.returncode if process.returncode >= 0 else 128 - process.returncode
    return Result(status, output, errors, time.monotonic() - start, timed_out)


def read_own_counts(path):
    counts = {}
    if os.path.exists(path):
        with open(path) as file:
            for line in file:
                name, _, count = line.strip().rpartition("=")
                counts[name] = counts.get(name, 0) + int(count)
        os.remove(path)
    return counts
