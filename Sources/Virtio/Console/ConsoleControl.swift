import GuestRAM

/// A message between a console's driver and the device about one of its ports (virtio 1.2, section 5.3.6.2).
package struct ConsoleControl: Sendable, Equatable {
  /// What it says.
  package enum Event: UInt16, Sendable {
    case deviceReady = 0
    case portAdd = 1
    case portRemove = 2
    case portReady = 3
    case consolePort = 4
    case resize = 5
    case portOpen = 6
    case portName = 7
  }

  /// Bytes without a name.
  package static let length = 8

  /// The port.
  package let port: UInt32
  /// What it says; nil for what this device does not know.
  package let event: Event?
  /// More of that: 1 for yes.
  package let value: UInt16

  /// Describes a message.
  package init(port: UInt32, _ event: Event, value: UInt16) {
    self.port = port
    self.event = event
    self.value = value
  }

  /// Reads a driver's message; copied once.
  init(_ chain: DescriptorChain, _ memory: GuestMemory) throws(QueueFault) {
    guard let bytes = chain.header(ConsoleControl.length, memory) else {
      throw .request("a control message of \(chain.readableLength) bytes")
    }
    func number(_ range: Range<Int>) -> UInt32 { bytes[range].reversed().reduce(0) { $0 << 8 | UInt32($1) } }
    port = number(0..<4)
    event = Event(rawValue: UInt16(number(4..<6)))
    value = UInt16(number(6..<8))
  }

  /// As it is in memory.
  package var bytes: [UInt8] {
    withUnsafeBytes(of: port.littleEndian, Array.init)
      + withUnsafeBytes(of: (event?.rawValue ?? 0).littleEndian, Array.init)
      + withUnsafeBytes(of: value.littleEndian, Array.init)
  }
}
