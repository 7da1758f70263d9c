/// Every device of a machine with its place: a pure value, made from the configuration before there is a machine.
///
/// Whoever has to know of devices reads it: buses, interrupt lines, kicks, locks, event loops, the tables of firmware, and
/// the state dump in the trace.
package struct BoardLayout: Sendable, Equatable {
  /// Guest physical memory that is never RAM: from 3 to 4 GiB.
  package static let deviceMemory: Range<UInt64> = 3 << 30..<4 << 30
  /// Where the I/O APIC is, whoever has it.
  package static let ioapic = AddressRange.memory(0xfec0_0000, 0x1000)
  /// Where each vCPU finds its local APIC.
  package static let localController = AddressRange.memory(0xfee0_0000, 0x10_0000)
  /// Four pages that KVM keeps for itself on processors that cannot run real mode as it is: where QEMU has them, too.
  package static let hypervisorPages: Range<UInt64> = 0xfeff_c000..<0xff00_0000
  /// The line of ACPI's power management events, of which there are none.
  package static let powerManagementLine: UInt32 = 9
  /// The number of the lock that all devices share, where they do: no device has it.
  package static let globalLock: UInt16 = 0xfffe
  /// The number of the lock that is held while writes are carried out which the engine kept: no device has it.
  package static let coalescedLock: UInt16 = 0xfffd
  /// Lines of the I/O APIC.
  package static let lineCount: UInt32 = 24

  /// What it was made from.
  package let options: BoardOptions
  /// Who serves what.
  package let threads: ThreadModel
  /// All devices, in the order in which they are listed in the trace.
  package let slots: [Slot]

  /// Lays out the board.
  ///
  /// - Throws: when there is no such board, or two devices claim the same.
  package init(_ options: BoardOptions) throws(BoardError) {
    try options.validate()
    let threads = options.threads
    let slots =
      if let map = options.map {
        BoardLayout.slots(options, threads, map)
      } else {
        BoardLayout.slots(options, threads)
      }
    try self.init(options, threads, slots)
  }

  init(_ options: BoardOptions, _ threads: ThreadModel, _ slots: [Slot]) throws(BoardError) {
    self.options = options
    self.threads = threads
    self.slots = slots
    try checkNames()
    try checkRanges()
    try checkLines()
    try checkService()
    try checkCoalesced()
  }

  /// The devices of a kind.
  package func slots(of kind: Slot.Kind) -> [Slot] { slots.filter { $0.kind == kind } }

  /// The only device of a kind that every board has.
  package func slot(_ kind: Slot.Kind) -> Slot {
    let found = slots(of: kind)
    precondition(found.count == 1, "not one \(kind)")
    return found[0]
  }

  // MARK: Checks

  private func checkNames() throws(BoardError) {
    for (index, slot) in slots.enumerated() {
      guard slot.id != 0, !slot.name.isEmpty else {
        throw BoardError("device \(slot.id) \"\(slot.name)\": a number above 0 and a name are needed")
      }
      for other in slots[..<index] {
        guard other.id != slot.id else {
          throw BoardError("\(other.name) and \(slot.name) both have the number \(slot.id); give another")
        }
        guard other.name != slot.name else {
          throw BoardError(
            "devices \(other.id) and \(slot.id) are both called \(slot.name); give another name")
        }
      }
    }
  }

  /// What is taken though no device of this process is there.
  private var reserved: [(name: String, range: AddressRange)] {
    guard options.map == nil else { return [] }
    let pages = BoardLayout.hypervisorPages
    var reserved = [
      ("the local APICs", BoardLayout.localController),
      ("KVM's own pages", .memory(pages.lowerBound, UInt64(pages.count))),
    ]
    // Where the controllers are in this process the I/O APIC is a device like others.
    if options.interruptController != .split { reserved.append(("the I/O APIC", BoardLayout.ioapic)) }
    return reserved
  }

  private func checkRanges() throws(BoardError) {
    var taken = reserved
    for slot in slots {
      for range in slot.ranges {
        guard range.length > 0, range.length <= 1 << 32, range.start < range.space.limit,
          range.length <= range.space.limit - range.start
        else {
          throw BoardError(
            "\(slot.name): \(range.length) bytes from \(range.space) 0x\(String(range.start, radix: 16)) are not there"
          )
        }
        let memory = options.map?.devices ?? BoardLayout.deviceMemory
        if range.space == .memory,
          range.start < memory.lowerBound || range.start + range.length > memory.upperBound
        {
          throw BoardError(
            "\(slot.name): \(range.text) may be RAM; devices are "
              + (options.map == nil
                ? "between 3 and 4 GiB"
                : "from 0x\(String(memory.lowerBound, radix: 16)) to 0x\(String(memory.upperBound - 1, radix: 16))")
          )
        }
        if let other = taken.first(where: { $0.range.overlaps(range) }) {
          throw BoardError(
            "addresses clash: \(other.name) has \(other.range.text), \(slot.name) has \(range.text); move one of them"
          )
        }
        taken.append((slot.name, range))
      }
    }
  }

  /// Lines that the board itself has: the timer's, the second 8259's, and power management's.
  private static let reservedLines: [UInt32: String] = [
    0: "the timer", 2: "the second interrupt controller", powerManagementLine: "power management",
  ]

  private func checkLines() throws(BoardError) {
    var taken = BoardLayout.reservedLines
    for slot in slots {
      guard let line = slot.line else { continue }
      guard line < BoardLayout.lineCount else {
        throw BoardError("\(slot.name): there is no line \(line); there are \(BoardLayout.lineCount)")
      }
      if let other = taken[line] {
        throw BoardError(
          "\(other) and \(slot.name) both have interrupt line \(line); give one of them another")
      }
      taken[line] = slot.name
    }
    for slot in slots {
      guard let lines = slot.queueLines else { continue }
      guard lines.upperBound < BoardLayout.lineCount else {
        throw BoardError(
          "\(slot.name): there is no line \(lines.upperBound); there are \(BoardLayout.lineCount)")
      }
      for line in lines {
        guard let other = taken[line] else { continue }
        throw BoardError("queues of \(slot.name) may have interrupt line \(line), which \(other) has")
      }
    }
  }

  private func checkService() throws(BoardError) {
    var kicks: [(name: String, kick: Kick)] = []
    for slot in slots {
      guard slot.loop >= 0, slot.loop < threads.loops else {
        throw BoardError("\(slot.name): there is no event loop \(slot.loop)")
      }
      for kick in slot.kicks {
        guard kick.loop >= 0, kick.loop < threads.loops else {
          throw BoardError("queue \(kick.queue) of \(slot.name): there is no event loop \(kick.loop)")
        }
        for address in kick.addresses {
          let place = AddressRange(
            space: address.space, start: address.address, length: UInt64(kick.size), window: 0)
          guard
            slot.ranges.contains(where: {
              $0.space == place.space && place.start >= $0.start
                && place.start - $0.start == UInt64(kick.offset)
                && place.length <= $0.length - UInt64(kick.offset)
            })
          else {
            throw BoardError(
              "queue \(kick.queue) of \(slot.name) is kicked at \(place.text), which is not its own")
          }
          let twin = kicks.first { $0.kick.value == kick.value && $0.kick.addresses.contains(address) }
          guard twin == nil else {
            throw BoardError("\(place.text) kicks two queues of \(slot.name) with \(kick.value)")
          }
        }
        kicks.append((slot.name, kick))
      }
    }
  }

  private func checkCoalesced() throws(BoardError) {
    for slot in slots {
      for range in slot.coalesced {
        guard
          range.length > 0,
          slot.ranges.contains(where: {
            $0.space == range.space && $0.window == range.window && range.start >= $0.start
              && range.start - $0.start <= $0.length
              && range.length <= $0.length - (range.start - $0.start)
          })
        else { throw BoardError("\(slot.name): \(range.text) is to be coalesced, and is not its own") }
        let kick = slot.kicks.flatMap(\.addresses).first {
          range.overlaps(AddressRange(space: $0.space, start: $0.address, length: 1, window: range.window))
        }
        if kick != nil {
          throw BoardError("\(slot.name): \(range.text) is to be coalesced, and a kick must not be late")
        }
      }
    }
  }
}
