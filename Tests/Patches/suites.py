"""The packages' own tests, as far as their sources bring some, and what stands in for them where they do not.

Each suite takes a built tree and gives the names of what passes. redis: parts of its Tcl suite, and the tests that a fix adds;
tiff: `make check`, libtiff's whole suite; nginx, whose tests are another project's, serves files, ranges, a proxy and its own filters to a client;
lua5.4, whose source package has no tests, runs the programs of Tools/workloads. What is cross-compiled runs in qemu-user.
"""

import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import effects

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
EMULATORS = {"arm64": ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]}
REDIS_UNITS = ("unit/type/string", "unit/scripting", "unit/acl", "unit/auth", "unit/keyspace")


def run(command, directory, log, limit=300, environment=None):
    """(status, output) of a command that is ended, with what it started, at the limit."""
    with open(log, "ab") as output:
        process = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment,
            start_new_session=True,
        )
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            status = None
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
    with open(log, encoding="utf-8", errors="replace") as file:
        return status, re.sub(r"\x1b\[[0-9;]*m", "", file.read())


def redis(tree, fix, log):
    arguments = [word for unit in REDIS_UNITS for word in ("--single", unit)]
    _, text = run(["./runtest", "--clients", "2", *arguments], tree, log)
    passed = set(re.findall(r"^\[ok\]: (.*?)(?: \(\d+ ms\))?$", text, re.MULTILINE))
    if effects.tests(fix):
        own, _ = effects.run_tests(tree, os.path.join(tree, "src", "redis-server"), fix, log + ".fix")
        passed |= {f"the fix: {name}" for name in own}
    return passed


