import ArgumentParser
import Board
import Boot
import Glibc
import GuestPrograms
import Machine

/// What is run, on the command line.
struct GuestOptions: ParsableArguments {
  @Option(
    name: .customLong("guest"),
    help: ArgumentHelp("A built-in guest; see `exeunt guests`.", valueName: "name"),
    completion: .list(GuestProgram.all.map(\.name)))
  var name: String?

  @Option(
    help: ArgumentHelp("A flat image: bytes that are copied to RAM as they are.", valueName: "file"),
    completion: .file())
  var flat: String?

  @Option(
    help: ArgumentHelp(
      "A kernel: bzImage, ELF vmlinux, multiboot; anything else is taken as a flat image.", valueName: "file"),
    completion: .file())
  var kernel: String?

  // Whatever it begins with.
  @Option(parsing: .unconditional, help: ArgumentHelp("A kernel's command line.", valueName: "text"))
  var append: String?

  @Option(
    help: ArgumentHelp(
      "A kernel's ramdisk; for multiboot, modules: FILE[ ARGUMENTS], separated by commas (,, is a comma).",
      valueName: "file"), completion: .file())
  var initrd: String?

  @Option(
    help: ArgumentHelp(
      "How a kernel is entered: linux64, linux32, pvh, multiboot or multiboot2. (default: multiboot or multiboot2 "
        + "where it has a header, else the first of pvh, linux64, linux32 that it offers)",
      valueName: "protocol"))
  var bootProtocol: BootPlan.BootProtocol?

  @Option(help: ArgumentHelp("Where a flat image is copied to. (default: 0x10000)", valueName: "address"))
  var load: Address?

  @Option(
    help: ArgumentHelp("Where a flat image is entered. (default: its load address)", valueName: "address"))
  var entry: Address?

  @Option(help: "The state in which a flat image is entered. (default: real)")
  var mode: MachineConfiguration.Mode?

  @Argument(
    help: ArgumentHelp("Parameters of a built-in guest, such as iterations=1000.", valueName: "name=value"),
    completion: .list(GuestProgram.parameterNames.map { $0 + "=" }))
  var parameters: [String] = []

  func validate() throws {
    let given = [("--guest", name), ("--kernel", kernel), ("--flat", flat)].filter { $0.1 != nil }.map(\.0)
    guard given.count == 1 else {
      throw ValidationError(
        given.isEmpty
          ? "say what to run: --guest NAME (see `exeunt guests`), --kernel FILE or --flat FILE"
          : "\(given[0]) and \(given[1]) exclude each other")
    }
    if name != nil, load != nil || entry != nil || mode != nil {
      throw ValidationError("--load, --entry and --mode go with --flat; a built-in guest brings its own")
    }
    if name == nil, let first = parameters.first {
      throw ValidationError(
        "\"\(first)\": parameters go with --guest; a flat image takes none, and a kernel's go with --append")
    }
    if kernel == nil, append != nil || initrd != nil || bootProtocol != nil {
      throw ValidationError("--append, --initrd and --boot-protocol go with --kernel")
    }
  }

  /// Finds the guest, and completes the configuration with what it brings.
  func select(_ configuration: inout MachineConfiguration) throws -> GuestSelection {
    if let name {
      if let parameter = parameters.first(where: { !$0.contains("=") }) {
        let (program, _) = try GuestProgram.parse(name, for: configuration.architecture)
        throw ValidationError(
          "\"\(parameter)\": give parameters as name=value; see `exeunt guests \(program.name)`")
      }
      let (program, arguments) = try GuestProgram.parse(name, parameters, for: configuration.architecture)
      configuration.guest = program.name
      if !program.phases.isEmpty {
        configuration.phases = Dictionary(
          program.phases.map { ("\($0.mark)", $0.meaning) }, uniquingKeysWith: { first, _ in first })
      }
      configuration.guestParameters =
        Array(name.split(separator: ",").dropFirst()).map(String.init) + parameters
      configuration.mode = MachineConfiguration.Mode(program.mode)
      configuration.loadAddress = program.loadAddress
      configuration.entry = program.entry
      configuration.kickStamps = program.kickStamps
      switch program.requirements.virtio {
      case .disk where configuration.disks.isEmpty:
        var disk = MachineConfiguration.Disk.scratch(bytes: GuestProgram.scratchDiskBytes)
        disk.queues = Int(arguments.requests.queues)
        configuration.disks = [disk]
      case .entropy: configuration.entropy = true
      case .console where configuration.ports == nil:
        configuration.ports = [.init(.port, isConsole: true), .init(.port, name: "exeunt")]
      case .disk, .network, .console, nil: break
      }
      // Devices that cannot be are not found on the board: why comes first, before what the guest misses.
      try Machine.check(board: configuration)
      try program.check(arguments, on: GuestMachine(configuration))
      return .builtIn(program, arguments)
    }
    configuration.readsInput = true
    let map = ArchitectureMap(configuration.architecture)
    if map != nil {
      let option = "--arch \(configuration.architecture.rawValue)"
      guard kernel == nil else {
        throw ValidationError(
          "--kernel with \(option): kernels are booted on x86_64 alone; give --guest, or --flat with an image that drives this board itself (docs/architectures.md)"
        )
      }
      guard mode == nil else {
        throw ValidationError(
          "--mode with \(option): modes are those of x86; the image is entered as the processor is after its reset"
        )
      }
    }
    if let kernel {
      let selection = KernelSelection(
        path: kernel, commandLine: append ?? "", ramdisks: initrd, bootProtocol: bootProtocol)
      if let plan = try selection.plan(&configuration) {
        guard load == nil, entry == nil, mode == nil else {
          throw ValidationError("--load, --entry and --mode go with a flat image; \(kernel) brings its own")
        }
        return .planned(plan)
      }
    }
    let path = flat ?? kernel ?? ""
    configuration.guest = path
    configuration.mode = mode ?? .real
    configuration.loadAddress = load?.value ?? map?.load ?? 0x10000
    configuration.entry = entry?.value ?? configuration.loadAddress
    let bytes = try ImageFile.read(
      path, option: kernel == nil ? "--flat" : "--kernel", limit: configuration.memory)
    return .planned(try configuration.flatPlan(bytes))
  }
}

