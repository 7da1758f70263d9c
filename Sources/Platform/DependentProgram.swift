import CLinux
import Glibc

/// What a process does before it becomes a program that is to end with whoever started it.
public enum DependentProgram {
  /// Has this process be sent a signal when its parent ends, however that happens: PR_SET_PDEATHSIG of prctl(2). It stays so in the program
  /// that it becomes.
  ///
  /// - Parameter parent: The process that is its parent.
  /// - Throws: `noSuchProcess` where that has ended already.
  public static func endWithParent(_ parent: pid_t, signal: CInt) throws(Errno) {
    let result = clinux_end_with_parent(parent, signal)
    guard result == 0 else { throw Errno(rawValue: -result) }
  }
}

extension ProcessorSet {
  /// Restricts the calling thread, and what it starts, to some processors: sched_setaffinity(2).
  public static func restrictCurrentThread(to cpus: [Int]) throws(Errno) {
    let numbers = cpus.map { CInt(clamping: $0) }
    let result = clinux_use_cpus(numbers, numbers.count)
    guard result == 0 else { throw Errno(rawValue: -result) }
  }

  /// Those that this process may use, in order.
  public static var all: [Int] { (0..<1024).filter(contains) }
}
