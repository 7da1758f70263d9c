/// One kind of access that leaves the guest, as an exit to the VMM shows it.
package struct GuestAccess: Sendable, Hashable {
  /// The bus.
  package enum Space: Sendable, Hashable {
    /// Port I/O: KVM_EXIT_IO.
    case port
    /// Memory-mapped I/O: KVM_EXIT_MMIO.
    case memory
  }

  /// Which way the data goes, seen from the guest.
  package enum Direction: Sendable, Hashable {
    /// The guest reads.
    case `in`
    /// The guest writes.
    case out
  }

  /// The bus.
  package let space: Space
  /// Which way the data goes.
  package let direction: Direction
  /// Port number or guest physical address.
  package let address: UInt64
  /// Bytes accessed.
  package let size: UInt8

  /// Describes an access.
  package init(_ space: Space, _ direction: Direction, _ address: UInt64, size: UInt8) {
    self.space = space
    self.direction = direction
    self.address = address
    self.size = size
  }
}

/// A queue of a doorbell; a plain number is one of `doorbell0`.
package struct GuestQueue: Sendable, Hashable, ExpressibleByIntegerLiteral {
  /// The doorbell's number.
  package let doorbell: Int
  /// The queue's number.
  package let queue: UInt16

  /// Names a queue.
  package init(doorbell: Int = 0, _ queue: UInt16) {
    self.doorbell = doorbell
    self.queue = queue
  }

  /// Names a queue of `doorbell0`.
  package init(integerLiteral queue: UInt16) { self.init(queue) }
}

