import Board
import Boot
import Platform
import Processors
import Virtio

/// Everything that decides how a machine is built and run. It is recorded whole in the trace (`vm_info`).
package struct MachineConfiguration: Sendable, Codable, Equatable {
  /// What executes the guest.
  package var engine = EngineKind.kvm
  /// What kind of processor the guest is for.
  package var architecture = Architecture.x86
  /// Where the interrupt controllers are.
  package typealias InterruptController = BoardOptions.InterruptController
  /// What is locked around device code.
  package typealias LockModel = BoardOptions.LockModel

  /// Which threads run vCPUs and event loops.
  package typealias Threads = BoardOptions.Threads

  /// The state in which a flat image is entered.
  package typealias Mode = FlatImage.Mode

  /// What happens when the guest resets the machine.
  package enum RebootAction: String, Sendable, Codable, CaseIterable {
    /// The machine starts again in the same process.
    case reset
    /// The run ends.
    case exit
  }

  /// What happens when the guest's processor gives up: a triple fault.
  package enum CrashAction: String, Sendable, Codable, CaseIterable {
    /// The machine starts again in the same process, as a PC does.
    case reset
    /// The run ends, and tells where.
    case exit
  }

  /// What an I/O thread waits with for what there is to do.
  package enum WaitMethod: String, Sendable, Codable, CaseIterable {
    /// select(2): the kernel is given all descriptors each time.
    case select
    /// epoll(7): the kernel keeps them.
    case epoll
    /// io_uring(7), in the same ring to which disks hand their requests.
    case ring = "io_uring"
  }

  /// How an I/O thread's polling adapts itself (`PollingBudget`).
  package struct PollAdaptation: Sendable, Codable, Equatable {
    /// What the budget grows by; 0 for the default.
    package var grow: UInt32 = 0
    /// What it is divided by; 0: it is 0 at once.
    package var shrink: UInt32 = 0

    /// The default.
    package init() {}
  }

  /// Where a serial port or a debug console leads.
  package enum Serial: Sendable, Codable, Equatable {
    /// Standard output and standard input.
    case stdio
    /// A file, written from its start.
    case file(String)
    /// Whoever comes and goes at a UNIX socket or a pseudo-terminal.
    case peer(Port.Peer)
    /// Nowhere.
    case none
  }

  /// A disk of the guest's.
  package struct Disk: Sendable, Codable, Equatable {
    /// The file or block device with its sectors.
    package var path: String
    /// Whether the guest may only read it.
    package var isReadOnly: Bool
    /// The size of a file without a name that is gone after the run, instead of the one at `path`.
    package var scratchBytes: UInt64?
    /// How requests are carried out; nil: by io_uring where the host allows it, else by threads.
    package var method: BlockMethod?
    /// What becomes of its data on the host.
    package var cache = CacheMode.writeback
    /// Nanoseconds from a request's submission that it takes at the least; nil: as long as it takes.
    package var latency: UInt64?
    /// Queues, 1 to 16.
    package var queues = 1
    /// Its serial number, of which 20 bytes are shown; nil for one made of its place.
    package var serial: String?
    /// Who serves it.
    package var service = Service()

    /// A disk for one run, all zeros.
    package static func scratch(bytes: UInt64) -> Disk {
      var disk = Disk(path: "")
      disk.scratchBytes = bytes
      return disk
    }

    /// Describes a disk with the default for everything else.
    package init(path: String, isReadOnly: Bool = false) {
      self.path = path
      self.isReadOnly = isReadOnly
    }
  }

  /// A network interface.
  package struct Network: Sendable, Codable, Equatable {
    /// What an interface leads to.
    package enum Peer: Sendable, Codable, Equatable {
      /// A tap of the host, by its name.
      case tap(String)
      /// A network of the guest's own.
      case user(UserNetworkOptions)
    }

    /// Where it leads.
    package var peer: Peer
    /// The guest's Ethernet address, six bytes.
    package var address: [UInt8]
    /// Pairs of queues, 1 to 8; with a network of the guest's own 1.
    package var pairs = 1
    /// Who serves it.
    package var service = Service()

    /// Describes one.
    package init(_ peer: Peer, address: [UInt8]) {
      self.peer = peer
      self.address = address
    }
  }

  /// Who serves a device's queues.
  package struct Service: Sendable, Codable, Equatable {
    /// Names of I/O threads that take turns; nil for those that all devices share.
    package var ioThreads: [String]?
    /// Whether kicks exit to this process even with `ioeventfd`.
    package var kicksExit: Bool?
    /// Whether interrupts are raised through ioctls even with `irqfd`.
    package var interruptsByIoctl: Bool?

    /// Describes who does; by default those who serve all.
    package init(ioThreads: [String]? = nil, kicksExit: Bool? = nil, interruptsByIoctl: Bool? = nil) {
      self.ioThreads = ioThreads
      self.kicksExit = kicksExit
      self.interruptsByIoctl = interruptsByIoctl
    }
  }

  /// A name for the guest in reports: the built-in guest's, or the image's path.
  package var guest = ""
  /// The built-in guest's parameters as they were given.
  package var guestParameters: [String] = []
  /// What the guest's marks begin, by their values: the trace carries it to the analyzer.
  package var phases: [String: String]?
  /// Virtual CPUs, 1 or more.
  package var vcpus = 1
  /// Guest RAM, bytes; a multiple of 4 KiB, at least 1 MiB.
  package var memory: UInt64 = 64 << 20
  /// The file or directory behind guest RAM; nil for anonymous memory.
  package var memoryPath: String?
  /// Which pages of the host guest RAM is made of, unless `memoryPath` is on hugetlbfs.
  package enum MemoryPages: String, Sendable, Codable, CaseIterable {
    /// Huge ones where the host has them: transparent huge pages.
    case huge
    /// Ordinary ones, 4 KiB.
    case small
  }
  /// Which pages of the host guest RAM is made of.
  package var memoryPages = MemoryPages.huge
  /// Whether all RAM is allocated before the guest starts.
  package var preallocate = false
  /// Whether the guest has its processors' performance counters.
  package var performanceCounters = false
  /// Where the interrupt controllers are.
  package var interruptController = InterruptController.kernel
  /// Whether kicks are consumed in the kernel; else they exit.
  package var ioeventfd = true
  /// Whether interrupts are raised through eventfds; else through ioctls.
  package var irqfd = true
  /// Whether writes to registers that bear it (`Slot.coalesced`) are kept until the next exit.
  package var coalescedIO = false
  /// What is locked around device code.
  package var lock = LockModel.device
  /// Which threads run vCPUs and event loops.
  package var threads = Threads.iothread
  /// I/O threads that all devices share, 1 or more.
  package var ioThreads = 1
  /// Names of further ones, which serve what is given to them.
  package var namedIOThreads: [String] = []
  /// Doorbells, 1 to 4.
  package var doorbells = 1
  /// Disks, in their order; up to 4.
  package var disks: [Disk] = []
  /// The guest physical address at which a built-in guest leaves time stamps of its virtio requests; nil for others.
  package var kickStamps: UInt64?
  /// Network interfaces, in their order; up to 4.
  package var networks: [Network] = []
  /// Whether there is a virtio source of random bytes.
  package var entropy = false
  /// Who serves it.
  package var entropyService = Service()
  /// Ports of the virtio console; nil for none.
  package var ports: [Port]?
  /// Who serves them.
  package var consoleService = Service()
  /// What I/O threads wait with.
  package var wait = WaitMethod.epoll
  /// How long an I/O thread polls before it blocks, nanoseconds; with `pollAdaptation` at most.
  package var pollBudget: UInt32 = 0
  /// How that adapts itself; nil: it does not.
  package var pollAdaptation: PollAdaptation?
  /// Host CPUs that threads are pinned to, by thread name (`vcpu0`, `io0`).
  package var pins: [String: Int] = [:]
  /// How the host schedules threads, by thread name; those that are not named as this process was.
  package var scheduling: [String: ThreadScheduling] = [:]
  /// The directory of the control group that the process joins; nil: none.
  package var controlGroup: String?
  /// Those of single threads, by thread name.
  package var threadControlGroups: [String: String] = [:]
  /// What a reset does.
  package var onReboot = RebootAction.reset
  /// What a triple fault does.
  package var onCrash = CrashAction.exit
  /// Nanoseconds after which the run is ended; nil for never.
  package var timeLimit: UInt64?
  /// Nanoseconds between two readings of the counters that KVM and the host keep; 0: only at the start and at the end.
  package var statisticsInterval: UInt64 = 1_000_000_000
  /// Where the serial port leads.
  package var serial = Serial.stdio
  /// Whether ``serial`` comes from a `--chardev`, which is what messages name then; nil: it does not.
  package var serialIsChardev: Bool?
  /// What each file may have that gets what the guest sends (`serial`, `debugConsole`, `ports`), bytes; nil: a share of what is free
  /// (`OutputLimit`). 0: there is no limit.
  package var serialLimit: UInt64?
  /// Whether the guest is given standard input through the serial port (with `serial` stdio).
  package var readsInput = false
  /// Where the debug console leads; nil: there is none.
  package var debugConsole: Serial?
  /// Ports at which the guest can end the run with a value.
  package var debugExitPorts = BoardOptions.debugExitPorts
  /// Whether locks are traced even when they are free.
  package var traceLocks = false
  /// Whether exits are traced with the guest's instruction pointer.
  package var traceRip = false
  /// How a kernel is booted; nil for flat images and built-in guests, to which the three below apply.
  package var bootProtocol: BootPlan.BootProtocol?
  /// What the kernel is.
  package var kernel: String?
  /// A kernel's command line.
  package var commandLine: String?
  /// A kernel's ramdisk, or its modules.
  package var ramdisks: [String]?
  /// The mode of a flat image.
  package var mode = Mode.real
  /// The guest physical address that the image is copied to.
  package var loadAddress: UInt64 = 0x10000
  /// The guest physical address of the first instruction.
  package var entry: UInt64 = 0x10000

  /// The default configuration.
  package init() {}

  /// Who serves each of the devices with queues.
  package var services: [Service] {
    disks.map(\.service) + networks.map(\.service) + (entropy ? [entropyService] : [])
      + (ports == nil ? [] : [consoleService])
  }
}

/// A machine that could not be built or run, with what was tried, what failed and what to do.
package struct MachineError: Error, Sendable, CustomStringConvertible {
  /// The message.
  package let description: String

  /// Makes an error with its message.
  package init(_ description: String) { self.description = description }

  /// Makes one of what failed and why, with what helps: where this process has as many descriptors as it may, more of them, and not `advice`.
  init(_ what: String, _ error: any Error, advice: String? = nil) {
    let isShort = error as? Errno == .tooManyOpenFiles
    let advice = isShort ? "allow this process more of them (ulimit -n)" : advice
    self.init("\(what): \(error)" + (advice.map { "; \($0)" } ?? ""))
  }
}
