/// What an event loop waits for on behalf of some of a virtio device's queues.
package struct DeviceSource: Sendable, Equatable {
  /// The queues that something is pushed into when it is ready. The loop that serves the first of them waits.
  package let queues: Range<Int>
  /// Can be read while there is something to collect; waited for always.
  package let arrival: CInt
  /// What packets come from and go to, which is waited for as the device says (`VirtioDevice.interest`); nil for none.
  package let packets: CInt?

  /// Describes what is waited for; the descriptors are open as long as the device is there.
  package init(queues: Range<Int>, arrival: CInt, packets: CInt? = nil) {
    self.queues = queues
    self.arrival = arrival
    self.packets = packets
  }
}
