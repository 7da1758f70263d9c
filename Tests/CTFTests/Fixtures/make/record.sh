#!/bin/sh
# Records the fixtures anew, into the directory given: sudo unshare -m sh record.sh /tmp/fixtures
#
# Everything runs in a mount namespace of its own, with a session daemon of its own, so that it neither finds nor
# disturbs another one.
set -e
out=$1
here=$(cd "$(dirname "$0")" && pwd)
events=$here/../../../../Sources/CTracepoints/include
mkdir -p "$out" /run/lttng
mount -t tmpfs tmpfs /run/lttng
mount -t tmpfs tmpfs /dev/shm
export LTTNG_HOME="$out/home" HOME="$out/home" LTTNG_UST_REGISTER_TIMEOUT=-1
mkdir -p "$HOME"
gcc -O2 -I"$here" "$here/kinds.c" -o "$HOME/kinds" -llttng-ust -ldl
gcc -O2 -I"$events" "$here/loop.c" -o "$HOME/loop" -llttng-ust -ldl -lpthread
lttng-sessiond --no-kernel --agent-tcp-port=5399 &
daemon=$!
until lttng list >/dev/null 2>&1; do sleep 0.1; done

session() { # name, channel options; contexts in $contexts
    lttng create "$1" --output="$out/$1"
    lttng enable-channel -u $2 c
    lttng enable-event -u -c c 'exeunt:*'
    lttng enable-event -u -c c 'kinds:*'
    for context in $contexts; do lttng add-context -u -c c -t "$context"; done
    lttng start
}

contexts="vpid vtid procname" session kinds "--subbuf-size=4k --num-subbuf=16"
"$HOME/kinds" 15 && lttng destroy
contexts="" session pid "--buffers-pid --subbuf-size=4k --num-subbuf=8"
"$HOME/kinds" 5 && lttng destroy
contexts="" session lossy "--subbuf-size=4k --num-subbuf=2"
"$HOME/loop" 3000 2 && lttng destroy
contexts="" session rotated-files "--subbuf-size=4k --num-subbuf=16 --tracefile-size=8192 --tracefile-count=3"
"$HOME/loop" 600 2 && lttng destroy
contexts="" session chunks "--subbuf-size=4k --num-subbuf=16"
"$HOME/loop" 30 2 && lttng rotate && "$HOME/loop" 30 2 && lttng rotate && "$HOME/loop" 30 2 && lttng destroy
# A snapshot of a channel that overwrites its oldest packets: it begins in the middle.
lttng create snapshot --snapshot --output="$out/snapshot"
lttng enable-channel -u --overwrite --subbuf-size=4k --num-subbuf=4 c
lttng enable-event -u -c c 'exeunt:*'
lttng start && "$HOME/loop" 3000 2 && lttng stop && lttng snapshot record && lttng destroy
kill $daemon
find "$out" -name index | xargs rm -r
