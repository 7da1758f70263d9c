/// What a message-signalled interrupt writes where (Intel SDM volume 3, "Message Signalled Interrupts").
public struct InterruptMessage: Sendable, Equatable {
  /// The address, 0xfee00000 upward.
  public var address: UInt64
  /// Vector, delivery mode and trigger mode.
  public var data: UInt32

  /// Makes a message.
  public init(address: UInt64, data: UInt32) {
    self.address = address
    self.data = data
  }

  /// Whether a message, or a line, does what a vCPU with interrupts off notices, too: its delivery mode is SMI, NMI or INIT (Intel SDM
  /// volume 3, section 11.11.2).
  public static func isUnmaskable(data: UInt32) -> Bool { [2, 4, 5].contains(data >> 8 & 7) }
}
