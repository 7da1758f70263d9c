import Glibc
import Platform

/// A directory for sockets and logs that lives as long as a recording.
enum ScratchDirectory {
  /// Makes one that only this user can enter.
  ///
  /// The path of a Unix socket holds at most 107 characters, and LTTng appends up to 30: a long TMPDIR is passed over.
  static func make() throws(RecorderError) -> String {
    let preferred = getenv("TMPDIR").map { String(cString: $0) } ?? ""
    // Nor is one used in which somebody else could put a link in its place.
    let fits = preferred.hasPrefix("/") && preferred.utf8.count <= 50 && TrustedPath.isSafe(preferred)
    let base = fits ? preferred : "/tmp"
    for place in base == "/tmp" ? [base] : [base, "/tmp"] {
      var template = Array("\(place)/exeunt-XXXXXX".utf8CString)
      if mkdtemp(&template) != nil {
        return template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
      }
    }
    throw .system("making a directory for LTTng's sockets in \(base)", .current)
  }
}
