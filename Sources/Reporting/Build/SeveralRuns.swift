import Analysis
import Reports

/// What to say where what was read holds several runs, which one report cannot keep apart.
enum SeveralRuns {
  /// The note.
  ///
  /// - Parameters:
  ///   - processes: The VMMs' process ids.
  ///   - recordings: What was read.
  static func note(processes: [String], recordings: [TraceFacts.Recording]) -> String {
    let numbers = processes.joined(separator: ", ")
    let mixed = "vCPUs with the same number are mixed up; "
    let places = places(recordings)
    guard places.count > 1 else {
      return "several VMMs were recorded into one trace (processes \(numbers)): \(mixed)"
        + "give each run a directory of its own (--trace), or record one process only (lttng track --userspace --vpid=PID)"
    }
    let command = "exeunt-analyze compare " + places.prefix(2).map(Text.shellWord).joined(separator: " ")
    return "several runs were read together (processes \(numbers)): \(mixed)"
      + "compare them, \(places.count == 2 ? "with" : "two at a time, as in") `\(command)`, or read one at a time"
  }

  /// The directories that hold one recording each, in the order in which they were found: what stands before LTTng's own
  /// directories in a session's output.
  static func places(_ recordings: [TraceFacts.Recording]) -> [String] {
    var places: [String] = []
    for recording in recordings {
      guard let directory = recording.directories.first else { continue }
      var parts = directory.split(separator: "/", omittingEmptySubsequences: false)
      if let inner = parts.lastIndex(where: { $0 == "ust" }), inner > 0 { parts.removeSubrange(inner...) }
      if parts.count > 2, parts[parts.count - 2] == "archives" { parts.removeLast(2) }
      let place = parts.joined(separator: "/")
      if !places.contains(place) { places.append(place.isEmpty ? "." : place) }
    }
    return places
  }
}
