import CLinux
import Glibc
import Platform
import TestSupport
import Testing

@testable import URing

/// A pipe, neither end of which blocks.
private func openPipe(_ ends: inout [CInt]) throws {
  try #require(pipe(&ends) == 0)
  for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
}

/// What all pollers have to say alike, with poll(2) as the oracle.
@Suite("Pollers")
struct PollerTests {
  enum Kind: CaseIterable, Sendable {
    case epoll, select, ring

    func make() throws -> any Poller {
      switch self {
      case .epoll: try Epoll()
      case .select: Select()
      case .ring: try RingPoller()
      }
    }

    /// What it should say of a descriptor for which poll(2) says `events`.
    func expected(_ events: Int32, _ interest: Readiness) -> Readiness {
      func has(_ mask: Int32) -> Bool { events & mask != 0 }
      guard !interest.isEmpty else { return [] }
      var readiness: Readiness = []
      if self == .select {
        if interest.contains(.input), has(POLLIN | POLLHUP | POLLERR) { readiness.insert(.input) }
        if interest.contains(.output), has(POLLOUT | POLLERR) { readiness.insert(.output) }
        return readiness
      }
      if has(POLLHUP | POLLERR) { return [.input, .output, .hangUp] }
      if interest.contains(.input), has(POLLIN) { readiness.insert(.input) }
      if interest.contains(.output), has(POLLOUT) { readiness.insert(.output) }
      return readiness
    }
  }

  /// Descriptors of several kinds, with what makes them ready and takes it back.
  private final class Descriptors {
    /// Those that are waited for, and for each the one that it is reached by; the same for an eventfd.
    private(set) var pairs: [(CInt, CInt)] = []
    private var isClosed: [Bool]
    private let block = [UInt8](repeating: 1, count: 8192)

    init(_ random: inout SeededGenerator) throws {
      isClosed = []
      for _ in 0..<12 {
        var ends: [CInt] = [0, 0]
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
          ends[0] = eventfd(0, CInt(EFD_NONBLOCK))
          ends[1] = ends[0]
        case 1: try openPipe(&ends)
        case 2:
          try openPipe(&ends)
          ends.swapAt(0, 1)
        default:
          let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
          try #require(socketpair(AF_UNIX, kind, 0, &ends) == 0)
        }
        try #require(ends[0] >= 0)
        pairs.append((ends[0], ends[1]))
        isClosed.append(false)
      }
    }

    deinit {
      for (pair, isClosed) in zip(pairs, isClosed) {
        close(pair.0)
        if !isClosed, pair.1 != pair.0 { close(pair.1) }
      }
    }

    /// Changes what one is ready for, if it can be.
    func disturb(_ index: Int, _ random: inout SeededGenerator) {
      let (own, other) = pairs[index]
      var buffer = [UInt8](repeating: 0, count: 65536)
      var one: UInt64 = 1
      switch Int.random(in: 0..<9, using: &random) {
      case 0, 1: if !isClosed[index] { write(other, &one, 8) }
      case 2, 3: read(own, &buffer, own == other ? 8 : buffer.count)
      case 4: if own != other { while write(own, block, block.count) > 0 {} }
      case 5, 6: if !isClosed[index] { while read(other, &buffer, own == other ? 8 : buffer.count) > 0 {} }
      case 7:
        // An eventfd that is full takes nothing.
        if own == other { one = .max - 1 }
        write(own, &one, 8)
      default:
        guard own != other, !isClosed[index] else { return }
        isClosed[index] = true
        close(other)
      }
    }

