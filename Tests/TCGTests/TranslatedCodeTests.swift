import Engine
import Glibc
import GuestRAM
import Platform
import Synchronization
import Testing

@testable import TCG

@Suite(
  "Translated code is forgotten when devices write it",
  .enabled(if: (try? TCGEngine()) != nil, "needs libunicorn2"))
struct TranslatedCodeTests {
  // 1: mov $1, %al; out %al, $0x10; jmp 1b
  private static let exits: [UInt8] = [0xb0, 1, 0xe6, 0x10, 0xeb, 0xfa]
  // 1: mov $1, %al; mov %al, 0x2000; jmp 1b
  private static let spins: [UInt8] = [0xb0, 1, 0xa2, 0x00, 0x20, 0xeb, 0xf9]

  @Test("by the thread of the vCPU, in the middle of an access")
  func ofTheVcpu() throws {
    let bare = try BareVcpu(Self.exits)
    let memory = bare.memory
    var seen: [UInt8] = []
    bare.onExit = { exit in
      guard case .port(let access) = exit else { return false }
      seen.append(access.data.load(as: UInt8.self))
      guard seen.count < 300 else { return false }
      return (try? memory.write([0xb0, UInt8(truncatingIfNeeded: seen.count + 1)], at: GuestAddress(0x1000)))
        != nil
    }
    bare.vcpu.run(bare)
    #expect(seen == (1...300).map { UInt8(truncatingIfNeeded: $0) })
  }

  @Test("by another thread, while the guest does not exit")
  func ofAnother() throws {
    let bare = try BareVcpu(Self.spins)
    let memory = bare.memory
    bare.onExit = { _ in false }
    let running = try DedicatedThread(name: "vcpu") { bare.vcpu.run(bare) }
    func isSeen(_ value: UInt8) -> Bool {
      let deadline = Clock.monotonic + 60_000_000_000
      while Clock.monotonic < deadline {
        if (try? memory.read(UInt8.self, at: GuestAddress(0x2000), .little)) == value { return true }
        usleep(50)
      }
      return false
    }
    for value in UInt8(1)...100 {
      let bytes = try memory.hostBytes(at: GuestAddress(0x1000), count: 2)
      bytes[1] = value
      memory.wasFilled(bytes)
      #expect(isSeen(value), "\(value)")
    }
    bare.vcpu.requestImmediateExit()
    running.join()
  }
}
