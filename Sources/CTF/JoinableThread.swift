import Glibc

/// A thread that does one thing, and is waited for.
struct JoinableThread {
  private final class Work {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  private let thread: pthread_t

  /// Starts a thread; nil where there can be none.
  ///
  /// - Parameters:
  ///   - stackBytes: The size of its stack; nil: the usual one.
  ///   - body: What it does. It may use what the caller has, where the caller joins the thread.
  init?(stackBytes: Int? = nil, _ body: @escaping () -> Void) {
    var attributes = pthread_attr_t()
    // The attributes live until the thread has been made.
    guard unsafe pthread_attr_init(&attributes) == 0 else { return nil }
    defer { unsafe pthread_attr_destroy(&attributes) }
    if let stackBytes {
      let page = 4096
      let size = (stackBytes + page - 1) / page * page
      guard unsafe pthread_attr_setstacksize(&attributes, size) == 0 else { return nil }
    }
    var thread = pthread_t()
    // The work is retained once, and released once: by the thread, or here where there is none.
    let work = unsafe Unmanaged.passRetained(Work(body))
    let code = unsafe pthread_create(
      &thread, &attributes,
      { argument in
        guard let argument = unsafe argument else { return nil }
        unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, work.toOpaque())
    guard code == 0 else {
      unsafe work.release()
      return nil
    }
    self.thread = thread
  }

  /// Waits for its end.
  func join() { _ = pthread_join(thread, nil) }
}

/// An object that each thread has of its own, as long as a closure runs.
struct ThreadLocal<Object: AnyObject>: Sendable {
  private let key: pthread_key_t

  init() {
    var key = pthread_key_t()
    precondition(unsafe pthread_key_create(&key, nil) == 0, "no thread-local storage is left")
    self.key = key
  }

  /// The calling thread's object.
  var object: Object? {
    // Set by `with`, which keeps the object as long as it is.
    unsafe pthread_getspecific(key).map { unsafe Unmanaged<Object>.fromOpaque($0).takeUnretainedValue() }
  }

  /// Calls a closure in which `object` is the calling thread's.
  func with(_ object: Object, _ body: () -> Void) {
    withExtendedLifetime(object) {
      _ = unsafe pthread_setspecific(key, Unmanaged.passUnretained(object).toOpaque())
      defer { _ = pthread_setspecific(key, nil) }
      body()
    }
  }
}
