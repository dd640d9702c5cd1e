#!/usr/bin/env bash
# Runs every fuzz target of the workspace for SECONDS_EACH (ten minutes unless set).
# Needs `cargo install cargo-fuzz` and a nightly toolchain.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo fuzz --version >/dev/null 2>&1; then
  echo "fuzz: cargo-fuzz is missing: cargo install cargo-fuzz, and rustup toolchain install nightly" >&2
  exit 1
fi

for directory in */fuzz */*/fuzz; do
  [ -d "$directory" ] || continue
  for target in "$directory"/fuzz_targets/*.rs; do
    name=$(basename "$target" .rs)
    echo "fuzz: $directory $name for ${SECONDS_EACH:-600} s"
    cargo +nightly fuzz run --fuzz-dir "$directory" "$name" -- -max_total_time="${SECONDS_EACH:-600}"
  done
done
