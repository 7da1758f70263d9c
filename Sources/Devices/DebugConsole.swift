import GuestRAM

/// A port that takes characters, one with each write, and has nothing else: Bochs's and QEMU's `isa-debugcon`. It reads
/// as 0xe9, by which kernels find it.
public final class DebugConsole: BusDevice {
  /// The number in the trace.
  public let id: DeviceID
  private let output: any ByteSink
  /// Writing what was sent.
  public var backlog: (any Backlog)? { output }

  /// Makes the port.
  public init(id: DeviceID, output: any ByteSink) {
    self.id = id
    self.output = output
  }

  /// Reads the port.
  public func read(offset: UInt32, size: Int, window: Int, by thread: ThreadContext) -> UInt64 { 0xe9 }

  /// Sends a character.
  public func write(
    offset: UInt32, size: Int, value: UInt64, window: Int, memory: GuestMemory, by thread: ThreadContext
  ) {
    output.put(UInt8(truncatingIfNeeded: value))
  }

  /// Puts the device into its power-on state.
  public func reset() {}
}
