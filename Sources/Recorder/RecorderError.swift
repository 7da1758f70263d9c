import Platform

/// Why nothing is being recorded. The description says what was tried, what failed and what to do.
package enum RecorderError: Error, CustomStringConvertible {
  /// A program of the package lttng-tools is not in `PATH`.
  case programMissing(String)
  /// The trace's directory cannot be used.
  case directory(path: String, reason: String)
  /// An option of the recording is impossible.
  case option(String)
  /// The ring buffers do not fit into shared memory; both in bytes.
  case sharedMemory(needed: UInt64, available: UInt64)
  /// No session daemon was running and none could be started.
  case daemon(String)
  /// An lttng command failed.
  case command(String, output: String)
  /// The session is there, but the VMM's tracepoints were not enabled in time.
  case notRegistered(milliseconds: Int)
  /// liblttng-ust cannot be loaded, and why.
  case libraryMissing(String)
  /// The process that records ended, or does not answer.
  case recorderLost(String)
  /// The process that records says why it cannot.
  case refused(String)
  /// A system call failed.
  case system(String, Errno)

  /// One sentence for the user.
  package var description: String { "cannot record: \(reason)" }

  var reason: String {
    switch self {
    case .programMissing(let name):
      "the program \(name) is not in PATH; install the package lttng-tools, or run without --trace"
    case .directory(let path, let reason):
      "the directory '\(path)' cannot hold the trace: \(reason)"
    case .option(let problem):
      problem
    case .libraryMissing(let reason):
      "LTTng-UST cannot be loaded: \(reason); install the package liblttng-ust1, or run without --trace"
    case .sharedMemory(let needed, let available):
      "the trace buffers need \(describe(bytes: needed)) of shared memory and /dev/shm has "
        + "\(describe(bytes: available)) free; make /dev/shm larger, or the buffers smaller with --trace-subbuf-size "
        + "and --trace-subbufs"
    case .daemon(let output):
      "no LTTng session daemon is running and starting one failed: \(output); start one with "
        + "'lttng-sessiond --daemonize', or run without --trace"
    case .command(let command, let output):
      "'\(command)' failed: \(output)"
    case .notRegistered(let milliseconds):
      "the tracing session is set up, but LTTng did not enable this process's tracepoints within "
        + "\(milliseconds) ms; see whether 'lttng list --userspace' lists exeunt, and whether "
        + "LTTNG_UST_REGISTER_TIMEOUT=0 or LTTNG_HOME is set"
    case .recorderLost(let what):
      "the process that records \(what)"
    case .refused(let reason):
      reason
    case .system(let what, let error):
      "\(what) failed: \(error)"
    }
  }
}

/// A number of bytes for a message.
func describe(bytes: UInt64) -> String {
  let (unit, shift): (String, UInt64) = bytes >= 10 << 30 ? ("GiB", 30) : ("MiB", 20)
  let whole = bytes >> shift
  let tenths = ((bytes >> (shift - 10)) & 1023) * 10 / 1024
  return tenths == 0 || whole >= 100 ? "\(whole) \(unit)" : "\(whole).\(tenths) \(unit)"
}
