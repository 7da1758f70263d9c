import Processors

/// What decides which devices a board has and who serves them: the part of a machine's configuration that its layout is
/// made from.
package struct BoardOptions: Sendable, Equatable {
  /// Where the interrupt controllers are.
  package enum InterruptController: String, Sendable, Codable, CaseIterable {
    /// 8259s, I/O APIC, local APICs and the 8254 in the kernel.
    case kernel
    /// Local APICs in the kernel, the I/O APIC in this process.
    case split
    /// None: HLT exits, nothing interrupts.
    case none
  }

  /// What is locked around device code.
  package enum LockModel: String, Sendable, Codable, CaseIterable {
    /// A lock for each device that has state.
    case device
    /// One for all device code, as QEMU's big lock: whoever runs a device's code, on a vCPU's thread or an I/O thread, keeps all others from
    /// running any.
    case global
    /// As `device`, but none for a device that one thread alone has to do with: the only vCPU's, where no event loop serves the device or
    /// that thread runs the loop.
    case noneNeeded = "none-needed"
  }

  /// Which threads run vCPUs and event loops.
  package enum Threads: String, Sendable, Codable, CaseIterable {
    /// One for each vCPU, and one for each event loop.
    case iothread
    /// One for both: the only vCPU's thread leaves the guest to run the only event loop, as QEMU's did before it had I/O threads.
    case single
  }

  /// The most doorbells.
  package static let maximumDoorbells = 4
  /// The most disks.
  package static let maximumDisks = 4
  /// The most network interfaces. All but the first have the interrupt lines of doorbells.
  package static let maximumNetworks = 4
  /// The most pairs of queues of each.
  package static let maximumQueuePairs = 8
  /// The most ports of the virtio console.
  package static let maximumConsolePorts = 16
  /// The most virtual CPUs.
  package static let maximumVcpus = 1024
  /// Where a debug exit is by default: where kvm-unit-tests has it, and QEMU.
  package static let debugExitPorts: [UInt64] = [0xf4, 0x501]
  /// Where a debug console is: where Bochs has it, and firmware.
  package static let debugConsolePorts: [UInt64] = [0xe9, 0x402]
  /// The most I/O threads.
  package static let maximumLoops = 64

  /// What kind of processor the board is for.
  package var architecture = Architecture.x86
  /// Virtual CPUs.
  package var vcpus: Int
  /// Where the interrupt controllers are.
  package var interruptController: InterruptController
  /// Doorbells, each with its own ports, memory, line and queues.
  package var doorbells: Int
  /// Disks, each a virtio device, and how each is served.
  package var disks: [QueueService]
  /// Network interfaces, each a virtio device, and how the pairs of queues of each are served.
  package var networks: [QueueService]
  /// How the virtio source of random bytes is served; nil: there is none.
  package var entropy: QueueService?
  /// How the ports of the virtio console are served, one more than the highest number; nil: there is none.
  package var console: QueueService?
  /// Where the guest can end the run with a value: ports, each the first of four; none: nowhere.
  package var debugExitPorts: [UInt64]
  /// Whether there is a debug console.
  package var debugConsole: Bool
  /// What is locked around device code.
  package var locks: LockModel
  /// Whether all kicks exit to this process.
  package var kicksExit: Bool
  /// Which threads run vCPUs and event loops.
  package var threadModel: Threads
  /// Event loops that all devices share, each on an I/O thread of its own.
  package var loops: Int
  /// Names of I/O threads that serve what is given to them.
  package var ioThreads: [String]

  /// Describes what is wanted; by default the smallest machine.
  package init(
    vcpus: Int = 1, interruptController: InterruptController = .kernel, doorbells: Int = 1,
    disks: [QueueService] = [], networks: [QueueService] = [], entropy: QueueService? = nil,
    console: QueueService? = nil, debugExitPorts: [UInt64] = BoardOptions.debugExitPorts,
    debugConsole: Bool = false, locks: LockModel = .device, kicksExit: Bool = false,
    threads: Threads = .iothread, loops: Int = 1, ioThreads: [String] = []
  ) {
    self.vcpus = vcpus
    self.interruptController = interruptController
    self.doorbells = doorbells
    self.disks = disks
    self.networks = networks
    self.entropy = entropy
    self.console = console
    self.debugExitPorts = debugExitPorts
    self.debugConsole = debugConsole
    self.locks = locks
    self.kicksExit = kicksExit
    threadModel = threads
    self.loops = loops
    self.ioThreads = ioThreads
  }

  /// Where RAM and devices are; nil for a PC's.
  package var map: ArchitectureMap? { ArchitectureMap(architecture) }

  /// Who does the work on such a board.
  var threads: ThreadModel { ThreadModel(threadModel, vcpus: vcpus, loops: loops, named: ioThreads) }

  /// Checks that there is such a board.
  func validate() throws(BoardError) {
    func check(_ option: String, _ value: Int, _ limit: Int) throws(BoardError) {
      guard value >= 1, value <= limit else {
        throw BoardError("--\(option) \(value): give 1 to \(limit)")
      }
    }
    try check("cpus", vcpus, BoardOptions.maximumVcpus)
    if map != nil { try validateForeign() }
    try check("iothreads", loops, BoardOptions.maximumLoops)
    try check("doorbells", doorbells, BoardOptions.maximumDoorbells)
    if threadModel == .single {
      guard vcpus == 1 else {
        throw BoardError(
          "--threads single with --cpus \(vcpus): one thread runs one vCPU and the event loop; give --cpus 1, or --threads iothread"
        )
      }
      guard loops == 1, ioThreads.isEmpty else {
        throw BoardError(
          "--threads single has no I/O threads; leave --iothreads and --object iothread out, or give --threads iothread"
        )
      }
      let services =
        disks.enumerated().map { ("disk\($0.offset)", $0.element) }
        + networks.enumerated().map { ("net\($0.offset)", $0.element) }
        + [("rng0", entropy), ("console0", console)].compactMap { name, service in service.map { (name, $0) }
        }
      if let (name, service) = services.first(where: { !$0.1.ioThreads.isEmpty }) {
        throw BoardError(
          "--threads single has no I/O threads, and \(name) has iothread=\(service.ioThreads[0]); leave that out, or give --threads iothread"
        )
      }
    }
    guard disks.count <= BoardOptions.maximumDisks else {
      throw BoardError("\(disks.count) disks: give up to \(BoardOptions.maximumDisks)")
    }
    guard networks.count <= BoardOptions.maximumNetworks else {
      throw BoardError("\(networks.count) network interfaces: give up to \(BoardOptions.maximumNetworks)")
    }
    // One line is the interfaces' own.
    guard networks.count - 1 + doorbells <= BoardOptions.maximumDoorbells else {
      throw BoardError(
        "\(networks.count) network interfaces with --doorbells \(doorbells): there are interrupt lines for "
          + "\(BoardOptions.maximumDoorbells + 1) of both together; give fewer doorbells")
    }
    guard loops + ioThreads.count <= BoardOptions.maximumLoops else {
      throw BoardError("\(ioThreads.count) I/O threads beside --iothreads \(loops): give up to 64 in all")
    }
    for (index, name) in ioThreads.enumerated() {
      guard !ioThreads[..<index].contains(name) else {
        throw BoardError("two I/O threads are called \(name)")
      }
      if (0..<vcpus).contains(where: { ThreadModel.vcpuThread($0) == name }) {
        throw BoardError("an I/O thread is called \(name), like a vCPU's; give it another name")
      }
      if ThreadModel.isTaken(name) {
        throw BoardError("an I/O thread is called \(name), like another thread; give it another name")
      }
    }
    let threads = threads
    for (index, disk) in disks.enumerated() { try disk.validate("disk\(index)", threads) }
    for (index, network) in networks.enumerated() {
      try network.validate(
        "net\(index)", threads, .init(one: "pair of queues", many: "pairs of queues"),
        maximum: BoardOptions.maximumQueuePairs)
    }
    try entropy?.validate("rng0", threads)
    try console?.validate(
      "console0", threads, .init(one: "port", many: "ports"), maximum: BoardOptions.maximumConsolePorts)
  }
}

extension BoardOptions {
  /// Refuses what only a PC has.
  private func validateForeign() throws(BoardError) {
    guard vcpus == 1 else {
      throw BoardError(
        "--cpus \(vcpus) with --arch \(architecture.rawValue): such a machine has one processor; leave --cpus out"
      )
    }
    guard interruptController == .none else {
      throw BoardError(
        "--irqchip \(interruptController.rawValue) with --arch \(architecture.rawValue): such a machine has no interrupt controllers; leave --irqchip out, or give none"
      )
    }
    guard !debugConsole else {
      throw BoardError(
        "--debugcon with --arch \(architecture.rawValue): it is a port, and only x86 has ports; leave it out")
    }
    guard debugExitPorts == BoardOptions.debugExitPorts else {
      throw BoardError(
        "--debug-exit-port with --arch \(architecture.rawValue): only x86 has ports; there is a register for it (docs/architectures.md)"
      )
    }
  }
}

/// A board that cannot be: what is wrong, and what to do.
package struct BoardError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The message.
  package let description: String

  init(_ description: String) { self.description = description }
}
