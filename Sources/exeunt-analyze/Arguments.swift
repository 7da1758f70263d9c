import CArguments
import CTF
import Glibc

/// What this program was asked for.
enum Arguments {
  /// The arguments without the program's name. Not from /proc where that can be helped: a jail may have none, and then
  /// Swift's `CommandLine` is empty. Bytes that are not UTF-8, as names of files may have, are kept as ``PathText`` does.
  static var given: [String] {
    let count = carguments_count()
    guard count > 0 else { return Array(CommandLine.arguments.dropFirst()) }
    return (1..<count).map { index in
      let argument = UnsafeRawBufferPointer(
        start: carguments_at(index), count: strlen(carguments_at(index)))
      return PathText.text(argument)
    }
  }
}
