/// Pairs enters and exits of each vCPU: steps, merge and result.
extension UnsafeMutablePointer where Pointee == AnalysisState {
  @inline(__always)
  func exit(
    _ thread: UnsafeMutablePointer<ThreadState>, _ at: EventPlace, _ event: VcpuRunExit,
    _ instruction: Key
  ) {
    let (reason, address) = (event.reason, event.address)
    thread.pointee.reasons[Int(min(reason, UInt64(ThreadState.reasonCount - 1)))] &+= 1
    pointee.counts.exits &+= 1
    switch reason {
    case ExitReason.io: pointee.counts.io &+= 1
    case ExitReason.mmio: pointee.counts.mmio &+= 1
    case ExitReason.hlt: pointee.counts.hlt &+= 1
    default: break
    }
    let hasAddress = reason == ExitReason.io || reason == ExitReason.mmio || address != 0
    let vcpu = pointee.configuration.separatesVcpus ? event.vcpu : 0xffff
    let site = ExitSite.key(
      vcpu: vcpu, reason: reason & 0xff, direction: event.direction & 0xff, address: hasAddress ? address : 0)
    exits(
      thread,
      ExitStep(
        timestamp: at.timestamp, location: at.location, site: site, seq: event.seq, isExit: true,
        isCounted: !pointee.isFiltered || pointee.configuration.allows(event), epoch: pointee.markCount,
        instruction: instruction))
  }

  @inline(__always)
  func exits(_ thread: UnsafeMutablePointer<ThreadState>, _ step: ExitStep) {
    if step.isExit {
      thread.pointee.exitTotals.exits &+= 1
      if step.isCounted {
        site(thread, step.site).pointee.count &+= 1
        if step.instruction != .noInstruction { instruction(step.instruction).pointee.count &+= 1 }
      }
    } else {
      thread.pointee.exitTotals.enters &+= 1
    }
    if !thread.pointee.exits.hasLast, !pointee.isLeading { thread.pointee.exitHead = step }
    applyExit(thread, step)
  }

  @inline(__always)
  func site(_ thread: UnsafeMutablePointer<ThreadState>, _ key: Key) -> UnsafeMutablePointer<ExitSite> {
    if let cached = thread.pointee.cachedSite, thread.pointee.cachedSiteKey == key, pointee.sites.isStable {
      return cached
    }
    let row = pointee.sites.row(for: key)
    thread.pointee.cachedSite = row
    thread.pointee.cachedSiteKey = key
    return row
  }

  /// Pairs a step with the one before it.
  @inline(__always)
  func applyExit(_ thread: UnsafeMutablePointer<ThreadState>, _ step: ExitStep) {
    let last = thread.pointee.exits.last
    if step.isExit && step.site.reason == ExitReason.intr { interrupt(thread, last, step) }
    thread.pointee.exits.last.timestamp = step.timestamp
    thread.pointee.exits.last.location = step.location
    thread.pointee.exits.last.seq = step.seq
    thread.pointee.exits.last.isExit = step.isExit
    if step.isExit {
      thread.pointee.exits.last.isCounted = step.isCounted
      thread.pointee.exits.last.site = step.site
      thread.pointee.exits.last.instruction = step.instruction
    }
    guard thread.pointee.exits.hasLast else {
      thread.pointee.exits.hasLast = true
      thread.pointee.exits.firstSeq = step.seq
      return
    }
    let missing = ExitPairing.missing(last, step)
    guard missing == 0, last.isExit != step.isExit else {
      unpaired(thread, last, step, missing)
      return
    }
    let elapsed = step.timestamp &- last.timestamp
    if step.isExit {
      guard step.isCounted else { return }
      let isFirst = step.seq == 0 || last.timestamp < thread.pointee.exits.openedAt
      site(thread, step.site).pointee.entered(elapsed, step, isFirst: isFirst)
      if step.instruction != .noInstruction {
        instruction(step.instruction).pointee.entered(elapsed, step, isFirst: isFirst)
      }
    } else {
      thread.pointee.exits.handled = elapsed
      guard last.isCounted else { return }
      site(thread, last.site).pointee.handled(elapsed, last, step)
      if last.instruction != .noInstruction {
        instruction(last.instruction).pointee.handled(elapsed, last, step)
      }
    }
  }