    func state(_ index: Int, _ interest: Readiness) -> Int32 {
      var events: Int32 = 0
      if interest.contains(.input) { events |= POLLIN }
      if interest.contains(.output) { events |= POLLOUT }
      var entry = pollfd(fd: pairs[index].0, events: Int16(events), revents: 0)
      poll(&entry, 1, 0)
      return Int32(entry.revents)
    }
  }

  private static let interests: [Readiness] = [[], .input, .output, [.input, .output]]

  /// Any token will do.
  private static func token(_ index: Int) -> UInt32 { UInt32(index) * 1_000_003 }

  private func told(_ poller: any Poller, timeout: CInt = 0) throws -> [UInt32: Readiness] {
    var told: [UInt32: Readiness] = [:]
    for place in 0..<(try poller.wait(timeout: timeout)) {
      let (token, readiness) = poller.ready(at: place)
      #expect(told.updateValue(readiness, forKey: token) == nil, "told twice")
    }
    return told
  }

  @Test(
    "say what poll(2) says, after any changes and as often as they are asked",
    arguments: Kind.allCases, 0..<20 as Range<UInt64>)
  func oracle(kind: Kind, seed: UInt64) throws {
    signal(SIGPIPE, SIG_IGN)
    var random = SeededGenerator(seed: seed)
    let descriptors = try Descriptors(&random)
    let poller = try kind.make()
    var interests: [Readiness] = []
    for (index, pair) in descriptors.pairs.enumerated() {
      interests.append(Self.interests.dropFirst().randomElement(using: &random)!)
      try poller.add(pair.0, for: interests[index], token: Self.token(index))
    }
    var ready = 0
    for step in 0..<400 {
      var touched: Set<Int> = []
      for _ in 0..<Int.random(in: 0..<4, using: &random) {
        let index = Int.random(in: 0..<interests.count, using: &random)
        touched.insert(index)
        if Bool.random(using: &random) {
          descriptors.disturb(index, &random)
        } else {
          let interest = Self.interests.randomElement(using: &random)!
          try poller.change(
            descriptors.pairs[index].0, from: interests[index], to: interest, token: Self.token(index))
          interests[index] = interest
        }
      }
      var expected: [UInt32: Readiness] = [:]
      for (index, interest) in interests.enumerated() {
        let state = kind.expected(descriptors.state(index, interest), interest)
        if !state.isEmpty { expected[Self.token(index)] = state }
      }
      let note: Comment = "step \(step), \(interests.map(\.rawValue))"
      let timeout: CInt = expected.isEmpty ? 0 : [0, 1000, -1].randomElement(using: &random)!
      var told = try told(poller, timeout: timeout)
      if kind == .ring {
        // What was ready for a moment may be told, or told in two steps.
        #expect(
          told.filter { !touched.map(Self.token).contains($0.key) }
            == expected.filter { !touched.map(Self.token).contains($0.key) }, note)
        #expect(Set(expected.keys).isSubset(of: told.keys), note)
        told = try self.told(poller)
      }
      #expect(told == expected, note)
      ready += told.count
    }
    #expect(ready > 100)
  }

  @Test(
    "wait as long as they are told, and no longer than until something is ready", arguments: Kind.allCases)
  func timeouts(kind: Kind) throws {
    let poller = try kind.make()
    let event = try EventFD()
    try poller.add(event.descriptor.raw, for: .input, token: 7)
    for timeout in [1, 30] as [CInt] {
      // Signals end a wait, and what the kernel does for rings of other tests that this thread has run.
      let isWhole = try (0..<50).contains { (_: Int) throws -> Bool in
        let start = Clock.monotonic
        let count = try poller.wait(timeout: timeout)
        #expect(count == 0)
        return Clock.monotonic - start >= UInt64(timeout) * 1_000_000
      }
      #expect(isWhole)
    }
    let other = dup(event.descriptor.raw)
    let thread = try DedicatedThread(name: "signals") {
      usleep(20_000)
      var one: UInt64 = 1
      write(other, &one, 8)
    }
    var found: [UInt32: Readiness] = [:]
    for _ in 0..<50 where found.isEmpty { found = try told(poller, timeout: -1) }
    #expect(found == [7: .input])
    thread.join()
    close(other)
    #expect(try told(poller, timeout: 0) == [7: .input])
    #expect(event.consume() == 1)
    #expect(try poller.wait(timeout: 0) == 0)
  }

  @Test("refuse what is no descriptor", arguments: Kind.allCases)
  func noDescriptor(kind: Kind) throws {
    let poller = try kind.make()
    #expect(throws: Errno.badFileDescriptor) { try poller.add(100_000, for: .input, token: 0) }
    #expect(try poller.wait(timeout: 0) == 0)
  }

  @Test("take descriptors beyond the C library's limit for select", arguments: Kind.allCases)
  func highDescriptor(kind: Kind) throws {
    OpenFileLimit.raise(to: 4096)
    let event = try EventFD()
    let high = fcntl(event.descriptor.raw, F_DUPFD, 2000)
    try #require(high >= 2000)
    defer { close(high) }
    let poller = try kind.make()
    try poller.add(high, for: .input, token: 3)
    #expect(try poller.wait(timeout: 0) == 0)
    event.signal()
    #expect(try told(poller) == [3: .input])
  }

  @Test("tell nothing of what is closed, once its other end shows that it is", arguments: Kind.allCases)
  func closing(kind: Kind) throws {
    var ends: [CInt] = [0, 0]
    try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
    defer { close(ends[0]) }
    let poller = try kind.make()
    try poller.add(ends[0], for: .input, token: 0)
    try poller.add(ends[1], for: .input, token: 1)
    #expect(try told(poller) == [:])
    try poller.change(ends[1], from: .input, to: [], token: 1)
    close(ends[1])
    // A poll that is still under way would keep it open.
    var found: [UInt32: Readiness] = [:]
    for _ in 0..<10 where found.isEmpty { found = try told(poller, timeout: 500) }
    #expect(found[0]?.contains(.input) == true)
    #expect(found[1] == nil)
  }
}
