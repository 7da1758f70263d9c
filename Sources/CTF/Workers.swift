import Glibc
import Synchronization

/// Threads that do one thing and end.
package enum Workers {
  /// Runs `body` on `count` threads at once, one of them the calling one, and returns when all have ended.
  /// Where no thread can be made, fewer run: `body` has to take its work from a common supply.
  package static func run(_ count: Int, _ body: @escaping @Sendable () -> Void) {
    let threads = (1..<max(1, count)).compactMap { _ in JoinableThread(body) }
    body()
    for thread in threads { thread.join() }
  }

  private final class Supply: Sendable {
    let next = Atomic<Int>(0)
  }

  /// Calls `body` with each number below `count`, on as many threads as there are processors, and returns when all
  /// calls have.
  package static func perform(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let supply = Supply()
    run(min(count, processors)) {
      while true {
        let number = supply.next.add(1, ordering: .relaxed).oldValue
        guard number < count else { return }
        body(number)
      }
    }
  }

  /// CPUs that this process may use.
  package static var processors: Int { max(1, Int(sysconf(CInt(_SC_NPROCESSORS_ONLN)))) }
}
