import Devices
import GuestRAM
import Synchronization

/// The thread that tests' accesses come from.
package let vcpu0 = ThreadContext(kind: .vcpu, id: 0, sequence: 7)

/// An interrupt line that counts.
package final class CountingLine: InterruptLine {
  private let count = Atomic<Int>(0)

  package init() {}

  package var pulses: Int { count.load(ordering: .relaxed) }
  package func pulse(by thread: ThreadContext) { count.add(1, ordering: .relaxed) }
}

/// Writes down what devices tell.
package final class RecordingObserver: DeviceObserver {
  package enum Event: Equatable {
    case began(queue: UInt16, id: UInt32)
    case ended(queue: UInt16, id: UInt32)
    case stamp(queue: UInt16, id: UInt32, UInt64)
    case mark(UInt32)
  }

  /// What was handed to the host and done by it, and the ends in between.
  package enum BackendEvent: Equatable {
    case submitted(UInt32, BackendWork, bytes: UInt32)
    case completed(UInt32, status: UInt16)
    case ended(UInt32, status: UInt8)
  }

  package let wantsKickStamps: Bool
  private let backend = Mutex<[BackendEvent]>([])
  package var backendEvents: [BackendEvent] { backend.withLock { $0 } }
  private let storage = Mutex<[Event]>([])
  package var events: [Event] { storage.withLock { $0 } }

  package init(wantsKickStamps: Bool = true) { self.wantsKickStamps = wantsKickStamps }

  private func add(_ event: Event) { storage.withLock { $0.append(event) } }

  package func requestBegan(_ request: DeviceRequest, bytes: UInt32, by thread: ThreadContext) {
    add(.began(queue: request.queue, id: request.id))
  }
  package func requestEnded(_ request: DeviceRequest, status: UInt8, by thread: ThreadContext) {
    add(.ended(queue: request.queue, id: request.id))
    backend.withLock { $0.append(.ended(request.id, status: status)) }
  }
  package func backendSubmitted(
    _ request: DeviceRequest, _ work: BackendWork, bytes: UInt32, by thread: ThreadContext
  ) {
    backend.withLock { $0.append(.submitted(request.id, work, bytes: bytes)) }
  }
  package func backendCompleted(_ request: DeviceRequest, status: UInt16, by thread: ThreadContext) {
    backend.withLock { $0.append(.completed(request.id, status: status)) }
  }
  package func kickStamp(_ request: DeviceRequest, timeStampCounter: UInt64, by thread: ThreadContext) {
    add(.stamp(queue: request.queue, id: request.id, timeStampCounter))
  }
  package func mark(_ value: UInt32, by thread: ThreadContext) { add(.mark(value)) }
}

extension BusDevice {
  /// Reads a register.
  package func read(_ offset: UInt32, size: Int = 4, window: Int = 0) -> UInt64 {
    read(offset: offset, size: size, window: window, by: vcpu0)
  }

  /// Writes a register.
  ///
  /// - Parameter memory: guest RAM; by default some that no device under test has any business with.
  package func write(
    _ value: UInt64, _ offset: UInt32, size: Int = 4, window: Int = 0, in memory: GuestMemory = unusedMemory
  ) {
    write(offset: offset, size: size, value: value, window: window, memory: memory, by: vcpu0)
  }
}

/// RAM for devices that do not use it.
package let unusedMemory = try! GuestMemory.allocate(bytes: 1 << 20, backend: .anonymous, preallocate: false)
