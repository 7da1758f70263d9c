import Analysis
import Reports

extension ReportBuilder {
  /// KVM's counters between the first and the last sample, beside what the trace has between them.
  func kvm() -> [KvmReport] {
    Set(result.samples.keys).union(result.counters.keys).sorted().compactMap { scope in
      // One reading says nothing about the time of the trace.
      let samples = result.samples[scope].flatMap { $0.count > 1 ? $0 : nil }
      // Some kernels keep none of the first ones for the machine as a whole.
      let periods = result.samples.filter { $0.value.count > 1 }
      guard let period = samples ?? periods.min(by: { $0.key < $1.key })?.value else { return nil }
      var counters = KvmCounter.allCases.compactMap { counter in
        samples.flatMap { delta($0, counter) }.map { NamedCount(name: counter.name, count: $0) }
      }
      let others = otherCounters(scope)
      let isLevel = { (counter: CounterGrowth) in counter.kind == .instant || counter.kind == .peak }
      counters += others.filter { !isLevel($0) }.map { NamedCount(name: $0.name, count: $0.value) }
      guard !counters.isEmpty || !others.isEmpty else { return nil }
      return KvmReport(
        scope: scope.isVcpu ? "vcpu" : "vm", id: scope.id, begin: period.first.timestamp,
        end: period.last.timestamp, samples: period.count, counters: counters,
        levels: others.filter(isLevel).map { NamedCount(name: $0.name, count: $0.value) },
        histograms: histograms(scope), checks: samples.map { scope.isVcpu ? checks(scope.id, $0) : [] } ?? [])
    }
  }

  /// What this KVM counts as an exit, by its flavour.
  func counting() -> String? {
    guard let kvm = result.dump.machines.first?.kvm, !result.samples.isEmpty else { return nil }
    switch kvm {
    case "vmx", "svm":
      return
        "exits: each time the processor left the guest, whatever for; what the trace does not have was handled inside KVM"
    case "pvm":
      return
        "exits: pvm counts exits to userspace, HLT, and interruptions of its emulator. Guest kernels run in that "
        + "emulator: CPUID, MSRs, kicks and all else that it does itself are in insn_emulation, not in exits"
    default: return "exits: what this KVM (\(kvm)) counts as one is not known"
    }
  }

  func delta(_ samples: KvmSamples, _ counter: KvmCounter) -> UInt64? {
    guard let first = samples.first[counter], let last = samples.last[counter] else { return nil }
    // They only grow; a smaller one is another VM's.
    return last >= first ? last - first : nil
  }

  private func checks(_ vcpu: Int, _ samples: KvmSamples) -> [KvmCheckReport] {
    let traced = samples.last.counts - samples.first.counts
    let missing = result.vcpus.first { $0.times.id == vcpu }?.missingExits ?? 0
    let counters: [(KvmCounter, UInt64)] = [
      (.exits, traced.exits), (.ioExits, traced.io), (.mmioExits, traced.mmio),
    ]
    return counters.compactMap { counter, traced in
      guard let counted = delta(samples, counter) else { return nil }
      let difference =
        counted == traced
        ? nil
        : isCovered(vcpu, samples)
          ? explain(counter, counted, traced, missing, countsPortIO: delta(samples, .ioExits) ?? 0 > 0)
          : KvmDifference(
            .notCovered,
            "the trace does not have all of one vCPU's events between the readings, so the two cannot be compared"
          )
      return KvmCheckReport(
        counter: counter.name, kvm: counted, traced: traced, agrees: counted == traced, missing: missing,
        cause: difference?.cause.rawValue, explanation: difference?.explanation)
    }
  }

  /// Whether the vCPU's events between the first and the last reading can be in the trace. A snapshot keeps the
  /// readings, which are rare, in one CPU's ring when the exits of that time are long overwritten in another's.
  private func isCovered(_ vcpu: Int, _ samples: KvmSamples) -> Bool {
    if facts.continuedStreams > 0 { return false }
    // The readings of several VMMs are of different vCPUs.
    if result.dump.machines.count > 1 { return false }
    guard let first = result.vcpus.first(where: { $0.times.id == vcpu })?.times.first else { return false }
    // A vCPU's first reading is made before its first entry; a later reading follows events.
    return first <= samples.first.timestamp || samples.first[.exits] == 0 && first <= samples.last.timestamp
  }

