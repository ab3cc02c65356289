# SPDX-License-Identifier: BSD-2-Clause
#
# One non-recursive Makefile. Sources are found by wildcard: a new file in
# lib/FOLDER, examples/, tools/fastsock/, bench/ or tests/ is built without
# being listed. B= chooses the build directory, SAN=1 builds with ASan+UBSan.
#
#   make          library, BPF objects, the fastsock command, examples
#   make demo     the three fates of a packet, on a lab of its own (root)
#   make check    the tests (root); check-unit needs no root; check-all adds the long ones
#   make bench    everything measured alternately in one run (root)
#   make lint     floors, style, documents, ABI
#   make install  PREFIX=/usr/local DESTDIR= (uninstall likewise)

VERSION := $(shell sed -n 's/^\#define FS_VERSION_STRING.*"\(.*\)"/\1/p' include/fastsock/fastsock.h)
SOVERSION := $(basename $(VERSION))

B ?= build
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
CLANG ?= clang
LLVM_STRIP ?= llvm-strip
PKG_CONFIG ?= pkg-config
PYTHON ?= /usr/bin/python3

.DEFAULT_GOAL := all
# V=1 shows the commands.
ifndef V
.SILENT:
say = @printf '  %-7s %s\n' $1 $@
endif
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# What is missing is installed by the first command that needs it: tools/dev/deps
# runs apt as root and otherwise prints the command to run.
ifeq ($(filter clean distclean help,$(MAKECMDGOALS)),)
DEPS_OK := $(shell tools/dev/deps build >&2 && echo yes)
ifneq ($(DEPS_OK),yes)
$(error the packages named above are missing)
endif
endif

DEP_LIBS := libxdp libbpf libmnl
DEP_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(DEP_LIBS) 2>/dev/null)
DEP_LDLIBS := $(shell $(PKG_CONFIG) --libs $(DEP_LIBS) 2>/dev/null)
CHECK_CFLAGS = $(shell $(PKG_CONFIG) --cflags check)
CHECK_LDLIBS = $(shell $(PKG_CONFIG) --libs check)

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes
OPT ?= -O2
CFLAGS ?= $(OPT) -g
ALL_CFLAGS = -std=gnu11 $(WARN) $(CFLAGS) $(SAN_FLAGS) -fvisibility=hidden -fPIC -MMD -MP \
	-D_GNU_SOURCE $(if $(DEBUG)$(SAN),,-DNDEBUG) $(DEP_CFLAGS)
LIB_CPPFLAGS := -Iinclude -Ilib -I.
# Everything outside lib/ sees the public headers only.
USER_CPPFLAGS := -Iinclude
TEST_CPPFLAGS := -Iinclude -Ilib -I. -Itests
ifdef WERROR
WARN += -Werror
endif
ifdef TSAN
SAN_FLAGS := -fsanitize=thread -Wno-tsan
endif
ifdef SAN
SAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif

# --- library ---------------------------------------------------------------

