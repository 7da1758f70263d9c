import CLinux
import Glibc
import Platform
import Synchronization
import TestSupport
import Testing

@Suite("Descriptors that threads wait for")
struct DescriptorTests {
  /// The tokens that are ready now.
  private func ready(_ epoll: Epoll, timeout: CInt = 0) throws -> [UInt32] {
    (0..<(try epoll.wait(timeout: timeout))).map { epoll.ready(at: $0).token }.sorted()
  }

  @Test("An eventfd counts signals until it is consumed")
  func eventFD() throws {
    let event = try EventFD()
    #expect(event.consume() == 0)
    for _ in 0..<3 { event.signal() }
    #expect(event.consume() == 3)
    #expect(event.consume() == 0)
    // Full to the brim: a signal neither blocks nor is an error.
    var most = UInt64.max - 1
    #expect(write(event.descriptor.raw, &most, 8) == 8)
    event.signal()
    #expect(event.consume() == UInt64.max - 1)
  }

  @Test("Waiting names what is ready, as long as it is")
  func epoll() throws {
    let epoll = try Epoll()
    let first = try EventFD()
    let second = try EventFD()
    try epoll.add(first.descriptor.raw, for: .input, token: 1)
    try epoll.add(second.descriptor.raw, for: .input, token: 2)
    #expect(try ready(epoll) == [])
    second.signal()
    #expect(try ready(epoll) == [2])
    #expect(try ready(epoll) == [2])
    first.signal()
    #expect(try ready(epoll) == [1, 2])
    _ = second.consume()
    #expect(try ready(epoll) == [1])
    try epoll.change(first.descriptor.raw, from: .input, to: [], token: 1)
    #expect(try ready(epoll) == [])
    #expect(throws: Errno.fileExists) { try epoll.add(second.descriptor.raw, for: .input, token: 3) }
    #expect(throws: Errno.badFileDescriptor) { try epoll.add(-1, for: .input, token: 3) }
  }

  @Test("Timers expire once or again and again, and never at once")
  func timers() throws {
    let epoll = try Epoll()
    let once = try Timer(nanoseconds: 0, repeating: false)
    let often = try Timer(nanoseconds: 1_000_000, repeating: true)
    let never = try Timer(nanoseconds: .max, repeating: true)
    try epoll.add(once.descriptor.raw, for: .input, token: 1)
    try epoll.add(never.descriptor.raw, for: .input, token: 3)
    #expect(try ready(epoll, timeout: 1000) == [1])
    #expect(once.consume() == 1)
    #expect(once.consume() == 0)
    #expect(never.consume() == 0)
    var expirations: UInt64 = 0
    let deadline = Clock.monotonic + 60_000_000_000
    while expirations < 3, Clock.monotonic < deadline {
      usleep(1000)
      expirations += often.consume()
    }
    #expect(expirations >= 3)
  }

  @Test("Signals are read in place of being delivered, and what is left over does no harm")
  func signals() throws {
    // On a thread that has them unblocked, as a program's main thread has; the test runner's own threads do not.
    let failure = Mutex<(any Error)?>(nil)
    let thread = try DedicatedThread(name: "signals") {
      var unblocked = sigset_t()
      sigemptyset(&unblocked)
      pthread_sigmask(SIG_SETMASK, &unblocked, nil)
      do {
        let signals = try SignalDescriptor([SIGUSR1, SIGUSR2])
        #expect(signals.next() == nil)
        pthread_kill(pthread_self(), SIGUSR2)
        #expect(signals.next() == SIGUSR2)
        #expect(signals.next() == nil)
        // Unread when the descriptor goes away: by default it would end this process.
        pthread_kill(pthread_self(), SIGUSR1)
      } catch {
        failure.withLock { $0 = error }
      }
      var mask = sigset_t()
      pthread_sigmask(SIG_BLOCK, nil, &mask)
      #expect(sigismember(&mask, SIGUSR1) == 0)
    }
    thread.join()
    #expect(failure.withLock { $0 == nil })
  }

