import CUnicorn
import Engine
import GuestRAM
import Platform
import Synchronization

/// A virtual CPU of the translator, with its local APIC.
///
/// Its guest runs on a stack of its own within the vCPU's thread: the library calls back in the middle of an instruction, and
/// that is where the guest stays when the handler says to stop, until it is entered again.
public final class TCGVcpu: Vcpu, @unchecked Sendable {
  /// Its number, from 0; also its local APIC's.
  public let id: UInt32
  unowned let machine: TCGMachine
  private(set) var translator: Translator
  // Those of before a reset, as long as the thread may be within.
  private var retired: [Translator] = []
  @exclusivity(unchecked) private var handler: (any VcpuExitHandler)?
  @exclusivity(unchecked) private var isToldToStop = false
  private var powerOn: CPUState?
  // Where the guest wants clocks, by register. Of the vCPU's thread.
  @exclusivity(unchecked) var clocks: [UInt32: UInt64] = [:]
  /// CR8 where there is no local APIC that has it. Of the vCPU's thread.
  @exclusivity(unchecked) var taskPriority: UInt64 = 0
  /// Of the vCPU's thread.
  @exclusivity(unchecked) var apicBase: APICBase
  private var lastError: (code: CInt, instruction: [UInt8]) = (0, [])

  private let wantsExit = Atomic<Bool>(false)
  private let wantsTurnBack = Atomic<Bool>(false)
  struct Arrivals {
    var apic: LocalAPIC
    var isHalted = false
    var isWaitingForStart = false
    var start: UInt8?
    var initialize = false
  }
  let lock = Lock()
  private let arrived = Condition()
  // Under the lock.
  var arrivals: Arrivals

  init(id: UInt32, machine: TCGMachine) throws {
    self.id = id
    self.machine = machine
    apicBase = APICBase(isFirst: id == 0)
    arrivals = Arrivals(apic: LocalAPIC(identity: id, takesExternal: machine.board != nil && id == 0))
    translator = try Translator(memory: machine.memory, code: machine.code)
    arrivals.isWaitingForStart = machine.hasLocalControllers && id != 0
    translator.owner = self
    // The machine has its vCPUs until the thread of its timers has ended. A weak reference would make counting of the others slow.
    machine.onTimer(of: id) { [unowned self] _ in timerExpired() }
  }

  // MARK: Running

  /// Runs the guest until the handler says to stop.
  public func run(_ handler: some VcpuExitHandler) {
    self.handler = handler
    isToldToStop = false
    repeat {
      // The thread is on its own stack here, and so in none of them.
      if !retired.isEmpty {
        machine.turns.take(nil)
        // Their stacks are left for good, with what is on them: what they have is given back here.
        for translator in retired { translator.close() }
        retired.removeAll()
        machine.turns.give()
      }
      translator.resume()
    } while !isToldToStop
    self.handler = nil
  }

  /// What runs on the guest's stack: enters translated code again and again.
  func emulate(_ translator: Translator) {
    handler?.willEnterGuest()
    while true {
      answerRequests(translator)
      deliverInterrupts(translator)
      guard waitUntilRunnable(translator) else { continue }
      machine.turns.take(self)
      let rip = translator.state.rip
      let code = cuc_run(translator.processor, rip)
      machine.turns.give()
      if cuc_was_stopped(translator.processor) { continue }
      switch code {
      case CInt(CUC_OK): halted(translator)
      case CInt(CUC_INVALID_INSTRUCTION): raise(6, in: translator)
      default:
        lastError = (code, translator.instruction(in: machine.memory))
        report(.internalError, translator)
      }
    }
  }

  /// Tells the handler of an exit, and stays here as long as that is not to be left.
  private func report(_ exit: VcpuExit, _ translator: Translator) {
    guard handler != nil else { return }
    isToldToStop = !handle(exit)
    // After a reset the guest goes on elsewhere, and this stack is left for good.
    if isToldToStop || translator !== self.translator { translator.pause() }
    self.handler?.willEnterGuest()
  }

  /// Apart from who waits for what it says: a stack that is left for good would keep the handler for good, and so the whole machine.
  @inline(never)
  private func handle(_ exit: VcpuExit) -> Bool { handler?.handle(exit) ?? true }

  /// Gives back what the library has for it. A stack that is left for good keeps this object. Nobody uses it any more.
  func close() {
    for translator in retired + [translator] { translator.close() }
    retired = []
  }

  /// Exits as often as somebody asks for it.
  private func answerRequests(_ translator: Translator) {
    while wantsExit.load(ordering: .acquiring) { report(.interrupted, translator) }
  }

