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

# Debian's makefile makes the shared library and the programs with libtool, once as C and once as C++ (not side by side: two of its rules
# make one file). The header is one
# that its packaging makes.
LUA = Package(
    name="lua5.4",
    prepare="printf '#define DEB_HOST_MULTIARCH \"%s\"\\n' \"$(gcc -print-multiarch)\" > src/lua5.4-deb-multiarch.h",
    build=(
        "make -j1 linux-readline LIBTOOL='libtool --quiet' CC='gcc -std=gnu99' CXX=g++ MYCFLAGS='-O2 -g' "
        "MYCXXFLAGS='-O2 -g' MYLDFLAGS= DEB_HOST_MULTIARCH=\"$(gcc -print-multiarch)\""
    ),
    targets=("src/.libs/liblua5.4.so.*.*.*", "src/.libs/liblua5.4-c++.so.*.*.*", "src/lua5.4", "src/luac5.4"),
)

PACKAGES = (REDIS, NGINX, TIFF, LUA)
