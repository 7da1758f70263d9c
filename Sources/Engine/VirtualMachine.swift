/// A virtual machine as its engine knows it: vCPUs, interrupt controllers, and what is assigned to them.
///
/// Interrupts come from any thread; everything else from the main thread, with no vCPU running.
public protocol VirtualMachine: AnyObject, Sendable {
  /// The vCPUs that it makes.
  associatedtype VirtualCPU: Vcpu

  /// The frequency of the guest's time stamp counter, kHz; nil where the engine does not tell.
  var timeStampCounterKHz: UInt32? { get }

  /// Makes a virtual CPU.
  ///
  /// - Parameter id: its number, from 0; also its local APIC's.
  func makeVcpu(id: UInt32) throws -> VirtualCPU

  /// Turns a write at an address into a signal of an eventfd, without an exit. Only with the feature `ioEventFd`.
  func assign(_ event: borrowing IoEventFd) throws
  /// Makes an eventfd raise an interrupt line each time it is signalled. Only with the feature `irqFd`.
  func assign(_ interrupt: borrowing IrqFd) throws

  /// Keeps writes to a range of addresses (`Vcpu.takeCoalescedWrites`) instead of leaving guest mode for them, as long as there is room.
  /// Only with the feature `coalescedWrites`.
  func coalesce(_ range: CoalescedRange) throws

  /// Sets the level of an interrupt line of the engine's controllers.
  func setInterruptLine(_ line: UInt32, high: Bool) throws
  /// Sends a message-signalled interrupt to a local APIC.
  func signal(_ message: InterruptMessage) throws
  /// Says which message each line of an `IrqFd` sends, and forgets all earlier routes: where the I/O APIC is the machine's.
  ///
  /// - Parameter messages: line and message; at most 64.
  func setRoutes(_ messages: [(line: UInt32, message: InterruptMessage)]) throws

  /// Leaves the engine's 8259s and timer as a PC's firmware does: vectors 8 and 0x70, all lines masked but the timer's and
  /// the second 8259's, and the timer ticking 18.2 times a second.
  func setFirmwareInterrupts() throws

  /// Whether a vCPU that halts stays in guest mode until an interrupt wakes it, and does not exit.
  var haltsInGuestMode: Bool { get }

  /// Whether a line of the engine's I/O APIC is programmed to do what a vCPU with interrupts off notices, too. From any thread.
  func hasUnmaskableLines() throws -> Bool

  /// Notes the state of the interrupt controllers and the timer, for `reset`. Before a vCPU runs.
  func keepPowerOnState() throws
  /// Puts that state back.
  func reset() throws

  /// The machine's own counters; nil where the engine keeps none.
  func counters() throws -> (any CounterSource)?
}