  private func halted(_ translator: Translator) {
    guard machine.hasLocalControllers else {
      report(.halt, translator)
      return
    }
    lock.withLock { arrivals.isHalted = true }
  }

  /// Waits as long as the processor is halted or has not been started.
  ///
  /// - Returns: false where something has to be looked at first.
  private func waitUntilRunnable(_ translator: Translator) -> Bool {
    let hasInterruptsOn = translator.flags & 1 << 9 != 0
    return lock.withLock {
      while true {
        if wantsExit.load(ordering: .acquiring) || arrivals.initialize { return false }
        if arrivals.isWaitingForStart {
          if arrivals.start != nil { return false }
        } else {
          guard arrivals.isHalted else { return true }
          if arrivals.apic.hasNonMaskable || hasInterruptsOn && isInterrupted { return false }
        }
        arrived.wait(lock)
      }
    }
  }

  /// Called at a block's beginning, when somebody wants attention. Returns whether to leave translated code.
  func attention(_ translator: Translator) -> Bool {
    if wantsExit.load(ordering: .acquiring) { return true }
    if wantsTurnBack.exchange(false, ordering: .acquiringAndReleasing) { return true }
    let (isPending, isUnmaskable) = lock.withLock {
      (isInterrupted, arrivals.apic.hasNonMaskable || arrivals.initialize)
    }
    if isUnmaskable { return true }
    if isPending, translator.flags & 1 << 9 != 0 { return !translator.state.inhibitsInterrupts }
    if isPending {
      // A loop with interrupts off is not to be looked at block by block.
      cuc_await_interrupts_on(translator.processor)
    } else {
      cuc_give_attention(translator.processor)
    }
    // What came between the look and that is looked at now.
    let isLate = lock.withLock {
      !isPending && isInterrupted || arrivals.apic.hasNonMaskable || arrivals.initialize
    }
    if isLate || wantsExit.load(ordering: .acquiring) || wantsTurnBack.load(ordering: .acquiring) {
      cuc_want_attention(translator.processor)
    }
    return false
  }

  private func notify() {
    cuc_want_attention(translator.processor)
    arrived.wakeAll()
  }

  // MARK: Interrupts

  private var freshAPIC: LocalAPIC {
    LocalAPIC(identity: id, takesExternal: isWired, isOn: apicBase.isOn)
  }

  /// Whether the 8259s' line is the first vCPU's.
  private var isWired: Bool { machine.board != nil && id == 0 }

  /// Whether the processor takes interrupts of the 8259s: by the local APIC's pin, or without it. Under the lock.
  private var takesExternal: Bool { arrivals.apic.isOn ? arrivals.apic.takesExternal : isWired }

  /// Whether there is an interrupt that it would take with interrupts on. Under the lock.
  private var isInterrupted: Bool {
    arrivals.apic.pending != nil || takesExternal && machine.board?.hasRequest == true
  }

  /// The 8259s want to interrupt whoever takes interrupts of theirs. From any thread.
  func externalInterruptRequested() {
    if lock.withLock({ takesExternal }) { notify() }
  }

  private func deliverInterrupts(_ translator: Translator) {
    let hasInterruptsOn = translator.flags & 1 << 9 != 0 && !translator.state.inhibitsInterrupts
    enum Arrival { case none, vector(UInt8), nonMaskable, initialize, start(UInt8) }
    let arrival = lock.withLock { () -> Arrival in
      if arrivals.initialize {
        // A start-up message that came meanwhile is for what INIT leaves.
        arrivals = Arrivals(apic: freshAPIC, isWaitingForStart: id != 0, start: arrivals.start)
        return .initialize
      }
      if arrivals.isWaitingForStart {
        guard let vector = arrivals.start else { return .none }
        (arrivals.start, arrivals.isWaitingForStart) = (nil, false)
        return .start(vector)
      }
      if arrivals.apic.hasNonMaskable {
        (arrivals.apic.hasNonMaskable, arrivals.isHalted) = (false, false)
        return .nonMaskable
      }
      guard hasInterruptsOn else { return .none }
      let external = takesExternal ? machine.board?.acknowledge() : nil
      guard let vector = external ?? arrivals.apic.acknowledge() else { return .none }
      arrivals.isHalted = false
      return .vector(vector)
    }
    switch arrival {
    case .none: break
    case .vector(let vector): inject(.external(vector), in: translator)
    case .nonMaskable: inject(.external(2), in: translator)
    case .initialize: translator.set(.realMode(startVector: nil))
    case .start(let vector): translator.set(.realMode(startVector: vector))
    }
  }

