import ArgumentParser
import Machine
import Virtio

/// `--drive`: what is behind a disk.
struct DriveOption: Sendable {
  let id: String
  let disk: MachineConfiguration.Disk

  /// Kinds of image, and where QEMU would attach them, of which one each is to be had.
  private enum Format: String, CaseIterable { case raw }
  private enum Interface: String, CaseIterable { case none }

  /// Reads what a user gave.
  init(parsing argument: String) throws {
    let argument = try KeyedArgument(argument, of: "--drive")
    try argument.allow(["file", "id", "if", "format"] + DriveOption.keys)
    let _: Format? = try argument.choice("format")
    let _: Interface? = try argument.choice("if")
    let file = try argument.required("file", "the file or block device with its sectors")
    _ = try argument.required("id", "the name by which --device virtio-blk-device,drive=NAME refers to it")
    id = try argument.identifier() ?? ""
    disk = try DriveOption.disk(file, argument)
  }

  /// The keys that the short form `--disk` has too.
  static let keys = ["readonly", "aio"]

  /// A disk over a file, as these keys have it.
  static func disk(_ file: String, _ argument: KeyedArgument) throws -> MachineConfiguration.Disk {
    var disk = MachineConfiguration.Disk(path: file, isReadOnly: try argument.isOn("readonly") ?? false)
    disk.method = try argument.choice("aio")
    return disk
  }
}

/// `--disk FILE[,key=value…]`: the short form, a drive and its device in one.
struct DiskOption: Sendable {
  let disk: MachineConfiguration.Disk

  /// Reads what a user gave.
  init(parsing argument: String) throws {
    let argument = try KeyedArgument(argument, of: "--disk", first: "a file")
    try argument.allow(DriveOption.keys)
    disk = try DriveOption.disk(argument.first, argument)
  }
}

/// `--device virtio-blk-device,drive=NAME…`.
struct BlockDeviceOption: Sendable {
  private let argument: KeyedArgument
  private let drive: String
  private let serial: String?
  private let service: QueueKeys

  /// Reads what a user gave.
  init(_ argument: KeyedArgument) throws {
    try argument.allow(["drive", "serial"] + QueueKeys.names)
    drive = try argument.required("drive", "the id of a --drive")
    serial = argument.string("serial")
    if let serial, serial.utf8.count > BlockRequest.identityLength {
      throw argument.failure("serial=\(serial): a disk shows \(BlockRequest.identityLength) bytes of it")
    }
    service = try QueueKeys(argument, maximum: BlockDevice.maximumQueues)
    self.argument = argument
  }

  /// The disk with what is behind it.
  fileprivate func disk(_ drives: [DriveOption]) throws -> MachineConfiguration.Disk {
    guard var disk = drives.first(where: { $0.id == drive })?.disk else {
      guard !drives.isEmpty else {
        throw argument.failure("there is no drive '\(drive)'; give --drive …,id=\(drive)")
      }
      throw argument.unknown("drive", drive, among: drives.map(\.id))
    }
    // Each thread has a queue to serve.
    disk.queues = service.queues ?? max(1, service.ioThreads?.count ?? 1)
    disk.ioThreads = service.ioThreads
    disk.kicksExit = service.kicksExit
    disk.serial = serial
    return disk
  }

  /// The disks of devices, in their order. Each drive belongs to one.
  static func disks(
    _ devices: [BlockDeviceOption], _ drives: [DriveOption]
  ) throws -> [MachineConfiguration.Disk] {
    for (index, drive) in drives.enumerated() where drives[..<index].contains(where: { $0.id == drive.id }) {
      throw ValidationError("two of --drive have id=\(drive.id)")
    }
    let disks = try devices.map { try $0.disk(drives) }
    for drive in drives {
      let users = devices.count { $0.drive == drive.id }
      if users == 0 {
        throw ValidationError(
          "--drive with id=\(drive.id): no device has it; give --device virtio-blk-device,drive=\(drive.id)")
      }
      if users > 1 { throw ValidationError("--drive with id=\(drive.id): \(users) devices have it") }
    }
    return disks
  }
}
