/// What the packets of a stream are sorted by.
enum PacketOrder: Sendable {
  /// Their begins; where these are the same, their sequence numbers.
  case time
  /// Their sequence numbers.
  case sequence

  /// A packet's place among others.
  struct Key: Comparable, Sendable {
    var first: UInt64
    var second: UInt64 = 0

    static func < (a: Key, b: Key) -> Bool {
      a.first != b.first ? a.first < b.first : a.second < b.second
    }
  }

  /// A packet's place; nil when it does not tell.
  func key(_ header: PacketHeader) -> Key? {
    switch self {
    case .time: header.begin.map { Key(first: $0, second: header.sequence ?? 0) }
    case .sequence: header.sequence.map { Key(first: $0) }
    }
  }

  /// Whether a packet may follow another one.
  func holds(_ before: PacketHeader, _ next: PacketHeader) -> Bool {
    guard let a = key(before), let b = key(next) else { return false }
    return a <= b
  }
}

/// All that a packet says of itself: the same packet read twice says the same.
struct PacketIdentity: Hashable {
  let instance: UInt64?
  let cpu: UInt64?
  let begin: UInt64?
  let end: UInt64?
  let discarded: UInt64?
  let sequence: UInt64?
  let packetBits: UInt64
  let contentBits: UInt64

  init(_ header: PacketHeader) {
    instance = header.instanceID
    cpu = header.cpu
    begin = header.begin
    end = header.end
    discarded = header.discarded
    sequence = header.sequence
    packetBits = header.statedPacketBits
    contentBits = header.statedContentBits
  }
}