/// What a built-in guest does in a run that goes well, derived from its program: every exit to the VMM that it causes
/// (a signal or a statistics timer may add KVM_EXIT_INTR), every kick, interrupt, mark and byte of output.
package struct GuestExpectation: Sendable, Equatable {
  static let ioApic: UInt64 = 0xfec0_0000

  /// How often each access is made, kicks left out.
  package internal(set) var accesses: [GuestAccess: UInt64] = [:]
  /// Kicks of each doorbell queue; every kick is one request with one stamp.
  package internal(set) var kicks: [GuestQueue: UInt64] = [:]
  /// The accesses that kicks are: exits with `--ioeventfd off`, signalled eventfds with `on`.
  package internal(set) var kickAccesses: [GuestAccess: UInt64] = [:]
  /// Requests to the disk.
  package internal(set) var diskRequests = DiskRequests()
  /// Requests to a source of random bytes.
  package internal(set) var entropyRequests: UInt64 = 0
  /// Buffers that a network interface or console fills, as far as that is the guest's doing.
  package internal(set) var received: ClosedRange<UInt64> = 0...0
  /// Buffers that are sent over one, in the same way.
  package internal(set) var sent: ClosedRange<UInt64> = 0...0
  /// Requests to each queue of the disk or that device.
  package internal(set) var virtioQueues: [UInt64] = []
  /// Kicks of the disk or that device: one for each request where only one is under way, else what the device asked for.
  package internal(set) var virtioKicks: ClosedRange<UInt64> = 0...0
  /// The access that each of them is.
  package internal(set) var virtioKick: GuestAccess?
  /// Accesses that the guest makes for each interrupt of a disk that it takes.
  package internal(set) var interruptAccesses: [GuestAccess] = []
  /// Interrupts that devices raise. Exact unless several requests may be answered at once
  /// (batch or depth above 1); of a disk's the guest may take fewer, as one that is pending hides the next.
  package internal(set) var deviceInterrupts: ClosedRange<UInt64> = 0...0
  /// Interrupts of the local APIC's timer that the guest waits for; they never leave KVM.
  package internal(set) var timerInterrupts: UInt64 = 0
  /// Values written to the marker port, in order.
  package internal(set) var marks: [UInt32] = []
  /// Number of bytes written to the serial port.
  package internal(set) var serialBytes: UInt64 = 0
  /// Iterations done, all vCPUs.
  package internal(set) var iterations: UInt64 = 0

  /// Where marks are written, and the register that ends the run.
  var controls = GuestAccess.Space.port
  /// What is written to the serial port, over and over.
  var text = GuestExpectation.serialText
  /// The doorbell that the next steps are about.
  var doorbell = 0

  /// Every exit for port I/O or memory-mapped I/O, with kicks among them if they are not signalled in the kernel.
  package func exits(ioeventfd: Bool) -> [GuestAccess: UInt64] {
    ioeventfd ? accesses : accesses.merging(kickAccesses, uniquingKeysWith: +)
  }

  /// Every exit for port I/O or memory-mapped I/O of a run in which the guest kicked its disk and took its interrupts as
  /// often as the report says.
  package func exits(ioeventfd: Bool, _ report: (kicks: UInt64, interrupts: UInt64)) -> [GuestAccess: UInt64]
  {
    var exits = exits(ioeventfd: ioeventfd)
    if let virtioKick, !ioeventfd, report.kicks > 0 { exits[virtioKick, default: 0] += report.kicks }
    for access in interruptAccesses where report.interrupts > 0 {
      exits[access, default: 0] += report.interrupts
    }
    return exits
  }

  /// The bytes written to the serial port, in order.
  package var serialOutput: some Sequence<UInt8> {
    (0..<serialBytes).lazy.map { text[Int($0 % UInt64(text.count))] }
  }

  /// What differs between the guest's own report and this, one sentence each; empty if they agree.
  package func disagreements(with report: GuestReport) -> [String] {
    var found: [String] = []
    func compare(_ what: String, _ reported: UInt64, _ expected: ClosedRange<UInt64>) {
      guard !expected.contains(reported) else { return }
      let wanted =
        expected.lowerBound == expected.upperBound
        ? "\(expected.lowerBound)" : "\(expected.lowerBound) to \(expected.upperBound)"
      found.append("\(what): the guest reports \(reported), expected \(wanted)")
    }
    func compare(_ what: String, _ reported: UInt64, _ expected: UInt64) {
      compare(what, reported, expected...expected)
    }
    let kicked = kicks.values.reduce(0, +)
    compare("failure", UInt64(report.failureCode), 0)
    compare("iterations", report.iterations, iterations)
    compare("kicks", report.kicks, kicked + virtioKicks.lowerBound...kicked + virtioKicks.upperBound)
    // How many of these there are is not always known; each kind is compared below.
    let transfers = sent.upperBound == 0 ? 0 : report.diskRequests.reads &+ report.diskRequests.writes
    compare(
      "completions", report.completions, (kicked + diskRequests.total + entropyRequests) &+ transfers)
    compare(
      "reads", report.diskRequests.reads,
      diskRequests.reads + received.lowerBound...diskRequests.reads + received.upperBound)
    compare(
      "writes", report.diskRequests.writes,
      diskRequests.writes + sent.lowerBound...diskRequests.writes + sent.upperBound)
    compare("flushes", report.diskRequests.flushes, diskRequests.flushes)
    compare(
      "interrupts", report.interrupts,
      deviceInterrupts.lowerBound + timerInterrupts...deviceInterrupts.upperBound + timerInterrupts)
    compare("marks", report.marks, UInt64(marks.count))
    let uncounted = UInt64(marks.count) + 1
    compare("port accesses", report.portAccesses, total(.port) - (controls == .port ? uncounted : 0))
    compare(
      "memory-mapped accesses", report.memoryAccesses,
      total(.memory) - (controls == .memory ? uncounted : 0) - interruptControllerAccesses + report.interrupts
        * UInt64(interruptAccesses.count))
    return found
  }

  /// Programming the I/O APIC exits only where the VMM has it, which the guest does not know.
  private var interruptControllerAccesses: UInt64 {
    accesses.reduce(0) { $1.key.address & ~0xff == Self.ioApic ? $0 + $1.value : $0 }
  }

  private func total(_ space: GuestAccess.Space) -> UInt64 {
    accesses.reduce(0) { $1.key.space == space ? $0 + $1.value : $0 }
  }
}