  /// Has the processor take an interrupt or exception; a triple fault is an exit.
  private func inject(_ event: InterruptFrame.Event, in translator: Translator) {
    guard !InterruptFrame.deliver(event, to: translator, memory: machine.memory) else { return }
    report(.shutdown, translator)
  }

  private func raise(_ vector: UInt8, in translator: Translator) {
    lock.withLock { arrivals.isHalted = false }
    inject(.fault(vector, code: nil), in: translator)
  }

  func exception(_ vector: UInt32, _ translator: Translator) {
    let number = UInt8(truncatingIfNeeded: vector)
    // A triple fault may be the last that happens here: nobody is to wait for this one's turn then.
    machine.turns.give()
    defer { machine.turns.take(self) }
    _ = translator.state
    if cuc_is_software_interrupt(translator.processor) {
      inject(.software(number), in: translator)
    } else {
      let hasCode = [8, 10, 11, 12, 13, 14, 17].contains(number)
      let code = UInt32(bitPattern: cuc_error_code(translator.processor))
      inject(.fault(number, code: hasCode ? code : nil), in: translator)
    }
  }

  /// SYSCALL, which the library leaves to whoever asks for it.
  func systemCall(_ translator: Translator) {
    guard let fault = SystemCall.enter(translator, machine.memory) else { return }
    let length = SystemCall.instructionLength(translator.state, machine.memory)
    machine.turns.give()
    defer { machine.turns.take(self) }
    inject(.fault(fault, code: nil), in: translator)
    SystemCall.compensate(translator, instruction: length)
  }

  func isMeant(by destination: InterruptDestination) -> Bool {
    lock.withLock { arrivals.apic.isMeant(by: destination) }
  }

  /// Takes an interrupt. From any thread.
  func accept(_ command: InterruptCommand) {
    lock.withLock {
      switch command.mode {
      case InterruptCommand.fixed, InterruptCommand.lowestPriority:
        arrivals.apic.request(command.vector, isLevel: command.isLevel)
      case InterruptCommand.nonMaskable: arrivals.apic.hasNonMaskable = true
      case InterruptCommand.initialize: arrivals.initialize = true
      case InterruptCommand.startUp:
        if arrivals.isWaitingForStart || arrivals.initialize { arrivals.start = command.vector }
      default: break
      }
    }
    notify()
  }

  private func timerExpired() {
    let next = lock.withLock {
      arrivals.apic.timerExpired(now: Clock.monotonic)
      return arrivals.apic.deadline
    }
    if next != nil { machine.setTimer(of: id, at: next) }
    notify()
  }

  /// Has the vCPU let another one run. From any thread.
  func yieldTurn() {
    wantsTurnBack.store(true, ordering: .releasing)
    cuc_want_attention(translator.processor)
  }

  // MARK: Accesses

  /// Where in the local APIC's page an address is; nil: it is not there.
  private func placeInLocalAPIC(_ address: UInt64) -> Int? {
    guard machine.hasLocalControllers, let page = apicBase.page, address >= page,
      address - page < LocalAPIC.length
    else { return nil }
    return Int(address - page)
  }

  func read(isPort: Bool, _ address: UInt64, _ size: Int, _ translator: Translator) -> UInt64 {
    if !isPort, let offset = placeInLocalAPIC(address) {
      let value = lock.withLock { arrivals.apic.read(offset, now: Clock.monotonic) }
      return UInt64(value >> (8 * UInt32(offset & 3)))
    }
    if let board = machine.board, BoardControllers.have(isPort: isPort, address) {
      return board.read(isPort: isPort, address, size)
    }
    var value: UInt64 = 0
    withUnsafeMutableBytes(of: &value) { access(isPort, address, size, isWrite: false, $0, translator) }
    return value
  }

  func write(
    isPort: Bool, _ address: UInt64, _ size: Int, _ value: UInt64, _ translator: Translator
  ) {
    if !isPort, let offset = placeInLocalAPIC(address) {
      writeLocalAPIC(offset, UInt32(truncatingIfNeeded: value), translator)
      return
    }
    if let board = machine.board, BoardControllers.have(isPort: isPort, address) {
      return board.write(isPort: isPort, address, size, value)
    }
    if machine.kick(isPort: isPort, address: address, size: UInt32(size), value: value) { return }
    var value = value
    withUnsafeMutableBytes(of: &value) { access(isPort, address, size, isWrite: true, $0, translator) }
  }

