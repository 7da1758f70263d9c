import Glibc

/// Runs what is recursive on a thread whose stack has room for ``Parser/maximumDepth`` levels of types.
///
/// Only the pages that are used take memory.
public enum DeepStack {
  private static let bytes = 256 << 20

  private final class Job {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  /// Calls a closure on such a thread and waits for it; on this one when there can be no other.
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
      if !start(job) { job.body() }
    }
    guard let result else { preconditionFailure("the job has not run") }
    return try result.get()
  }

  private static func start(_ job: Job) -> Bool {
    var attributes = pthread_attr_t()
    guard pthread_attr_init(&attributes) == 0 else { return false }
    defer { pthread_attr_destroy(&attributes) }
    guard pthread_attr_setstacksize(&attributes, bytes) == 0 else { return false }
    var thread = pthread_t()
    let pointer = Unmanaged.passUnretained(job).toOpaque()
    let code = pthread_create(
      &thread, &attributes,
      { argument in
        if let argument { Unmanaged<Job>.fromOpaque(argument).takeUnretainedValue().body() }
        return nil
      }, pointer)
    guard code == 0 else { return false }
    withExtendedLifetime(job) { _ = pthread_join(thread, nil) }
    return true
  }
}
