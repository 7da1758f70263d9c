import Devices
import GuestRAM
import Platform
import Synchronization
import Testing

@testable import Machine

/// Which devices' code is kept apart from which.
@Suite("Locks around device code")
struct LockModelTests {
  /// A device that notices whether another one's code runs meanwhile.
  private final class Noticing: BusDevice {
    let id: DeviceID
    private let inside: Shared

    init(_ id: UInt16, _ inside: Shared) {
      self.id = DeviceID(id)
      self.inside = inside
    }

    func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 { 0 }

    func write(
      offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
    ) {
      if inside.count.add(1, ordering: .sequentiallyConsistent).newValue > 1 {
        inside.overlaps.add(1, ordering: .relaxed)
      }
      // Long enough for another thread to come by, also where both share a processor.
      let end = Clock.monotonic &+ 20_000
      while Clock.monotonic < end {}
      inside.count.subtract(1, ordering: .sequentiallyConsistent)
    }

    func reset() {}
  }

  private final class Shared: Sendable {
    let count = Atomic<Int>(0)
    let overlaps = Atomic<Int>(0)
  }

  /// How often code of two devices overlapped, each of which a thread calls.
  private func overlaps(locks: [UInt16]) throws -> Int {
    let shared = Shared()
    let devices = [Noticing(1, shared), Noticing(2, shared)]
    let none = try Bus(name: "port", limit: 1 << 16, [])
    let memory = try GuestMemory.allocate(bytes: 1 << 20, backend: .anonymous, preallocate: false)
    let dispatcher = Dispatcher(
      ports: none, memory: none, guestMemory: memory, locked: zip(devices, locks).map { ($0, $1) },
      tracesFreeLocks: false)
    try DedicatedThread.prepareInterrupts()
    let threads = try devices.enumerated().map { number, device in
      try DedicatedThread(name: "caller\(number)") {
        let context = ThreadContext(kind: number == 0 ? .vcpu : .loop, id: 0)
        for _ in 0..<2000 {
          dispatcher.withDevice(device, offset: 0, by: context) {
            device.write(offset: 0, size: 1, value: 0, window: 0, memory: memory, by: context)
          }
        }
      }
    }
    for thread in threads { thread.join() }
    return shared.overlaps.load(ordering: .relaxed)
  }

  @Test("one lock keeps the code of all devices apart, on vCPUs' threads and loops'; a lock each does not")
  func models() throws {
    #expect(try overlaps(locks: [0xfffe, 0xfffe]) == 0)
    #expect(try overlaps(locks: [1, 2]) > 0)
  }
}