LIB_SRC := $(filter-out lib/preload/%,$(sort $(wildcard lib/*/*.c)))
LIB_OBJ := $(LIB_SRC:%.c=$B/%.o) $B/lib/steer/object.o
STATIC := $B/libfastsock.a
SHARED := $B/libfastsock.so.$(VERSION)
SONAME := libfastsock.so.$(SOVERSION)

$B/lib/wire/%.o: ALL_CFLAGS += -Wconversion
$B/lib/tcp/%.o: ALL_CFLAGS += -Wconversion

$B/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(CC) $(ALL_CFLAGS) $(LIB_CPPFLAGS) -c -o $@ $<

# The BPF objects are inside the library: a program needs no file beside it.
$B/lib/steer/object.o: lib/steer/object.S $B/bpf/fastsock.bpf.o $B/bpf/fastsock-user.bpf.o \
		$B/bpf/pass.bpf.o
	@mkdir -p $(@D)
	$(call say,CC)
	$(CC) -fPIC -I$B/bpf -c -o $@ $<

$(STATIC): $(LIB_OBJ)
	$(call say,AR)
	rm -f $@
	$(AR) rcs $@ $^

$(SHARED): $(LIB_OBJ) lib/fastsock.map
	$(call say,LD)
	$(CC) $(SAN_FLAGS) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=lib/fastsock.map \
		-Wl,-z,defs -o $@ $(LIB_OBJ) $(LDFLAGS) $(DEP_LDLIBS)
	ln -sf $(notdir $@) $B/$(SONAME)
	ln -sf $(SONAME) $B/libfastsock.so

# --- the socket door under libc's names ----------------------------------------

# The library is inside: libc's own names are found behind this object (RTLD_NEXT),
# and behind a shared libfastsock there would be none.
PRELOAD := $B/libfastsock-preload.so
PRELOAD_OBJ := $(patsubst %.c,$B/%.o,$(sort $(wildcard lib/preload/*.c)))
$(PRELOAD_OBJ): LIB_CPPFLAGS := -Iinclude -Ilib/preload -U_FORTIFY_SOURCE

$(PRELOAD): $(PRELOAD_OBJ) $(STATIC) lib/preload/preload.map
	$(call say,LD)
	$(CC) $(SAN_FLAGS) -shared -Wl,-soname,$(notdir $@) -Wl,--version-script=lib/preload/preload.map \
		-Wl,-z,defs -o $@ $(PRELOAD_OBJ) $(STATIC) $(LDFLAGS) $(DEP_LDLIBS)

# --- BPF ---------------------------------------------------------------------

BPF_OBJ := $(patsubst %.bpf.c,$B/%.bpf.o,$(wildcard bpf/*.bpf.c)) $B/bpf/fastsock-user.bpf.o
BPF_EXAMPLES := $(patsubst %.bpf.c,$B/%.bpf.o,$(wildcard examples/*.bpf.c))
BPF_OTHER := $(patsubst %.bpf.c,$B/%.bpf.o,$(wildcard bench/*.bpf.c tests/*/*.bpf.c))
MULTIARCH := $(shell $(CC) -print-multiarch)
# FS_WEAK_ORDER: where a CPU may read in another order than the program says.
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Wno-unused-function -MMD -MP \
	-I. -Ibpf -Iinclude -I/usr/include/$(MULTIARCH) \
	$(if $(filter x86_64-% i386-%,$(MULTIARCH)),,-DFS_WEAK_ORDER)

$B/bpf/fastsock-user.bpf.o: bpf/fastsock.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF)
	$(CLANG) $(BPF_CFLAGS) -DFS_USER_ANSWERS -c -o $@ $<
	$(LLVM_STRIP) -g $@

# A rule for each folder: make prefers the shortest stem, so that one for all
# of them would lose to the rules for C files.
define bpf_rule
$B/$(1)/%.bpf.o: $(1)/%.bpf.c
	@mkdir -p $$(@D)
	$$(call say,BPF)
	$$(CLANG) $$(BPF_CFLAGS) -c -o $$@ $$<
	$$(LLVM_STRIP) -g $$@
endef
$(foreach d,bpf examples bench tests,$(eval $(call bpf_rule,$d)))

# --- tools, examples, bench ---------------------------------------------------

