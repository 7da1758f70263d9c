import Board
import URing
import Virtio

/// What is behind the disks, in their order.
struct DiskBackends {
  private(set) var all: [any BlockBackend] = []
  /// What the user should know.
  private(set) var warnings: [String] = []

  /// Opens the files, and makes what carries out requests: where the loops that serve a disk wait in rings, in these.
  init(
    _ disks: [MachineConfiguration.Disk], in slots: [Slot], servedBy loops: [IOThread]
  ) throws(MachineError) {
    for (slot, disk) in zip(slots, disks) {
      all.append(try open(disk, sharing: slot.kicks.compactMap { loops[$0.loop].ring }))
    }
  }

  private mutating func open(
    _ disk: MachineConfiguration.Disk, sharing rings: [Ring]
  ) throws(MachineError) -> any BlockBackend {
    guard let latency = disk.latency else { return try openFile(disk, sharing: rings) }
    let backend = try openFile(disk, sharing: [])
    do {
      return try DelayedBackend(backend, latency: latency, queues: disk.queues)
    } catch {
      throw MachineError("timers for disk \(disk.path)", error)
    }
  }

  private mutating func openFile(
    _ disk: MachineConfiguration.Disk, sharing rings: [Ring]
  ) throws(MachineError) -> any BlockBackend {
    if disk.method != .threads {
      let file = try file(disk)
      do {
        return BouncingBackend.around(
          try BlockRings(file, queues: disk.queues, shared: rings), queues: disk.queues)
      } catch {
        guard disk.method == nil else {
          throw MachineError("disk \(disk.path): io_uring", error, advice: "use aio=threads")
        }
        warn("disks are served by threads: this host does not let us use io_uring (\(error))")
      }
    }
    let file = try file(disk)
    do {
      return BouncingBackend.around(try BlockWorkers(file, queues: disk.queues), queues: disk.queues)
    } catch {
      throw MachineError("eventfd for disk \(disk.path)", error)
    }
  }

  /// Each is said once.
  private mutating func warn(_ what: String) {
    if !warnings.contains(what) { warnings.append(what) }
  }

  private mutating func file(_ disk: MachineConfiguration.Disk) throws(MachineError) -> DiskFile {
    do {
      if let bytes = disk.scratchBytes { return try DiskFile.scratch(bytes: bytes) }
      let file = try DiskFile(path: disk.path, isReadOnly: disk.isReadOnly, cache: disk.cache)
      if file.tail > 0 {
        warn("disk \(disk.path): its last \(file.tail) bytes are no whole sector, and not shown to the guest")
      }
      return file
    } catch {
      throw MachineError(error.description)
    }
  }
}
