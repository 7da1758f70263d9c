/// A virtual CPU as its engine knows it.
///
/// One thread runs it; others ask it for an immediate exit at any time, and for all else only while it does not run.
public protocol Vcpu: AnyObject, Sendable {
  /// Its number, from 0.
  var id: UInt32 { get }

  /// Runs the guest on the calling thread: each time it leaves guest mode the handler is called, until that says to stop.
  ///
  /// The handler is called from inside, and not an exit returned, so that an engine may do so in the middle of an
  /// instruction: one that translates code has the value of a read only as long as it is in its own callback. An engine's
  /// loop is generic over the handler and inlinable; where both types are known it costs no indirect call.
  func run(_ handler: some VcpuExitHandler)

  /// Makes the vCPU leave guest mode, or not enter it, with `.interrupted`, after completing the access that its last exit
  /// was about. Stays in force until it is cleared. From any thread; one that may be blocked inside the engine is to be
  /// sent a signal afterwards (`DedicatedThread.interrupt`).
  func requestImmediateExit()
  /// Takes that back. By the vCPU's own thread, before it looks at what was asked of it.
  func clearImmediateExit()

  /// Hands out the writes that the machine's engine has kept (`VirtualMachine.coalesce`), oldest first: all that were made, by
  /// whichever vCPU, before this one left guest mode. Each is gone when `body` returns. On a vCPU's own thread, and
  /// the caller sees to it that no two threads do so at the same time.
  ///
  /// - Returns: false where what the engine has kept cannot be: it is damaged, and left as it is.
  func takeCoalescedWrites(_ body: (CoalescedWrite) -> Void) -> Bool
  /// Whether there is none of them. From any thread.
  var hasNoCoalescedWrites: Bool { get }

  /// What the internal error was about that is being handled. On the vCPU's own thread.
  func internalError() -> VcpuExit.InternalError
  /// Does what the engine gave up with that error, where it can in another way, and leaves the vCPU behind it.
  ///
  /// - Returns: false where it cannot.
  func recoverFromInternalError() -> Bool

  /// Reads the registers of an x86. Fails for other processors.
  func state() throws -> CPUState
  /// Sets the registers of an x86. Fails for other processors.
  func setState(_ state: CPUState) throws
  /// Has a processor other than an x86 begin at an address, as code without page tables reaches it, with a function's first argument.
  func begin(at instruction: UInt64, argument: UInt64) throws
  /// The registers of a processor other than an x86, the instruction pointer first; nil for an x86. When the vCPU is not running, or on
  /// its own thread.
  func registers() -> [NamedRegister]?
  /// The guest physical address behind a linear one, by the guest's own page tables.
  ///
  /// - Returns: nil where the guest has nothing mapped.
  func translate(linear address: UInt64) throws -> UInt64?

  /// Where the vCPU waits, if it does and no interrupt can end that: the instruction pointer behind a HLT with interrupts off, or 0 for
  /// a vCPU that has not been started. Nil where it runs, or may be woken. On the vCPU's own thread, between two runs.
  func positionOfEndlessWait() throws -> UInt64?

  /// Where the guest was when the exit that is being handled happened: its instruction pointer, an offset in its code segment.
  /// Whether that is the instruction that exited or the one behind it is the engine's matter. Only where
  /// `MachineRequirements.tellsInstructionPointers` says so; on the vCPU's own thread.
  var instructionPointer: UInt64 { get }

  /// The guest's time stamp counter; nil where the engine does not tell. Also while an exit is handled, by its own thread.
  func timeStampCounter() -> UInt64?
  /// What the guest's time stamp counter is ahead of the host's, as a two's complement number of ticks; nil where the engine
  /// does not tell.
  func timeStampCounterOffset() -> UInt64?

  /// Notes the whole state, for `reset`. Before the vCPU runs.
  func keepPowerOnState() throws
  /// Puts that state back. The vCPU has completed its last access (`requestImmediateExit`).
  ///
  /// - Returns: what could not be put back, in words.
  func reset() throws -> [String]

  /// The vCPU's own counters; nil where the engine keeps none.
  func counters() throws -> (any CounterSource)?
}

/// What happens around a vCPU's time in guest mode. Called on the vCPU's thread.
public protocol VcpuExitHandler: AnyObject {
  /// Guest mode is about to be entered.
  func willEnterGuest()
  /// Guest mode was left.
  ///
  /// - Parameter exit: why; its data is borrowed until this returns, and that of a read is filled by then.
  /// - Returns: whether the guest is entered again.
  func handle(_ exit: VcpuExit) -> Bool
}
