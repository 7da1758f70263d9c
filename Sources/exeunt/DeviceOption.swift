import ArgumentParser
import Machine

/// `--device DRIVER,key=value…`, for each driver what it takes.
enum DeviceOption: Sendable {
  /// A disk.
  case block(BlockDeviceOption)
  /// A network interface.
  case network(NetDeviceOption)
  /// A source of random bytes.
  case entropy(MachineConfiguration.Service)
  /// The virtio console, which ports are added to.
  case console(MachineConfiguration.Service)
  /// A port of it.
  case port(PortOption)

  /// The drivers there are, each with what reads its keys.
  private static let drivers: [(name: String, read: @Sendable (KeyedArgument) throws -> DeviceOption)] = [
    ("virtio-blk-device", { .block(try BlockDeviceOption($0)) }),
    ("virtio-net-device", { .network(try NetDeviceOption($0)) }),
    ("virtio-rng-device", { .entropy(try simple($0)) }),
    ("virtio-serial-device", { .console(try simple($0)) }),
    ("virtserialport", { .port(try PortOption($0)) }),
    ("virtconsole", { .port(try PortOption($0)) }),
  ]

  /// A device of which no more is said than who serves it.
  private static func simple(_ words: KeyedArgument) throws -> MachineConfiguration.Service {
    try words.allow(["id"] + ServiceKeys.ofOneThread)
    _ = try words.identifier()
    return try ServiceKeys.service(words)
  }

  /// Reads what a user gave.
  init(parsing argument: String) throws {
    let argument = try KeyedArgument(argument, of: "--device", first: "a driver")
    guard let driver = DeviceOption.drivers.first(where: { $0.name == argument.first }) else {
      let parts = argument.first.split(separator: "-")
      let twin = parts.dropLast().joined(separator: "-") + "-device"
      if parts.last == "pci", DeviceOption.drivers.contains(where: { $0.name == twin }) {
        throw argument.failure("there is no PCI bus; give \(twin), which is behind memory-mapped registers")
      }
      // Other machines have other transports under the name without one.
      let known = DeviceOption.drivers.map(\.name)
      if known.contains(argument.first + "-device") {
        throw argument.failure("unknown driver '\(argument.first)'; did you mean '\(argument.first)-device'?")
      }
      throw argument.unknown("driver", argument.first, among: known)
    }
    self = try driver.read(argument)
  }

  /// Adds the devices to a machine, each with what is behind it.
  static func apply(
    _ devices: [DeviceOption], drives: [DriveOption], netdevs: [NetdevOption],
    chardevs: inout ReferredOptions<CharacterDeviceOption>, to configuration: inout MachineConfiguration
  ) throws {
    var drives = try ReferredOptions("drive", of: "virtio-blk-device", drives, id: \.id)
    var netdevs = try ReferredOptions("netdev", of: "virtio-net-device", netdevs, id: \.id)
    var hasConsole = false
    var ports: [MachineConfiguration.Port] = []
    for device in devices {
      switch device {
      case .block(let disk): configuration.disks.append(try disk.disk(&drives))
      case .network(let network):
        configuration.networks.append(try network.network(&netdevs, beside: configuration.networks))
      case .entropy(let service):
        guard !configuration.entropy else {
          throw ValidationError("--device virtio-rng-device: given twice; one is enough for any guest")
        }
        configuration.entropy = true
        configuration.entropyService = service
      case .console(let service):
        guard !hasConsole else {
          throw ValidationError("--device virtio-serial-device: given twice; one takes up to 15 ports")
        }
        hasConsole = true
        configuration.consoleService = service
      case .port(let port):
        guard hasConsole else { throw port.words.failure("put --device virtio-serial-device before it") }
        ports.append(try port.port(&chardevs))
      }
    }
    try drives.checkAllTaken()
    try netdevs.checkAllTaken()
    guard !hasConsole || !ports.isEmpty else {
      throw ValidationError(
        "--device virtio-serial-device: it has no port; add a virtconsole or virtserialport with a chardev")
    }
    configuration.ports = ports.isEmpty ? nil : ports
  }
}

/// `--object iothread,id=NAME`: a thread with an event loop, for the devices that are given to it.
struct IOThreadOption: Sendable {
  let name: String

  /// Reads what a user gave.
  init(parsing argument: String) throws {
    let argument = try KeyedArgument(argument, of: "--object", first: "a kind")
    guard argument.first == "iothread" else {
      throw argument.unknown("kind", argument.first, among: ["iothread"])
    }
    try argument.allow(["id"])
    _ = try argument.required("id", "the name by which devices refer to it")
    name = try argument.identifier() ?? ""
  }
}

/// Who serves a device's queues: the keys that all devices with queues share, as QEMU has them.
enum ServiceKeys {
  /// The keys of a device that one thread serves, for `KeyedArgument.allow`.
  static let ofOneThread = ["iothread", "ioeventfd", "irqfd"]
  /// Those of a device whose queues may be served by several.
  static let names = ofOneThread + ["iothread-vq-mapping"]

  /// Reads them.
  static func service(_ argument: KeyedArgument) throws -> MachineConfiguration.Service {
    let kicksExit = try argument.isOn("ioeventfd").map { !$0 }
    let interruptsByIoctl = try argument.isOn("irqfd").map { !$0 }
    guard let mapping = argument.string("iothread-vq-mapping") else {
      return .init(
        ioThreads: try argument.identifier("iothread").map { [$0] }, kicksExit: kicksExit,
        interruptsByIoctl: interruptsByIoctl)
    }
    guard !argument.has("iothread") else {
      throw argument.failure("iothread and iothread-vq-mapping both say who serves it; give one of them")
    }
    let names = mapping.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard !names.contains("") else {
      throw argument.failure(
        "iothread-vq-mapping=\(mapping): give threads with ':' between them, such as io1:io2")
    }
    return .init(ioThreads: names, kicksExit: kicksExit, interruptsByIoctl: interruptsByIoctl)
  }
}
