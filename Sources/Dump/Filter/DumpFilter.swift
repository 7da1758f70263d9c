import CTF
import Spelling

/// Which events a dump shows: those that meet every kind of condition given.
package struct DumpFilter: Sendable {
  /// Names, with or without the provider; `*` stands for any characters. None: all.
  package var events: [String]
  /// What else an event has to meet, such as that it is of one of some threads; nil: nothing.
  package var rule: (any EventRule)?
  /// CPUs of the streams. None: all.
  package var cpus: [UInt64]
  /// Conditions on fields, all of which must hold.
  package var conditions: [FieldCondition]

  /// Makes a filter.
  package init(
    events: [String] = [], cpus: [UInt64] = [], conditions: [FieldCondition] = [],
    rule: (any EventRule)? = nil
  ) {
    self.events = events
    self.rule = rule
    self.cpus = cpus
    self.conditions = conditions
  }

  /// Whether everything is shown.
  package var isEmpty: Bool { events.isEmpty && cpus.isEmpty && conditions.isEmpty && rule == nil }
}

/// What decides by an event's class and fields whether it is shown; asked once for each class.
package protocol EventRule: Sendable {
  /// Which events of a class are shown.
  func choice(of event: EventClass, of stream: StreamClass) -> EventChoice
}

/// Which events of a class are shown.
package enum EventChoice {
  case all, none
  /// Those that meet all conditions of any of these.
  case conditions([[FieldCondition]])
}

/// A filter made ready for a trace.
final class PreparedFilter {
  /// What decides about the events of one class; made when its first event comes.
  private struct Decision {
    /// All have to hold; nil: no event of the class is shown.
    var tests: [Test]?
  }

  private enum Test {
    case condition(FieldCondition, FieldProbe)
    /// Any of them.
    case any([[Test]])
  }

  private let trace: Trace
  private let patterns: [GlobPattern]
  private let conditions: [FieldCondition]
  private let rule: (any EventRule)?
  private var decisions: [ObjectIdentifier: [Decision?]] = [:]
  /// Where values are printed that are read more easily as text.
  private var scratch = ByteSink.inMemory(limit: 1 << 20)

  /// - Throws: When the trace cannot have what is asked for.
  init(_ filter: DumpFilter, _ trace: Trace) throws(FilterError) {
    self.trace = trace
    patterns = filter.events.map(GlobPattern.init)
    var conditions = filter.conditions
    if !filter.cpus.isEmpty {
      if let cpu = FieldCondition("--cpu", field: "packet_context.cpu_id", isOneOf: filter.cpus) {
        conditions.append(cpu)
      }
    }
    self.conditions = conditions
    rule = filter.rule
    try check(filter)
  }

  /// Whether an event is shown.
  func shows(_ event: EventRecord, _ events: borrowing MergedEvents) -> Bool {
    let streamClass = trace.streamClass(of: event.stream)
    let key = ObjectIdentifier(streamClass)
    if decisions[key] == nil {
      decisions[key] = [Decision?](repeating: nil, count: streamClass.events.count)
    }
    if decisions[key]![event.event] == nil {
      decisions[key]![event.event] = DeepStack.run(levels: streamClass.height) {
        self.decision(streamClass.events[event.event], streamClass)
      }
    }
    guard let tests = decisions[key]![event.event]?.tests else { return false }
    return holds(tests, event, events)
  }

  /// Whether events of a class can be shown at all.
  func couldShow(_ event: EventClass, of stream: StreamClass) -> Bool { decision(event, stream).tests != nil }

  private func holds(_ tests: [Test], _ event: EventRecord, _ events: borrowing MergedEvents) -> Bool {
    for test in tests {
      switch test {
      case .condition(let condition, let probe):
        if !condition.holds(probe, event, events, &scratch) { return false }
      case .any(let choices):
        var isMet = false
        for choice in choices where !isMet { isMet = holds(choice, event, events) }
        if !isMet { return false }
      }
    }
    return true
  }

  private func decision(_ event: EventClass, _ stream: StreamClass) -> Decision {
    let name = EventName(event.name)
    guard
      patterns.isEmpty
        || patterns.contains(where: { $0.matches(name.full) || $0.matches(String(name.short)) })
    else { return Decision(tests: nil) }
    var tests: [Test] = []
    for condition in conditions {
      guard let probe = FieldProbe(condition.scopes, condition.path, event, of: stream) else {
        return Decision(tests: nil)
      }
      tests.append(.condition(condition, probe))
    }
    if let rule {
      switch rule.choice(of: event, of: stream) {
      case .all: break
      case .none: return Decision(tests: nil)
      case .conditions(let choices):
        let ready = choices.compactMap { choice -> [Test]? in
          let tests = choice.compactMap { condition in
            FieldProbe(condition.scopes, condition.path, event, of: stream).map {
              Test.condition(condition, $0)
            }
          }
          return tests.count == choice.count ? tests : nil
        }
        guard !ready.isEmpty else { return Decision(tests: nil) }
        tests.append(.any(ready))
      }
    }
    return Decision(tests: tests)
  }

  /// Says so when no event of the trace could be shown for want of a name.
  private func check(_ filter: DumpFilter) throws(FilterError) {
    var classes: [StreamClass] = []
    var seen: Set<ObjectIdentifier> = []
    for stream in 0..<trace.streamCount {
      let streamClass = trace.streamClass(of: stream)
      if seen.insert(ObjectIdentifier(streamClass)).inserted { classes.append(streamClass) }
    }
    let names = classes.flatMap { $0.events.map(\.name) }
    for (text, pattern) in zip(filter.events, patterns) {
      let isKnown = names.contains { pattern.matches($0) || pattern.matches(String(EventName($0).short)) }
      guard isKnown || names.isEmpty else {
        let shorts = names.map { String(EventName($0).short) }
        throw FilterError(
          "no event of this trace is called '\(text)'"
            + NearestWord.sentence(for: text, among: names + shorts)
        )
      }
    }
    let cpus = (0..<trace.streamCount).map { trace.stream($0)?.cpu }
    if let cpu = filter.cpus.first(where: { !cpus.contains($0) }), !cpus.contains(nil), !cpus.isEmpty {
      let known = Set(cpus.compactMap(\.self)).sorted().prefix(64).map(String.init).joined(separator: ", ")
      throw FilterError("nothing was recorded on CPU \(cpu); the trace has events of: \(known)")
    }
    for condition in conditions {
      var fields: [String] = []
      var types: [FieldType] = []
      for stream in classes where types.count < 10_000 {
        types += DeepStack.run(levels: stream.height) {
          stream.events.compactMap { FieldProbe(condition.scopes, condition.path, $0, of: stream)?.type }
        }
      }
      if let impossible = condition.impossibleValue(of: types) { throw FilterError(impossible) }
      let isKnown = classes.contains { stream in
        stream.events.contains { event in
          if fields.count < 10_000 {
            for body in [stream.packetContext, stream.eventContext, event.context, event.payload] {
              fields += body?.fields.map(\.name) ?? []
            }
          }
          return DeepStack.run(levels: stream.height) {
            FieldProbe(condition.scopes, condition.path, event, of: stream) != nil
          }
        }
      }
      guard isKnown else {
        let name = condition.path.joined(separator: ".")
        throw FilterError(
          "no event of this trace has a field '\(name)'" + NearestWord.sentence(for: name, among: fields))
      }
    }
  }
}

/// Why a filter cannot be applied to a trace.
package struct FilterError: Error, CustomStringConvertible {
  /// A sentence for users.
  package let description: String

  package init(_ description: String) { self.description = description }
}
