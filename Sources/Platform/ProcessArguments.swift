import CArguments
import Glibc

/// What this process was started as, without asking /proc where that can be helped.
public enum ProcessArguments {
  /// The arguments, the program's name first.
  public static let all: [String] = {
    let count = carguments_count()
    // Only where the C library does not hand them over: `CommandLine` has none where /proc cannot be read.
    guard count > 0 else { return CommandLine.arguments }
    return (0..<count).map { String(cString: carguments_at($0)) }
  }()

  /// What is wrong with the first argument that is not UTF-8, and what to do; nil: all are. ``all`` has other bytes in its place, which
  /// would be the name of another file.
  public static let mistake: String? = {
    for index in 0..<carguments_count() {
      let argument = carguments_at(index)!
      guard index > 0, String(validatingCString: argument) == nil else { continue }
      let shown = UTF8Text.shown(UnsafeRawBufferPointer(start: argument, count: strlen(argument)))
      return
        "the argument '\(shown)' is not UTF-8, and nothing else can be kept as it is; give a file of such a name another one, or a symbolic link"
    }
    return nil
  }()

  /// A path by which this very program can be executed again.
  public static var executable: String {
    // The file itself, even when it has been renamed or replaced meanwhile.
    let link = "/proc/self/exe"
    if access(link, X_OK) == 0 { return link }
    return carguments_executable().map { String(cString: $0) } ?? link
  }
}
