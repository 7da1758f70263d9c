import Foundation
import Testing

@testable import Analysis
@testable import CTF

/// Holds what the analyzer expects against the tracepoint provider's catalogue, by reading the header's text.
@Suite("The schema is the catalogue")
struct SchemaTests {
  static let header: String = {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let path = root.appendingPathComponent("Sources/CTracepoints/include/exeunt_catalogue.h")
    return (try? String(contentsOf: path, encoding: .utf8)) ?? ""
  }()

  /// Bodies of macro calls of this name, without the provider.
  static func bodies(of macro: String) -> [String] {
    header.components(separatedBy: "\n\(macro)(exeunt, ").dropFirst().map {
      $0.components(separatedBy: "\n))")[0].components(separatedBy: "\n    ))")[0]
    }
  }

  @Test("events and their fields, in order, both ways")
  func events() throws {
    let bodies = Self.bodies(of: "LTTNG_UST_TRACEPOINT_EVENT")
    #expect(bodies.count == EventTag.allCases.count)
    let field = /lttng_ust_field_(\w+)\(([^)]*)\)/
    let declared = bodies.map { body in
      EventSchema(
        name: String(body.prefix { $0 != "," }),
        fields: body.matches(of: field).map { match in
          let arguments = match.2.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
          switch match.1 {
          case "enum": return arguments[3]
          case "string": return arguments[0]
          default: return arguments[1]
          }
        })
    }
    let expected = EventTag.allCases.map(\.schema)
    for event in expected { #expect(declared.contains(event), "not in the catalogue: \(event)") }
    for event in declared { #expect(expected.contains(event), "not expected by the analyzer: \(event)") }
  }

  @Test("enumerations and their values, both ways")
  func enumerations() {
    let known = [
      "thread_kind": ValueName.threadKind, "exit_reason": ValueName.exitReason,
      "direction": ValueName.direction,
      "source_kind": ValueName.sourceKind, "poll_outcome": ValueName.pollOutcome,
      "mechanism": ValueName.mechanism, "address_space": ValueName.addressSpace,
      "request_kind": ValueName.requestKind, "queue_fault": ValueName.queueFault,
      "backend_work": ValueName.backendWork, "notification": ValueName.notification,
      "stats_scope": ValueName.statsScope,
      "stats_moment": ValueName.statsMoment, "counter_type": ValueName.counterType,
      "counter_unit": ValueName.counterUnit,
    ]
    var declared: [String: [String]] = [:]
    for body in Self.bodies(of: "LTTNG_UST_TRACEPOINT_ENUM") {
      let values = body.matches(of: /lttng_ust_field_enum_value\("(\w+)", (\d+)\)/)
      #expect(values.map { Int($0.2) } == Array(0..<values.count))
      declared[String(body.prefix { $0 != "," })] = values.map { String($0.1) }
    }
    #expect(declared == known)
  }
}

@Suite("Tags")
struct TagTests {
  @Test("a tag is the event's raw value")
  func tags() {
    for event in EventTag.allCases { #expect(EventTag(tag: event.rawValue) == event) }
    #expect(EventTag.allCases.map(\.rawValue) == Array(0..<UInt16(EventTag.allCases.count)))
    #expect(EventTag(tag: UInt16(EventTag.allCases.count)) == nil)
    #expect(EventTag(tag: Row.gapTag) == nil)
  }
}

@Suite("Typed events")
struct TypedEventTests {
  /// A row whose fields hold their own index.
  static func with<Result>(_ body: (UnsafePointer<UInt64>) -> Result) -> Result {
    let words = [UInt64](repeating: 0, count: Row.firstField) + (0..<32 as Range<UInt64>)
    return words.withUnsafeBufferPointer { body($0.baseAddress!) }
  }

  /// Each property of a typed event with the index of the field that it is from.
  static func fields(_ type: (some Event).Type) -> [String] {
    with { row in
      let children = Mirror(reflecting: type.init(row: row)).children.flatMap { child in
        // One that has all fields of another one.
        child.value is any Event ? Array(Mirror(reflecting: child.value).children) : [child]
      }
      return children.flatMap { child -> [String] in
        if let counters = child.value as? UnsafeBufferPointer<UInt64> {
          return counters.enumerated().map { "\(KvmCounter.allCases[$0.offset].name) \($0.element)" }
        }
        let name = (child.label ?? "").map { $0.isUppercase ? "_\($0.lowercased())" : "\($0)" }.joined()
        return ["\(name) \(child.value)"]
      }
    }
  }

  static var types: [any Event.Type] {
    [
      VcpuRunEnter.self, VcpuRunExit.self, VcpuRunExitRip.self, DispatchBegin.self, DispatchEnd.self,
      CoalescedBegin.self, CoalescedEnd.self,
      GuestMarkEvent.self,
      LockWait.self, LockAcquired.self, LockReleased.self, LoopWait.self, LoopWakeup.self, PollBegin.self,
      PollEnd.self, HandlerBegin.self, HandlerEnd.self, IoeventfdSignal.self, RequestBegin.self,
      RequestEnd.self, BackendSubmit.self, BackendComplete.self, QueuePublished.self, QueueKicked.self,
      QueueBroken.self,
      Interrupt.self, GuestKickStamp.self, KvmStats.self,
      KvmCounterEvent.self,
      ThreadStats.self, EventTotalsEvent.self, VmInfoEvent.self, VcpuInfoEvent.self, LoopInfoEvent.self,
      DeviceInfoEvent.self, IoeventfdInfoEvent.self, ClockSync.self, KvmCounterInfoEvent.self,
      EmissionInfoEvent.self,
    ]
  }

  @Test("have the fields of the catalogue, each from its own place, and there is one for each event")
  func matchSchema() {
    // Trials are only counted.
    #expect(Set(Self.types.map { $0.tag }) == Set(EventTag.allCases).subtracting([.emissionTrialInfo]))
    for type in Self.types {
      let expected = type.tag.schema.fields.enumerated().map { "\($0.element) \($0.offset)" }
      #expect(Self.fields(type) == expected, "\(type.tag)")
    }
  }
}
