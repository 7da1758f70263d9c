/// Releases deeply nested types one after the other: ordinarily each level would release the next one inside its own
/// deinit, and use up the stack.
final class Teardown {
  /// Types nested less deep are left to themselves.
  static let depth = 64

  private var pending: [[FieldType]] = []

  /// The work in progress of each thread.
  private static let current = ThreadLocal<Teardown>()

  /// Called by a deinit with what it holds.
  static func release(_ types: [FieldType]) {
    if let work = current.object {
      work.pending.append(types)
      return
    }
    let teardown = Teardown()
    teardown.pending.append(types)
    current.with(teardown) {
      while let last = teardown.pending.popLast() { _ = last }
    }
  }
}
