import CArguments

/// What this program was asked for.
enum Arguments {
  /// The arguments without the program's name. Not from /proc where that can be helped: a jail may have none, and then
  /// Swift's `CommandLine` is empty.
  static var given: [String] {
    let count = carguments_count()
    guard count > 0 else { return Array(CommandLine.arguments.dropFirst()) }
    return (1..<count).map { String(cString: carguments_at($0)) }
  }
}
