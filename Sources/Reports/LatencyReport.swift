/// A set of durations in ns. Percentiles are at most 1/1024 (0.1 %) above the exact order statistic and never
/// below it; everything else is exact.
package struct LatencyReport: Codable, Equatable, Sendable {
  /// Number of durations.
  package var count: UInt64
  /// Their sum.
  package var total: Int64
  /// The shortest.
  package var minimum: Int64
  /// Median.
  package var p50: Int64
  /// 90th percentile.
  package var p90: Int64
  /// 99th percentile.
  package var p99: Int64
  /// 99.9th percentile.
  package var p999: Int64
  /// The longest.
  package var maximum: Int64
  /// The earliest event as slow as `p999`.
  package var p999Exemplar: LocationReport?
  /// The earliest of the slowest events.
  package var maximumExemplar: LocationReport?

  package init(
    count: UInt64, total: Int64, minimum: Int64, p50: Int64, p90: Int64, p99: Int64, p999: Int64,
    maximum: Int64, p999Exemplar: LocationReport? = nil, maximumExemplar: LocationReport? = nil
  ) {
    self.count = count
    self.total = total
    self.minimum = minimum
    self.p50 = p50
    self.p90 = p90
    self.p99 = p99
    self.p999 = p999
    self.maximum = maximum
    self.p999Exemplar = p999Exemplar
    self.maximumExemplar = maximumExemplar
  }
}

/// An event that a number can be traced back to.
package struct LocationReport: Codable, Equatable, Sendable {
  /// Time of the event.
  package var timestamp: Int64
  /// Data file.
  package var file: String?
  /// Packet of that file, from 0.
  package var packet: Int?
  /// Bytes from the start of the file to the packet.
  package var packetOffset: Int?
  /// How long the event's thread was runnable but waiting for a CPU between the readings of its times around the event,
  /// where that can explain what the event is longer than the median; nil: it cannot, or is not known.
  package var cpuWait: Int64?

  package init(
    timestamp: Int64, file: String? = nil, packet: Int? = nil, packetOffset: Int? = nil, cpuWait: Int64? = nil
  ) {
    self.timestamp = timestamp
    self.file = file
    self.packet = packet
    self.packetOffset = packetOffset
    self.cpuWait = cpuWait
  }
}

/// A bar of a histogram.
package struct BarReport: Codable, Equatable, Sendable {
  /// Shortest duration counted.
  package var from: Int64
  /// Longest duration counted.
  package var through: Int64
  /// How many.
  package var count: UInt64

  package init(from: Int64, through: Int64, count: UInt64) {
    self.from = from
    self.through = through
    self.count = count
  }
}
