import Analysis
import Reports

/// Makes rows of things: the one place that says which of their properties stands in which column.
struct TableRows {
  /// The run's number, from 1.
  let run: Int
  /// Moments count from here, ns since the clock's origin.
  let begin: Int64
  let names: ExportNames
  let tables: TableSet

  private func at(_ moment: Int64) -> Int64 { moment &- begin }

  private func at(_ moment: Int64?) -> Int64? { moment.map { $0 &- begin } }

  @inline(__always)
  func write(_ item: ModelItem, to sink: inout some RowSink & ~Copyable) {
    switch item {
    case .interval(let interval): if tables.intervals { write(interval, to: &sink) }
    case .exit(let exit): if tables.exits { write(exit, to: &sink) }
    case .wakeup(let wakeup): if tables.wakeups { write(wakeup, to: &sink) }
    case .request(let request): if tables.requests { write(request, to: &sink) }
    case .interrupt(let interrupt): if tables.interrupts { write(interrupt, to: &sink) }
    case .mark(let mark): if tables.marks { write(mark, to: &sink) }
    case .gap(let gap): if tables.gaps { write(gap, to: &sink) }
    }
  }

  private func write(_ interval: StateInterval, to sink: inout some RowSink & ~Copyable) {
    let isVcpu = interval.thread.kind == .vcpu
    sink.beginRow(.intervals)
    sink.integer(run)
    sink.name(names.thread(interval.thread))
    sink.name(names.kind(interval.thread))
    sink.integer(Int64(interval.seq))
    sink.integer(at(interval.begin))
    sink.integer(interval.end &- interval.begin)
    sink.name(names.state(interval.category, isVcpu: isVcpu))
    sink.name(names.handler(interval.category))
    sink.unsigned(interval.lock)
    sink.endRow()
  }

  private func write(_ exit: ModelExit, to sink: inout some RowSink & ~Copyable) {
    sink.beginRow(.exits)
    sink.integer(run)
    sink.integer(exit.vcpu)
    sink.integer(Int64(exit.seq))
    sink.integer(at(exit.timestamp))
    sink.name(names.reason(exit.reason))
    sink.name(names.direction(exit.direction))
    sink.name(names.device(of: exit))
    sink.unsigned(exit.address)
    sink.unsigned(exit.size)
    sink.unsigned(exit.count)
    sink.unsigned(exit.kicks)
    sink.integer(exit.inKvmRun)
    sink.integer(exit.handling)
    sink.unsigned(exit.rip)
    sink.endRow()
  }

  private func write(_ wakeup: ModelWakeup, to sink: inout some RowSink & ~Copyable) {
    sink.beginRow(.wakeups)
    sink.integer(run)
    sink.name(names.thread(ThreadName(.loop, wakeup.loop)))
    sink.integer(Int64(wakeup.seq))
    sink.integer(at(wakeup.timestamp))
    sink.name(names.after(isPoll: wakeup.isPoll))
    sink.integer(wakeup.slept)
    sink.unsigned(wakeup.ready)
    sink.unsigned(wakeup.handlers)
    sink.unsigned(wakeup.kicks)
    sink.integer(wakeup.busy)
    sink.endRow()
  }

  private func write(_ request: ModelRequest, to sink: inout some RowSink & ~Copyable) {
    sink.beginRow(.requests)
    sink.integer(run)
    sink.name(names.device(request.device))
    sink.integer(request.queue)
    sink.unsigned(request.id)
    sink.name(names.requestKind(request.kind))
    sink.unsigned(request.bytes)
    sink.name(request.thread.map(names.thread))
    sink.integer(at(request.kicked))
    sink.integer(at(request.arrived))
    sink.integer(at(request.begin))
    sink.integer(at(request.submitted))
    sink.integer(at(request.completed))
    sink.integer(at(request.end))
    sink.integer(at(request.interrupted))
    sink.integer(request.status.map { Int64($0) })
    sink.integer(request.duration)
    sink.endRow()
  }

  private func write(_ interrupt: ModelInterrupt, to sink: inout some RowSink & ~Copyable) {
    sink.beginRow(.interrupts)
    sink.integer(run)
    sink.name(names.device(interrupt.device))
    sink.integer(Int64(interrupt.line))
    sink.name(names.mechanism(interrupt.mechanism))
    sink.name(interrupt.thread.map(names.thread))
    sink.integer(Int64(interrupt.seq))
    sink.integer(at(interrupt.timestamp))
    sink.endRow()
  }

  private func write(_ mark: ModelMark, to sink: inout some RowSink & ~Copyable) {
    sink.beginRow(.marks)
    sink.integer(run)
    sink.integer(mark.vcpu)
    sink.integer(Int64(mark.seq))
    sink.integer(at(mark.timestamp))
    sink.integer(Int64(mark.value))
    sink.unsigned(mark.guestTSC)
    sink.endRow()
  }

  private func write(_ gap: ModelGap, to sink: inout some RowSink & ~Copyable) {
    sink.beginRow(.gaps)
    sink.integer(run)
    sink.integer(gap.stream)
    sink.integer(at(gap.begin))
    sink.integer(gap.end.subtractingReportingOverflow(gap.begin).partialValue)
    sink.endRow()
  }

  /// The run itself.
  func write(_ report: Report, to sink: inout some RowSink & ~Copyable) {
    guard tables.runs else { return }
    let (trace, machine) = (report.trace, report.machine)
    sink.beginRow(.runs)
    sink.integer(run)
    sink.text(trace.paths.joined(separator: " "))
    sink.integer(begin)
    sink.integer(trace.duration)
    for text in [machine?.version, machine?.guest, machine?.kvm, machine?.kernel, machine?.configuration] {
      if let text { sink.text(text) } else { sink.null() }
    }
    sink.unsigned(machine?.ramBytes)
    sink.integer(machine.map { Int64($0.vcpus) })
    sink.integer(machine.map { Int64($0.loops) })
    sink.unsigned(trace.events)
    sink.unsigned(trace.discardedEvents)
    sink.unsigned(trace.lostPackets)
    sink.integer(trace.mayLackEvents ? 1 : 0)
    sink.integer(at(trace.window?.begin))
    sink.endRow()
  }
}

/// Which tables are wanted, each asked for once an item.
struct TableSet {
  let runs, exits, intervals, wakeups, requests, interrupts, marks, gaps: Bool

  init(_ tables: Set<ExportTable>) {
    runs = tables.contains(.runs)
    exits = tables.contains(.exits)
    intervals = tables.contains(.intervals)
    wakeups = tables.contains(.wakeups)
    requests = tables.contains(.requests)
    interrupts = tables.contains(.interrupts)
    marks = tables.contains(.marks)
    gaps = tables.contains(.gaps)
  }
}
