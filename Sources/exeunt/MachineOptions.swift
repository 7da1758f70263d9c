import ArgumentParser
import Machine
import Platform
import Processors

/// What describes the machine on the command line; the defaults are those of a small PC.
struct MachineOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Virtual CPUs.", valueName: "n"))
  var cpus = 1

  @Option(help: ArgumentHelp("Guest RAM, such as 64M or 2G.", valueName: "size"))
  var memory = ByteCount(argument: "64M")!

  @Option(
    help: ArgumentHelp(
      "Guest RAM from a file, or from a directory on hugetlbfs or tmpfs.", valueName: "path"),
    completion: .file())
  var memPath: String?

  @Option(help: "Pages of guest RAM: huge where the host has them (huge), or ordinary ones only (small).")
  var memPages = MachineConfiguration.MemoryPages.huge

  @Flag(help: "Allocate all guest RAM before the guest starts.")
  var memPrealloc = false

  @Option(
    help:
      "What kind of processor the guest is for: the host's (x86_64), or another, which QEMU's translator runs (aarch64, mips, ppc, s390x, riscv64)."
  )
  var arch = Architecture.x86

  @Option(
    help: "What executes the guest: KVM (kvm), QEMU's translator (tcg), or KVM where it can be used (auto).")
  var engine = EngineOption.auto

  @Option(
    help: ArgumentHelp(
      "Interrupt controllers: kernel, split (the I/O APIC in this process) or none. (default: kernel; with another --arch: none)"
    ))
  var irqchip: MachineConfiguration.InterruptController?

  @Option(help: "The processors' performance counters: for the guest to use (on), or not there (off).")
  var pmu = Switch.off

  @Option(help: "Kicks consumed in the kernel (on) or as exits to this process (off).")
  var ioeventfd = Switch.on

  @Option(help: "Interrupts raised through eventfds (on) or ioctls (off).")
  var irqfd = Switch.on

  @Option(
    help:
      "Writes to registers that only later accesses can tell of kept by the kernel until the next exit (on), or an exit each (off)."
  )
  var coalescedIo = Switch.off

  @Option(
    help:
      "What is locked around device code: each device (device), those that more than one thread runs (none-needed), or all of them by one lock (global)."
  )
  var lock = MachineConfiguration.LockModel.device

  @Option(
    help:
      "A thread for each vCPU and for each event loop (iothread), or one that runs the only vCPU and the event loop (single)."
  )
  var threads = MachineConfiguration.Threads.iothread

  @Option(
    help: "What I/O threads wait with: select, epoll, or io_uring, in one ring with the disks' requests.")
  var wait = MachineConfiguration.WaitMethod.epoll

  @Option(help: ArgumentHelp("Threads that handle kicks and input. (default: 1)", valueName: "n"))
  var iothreads: Int?

  @Option(help: ArgumentHelp("Doorbells, 1 to 4: devices that do nothing but answer kicks.", valueName: "n"))
  var doorbells = 1

  @Option(
    help: ArgumentHelp(
      "A virtio disk: a file or block device with its sectors; up to 4 times.",
      valueName: "file[,key=value…]"),
    completion: .file(), transform: DiskOption.init(parsing:))
  var disk: [DiskOption] = []

  @Option(
    help: ArgumentHelp(
      "A virtio network interface that leads to a tap of the host, which is made where it is not there, or to a network of the guest's own behind this process.",
      valueName: "tap:name|user[,key=value…]"),
    transform: NetOption.init(parsing:))
  var net: [NetOption] = []

  @Option(
    help: ArgumentHelp(
      "What is behind a network interface of --device: a tap of the host (ifname, queues), or a network of the guest's own (as in QEMU net, host, dns, dhcpstart, hostname, restrict, hostfwd).",
      valueName: "tap|user,id=name[,key=value…]"), transform: NetdevOption.init(parsing:))
  var netdev: [NetdevOption] = []

  @Option(
    help: ArgumentHelp(
      "What is behind a disk of --device: file=FILE,id=NAME and, as in QEMU, readonly, aio, cache; and latency, such as 100us, which each request then takes at the least.",
      valueName: "key=value…"), transform: DriveOption.init(parsing:))
  var drive: [DriveOption] = []

  @Option(
    help: ArgumentHelp(
      "A device: virtio-blk-device,drive=NAME; virtio-net-device,netdev=NAME; virtio-rng-device; virtio-serial-device, and after it its ports, virtconsole and virtserialport,chardev=NAME. As in QEMU with iothread and ioeventfd; disks with num-queues and serial, interfaces with mac.",
      valueName: "driver[,key=value…]"), transform: DeviceOption.init(parsing:))
  var device: [DeviceOption] = []

  @Option(
    help: ArgumentHelp(
      "A thread for the devices that are given to it (iothread=NAME).", valueName: "iothread,id=name"),
    transform: IOThreadOption.init(parsing:))
  var object: [IOThreadOption] = []

  @Option(
    help: ArgumentHelp(
      "What a port of the console, or the serial port, leads to: a UNIX socket, a file, a pseudo-terminal, or nothing.",
      valueName: "socket|file|pty|null,id=id[,path=path][,server=on]"),
    transform: CharacterDeviceOption.init(parsing:))
  var chardev: [CharacterDeviceOption] = []

  @Option(
    help: ArgumentHelp(
      "How long an I/O thread polls before it blocks, such as 50us. 0: not at all.", valueName: "time"),
    transform: PollBudget.init(parsing:))
  var iothreadPoll = PollBudget(nanoseconds: 0)

  @Option(
    help: ArgumentHelp(
      "How long an I/O thread polls at most, nanoseconds: adaptive, as in QEMU. 0: it is not.", valueName: "n"
    ))
  var pollMaxNs: UInt32 = 0

  @Option(
    help: ArgumentHelp(
      "With --poll-max-ns: what polls grow by when longer ones would have found something. 0: 2.",
      valueName: "n"))
  var pollGrow: UInt32?

  @Option(
    help: ArgumentHelp(
      "With --poll-max-ns: what polls are divided by when they would have been in vain. 0: none until they grow.",
      valueName: "n"))
  var pollShrink: UInt32?

  @Option(
    help: ArgumentHelp("Pin threads to host CPUs, such as vcpu0=0,io0=1.", valueName: "list"),
    transform: PinList.init(parsing:))
  var pin: [PinList] = []

  @Option(
    help: ArgumentHelp(
      "How the host schedules threads: a class with its nice value or priority, such as vcpu0=fifo:10,io0=other:-5.",
      valueName: "list"),
    transform: SchedulingList.init(parsing:))
  var sched: [SchedulingList] = []

  @Option(
    help: ArgumentHelp(
      "A control group that the process joins before the guest runs, or one thread, such as io0=/sys/fs/cgroup/slow.",
      valueName: "[thread=]directory"),
    completion: .directory, transform: GroupOption.init(parsing:))
  var cgroup: [GroupOption] = []

  @Option(help: "What a reset by the guest does: reset the machine, or exit.")
  var onReboot = MachineConfiguration.RebootAction.reset

  @Option(help: "What a triple fault does: exit, telling where, or reset the machine, as a PC does.")
  var onCrash = MachineConfiguration.CrashAction.exit

  @Option(help: ArgumentHelp("End the run after this long, telling where each vCPU was.", valueName: "time"))
  var timeout: TimeSpan?

  @OptionGroup var output: OutputOptions

  @Option(
    help: ArgumentHelp(
      "How often a recording gets the counters that KVM and the host keep, at least 1ms. 0: at the start and the end.",
      valueName: "time"))
  var statsInterval = TimeSpan(argument: "1s")!

  @Flag(help: "Trace the devices' locks even when they are free.")
  var traceLocks = false

  @Flag(
    help: "Trace each exit with the guest's instruction pointer, for exeunt-analyze exits by symbol.")
  var traceRip = false

  /// The configuration, without the guest.
  func configuration() throws -> MachineConfiguration {
    var configuration = MachineConfiguration()
    configuration.vcpus = cpus
    configuration.memory = memory.bytes
    configuration.memoryPath = memPath
    configuration.memoryPages = memPages
    configuration.preallocate = memPrealloc
    configuration.architecture = arch
    configuration.engine = engine.kind(for: arch)
    configuration.interruptController =
      irqchip ?? (arch == .x86 ? .kernel : .none)
    configuration.performanceCounters = pmu == .on
    configuration.ioeventfd = ioeventfd == .on
    configuration.irqfd = irqfd == .on
    configuration.coalescedIO = coalescedIo == .on
    configuration.lock = lock
    configuration.threads = threads
    guard threads == .iothread || iothreads == nil else {
      throw ValidationError(
        "--iothreads with --threads single: the vCPU's thread runs the event loop, and there is no I/O thread; leave --iothreads out, or give --threads iothread"
      )
    }
    configuration.ioThreads = iothreads ?? 1
    configuration.doorbells = doorbells
    configuration.namedIOThreads = object.map(\.name)
    configuration.disks = disk.map(\.disk)
    for option in net { configuration.networks.append(option.network(beside: configuration.networks)) }
    var chardevs = try ReferredOptions("chardev", of: "virtserialport", chardev, id: \.id)
    try output.apply(to: &configuration, &chardevs)
    try DeviceOption.apply(
      device, drives: drive, netdevs: netdev, chardevs: &chardevs, to: &configuration)
    try chardevs.checkAllTaken()
    if ioeventfd == .off, configuration.services.contains(where: { $0.kicksExit == false }) {
      throw ValidationError("--device with ioeventfd=on contradicts --ioeventfd off")
    }
    if irqfd == .off, configuration.services.contains(where: { $0.interruptsByIoctl == false }) {
      throw ValidationError("--device with irqfd=on contradicts --irqfd off")
    }
    configuration.wait = wait
    try applyPolling(to: &configuration)
    configuration.pins = try pin.reduce(into: PinList()) { try $0.add($1) }.pins
    configuration.scheduling = try sched.reduce(into: SchedulingList()) { try $0.add($1) }.threads
    try GroupOption.apply(cgroup, to: &configuration)
    configuration.onReboot = onReboot
    configuration.onCrash = onCrash
    configuration.timeLimit = timeout?.nanoseconds
    configuration.statisticsInterval = statsInterval.nanoseconds
    configuration.traceLocks = traceLocks
    configuration.traceRip = traceRip
    return configuration
  }
}