TOOL := $B/bin/fastsock
TOOL_OBJ := $(patsubst %.c,$B/%.o,$(sort $(wildcard tools/fastsock/*.c)))
EXAMPLES := $(patsubst %.c,$B/%,$(filter-out %.bpf.c,$(wildcard examples/*.c)))
HTTP_OBJ := $(patsubst %.c,$B/%.o,$(wildcard examples/http/*.c))
BENCH := $(patsubst %.c,$B/%,$(filter-out %.bpf.c,$(wildcard bench/*.c)))
BENCH_SIM := $(patsubst %.c,$B/%,$(wildcard bench/sim/*.c))

$B/tools/%.o $B/examples/%.o: ALL_CFLAGS += $(USER_CPPFLAGS)
$B/bench/%.o: ALL_CFLAGS += $(USER_CPPFLAGS) -I.
# On a simulated wire: inside the library, as tests are.
$B/bench/sim/%.o: ALL_CFLAGS += $(TEST_CPPFLAGS)

$B/tools/%.o $B/examples/%.o $B/bench/%.o:
	@mkdir -p $(@D)
	$(call say,CC)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<
$(foreach s,$(wildcard tools/fastsock/*.c examples/*.c examples/http/*.c bench/*.c bench/sim/*.c),$(eval $B/$(s:.c=.o): $s))

$(TOOL): $(TOOL_OBJ) $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD)
	$(CC) $(SAN_FLAGS) -o $@ $^ $(LDFLAGS) $(DEP_LDLIBS)

$B/examples/http_server: $(HTTP_OBJ)
$(EXAMPLES) $(BENCH): $B/%: $B/%.o $(STATIC)
	$(call say,LD)
	$(CC) $(SAN_FLAGS) -o $@ $(filter %.o,$^) $(STATIC) $(LDFLAGS) $(DEP_LDLIBS) -lm

# --- tests ---------------------------------------------------------------------

TEST_LIB_OBJ := $(patsubst %.c,$B/%.o,$(wildcard tests/lib/*.c))
CHECK_TESTS := $(patsubst %.c,$B/%,$(sort $(wildcard tests/unit/*/test_*.c tests/sim/test_*.c \
	tests/bpf/test_*.c)))