  @inline(never)
  private func interrupt(_ thread: UnsafeMutablePointer<ThreadState>, _ last: ExitStep, _ step: ExitStep) {
    guard thread.pointee.exits.hasLast else { return }
    // Two exits after each other, or a re-entry of another number: what was handled before is not known.
    let follows = !last.isExit && last.seq == step.seq
    thread.pointee.exits.interrupted = InterruptedExit(
      seq: step.seq, site: last.site, isCounted: last.isCounted,
      handling: follows ? thread.pointee.exits.handled : ExitPairing.unknown, reentry: last.timestamp,
      instruction: last.instruction)
  }

  @inline(never)
  private func unpaired(
    _ thread: UnsafeMutablePointer<ThreadState>, _ last: ExitStep, _ step: ExitStep, _ missing: UInt32
  ) {
    if !step.isExit { thread.pointee.exits.handled = ExitPairing.unknown }
    if step.isExit { thread.pointee.exitTotals.exitsWithoutEnter &+= 1 }
    if last.isExit {
      thread.pointee.exitTotals.exitsWithoutReentry &+= 1
    } else {
      thread.pointee.exitTotals.entersWithoutExit &+= 1
    }
    if missing >> 31 == 0 {
      thread.pointee.exitTotals.missingExits &+= UInt64(missing)
    } else {
      thread.pointee.exitTotals.restarts &+= 1
    }
  }

  // MARK: Merge

  func mergeExits(
    _ left: UnsafeMutablePointer<ThreadState>, _ right: UnsafeMutablePointer<ThreadState>
  ) {
    if let head = right.pointee.exitHead {
      if !left.pointee.exits.hasLast, !pointee.isLeading { left.pointee.exitHead = head }
      applyExit(left, head)
    }
    if right.pointee.exits.hasLast { left.pointee.exits.follow(right.pointee.exits) }
    left.pointee.exitTotals += right.pointee.exitTotals
    for reason in 0..<ThreadState.reasonCount {
      left.pointee.reasons[reason] &+= right.pointee.reasons[reason]
    }
  }
}

/// What is known of a vCPU.
package struct VcpuResult: Sendable, Equatable {
  /// Where its time went.
  package let times: ThreadTimes
  /// Exits by reason; reasons from 63 on share the last one.
  package let reasons: [UInt64]
  /// Exits recorded.
  package let exits: UInt64
  /// Enters recorded.
  package let enters: UInt64
  /// Exits whose enter is not in the trace.
  package let exitsWithoutEnter: UInt64
  /// Exits whose next enter is not in the trace.
  package let exitsWithoutReentry: UInt64
  /// Enters whose exit is not in the trace.
  package let entersWithoutExit: UInt64
  /// Exits that are missing according to the sequence numbers.
  package let missingExits: UInt64
  /// Sequence numbers that went backwards.
  package let restarts: UInt64
  /// Dispatches cut by lost events or out of sequence.
  package let brokenDispatches: UInt64
  /// Requests on its thread whose begin or end could not be paired.
  package let unmatchedRequests: UInt64
}

extension SliceAnalysis {
  func vcpu(
    _ id: Int, _ thread: UnsafeMutablePointer<ThreadState>?, _ unmatched: [Int: UInt64]
  ) -> VcpuResult {
    let totals = thread?.pointee.exitTotals ?? ExitTotals()
    return VcpuResult(
      times: times(id, thread),
      reasons: (0..<ThreadState.reasonCount).map { thread?.pointee.reasons[$0] ?? 0 },
      exits: totals.exits, enters: totals.enters, exitsWithoutEnter: totals.exitsWithoutEnter,
      exitsWithoutReentry: totals.exitsWithoutReentry, entersWithoutExit: totals.entersWithoutExit,
      missingExits: totals.missingExits, restarts: totals.restarts,
      brokenDispatches: thread?.pointee.brokenHandlers ?? 0,
      unmatchedRequests: thread.flatMap { unmatched[$0.pointee.index] } ?? 0)
  }
}
