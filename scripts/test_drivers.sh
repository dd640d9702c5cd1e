#!/usr/bin/env bash
# Runs the official drivers of client/drivers against `retrograph serve`. A driver that cannot be installed
# here is reported as not run, never as passed.
#
#   scripts/test_drivers.sh path/to/retrograph
set -euo pipefail
binary=$(realpath "$1")
cd "$(dirname "$0")/.."
work=${DRIVERS_DIR:-${CARGO_TARGET_DIR:-target}/drivers}
mkdir -p "$work"
work=$(realpath "$work")

data=$(mktemp -d)
server=
# The server makes everything durable before it ends; it has the time that takes, and no more.
finish() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    for _ in $(seq 150); do
      kill -0 "$server" 2>/dev/null || break
      sleep 0.1
    done
    kill -9 "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$data" || true
}
trap finish EXIT
"$binary" serve --data "$data/data" --graph drivers --listen 127.0.0.1:0 2>"$data/log" &
server=$!
for _ in $(seq 100); do
  grep -q '^listening on' "$data/log" && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.1
done
port=$(sed -n 's|^listening on bolt://127.0.0.1:\([0-9]*\).*|\1|p' "$data/log")
[ -n "$port" ] || { echo "drivers: the server did not start:" >&2; cat "$data/log" >&2; exit 1; }
IFS=: read -r BOLT_USER BOLT_PASSWORD <"$data/data/admin.credential"
export BOLT_USER BOLT_PASSWORD

failed=0
summary=()
# No test and no silent network may keep the whole test command waiting.
limited() { timeout --kill-after=10 300 "$@"; }
result() { summary+=("$1: $2"); [ "$2" != failed ] || failed=1; }
# both NAME COMMAND…: runs the command for either scheme, with the address in BOLT_URI.
both() {
  local name=$1 scheme
  shift
  for scheme in bolt neo4j; do
    if BOLT_URI="$scheme://127.0.0.1:$port" limited "$@"; then
      result "$name, $scheme" passed
    else
      result "$name, $scheme" failed
    fi
  done
}

python() {
  command -v python3 >/dev/null || { result python "not run: no python3"; return; }
  local venv=$work/python
  if ! { [ -x "$venv/bin/pip" ] || limited python3 -m venv --clear "$venv"; } >"$work/python.log" 2>&1 ||
    ! limited "$venv/bin/pip" install -q -r client/drivers/python/requirements.txt >>"$work/python.log" 2>&1; then
    result python "not run: the driver cannot be installed (see $work/python.log)"
    return
  fi
  both python "$venv/bin/python" -W ignore client/drivers/python/driver_test.py
}

javascript() {
  command -v npm >/dev/null || { result javascript "not run: no npm"; return; }
  node -e 'process.exit(process.versions.node.split(".")[0] < 18 ? 1 : 0)' ||
    { result javascript "not run: node is older than 18"; return; }
  mkdir -p "$work/javascript"
  cp client/drivers/javascript/* "$work/javascript"
  if ! limited npm install --silent --prefix "$work/javascript" >"$work/javascript.log" 2>&1; then
    result javascript "not run: the driver cannot be installed (see $work/javascript.log)"
    return
  fi
  both javascript node --test "$work/javascript/driver.test.mjs"
}

golang() {
  command -v go >/dev/null || { result go "not run: no go"; return; }
  if ! limited go -C client/drivers/go mod download >"$work/go.log" 2>&1; then
    result go "not run: the driver cannot be downloaded (see $work/go.log)"
    return
  fi
  both go go -C client/drivers/go test -count=1 .
}

python
javascript
golang
printf 'drivers: %s\n' "${summary[@]}"
exit "$failed"