extension MachineOptions {
  /// How I/O threads poll.
  fileprivate func applyPolling(to configuration: inout MachineConfiguration) throws {
    configuration.pollBudget = iothreadPoll.nanoseconds
    guard pollMaxNs > 0 else {
      if pollGrow != nil || pollShrink != nil {
        throw ValidationError("--poll-grow and --poll-shrink are about --poll-max-ns: give that too")
      }
      return
    }
    guard iothreadPoll.nanoseconds == 0 else {
      throw ValidationError("--iothread-poll and --poll-max-ns contradict each other: give one of them")
    }
    guard pollMaxNs <= PollBudget.maximum else {
      throw ValidationError("--poll-max-ns \(pollMaxNs): give up to \(PollBudget.maximum)")
    }
    var adaptation = MachineConfiguration.PollAdaptation()
    adaptation.grow = pollGrow ?? 0
    adaptation.shrink = pollShrink ?? 0
    configuration.pollBudget = pollMaxNs
    configuration.pollAdaptation = adaptation
  }
}

/// A polling budget: a span of time up to four seconds, or 0.
struct PollBudget: CustomStringConvertible {
  /// ns.
  static let maximum: UInt32 = 4_000_000_000

  let nanoseconds: UInt32

  init(nanoseconds: UInt32) { self.nanoseconds = nanoseconds }