CHECK_AUX = $(patsubst %.c,$B/%.o,$(filter-out $(dir $*)test_%.c %.bpf.c,$(wildcard $(dir $*)*.c)))
PKT := $B/tests/pkt/run
PKT_OBJ := $(patsubst %.c,$B/%.o,$(wildcard tests/pkt/*.c))
FUZZERS := $(patsubst %.c,$B/%,$(wildcard tests/fuzz/fuzz_*.c))
TEST_TOOLS := $(patsubst %.c,$B/%,$(filter-out %.bpf.c,$(wildcard tests/netns/*.c tests/zc/*.c \
	tests/apps/test_*.c)))
# An ordinary program, without the library: what it says in the kernel and under it is compared.
SEMANTICS := $B/tests/sock/semantics
SEMANTICS_OBJ := $(patsubst %.c,$B/%.o,$(sort $(wildcard tests/sock/*.c)))
# Wrong arguments are its business.
$(SEMANTICS_OBJ): WARN += -Wno-unknown-warning-option -Wno-stringop-overread -Wno-stringop-overflow -Wno-nonnull -Wno-unused-result
# The preload library on a door that only listens.
MOCK := $B/tests/apps/mock.so

# The XDP program in a test: other helpers, and words wherever they stand.
NATIVE_OBJ := $B/tests/fuzz/fuzz_bpf.o $B/tests/bpf/test_native.o
$(NATIVE_OBJ): ALL_CFLAGS += $(if $(SAN),-fno-sanitize=alignment)
$(NATIVE_OBJ): TEST_CPPFLAGS := -Itests/shim $(TEST_CPPFLAGS)

$B/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(CC) $(ALL_CFLAGS) $(TEST_CPPFLAGS) $(CHECK_CFLAGS) -c -o $@ $<

.SECONDEXPANSION:
$(CHECK_TESTS): $B/%: $B/%.o $(TEST_LIB_OBJ) $(STATIC) $$(CHECK_AUX)
	$(call say,LD)
	$(CC) $(SAN_FLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDFLAGS) $(CHECK_LDLIBS) $(DEP_LDLIBS)

$(FUZZERS) $(TEST_TOOLS) $(BENCH_SIM): $B/%: $B/%.o $(TEST_LIB_OBJ) $(STATIC)
	$(call say,LD)
	$(CC) $(SAN_FLAGS) -o $@ $(filter %.o %.a,$^) $(LDFLAGS) $(CHECK_LDLIBS) $(DEP_LDLIBS)

# All that threads may do to the socket door; the races are found by B=$B/tsan TSAN=1.
THREADS := $B/tests/tsan/threads
$(THREADS): $(THREADS).o $(STATIC)
	$(call say,LD)
	$(CC) $(SAN_FLAGS) -o $@ $^ $(LDFLAGS) $(DEP_LDLIBS)

threads: $(THREADS)

$(SEMANTICS): $(SEMANTICS_OBJ)
	$(call say,LD)
	$(CC) $(SAN_FLAGS) -o $@ $^ $(LDFLAGS) -lpthread

$(MOCK): $B/tests/apps/mock.o $(PRELOAD_OBJ) lib/preload/preload.map
	$(call say,LD)
	sed 's/^global:/global: mock_said;/' lib/preload/preload.map >$@.map
	$(CC) $(SAN_FLAGS) -shared -Wl,--version-script=$@.map -o $@ $(filter %.o,$^)

$(PKT): $(PKT_OBJ) $(TEST_LIB_OBJ) $(STATIC)
	$(call say,LD)
	$(CC) $(SAN_FLAGS) -o $@ $(filter %.o %.a,$^) $(LDFLAGS) $(DEP_LDLIBS)

# --- goals ---------------------------------------------------------------------

.PHONY: all lib bpf tests threads demo check check-unit check-san check-netns check-apps check-zc check-all bench \
	bench-build lint install uninstall clean help tests-build run-deps demo-deps
.SECONDARY:

all: lib bpf $(TOOL) $(EXAMPLES) $(BPF_EXAMPLES)
lib: $(STATIC) $(SHARED) $(PRELOAD)
bpf: $(BPF_OBJ)
bench-build: $(BENCH) $(BENCH_SIM) $(BPF_OTHER)
tests-build: $(CHECK_TESTS) $(PKT) $(FUZZERS) $(TEST_TOOLS) $(SEMANTICS) $(THREADS) $(MOCK) $(BPF_OTHER)

# What running needs besides building: python3, ip, ethtool, bpftool...
run-deps:
	@tools/dev/deps test
demo-deps:
	@tools/dev/deps demo

# By env and without a shell between: make passes SIGTERM to its child only.
demo: demo-deps all bench-build
	env B=$B tools/dev/demo

check: run-deps all tests-build bench-build
	$(MAKE) --no-print-directory B=$B/san SAN=1 tests-build all
	$(MAKE) --no-print-directory B=$B/tsan TSAN=1 threads
	B=$B $(PYTHON) tests/run

check-all: run-deps all tests-build bench-build
	$(MAKE) --no-print-directory B=$B/san SAN=1 tests-build all
	$(MAKE) --no-print-directory B=$B/tsan TSAN=1 threads
	B=$B $(PYTHON) tests/run --long

check-unit: $(filter $B/tests/unit/% $B/tests/sim/%,$(CHECK_TESTS)) $(PKT)
	B=$B $(PYTHON) tests/run unit sim pkt

check-netns: run-deps all tests-build bench-build
	B=$B $(PYTHON) tests/run netns

check-apps: run-deps all tests-build
	B=$B $(PYTHON) tests/run apps

check-zc: run-deps all tests-build
	B=$B $(PYTHON) tests/run zc

bench: run-deps all bench-build
	B=$B $(PYTHON) bench/run

lint: all
	B=$B tools/dev/lint

install: all
	B=$B PREFIX=$(PREFIX) LIBDIR=$(LIBDIR) DESTDIR=$(DESTDIR) VERSION=$(VERSION) \
		SONAME=$(SONAME) tools/dev/install

uninstall:
	B=$B PREFIX=$(PREFIX) LIBDIR=$(LIBDIR) DESTDIR=$(DESTDIR) VERSION=$(VERSION) \
		SONAME=$(SONAME) tools/dev/install uninstall

clean:
	rm -rf $B

help:
	@sed -n 's/^#   //p' Makefile

-include $(shell find $B -name '*.d' 2>/dev/null)
