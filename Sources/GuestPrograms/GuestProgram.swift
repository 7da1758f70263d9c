import Board
import CGuestPrograms
import Processors

/// A guest that comes with Exeunt: a flat image with what it needs, what it takes and what it will do.
///
/// The contract between an image and the machine is docs/guest-abi.md.
package struct GuestProgram: Sendable {
  /// What `exeunt run --guest` calls it.
  package let name: String
  /// What running it shows, in one line.
  package let summary: String
  /// What it does, step by step, and what it checks.
  package let detail: String
  /// The processor mode that it is entered in.
  package let mode: GuestMode
  /// What it can be told, in the order in which it is listed.
  package internal(set) var parameters: [GuestParameter]
  /// What it needs of the machine.
  package let requirements: GuestRequirements
  /// What the values that it writes to the marker port mean, in the order of writing; empty if it writes none.
  package let phases: [GuestPhase]

  let locate: @Sendable () -> exeunt_guest_image
  var expect: @Sendable (GuestArguments, GuestMachine) -> GuestExpectation
  /// What kind of processor it is for.
  package internal(set) var architecture = Architecture.x86

  /// Guest physical address that the image is copied to.
  package var loadAddress: UInt64 { ArchitectureMap(architecture)?.load ?? 0x10000 }

  /// Guest physical address of its first instruction.
  package var entry: UInt64 { loadAddress }

  /// Guest physical address at which it leaves time stamps of its virtio requests; nil if it leaves none.
  package var kickStamps: UInt64? {
    requirements.virtio == nil || architecture != .x86 ? nil : 0x58000
  }

  /// The image of an x86's guest, in this executable's read-only data: valid for the life of the process.
  package var image: UnsafeRawBufferPointer {
    let image = locate()
    return UnsafeRawBufferPointer(start: image.bytes, count: Int(image.length))
  }

  /// What it does, exactly, with these arguments on this machine: the oracle that a trace is held against.
  ///
  /// - Throws: ``GuestError`` if the machine lacks what the guest needs.
  package func expectation(
    _ arguments: GuestArguments, on machine: GuestMachine
  ) throws(GuestError) -> GuestExpectation {
    try check(arguments, on: machine)
    return expect(arguments, machine)
  }

  /// Checks that the machine has what the guest needs with these arguments.
  ///
  /// - Throws: ``GuestError`` naming what is missing and the option that gives it.
  package func check(_ arguments: GuestArguments, on machine: GuestMachine) throws(GuestError) {
    guard machine.vcpus >= requirements.minimumVcpus else {
      throw .tooFewVcpus(guest: name, needed: requirements.minimumVcpus, given: machine.vcpus)
    }
    guard machine.vcpus <= GuestRequirements.maximumVcpus else {
      throw .tooManyVcpus(guest: name, limit: GuestRequirements.maximumVcpus, given: machine.vcpus)
    }
    let queues = Int(arguments.parameter)
    guard !requirements.ownLines || machine.vcpus * queues <= GuestRequirements.queueLines else {
      throw .tooManyQueues(
        guest: name, limit: GuestRequirements.queueLines, vcpus: machine.vcpus, queues: queues)
    }
    guard Int(arguments.devices) <= machine.doorbells else {
      throw .tooFewDoorbells(guest: name, needed: Int(arguments.devices), given: machine.doorbells)
    }
    if let kind = requirements.virtio { try check(arguments.requests, of: kind, on: machine) }
    guard machine.interruptController == .none else { return }
    if requirements.interruptController {
      throw .needsInterruptController(guest: name, why: "it takes interrupts or starts secondary vCPUs")
    }
    if arguments.wait == .interrupt {
      throw .needsInterruptController(guest: name, why: "wait=interrupt was asked for")
    }
  }
}

extension GuestProgram {
  private func check(
    _ requests: RequestArguments, of kind: VirtioKind, on machine: GuestMachine
  ) throws(GuestError) {
    guard let device = machine.device(kind) else { throw .needsDevice(guest: name, kind) }
    guard !device.isReadOnly else { throw .needsWritableDisk(guest: name) }
    guard Int(requests.queues) <= device.queues else {
      throw .tooFewDiskQueues(guest: name, needed: Int(requests.queues), given: device.queues)
    }
    let needed = requests.memoryNeeded(of: kind)
    guard needed <= machine.memory else {
      throw .tooLittleMemory(guest: name, needed: needed, given: machine.memory)
    }
  }
}

/// The processor mode that a guest is entered in.
package enum GuestMode: String, Sendable, Codable, CaseIterable {
  /// 16-bit real mode.
  case real
  /// 32-bit protected mode with flat segments, paging off.
  case protected
  /// 64-bit mode with the first 4 GiB mapped one to one.
  case long
}

