import Devices
import RingDriver
import Synchronization

/// Takes what a serial port sends.
final class CollectingSink: ByteSink {
  private let storage = Mutex<[UInt8]>([])
  var bytes: [UInt8] { storage.withLock { $0 } }
  func put(_ byte: UInt8) { storage.withLock { $0.append(byte) } }
}

/// Writes down how the run was ended.
final class RecordingControl: PowerControl {
  enum Request: Equatable {
    case powerOff
    case suspend
    case sleep(UInt8)
    case reset
    case debugExit(UInt32)
  }
  private let storage = Mutex<[Request]>([])
  var requests: [Request] { storage.withLock { $0 } }
  func powerOff() { storage.withLock { $0.append(.powerOff) } }
  func suspend() { storage.withLock { $0.append(.suspend) } }
  func sleep(type: UInt8) { storage.withLock { $0.append(.sleep(type)) } }
  func reset() { storage.withLock { $0.append(.reset) } }
  func debugExit(value: UInt32) { storage.withLock { $0.append(.debugExit(value)) } }
}
