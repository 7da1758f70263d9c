import Analysis
import ArgumentParser
import CTF
import Glibc

/// Files that hold analysis states.
enum StateInput {
  /// Whether a path is a file that begins like a state.
  static func isState(_ path: String) -> Bool {
    guard let descriptor = open(path), descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 8)
    return Glibc.read(descriptor, &bytes, bytes.count) == bytes.count && StateFile.isState(bytes)
  }

  /// Ends the program with one line where a file is given and only a recording can be read: status 2 for a state, else 3.
  ///
  /// - Parameter paths: Directories, as the user gave them.
  static func refuse(_ paths: [String]) throws {
    if let state = paths.first(where: isState) {
      throw Terminal.mistake(
        "\(PathText.shown(state)) is a state, which has no events: this needs the recording")
    }
    for path in paths {
      guard let size = fileSize(path) else { continue }
      let what = size == 0 ? "an empty file" : "a file, and no state"
      Terminal.report(
        "cannot read the trace: \(PathText.shown(path)): \(what); give the directory that holds the trace")
      throw ExitCode(3)
    }
  }

  /// The bytes of a regular file; nil: it is none.
  private static func fileSize(_ path: String) -> Int? {
    var status = stat()
    guard withPath(path, { stat($0, &status) }) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int(status.st_size)
  }

  /// Reads a state, or ends the program with one line and status 3.
  static func read(_ path: String) throws -> [SavedRecording] {
    guard let descriptor = open(path) else {
      throw failure(path, errno == 0 ? "it is no file" : String(cString: strerror(errno)))
    }
    defer { close(descriptor) }
    let bytes: [UInt8]
    do throws(WholeFile.Failure) {
      bytes = try WholeFile.read(descriptor, atMost: StateFile.largest)
    } catch {
      switch error {
      case .unreadable(let code): throw failure(path, String(cString: strerror(code)))
      case .tooLarge:
        throw failure(path, "it is larger than \(StateFile.largest >> 20) MiB, which no state is")
      }
    }
    do throws(StateError) {
      return try StateFile.read(bytes)
    } catch {
      throw failure(path, "\(error)")
    }
  }

  /// Writes a state, or ends the program with one line and status 1. Nobody sees a part of it: a file is replaced when all
  /// of it is written.
  static func write(_ recordings: [SavedRecording], to path: String) throws {
    let bytes: [UInt8]
    do throws(StateError) {
      bytes = try StateFile.bytes(of: recordings)
    } catch {
      throw failure(path, "\(error)", "cannot write", 3)
    }
    do throws(OutputFile.Failure) {
      let file = try OutputFile(path)
      if let code = Terminal.write(bytes, to: file.descriptor) { throw OutputFile.Failure(code: code) }
      try file.complete()
    } catch {
      throw failure(path, error.text, "cannot write", 1)
    }
  }

  private static func open(_ path: String) -> CInt? {
    errno = 0
    var status = stat()
    // Opening a pipe that nobody writes to would wait.
    guard withPath(path, { stat($0, &status) }) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    let descriptor = withPath(path) { Glibc.open($0, O_RDONLY | O_CLOEXEC) }
    return descriptor < 0 ? nil : descriptor
  }

  private static func withPath<Value>(_ path: String, _ body: (UnsafePointer<CChar>) -> Value) -> Value {
    PathText.withBytes(path, body)
  }

  private static func failure(
    _ path: String, _ what: String, _ action: String = "cannot read", _ status: Int32 = 3
  ) -> ExitCode {
    Terminal.report("\(action) the state \(PathText.shown(path)): \(what)")
    return ExitCode(status)
  }
}