  /// Reads one as users write it.
  init(parsing text: String) throws {
    func failure(_ what: String) -> ValidationError { ValidationError("--iothread-poll \(text): \(what)") }
    guard let span = TimeSpan(argument: text) else {
      throw failure(
        TimeText.isSpan(text)
          ? "give whole nanoseconds up to 4s, such as 50us"
          : "give a time with its unit (ns, us, ms, s), such as 50us")
    }
    guard span.nanoseconds <= UInt64(PollBudget.maximum) else {
      let unit =
        text.allSatisfy { $0.isNumber || $0 == "." } ? ", and a number without a unit is seconds" : ""
      throw failure("give up to 4s, such as 50us; this is \(TimeText.seconds(span.nanoseconds))\(unit)")
    }
    nanoseconds = UInt32(span.nanoseconds)
  }

  var description: String { nanoseconds == 0 ? "0" : "\(nanoseconds)ns" }
}

extension TimeSpan: CustomStringConvertible {
  var description: String { "\(nanoseconds)ns" }
  var defaultValueDescription: String { "\(nanoseconds / 1_000_000_000)s" }
}

extension ByteCount {
  var defaultValueDescription: String { "\(bytes >> 20)M" }
}

extension Architecture: ExpressibleByArgument {}
extension MachineConfiguration.InterruptController: ExpressibleByArgument {}
extension MachineConfiguration.LockModel: ExpressibleByArgument {}
extension MachineConfiguration.WaitMethod: ExpressibleByArgument {}
extension MachineConfiguration.RebootAction: ExpressibleByArgument {}
extension MachineConfiguration.CrashAction: ExpressibleByArgument {}
extension MachineConfiguration.MemoryPages: ExpressibleByArgument {}
extension MachineConfiguration.Threads: ExpressibleByArgument {}
extension MachineConfiguration.Mode: ExpressibleByArgument {}
