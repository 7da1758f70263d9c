import CStack
import Glibc

/// Runs what is recursive on a thread whose stack has room for ``Parser/maximumDepth`` levels of types, or for as many as
/// there is memory for.
///
/// Only the pages that are used take memory.
public enum DeepStack {
  /// What a level takes at most while it is parsed, compiled and printed.
  #if DEBUG
    private static let bytesPerLevel = 64 << 10
  #else
    private static let bytesPerLevel = 16 << 10
  #endif
  /// What is needed beside the levels.
  private static let reserve = 256 << 10

  /// What a thread is for, and where its stack is.
  private final class Job {
    let body: () -> Void
    var bytes = 0
    var top = 0

    init(_ body: @escaping () -> Void) { self.body = body }
  }

  /// The job of a thread that was made here.
  private static let current = ThreadLocal<Job>()

  /// How many levels the calling thread's stack has room for.
  static var levels: Int { min(Parser.maximumDepth, max(0, freeBytes - reserve) / bytesPerLevel) }

  /// Calls a closure on a thread with room for so many levels, on this one when it has as much or there can be no other,
  /// and waits for it.
  ///
  /// - Parameter levels: How deep the types are nested that it goes through; with few it stays on this thread.
  public static func run<Value, Failure: Error>(
    levels: Int = Int.max, _ body: () throws(Failure) -> Value
  ) throws(Failure) -> Value {
    guard levels > Teardown.depth else { return try body() }
    var result: Result<Value, Failure>?
    withoutActuallyEscaping(body) { escapable in
      let job = Job {
        do throws(Failure) {
          result = .success(try escapable())
        } catch {
          result = .failure(error)
        }
      }
      if !start(job, levels: min(levels, Parser.maximumDepth), isEnough: levels == Int.max) { job.body() }
    }
    guard let result else { preconditionFailure("the job has not run") }
    return try result.get()
  }

  /// The same; an error when there is no stack with room for that many levels.
  static func run<Value>(
    levels: Int, file: String, _ body: () throws(TraceError) -> Value
  ) throws(TraceError) -> Value {
    try run(levels: levels) { () throws(TraceError) in
      guard levels <= max(Teardown.depth, self.levels) else { throw tooDeep(file, levels) }
      return try body()
    }
  }

  private static func tooDeep(_ file: String, _ levels: Int) -> TraceError {
    TraceError(
      file: file,
      message:
        "types are nested \(levels) levels deep, and there is no memory, or no thread, for a stack that deep")
  }

  /// Starts a thread with as large a stack as there can be, and waits for its end.
  ///
  /// - Parameter isEnough: Whether fewer levels are better than this thread, when it has fewer still.
  private static func start(_ job: Job, levels: Int, isEnough: Bool) -> Bool {
    var bytes = levels * bytesPerLevel + 4 * reserve
    while true {
      if start(job, bytes: bytes) { return true }
      bytes /= 2
      guard isEnough, bytes > freeBytes else { return false }
    }
  }

  private static func start(_ job: Job, bytes: Int) -> Bool {
    job.bytes = bytes
    let thread = JoinableThread(stackBytes: bytes) {
      job.top = Int(bitPattern: cstack_frame())
      current.with(job, job.body)
    }
    thread?.join()
    return thread != nil
  }

  /// Bytes of the calling thread's stack that are not in use.
  private static var freeBytes: Int {
    if let job = current.object { return job.bytes - (job.top - Int(bitPattern: cstack_frame())) }
    // Another thread's: as large as they are by default, and hardly used.
    var bounds = rlimit()
    let isKnown = unsafe getrlimit(__rlimit_resource_t(RLIMIT_STACK.rawValue), &bounds) == 0
    return min(isKnown ? Int(clamping: bounds.rlim_cur) : 1 << 20, 8 << 20) - reserve
  }
}
