#!/usr/bin/env bash
# Installs what the build needs beyond Rust, when run as root on Debian or Ubuntu; otherwise names
# the exact command. RocksDB needs a C++20 compiler, and its bindings need libclang with headers.
set -euo pipefail

missing=()
command -v g++ >/dev/null || missing+=(g++)
command -v git >/dev/null || missing+=(git)

if ! command -v cargo >/dev/null; then
  echo "setup: cargo is missing. Install Rust 1.91 or newer with rustup: https://rustup.rs" >&2
  exit 1
fi

have_libclang() {
  [ -n "${LIBCLANG_PATH:-}" ] && return 0
  compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' | grep -vq 'libclang-cpp' && return 0
  compgen -G '/usr/lib/*-linux-gnu/libclang-[0-9]*.so*' >/dev/null && return 0
  compgen -G '/usr/lib*/libclang.so*' >/dev/null
}
have_clang_headers() {
  [ -n "${BINDGEN_EXTRA_CLANG_ARGS:-}" ] && return 0
  compgen -G '/usr/lib/llvm-*/lib/clang/*/include/stddef.h' >/dev/null ||
    compgen -G '/usr/lib/clang/*/include/stddef.h' >/dev/null
}

if ! have_libclang || ! have_clang_headers; then
  if command -v apt-get >/dev/null; then
    # A machine that was never updated does not know the package by which they are told apart.
    if [ "$(id -u)" = 0 ]; then apt-get update -qq || true; fi
    if apt-cache show libclang1-14 >/dev/null 2>&1; then
      missing+=(libclang1-14 libclang-common-14-dev)
    else
      missing+=(libclang-dev)
    fi
  else
    missing+=(libclang-dev)
  fi
fi

[ ${#missing[@]} -eq 0 ] && exit 0

if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "setup: installing ${missing[*]}" >&2
  if apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2; then
    exit 0
  fi
fi

cat >&2 <<TEXT
setup: missing: ${missing[*]}
  With root:     sudo apt-get install -y --no-install-recommends ${missing[*]}
  Without root (libclang only):
    pip install libclang==18.1.1
    export LIBCLANG_PATH=\$(python3 -c 'import clang, os; print(os.path.join(clang.__path__[0], "native"))')
    export BINDGEN_EXTRA_CLANG_ARGS="-I\$(gcc -print-file-name=include)"
TEXT
exit 1
