import CTracepoints
import KVM

/// Reads KVM's counters of the machine or of one vCPU and records them as `kvm_stats`.
final class KernelStatistics: @unchecked Sendable {
  /// Why counters are read; the raw values are those of `stats_moment` in the event catalogue.
  enum Moment: UInt8 {
    case start = 0
    case periodic = 1
    case end = 2
  }

  /// Whose counters they are; the raw values are those of `stats_scope`.
  enum Scope: UInt8 {
    case machine = 0
    case vcpu = 1
  }

  private let statistics: Statistics
  private let scope: Scope
  private let id: UInt16
  // In the order of the event's fields: where each counter goes, and whether this kernel has it.
  private let fields:
    [(path: WritableKeyPath<exeunt_statistics, UInt64> & Sendable, counter: Statistics.Counter?)]

  init(_ statistics: consuming Statistics, scope: Scope, id: UInt16) {
    fields = KernelStatistics.names.map { name, path in (path, statistics.counter(name)) }
    self.statistics = statistics
    self.scope = scope
    self.id = id
  }

  func record(_ moment: Moment) {
    // A counter file that cannot be read once opened is a kernel that went wrong; the trace then has one sample less.
    guard let sample = try? statistics.sample() else { return }
    var values = exeunt_statistics()
    for (bit, field) in fields.enumerated() {
      guard let counter = field.counter else { continue }
      values.known |= 1 << UInt32(bit)
      values[keyPath: field.path] = sample[counter]
    }
    // Some kernels keep none of these for the machine as a whole: then there is nothing to tell.
    guard values.known != 0 else { return }
    exeunt_trace_kvm_stats(scope.rawValue, id, moment.rawValue, &values)
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
