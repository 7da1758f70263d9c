import Glibc

/// The processes of this machine, as /proc shows them: proc(5).
public enum ProcessTable {
  /// One process.
  public struct Entry: Sendable {
    /// Its process id.
    public var id: pid_t
    /// Its program's name, at most 15 bytes.
    public var name: String
    /// R, S, D, T, Z and so on, as in the third field of /proc/PID/stat.
    public var state: Character
    /// Its parent's process id.
    public var parent: pid_t
    /// Its session's id.
    public var session: pid_t

    /// It has not ended; a process that has, but was not waited for, is still in the table.
    public var isRunning: Bool { state != "Z" && state != "X" }
  }

  /// Looks a process up; nil when there is none.
  public static func entry(_ id: pid_t) -> Entry? {
    guard let text = TextFile.read("/proc/\(id)/stat") else { return nil }
    // The name is in parentheses and may hold anything, parentheses included.
    guard let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")"), open < close else {
      return nil
    }
    let fields = text[text.index(after: close)...].split(separator: " ")
    guard fields.count > 3, let state = fields[0].first, let parent = pid_t(fields[1]),
      let session = pid_t(fields[3])
    else { return nil }
    let name = String(text[text.index(after: open)..<close])
    return Entry(id: id, name: name, state: state, parent: parent, session: session)
  }

  /// Whether any process satisfies a condition.
  public static func contains(where condition: (Entry) -> Bool) -> Bool {
    (Directory.names(in: "/proc") ?? []).contains { name in
      pid_t(name).flatMap(entry).map(condition) ?? false
    }
  }
}
