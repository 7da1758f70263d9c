import ArgumentParser
import Machine

/// `--device DRIVER,key=value…`, for each driver what it takes.
enum DeviceOption: Sendable {
  /// A disk.
  case block(BlockDeviceOption)
  /// A source of random bytes.
  case entropy
  /// The virtio console, which ports are added to.
  case console
  /// A port of it.
  case port(KeyedArgument, isConsole: Bool, chardev: String, name: String?)

  /// The drivers there are, each with what reads its keys.
  private static let drivers: [(name: String, read: @Sendable (KeyedArgument) throws -> DeviceOption)] = [
    ("virtio-blk-device", { .block(try BlockDeviceOption($0)) }),
    (
      "virtio-rng-device",
      {
        try $0.allow(["id"])
        _ = try $0.identifier()
        return .entropy
      }
    ),
    (
      "virtio-serial-device",
      {
        try $0.allow(["id"])
        _ = try $0.identifier()
        return .console
      }
    ),
    ("virtserialport", { try port($0) }),
    ("virtconsole", { try port($0) }),
  ]

  private static func port(_ words: KeyedArgument) throws -> DeviceOption {
    try words.allow(["chardev", "name", "id"])
    _ = try words.identifier()
    return .port(
      words, isConsole: words.first == "virtconsole",
      chardev: try words.required("chardev", "the id of a --chardev"), name: words.string("name"))
  }

  /// Reads what a user gave.
  init(parsing argument: String) throws {
    let argument = try KeyedArgument(argument, of: "--device", first: "a driver")
    guard let driver = DeviceOption.drivers.first(where: { $0.name == argument.first }) else {
      throw argument.unknown("driver", argument.first, among: DeviceOption.drivers.map(\.name))
    }
    self = try driver.read(argument)
  }

  /// Adds the devices to a machine.
  ///
  /// - Parameter drives: what is behind the disks among them.
  static func apply(
    _ devices: [DeviceOption], drives: [DriveOption], _ chardevs: [CharacterDeviceOption],
    to configuration: inout MachineConfiguration
  ) throws {
    var disks: [BlockDeviceOption] = []
    var ends: [String: CharacterDeviceOption] = [:]
    for end in chardevs where ends.updateValue(end, forKey: end.id) != nil {
      throw end.words.failure("the id \(end.id) is given twice")
    }
    var hasConsole = false
    var ports: [MachineConfiguration.Port] = []
    for device in devices {
      switch device {
      case .block(let disk): disks.append(disk)
      case .entropy:
        guard !configuration.entropy else {
          throw ValidationError("--device virtio-rng-device: given twice; one is enough for any guest")
        }
        configuration.entropy = true
      case .console:
        guard !hasConsole else {
          throw ValidationError("--device virtio-serial-device: given twice; one takes up to 15 ports")
        }
        hasConsole = true
      case .port(let words, let isConsole, let chardev, let name):
        guard hasConsole else { throw words.failure("put --device virtio-serial-device before it") }
        guard let end = ends.removeValue(forKey: chardev) else {
          guard chardevs.contains(where: { $0.id == chardev }) else {
            throw words.unknown("chardev", chardev, among: chardevs.map(\.id))
          }
          throw words.failure("another port has the chardev \(chardev)")
        }
        ports.append(.init(end.peer, isConsole: isConsole, name: name))
      }
    }
    if let unused = chardevs.first(where: { ends[$0.id] != nil }) {
      throw unused.words.failure("no port has it; give one chardev=\(unused.id)")
    }
    guard !hasConsole || !ports.isEmpty else {
      throw ValidationError(
        "--device virtio-serial-device: it has no port; add a virtconsole or virtserialport with a chardev")
    }
    configuration.ports = ports.isEmpty ? nil : ports
    configuration.disks += try BlockDeviceOption.disks(disks, drives)
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
struct QueueKeys: Sendable {
  /// `num-queues`.
  let queues: Int?
  /// Names of I/O threads that take turns; nil for the shared ones.
  let ioThreads: [String]?
  /// Whether kicks exit to this process (`ioeventfd=off`); nil for what `--ioeventfd` says.
  let kicksExit: Bool?

  /// The keys, for `KeyedArgument.allow`.
  static let names = ["iothread", "iothread-vq-mapping", "num-queues", "ioeventfd"]

  /// Reads them.
  ///
  /// - Parameter maximum: the most queues that the device may have.
  init(_ argument: KeyedArgument, maximum: Int) throws {
    queues = try argument.number("num-queues", in: 1...maximum)
    kicksExit = try argument.isOn("ioeventfd").map { !$0 }
    guard let mapping = argument.string("iothread-vq-mapping") else {
      ioThreads = try argument.identifier("iothread").map { [$0] }
      return
    }
    guard !argument.has("iothread") else {
      throw argument.failure("iothread and iothread-vq-mapping both say who serves it; give one of them")
    }
    let names = mapping.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard !names.contains("") else {
      throw argument.failure(
        "iothread-vq-mapping=\(mapping): give threads with ':' between them, such as io1:io2")
    }
    ioThreads = names
  }
}