def emulate(tree, machine, patterns):
    """Puts scripts that call the emulator in place of the programs, which get another name."""
    for path in (p for pattern in patterns for p in glob.glob(os.path.join(tree, pattern))):
        if os.path.islink(path) or not os.path.isfile(path) or path.endswith((".elf", ".o")) or ".so" in os.path.basename(path):
            continue
        with open(path, "rb") as file:
            if file.read(4) != b"\x7fELF":
                continue
        os.replace(path, path + ".elf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec {" ".join(EMULATORS[machine])} {path}.elf "$@"\n')
        os.chmod(path, 0o755)


def tiff(tree, fix, log):
    machine = fix.package.machine
    if machine in EMULATORS:
        run(["make", "-C", "test", "check", "TESTS="], tree, log)
        emulate(tree, machine, ("tools/.libs/*", "tools/*", "test/.libs/*", "test/*"))
    _, text = run(["make", "-C", "test", "check"], tree, log)
    return set(re.findall(r"^PASS: (.*)$", text, re.MULTILINE))


def lua(tree, fix, log):
    passed = set()
    emulator = EMULATORS.get(fix.package.machine, [])
    libraries = {**os.environ, "LD_LIBRARY_PATH": os.path.join(tree, "src", ".libs")}
    for program in ("strings.lua", "variety.lua"):
        path = os.path.join(ROOT, "Tools", "workloads", program)
        output = subprocess.run(
            [*emulator, os.path.join(tree, "src", "lua5.4"), path], capture_output=True, env=libraries, timeout=300, check=False
        )
        if output.returncode == 0:
            passed.add(f"{program}: {hash_of(output.stdout)}")
        compiled = subprocess.run(
            [*emulator, os.path.join(tree, "src", "luac5.4"), "-l", "-o", "/dev/null", path], capture_output=True,
            env=libraries, timeout=60, check=False,
        )
        if compiled.returncode == 0:
            # (The listing has addresses in it.)
            passed.add(f"luac -l {program}: {hash_of(re.sub(rb'0x[0-9a-f]+', b'', compiled.stdout))}")
    return passed


def hash_of(data):
    import hashlib

    return hashlib.sha256(data).hexdigest()[:12]


NGINX = """
daemon off; master_process on; worker_processes 2; error_log {place}/error.log debug; pid {place}/nginx.pid;
load_module {tree}/objs/ngx_mail_module.so; load_module {tree}/objs/ngx_stream_module.so;
events {{ }}
http {{
  access_log {place}/access.log; client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/f;
  uwsgi_temp_path {place}/u; scgi_temp_path {place}/s; types {{ text/html html; }} default_type text/plain;
  server {{
    listen 127.0.0.1:{port}; root {place}/root;
    location / {{ gzip on; gzip_min_length 1; gzip_types text/plain; }}
    location /sub/ {{ alias {place}/root/; sub_filter_types *; sub_filter spider web; sub_filter_once off; charset utf-8; }}
    location /proxy/ {{ proxy_pass http://127.0.0.1:{port}/; }}
    location /dav/ {{ root {place}/root; dav_methods PUT DELETE MKCOL COPY MOVE; create_full_put_path on; }}
    location /auth/ {{ alias {place}/root/; auth_request /deny; }}
    location = /deny {{ return 403; }}
    location /slice/ {{ alias {place}/root/; slice 1m; }}
    location ~ ^/re/(.*)$ {{ rewrite ^/re/(.*)$ /$1?from=$1 break; root {place}/root; }}
    location /status {{ stub_status; }}
  }}
}}
mail {{ auth_http 127.0.0.1:{port}/mail; server {{ listen 127.0.0.1:{mail}; protocol smtp; smtp_auth login plain cram-md5; }} }}
stream {{ server {{ listen 127.0.0.1:{stream}; proxy_pass 127.0.0.1:{port}; }} }}
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def fetch(method, url, body=None, headers=None):
    """(status, hash of the body)."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, hash_of(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, ""


def talk_smtp(port):
    """What the mail proxy answers to a client that logs in."""
    said = []
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        stream = connection.makefile("rwb")
        said.append(stream.readline()[:3])
        for line in (b"EHLO here\r\n", b"AUTH LOGIN\r\n", b"dXNlcg==\r\n", b"!not base64!\r\n"):
            stream.write(line)
            stream.flush()
            answer = stream.readline()
            while answer[3:4] == b"-":
                answer = stream.readline()
            said.append(answer[:3])
    return b" ".join(said).decode()


def nginx(tree, fix, log):
    place = log + ".nginx"
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(os.path.join(place, "root"))
    for name, contents in (("a.txt", "the spider and the fly\n" * 50), ("b.html", "<p>" * 70000)):
        with open(os.path.join(place, "root", name), "w", encoding="utf-8") as file:
            file.write(contents)
    port, mail, stream = free_ports(3)
    with open(os.path.join(place, "conf"), "w", encoding="utf-8") as file:
        file.write(NGINX.format(place=place, tree=tree, port=port, mail=mail, stream=stream))
    for directory in (place, os.path.join(place, "root")):
        os.chmod(directory, 0o755)
    with open(log, "ab") as output:
        server = subprocess.Popen(
            [os.path.join(tree, "objs", "nginx"), "-e", os.path.join(place, "first.log"), "-c", os.path.join(place, "conf")],
            stdout=output, stderr=output, start_new_session=True,
        )
    passed = set()
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        base = f"http://127.0.0.1:{port}"
        for name, arguments in {
            "a file": ("GET", base + "/a.txt"),
            "a large file": ("GET", base + "/b.html"),
            "compressed": ("GET", base + "/a.txt", None, {"Accept-Encoding": "gzip"}),
            "ranges": ("GET", base + "/b.html", None, {"Range": "bytes=10-99,500-600"}),
            "a missing file": ("GET", base + "/none"),
            "a filter": ("GET", base + "/sub/a.txt"),
            "a proxy": ("GET", base + "/proxy/b.html"),
            "a stream": ("GET", f"http://127.0.0.1:{stream}/a.txt"),
            "a put file": ("PUT", base + "/dav/c/d.txt", b"x" * 5000),
            "a copied file": ("COPY", base + "/dav/c/d.txt", None, {"Destination": base + "/dav/e.txt"}),
            "that file": ("GET", base + "/dav/e.txt"),
            "refused": ("GET", base + "/auth/a.txt"),
            "slices": ("GET", base + "/slice/b.html"),
            "rewritten": ("GET", base + "/re/a.txt"),
            "the status": ("HEAD", base + "/status"),
        }.items():
            try:
                answer = fetch(*arguments)
            except OSError as error:
                answer = type(error).__name__
            # (The ranges' border is random.)
            passed.add(f"{name}: {answer[0] if name == 'ranges' else answer}")
        try:
            passed.add(f"mail: {talk_smtp(mail)}")
        except OSError as error:
            passed.add(f"mail: {type(error).__name__}")
        server.send_signal(signal.SIGQUIT)
        passed.add(f"ends with {server.wait(20)}")
    except subprocess.TimeoutExpired:
        pass
    finally:
        try:
            os.killpg(server.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        server.wait()
    return passed


SUITES = {"redis": redis, "tiff": tiff, "lua5.4": lua, "nginx": nginx}