  private func access(
    _ isPort: Bool, _ address: UInt64, _ size: Int, isWrite: Bool, _ data: UnsafeMutableRawBufferPointer,
    _ translator: Translator
  ) {
    guard let start = data.baseAddress, (1...data.count).contains(size) else { return }
    machine.turns.give()
    if isPort {
      report(
        .port(
          VcpuExit.PortAccess(
            port: UInt16(truncatingIfNeeded: address), size: size, count: 1, isWrite: isWrite, data: start)),
        translator)
    } else {
      report(
        .memory(VcpuExit.MemoryAccess(address: address, size: size, isWrite: isWrite, data: start)),
        translator)
    }
    answerRequests(translator)
    machine.turns.take(self)
  }

  func writeLocalAPIC(_ offset: Int, _ value: UInt32, _ translator: Translator) {
    let (effect, deadline) = lock.withLock {
      (arrivals.apic.write(offset, value, now: Clock.monotonic), arrivals.apic.deadline)
    }
    switch effect {
    case .none: break
    case .timer: machine.setTimer(of: id, at: deadline)
    case .ended(let vector) where machine.board != nil: machine.board?.interruptEnded(vector: vector)
    case .ended(let vector):
      machine.turns.give()
      report(.endOfInterrupt(vector: vector), translator)
      machine.turns.take(self)
    case .send(let shorthand, let target, let isLogical, let vector, let mode):
      let command = InterruptCommand(vector: vector, mode: mode)
      switch shorthand {
      case 1: accept(command)
      case 2: machine.send(InterruptDestination(target: 0xff, isLogical: false), command: command)
      case 3: machine.send(InterruptDestination(target: 0xff, isLogical: false), command: command, except: id)
      default: machine.send(InterruptDestination(target: target, isLogical: isLogical), command: command)
      }
    }
    // What a lower priority has let through.
    if lock.withLock({ isInterrupted }) { cuc_want_attention(translator.processor) }
  }

  // MARK: From outside

  /// Makes the vCPU leave translated code at the next block, or its wait.
  public func requestImmediateExit() {
    wantsExit.store(true, ordering: .releasing)
    lock.withLock { notify() }
  }

  /// Takes that back.
  public func clearImmediateExit() { wantsExit.store(false, ordering: .releasing) }

  /// What kept the library from going on.
  public func internalError() -> VcpuExit.InternalError {
    let bytes = lastError.instruction
    let place =
      bytes.isEmpty
      ? "" : " (\(bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")))"
    return VcpuExit.InternalError(
      instruction: bytes,
      message: "the translator could not go on: \(String(cString: cuc_message(lastError.code)))\(place)")
  }

  /// There is no other way.
  public func recoverFromInternalError() -> Bool { false }

  /// Reads the registers.
  public func state() throws -> CPUState { CPUState(translator.state, flags: translator.flags) }

  /// Sets the registers.
  public func setState(_ state: CPUState) throws { translator.set(state) }

  /// The guest physical address behind a linear one.
  public func translate(linear address: UInt64) throws -> UInt64? {
    LinearMemory(translator.state, machine.memory).physical(address)
  }

  /// Where the vCPU waits, if nothing can wake it.
  public func positionOfEndlessWait() throws -> UInt64? {
    let isInterruptible = translator.flags & 1 << 9 != 0
    let (isHalted, isWaiting) = lock.withLock { (arrivals.isHalted, arrivals.isWaitingForStart) }
    if isWaiting { return 0 }
    return isHalted && !isInterruptible ? translator.state.rip : nil
  }

  /// Not known (`TCGEngine.check`).
  public var instructionPointer: UInt64 { 0 }

  /// The guest reads the host's counter.
  public func timeStampCounter() -> UInt64? { Clock.correlate().timeStampCounter }
  /// Which is why.
  public func timeStampCounterOffset() -> UInt64? { 0 }

  /// Notes the registers.
  public func keepPowerOnState() throws { powerOn = try state() }

  /// Puts them back, on another translator: the thread may be in the middle of the old one.
  public func reset() throws -> [String] {
    guard let powerOn else { return [] }
    machine.turns.take(nil)
    defer { machine.turns.give() }
    let fresh = try Translator(memory: machine.memory, code: machine.code)
    fresh.owner = self
    fresh.set(powerOn)
    retired.append(translator)
    clocks = [:]
    apicBase = APICBase(isFirst: id == 0)
    taskPriority = 0
    lock.withLock {
      translator = fresh
      arrivals = Arrivals(apic: freshAPIC, isWaitingForStart: machine.hasLocalControllers && id != 0)
    }
    machine.setTimer(of: id, at: nil)
    return []
  }

  /// Keeps none.
  public func counters() throws -> (any CounterSource)? { nil }
}
