import Engine
import GuestRAM
import Processors
import Synchronization

/// A machine of another architecture than x86 under the translator: one vCPU, RAM and kicks, and no interrupts.
public final class ForeignMachine: VirtualMachine {
  let memory: GuestMemory
  let kicks = KickTable()
  private let description: ForeignProcessor
  private let vcpu = Mutex<ForeignVcpu?>(nil)

  init(_ description: ForeignProcessor, memory: GuestMemory) {
    self.description = description
    self.memory = memory
  }

  deinit { vcpu.withLock { $0 }?.close() }

  /// There is no time stamp counter.
  public var timeStampCounterKHz: UInt32? { nil }

  /// Makes the vCPU.
  public func makeVcpu(id: UInt32) throws -> ForeignVcpu {
    let made = try ForeignVcpu(id: id, description, machine: self)
    vcpu.withLock { $0 = made }
    return made
  }

  /// Has writes at an address signal an eventfd.
  public func assign(_ event: borrowing IoEventFd) throws { kicks.add(event) }

  /// There are no lines.
  public func assign(_ interrupt: borrowing IrqFd) throws { throw noInterrupts }
  /// There are no lines.
  public func setInterruptLine(_ line: UInt32, high: Bool) throws { throw noInterrupts }
  /// There is nobody to take them.
  public func signal(_ message: InterruptMessage) throws { throw noInterrupts }
  /// There are no lines.
  public func setRoutes(_ messages: [(line: UInt32, message: InterruptMessage)]) throws { throw noInterrupts }
  /// There are no controllers.
  public func setFirmwareInterrupts() throws { throw noInterrupts }

  private var noInterrupts: TCGError {
    TCGError("a machine of \(description.architecture.rawValue) has no interrupt controllers")
  }

  /// A halt is an exit.
  public var haltsInGuestMode: Bool { false }
  /// There are no lines.
  public func hasUnmaskableLines() throws -> Bool { false }
  /// There is nothing but the vCPU.
  public func keepPowerOnState() throws {}
  /// There is nothing but the vCPU.
  public func reset() throws {}
  /// Keeps none.
  public func counters() throws -> (any CounterSource)? { nil }
}
