#!/usr/bin/env bash
# Proves the Dockerfile where no container engine is: runs its own commands, stage by stage, in plain
# Debian roots, then the worker in the last of them, as its user, and asks it for its health.
#
#   tests/container.sh                        everything, compiling included
#   tests/container.sh --binary FILE          FILE stands for what the stages before would compile
#
# Needs root, debootstrap and a Debian mirror, and what script/bootstrap installs, to be the camera that
# the container looks at. Compiling takes a quarter of an hour. Not part of script/test.
#
# What it knows of a Dockerfile is what this one uses: FROM, ARG, ENV, WORKDIR, COPY, RUN, USER,
# ENTRYPOINT and CMD as lists. Everything else is no command.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=
if [ "${1-}" = --binary ]; then
    binary=$(realpath "$2")
fi
[ "$(id -u)" -eq 0 ] || { echo 'container.sh: needs root, for chroot' >&2; exit 2; }
command -v debootstrap >/dev/null || { echo 'container.sh: needs debootstrap: apt-get install debootstrap' >&2; exit 2; }

cache="${XDG_CACHE_HOME:-$HOME/.cache}/detector-worker/container"
work=$(mktemp -d "${TMPDIR:-/tmp}/detector-container.XXXXXX")
worker=
camera=
mounted=()
clean_up() {
    local at process
    for process in $worker $camera; do
        kill "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    for ((at = ${#mounted[@]} - 1; at >= 0; at--)); do
        umount -l "${mounted[at]}"
    done
    # Never across a mount that is still there.
    rm -rf --one-file-system "$work"
}
trap clean_up EXIT

say() { printf '\n== %s\n' "$*" >&2; }
stop() { printf 'container.sh: %s\n' "$*" >&2; exit 1; }

# A Debian with nothing in it, once.
base_root() {
    local suite=$1
    if [ ! -e "$cache/$suite.tar" ]; then
        say "debootstrap $suite"
        mkdir -p "$cache"
        debootstrap --variant=minbase "$suite" "$work/base" >&2
        tar -C "$work/base" -cf "$cache/$suite.tar.part" .
        mv "$cache/$suite.tar.part" "$cache/$suite.tar"
        rm -rf "$work/base"
    fi
}

mount_into() {
    mkdir -p "$2"
    mount --bind "$1" "$2"
    mounted+=("$2")
}

# What an engine gives a container: devices, processes, names of hosts.
furnish() {
    local root=$1
    mount_into /proc "$root/proc"
    mount_into /dev "$root/dev"
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    # Where this machine's mirror is.
    rm -f "$root"/etc/apt/sources.list
    cp -r /etc/apt/sources.list* /etc/apt/apt.conf.d "$root/etc/apt/" 2>/dev/null || true
}

# The image of Rust is Debian with a toolchain; here it is this machine's. What is installed with it
# stays in the root, and it trusts whom this machine trusts.
lend_toolchain() {
    local root=$1 trusted=/etc/ssl/certs/ca-certificates.crt
    mount_into "${RUSTUP_HOME:-$HOME/.rustup}" "$root/usr/local/rustup"
    mount_into "${CARGO_HOME:-$HOME/.cargo}" "$root/usr/local/cargo"
    environment[RUSTUP_HOME]=/usr/local/rustup
    environment[CARGO_HOME]=/usr/local/cargo
    environment[CARGO_INSTALL_ROOT]=/usr/local
    environment[PATH]=/usr/local/cargo/bin:${environment[PATH]}
    if [ -e "$trusted" ]; then
        cp -L "$trusted" "$root/usr/local/share/trusted.crt"
        environment[CARGO_HTTP_CAINFO]=/usr/local/share/trusted.crt
    fi
}

# Of the stage that is being built.
root=
skipped=
declare -A arguments environment
workdir=/
user=root
entrypoint=()
command=()

# Values of ARG and ENV in a text.
expand() {
    local text=$1 name
    for name in "${!arguments[@]}"; do
        text=${text//"\${$name}"/${arguments[$name]}}
    done
    printf '%s' "$text"
}

# The words of a JSON list of texts.
words() { python3 -c 'import json, sys; print("\n".join(json.loads(sys.argv[1])))' "$1"; }

from() {
    local image=$1 name=$3
    root=$work/$name
    environment=([PATH]=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
    workdir=/
    user=root
    skipped=
    say "stage $name, from $image"
    case $image in
        debian:*-slim)
            mkdir "$root"
            tar -C "$root" -xf "$cache/${arguments[DEBIAN]}.tar"
            ;;
        rust:*)
            [ -z "$binary" ] || { skipped=yes; return 0; }
            mkdir "$root"
            tar -C "$root" -xf "$cache/${arguments[DEBIAN]}.tar"
            lend_toolchain "$root"
            ;;
        *)
            [ -z "$binary" ] || { skipped=yes; return 0; }
            cp -a --one-file-system "$work/$image" "$root"
            lend_toolchain "$root"
            workdir=/src
            ;;
    esac
    furnish "$root"
}

# How something is run in the stage: `call`, then those words.
call=()
prepare_call() {
    local settings=() name
    for name in "${!environment[@]}"; do
        settings+=("$name=${environment[$name]}")
    done
    call=(chroot --userspec="$user" "$root" /usr/bin/env -i "${settings[@]}")
}

