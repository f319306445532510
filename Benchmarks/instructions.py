#!/usr/bin/env python3
"""Counts the instructions of one traced call, by path and architecture, by running the stubs.

  instructions.py [--json]

CallCode (this directory's package) makes the code and the memory of a thread that has made calls before; the program of
Tests/MachineCode runs a call in the user-mode emulator, which notes each instruction that it executes. A figure counts if
the body ran and saw the caller's registers, the call's events are in the buffer, and a second call has executed the same
instructions. The call site's own branch to the stub is not counted, but where the path begins with what the site is made of ("mov, bl: ..."):
the ways into a trampoline on arm64.
"""

import json
import os
import re
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CODE = os.path.join(HERE, "..", "Tests", "MachineCode")
BODY, AFTER = 0x1000000, 0x1001000
# Prefix of the cross tools and options, emulator, words of registers, those of them that the body must see as the caller had
# them: all but the stack pointer, arm64's x17 (by which the process enters), the link register, ppc64le's r13, and what is
# not kept of XER.
MACHINES = {
    "x86_64": ("gcc", ["qemu-x86_64"], 48, set(range(48)) - {4}),
    "arm64": ("aarch64-linux-gnu-gcc", ["qemu-aarch64"], 96, set(range(96)) - {17, 30, 31}),
    "ppc64le": ("powerpc64le-linux-gnu-gcc -mcpu=power8 -Wl,-Ttext-segment=0x400000", ["qemu-ppc64le", "-cpu", "POWER8"], 164,
                set(range(164)) - {1, 13, 32, 34}),
}
# One instruction in a block, and every block noted: by these variables with any version of the emulator.
ONE_BY_ONE = {"QEMU_SINGLESTEP": "1", "QEMU_ONE_INSN_PER_TB": "1", "QEMU_LOG": "exec,nochain"}
# In the names of those paths that have the call site's own instructions counted.
SEQUENCE = ": "
EXECUTED = re.compile(r"^Trace [0-9]+: \S+ \[[0-9a-f]+/([0-9a-f]+)/", re.M)


class Failure(Exception):
    """A count that could not be had."""


def run(command, **more):
    answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, **more)
    if answer.returncode != 0:
        raise Failure(f"{' '.join(command)}: status {answer.returncode}\n{answer.stderr.decode(errors='replace')}")
    return answer.stdout.decode()


def words(data):
    return struct.unpack(f"<{len(data) // 8}Q", data)