/// What is run.
enum GuestSelection {
  case builtIn(GuestProgram, GuestArguments)
  /// A kernel or a user's flat image.
  case planned(BootPlan)

  /// Where all of it goes. What a built-in guest is told depends on the host's clock.
  func plan(_ configuration: MachineConfiguration, tscKilohertz: UInt32) throws -> BootPlan {
    switch self {
    case .planned(let plan): return plan
    case .builtIn(let program, let arguments):
      var machine = GuestMachine(configuration)
      machine.tscKilohertz = tscKilohertz
      return try configuration.flatPlan(
        program.imageBytes, parameterBlock: program.parameterBlock(arguments, on: machine))
    }
  }
}

/// A user's image file.
enum ImageFile {
  /// Reads a file.
  ///
  /// - Parameters:
  ///   - option: the option that names it, for messages.
  ///   - limit: guest RAM in bytes; a larger file is refused before it is read.
  static func read(_ path: String, option: String, limit: UInt64) throws -> [UInt8] {
    func failure(_ what: String) -> ValidationError { ValidationError("\(option) \(path): \(what)") }
    var information = stat()
    // Before it is opened: a FIFO without a writer would be waited for.
    if stat(path, &information) == 0, information.st_mode & S_IFMT != S_IFREG {
      throw failure("is not a file")
    }
    guard let file = fopen(path, "rb") else {
      throw failure("cannot be read: \(String(cString: strerror(errno)))")
    }
    defer { fclose(file) }
    guard fstat(fileno(file), &information) == 0, information.st_mode & S_IFMT == S_IFREG else {
      throw failure("is not a file")
    }
    guard information.st_size > 0 else { throw failure("is empty") }
    guard UInt64(information.st_size) <= limit else {
      throw failure(
        "has \(information.st_size) bytes and does not fit into \(limit >> 20) MiB of RAM; give more --memory"
      )
    }
    var bytes = [UInt8](repeating: 0, count: information.st_size)
    guard fread(&bytes, 1, bytes.count, file) == bytes.count else {
      throw failure("was cut short while it was read")
    }
    return bytes
  }
}

extension GuestMachine {
  init(_ configuration: MachineConfiguration) {
    self.init(
      vcpus: configuration.vcpus, doorbells: configuration.doorbells,
      interruptController: InterruptController(configuration.interruptController),
      disk: configuration.firstDisk, entropy: configuration.place(of: .entropy),
      network: configuration.place(of: .network),
      // Two of its queues are for what is said about ports; the guest drives the kernel's and another.
      console: configuration.hasConsolePort
        ? configuration.place(of: .console).flatMap { $0.queues >= 6 ? $0 : nil } : nil,
      memory: configuration.memory)
  }
}

extension MachineConfiguration {
  /// The first disk, as a guest finds it. A board that there cannot be is refused with the other mistakes, later.
  fileprivate var firstDisk: GuestDevice? {
    guard let disk = disks.first else { return nil }
    var device = place(of: .disk) ?? GuestDevice()
    device.isReadOnly = disk.isReadOnly
    device.hasCache = disk.cache.hasFlush
    return device
  }

  /// Whether a port of the console is the kernel's.
  fileprivate var hasConsolePort: Bool { ports?.contains { $0.isConsole } == true }

  /// The first device of a kind, if there is one.
  fileprivate func place(of kind: Slot.Kind) -> GuestDevice? {
    guard let slot = try? boardLayout().slots(of: kind).first, let registers = slot.ranges.first else {
      return nil
    }
    // Without a line there is nothing that a guest could do with its number.
    return GuestDevice(registers: UInt32(registers.start), line: slot.line ?? 0, queues: slot.kicks.count)
  }
}

extension GuestMachine.InterruptController {
  fileprivate init(_ controller: MachineConfiguration.InterruptController) {
    switch controller {
    case .kernel: self = .kernel
    case .split: self = .split
    case .none: self = .none
    }
  }
}

extension MachineConfiguration.Mode {
  fileprivate init(_ mode: GuestMode) {
    switch mode {
    case .real: self = .real
    case .protected: self = .protected
    case .long: self = .long
    }
  }
}

extension GuestProgram {
  /// The names of all guests' parameters, each once.
  fileprivate static var parameterNames: [String] {
    Set(all.flatMap { $0.parameters.map(\.name.rawValue) }).sorted()
  }
}