inside() {
    prepare_call
    "${call[@]}" "$@"
}

run() {
    local settings=() name
    for name in "${!arguments[@]}"; do
        settings+=("$name=${arguments[$name]}")
    done
    say "RUN $1"
    inside "${settings[@]}" DEBIAN_FRONTEND=noninteractive /bin/sh -ec "cd $workdir; $1" >&2
}

copy() {
    local stage= from target
    if [[ $1 == --from=* ]]; then
        stage=${1#--from=}
        shift
    fi
    from=$1 target=$2
    [[ $target == /* ]] || target=$workdir/$target
    if [ "$stage" = build ] && [ -n "$binary" ]; then
        install -D -m 755 "$binary" "$root$target"
    elif [ -n "$stage" ]; then
        [ ! -d "$work/$stage$from" ] || from=$from/.
        cp -a "$work/$stage$from" "$root$target"
    else
        [ "$from" != . ] || from=./.
        mkdir -p "$(dirname "$root$target")"
        cp -a "$context/$from" "$root$target"
    fi
}

instruction() {
    local word=$1 rest=$2 pair
    case $word in
        FROM)
            # shellcheck disable=SC2086
            from $(expand "$rest")
            ;;
        ARG)
            pair=$(eval "printf '%s' $rest")
            arguments[${pair%%=*}]=${pair#*=}
            ;;
    esac
    [ -z "$skipped" ] || return 0
    case $word in
        ENV)
            for pair in $rest; do
                environment[${pair%%=*}]=${pair#*=}
            done
            ;;
        WORKDIR)
            workdir=$rest
            mkdir -p "$root$rest"
            ;;
        COPY)
            # shellcheck disable=SC2086
            copy $rest
            ;;
        RUN) run "$rest" ;;
        USER) user=$rest ;;
        ENTRYPOINT) mapfile -t entrypoint < <(words "$rest") ;;
        CMD) mapfile -t command < <(words "$rest") ;;
    esac
}

# What the engine is sent: what belongs to the project, and is not left out, as it is now.
context=$work/context
mkdir "$context"
git ls-files -z | tar --null --verbatim-files-from --anchored --exclude-from=.dockerignore -T - -c |
    tar -C "$context" -x --no-same-owner

suite=$(sed -n 's/^ARG DEBIAN=//p' Dockerfile)
base_root "$suite"
# Comments go, continued lines are joined: one instruction a line.
while read -r word rest; do
    instruction "$word" "$rest"
done < <(grep -v '^ *#' Dockerfile | sed -e ':again' -e '/\\$/{N;s/\\\n */ /;b again}' | grep -v '^ *$')

say 'the worker in its container'
# As with `--read-only`: what is written goes where volumes are.
mount_into "$root" "$root"
mount -o remount,ro,bind "$root"
# Under another mount they are not seen.
mount_into /proc "$root/proc"
mount_into /dev "$root/dev"
for volume in /app/models /var/cache/detector-worker; do
    mkdir -p "$work/volumes$volume"
    chroot "$root" stat -c '%u:%g' "$volume" | xargs -I{} chown {} "$work/volumes$volume"
    mount_into "$work/volumes$volume" "$root$volume"
done
mount -t tmpfs none "$root/tmp"
mounted+=("$root/tmp")
# A port that is free now, rather than the image's.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
environment[DETECTOR_LISTEN]=127.0.0.1:$port
say 'what is in it, for scanners'
for package in gstreamer1.0-libav libavcodec59; do
    [ -s "$root/var/lib/dpkg/status.d/$package" ] || stop "no word of $package"
done
ls "$root/var/lib/dpkg/status.d" | wc -l

say 'doctor'
inside "${entrypoint[@]}" doctor
say 'a camera, looked at from within'
"${binary:-$work/build/out/detector-worker}" simulate --listen 127.0.0.1:0 >"$work/camera.log" 2>&1 &
camera=$!
for attempt in $(seq 60); do
    ! grep -q 'rtsp://' "$work/camera.log" || break
    [ "$attempt" -lt 60 ] || stop "no camera: $(cat "$work/camera.log")"
    sleep 0.5
done
inside "${entrypoint[@]}" probe --seconds 1 "$(grep -om 1 'rtsp://[^ ]*' "$work/camera.log")"

say 'the worker'
# Not through a function, so that the number is the worker's own.
prepare_call
"${call[@]}" "${entrypoint[@]}" "${command[@]}" &
worker=$!
for attempt in $(seq 60); do
    kill -0 "$worker" 2>/dev/null || stop 'the worker ended'
    ! inside "${entrypoint[@]}" healthcheck || break
    [ "$attempt" -lt 60 ] || stop 'the worker was not well within a minute'
    sleep 1
done
ran_as=$(ps -o user= -p "$worker")
[ "$ran_as" != root ] || stop 'the worker runs as root'
kill -TERM "$worker"
wait "$worker" || stop "the worker ended with $?"
worker=
say "$(du -sh --one-file-system "$root" | cut -f 1) in all, of which the binary $(du -h "$root/usr/local/bin/detector-worker" | cut -f 1)"
say 'the container holds'
