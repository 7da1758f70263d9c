import Devices
import Synchronization

let vcpu0 = ThreadContext(kind: .vcpu, id: 0, sequence: 7)

/// An interrupt line that counts.
final class CountingLine: InterruptLine {
  private let count = Atomic<Int>(0)
  var pulses: Int { count.load(ordering: .relaxed) }
  func pulse(by thread: ThreadContext) { count.add(1, ordering: .relaxed) }
}

/// Takes what a serial port sends.
final class CollectingSink: ByteSink {
  private let storage = Mutex<[UInt8]>([])
  var bytes: [UInt8] { storage.withLock { $0 } }
  func put(_ byte: UInt8) { storage.withLock { $0.append(byte) } }
}

/// Writes down what devices tell.
final class RecordingObserver: DeviceObserver {
  enum Event: Equatable {
    case began(queue: UInt16, id: UInt32)
    case ended(queue: UInt16, id: UInt32)
    case stamp(queue: UInt16, id: UInt32, UInt64)
    case mark(UInt32)
  }

  let wantsKickStamps: Bool
  private let storage = Mutex<[Event]>([])
  var events: [Event] { storage.withLock { $0 } }

  init(wantsKickStamps: Bool = true) { self.wantsKickStamps = wantsKickStamps }

  private func add(_ event: Event) { storage.withLock { $0.append(event) } }

  func requestBegan(_ request: DeviceRequest, bytes: UInt32, by thread: ThreadContext) {
    add(.began(queue: request.queue, id: request.id))
  }
  func requestEnded(_ request: DeviceRequest, status: UInt8, by thread: ThreadContext) {
    add(.ended(queue: request.queue, id: request.id))
  }
  func kickStamp(_ request: DeviceRequest, timeStampCounter: UInt64, by thread: ThreadContext) {
    add(.stamp(queue: request.queue, id: request.id, timeStampCounter))
  }
  func mark(_ value: UInt32, by thread: ThreadContext) { add(.mark(value)) }
}

/// Writes down how the run was ended.
final class RecordingControl: PowerControl {
  enum Request: Equatable {
    case powerOff
    case sleep(UInt8)
    case reset
    case debugExit(UInt32)
  }
  private let storage = Mutex<[Request]>([])
  var requests: [Request] { storage.withLock { $0 } }
  func powerOff() { storage.withLock { $0.append(.powerOff) } }
  func sleep(type: UInt8) { storage.withLock { $0.append(.sleep(type)) } }
  func reset() { storage.withLock { $0.append(.reset) } }
  func debugExit(value: UInt32) { storage.withLock { $0.append(.debugExit(value)) } }
}

extension BusDevice {
  func read(_ offset: UInt32, size: Int = 4, window: Int = 0) -> UInt64 {
    read(offset: offset, size: size, window: window, by: vcpu0)
  }
  func write(_ value: UInt64, _ offset: UInt32, size: Int = 4, window: Int = 0) {
    write(offset: offset, size: size, value: value, window: window, by: vcpu0)
  }
}
