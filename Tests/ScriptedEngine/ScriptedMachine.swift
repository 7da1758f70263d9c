import Engine
import Glibc
import Synchronization

/// A machine of the scripted engine: notes what interrupts it, and turns kicks into signals when a test makes them.
public final class ScriptedMachine: VirtualMachine {
  /// Something that the machine asked the engine to deliver.
  public enum Interrupt: Sendable, Equatable {
    /// A line's level was set.
    case level(line: UInt32, high: Bool)
    /// A message was sent.
    case message(InterruptMessage)
  }

  private struct Kick {
    let address: IoEventFd.Address
    let size: UInt32
    let value: UInt64?
    let descriptor: CInt
  }

  private struct State {
    var vcpus: [ScriptedVcpu] = []
    var kicks: [Kick] = []
    // Lines that have an eventfd, by number.
    var lines: [UInt32: CInt] = [:]
    var interrupts: [Interrupt] = []
    var routes: [UInt32: InterruptMessage] = [:]
    var resets = 0
    var coalesced: [CoalescedRange] = []
    var haltsInGuestMode = false
    var whileResetting: (@Sendable () -> Void)?
  }
  private let state = Mutex(State())
  private let kept = KeptWrites()

  init() {}

  /// The vCPUs, in the order in which they were made.
  public var vcpus: [ScriptedVcpu] { state.withLock { $0.vcpus } }
  /// What was to be delivered by request, in order.
  public var interrupts: [Interrupt] { state.withLock { $0.interrupts } }
  /// The message of each line that has one.
  public var routes: [UInt32: InterruptMessage] { state.withLock { $0.routes } }
  /// How often the machine was put back to power-on.
  public var resets: Int { state.withLock { $0.resets } }

  /// Says what happens in the middle of the next reset, on the thread that resets.
  public func whileResetting(_ body: @escaping @Sendable () -> Void) {
    state.withLock { $0.whileResetting = body }
  }

  /// A write of the guest: signals the eventfd that waits for it, as KVM_IOEVENTFD does.
  ///
  /// - Returns: false where none does; the write would have to be an exit.
  public func kick(_ address: IoEventFd.Address, size: UInt32, value: UInt64) -> Bool {
    state.withLock { state -> Bool in
      for kick in state.kicks where kick.address == address && kick.size == size {
        guard kick.value == nil || kick.value == value else { continue }
        // eventfd(2): a write adds to the count and wakes up who waits for it.
        var one: UInt64 = 1
        return write(kick.descriptor, &one, 8) == 8
      }
      return false
    }
  }

  /// Takes how often a line's eventfd was signalled since this was last asked: an irqfd's interrupts. nil for a line that has
  /// none.
  public func takeSignals(ofLine line: UInt32) -> UInt64? {
    state.withLock { state -> UInt64? in
      guard let descriptor = state.lines[line] else { return nil }
      var count: UInt64 = 0
      return read(descriptor, &count, 8) == 8 ? count : 0
    }
  }

  /// Ranges to which writes may be kept.
  public var coalesced: [CoalescedRange] { state.withLock { $0.coalesced } }

  /// Notes it.
  public func coalesce(_ range: CoalescedRange) throws { state.withLock { $0.coalesced.append(range) } }

  /// A write of the guest that is kept, as KVM does with those that are in a range.
  public func keep(_ write: CoalescedWrite) { kept.keep(write) }
  /// Spoils what is kept, as only a broken kernel would.
  public func damageKept() { kept.damage() }
  /// What is kept now.
  public var keptWrites: [CoalescedWrite] { kept.all }

  /// Nobody tells.
  public var timeStampCounterKHz: UInt32? { nil }

  /// Makes a vCPU that waits for its script.
  public func makeVcpu(id: UInt32) throws -> ScriptedVcpu {
    let vcpu = ScriptedVcpu(id: id, kept: kept)
    state.withLock { $0.vcpus.append(vcpu) }
    return vcpu
  }

  /// Notes what `kick` looks for.
  public func assign(_ event: borrowing IoEventFd) throws {
    let kick = Kick(
      address: event.address, size: event.size, value: event.value, descriptor: event.descriptor)
    state.withLock { $0.kicks.append(kick) }
  }

  /// Notes what `takeSignals` looks at.
  public func assign(_ interrupt: borrowing IrqFd) throws {
    let (line, descriptor) = (interrupt.line, interrupt.event.descriptor.raw)
    state.withLock { $0.lines[line] = descriptor }
  }

  /// Notes it.
  public func setInterruptLine(_ line: UInt32, high: Bool) throws {
    state.withLock { $0.interrupts.append(.level(line: line, high: high)) }
  }

  /// Notes it.
  public func signal(_ message: InterruptMessage) throws {
    state.withLock { $0.interrupts.append(.message(message)) }
  }

  /// Notes them.
  public func setRoutes(_ messages: [(line: UInt32, message: InterruptMessage)]) throws {
    state.withLock { $0.routes = Dictionary(uniqueKeysWithValues: messages.map { ($0.line, $0.message) }) }
  }

  /// Has no firmware's state to leave.
  public func setFirmwareInterrupts() throws {}

  /// They exit.
  public var haltsInGuestMode: Bool { state.withLock { $0.haltsInGuestMode } }

  /// Has vCPUs that halt tell so only when asked, from now on.
  public func haltInGuestMode() { state.withLock { $0.haltsInGuestMode = true } }

  /// Has no I/O APIC.
  public func hasUnmaskableLines() throws -> Bool { false }

  /// Has no state to note.
  public func keepPowerOnState() throws {}

  /// Counts it, after doing what was to happen meanwhile.
  public func reset() throws {
    let body = state.withLock { state in
      state.resets += 1
      defer { state.whileResetting = nil }
      return state.whileResetting
    }
    body?()
  }

  /// Keeps none.
  public func counters() throws -> (any CounterSource)? { nil }
}
