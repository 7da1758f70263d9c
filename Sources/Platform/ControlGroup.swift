import Glibc

/// A control group of the host, in a directory of cgroups(7), of either version.
public struct ControlGroup: Sendable {
  /// Why something could not be put into a group.
  public struct Failure: Error, CustomStringConvertible {
    /// What was tried, what went wrong, and what to do.
    public let description: String
  }

  private let path: String

  /// Names a group by its directory.
  public init(path: String) { self.path = path }

  /// Looks whether there is such a group that this process may join, without joining it.
  public func check() throws(Failure) {
    guard access("\(path)/cgroup.procs", W_OK) != 0 else { return }
    let error = Errno.current
    throw Failure(
      description: error == .noSuchFileOrDirectory || error == .notDirectory
        ? "there is no control group; name a directory of cgroups(7)"
        : "\(path)/cgroup.procs cannot be written: \(error)")
  }

  /// Puts all threads of this process into it: its file `cgroup.procs`.
  public func takeProcess() throws(Failure) { try write(getpid(), to: ["cgroup.procs"]) }

  /// Puts one thread into it: `tasks` of version 1, `cgroup.threads` of version 2, where the group has to be a threaded one.
  ///
  /// - Parameter thread: its number as the kernel knows it.
  public func take(thread: UInt32) throws(Failure) {
    try write(CInt(bitPattern: thread), to: ["cgroup.threads", "tasks"])
  }

  /// Writes to the first of these files that there is.
  private func write(_ number: CInt, to names: [String]) throws(Failure) {
    for name in names {
      let file = "\(path)/\(name)"
      // No file is made: another directory has none of these names.
      let raw = open(file, O_WRONLY | O_CLOEXEC)
      if raw < 0 {
        if errno == ENOENT, name != names.last { continue }
        let error = Errno.current
        throw Failure(
          description: error == .noSuchFileOrDirectory || error == .notDirectory
            ? "there is no control group; name a directory of cgroups(7)"
            : "\(file) cannot be written: \(error)")
      }
      let descriptor = FileDescriptor(owning: raw)
      let text = Array("\(number)\n".utf8)
      // `text` has `count` bytes.
      if Glibc.write(descriptor.raw, text, text.count) == text.count { return }
      let error = Errno.current
      let advice =
        error.rawValue == EOPNOTSUPP
        ? "; a group of version 2 takes single threads only where it is threaded (cgroup.type)" : ""
      throw Failure(description: "\(file) refuses \(number): \(error)\(advice)")
    }
  }
}
