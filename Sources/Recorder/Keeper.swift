/// The shell script that a keeper runs: a child of the recorder process that starts the private session daemon, and outlives
/// its parent only to clean up after it.
///
/// It holds the trace's directory open as descriptor 3: the session daemon is told of it as /proc/PID/fd/3, which leads to
/// that very directory whatever has become of its name.
///
/// It holds one end of a socket as its standard input. Whatever way the recorder process ends, the socket closes; unless
/// `done` came before that, the keeper first stops and closes the tracing session, so that even a recorder process killed
/// with SIGKILL leaves a readable trace and no daemon.
enum Keeper {
  /// What a keeper is there for; the raw values are the script's.
  enum Mode: String {
    /// Only watches: the daemon is somebody else's.
    case watch
    /// A private daemon whose sockets are in a directory of its own: what lttng-sessiond(8) does for a normal user.
    case home
    /// A private daemon for root, whose daemon always uses /var/run/lttng: the keeper has a mount namespace in which
    /// that is a directory of its own.
    case namespace
    /// A daemon for root in the usual place.
    case shared
  }

  /// What the keeper prints last on standard output, after the daemon's process id (0: not ours), once the daemon
  /// takes commands.
  static let ready = " ready\n"
  /// What it is sent when the session has been stopped and closed.
  static let finished = "done\n"

  /// $1: mode, $2: directory that is LTTNG_HOME, $3: session, $4: tracing group.
  static let script = #"""
    mode=$1 home=$2 session=$3 group=$4
    export LTTNG_HOME="$home"
    lttng() { timeout 60 lttng --no-sessiond --group="$group" "$@" </dev/null >/dev/null 2>&1 3<&-; }
    case $mode in
      home) run=$home/.lttng ;;
      *) run=/var/run/lttng ;;
    esac
    if [ $mode = namespace ]; then
      mkdir -p "$home/run" "$run" && mount --bind "$home/run" "$run" || { rm -rf "$home"; exit 1; }
    fi
    if [ $mode != watch ]; then
      mkdir -p "$home/.lttng"
      if [ $mode = namespace ]; then set -- --apps-sock="$home/.lttng/lttng-ust-sock-8"; else set --; fi
      lttng-sessiond --no-kernel --background "$@" </dev/null >"$home/log" 2>&1 3<&- ||
        { cat "$home/log"; rm -rf "$home"; exit 1; }
      read -r daemon <"$run/lttng-sessiond.pid"
    fi
    # Whoever is told may have ended by now: that must not end the keeper before it has cleaned up.
    trap '' PIPE
    echo "${daemon:-0} ready"
    exec >/dev/null 2>&1
    word=
    read -r word
    if [ "$word" != done ]; then
      # The command that makes the session may be under way still: it outlives the process that ran it.
      lttng stop "$session" || { sleep 1; lttng stop "$session"; }
      lttng destroy "$session"
    fi
    case $mode in
      home|namespace)
        kill -s KILL -- "-$daemon" ;;
      shared)
        # Its own session may be one that a consumer which died lets nobody close.
        while timeout 10 lttng --no-sessiond list 2>&1 | grep '^ *[0-9]*) ' | grep -qv ") $session "; do
          sleep 0.2
        done
        kill "$daemon"
        while kill -0 "$daemon"; do sleep 0.1; done ;;
    esac
    rm -rf "$home"
    """#
}
