import Glibc
import Platform

/// How long loading liblttng-ust waits for session daemons to take this process in.
///
/// It waits up to 3 s for each one whose socket is there, or as LTTNG_UST_REGISTER_TIMEOUT says (lttng-ust(3)), -1 being for ever: also
/// for one that was stopped (SIGSTOP, a debugger), which answers nobody.
package enum RegistrationWait {
  /// Has nobody wait where a session daemon is stopped, by setting LTTNG_UST_REGISTER_TIMEOUT to 0: a daemon that answers takes this process in a
  /// moment later. To be called while there is no other thread.
  ///
  /// - Returns: the stopped daemon's process id; nil where there is none.
  @discardableResult
  package static func limit() -> pid_t? {
    guard let daemon = stoppedDaemon else { return nil }
    setenv("LTTNG_UST_REGISTER_TIMEOUT", "0", 1)
    return daemon
  }

  /// A session daemon that this process would register with, and that is stopped.
  private static var stoppedDaemon: pid_t? {
    let home = (getenv("LTTNG_HOME") ?? getenv("HOME")).map { String(cString: $0) }
    let places = ["/var/run/lttng"] + (home.map { ["\($0)/.lttng"] } ?? [])
    for place in places {
      guard let line = TextFile.read("\(place)/lttng-sessiond.pid", limit: 64),
        let process = pid_t(line.split(whereSeparator: \.isNewline).first ?? ""), process > 0,
        let entry = ProcessTable.entry(process), entry.name == "lttng-sessiond"
      else { continue }
      if entry.state == "T" || entry.state == "t" { return process }
    }
    return nil
  }
}
