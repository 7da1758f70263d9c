import Analysis
import CTF
import Reports

/// Finds out whether a long event's thread waited for a CPU around it, long enough to be why.
final class CpuWaits {
  /// Events looked up at most: every one is another look at the trace.
  private static let mostLookups = 128
  /// What is less than this longer than usual needs no such reason, ns.
  static let leastExcess = Exemplar.long
  /// Between readings further apart than this, and than some times the event's duration, a thread that seldom waits does so
  /// at other times than the event's, ns.
  static let longestSpell: Int64 = 20_000_000
  /// A thread that waits no less than this part of the time, 1 / n, waits at any time.
  private static let often: Int64 = 10

  private let trace: Trace?
  private let readings: [ThreadName: ThreadReadings]
  private var owners: [Place: ThreadName?] = [:]

  private struct Place: Hashable {
    let timestamp: Int64
    let stream: Int
  }

  /// - Parameter trace: nil: exemplars tell their threads.
  init(_ trace: Trace?, _ readings: [ThreadName: ThreadReadings]) {
    self.trace = trace
    self.readings = readings.filter { !$0.value.spells.isEmpty }
  }

  /// How long the event's thread waited for a CPU between the readings around the event, where that is no less than what the
  /// event is longer than usual; nil: it is not, or nobody knows.
  ///
  /// - Parameter owners: The threads that it can be of; nil: any.
  func wait(at exemplar: Exemplar, _ duration: Int64, excess: Int64, of owners: [ThreadName]?) -> Int64? {
    guard excess >= Self.leastExcess else { return nil }
    let candidates = readings.compactMap { name, readings -> (name: ThreadName, wait: Int64)? in
      // The exemplar is where the event began or where it ended, and several readings can fall into it.
      let around = readings.spells.filter {
        $0.end >= exemplar.timestamp &- duration && $0.begin <= exemplar.timestamp &+ duration
      }
      guard around.allSatisfy({ Self.isNear($0, duration) }) else { return nil }
      let wait = around.reduce(0) { $0 &+ $1.waiting }
      return wait >= excess ? (name, wait) : nil
    }
    guard !candidates.isEmpty else { return nil }
    guard let owner = owners?.count == 1 ? owners?.first : owner(of: exemplar) else { return nil }
    return candidates.first { $0.name == owner }?.wait
  }

  /// Whether a wait between two readings is likely to have been around an event between them, and not at any other time.
  static func isNear(_ spell: WaitingSpell, _ duration: Int64) -> Bool {
    let length = max(0, spell.end &- spell.begin)
    return length <= longestSpell || length / 4 <= duration || length / often <= spell.waiting
  }

  private func owner(of exemplar: Exemplar) -> ThreadName? {
    let place = Place(timestamp: exemplar.timestamp, stream: exemplar.stream)
    if let known = owners[place] { return known }
    guard owners.count < Self.mostLookups else { return nil }
    let owner = exemplar.thread ?? trace.flatMap { ChainReader.owner($0, at: exemplar) }
    owners[place] = .some(owner)
    return owner
  }
}
