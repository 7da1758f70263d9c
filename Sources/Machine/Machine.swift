import Board
import Boot
import CTracepoints
import Devices
import Engine
import GuestRAM
import Platform
import Virtio

/// A virtual machine in this process: memory, vCPUs with their threads, I/O threads and devices.
///
/// Made and run once, by the main thread.
package final class Machine {
  let configuration: MachineConfiguration
  let plan: BootPlan
  let memory: GuestMemory
  let machine: any VirtualMachine
  /// Where the I/O APIC is one of the devices, what it makes of its lines.
  let routes: InterruptRoutes?
  let control: RunControl
  let burden: HostBurden
  let dispatcher: Dispatcher
  let devices: DeviceSet
  package let vcpus: [VcpuRunner]
  let loops: [IOThread]
  let mainThread = TracedThread(.main, 0)
  let kicks: KickDescriptors?
  let clockTimer: ClockTimer
  let powerEvents: PowerManagementEvents
  let dump: StateDump
  let statistics: [KernelStatistics]
  let input: SerialInput?
  /// Who comes and goes at the serial port; nil where it leads elsewhere.
  let serialPeer: SerialPeer?
  let output: SerialOutput
  /// The debug console's; the same where both lead to the same.
  let debugOutput: SerialOutput
  let disks: DiskBackends
  let ports: [(ConsolePortDescription, CharacterPeer)]
  let networks: [NetDevice]
  let queues: QueueTracing
  var warnings: [String]
  /// What a user is to know before the guest starts, such as a tap that is down.
  package var notices: [String] { networks.compactMap(\.notice) + terminalNotices }
  var resets = 0
  /// When the run did, nanoseconds on CLOCK_MONOTONIC.
  var began: UInt64 = 0
  var sleeps = 0
  /// Whether nothing is recorded any more, as the trace is as large as it may be.
  var isRecordingEnded = false

  /// All threads that emit events.
  var threads: [TracedThread] { vcpus.map(\.thread) + loops.map(\.thread) + [mainThread] }

  /// Checks, before anything is started for a run, that the configuration makes sense and that this host can run guests
  /// at all: opens /dev/kvm and closes it.
  ///
  /// - Throws: `MachineError` with what was tried, what failed and what to do.
  package static func check(_ configuration: MachineConfiguration) throws(MachineError) {
    try configuration.validate()
    try configuration.checkWait()
    try configuration.check(on: try EngineSelection.open(configuration))
    if let path = configuration.controlGroup {
      do {
        try ControlGroup(path: path).check()
      } catch {
        throw MachineError("--cgroup \(path)", error)
      }
    }
    guard configuration.memoryPath == nil else { return }
    do {
      try GuestMemory.check(
        bytes: configuration.memory, preallocate: false, controlGroup: configuration.controlGroup)
    } catch {
      throw MachineError(error.description)
    }
  }

  /// Checks that a board can have such devices.
  ///
  /// - Throws: `MachineError` with what is wrong and what to do.
  package static func check(board configuration: MachineConfiguration) throws(MachineError) {
    _ = try configuration.boardLayout()
    try configuration.checkNetworks()
  }

  /// Builds a machine: opens /dev/kvm, checks what it offers, allocates RAM, makes vCPUs and devices.
  ///
  /// - Throws: `MachineError` with what was tried, what failed and what to do.
  ///
  /// - Parameters:
  ///   - configuration: how the machine is built.
  ///   - makePlan: what is run, given the guest's TSC frequency in kHz (0 where the kernel does not tell).
  package convenience init(
    _ configuration: MachineConfiguration, makePlan: (UInt32) throws(MachineError) -> BootPlan
  ) throws(MachineError) {
    try configuration.validate()
    try self.init(configuration, engine: try EngineSelection.open(configuration), makePlan: makePlan)
  }

  /// Builds a machine on an engine. The configuration is a valid one.
  package init(
    _ configuration: MachineConfiguration, engine: some ExecutionEngine,
    makePlan: (UInt32) throws(MachineError) -> BootPlan
  ) throws(MachineError) {
    let layout = try configuration.boardLayout()
    let builder = try MachineBuilder(configuration, engine: engine)
    let machine: any VirtualMachine = builder.machine
    self.configuration = configuration
    plan = try makePlan(builder.timeStampCounterKHz)
    memory = builder.memory
    let loading = PlanLoading(plan, into: memory)
    self.machine = machine
    let control = builder.control
    self.control = control
    burden = builder.burden
    let observer = TracingObserver()

    let routes = configuration.interruptController == .split ? InterruptRoutes(machine: machine) : nil
    self.routes = routes
    let serialPeer = try configuration.makeSerialPeer()
    self.serialPeer = serialPeer
    let (output, debugOutput) = try configuration.makeOutputs(serialPeer: serialPeer)
    for output in [output, debugOutput] { output.isStopping = { control.isPausing } }
    self.output = output
    self.debugOutput = debugOutput
    let levels = LineLevels(
      machine: machine, routes: routes, isConnected: configuration.interruptController != .none)
    let clockTimer = try ClockTimer()
    let loops = try builder.makeLoops(layout.threads)
    self.loops = loops
    disks = try DiskBackends(configuration.disks, in: layout.slots(of: .disk), servedBy: loops)
    ports = try configuration.makePorts()
    let stamps = configuration.kickStamps.map { KickStamps(table: GuestAddress($0)) }
    networks = try configuration.makeNetworks(layout, stamps: stamps, observer: observer)
    queues = QueueTracing(layout)
    self.clockTimer = clockTimer
    // A board without them makes none of it.
    let powerEvents = PowerManagementEvents(
      id: DeviceID(layout.slots(of: .powerEvents).first?.id ?? 0), line: BoardLayout.powerManagementLine,
      levels: levels)
    self.powerEvents = powerEvents
    devices = try DeviceSet(
      layout,
      DeviceParts(
        memory: memory, observer: observer, queues: queues, disks: disks.all,
        diskOptions: configuration.disks, ports: ports,
        stamps: stamps,
        networks: networks, control: control,
        output: output, debugOutput: debugOutput, levels: levels,
        powerEvents: powerEvents, clockTimer: clockTimer, routes: routes
      ) { device, line throws(MachineError) in
        try configuration.makeLine(
          device: device, line: line, in: layout, machine: machine, routes: routes)
      })
    let dispatcher = try Dispatcher(
      devices, guestMemory: memory, tracesFreeLocks: configuration.traceLocks)
    self.dispatcher = dispatcher

    try builder.coalesceWrites(layout)
    let vcpus = try builder.makeVcpus(dispatcher: dispatcher)
    self.vcpus = vcpus
    // Not the runners, which have the devices, which have the observer: nothing of the machine would ever go away.
    let clocks = vcpus.map(\.vcpu)
    observer.setGuestClock { index in
      // Read on the vCPU's own thread, which is the one that handles the mark.
      clocks[Int(index)].timeStampCounter() ?? 0
    }
    if layout.threads.isSingle { vcpus[0].visited = loops[0] }
    kicks =
      configuration.ioeventfd
      ? try KickDescriptors(
        of: devices, machine: machine, loops: loops, dispatcher: dispatcher
      ) { context, device, queue, count in
        exeunt_trace_ioeventfd_signal(context.id, context.sequence, device.rawValue, queue, count)
      } : nil
    try builder.attachSources(of: devices, to: loops, dispatcher: dispatcher)
    if !layout.slots(of: .clock).isEmpty {
      let (clock, clockSlot) = devices.device(.clock, as: RealTimeClock.self)
      try clockTimer.attach(clock, to: loops[clockSlot.loop], dispatcher: dispatcher)
    }
    let (serial, serialSlot) = devices.device(.serial, as: Serial16550A.self)
    input = try configuration.makeInput(serial: serial, dispatcher: dispatcher, control: control)
    do {
      try input?.attach(to: loops[serialSlot.loop])
      try serialPeer?.attach(serial, to: loops[serialSlot.loop], dispatcher: dispatcher)
    } catch {
      throw MachineError("waiting for the serial port's input", error)
    }
    try builder.keepPowerOnState(of: vcpus)
    statistics = builder.makeStatistics(of: vcpus)
    warnings = builder.warnings + plan.warnings + disks.warnings
    dump = StateDump(
      configuration: configuration, host: HostDescription.current,
      timeStampCounterKHz: builder.timeStampCounterKHz)
    try load(loading)
  }

  /// Puts what is run into RAM and sets the first vCPU's state.
  ///
  /// - Parameter loading: what is on its way already.
  private func load(_ loading: PlanLoading? = nil) throws(MachineError) {
    do throws(BootError) {
      if let loading { try loading.finish() } else { try plan.load(into: memory) }
    } catch {
      // Only a kernel's file can have become another one meanwhile.
      throw MachineError("--kernel \(configuration.guest)", error)
    }
    try enter(plan.entry)
  }

  /// Sets the first vCPU's state, and that of the interrupt controllers where firmware leaves one.
  func enter(_ entry: BootPlan.Entry) throws(MachineError) {
    do {
      try entry.apply(to: vcpus[0].vcpu)
    } catch {
      throw MachineError("setting the vCPU's state at entry", error)
    }
    if plan.expectsFirmwareInterrupts, configuration.interruptController == .kernel {
      do {
        try machine.setFirmwareInterrupts()
      } catch {
        throw MachineError("setting the interrupt controllers' state at entry", error)
      }
    }
  }

  /// Puts everything back to power-on: devices, interrupt controllers, vCPUs, image. No vCPU is running.
  func resetMachine() throws(MachineError) {
    for loop in loops { loop.pause() }
    defer { for loop in loops { loop.resume() } }
    kicks?.drain()
    for device in devices.devices { device.reset() }
    try resetProcessors()
    try load()
  }

  /// Puts interrupt controllers and vCPUs back to power-on. No vCPU is running.
  func resetProcessors() throws(MachineError) {
    do {
      try machine.reset()
      for runner in vcpus {
        for remainder in try runner.vcpu.reset() {
          let text = "after a reset \(remainder), on vcpu\(runner.index)"
          if !warnings.contains(text) { warnings.append(text) }
        }
      }
    } catch {
      throw MachineError("resetting the machine", error)
    }
  }

  /// The report block of a built-in guest.
  func readReport() -> [UInt8]? {
    guard let report = plan.report else { return nil }
    return try? memory.read(count: report.count, at: GuestAddress(report.lowerBound))
  }
}
