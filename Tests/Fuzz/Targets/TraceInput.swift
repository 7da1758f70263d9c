import CTF
import Glibc

/// Splits an input into files and writes them as a trace.
///
/// The files stand one after the other, with the line `%%` between them, so that a mutation inside one does not move
/// the border of the next.
enum TraceInput {
  /// Files beyond these are part of the last one.
  private static let maximumFiles = 4
  private static let separator: [UInt8] = Array("\n%%\n".utf8)

  /// The files of an input, at least one.
  static func split(_ input: [UInt8]) -> [ArraySlice<UInt8>] {
    var files: [ArraySlice<UInt8>] = []
    var start = 0
    var place = 0
    while place + separator.count <= input.count, files.count + 1 < maximumFiles {
      if input[place] == separator[0], input[place..<place + separator.count].elementsEqual(separator) {
        files.append(input[start..<place])
        place += separator.count
        start = place
      } else {
        place += 1
      }
    }
    files.append(input[start...])
    return files
  }

  /// A directory of this process, in memory where there is such a place; it goes with the process.
  private static let directory: String = {
    let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
    var template = Array("\(parent)/exeunt-fuzz-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { return "\(parent)/exeunt-fuzz" }
    atexit { TraceInput.remove() }
    return String(cString: made)
  }()

  private static func remove() {
    for name in ["metadata"] + (0...maximumFiles).map({ "stream\($0)" }) { unlink("\(directory)/\(name)") }
    rmdir(directory)
  }

  /// Writes a trace; the previous one of this process is gone.
  ///
  /// - Returns: its directory.
  static func write(metadata: some Collection<UInt8>, files: some Collection<ArraySlice<UInt8>>) -> String {
    put("metadata", Array(metadata))
    for (number, file) in files.enumerated() { put("stream\(number)", Array(file)) }
    for number in files.count...maximumFiles { unlink("\(directory)/stream\(number)") }
    return directory
  }

  private static func put(_ name: String, _ bytes: [UInt8]) {
    let descriptor = open("\(directory)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return }
    _ = Glibc.write(descriptor, bytes, bytes.count)
    close(descriptor)
  }
}
