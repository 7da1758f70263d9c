import Analysis
import Reports
import Symbols

/// How places in the guest are told apart.
package struct ExitPlaces: Sendable {
  /// The guest's functions; nil: each instruction pointer is a place.
  package var symbols: GuestSymbols?
  /// Bytes of a range of addresses, 1 or more.
  package var rangeSize: UInt64

  package init(symbols: GuestSymbols? = nil, rangeSize: UInt64 = 4096) {
    self.symbols = symbols
    self.rangeSize = max(1, rangeSize)
  }
}

extension ReportBuilder {
  /// Whether exits of the trace have instruction pointers.
  package var hasInstructions: Bool { count(.vcpuRunExitRip) > 0 }

  /// Whether there are exits, and none with an instruction pointer.
  package var lacksInstructions: Bool { count(.vcpuRunExit) > 0 && !hasInstructions }

  private func count(_ event: EventTag) -> UInt64 {
    result.events.indices.contains(Int(event.rawValue)) ? result.events[Int(event.rawValue)] : 0
  }

  /// A place in the guest.
  private struct Place: Hashable, Sendable {
    /// The begin of the function or of the range, or the instruction pointer itself.
    var address: UInt64
    var symbol: String?
  }

  /// What is noted of a place while exits are put together.
  private struct Contents {
    var pointers: Set<UInt64> = []
    var exits: [String: UInt64] = [:]
  }

  func exitsByPlace(
    _ grouping: ExitGrouping, devices: [String], filter: String?, sortedBy order: ExitOrder,
    _ places: ExitPlaces
  ) -> ExitsReport {
    func place(_ instruction: InstructionResult) -> Place? {
      let name = deviceName(instruction.exit)
      if !devices.isEmpty, !devices.contains(name ?? "") { return nil }
      if grouping == .addressRange {
        return Place(address: instruction.rip - instruction.rip % places.rangeSize)
      }
      let exit = instruction.exit
      let function = places.symbols?.function(
        rip: instruction.rip, reason: exit.reason, direction: exit.direction)
      return Place(address: function?.start ?? instruction.rip, symbol: function?.name)
    }
    var contents: [Place: Contents] = [:]
    for (instruction, count) in models.instructions() {
      guard let place = place(instruction) else { continue }
      contents[place, default: Contents()].pointers.insert(instruction.rip)
      contents[place]?.exits[words(instruction.exit), default: 0] &+= count
    }
    // What has no row of its own cannot be said to go to a device.
    let groups = models.instructionGroups(barsPerOctave: 4, label: place)
      .filter { $0.label != nil || devices.isEmpty }
      .sorted {
        ($0.label?.address ?? .max, $0.label?.symbol ?? "") < (
          $1.label?.address ?? .max, $1.label?.symbol ?? ""
        )
      }
    let coverage = coverage
    let reports = groups.map { group in
      var exits = report(group, coverage)
      exits.place = group.label.map { report($0, contents[$0] ?? Contents(), grouping, places) }
      return ExitHistogramReport(
        label: ExitText.label(exits), exits: exits, inKvmRun: group.inKvmRunBars.map(bar),
        handling: group.handlingBars.map(bar))
    }
    let count = groups.reduce(0) { $0 &+ $1.count }
    let named = groups.reduce(0) { $0 &+ ($1.label?.symbol == nil ? 0 : $1.count) }
    return ExitsReport(
      by: grouping.rawValue, filter: filter, costs: costs(sortedBy: order),
      places: ExitPlacesReport(
        symbols: grouping == .symbol ? places.symbols?.path : nil,
        kaslrOffset: grouping == .symbol ? places.symbols.flatMap { $0.offset == 0 ? nil : $0.offset } : nil,
        count: count, named: grouping == .symbol && places.symbols != nil ? named : nil,
        without: result.events[Int(EventTag.vcpuRunExit.rawValue)]),
      groups: order.sorted(reports) { $0.exits })
  }

  /// A row whose reason, direction and device are those that all of its exits have.
  private func report(_ group: ExitGroup<Place>, _ coverage: Coverage) -> ExitReport {
    func common<Value: Hashable>(_ value: (ExitResult) -> Value) -> Value? {
      let values = Set(group.members.map(value))
      return values.count == 1 ? values.first : nil
    }
    let label = ExitLabel(
      reason: common(\.reason), direction: common(\.direction), device: common(deviceName) ?? nil)
    let row = group.labelled(group.label == nil ? nil : label)
    var exits = report(row, coverage)
    if group.label == nil { exits.addresses = Int(clamping: models.otherInstructions) }
    return exits
  }

  private static let shownKinds = 16

  private func report(
    _ place: Place, _ contents: Contents, _ grouping: ExitGrouping, _ places: ExitPlaces
  ) -> ExitPlaceReport {
    let kinds = contents.exits.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    let isRange = grouping == .addressRange
    let last = place.address.addingReportingOverflow(places.rangeSize - 1)
    return ExitPlaceReport(
      symbol: place.symbol, symbolAddress: place.symbol == nil ? nil : place.address,
      from: isRange ? place.address : contents.pointers.min() ?? place.address,
      through: isRange
        ? (last.overflow ? .max : last.partialValue) : contents.pointers.max() ?? place.address,
      instructions: contents.pointers.count,
      kinds: kinds.prefix(Self.shownKinds).map { ExitPlaceReport.Kind(exits: $0.key, count: $0.value) },
      otherKinds: kinds.count > Self.shownKinds ? kinds.count - Self.shownKinds : nil)
  }
}