  private func explain(
    _ counter: KvmCounter, _ counted: UInt64, _ traced: UInt64, _ missing: UInt64, countsPortIO: Bool
  ) -> KvmDifference {
    switch counter {
    case .ioExits: return explainPortIO(counted, traced, missing)
    case .mmioExits: return explainMMIO(counted, traced, missing)
    default: return explainExits(counted, traced, missing, countsPortIO)
    }
  }

  private func lost(_ missing: UInt64) -> KvmDifference {
    KvmDifference(
      .missing, "by their numbers, \(Text.count(missing)) exits of all kinds are missing from the trace")
  }

  /// KVM counts every exit of the guest; the trace only those that KVM hands on to userspace.
  private func explainExits(
    _ counted: UInt64, _ traced: UInt64, _ missing: UInt64, _ countsPortIO: Bool
  ) -> KvmDifference {
    guard counted >= traced &+ missing else {
      return KvmDifference(
        .noExit,
        "KVM_RUN returned \(Text.number(traced &+ missing &- counted, "time")) without an exit of the guest, such as "
          + "for signals")
    }
    var words = ["\(Text.count(counted - traced - missing)) handled inside KVM"]
    // Kicks are not counted by vCPU; with several vCPUs the share of each is not known. And a KVM that emulates port
    // I/O rather than intercepting it takes kicks without counting an exit.
    if result.vcpus.count == 1, countsPortIO, result.counts.kicks > 0,
      result.counts.kicks <= counted - traced - missing
    {
      words.append("of which the loops read \(Text.count(result.counts.kicks)) as kicks")
    }
    if missing > 0 { words.append(lost(missing).explanation) }
    return KvmDifference(.insideKvm, words.joined(separator: "; "))
  }

  /// VMX and SVM count each intercepted IN or OUT, whether userspace sees it or an ioeventfd or a device
  /// inside KVM takes it, and a string instruction once for each time it is entered. PVM emulates what guest
  /// kernels do and does not count it.
  private func explainPortIO(_ counted: UInt64, _ traced: UInt64, _ missing: UInt64) -> KvmDifference {
    if counted == 0 {
      let kvm = result.dump.machines.first.map { " (\($0.kvm))" } ?? ""
      return KvmDifference(
        .notCounted,
        "this KVM\(kvm) does not count port I/O: it emulates the instruction rather than intercepting it")
    }
    if missing > 0 { return lost(missing) }
    if counted > traced {
      return KvmDifference(
        .insideKvm,
        "\(Text.count(counted - traced)) accesses were handled inside KVM: kicks taken by ioeventfds, and the "
          + "interrupt controller's and timer's ports")
    }
    return KvmDifference(
      .pieces, "KVM counts a string instruction once that leaves to userspace for each piece")
  }

  /// KVM counts what it hands to userspace; ioeventfds and the interrupt controllers inside KVM are not in
  /// it.
  private func explainMMIO(_ counted: UInt64, _ traced: UInt64, _ missing: UInt64) -> KvmDifference {
    if missing > 0 { return lost(missing) }
    if counted == 0 { return KvmDifference(.notCounted, "this KVM does not count memory-mapped accesses") }
    return counted < traced
      ? KvmDifference(
        .pieces,
        "KVM counts an access once that crosses a page or is longer than 8 bytes and leaves in pieces")
      : KvmDifference(.untraced, "\(Text.count(counted - traced)) exits are not in the trace")
  }
}

/// Why KVM and the trace count differently.
private struct KvmDifference {
  let cause: KvmCause
  let explanation: String

  init(_ cause: KvmCause, _ explanation: String) {
    self.cause = cause
    self.explanation = explanation
  }
}

/// Causes by their names in reports.
enum KvmCause: String {
  /// KVM handled the rest itself.
  case insideKvm = "inside_kvm"
  /// KVM_RUN returned without an exit of the guest.
  case noExit = "no_exit"
  /// This KVM does not count it.
  case notCounted = "not_counted"
  /// Exits are missing from the trace.
  case missing
  /// One access left in pieces.
  case pieces
  /// KVM counted more than can be explained.
  case untraced
  /// The trace does not have all events between the readings.
  case notCovered = "not_covered"

  /// The same for several vCPUs, without numbers; nil: the numbers in the table say all.
  func words(_ counter: String) -> String? {
    switch self {
    case .insideKvm: counter == KvmCounter.exits.name ? nil : "the rest was handled inside KVM"
    case .noExit: "KVM_RUN also returned without an exit of the guest, such as for signals"
    case .missing: "exits are missing from the trace, by their numbers"
    case .untraced: "exits are not in the trace"
    case .notCounted, .pieces, .notCovered: nil
    }
  }
}
