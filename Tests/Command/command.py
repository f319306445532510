"""What the command's tests stand on: programs that are built once, runs with a time limit, and checks that explain."""

import json
import os
import re
import subprocess
import tempfile

FLAG = "-fpatchable-function-entry=5"
LIMIT = 20  # seconds; a run that takes longer hangs


class Failure(Exception):
    """A check that did not hold."""


def check(holds, *what):
    if not holds:
        raise Failure(" ".join(str(part) for part in what))


def equal(got, wanted, what=""):
    check(got == wanted, f"{what}: got {got!r}, wanted {wanted!r}")


def standing(pid):
    """Where a process, its threads and its children stand: for what hangs."""
    lines = []
    for task in sorted(os.listdir(f"/proc/{pid}/task"), key=int):
        place = f"/proc/{pid}/task/{task}"
        try:
            with open(f"{place}/status", encoding="utf-8") as file:
                status = [line.strip() for line in file if re.match("State|TracerPid|SigPnd|ShdPnd|SigBlk", line)]
            with open(f"{place}/wchan", encoding="utf-8") as file:
                wchan = file.read()
            with open(f"{place}/syscall", encoding="utf-8") as file:
                call = file.read().split()[:4]
            with open(f"{place}/children", encoding="utf-8") as file:
                children = file.read().split()
        except OSError as error:
            lines.append(f"{task}: {error}")
            continue
        lines.append(f"{task}: {' '.join(status)} in {wchan}, system call {' '.join(call)}")
        for child in children:
            lines += [f"  {line}" for line in standing(child)]
    return lines


def ended(process, limit=LIMIT):
    """What it still says, and its standard error, once it has ended."""
    try:
        return process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        try:
            where = standing(process.pid)
        except OSError as error:
            where = [str(error)]
        process.kill()
        raise Failure("\n".join(["hangs:", *where])) from None


class Run:
    """How a command ended. `status` as a shell has it."""

    def __init__(self, arguments, **options):
        data = options.pop("input", None)
        if isinstance(data, str):
            data = data.encode()
        if data is None:
            options.setdefault("stdin", subprocess.DEVNULL)
        else:
            options["stdin"] = subprocess.PIPE
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        try:
            out, err = process.communicate(data, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise Failure(f"hangs: {arguments}; {out[-300:]!r} {err[-300:]!r}") from None
        self.raw = out
        self.out = out.decode(errors="replace")
        self.err = err.decode(errors="replace")
        self.status = process.returncode if process.returncode >= 0 else 128 - process.returncode
        self.signalled = process.returncode < 0
        self.arguments = arguments

    def expect(self, status, *, err=(), out=None):
        """Checks the status, words of the standard error, and the whole standard output."""
        check(self.status == status and not self.signalled,
              f"status {self.status}{' by a signal' if self.signalled else ''}, wanted {status}:",
              self.arguments, self.err[-600:])
        for word in [err] if isinstance(err, str) else err:
            check(word in self.err, f"{word!r} is not in the standard error:", repr(self.err[-600:]))
        if out is not None:
            equal(self.out, out, "standard output")
        return self


class Bench:
    """The command under test, the programs, and a directory that everybody can read."""

    def __init__(self, apus, directory, sources):
        self.directory = directory
        self.apus = os.path.join(directory, "apus")
        subprocess.run(["cp", apus, self.apus], check=True)
        os.chmod(self.apus, 0o755)
        self.programs = {}
        for name, (source, flags) in sources.items():
            path = os.path.join(directory, name)
            with open(path + ".c", "w", encoding="utf-8") as file:
                file.write(source)
            # -ldl and the like come after the source.
            subprocess.run(["cc", "-O1", "-g0", *flags, "-o", path, path + ".c", "-pthread", "-ldl"], check=True)
            self.programs[name] = path

    def path(self, name):
        return self.programs[name]

    def file(self, suffix=".trace"):
        handle, path = tempfile.mkstemp(suffix, "t-", self.directory)
        os.close(handle)
        os.unlink(path)
        return path

    def run(self, *arguments, **options):
        options.setdefault("cwd", self.directory)
        return Run([self.apus, *arguments], **options)

    def record(self, options, program, *arguments, status=0, **more):
        """Records a program of ours; gives the trace and the run."""
        trace = self.file()
        run = self.run("record", "-o", trace, *options, "--", self.programs.get(program, program), *arguments, **more)
        run.expect(status)
        return Trace(self, trace, run)

    def trace(self, path):
        return Trace(self, path, None)


class Trace:
    """A trace file, and the ways to look at it."""

    def __init__(self, bench, path, run):
        self.bench, self.path, self.made = bench, path, run

    def replay(self, *options):
        run = self.bench.run("replay", self.path, "--format", "json", *options).expect(0)
        return [json.loads(line) for line in run.out.splitlines()]

    def report(self, *options):
        return json.loads(self.bench.run("report", self.path, "--format", "json", *options).expect(0).out)

    def info(self):
        return json.loads(self.bench.run("info", self.path, "--format", "json").expect(0).out)

    def calls(self):
        """Calls by name."""
        result = {}
        for row in self.report():
            result[row["name"]] = result.get(row["name"], 0) + row["calls"]
        return result

    def names(self):
        """(name, depth) in order of entry."""
        return [(row["name"], row["depth"]) for row in self.replay()]

    def consistent(self):
        """`info`, `report` and `replay` tell of the same calls."""
        rows, total = self.replay(), self.info()["calls"]
        replayed = {}
        for row in rows:
            replayed[row["name"]] = replayed.get(row["name"], 0) + 1
        equal(replayed, self.calls(), "replay against report")
        equal(len(rows), total, "replay against info")
        return replayed
