import CUnicorn
import Engine
import GuestRAM
import Platform
import Synchronization

/// The processor of a machine of another architecture than x86.
///
/// Its guest runs on a stack of its own within the vCPU's thread, as `TCGVcpu`'s does. It takes no interrupts, and an exception ends
/// the run: nobody would deliver it.
public final class ForeignVcpu: Vcpu, @unchecked Sendable {
  /// Its number, 0.
  public let id: UInt32
  private let description: ForeignProcessor
  private unowned let machine: ForeignMachine
  /// Held where another thread may look at the translator, or put another in its place.
  private let lock = Lock()
  private var translator: ForeignTranslator
  // Those of before a reset, as long as the thread may be within.
  private var retired: [ForeignTranslator] = []
  @exclusivity(unchecked) private var handler: (any VcpuExitHandler)?
  @exclusivity(unchecked) private var isToldToStop = false
  private var failure = ""
  private let wantsExit = Atomic<Bool>(false)

  init(id: UInt32, _ description: ForeignProcessor, machine: ForeignMachine) throws {
    self.id = id
    self.description = description
    self.machine = machine
    translator = try ForeignTranslator(description, memory: machine.memory)
    translator.owner = self
  }

  // MARK: Running

  /// Runs the guest until the handler says to stop.
  public func run(_ handler: some VcpuExitHandler) {
    self.handler = handler
    isToldToStop = false
    repeat {
      // The thread is on its own stack here, and theirs are left for good, with what is on them: what they have is given back here.
      for translator in retired { translator.close() }
      retired.removeAll()
      translator.resume()
    } while !isToldToStop
    self.handler = nil
  }

  /// What runs on the guest's stack: enters translated code again and again.
  func emulate(_ translator: ForeignTranslator) {
    handler?.willEnterGuest()
    while true {
      answerRequests(translator)
      let code = cuc_foreign_run(translator.processor, translator.programCounter)
      if cuc_foreign_was_stopped(translator.processor) { continue }
      if code == CInt(CUC_OK) {
        // It waits for an interrupt, and none will come.
        report(.halt, translator)
      } else {
        fail("the translator could not go on: \(String(cString: cuc_message(code)))", translator)
      }
    }
  }

  /// Tells the handler of an exit, and stays here as long as that is not to be left.
  private func report(_ exit: VcpuExit, _ translator: ForeignTranslator) {
    guard handler != nil else { return }
    isToldToStop = !handle(exit)
    // After a reset the guest goes on elsewhere, and this stack is left for good.
    if isToldToStop || translator !== self.translator { translator.pause() }
    self.handler?.willEnterGuest()
  }

  /// Apart from who waits for what it says, as `TCGVcpu`'s is.
  @inline(never)
  private func handle(_ exit: VcpuExit) -> Bool { handler?.handle(exit) ?? true }

  /// Gives back what the library has for it. A stack that is left for good keeps this object. Nobody uses it any more.
  func close() {
    for translator in retired + [translator] { translator.close() }
    retired = []
  }

  private func fail(_ message: String, _ translator: ForeignTranslator) {
    failure = message
    report(.internalError, translator)
  }

  /// Exits as often as somebody asks for it.
  private func answerRequests(_ translator: ForeignTranslator) {
    while wantsExit.load(ordering: .acquiring) { report(.interrupted, translator) }
  }

  /// Called at a block's beginning, when somebody wants attention. Returns whether to leave translated code.
  func attention(_ translator: ForeignTranslator) -> Bool {
    if wantsExit.load(ordering: .acquiring) { return true }
    cuc_foreign_give_attention(translator.processor)
    // What was asked for between the look and that is looked at now.
    guard wantsExit.load(ordering: .acquiring) else { return false }
    cuc_foreign_want_attention(translator.processor)
    return true
  }

  func exception(_ number: UInt32, _ translator: ForeignTranslator) {
    let architecture = description.architecture
    let name = ForeignException.name(number, of: architecture).map { " (\($0))" } ?? ""
    fail(
      "exception \(number)\(name) of \(architecture.rawValue), and a machine of that architecture delivers none",
      translator)
  }

