import Engine
import ScriptedEngine
import TestSupport
import Testing

@testable import Machine

@Suite("Accesses, exit by exit")
struct ScriptedAccessTests {
  /// The scratch register: eight bytes at ports 0x590 and at 0xd0001000, the same ones (docs/guest-abi.md).
  private static let port: UInt16 = 0x590
  private static let address: UInt64 = 0xd000_1000

  private func bytes(_ count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
  }

  /// A model of eight bytes beside the device; every size, offset and direction through both windows, from two vCPUs.
  @Test(
    "Every size, offset and direction, through ports and memory, from either vCPU",
    arguments: [1, 2, 3] as [UInt64])
  func everySize(seed: UInt64) throws {
    let run = try ScriptedRun { $0.vcpus = 2 }
    var generator = SeededGenerator(seed: seed)
    var model = [UInt8](repeating: 0, count: 8)
    for _ in 0..<400 {
      let isPort = Bool.random(using: &generator)
      // What KVM makes of accesses across pages has odd sizes, too.
      let size =
        isPort ? [1, 2, 4].randomElement(using: &generator)! : Int.random(in: 1...8, using: &generator)
      let offset = Int.random(in: 0...(8 - size), using: &generator)
      let vcpu = run.vcpus[Int.random(in: 0...1, using: &generator)]
      let port = ScriptedAccessTests.port + UInt16(offset)
      let address = ScriptedAccessTests.address + UInt64(offset)
      if Bool.random(using: &generator) {
        let written = bytes(size, &generator)
        try vcpu.exit(
          isPort ? .write(port: port, size: size, bytes: written) : .store(address: address, bytes: written))
        model.replaceSubrange(offset..<offset + size, with: written)
      } else {
        let found = try vcpu.exit(
          isPort ? .read(port: port, size: size, count: 1) : .load(address: address, size: size))
        #expect(found == Array(model[offset..<offset + size]), "seed \(seed)")
      }
    }
    let summary = try run.powerOff()
    #expect(summary.outcome == .poweredOff)
    // Each vCPU was interrupted once, at the end.
    #expect(summary.exits.reduce(0, &+) == 403)
    #expect(summary.unclaimed.isEmpty)
  }

  @Test("A string instruction is its elements one after the other", arguments: [1, 2, 4])
  func strings(size: Int) throws {
    let run = try ScriptedRun()
    let vcpu = run.vcpus[0]
    let elements = (0..<7).map { element in (0..<size).map { UInt8(16 * element + $0) } }
    try vcpu.exit(.write(port: ScriptedAccessTests.port, size: size, bytes: elements.flatMap { $0 }))
    #expect(try vcpu.exit(.read(port: ScriptedAccessTests.port, size: size, count: 1)) == elements[6])
    let five = try vcpu.exit(.read(port: ScriptedAccessTests.port, size: size, count: 5))
    #expect(five == Array((0..<5).map { _ in elements[6] }.joined()))
    // Fw_cfg's data port gives another byte each time: the elements are read in order, none twice. "QEMU" is item 0.
    try vcpu.exit(.write(port: 0x510, size: 2, bytes: [0, 0]))
    #expect(try vcpu.exit(.read(port: 0x511, size: 1, count: 4)) == Array("QEMU".utf8))
    #expect(try run.powerOff().exits == [6 + 1])
  }

  @Test("What no device claims reads as ones, ignores writes, and is counted by address")
  func unclaimed() throws {
    let run = try ScriptedRun()
    let vcpu = run.vcpus[0]
    for size in [1, 2, 4] {
      #expect(
        try vcpu.exit(.read(port: 0x1234, size: size, count: 3)) == [UInt8](repeating: 0xff, count: 3 * size))
      try vcpu.exit(.write(port: 0x1234, size: size, bytes: [UInt8](repeating: 0, count: 2 * size)))
    }
    for size in 1...8 {
      #expect(
        try vcpu.exit(.load(address: 0xe000_0000, size: size)) == [UInt8](repeating: 0xff, count: size))
      try vcpu.exit(.store(address: 0xe000_0000, bytes: [UInt8](repeating: 0, count: size)))
    }
    // Half in a device's range is outside of it, at either end; so is the end of the address space.
    #expect(try vcpu.exit(.read(port: 0x597, size: 2, count: 1)) == [0xff, 0xff])
    #expect(try vcpu.exit(.read(port: 0x58f, size: 2, count: 1)) == [0xff, 0xff])
    #expect(try vcpu.exit(.read(port: 0xffff, size: 4, count: 1)) == [0xff, 0xff, 0xff, 0xff])
    #expect(try vcpu.exit(.load(address: .max, size: 8)) == [UInt8](repeating: 0xff, count: 8))
    let summary = try run.powerOff()
    // A string instruction's elements count one each. Addresses of the table have 63 bits.
    let expected: [(isPort: Bool, address: UInt64, count: UInt64)] = [
      (true, 0x1234, 15), (false, 0xe000_0000, 16), (true, 0x597, 1), (true, 0x58f, 1), (true, 0xffff, 1),
      (true, .max >> 1, 1),
    ]
    #expect(summary.unclaimed.count == expected.count)
    for entry in expected {
      let access = UnclaimedAccess(isPort: entry.isPort, address: entry.address, count: entry.count)
      #expect(summary.unclaimed.contains(access), "\(access)")
    }
  }
}
