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

  /// A path by which this very program can be executed again.
  public static var executable: String {
    // The file itself, even when it has been renamed or replaced meanwhile.
    let link = "/proc/self/exe"
    if access(link, X_OK) == 0 { return link }
    return carguments_executable().map { String(cString: $0) } ?? link
  }
}
