"""The programs whose security fixes are made into patches: how Debian bookworm's source package is built, and what comes out.

A build command is what a developer would type in the tree, and again after each change: the second time it compiles only
what the change touches. `-O2 -g`, and as many of the package's parts as Debian's own packages can build alone.
"""

from dataclasses import dataclass

JOBS = 2


@dataclass(frozen=True)
class Package:
    name: str  # Debian's source package
    prepare: str  # shell: what brings the unpacked tree to the state of an upstream release; before any patch
    build: str  # shell, in the tree
    targets: tuple  # the binaries and shared libraries that the build links, as globs in the tree
    machine: str = "x86_64"

    @property
    def label(self):
        """What its trees and its lines in tables are called."""
        return self.name if self.machine == "x86_64" else f"{self.name}-{self.machine}"

    @property
    def command(self):
        return ["sh", "-c", self.build]


# src/Makefile builds deps/ once and never again: a developer who changes deps/lua says so to make, and links anew.
REDIS = Package(
    name="redis",
    prepare="true",
    build=(
        "set -e; arguments='MALLOC=libc BUILD_TLS=yes USE_SYSTEMD=no'; "
        "[ ! -f src/.make-settings ] || make -C deps BUILD_TLS=yes hiredis linenoise lua hdr_histogram; "
        "rm -f src/redis-server src/redis-cli; "
        f"make -j{JOBS} -C src $arguments redis-server redis-cli redis-benchmark"
    ),
    targets=("src/redis-server", "src/redis-cli", "src/redis-benchmark"),
)

# Debian's options, but for the modules that need libraries of their own (geoip, gd, perl, xslt); configured
# anew when what configure reads has changed.
NGINX_OPTIONS = (
    "--with-compat --with-debug --with-pcre-jit --with-threads --with-http_ssl_module --with-http_stub_status_module "
    "--with-http_realip_module --with-http_auth_request_module --with-http_v2_module --with-http_dav_module "
    "--with-http_slice_module --with-http_addition_module --with-http_flv_module --with-http_gunzip_module "
    "--with-http_gzip_static_module --with-http_mp4_module --with-http_random_index_module "
    "--with-http_secure_link_module --with-http_sub_module --with-mail_ssl_module --with-stream_ssl_module "
    "--with-stream_ssl_preread_module --with-stream_realip_module --with-mail=dynamic --with-stream=dynamic"
)
NGINX = Package(
    name="nginx",
    prepare="true",
    build=(
        "set -e; [ -f objs/Makefile ] && [ -z \"$(find auto configure -newer objs/Makefile)\" ] || "
        f"./configure --with-cc-opt='-O2 -g' {NGINX_OPTIONS}; make -j{JOBS}"
    ),
    targets=("objs/nginx", "objs/ngx_mail_module.so", "objs/ngx_stream_module.so"),
)

# The package is upstream's repository, without the configure script that a release has; autogen.sh would ask the network.
TIFF = Package(
    name="tiff",
    prepare="autoreconf -fi",
    build=(
        "set -e; [ -f Makefile ] || ./configure --disable-static CFLAGS='-O2 -g' CXXFLAGS='-O2 -g'; "
        f"make -j{JOBS} -C port; make -j{JOBS} -C libtiff; make -j{JOBS} -C tools"
    ),
    targets=("libtiff/.libs/libtiff.so.*.*.*", "libtiff/.libs/libtiffxx.so.*.*.*", "tools/.libs/*"),
)

# Debian's makefile makes the shared library and the programs with libtool, once as C and once as C++. Only its objects can be
# made side by side: one rule makes both libraries, and make would run it twice. The header is one that its packaging makes.
def lua_build(platform, definitions, arguments):
    return (
        f"set -e; make -j{JOBS} -C src o V=5.4 SYSCFLAGS='{definitions}' {arguments}; make {platform} {arguments}"
    )


LUA = Package(
    name="lua5.4",
    prepare="printf '#define DEB_HOST_MULTIARCH \"%s\"\\n' \"$(gcc -print-multiarch)\" > src/lua5.4-deb-multiarch.h",
    build=lua_build(
        "linux-readline",
        "-DLUA_USE_LINUX -DLUA_USE_READLINE",
        "LIBTOOL='libtool --quiet' CC='gcc -std=gnu99' CXX=g++ MYCFLAGS='-O2 -g' MYCXXFLAGS='-O2 -g' MYLDFLAGS= "
        "DEB_HOST_MULTIARCH=\"$(gcc -print-multiarch)\"",
    ),
    targets=("src/.libs/liblua5.4.so.*.*.*", "src/.libs/liblua5.4-c++.so.*.*.*", "src/lua5.4", "src/luac5.4"),
)

# Cross-compiled, with what the cross compiler's own libraries give.
ARM64 = "aarch64-linux-gnu"
TIFF_ARM64 = Package(
    name="tiff",
    machine="arm64",
    prepare=TIFF.prepare,
    build=TIFF.build.replace("./configure", f"./configure --host={ARM64}"),
    targets=TIFF.targets,
)

# Debian's libtool is one for this machine's compilers; a copy that names the others, and leaves start files to them, does.
LUA_ARM64 = Package(
    name="lua5.4",
    machine="arm64",
    prepare=(
        f"printf '#define DEB_HOST_MULTIARCH \"{ARM64}\"\\n' > src/lua5.4-deb-multiarch.h; "
        f"sed -E 's,=\"(gcc|g\\+\\+|ar|ranlib)\",=\"{ARM64}-\\1\",; s,/usr/bin/nm,/usr/bin/{ARM64}-nm,; "
        f"s,/usr/bin/ld -m elf_x86_64,{ARM64}-ld,; s, -nostdlib,,; s,^(predep_objects|postdep_objects|compiler_lib_search_"
        "(dirs|path))=.*,\\1=\"\",' /usr/bin/libtool > src/libtool-arm64; chmod +x src/libtool-arm64"
    ),
    build=lua_build(
        "linux",
        "-DLUA_USE_LINUX",
        f"LIBTOOL='./libtool-arm64 --quiet' CC='{ARM64}-gcc -std=gnu99' CXX={ARM64}-g++ MYCFLAGS='-O2 -g' "
        f"MYCXXFLAGS='-O2 -g' MYLDFLAGS= DEB_HOST_MULTIARCH={ARM64}",
    ),
    targets=LUA.targets,
)

NATIVE = (REDIS, NGINX, TIFF, LUA)
CROSS = (TIFF_ARM64, LUA_ARM64)
PACKAGES = NATIVE + CROSS
MACHINES = ("x86_64", "arm64")
