import GuestRAM

/// QEMU's firmware configuration device as far as test programs use it (QEMU, docs/specs/fw_cfg.rst): an item is
/// selected at port 0x510, and its bytes are read one by one at 0x511.
public final class FirmwareConfiguration: BusDevice, @unchecked Sendable {
  /// The number in the trace.
  public let id: DeviceID

  private let items: [UInt16: [UInt8]]
  // Accessed under the device's lock.
  private var selected: [UInt8] = []
  private var place = 0

  /// Makes the device.
  ///
  /// - Parameters:
  ///   - ramBelow4GiB: bytes of RAM below 4 GiB, which is what the item is about.
  ///   - vcpus: virtual CPUs.
  public init(id: DeviceID, ramBelow4GiB: UInt64, vcpus: Int) {
    self.id = id
    func bytes(_ value: UInt64, _ count: Int) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }
    items = [
      0x00: Array("QEMU".utf8),
      0x01: bytes(1, 4),  // features: the items, without direct memory access
      0x03: bytes(ramBelow4GiB, 8),
      0x04: bytes(1, 2),  // no display
      0x05: bytes(UInt64(vcpus), 2),  // processors that are there
      0x0f: bytes(UInt64(vcpus), 2),  // and at the most
      0x19: bytes(0, 4),  // no files
    ]
    selected = items[0] ?? []
  }

  /// Reads the next byte of the item that is selected; zero behind its end.
  public func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 {
    guard offset == 1, place < selected.count else { return 0 }
    defer { place += 1 }
    return UInt64(selected[place])
  }

  /// Selects an item.
  public func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    guard offset == 0 else { return }
    // Bit 14 is for writing, which these items do not take.
    selected = items[UInt16(truncatingIfNeeded: value) & 0xbfff] ?? []
    place = 0
  }

  /// Puts the device into its power-on state.
  public func reset() {
    selected = items[0] ?? []
    place = 0
  }
}
