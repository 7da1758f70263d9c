import Glibc

/// For tests that need an LTTng session daemon in the usual place: they must not disturb other programs on this machine.
package enum OwnSessionDaemon {
  /// As root, runs a script where /var/run/lttng is empty and nobody else's; otherwise with an LTTNG_HOME of its own.
  /// Ends the script's daemon, if it started one.
  package static func script(_ body: String) -> String {
    let inner = """
      export LTTNG_HOME=$(mktemp -d)
      run=$LTTNG_HOME/.lttng
      if [ "$(id -u)" = 0 ]; then
        run=/var/run/lttng
        mount -t tmpfs tmpfs $run
      fi
      \(body)
      [ -f $run/lttng-sessiond.pid ] && kill -s KILL -- -$(cat $run/lttng-sessiond.pid)
      rm -rf "$LTTNG_HOME"
      """
    guard getuid() == 0 else { return inner }
    let quoted = inner.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#)
    return
      "mkdir -p /var/run/lttng; exec unshare --mount --propagation private -- /bin/sh -c '\(quoted)' sh \"$@\""
  }
}
