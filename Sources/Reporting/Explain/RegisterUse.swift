import Analysis

/// What a guest does at an address of a device.
enum RegisterUse {
  /// It tells the device of requests.
  case kick
  /// It takes notice of an interrupt.
  case acknowledgement
  /// Anything else.
  case other

  /// Names of virtio devices, without their numbers.
  private static let virtio = ["disk", "net", "rng", "console"]

  /// Offsets in virtio's registers (virtio 1.2, section 4.2.2).
  private static let (queueNotify, interruptStatus, interruptAck): (UInt64, UInt64, UInt64) = (
    0x50, 0x60, 0x64
  )

  /// - Parameters:
  ///   - exit: An access.
  ///   - dump: What the trace says of devices.
  init(_ exit: ExitResult, _ dump: StateDump) {
    self = .other
    let isMemoryMapped = exit.reason == 6
    let isWrite = exit.direction == 2
    if isWrite,
      dump.kicks.contains(where: { $0.address == exit.address && $0.isMemoryMapped == isMemoryMapped })
    {
      self = .kick
      return
    }
    // With ioeventfds off the trace does not say where kicks go.
    guard let range = dump.device(at: exit.address, isMemoryMapped: isMemoryMapped) else { return }
    let offset = exit.address - range.base
    let kind = range.name.prefix { !$0.isNumber }
    if kind == "doorbell" {
      if isWrite && offset == 0 { self = .kick }
    } else if isMemoryMapped, Self.virtio.contains(where: { $0 == kind }) {
      if isWrite && offset == Self.queueNotify { self = .kick }
      if offset == (isWrite ? Self.interruptAck : Self.interruptStatus) { self = .acknowledgement }
    }
  }
}
