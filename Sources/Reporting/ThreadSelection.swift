import Analysis
import CTF
import Dump

/// Threads as users name them, found in a trace: `vcpu0`, `io0`, `main`, a name, or a thread id.
package struct ThreadSelection: EventRule {
  private var vcpus: [UInt64] = []
  private var loops: [UInt64] = []
  private var isMain = false
  private var tids: [UInt64] = []

  /// - Throws: When a name is none of the trace's threads.
  package init(_ names: [String], _ trace: Trace) throws(FilterError) {
    let known = Self.known(trace)
    for name in names {
      let found = known.filter { $0.name == name || String($0.tid) == name }
      for thread in found {
        if thread.isVcpu { vcpus.append(thread.id) } else { loops.append(thread.id) }
        tids.append(UInt64(thread.tid))
      }
      if let tid = UInt64(name) {
        tids.append(tid)
      } else if name == "main" {
        isMain = true
      } else if found.isEmpty {
        if let id = Self.number(name, "vcpu") {
          vcpus.append(id)
        } else if let id = Self.number(name, "io") ?? Self.number(name, "loop") {
          loops.append(id)
        } else {
          let names = known.map(\.name) + ["main"]
          throw FilterError(
            "no thread of this trace is called '\(name)'; there are \(names.joined(separator: ", ")), and thread ids"
          )
        }
      }
    }
  }

  private static func number(_ name: String, _ prefix: String) -> UInt64? {
    name.hasPrefix(prefix) ? UInt64(name.dropFirst(prefix.count)) : nil
  }

  /// The threads that the state dump of exeunt describes.
  private static func known(_ trace: Trace) -> [(name: String, tid: UInt32, isVcpu: Bool, id: UInt64)] {
    var found: [(name: String, tid: UInt32, isVcpu: Bool, id: UInt64)] = []
    guard trace.streams.count == trace.streamCount else { return found }
    var rows = MergedRows(trace, selection: EventTag.selection([.vcpuInfo, .loopInfo]))
    while let run = rows.nextRun() {
      for index in 0..<run.count {
        let row = run.base + index * run.stride
        guard Row.tag(row) != Row.gapTag, found.count < 4096 else { continue }
        let field = row + Row.firstField
        found.append(
          (
            run.text(field[2]), UInt32(truncatingIfNeeded: field[1]),
            Row.tag(row) == EventTag.vcpuInfo.rawValue,
            field[0]
          ))
      }
    }
    return found
  }

  package func choice(of event: EventClass, of stream: StreamClass) -> EventChoice {
    guard let tag = EventTag.allCases.first(where: { $0.qualifiedName == event.name }) else {
      // Of other providers, the tracer's context tells.
      return tids.isEmpty ? .none : .conditions(["vtid", "tid"].map { [condition($0, tids)] })
    }
    let fields = tag.schema.fields
    var choices: [[FieldCondition]] = []
    switch EventThread(tag) {
    case .main: return isMain ? .all : .none
    case .vcpu(let index): if !vcpus.isEmpty { choices.append([condition("fields." + fields[index], vcpus)]) }
    case .loop(let index): if !loops.isEmpty { choices.append([condition("fields." + fields[index], loops)]) }
    case .named(let kind, let id):
      for (value, ids) in [(0, vcpus), (1, loops)] as [(UInt64, [UInt64])] where !ids.isEmpty {
        choices.append([condition("fields." + fields[kind], [value]), condition("fields." + fields[id], ids)])
      }
      if isMain { choices.append([condition("fields." + fields[kind], [2])]) }
    }
    return choices.isEmpty ? .none : .conditions(choices)
  }

  private func condition(_ field: String, _ values: [UInt64]) -> FieldCondition {
    guard let condition = FieldCondition("--thread", field: field, isOneOf: values) else {
      preconditionFailure("names of fields are not empty")
    }
    return condition
  }
}
