import Glibc
import Synchronization

/// Threads that do one thing and end.
enum Workers {
  private final class Work {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Runs `body` on `count` threads at once, one of them the calling one, and returns when all have ended.
  /// Where no thread can be made, fewer run: `body` has to take its work from a common supply.
  static func run(_ count: Int, _ body: @escaping @Sendable () -> Void) {
    var threads: [pthread_t] = []
    for _ in 1..<max(1, count) {
      var thread = pthread_t()
      let work = Unmanaged.passRetained(Work(body))
      let failed = pthread_create(
        &thread, nil,
        { argument in
          guard let argument else { return nil }
          Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
          return nil
        }, work.toOpaque())
      if failed == 0 {
        threads.append(thread)
      } else {
        work.release()
      }
    }
    body()
    for thread in threads { pthread_join(thread, nil) }
  }

  /// CPUs that this process may use.
  static var processors: Int { max(1, Int(sysconf(CInt(_SC_NPROCESSORS_ONLN)))) }
}