/// What a guest needs of the machine.
package struct GuestRequirements: Sendable, Equatable {
  /// The most vCPUs that a built-in guest can drive: one doorbell queue each.
  package static let maximumVcpus = 16
  /// The most doorbells that a machine has.
  package static let maximumDoorbells = 4
  /// Interrupt lines that doorbell queues can have for themselves.
  package static let queueLines = 8

  /// The least number of vCPUs.
  package let minimumVcpus: Int
  /// Whether it cannot do without interrupts: `--irqchip kernel` or `split`.
  package let interruptController: Bool
  /// Whether each vCPU has as many queues as the guest's own parameter says, each with an interrupt line of its own.
  package let ownLines: Bool
  /// The kind of virtio device of which it drives the first; nil if it drives none.
  package let virtio: VirtioKind?

  init(
    minimumVcpus: Int = 1, interruptController: Bool = false, ownLines: Bool = false,
    virtio: VirtioKind? = nil
  ) {
    self.minimumVcpus = minimumVcpus
    self.interruptController = interruptController
    self.ownLines = ownLines
    self.virtio = virtio
  }
}

/// A stretch of a guest's run that begins when it writes `mark` to the marker port.
package struct GuestPhase: Sendable, Codable, Equatable {
  /// The value written.
  package let mark: UInt32
  /// What the guest does from then on.
  package let meaning: String
}

/// A kind of virtio device that a guest drives.
package enum VirtioKind: Sendable, Equatable, CaseIterable {
  /// A disk, to which it writes.
  case disk
  /// A source of random bytes.
  case entropy
  /// A network interface.
  case network
  /// A console with two ports at the least, of which one is the kernel's.
  case console

  /// Whether a guest receives and sends rather than reading and writing.
  package var isTransfer: Bool { self == .network || self == .console }

  /// The option that gives a machine one.
  var option: String {
    switch self {
    case .disk: "--disk FILE, of which it overwrites the beginning"
    case .entropy: "--device virtio-rng-device"
    case .network: "--net user or --net tap:NAME"
    case .console:
      "--device virtio-serial-device with a virtconsole and a virtserialport, whose peers send back what they get, or none "
        + "of the three for two ports that lead to each other"
    }
  }
}

/// A device that a guest drives, where it finds it.
package struct GuestDevice: Sendable, Equatable {
  /// Guest physical address of its registers, below 4 GiB.
  package var registers: UInt32
  /// Its interrupt line.
  package var line: UInt32
  /// Whether it refuses to be written.
  package var isReadOnly: Bool
  /// How many queues it has.
  package var queues: Int
  /// Whether a disk has a cache to flush; else what is written is durable as it completes.
  package var hasCache: Bool

  /// Names a device; by default the first disk.
  package init(
    registers: UInt32 = 0xd010_0000, line: UInt32 = 6, isReadOnly: Bool = false, queues: Int = 1,
    hasCache: Bool = true
  ) {
    self.registers = registers
    self.line = line
    self.isReadOnly = isReadOnly
    self.queues = queues
    self.hasCache = hasCache
  }
}

/// The part of the machine's configuration that decides what a guest does.
package struct GuestMachine: Sendable, Equatable {
  /// Where the interrupt controllers are (`--irqchip`).
  package enum InterruptController: Sendable, Equatable {
    /// All of them in the kernel.
    case kernel
    /// Local APICs in the kernel, the I/O APIC in the VMM: programming it exits.
    case split
    /// There are none.
    case none
  }

  /// The number of vCPUs.
  package var vcpus: Int
  /// The number of doorbells.
  package var doorbells: Int
  /// Where the interrupt controllers are.
  package var interruptController: InterruptController
  /// The first disk; nil if there is none.
  package var disk: GuestDevice?
  /// The source of random bytes; nil if there is none.
  package var entropy: GuestDevice?
  /// The first network interface; nil if there is none.
  package var network: GuestDevice?
  /// The console; nil if there is none, or one without two ports.
  package var console: GuestDevice?
  /// Guest RAM, bytes.
  package var memory: UInt64
  /// The guest's TSC frequency in kHz, 0 if unknown; guests measure their deadlines with it.
  package var tscKilohertz: UInt32

  /// Describes a machine.
  package init(
    vcpus: Int = 1, doorbells: Int = 1, interruptController: InterruptController = .kernel,
    disk: GuestDevice? = GuestDevice(),
    entropy: GuestDevice? = GuestDevice(registers: 0xd011_0000, line: 13),
    network: GuestDevice? = GuestDevice(registers: 0xd020_0000, line: 1, queues: 2),
    console: GuestDevice? = GuestDevice(registers: 0xd011_1000, line: 7, queues: 6),
    memory: UInt64 = 64 << 20, tscKilohertz: UInt32 = 0
  ) {
    self.vcpus = vcpus
    self.doorbells = doorbells
    self.interruptController = interruptController
    self.disk = disk
    self.entropy = entropy
    self.network = network
    self.console = console
    self.memory = memory
    self.tscKilohertz = tscKilohertz
  }

  /// The device of a kind that a guest drives.
  func device(_ kind: VirtioKind) -> GuestDevice? {
    switch kind {
    case .disk: disk
    case .entropy: entropy
    case .network: network
    case .console: console
    }
  }
}
