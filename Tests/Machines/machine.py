"""The machines themselves: what run-in-machine promises."""

import os
import socket
import subprocess

from bench import Job, check, equal

THROWS = """
#include <cstdio>
#include <stdexcept>
#include <thread>
int main() {
  int caught = 0;
  std::thread other([&] {
    try { throw std::runtime_error("thrown"); } catch (const std::exception &) { caught = 1; }
  });
  other.join();
  std::printf("%d %zu\\n", caught, sizeof(void *));
}
"""


def test_command_and_files(arch):
    with Job(arch) as job:
        job.put("bytes", bytes(range(256)))
        os.symlink("bytes", job.directory / "in/link")
        job.put("script", b"""
          cat link; printf '%s|' "$@" >&2
          mkdir /out/deep; cp link /out/deep/copy; ln -s deep/copy /out/link; chmod 750 /out/deep/copy
          exit 42
        """)
        ended = job.run("sh", "script", "two words", "a 'quote'", "$HOME;", "")
        equal(ended.status, 42, "exit status")
        equal(ended.out, bytes(range(256)), "standard output")
        equal(ended.err, b"two words|a 'quote'|$HOME;||", "standard error")
        equal((ended.files / "deep/copy").read_bytes(), bytes(range(256)), "the file that comes back")
        equal((ended.files / "deep/copy").stat().st_mode & 0o777, 0o750, "its mode")
        equal(os.readlink(ended.files / "link"), "deep/copy", "the link that comes back")


def test_two_processors_and_cxx(arch):
    with Job(arch) as job:
        job.compile("throws", THROWS, language="c++")
        ended = job.run("sh", "-c", "nproc; uname -m; id -u; ./throws", options=["--smp", "2"])
        machine = {"arm64": "aarch64", "ppc64le": "ppc64le"}[arch]
        check(ended.status == 0, "a C++ program with threads and exceptions", ended)
        equal(ended.out.decode().split(), ["2", machine, "0", "1", "8"], "processors, machine, user, what was caught")


def test_signal_is_a_status(arch):
    with Job(arch) as job:
        job.compile("dies", "int main(void) { __builtin_trap(); }")
        ended = job.run("./dies")
        check(ended.status in (128 + 4, 128 + 5), "a program that traps ends with 128 + the signal", ended)


def test_panic_is_no_result(arch):
    with Job(arch) as job:
        ended = job.run("sh", "-c", "echo before; echo c > /proc/sysrq-trigger")
        equal(ended.status, 125, "status after the kernel's panic")
        equal(ended.out, b"before\n", "what was written before")
        check(b"Kernel panic" in ended.err, "the console's messages are shown", ended)


def test_time_limit_kills(arch):
    with Job(arch) as job:
        ended = job.run("sleep", "100000", options=["--timeout", "1"])
        equal(ended.status, 124, "status of a machine that was killed")


def test_gdbserver_answers(arch):
    """A server inside, reached through a port of the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Job(arch) as job:
        command = job.command(["sh", "-c", "gdbserver --once 0.0.0.0:1234 /bin/busybox true"], ["--forward", f"{port}:1234"])
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                # It says so on standard error when it listens: only then is there anybody to connect to.
                lines = []
                for line in process.stderr:
                    lines.append(line)
                    if b"Listening on port" in line:
                        break
                check(lines and b"Listening" in lines[-1], f"gdbserver listens: {b''.join(lines)!r}")
                with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
                    connection.sendall(b"$qSupported#37")
                    answer = connection.recv(4096)
                    while b"#" not in answer and (more := connection.recv(4096)):
                        answer += more
                    check(answer.startswith(b"+$") and b"QNonStop+" in answer, f"qSupported: {answer!r}")
                    connection.sendall(b"+$k#6b")
            finally:
                process.terminate()
                process.communicate()


TESTS = [test_command_and_files, test_two_processors_and_cxx, test_signal_is_a_status, test_panic_is_no_result,
         test_time_limit_kills, test_gdbserver_answers]
