#!/bin/sh
# Puts the peers that `make bench` measures against on this machine, each from its own registry by its ordinary
# client. Every peer is optional: what cannot be had is said and skipped, and the bench measures what is there.
#
#   bench/peers.sh [tusd|rustus|tus-node|copyparty|nginx …]      without names: all of them
#
# They go into $BENCH_CACHE (default ~/.cache/media-service-bench), at low priority. Nothing is put into the
# repository; only nginx, which apt knows, is installed for the whole machine.
set -u

cache=${BENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/media-service-bench}
peers=$cache/peers
mkdir -p "$peers"
log=$cache/peers.log

skip() { echo "skipped  $1: $2"; }
have() { command -v "$1" >/dev/null 2>&1; }
quietly() { nice -n 19 "$@" >>"$log" 2>&1; }
ready() { echo "ready    $1: $2"; }

get_tusd() {
    have go || { skip tusd "Go is missing"; return; }
    # A registry may serve versions that it does not list; then the one we first measured against is asked for.
    if GOBIN=$peers/bin quietly go install github.com/tus/tusd/v2/cmd/tusd@latest || build_tusd v2.10.0; then
        ready tusd "$(go version -m "$peers/bin/tusd" | awk '$2 == "github.com/tus/tusd/v2" {print $3}')"
    else
        skip tusd "go install failed, see $log"
    fi
}

# `go install path@version` looks for a module of each prefix of the path; a module that requires it does not.
build_tusd() (
    rm -rf "$peers/tusd" && mkdir -p "$peers/tusd" "$peers/bin" && cd "$peers/tusd" \
        && quietly go mod init tusd-of-the-bench \
        && quietly go mod edit -require "github.com/tus/tusd/v2@$1" \
        && quietly go mod download github.com/tus/tusd/v2 \
        && quietly go build -mod=mod -o "$peers/bin/tusd" github.com/tus/tusd/v2/cmd/tusd
)

get_rustus() {
    have cargo || { skip rustus "cargo is missing"; return; }
    # --locked: a Rust program is meant to be built from the versions it was released with.
    if quietly cargo install rustus --locked --root "$peers" || quietly cargo install rustus --root "$peers"; then
        ready rustus "$("$peers/bin/rustus" --version)"
    else
        skip rustus "cargo install failed, see $log"
    fi
}

get_tus_node() {
    have npm || { skip tus-node "npm is missing"; return; }
    mkdir -p "$peers/tus-node"
    if quietly npm install --no-audit --no-fund --prefix "$peers/tus-node" @tus/server @tus/file-store; then
        ready tus-node "$(npm ls --prefix "$peers/tus-node" --depth 0 2>/dev/null | grep -o '@tus/server@.*')"
    else
        skip tus-node "npm install failed, see $log"
    fi
}

get_copyparty() {
    have python3 || { skip copyparty "python3 is missing"; return; }
    # An environment of its own: the service's must not change because a bench was run.
    if quietly python3 -m venv "$peers/copyparty" && quietly "$peers/copyparty/bin/pip" install copyparty; then
        ready copyparty "$("$peers/copyparty/bin/pip" show copyparty 2>/dev/null | sed -n 's/^Version: //p')"
    else
        skip copyparty "pip install failed, see $log"
    fi
}

get_nginx() {
    if ! have nginx && have apt-get && [ "$(id -u)" = 0 ]; then
        quietly apt-get update
        # No service is started on the machine's port 80 only because something is measured.
        DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 quietly apt-get install -y --no-install-recommends nginx-light \
            || DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 quietly apt-get install -y --no-install-recommends nginx
    fi
    if ! have nginx; then
        skip nginx "not installed; it needs apt-get and root"
    elif ! nginx -V 2>&1 | grep -q http_dav_module; then
        skip nginx "it was built without its DAV module"
    else
        ready nginx "$(nginx -v 2>&1 | sed 's#.*nginx/##')"
    fi
}

for peer in "${@:-all}"; do
    case $peer in
        all) get_tusd; get_tus_node; get_copyparty; get_nginx; get_rustus ;;
        tusd | rustus | copyparty | nginx) "get_$peer" ;;
        tus-node) get_tus_node ;;
        *) echo "there is no peer $peer" >&2; exit 2 ;;
    esac
done
