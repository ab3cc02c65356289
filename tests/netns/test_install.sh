#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What `make install` puts below DESTDIR is all that a program needs: C and C++
# programs build against it, shared and static, and so does an answer program;
# `make uninstall` takes it all away again.
# shellcheck disable=SC2046 # pkg-config prints several words
set -u
cd "$(dirname "$0")/../.." || exit 2
B=${B:-build}
top=$(mktemp -d) || exit 2
trap 'rm -rf "$top"' EXIT
dest=$top/dest
src=$top/src
mkdir "$src"
passed=0 failed=0

# check SENTENCE COMMAND...
check() {
	local what=$1
	shift
	if "$@" >"$top/log" 2>&1; then
		passed=$((passed + 1))
		echo "ok $what"
	else
		failed=$((failed + 1))
		echo "not ok $what"
		sed 's/^/	/' "$top/log"
	fi
}

# The installed tree as a sysroot; only fastsock.pc moves, its needs stay the system's.
pc() {
	PKG_CONFIG_PATH=$dest/usr/lib/pkgconfig pkg-config \
		--define-variable=prefix="$dest/usr" --define-variable=libdir="$dest/usr/lib" \
		"$@" fastsock
}

in_make() { make "B=$B" PREFIX=/usr DESTDIR="$dest" "$1"; }

cat >"$src/app.c" <<'C'
#include <stdio.h>
#include <string.h>
#include <fastsock/fastsock.h>
#include <fastsock/stack.h>
#include <fastsock/udp.h>
#include <fastsock/zc.h>
#include <fastsock/bpf/fs_abi.h>

int main(void)
{
	struct fs_stack *stack = NULL;
	struct fs_stack_opts opts;

	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.ifname = "no-such-link";
	if (fs_stack_open(&stack, &opts) >= 0 || stack)
		return 1;
	return strcmp(fs_version(), FS_VERSION_STRING) != 0 || puts(fs_version()) < 0;
}
C
cp "$src/app.c" "$src/app.cc"

cat >"$src/answer.bpf.c" <<'C'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <fastsock/bpf/fs_answer.bpf.h>

SEC("xdp")
int miss(struct xdp_md *ctx)
{
	return fs_answer_miss(ctx);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
C

build_c() { cc -Wall -Werror -o "$src/app" "$src/app.c" $(pc --cflags --libs); }
run_shared() { LD_LIBRARY_PATH=$dest/usr/lib "$src/app"; }
build_cxx() {
	local cxx
	cxx=$(command -v g++ || command -v clang++) || { echo "no C++ compiler"; return 1; }
	"$cxx" -Wall -Werror -fsyntax-only $(pc --cflags) "$src/app.cc"
}
build_static() {
	local libs
	libs=$(pc --static --libs) &&
		cc -Wall -Werror -o "$src/app-static" "$src/app.c" $(pc --cflags) \
			"${dest}/usr/lib/libfastsock.a" ${libs/-lfastsock/} &&
		"$src/app-static"
}
build_answer() {
	clang -O2 -g -target bpf -Wall -Werror -Wno-unused-function $(pc --cflags) \
		-I"/usr/include/$(cc -print-multiarch)" -c "$src/answer.bpf.c" -o "$src/answer.bpf.o"
}
same_version() { [ "$(pc --modversion)" = "$("$src/app")" ]; }
soname_is_linked() {
	readelf -d "$src/app" | grep -q "NEEDED.*libfastsock\.so\.[0-9]" &&
		! readelf -d "$src/app" | grep -q 'RUNPATH\|RPATH'
}
no_build_paths() { ! grep -rIl "$PWD\|$dest" "$dest"; }
man_pages() { [ -n "$(ls "$dest"/usr/share/man/man[137]/* 2>/dev/null)" ]; }
objects() { [ -f "$dest/usr/lib/fastsock/bpf/fastsock.bpf.o" ]; }
nothing_left() { [ -z "$(find "$dest" ! -type d)" ] || { find "$dest" ! -type d; return 1; }; }

check "make install" in_make install
check "a C program builds with pkg-config" build_c
check "it runs" run_shared
check "it needs the soname, without a path" soname_is_linked
export LD_LIBRARY_PATH=$dest/usr/lib
check "fastsock.pc has the library's version" same_version
unset LD_LIBRARY_PATH
check "the headers are C++, too" build_cxx
check "a static program builds and runs" build_static
check "an answer program builds" build_answer
check "no installed text names the build directory" no_build_paths
check "man pages are there" man_pages
check "BPF objects are there" objects
check "the command runs from there" "$dest/usr/bin/fastsock" --version
preloaded() {
	unshare -n "$dest/usr/bin/fastsock" run -- sh -c 'cat /proc/self/maps' |
		grep -q "$dest/usr/lib/fastsock/libfastsock-preload.so"
}
check "a command runs under the installed preload library" preloaded
check "make uninstall" in_make uninstall
check "nothing is left" nothing_left
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
