import Glibc

/// The size of the ring buffers. LTTng-UST takes all of it from /dev/shm when the session starts, for every
/// possible CPU.
struct BufferPlan: Equatable {
  /// Bytes of one sub-buffer.
  var size: Int
  /// Sub-buffers for each CPU.
  var count: Int
  /// What the user should be told about the choice.
  var warning: String?

  /// 100 000 port-I/O exits a second, all on one CPU, make some 7 MB/s: this bridges four seconds in which nothing is
  /// saved.
  static let usual = BufferPlan(size: 4 << 20, count: 8, warning: nil)
  private static let smallestSize = 128 << 10
  private static let smallestCount = 4

  /// Takes what the user asked for, and fits the rest into shared memory.
  ///
  /// - Parameters:
  ///   - cpus: possible CPUs.
  ///   - available: free bytes of shared memory; nil when it is not known.
  static func fit(_ options: RecordingOptions, cpus: Int, available: UInt64?) throws(RecorderError)
    -> BufferPlan
  {
    var plan = usual
    if let size = options.subbufferSize {
      let page = max(Int(sysconf(CInt(_SC_PAGESIZE))), 4096)
      guard size >= page, size <= 1 << 30, size & (size - 1) == 0 else {
        throw .option("a sub-buffer of \(size) bytes is not a power of two from \(page) bytes to 1 GiB")
      }
      plan.size = size
    }
    if let count = options.subbufferCount {
      guard count >= 2, count <= 1 << 16, count & (count - 1) == 0 else {
        throw .option("\(count) sub-buffers are not a power of two from 2 to 65536")
      }
      plan.count = count
    }
    guard let available else { return plan }

    // What the user chose may use all there is; what we chose leaves half of it to others.
    let chosen = options.subbufferSize != nil && options.subbufferCount != nil
    let budget = chosen ? available : available / 2
    let usualBytes = plan.bytes(cpus: cpus)
    while plan.bytes(cpus: cpus) > budget {
      if options.subbufferCount == nil, plan.count > smallestCount {
        plan.count /= 2
      } else if options.subbufferSize == nil, plan.size > smallestSize {
        plan.size /= 2
      } else {
        throw .sharedMemory(needed: plan.bytes(cpus: cpus), available: available)
      }
    }
    if plan.bytes(cpus: cpus) < usualBytes {
      plan.warning =
        "/dev/shm has only \(describe(bytes: available)) free: trace buffers of \(plan.count) x \(plan.size >> 10) KiB for "
        + "each CPU instead of \(usual.count) x \(usual.size >> 10) KiB; a busy guest may lose events"
    }
    return plan
  }

  /// Shared memory for all CPUs. A sub-buffer's bookkeeping is small beside it.
  func bytes(cpus: Int) -> UInt64 {
    let (bytes, overflow) = UInt64(size).multipliedReportingOverflow(by: UInt64(count))
    let (all, overflow2) = bytes.multipliedReportingOverflow(by: UInt64(cpus))
    return overflow || overflow2 ? .max : all
  }

  /// CPUs that this kernel could ever bring up, for each of which LTTng-UST makes a ring.
  static var possibleCPUs: Int { max(Int(sysconf(CInt(_SC_NPROCESSORS_CONF))), 1) }

  /// Free bytes of /dev/shm; nil when it cannot be asked.
  static var sharedMemoryAvailable: UInt64? {
    var status = statvfs()
    guard statvfs("/dev/shm", &status) == 0 else { return nil }
    return UInt64(status.f_bavail) * UInt64(status.f_frsize)
  }
}
