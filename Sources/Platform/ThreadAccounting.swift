import Glibc

/// What the kernel keeps of one thread of this process, cumulative since the thread began.
///
/// The files are opened once, so that a reading is a system call for each; they answer as long as the thread lives.
public final class ThreadAccounting: Sendable {
  /// One reading; nil where this host does not tell.
  public struct Sample: Sendable, Equatable {
    /// Nanoseconds on a CPU, up to this very moment: the thread's CPU clock, clock_gettime(2).
    public var running: UInt64?
    /// Nanoseconds runnable but waiting for a CPU: the second number of schedstat (Documentation/scheduler/
    /// sched-stats.rst). A wait is added when it is over.
    public var waiting: UInt64?
    /// How often the thread gave its CPU up: `voluntary_ctxt_switches` in status, proc(5).
    public var voluntarySwitches: UInt64?
    /// How often its CPU was taken from it: `nonvoluntary_ctxt_switches`.
    public var involuntarySwitches: UInt64?
  }

  private let clock: clockid_t
  private let schedstat: Handle?
  private let status: Handle?

  /// Opens what is kept of a thread.
  ///
  /// - Parameter thread: its number as the kernel knows it, gettid(2).
  public init(thread: UInt32) {
    // pthread_getcpuclockid(3) takes a pthread_t; the kernel's number is the thread's, inverted, with the lowest three
    // bits saying "of a thread" and "CPU time as the scheduler counts it" (include/linux/posix-timers.h).
    clock = clockid_t(bitPattern: ~thread << 3 | 6)
    schedstat = Handle("/proc/self/task/\(thread)/schedstat")
    status = Handle("/proc/self/task/\(thread)/status")
  }

  /// Nanoseconds that the thread has had a CPU, up to this very moment; nil where it has ended.
  public var processorTime: UInt64? {
    var time = timespec()
    guard clock_gettime(clock, &time) == 0 else { return nil }
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }

  /// Reads everything. From any thread; when the thread has ended, nothing is known any more.
  public func sample() -> Sample {
    var sample = Sample()
    sample.running = processorTime
    schedstat?.read(atMost: 128) { text in
      let numbers = text.split(separator: UInt8(ascii: " "))
      guard numbers.count >= 2 else { return }
      sample.waiting = ThreadAccounting.number(numbers[1])
      sample.running = sample.running ?? ThreadAccounting.number(numbers[0])
    }
    // Lists of CPUs and memory nodes make it long on large hosts; what is wanted is among the last lines.
    status?.read(atMost: 16384) { text in
      for line in text.suffix(512).split(separator: UInt8(ascii: "\n")) {
        if line.starts(with: "voluntary_ctxt_switches:".utf8) {
          sample.voluntarySwitches = ThreadAccounting.number(line.dropFirst(24))
        } else if line.starts(with: "nonvoluntary_ctxt_switches:".utf8) {
          sample.involuntarySwitches = ThreadAccounting.number(line.dropFirst(27))
        }
      }
    }
    return sample
  }

  private static func number(_ text: Slice<UnsafeRawBufferPointer>) -> UInt64? {
    let digits = text.drop { $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: " ") }
    return UInt64(String(decoding: digits.prefix { $0 > UInt8(ascii: " ") }, as: UTF8.self))
  }

  /// A file of /proc that is read again and again.
  private final class Handle: Sendable {
    private let file: FileDescriptor

    init?(_ path: String) {
      guard let file = try? FileDescriptor.open(path, O_RDONLY) else { return nil }
      self.file = file
    }

    func read(atMost count: Int, _ body: (Slice<UnsafeRawBufferPointer>) -> Void) {
      withUnsafeTemporaryAllocation(byteCount: count, alignment: 1) { buffer in
        guard let length = try? file.read(into: buffer, at: 0) else { return }
        body(UnsafeRawBufferPointer(buffer)[..<min(length, count)])
      }
    }
  }
}
