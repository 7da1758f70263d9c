/// One data stream: a sequence of packets, in one file or, with tracefile or session rotation, several.
public struct StreamInfo: Sendable {
  /// Index into ``Trace/members``.
  public let trace: Int
  /// The id of the stream's class in the metadata.
  public let classID: UInt64
  /// The id that the tracer gave this stream within its class (`stream_instance_id`).
  public let instanceID: UInt64?
  /// The CPU that all packets name (`cpu_id` in the packet context).
  public let cpu: UInt64?
  /// Paths of the data files in time order; one of which only pieces are read, as others hold the rest, once for each.
  public let files: [String]
  /// Number of readable packet headers.
  public let packetCount: Int
  /// Size of all files in bytes.
  public let byteCount: Int
  /// Begin of the first packet in ns since the clock's origin; nil when packets carry no time.
  public let begin: Int64?
  /// End of the last packet in ns since the clock's origin; nil when packets carry no time.
  public let end: Int64?
  /// Events that the tracer had no room for, as far as packets tell (`events_discarded`).
  public let discardedEvents: UInt64
  /// Packets missing between those that are there (`packet_seq_num`).
  public let lostPackets: UInt64
  /// Packets that the tracer made before the first one that is here (`packet_seq_num`): 0 unless a snapshot or a
  /// rotation begins in the middle of a recording.
  public let earlierPackets: UInt64
  /// The counters of the first packet.
  public let firstPacket: PacketCounters
  /// The counters of the last packet.
  public let lastPacket: PacketCounters
  /// Whether a packet header of this stream could not be read; ``Trace/diagnostics`` says why.
  public let isDamaged: Bool
}

/// What a packet says of the packets before it in its stream, and of what was lost there.
public struct PacketCounters: Sendable, Equatable {
  /// Its number (`packet_seq_num`).
  public var sequence: UInt64?
  /// Events that the tracer had no room for so far (`events_discarded`).
  public var discarded: UInt64?

  /// Nothing said.
  public init() {}
}

/// One trace: a directory with `metadata` and data files, or several such chunks of one recording.
public struct TraceInfo: Sendable {
  /// Directories, more than one for a rotated session.
  public let directories: [String]
  /// The trace's UUID, 16 bytes.
  public let uuid: [UInt8]?
  /// The `env` block in order: integers in decimal, strings as they are.
  public let environment: [(name: String, value: String)]
  /// The clocks that the metadata declares.
  public let clocks: [ClockInfo]
}

/// A clock as the metadata describes it (CTF 1.8, section 8).
public struct ClockInfo: Sendable {
  /// Its name.
  public let name: String
  /// Its UUID, 16 bytes.
  public let uuid: [UInt8]?
  /// Cycles per second.
  public let frequency: UInt64
  /// Offset from the origin to the clock's zero, whole seconds.
  public let offsetSeconds: Int64
  /// Offset from the origin to the clock's zero, cycles on top of `offsetSeconds`.
  public let offsetCycles: Int64
  /// Whether the origin is the Unix epoch or otherwise the same on all machines.
  public let isAbsolute: Bool
}

/// The place of a packet.
public struct PacketLocation: Sendable, Equatable {
  /// Path of the data file.
  public let file: String
  /// Index of the packet inside the file, from 0.
  public let packet: Int
  /// Bytes from the start of the file to the packet.
  public let byteOffset: Int

  /// A place.
  public init(file: String, packet: Int, byteOffset: Int) {
    self.file = file
    self.packet = packet
    self.byteOffset = byteOffset
  }
}
