import CTracepoints
import Engine

/// Reads the engine's counters of the machine or of one vCPU and records them: those that matter most as one `kvm_stats`, each
/// other value that this kernel keeps as a `kvm_counter`.
final class KernelStatistics: @unchecked Sendable {
  /// Whose counters they are; the raw values are those of `stats_scope`.
  enum Scope: UInt8 {
    case machine = 0
    case vcpu = 1
  }

  let scope: Scope
  private let source: any CounterSource
  private let id: UInt16
  // In the order of the event's fields: where each counter goes, and whether this kernel has it.
  private let fields: [(path: WritableKeyPath<exeunt_statistics, UInt64> & Sendable, counter: Counter?)]
  // The others, with their place in the kernel's table.
  private let others: [(number: UInt16, counter: Counter)]
  // What was read last of each value of the others. The main thread's own.
  private var previous: [UInt64] = []

  init(_ source: any CounterSource, scope: Scope, id: UInt16) {
    fields = KernelStatistics.names.map { name, path in (path, source.counter(name)) }
    let taken = Set(KernelStatistics.names.map(\.0))
    others = source.counters.enumerated().filter { !taken.contains($0.element.name) }
      .map { (UInt16(truncatingIfNeeded: $0.offset), $0.element) }
    self.source = source
    self.scope = scope
    self.id = id
  }

  func record(_ moment: StatisticsMoment) {
    // A counter file that cannot be read once opened is a kernel that went wrong; the trace then has one sample less.
    guard let sample = try? source.sample() else { return }
    var values = exeunt_statistics()
    for (bit, field) in fields.enumerated() {
      guard let counter = field.counter else { continue }
      values.known |= 1 << UInt32(bit)
      values[keyPath: field.path] = sample[counter]
    }
    // Some kernels keep none of these for the machine as a whole: then there is nothing to tell.
    if values.known != 0 { exeunt_trace_kvm_stats(scope.rawValue, id, moment.rawValue, &values) }
    recordOthers(sample, moment)
  }

  /// A vCPU has more than a hundred values, most of which never change: between the first and the last reading only
  /// those that did are recorded.
  private func recordOthers(_ sample: CounterSample, _ moment: StatisticsMoment) {
    let isFirst = previous.isEmpty
    var index = 0
    for (number, counter) in others {
      for element in 0..<counter.count {
        let value = sample[counter, element]
        if isFirst { previous.append(value) }
        if isFirst || moment != .periodic || previous[index] != value {
          exeunt_trace_kvm_counter(
            scope.rawValue, id, moment.rawValue, number, UInt16(truncatingIfNeeded: element), value)
          previous[index] = value
        }
        index += 1
      }
    }
  }

  /// Records what the others are: the state dump's part.
  func describe() {
    for (number, counter) in others {
      exeunt_trace_kvm_counter_info(
        scope.rawValue, number, counter.name, counter.type, counter.unit, counter.base, counter.exponent,
        UInt16(truncatingIfNeeded: counter.count), counter.bucketSize)
    }
  }

  private static let names: [(String, WritableKeyPath<exeunt_statistics, UInt64> & Sendable)] = [
    ("exits", \.exits), ("io_exits", \.io_exits), ("mmio_exits", \.mmio_exits), ("halt_exits", \.halt_exits),
    ("halt_successful_poll", \.halt_successful_poll), ("halt_attempted_poll", \.halt_attempted_poll),
    ("halt_wakeup", \.halt_wakeup), ("halt_wait_ns", \.halt_wait_ns), ("irq_exits", \.irq_exits),
    ("irq_window_exits", \.irq_window_exits), ("irq_injections", \.irq_injections),
    ("nmi_injections", \.nmi_injections), ("signal_exits", \.signal_exits),
    ("request_irq_exits", \.request_irq_exits), ("hypercalls", \.hypercalls),
    ("insn_emulation", \.insn_emulation),
    ("insn_emulation_fail", \.insn_emulation_fail), ("tlb_flush", \.tlb_flush),
  ]
}
