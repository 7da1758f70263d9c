import ArgumentParser
import Machine

/// `--device DRIVER,key=value…`, for each driver what it takes.
enum DeviceOption: Sendable {
  /// A disk.
  case block(BlockDeviceOption)
  /// A source of random bytes.
  case entropy

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
  ]

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
    _ devices: [DeviceOption], drives: [DriveOption], to configuration: inout MachineConfiguration
  ) throws {
    var disks: [BlockDeviceOption] = []
    for device in devices {
      switch device {
      case .block(let disk): disks.append(disk)
      case .entropy:
        guard !configuration.entropy else {
          throw ValidationError("--device virtio-rng-device: given twice; one is enough for any guest")
        }
        configuration.entropy = true
      }
    }
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
