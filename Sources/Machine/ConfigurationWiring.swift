import Board
import Boot
import Devices
import Engine
import GuestRAM
import Platform
import Processors

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension MachineConfiguration {
  /// Checks what does not depend on the host.
  func validate() throws(MachineError) {
    let threadNames = try boardLayout().threads.threadNames
    try checkNetworks()
    guard memory >= 1 << 20, memory % 4096 == 0 else {
      throw MachineError("--memory \(memory) bytes: give at least 1M, in whole pages of 4K")
    }
    if let map = ArchitectureMap(architecture), memory > map.ramLimit {
      throw MachineError(
        "--memory \(memory >> 20)M: with --arch \(architecture.rawValue) there is room for \(map.ramLimit >> 20)M"
      )
    }
    guard vcpus == 1 || interruptController != .none else {
      throw MachineError(
        "--cpus \(vcpus) with --irqchip none: secondary vCPUs are started by interrupts; use --irqchip kernel or split"
      )
    }
    guard threads == .iothread || wait != .ring else {
      throw MachineError(
        "--wait io_uring with --threads single: the vCPU's thread does not wait in a ring, and the thread that watches for it uses epoll; give --wait epoll or select, or --threads iothread"
      )
    }
    guard threads == .iothread || pollBudget == 0 else {
      throw MachineError(
        "\(pollAdaptation == nil ? "--iothread-poll" : "--poll-max-ns") with --threads single: no I/O thread is there that could poll; leave it out, or give --threads iothread"
      )
    }
    if timeLimit == 0 { throw MachineError("--timeout 0: give a time above zero") }
    // More often, and the main thread would do nothing else.
    guard statisticsInterval == 0 || statisticsInterval >= 1_000_000 else {
      throw MachineError("--stats-interval \(statisticsInterval) ns: give at least 1ms, or 0 for none")
    }
    func check(_ option: String, _ name: String, _ value: String) throws(MachineError) {
      guard threadNames.contains(name) else {
        throw MachineError(
          "\(option) \(name)=\(value): there is no such thread; there are \(threadNames.joined(separator: ", "))"
        )
      }
    }
    for (name, scheduling) in scheduling { try check("--sched", name, scheduling.policy.rawValue) }
    for (name, path) in threadControlGroups { try check("--cgroup", name, path) }
    for (name, cpu) in pins {
      try check("--pin", name, "\(cpu)")
      guard ProcessorSet.contains(cpu) else {
        throw MachineError("--pin \(name)=\(cpu): this process may not run on CPU \(cpu)")
      }
    }
  }

  /// Plans the boot of a flat image, of which the configuration says where and how it is entered.
  ///
  /// - Parameter parameterBlock: what a built-in guest is told.
  package func flatPlan(_ bytes: [UInt8], parameterBlock: [UInt8]? = nil) throws(MachineError) -> BootPlan {
    if architecture != .x86 {
      let image = ForeignImage(
        architecture, bytes: bytes, loadAddress: loadAddress, entry: entry, parameterBlock: parameterBlock)
      do {
        return try image.plan(ramLayout)
      } catch {
        throw MachineError(error.description)
      }
    }
    let image = FlatImage(
      bytes: bytes, mode: mode, loadAddress: loadAddress, entry: entry, parameterBlock: parameterBlock)
    do {
      return try image.plan(ramLayout)
    } catch {
      throw MachineError(error.description)
    }
  }

  /// Where RAM is.
  package var ramLayout: RAMLayout {
    guard let map = ArchitectureMap(architecture) else { return RAMLayout(bytes: memory) }
    return RAMLayout(bytes: memory, at: GuestAddress(map.ram))
  }

  /// The devices of such a machine, with their places.
  ///
  /// - Throws: when there is no such board.
  package func boardLayout() throws(MachineError) -> BoardLayout {
    do {
      var options = BoardOptions(
        vcpus: vcpus, interruptController: interruptController, doorbells: doorbells,
        disks: disks.map { QueueService($0.queues, $0.service) },
        networks: networks.map { QueueService($0.pairs, $0.service) },
        entropy: entropy ? QueueService(1, entropyService) : nil,
        console: numberedPorts.map { $0.number + 1 }.max().map { QueueService($0, consoleService) },
        debugExitPorts: debugExitPorts, debugConsole: debugConsole != nil, locks: lock,
        kicksExit: !ioeventfd, threads: threads, loops: ioThreads, ioThreads: namedIOThreads)
      options.architecture = architecture
      return try BoardLayout(options)
    } catch {
      throw MachineError(error.description)
    }
  }

  /// The configuration as JSON, for the trace.
  var text: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Every field is a plain value: encoding cannot fail.
    return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }

  /// The line of a device, by the mechanism that was chosen.
  func makeLine(
    device: DeviceID, line: UInt32, in layout: BoardLayout, machine: any VirtualMachine,
    routes: InterruptRoutes?
  ) throws(MachineError) -> any InterruptLine {
    let byIoctl = layout.slots.first { $0.id == device.rawValue }?.interruptsByIoctl ?? false
    return switch (interruptController, irqfd && !byIoctl) {
    case (.none, _): UnconnectedLine()
    case (_, true): try IrqFdLine(device: device, line: line, machine: machine)
    case (.kernel, false): IoctlLine(device: device, line: line, machine: machine)
    case (.split, false): MessageLine(device: device, line: line, routes: routes!)
    }
  }

  /// Standard input for the serial port, where that is wanted: built-in guests read nothing, and without them the
  /// terminal's interrupt key should go on working.
  func makeInput(
    serial device: Serial16550A, dispatcher: Dispatcher, control: RunControl
  ) throws(MachineError) -> SerialInput? {
    guard serial == .stdio, readsInput else { return nil }
    do {
      return try SerialInput(device, dispatcher: dispatcher, isTerminal: Terminal.isStandardInput) {
        control.end(.quit)
      }
    } catch {
      throw MachineError("preparing standard input for the serial port", error)
    }
  }
}

extension QueueService {
  fileprivate init(_ queues: Int, _ service: MachineConfiguration.Service) {
    self.init(
      queues: queues, ioThreads: service.ioThreads ?? [], kicksExit: service.kicksExit ?? false,
      interruptsByIoctl: service.interruptsByIoctl ?? false)
  }
}

extension MachineConfiguration {
  /// Opens what the serial port and the debug console write to: one and the same where both lead there.
  ///
  /// - Parameter peer: whom the serial port leads to, where that is somebody who comes and goes.
  func makeOutputs(
    serialPeer peer: SerialPeer?
  ) throws(MachineError) -> (serial: SerialOutput, debugConsole: SerialOutput) {
    let output: SerialOutput
    if let peer {
      output = SerialOutput(peer, option: serialOption)
    } else {
      output = try serial.makeOutput(of: .serial, option: serialOption, limit: outputLimit)
    }
    guard let debugConsole else { return (output, SerialOutput(discarding: ())) }
    return (
      output,
      debugConsole == serial
        ? output
        : try debugConsole.makeOutput(
          of: .debugConsole, option: "--debugcon \(debugConsole.place)", limit: outputLimit)
    )
  }
}

extension MachineConfiguration.Serial {
  fileprivate func makeOutput(
    of device: SerialOutput.Source, option: String, limit: OutputLimit
  ) throws(MachineError) -> SerialOutput {
    switch self {
    case .stdio: SerialOutput(standardOutputOf: device, limit: limit)
    case .file(let path): try SerialOutput(path: path, of: device, option: option, limit: limit)
    case .none, .peer: SerialOutput(discarding: ())
    }
  }
}
