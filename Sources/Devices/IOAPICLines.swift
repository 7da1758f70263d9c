/// The levels of an I/O APIC's lines, and which message is due when: for the sink of one. A value, under its owner's lock.
public struct IOAPICLines: Sendable {
  /// The unmasked lines.
  public private(set) var routes: [UInt32: IOAPIC.Route] = [:]
  /// Lines whose level is high, of those that have one.
  private var high: Set<UInt32> = []
  /// Level-triggered lines whose message was sent, and whose interrupt has not ended yet (Remote IRR).
  private var inService: Set<UInt32> = []

  /// All lines low and masked.
  public init() {}

  /// The message of a level-triggered line that is high, if it is time for one.
  private mutating func due(_ line: UInt32) -> IOAPIC.Route? {
    guard high.contains(line), let route = routes[line], route.isLevelTriggered,
      inService.insert(line).inserted
    else { return nil }
    return route
  }

  /// Sets a line's level. A level-triggered line interrupts for as long as it is high; what an edge-triggered one does while it is masked
  /// is lost.
  ///
  /// - Returns: what it sends now.
  public mutating func setLevel(of line: UInt32, high isHigh: Bool) -> IOAPIC.Route? {
    guard isHigh else {
      high.remove(line)
      return nil
    }
    guard high.insert(line).inserted else { return nil }
    guard let route = routes[line], !route.isLevelTriggered else { return due(line) }
    return route
  }

  /// The guest has changed the routes.
  ///
  /// - Returns: what level-triggered lines send that are high.
  public mutating func setRoutes(_ routes: [IOAPIC.Route]) -> [IOAPIC.Route] {
    self.routes = Dictionary(routes.map { ($0.line, $0) }) { $1 }
    // A line that is made edge-triggered has nothing to end.
    inService = inService.filter { self.routes[$0].map(\.isLevelTriggered) ?? true }
    return routes.compactMap { due($0.line) }
  }

  /// The guest has ended a line's interrupt.
  ///
  /// - Returns: what it sends again.
  public mutating func interruptEnded(line: UInt32) -> IOAPIC.Route? {
    inService.remove(line)
    return due(line)
  }

  /// Forgets levels and interrupts that have not ended; routes stay.
  public mutating func reset() {
    high = []
    inService = []
  }
}

extension IOAPIC.Route {
  /// Bit 15 of the data (Intel SDM volume 3, section 11.11.2).
  public var isLevelTriggered: Bool { data & 1 << 15 != 0 }
}
