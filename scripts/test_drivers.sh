#!/usr/bin/env bash
# Runs the examples and driver tests of examples/ against `retrograph serve`, logged in as the first
# administrator: over TLS as the programs are meant to be used, and the tests without it too. What cannot be
# installed here is reported as not run, never as passed.
#
#   scripts/test_drivers.sh path/to/retrograph [python javascript go java rust]
set -euo pipefail
binary=$(realpath "$1")
shift
cd "$(dirname "$0")/.."
work=${DRIVERS_DIR:-${CARGO_TARGET_DIR:-target}/drivers}
mkdir -p "$work"
work=$(realpath "$work")
export GRAPH=drivers BOLT_USER BOLT_PASSWORD BOLT_URI

data=$(mktemp -d)
servers=()
# A server makes everything durable before it ends; it has the time that takes, and no more.
finish() {
  [ ${#servers[@]} -eq 0 ] || kill "${servers[@]}" 2>/dev/null || true
  local server
  for server in "${servers[@]}"; do
    for _ in $(seq 150); do
      kill -0 "$server" 2>/dev/null || break
      sleep 0.1
    done
    kill -9 "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  done
  rm -rf "$data" || true
}
trap finish EXIT

declare -A ports
# serve NAME OPTION…: starts a server with an empty graph on a port of its own.
serve() {
  local name=$1 server
  shift
  "$binary" serve --data "$data/$name" --graph "$GRAPH" --listen 127.0.0.1:0 "$@" 2>"$data/$name.log" &
  server=$!
  servers+=("$server")
  for _ in $(seq 300); do
    grep -q '^listening on' "$data/$name.log" && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  ports[$name]=$(sed -n 's|^listening on bolt[+s]*://127.0.0.1:\([0-9]*\).*|\1|p' "$data/$name.log")
  [ -n "${ports[$name]}" ] || {
    echo "drivers: the server did not start:" >&2
    cat "$data/$name.log" >&2
    exit 1
  }
}

# An authority of our own and a certificate for this machine, which all runtimes below are told to trust.
certify() {
  local of=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2)
  openssl req -x509 "${of[@]}" -subj '/CN=Authority of a test' -addext basicConstraints=critical,CA:TRUE \
    -addext keyUsage=critical,keyCertSign -keyout "$data/authority.key" -out "$data/authority.pem" &&
    openssl req "${of[@]:0:5}" -subj /CN=localhost -keyout "$data/server.key" -out "$data/server.csr" &&
    openssl x509 -req -in "$data/server.csr" -CA "$data/authority.pem" -CAkey "$data/authority.key" \
      -CAcreateserial -days 2 -out "$data/server.pem" -extfile <(
        echo 'subjectAltName=DNS:localhost,IP:127.0.0.1'
        echo 'basicConstraints=critical,CA:FALSE'
        echo 'extendedKeyUsage=serverAuth'
      )
}

failed=0
summary=()
# No test and no silent network may keep the whole test command waiting.
limited() { timeout --kill-after=10 300 "$@"; }
result() { summary+=("$1: $2"); [ "$2" != failed ] || failed=1; }
# against SERVER SCHEME NAME COMMAND…: runs the command with the address of that server.
against() {
  local server=$1 scheme=$2 name=$3 begin=$SECONDS
  shift 3
  if [ -z "${ports[$server]:-}" ]; then
    result "$name, $scheme" "not run: no openssl to make a certificate"
    return
  fi
  IFS=: read -r BOLT_USER BOLT_PASSWORD <"$data/$server/admin.credential"
  BOLT_URI="$scheme://localhost:${ports[$server]}"
  echo "== $name, $BOLT_URI"
  if limited "$@"; then
    result "$name, $scheme" "passed ($((SECONDS - begin)) s)"
  else
    result "$name, $scheme" failed
  fi
}
# example NAME COMMAND…: over TLS, as everybody should.
example() { SSL_CERT_FILE=$data/authority.pem NODE_EXTRA_CA_CERTS=$data/authority.pem against tls neo4j+s "$@"; }
# tests NAME COMMAND…: without TLS by one address, with TLS by asking the server where to go.
tests() {
  against plain bolt "$@"
  example "$@"
}
# compatible SCHEME NAME COMMAND…: for clients that insist on the vendor's name.
compatible() { SSL_CERT_FILE=$data/authority.pem against compatible "$@"; }

# environment FOLDER: an environment with what examples/FOLDER needs, in $work/FOLDER.
environment() {
  local folder=$1 locked=examples/$1/requirements.txt
  cmp -s "$locked" "$work/$folder/installed" && return
  {
    limited python3 -m venv --clear "$work/$folder" &&
      limited "$work/$folder/bin/pip" install -q --require-hashes -r "$locked" &&
      cp "$locked" "$work/$folder/installed"
  } >"$work/$folder.log" 2>&1 || {
    result "$folder" "not run: it cannot be installed (see $work/$folder.log)"
    return 1
  }
}

python() {
  command -v python3 >/dev/null || { result python "not run: no python3"; return; }
  local run
  if environment python; then
    run=("$work/python/bin/python" -W ignore)
    tests "python driver 6, tests" "${run[@]}" examples/python/driver_test.py
    example "python driver 6, example" "${run[@]}" examples/python/accounts.py
    example "python driver 6, users" "${run[@]}" examples/python/users.py
    example "python driver 6, asynchronous example" "${run[@]}" examples/python/accounts_async.py
  fi
  if environment python-tools; then
    run=("$work/python-tools/bin/python" -W ignore)
    example "neomodel, example" "${run[@]}" examples/python-tools/people_neomodel.py
    example "langchain-neo4j, graph" "${run[@]}" examples/python-tools/papers_langchain.py
  fi
  if environment python-old; then
    run=("$work/python-old/bin/python" -W ignore)
    compatible neo4j+s "python driver 4.4, example" "${run[@]}" examples/python-old/accounts.py
  fi
}

javascript() {
  command -v npm >/dev/null || { result javascript "not run: no npm"; return; }
  node -e 'process.exit(process.versions.node.split(".")[0] < 18 ? 1 : 0)' ||
    { result javascript "not run: node is older than 18"; return; }
  local place=$work/javascript
  mkdir -p "$place"
  cp examples/javascript/*.* "$place"
  if ! cmp -s "$place/package-lock.json" "$place/installed"; then
    limited npm ci --silent --prefix "$place" >"$work/javascript.log" 2>&1 ||
      { result javascript "not run: the driver cannot be installed (see $work/javascript.log)"; return; }
    cp "$place/package-lock.json" "$place/installed"
  fi
  tests "javascript driver 6, tests" node --test "$place/driver.test.mjs"
  example "javascript driver 6, example" node "$place/accounts.mjs"
}

golang() {
  command -v go >/dev/null || { result go "not run: no go"; return; }
  local version
  for version in v5 v6; do
    limited go -C examples/go/$version mod download >"$work/go.log" 2>&1 ||
      { result "go driver $version" "not run: it cannot be downloaded (see $work/go.log)"; continue; }
    case $version in
      v5) tests "go driver 5, tests" go -C examples/go/v5 test -count=1 . ;;
      v6) example "go driver 6, example" go -C examples/go/v6 run . ;;
    esac
  done
}

java() {
  command -v mvn >/dev/null && command -v javac >/dev/null || { result java "not run: no JDK with Maven"; return; }
  local version place run trust=()
  if [ -f "$data/authority.pem" ]; then
    keytool -importcert -noprompt -file "$data/authority.pem" -alias authority -storetype PKCS12 \
      -keystore "$data/trusted.p12" -storepass trusted >/dev/null 2>&1
    trust=("-Djavax.net.ssl.trustStore=$data/trusted.p12" -Djavax.net.ssl.trustStorePassword=trusted)
  fi
  for version in 6.2.1 5.28.15; do
    place=$work/java-$version
    if ! diff -rq examples/java "$place/built" >/dev/null 2>&1; then
      rm -rf "$place" && mkdir -p "$place" && cp -r examples/java/. "$place"
      limited mvn -q -B -f "$place/pom.xml" "-Ddriver.version=$version" compile \
        dependency:copy-dependencies >"$work/java.log" 2>&1 || {
        result "java driver $version" "not run: it cannot be built (see $work/java.log)"
        continue
      }
      cp -r examples/java "$place/built"
    fi
    run=("$(type -P java)" "${trust[@]}" -cp "$place/target/classes:$place/target/dependency/*" example.Accounts)
    compatible neo4j+s "java driver $version, example" "${run[@]}"
    compatible bolt+s "java driver $version, example" "${run[@]}"
  done
}

rust() {
  command -v cargo >/dev/null || { result rust "not run: no cargo"; return; }
  if ! timeout --kill-after=10 1200 cargo build -q --locked --manifest-path examples/rust/Cargo.toml \
    --target-dir "$work/rust" >"$work/rust.log" 2>&1; then
    grep -q 'could not compile' "$work/rust.log" && { cat "$work/rust.log" >&2; result neo4rs failed; return; }
    result neo4rs "not run: it cannot be downloaded (see $work/rust.log)"
    return
  fi
  SSL_CERT_FILE=$data/authority.pem against tls bolt+s "neo4rs, example" "$work/rust/debug/retrograph-example-neo4rs"
}

serve plain
if command -v openssl >/dev/null && certify 2>"$work/certify.log"; then
  encrypted=(--tls-certificate "$data/server.pem" --tls-key "$data/server.key")
  serve tls "${encrypted[@]}"
  serve compatible "${encrypted[@]}" --compatible-agent
fi
[ $# -gt 0 ] || set -- python javascript go java rust
for language; do
  case $language in
    go) golang ;;
    python | javascript | java | rust) "$language" ;;
    *) echo "drivers: nothing is known of $language" >&2; exit 2 ;;
  esac
done
printf 'drivers: %s\n' "${summary[@]}"
exit "$failed"
