"""Exact call counts of an arm64 program from the user-mode emulator: how often each call site's function was entered.

The emulator's log of executed blocks, kept to the addresses of the functions' first instructions. A call, a tail call and a
signal's delivery all begin a block, and nothing jumps back to a first instruction; so each line is a call. Only for programs
of one thread that ask for no signals: the emulator may begin a block twice when it is interrupted.
"""

import collections
import os
import re
import subprocess
import tempfile

import call_sites

SYSROOT = "/usr/aarch64-linux-gnu"


def linked_at(path):
    """The lowest address of code, as linked."""
    text = subprocess.run(["readelf", "-lW", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    return min(int(address, 16) for address, flags in re.findall(r"^ +LOAD +\S+ +(0x\w+) +\S+ +\S+ +\S+ +([RWE ]{3}) ", text, re.M)
               if "E" in flags)


def emulate(command, status, log, *options):
    """Runs the command; the lines of its log."""
    answer = subprocess.run(["qemu-aarch64", "-L", SYSROOT, "-D", log, *options, *command], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120)
    if answer.returncode != status:
        raise RuntimeError(f"{command} in the emulator: status {answer.returncode}, not {status}\n"
                           f"{answer.stderr.decode(errors='replace')}")
    with open(log) as file:
        yield from file


def code_at(lines):
    """Where the emulator says that it has put the program's code; None if it does not."""
    found = [line.split()[1] for line in lines if line.startswith("start_code")]
    return int(found[0], 16) if found else None


def counts(command, status):
    """Calls of each function of the executable that has a call site: {address as linked: (names, calls)}."""
    path = command[0]
    functions = call_sites.read(path)
    with tempfile.TemporaryDirectory() as directory:
        log = os.path.join(directory, "log")
        # Its layout is the same each time; that it was is checked.
        start = code_at(emulate(command, status, log, "-d", "page"))
        if start is None:
            raise RuntimeError("the emulator does not say where a program's code is")
        moved = start - linked_at(path)
        entries = ",".join(f"{address + moved:#x}+4" for address in sorted(functions))
        entered, layout = collections.Counter(), []
        for line in emulate(command, status, log, "-d", "page,exec,nochain", "-dfilter", entries):
            match = re.match(r"Trace \d+: 0x\w+ \[\w+/(\w+)/", line)
            if match:
                entered[int(match.group(1), 16) - moved] += 1
            else:
                layout.append(line)
        if code_at(layout) != start:
            raise RuntimeError(f"the emulator put the program at {start:#x}, and then elsewhere")
    return {address: (function.names, entered[address]) for address, function in functions.items()}
