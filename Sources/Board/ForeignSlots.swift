extension BoardLayout {
  /// The devices that a board without ports and interrupt controllers has: those of the PC's that mean something there, with their
  /// numbers, names and kicks, at the addresses of the architecture's map.
  static func slots(_ options: BoardOptions, _ threads: ThreadModel, _ map: ArchitectureMap) -> [Slot] {
    var seen: [Slot.Kind: Int] = [:]
    return slots(options, threads).compactMap { slot in
      guard let place = ArchitectureMap.Place(slot.kind) else { return nil }
      let index = seen[slot.kind, default: 0]
      seen[slot.kind] = index + 1
      return slot.moved(to: map.address(place, index))
    }
  }
}

extension ArchitectureMap.Place {
  /// Where a kind of device is; nil for those of a PC alone.
  fileprivate init?(_ kind: Slot.Kind) {
    switch kind {
    case .serial: self = .serial
    case .marker: self = .marker
    case .debugExit: self = .debugExit
    case .powerOff: self = .power
    case .scratch: self = .scratch
    case .resetControl: self = .reset
    case .doorbell: self = .doorbell
    case .disk: self = .disk
    case .entropy: self = .entropy
    case .console: self = .console
    case .network: self = .network
    case .keyboard, .debugConsole, .clock, .powerTimer, .powerEvents, .edgeLevels, .firmwareConfiguration,
      .testDevice, .ioapic:
      return nil
    }
  }
}

extension Slot {
  /// The same device in memory alone, without a line.
  fileprivate func moved(to address: UInt64) -> Slot {
    // Those with ports and memory have all their registers in either.
    let old = ranges.first { $0.space == .memory } ?? ranges[0]
    var slot = self
    slot.ranges = [.memory(address, old.length, window: old.window)]
    slot.line = nil
    slot.queueLines = nil
    slot.coalesced = []
    slot.firmware = nil
    slot.kicks = kicks.map { kick in
      Kick(
        queue: kick.queue, addresses: [.init(space: .memory, address: address + UInt64(kick.offset))],
        offset: kick.offset, size: kick.size, value: kick.value, loop: kick.loop)
    }
    return slot
  }
}
