#!/usr/bin/env bash
# Runs every fuzz target of the workspace for SECONDS_EACH seconds (ten minutes unless set), one
# after the other; the first finding ends the run and names its file. TARGETS="keys records" picks some.
#
# Needs cargo-fuzz, which this installs. With a nightly toolchain targets run under the address
# sanitizer; with a stable one alone they run without it: coverage and assertions are the same, and
# the code fuzzed is safe Rust.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${SECONDS_EACH:-600}

if ! cargo fuzz --version >/dev/null 2>&1; then
  echo "fuzz: installing cargo-fuzz" >&2
  cargo install cargo-fuzz --locked || {
    echo "fuzz: cargo-fuzz is missing and could not be installed: cargo install cargo-fuzz --locked" >&2
    exit 1
  }
fi

if rustup run nightly rustc --version >/dev/null 2>&1; then
  run() { rustup run nightly cargo fuzz run "$@"; }
else
  echo "fuzz: no nightly toolchain: running without the address sanitizer (rustup toolchain install nightly)" >&2
  export RUSTC_BOOTSTRAP=1
  run() { cargo fuzz run --sanitizer none "$@"; }
fi

found=0
for directory in */fuzz */*/fuzz; do
  [ -d "$directory" ] || continue
  for target in "$directory"/fuzz_targets/*.rs; do
    name=$(basename "$target" .rs)
    case " ${TARGETS:-$name} " in *" $name "*) ;; *) continue ;; esac
    found=1
    echo "fuzz: $directory $name for $seconds s"
    run --fuzz-dir "$directory" "$name" -- -max_total_time="$seconds" -print_final_stats=1
  done
done
if [ "$found" = 0 ]; then
  echo "fuzz: no target is named ${TARGETS:-}" >&2
  exit 1
fi