  // MARK: Accesses

  // The library has a number; on the bus are its bytes, in the order of the guest's memory. Devices read them as little-endian
  // numbers, as on any machine with such devices.

  func read(_ address: UInt64, _ size: Int, _ translator: ForeignTranslator) -> UInt64 {
    var bytes: UInt64 = 0
    withUnsafeMutableBytes(of: &bytes) { access(address, size, isWrite: false, $0, translator) }
    return swapped(bytes, size)
  }

  func write(_ address: UInt64, _ size: Int, _ value: UInt64, _ translator: ForeignTranslator) {
    var bytes = swapped(value, size)
    if machine.kicks.signal(isPort: false, address: address, size: UInt32(size), value: bytes) { return }
    withUnsafeMutableBytes(of: &bytes) { access(address, size, isWrite: true, $0, translator) }
  }

  /// A number as a little-endian device has it, or the other way round.
  private func swapped(_ value: UInt64, _ size: Int) -> UInt64 {
    let value = size < 8 ? value & ((1 << (8 * UInt64(size))) - 1) : value
    return description.architecture.isBigEndian ? value.byteSwapped >> (64 - 8 * UInt64(size)) : value
  }

  private func access(
    _ address: UInt64, _ size: Int, isWrite: Bool, _ data: UnsafeMutableRawBufferPointer,
    _ translator: ForeignTranslator
  ) {
    guard let start = data.baseAddress, (1...data.count).contains(size) else { return }
    report(
      .memory(VcpuExit.MemoryAccess(address: address, size: size, isWrite: isWrite, data: start)), translator)
    answerRequests(translator)
  }

  // MARK: From outside

  /// Makes the vCPU leave translated code at the next block.
  public func requestImmediateExit() {
    wantsExit.store(true, ordering: .sequentiallyConsistent)
    lock.withLock { cuc_foreign_want_attention(translator.processor) }
  }

  /// Takes that back.
  public func clearImmediateExit() { wantsExit.store(false, ordering: .releasing) }

  /// What kept the library, or the guest, from going on.
  public func internalError() -> VcpuExit.InternalError {
    VcpuExit.InternalError(instruction: [], message: failure)
  }

  /// There is no other way.
  public func recoverFromInternalError() -> Bool { false }

  /// There are no x86 registers.
  public func state() throws -> CPUState { throw noX86 }

  /// There are no x86 registers.
  public func setState(_ state: CPUState) throws { throw noX86 }

  private var noX86: TCGError {
    TCGError("a processor of \(description.architecture.rawValue) has no registers of x86")
  }

  /// Where it begins, and what it is told.
  public func begin(at instruction: UInt64, argument: UInt64) throws {
    translator[description.argument] = argument
    translator[description.programCounter] = instruction
  }

  /// The general registers, and at the beginning where the guest is.
  public func registers() -> [NamedRegister]? {
    [NamedRegister("pc", translator.programCounter)]
      + description.general.map { NamedRegister($0.name, translator[$0.register]) }
  }

  /// The guest physical address behind one that code without page tables uses.
  public func translate(linear address: UInt64) throws -> UInt64? {
    description.architecture.physical(address)
  }

  /// It waits for nothing but halts, which is an exit.
  public func positionOfEndlessWait() throws -> UInt64? { nil }

  /// Not known (`ForeignEngine.check`).
  public var instructionPointer: UInt64 { 0 }

  /// It has no counter that is the host's.
  public func timeStampCounter() -> UInt64? { nil }
  /// It has no counter that is the host's.
  public func timeStampCounterOffset() -> UInt64? { nil }

  /// A new translator has that state.
  public func keepPowerOnState() throws {}

  /// Goes on with another translator: the thread may be in the middle of the old one.
  public func reset() throws -> [String] {
    let fresh = try ForeignTranslator(description, memory: machine.memory)
    fresh.owner = self
    retired.append(translator)
    lock.withLock { translator = fresh }
    return []
  }

  /// Keeps none.
  public func counters() throws -> (any CounterSource)? { nil }
}
