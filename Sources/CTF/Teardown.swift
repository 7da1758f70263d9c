import Glibc

/// Releases deeply nested types one after the other: ordinarily each level would release the next one inside its own
/// deinit, and use up the stack.
final class Teardown {
  /// Types nested less deep are left to themselves.
  static let depth = 64

  private var pending: [[FieldType]] = []

  /// The work in progress of each thread.
  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    precondition(pthread_key_create(&key, nil) == 0, "no thread-local storage is left")
    return key
  }()

  /// Called by a deinit with what it holds.
  static func release(_ types: [FieldType]) {
    if let work = pthread_getspecific(key) {
      Unmanaged<Teardown>.fromOpaque(work).takeUnretainedValue().pending.append(types)
      return
    }
    let teardown = Teardown()
    teardown.pending.append(types)
    pthread_setspecific(key, Unmanaged.passUnretained(teardown).toOpaque())
    withExtendedLifetime(teardown) {
      while let last = teardown.pending.popLast() { _ = last }
    }
    pthread_setspecific(key, nil)
  }
}