  @Test("A mapping refuses what cannot be mapped")
  func mapping() throws {
    for length in [0, -1, Int.min] {
      #expect(throws: Errno.invalidArgument) {
        _ = try MemoryMapping(descriptor: -1, length: length, flags: MAP_PRIVATE | MAP_ANONYMOUS)
      }
    }
    #expect(throws: Errno.self) { _ = try MemoryMapping(descriptor: -1, length: 4096) }
    #expect(throws: Errno.noMemory) {
      _ = try MemoryMapping(descriptor: -1, length: 1 << 60, flags: MAP_PRIVATE | MAP_ANONYMOUS)
    }
    let mapping = try MemoryMapping(descriptor: -1, length: 8192, flags: MAP_PRIVATE | MAP_ANONYMOUS)
    #expect(mapping.bytes.count == 8192)
    #expect(mapping.bytes.allSatisfy { $0 == 0 })
  }

  @Test("Anonymous memory lies where it is wanted, is zero, and all of it goes away")
  func anonymousMapping() throws {
    for length in [0, -1, Int.min, Int.max] {
      #expect(throws: Errno.self) { _ = try MemoryMapping(anonymous: length, alignment: 4096) }
    }
    for alignment in [4096, 1 << 16, 2 << 20, 1 << 30] {
      for length in [4096, 3 * 4096, 2 << 20, 5 << 20] {
        let mapping = try MemoryMapping(anonymous: length, alignment: alignment)
        #expect(Int(bitPattern: mapping.base) % alignment == 0)
        #expect(mapping.bytes.count == length)
        mapping.adviseHugePages()
        mapping.setName("test")
        #expect(mapping.bytes[0] == 0 && mapping.bytes[length - 1] == 0)
        mapping.bytes[length - 1] = 1
      }
    }
    // Of what the alignment of a hundred mappings needed, nothing is left: neither beside them nor after them. Other
    // tests map memory meanwhile, but not as much as that.
    let before = try virtualSize()
    func map(_ count: Int) throws {
      guard count > 0 else { return }
      let mapping = try MemoryMapping(anonymous: 4096, alignment: 4 << 30)
      #expect(try virtualSize() < before + 200 << 30)
      try map(count - 1)
      _ = mapping.length
    }
    for _ in 0..<10 { try map(100) }
    #expect(try virtualSize() < before + 200 << 30)
  }

  @Test("A mapping that fails takes nothing away that another thread has mapped meanwhile")
  func failedMapping() throws {
    let length = 1 << 30
    // The kernel learns that a socket cannot be mapped when it has made room for that.
    let (one, other) = try UnixSocket.pair()
    defer {
      close(one)
      close(other)
    }
    let state = Monitor((isDone: false, made: 0, lost: 0))
    // Whether memory can be read is told by whoever is to read it, without a fault.
    let reader = try EventFD()
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    let thread = try DedicatedThread(name: "maps") {
      while !state.update({ $0.isDone }) {
        // The kernel gives the highest room that there is: the second is where room comes and goes.
        guard let high = try? MemoryMapping(descriptor: -1, length: length / 4, flags: flags),
          let low = try? MemoryMapping(descriptor: -1, length: length / 4, flags: flags)
        else { continue }
        let isThere = (0..<20).allSatisfy { _ in
          write(reader.descriptor.raw, high.base, 8) == 8 && write(reader.descriptor.raw, low.base, 8) == 8
        }
        state.update {
          $0.made += 1
          if !isThere { $0.lost += 1 }
        }
      }
    }
    var attempts = 0
    while attempts < 20_000 || (state.update { $0.made < 1000 }) {
      do {
        _ = try MemoryMapping(guarding: one, length: length, alignment: 2 << 20)
        Issue.record("a socket was mapped")
      } catch {
        if error != Errno(rawValue: ENODEV) { Issue.record("\(error)") }
      }
      attempts += 1
    }
    state.update { $0.isDone = true }
    thread.join()
    #expect(state.update { $0.lost } == 0)
  }

  /// Bytes of this process's address space: proc(5), statm.
  private func virtualSize() throws -> Int {
    let text = try #require(TextFile.read("/proc/self/statm"))
    return try #require(text.split(separator: " ").first.flatMap { Int($0) }) * 4096
  }
}