class Machine:
    """The emulated process of one architecture."""

    def __init__(self, name, directory):
        self.name, self.directory = name, directory
        compiler, self.emulator, self.count, self.kept = MACHINES[name]
        self.runner = os.path.join(directory, f"runner-{name}")
        run([*compiler.split(), "-O1", "-Wall", "-Werror", "-static", "-no-pie", "-Wl,--section-start=.apus=0x1000000",
             "-o", self.runner, os.path.join(CODE, "runner.c"), os.path.join(CODE, name + ".S")])

    def execute(self, source, env=None):
        output = os.path.join(self.directory, "out")
        run([*self.emulator, self.runner, source, output], env={**os.environ, **(env or {})})
        with open(output, "rb") as file:
            return file.read()

    def thread_pointer(self):
        """The same in each run: the program and its addresses are."""
        source = os.path.join(self.directory, "none")
        with open(source, "wb") as file:
            file.write(struct.pack("<10Q", 0x2000000, 8, 0x20000000, 1, 0, 0x28000000, 1 << 16, 0, 0, 0))
        return words(self.execute(source))[0]

    def measure(self, line, pointer):
        """A line of CallCode's: the path's name and what a call of it has executed."""
        path, source, stub, end, size, *expected = line.split("\t")
        log = os.path.join(self.directory, "log")
        places = f"0x2000000..0x{end},0x{BODY:x}+1,0x{AFTER:x}+1"
        output = self.execute(source, {**ONE_BY_ONE, "QEMU_DFILTER": places, "QEMU_LOG_FILENAME": log})
        with open(log) as file:
            executed = [int(place, 16) for place in EXECUTED.findall(file.read())]
        what = f"{self.name}: {path}"
        self.check(what, source, output, pointer, expected)
        calls = self.calls(what, executed, int(stub, 16))
        if calls[0] != calls[1]:
            raise Failure(f"{what}: two calls have executed different instructions")
        before, after = len(calls[0][0]), len(calls[0][1])
        if SEQUENCE in path:
            before -= 1  # the jump to the body, which stands elsewhere here
        return {"path": path, "architecture": self.name, "before": before, "after": after, "bytes": int(size)}

    @staticmethod
    def calls(what, executed, stub):
        """For each call the instructions before the body and those after it."""
        result, current = [], [[]]
        for place in executed:
            if place == BODY:
                current.append([])
            elif place == AFTER:
                result.append(current if len(current) == 2 else [*current, []])
                current = [[]]
            else:
                current[-1].append(place)
        if len(result) != 2 or any(len(call) != 2 or call[0][:1] != [stub] for call in result):
            raise Failure(f"{what}: the calls are not seen in what was executed")
        return result

    def check(self, what, source, output, pointer, expected):
        """The call did what it is counted for."""
        with open(source, "rb") as file:
            data = words(file.read())
        found = words(output)
        if found[0] != pointer:
            raise Failure(f"{what}: the thread pointer is another than before")
        state, window = self.count + 1, data[3]
        start = 9 + data[1] // 8
        size = 1 + 2 * state + window + 2
        for call in range(2):
            record = found[1 + size * call:][:size]
            entered = data[start + call * (2 * state + window):][:state]
            if not record[0]:
                raise Failure(f"{what}: the body did not run")
            # Some sequences put the return address there.
            for index in self.kept - ({9} if SEQUENCE in what.split(": ", 1)[1] else set()):
                if record[1 + index] != entered[index]:
                    raise Failure(f"{what}: register {index} is 0x{record[1 + index]:x} in the body, not 0x{entered[index]:x}")
            memory = record[1 + 2 * state:][:window]
            for word in expected:
                index, value = word.split("=")
                if memory[int(index)] != int(value, 16):
                    raise Failure(f"{what}: word {index} of the memory is 0x{memory[int(index)]:x} after the call, not 0x{value}")


def measure():
    """A list of dictionaries: path, architecture, instructions before the body and after it, bytes of the stub."""
    options = ["--package-path", HERE, "-c", "release"]
    swift = os.environ.get("SWIFT", "swift").split()
    run([*swift, "build", *options, "--product", "CallCode"])
    generator = os.path.join(run([*swift, "build", *options, "--show-bin-path"]).strip(), "CallCode")
    result = []
    with tempfile.TemporaryDirectory(prefix="apus-instructions-") as directory:
        for name in MACHINES:
            machine = Machine(name, directory)
            pointer = machine.thread_pointer()
            for line in run([generator, name, f"{pointer:x}", directory]).splitlines():
                result.append(machine.measure(line, pointer))
                os.remove(line.split("\t")[1])
    return result


def rows(result):
    """For a table: the columns, and the rows with a label each."""
    paths = list(dict.fromkeys(item["path"] for item in result))
    found = {(item["path"], item["architecture"]): item for item in result}

    def cell(item):
        total = item["before"] + item["after"]
        return f"{total}" if item["after"] == 0 else f"{item['before']} + {item['after']} = {total}"

    return list(MACHINES), [
        (path, *(cell(found[path, name]) if (path, name) in found else "" for name in MACHINES)) for path in paths]


def main():
    result = measure()
    if "--json" in sys.argv[1:]:
        print(json.dumps(result, indent=1))
        return
    columns, lines = rows(result)
    print(f"{'':<32}" + "".join(f"{column:>20}" for column in columns))
    for label, *cells in lines:
        print(f"{label:<32}" + "".join(f"{cell:>20}" for cell in cells))


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        print(f"instructions.py: {failure}", file=sys.stderr)
        sys.exit(1)
