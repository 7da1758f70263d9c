/// What a message-signalled interrupt writes where (Intel SDM volume 3, "Message Signalled Interrupts").
package struct InterruptMessage: Sendable, Equatable {
  /// The address, 0xfee00000 upward.
  package var address: UInt64
  /// Vector, delivery mode and trigger mode.
  package var data: UInt32

  /// Makes a message.
  package init(address: UInt64, data: UInt32) {
    self.address = address
    self.data = data
  }
}
