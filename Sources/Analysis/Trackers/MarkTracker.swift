// What the guest wrote to the marker port.

/// A value the guest wrote to the marker port.
package struct GuestMark: Sendable, Equatable {
  /// Where in the trace.
  package internal(set) var exemplar: Exemplar
  /// The vCPU that wrote it.
  package internal(set) var vcpu: Int
  /// What it wrote.
  package internal(set) var value: UInt32
  /// What all vCPUs had counted before.
  package var counts: ExitCounts
}

extension GuestMark {
  init(_ event: GuestMarkEvent, _ at: EventPlace, counts: ExitCounts) {
    exemplar = Exemplar(timestamp: at.timestamp, location: at.location)
    vcpu = Int(event.vcpu & 0xffff)
    value = event.value
    self.counts = counts
  }
}

extension UnsafeMutablePointer where Pointee == AnalysisState {
  @inline(never)
  func mark(_ at: EventPlace, _ event: GuestMarkEvent) {
    let mark = GuestMark(event, at, counts: pointee.counts)
    pointee.markCount &+= 1
    pointee.lastMark = mark
    if pointee.marks.count < Limits.marks { pointee.marks.append(mark) }
  }
}

extension AnalysisState {
  /// Adds marks of the slice that follows; has to come before its exits are counted.
  mutating func addMarks(_ other: AnalysisState) {
    for mark in other.marks.prefix(Limits.marks - marks.count) {
      var mark = mark
      mark.counts += counts
      marks.append(mark)
    }
    if var mark = other.lastMark {
      mark.counts += counts
      lastMark = mark
    }
    markCount &+= other.markCount
  }

  /// Numbers epochs as after so many earlier marks.
  mutating func shiftEpochs(by marks: UInt64) {
    guard marks > 0 else { return }
    sites.update { $0.parts.shift(by: marks, $0.all) }
    instructions.update { $0.parts.shift(by: marks, $0.all) }
    for index in 0..<Self.threadCount { threads[index]?.pointee.exitHead?.epoch &+= marks }
  }
}

// MARK: Kept in a file

extension GuestMark: StateCoded {
  static var blank: GuestMark {
    GuestMark(exemplar: Exemplar(timestamp: 0, location: 0), vcpu: 0, value: 0, counts: ExitCounts())
  }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    var (timestamp, location) = (exemplar.timestamp, exemplar.location)
    try coder.code(moment: &timestamp)
    try coder.code(location: &location, at: timestamp, thread: vcpu)
    exemplar = Exemplar(timestamp: timestamp, location: location)
    try coder.code(&vcpu, below: 1 << 16, "a vCPU's number")
    try coder.code(&value)
    try counts.code(&coder)
  }
}
