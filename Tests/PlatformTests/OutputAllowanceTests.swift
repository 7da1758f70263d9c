import Glibc
import TestSupport
import Testing

@testable import Platform

@Suite("What files may have")
struct OutputAllowanceTests {
  @Test(
    "By default all files together have a quarter of what is free, each no more than 1 GiB, and none less than 1 MiB",
    arguments: [
      (0, 1, 1 << 20), (8 << 20, 1, 2 << 20), (8 << 20, 4, 1 << 20), (400 << 20, 4, 25 << 20),
      (3 << 30, 1, 768 << 20), (UInt64.max, 1, 1 << 30), (UInt64.max, 4, 1 << 30),
    ] as [(UInt64, UInt64, UInt64)])
  func share(free: UInt64, files: UInt64, bytes: UInt64) {
    #expect(OutputLimit.share(of: free, among: files) == bytes)
  }

  @Test("Only files have a limit")
  func kinds() throws {
    let limit = OutputLimit(bytes: 10, files: 1)
    try withTemporaryDirectory { directory in
      let file = try FileDescriptor.open("\(directory)/file", O_WRONLY | O_CREAT)
      #expect(limit.allowance(for: file.raw).rest == 10)
      #expect(OutputLimit.none.allowance(for: file.raw).rest == .max)
      #expect((1 << 20...1 << 30).contains(OutputLimit(bytes: nil, files: 2).allowance(for: file.raw).rest))
    }
    let pipe = try Pipe()
    let null = try FileDescriptor.open("/dev/null", O_WRONLY)
    let (one, other) = try UnixSocket.pair()
    defer {
      close(one)
      close(other)
    }
    for descriptor in [pipe.writeEnd, null.raw, one, other] {
      #expect(limit.allowance(for: descriptor).rest == .max)
    }
  }

  @Test("What is admitted, written and left out adds up, whatever is written at a time")
  func sums() {
    var allowance = OutputAllowance(rest: 10)
    #expect(allowance.admitted(of: 4) == 4 && allowance.since == 0)
    allowance.wrote(3)
    #expect(allowance.admitted(of: 100) == 7)
    allowance.wrote(7)
    #expect(allowance.admitted(of: 1) == 0)
    allowance.leaveOut(93)
    let since = allowance.since
    allowance.leaveOut(1)
    #expect(allowance.leftOut == 94 && allowance.rest == 0 && since > 0 && allowance.since == since)
    #expect(OutputAllowance(rest: .max).admitted(of: .max) == .max)
  }
}
