import CLinux
import Glibc
import Platform
import Synchronization
import TestSupport
import Testing

@Suite("Threads, locks and clocks")
struct ThreadTests {
  @Test("A thread has its name and number, and ends with its body")
  func namedThread() throws {
    let seen = Mutex<(name: String, id: UInt32)>(("", 0))
    let thread = try DedicatedThread(name: "vcpu31-too-long-a-name") {
      let id = DedicatedThread.currentID
      let name = TextFile.read("/proc/self/task/\(id)/comm") ?? ""
      seen.withLock { $0 = (name, id) }
    }
    thread.join()
    #expect(seen.withLock { $0.name } == "vcpu31-too-long\n")
    #expect(seen.withLock { $0.id } != DedicatedThread.currentID)
  }

  @Test("A blocked thread is interrupted, even when this process was started with the signal blocked")
  func interrupt() throws {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, clinux_first_realtime_signal())
    var before = sigset_t()
    pthread_sigmask(SIG_BLOCK, &set, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    try DedicatedThread.prepareInterrupts()
    var pipe = try Pipe()
    let readEnd = pipe.readEnd
    let result = Atomic<CInt>(0)
    let done = Atomic<Bool>(false)
    let thread = try DedicatedThread(name: "blocked") {
      var byte: UInt8 = 0
      let count = read(readEnd, &byte, 1)
      result.store(count < 0 ? errno : 0, ordering: .relaxed)
      done.store(true, ordering: .releasing)
    }
    // Whether it blocks yet cannot be known, so it is interrupted until it has been.
    let deadline = Clock.monotonic + 10_000_000_000
    while !done.load(ordering: .acquiring), Clock.monotonic < deadline {
      thread.interrupt()
      usleep(1000)
    }
    // Where nothing interrupts it, the end of the pipe does.
    pipe.closeWriteEnd()
    thread.join()
    #expect(result.load(ordering: .relaxed) == EINTR)
  }

  @Test("A thread runs where it was pinned, and nowhere else can be asked for")
  func pinning() throws {
    let allowed = Mutex("")
    let refused = Mutex<[Errno]>([])
    let thread = try DedicatedThread(name: "pinned") {
      for cpu in [-1, 1 << 20, .max] {
        do throws(Errno) {
          try DedicatedThread.pinCurrent(toCPU: cpu)
        } catch {
          refused.withLock { $0.append(error) }
        }
      }
      try? DedicatedThread.pinCurrent(toCPU: 0)
      let status = TextFile.read("/proc/thread-self/status") ?? ""
      let line = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") } ?? ""
      allowed.withLock { $0 = String(line.split(separator: "\t").last ?? "") }
    }
    thread.join()
    #expect(refused.withLock { $0 } == [.invalidArgument, .invalidArgument, .invalidArgument])
    #expect(allowed.withLock { $0 } == "0")
    #expect(ProcessorSet.count >= 1)
    #expect(ProcessorSet.contains(0))
    for cpu in [-1, 1 << 20, .max, .min] { #expect(!ProcessorSet.contains(cpu)) }
  }

  @Test("A lock holds others off and says whether it was free")
  func lock() throws {
    let lock = Lock()
    // Guarded by the lock alone: ThreadSanitizer sees it, and so would the sum.
    final class Counter: @unchecked Sendable { var value = 0 }
    let counter = Counter()
    let threads = try (0..<4).map { index in
      try DedicatedThread(name: "adder\(index)") {
        for _ in 0..<10_000 { lock.withLock { counter.value += 1 } }
      }
    }
    for thread in threads { thread.join() }
    #expect(counter.value == 40_000)
    #expect(lock.tryAcquire())
    #expect(!lock.tryAcquire())
    lock.release()
  }

  @Test("Whoever waits on a monitor sees what was updated")
  func monitor() throws {
    let turn = Monitor(0)
    let threads = try (0..<3).map { index in
      try DedicatedThread(name: "player\(index)") {
        for round in 0..<200 {
          turn.wait { $0 == 3 * round + index ? () : nil }
          turn.update { $0 += 1 }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(turn.read { $0 } == 600)
  }

  @Test("The clocks are correlated to within what was measured")
  func clocks() {
    let before = Clock.monotonic
    let correlation = Clock.correlate()
    let after = Clock.monotonic
    #expect(correlation.monotonic >= before)
    #expect(correlation.monotonic <= after)
    #expect(correlation.window < 1_000_000_000)
    let again = Clock.correlate()
    #expect(again.timeStampCounter > correlation.timeStampCounter)
    let drift = Int64(again.realtime &- correlation.realtime) - Int64(again.monotonic - correlation.monotonic)
    #expect(abs(drift) < 1_000_000_000)
  }
}
