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
  static let keys = ["readonly", "aio", "cache", "latency"]

  /// A disk over a file, as these keys have it.
  static func disk(_ file: String, _ argument: KeyedArgument) throws -> MachineConfiguration.Disk {
    var disk = MachineConfiguration.Disk(path: file, isReadOnly: try argument.isOn("readonly") ?? false)
    disk.method = try argument.choice("aio")
    disk.cache = try argument.choice("cache") ?? .writeback
    let latency = try argument.time("latency", in: DelayedBackend.latencies)
    disk.latency = latency == 0 ? nil : latency
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
  private let words: KeyedArgument
  private let drive: String
  private let serial: String?
  private let queues: Int?
  private let service: MachineConfiguration.Service

  /// Reads what a user gave.
  init(_ words: KeyedArgument) throws {
    try words.allow(["drive", "serial", "id", "num-queues"] + ServiceKeys.names)
    _ = try words.identifier()
    drive = try words.required("drive", "the id of a --drive")
    serial = words.string("serial")
    if let serial, serial.utf8.count > BlockRequest.identityLength {
      throw words.failure("serial=\(serial): a disk shows \(BlockRequest.identityLength) bytes of it")
    }
    queues = try words.number("num-queues", in: 1...BlockDevice.maximumQueues)
    service = try ServiceKeys.service(words)
    self.words = words
  }

  /// The disk with what is behind it.
  func disk(_ drives: inout ReferredOptions<DriveOption>) throws -> MachineConfiguration.Disk {
    var disk = try drives.take(drive, for: words).disk
    // Each thread has a queue to serve.
    disk.queues = queues ?? max(1, service.ioThreads?.count ?? 1)
    disk.service = service
    disk.serial = serial
    return disk
  }
}
