/// The fifth stage's result: how to decode a structure, as a flat list of steps.
///
/// Terms: a *run* is a stretch of fields of fixed sizes at fixed offsets from its first bit, bounds-checked at once. A
/// *slot* says where a row wants a value; a *register* keeps a value that a later step depends on (the length of a
/// sequence, the tag of a variant, what a packet header means). A *tape* is the flat list of 64-bit words that a full
/// decoding yields, in the order of the fields.
struct Step {
  enum Kind: UInt8 {
    /// The structure is complete.
    case end
    /// Go on at the next multiple of `operand` bits.
    case align
    /// Begin a run of `offset` bits that puts `operand` words on the tape.
    case run
    /// Load `operand` little-endian integers of whole bytes, from field `offset` on.
    case fields
    /// Loads of whole bytes: `offset` is in bytes from the run's begin.
    case u16Swapped, u32Swapped, u64Swapped, s16Swapped, s32Swapped
    case float, floatSwapped
    /// Loads of any bits: `offset` is in bits from the run's begin, `size` in bits.
    case bitsLittle, bitsBig, signedBitsLittle, signedBitsBig, floatBitsLittle, floatBitsBig
    /// Load `operand` bits, more than 64, at bit `offset` of the run, as several words; `size` has flags.
    case wide
    /// The field of `operand` bits at bit `offset` of the run has the byte order that `size` says, 1 for big: it must
    /// not begin inside a byte that a field of the other order ends in. Register `slot` remembers.
    case order
    /// Load `size` bits at bit `offset` of the run, the last one first; `operand` has flags.
    case reversedBits
    /// Whether any of `operand` bits at bit `offset` of the run is set; `size` is 1 for big-endian.
    case boolean
    /// An integer in LEB128, `size` 1 if signed; its length in bits is kept.
    case variable
    /// Keep the value loaded last in register `slot`.
    case keep
    /// Put `operand` into register `slot`; add its bits to it; fail when the register is 0.
    case set, mark, require
    /// The value loaded last is the low `size` bits of the clock.
    case clock
    /// The same for the integer in LEB128 loaded last.
    case clockVariable
    /// Keep the byte position in register `slot`.
    case position
    /// Bytes up to a NUL.
    case string
    /// `operand` bytes of text; as many as register `offset` says.
    case text, textSequence
    /// Text in encoding `size` up to a NUL; `operand` bytes; as many as register `offset` says.
    case encodedString, encodedText, encodedTextSequence
    /// `operand` bytes; as many as register `offset` says.
    case blob, blobSequence
    /// At least `operand` bits follow.
    case room
    /// Repeat up to the matching `endLoop`, at step `offset` - 1, `operand` times.
    case loop
    /// The same, as often as register `slot` says; an element has at least `operand` bits.
    case loopSequence
    /// Back to step `offset` while there are elements left.
    case endLoop
    /// Skip `operand` bits; `operand` bits times register `slot`.
    case skip, skipSequence
    /// Choose by register `slot` among `operand` ranges from range `offset` on; `size` is 1 for signed tags.
    case variant
    /// The same for one option; where no range fits, go on at the next step.
    case optional
    /// Go on at step `offset`.
    case jump
  }

  /// The slot of a value that nobody wants.
  static let noSlot = UInt16.max
  /// Flags of a wide load: two's complement, big-endian, and that something depends on a value of 64 bits.
  static let wideSigned: UInt8 = 1
  static let wideBig: UInt8 = 2
  static let wideMustFit: UInt8 = 4
  static let wideReversed: UInt8 = 8
  /// Flags of a load of reversed bits: two's complement, big-endian, a floating-point number.
  static let reversedSigned: UInt64 = 1
  static let reversedBig: UInt64 = 2
  static let reversedFloat: UInt64 = 4

  var kind: Kind
  var size: UInt8 = 0
  var slot: UInt16 = Step.noSlot
  var offset: UInt32 = 0
  var operand: UInt64 = 0
}

/// Values of a variant's tag, ends included, that choose an option.
struct VariantRange {
  let low: UInt64
  let high: UInt64
  /// Index of the option.
  let option: UInt32
  /// The step to go on with.
  var target: UInt32
}

/// A little-endian integer of whole bytes in a run: loaded without a branch.
struct FieldLoad {
  /// Bytes from the run's begin. Eight bytes are loaded, of which `mask` leaves the value.
  let offset: UInt32
  let slot: UInt16
  let mask: UInt64
  /// The sign bit of a signed integer, otherwise 0.
  let sign: UInt64

  init(offset: Int, size: Int, isSigned: Bool, slot: UInt16) {
    self.offset = UInt32(offset)
    self.slot = slot
    mask = size == 64 ? UInt64.max : 1 << UInt64(size) - 1
    sign = isSigned && size < 64 ? 1 << UInt64(size - 1) : 0
  }

  /// The value, sign-extended, from a run that begins with `bytes`: it is in memory as a whole.
  @inline(__always) @unsafe
  func load(_ bytes: PacketBytes) -> UInt64 {
    // Behind the run's end there are eight bytes that may be loaded.
    unsafe ((bytes.load(UInt64.self, at: Int(offset)) & mask) ^ sign) &- sign
  }
}

/// Registers whose meaning the specification gives (CTF 1.8, sections 5.1, 5.2 and 6.1); references get those after.
enum Register {
  static let magic = 0
  static let streamID = 1
  static let streamInstanceID = 2
  static let timestampBegin = 3
  static let timestampEnd = 4
  static let contentSize = 5
  static let packetSize = 6
  static let eventsDiscarded = 7
  static let packetSequenceNumber = 8
  static let cpu = 9
  static let eventID = 10
  static let uuidPosition = 11
  /// The byte that the bit field before ended in, times two, and 1 if its byte order was big.
  static let bitOrder = 12
  /// Bit n says that the packet has the field of register n (CTF 2).
  static let present = 13
  /// The length in bits of the integer in LEB128 loaded last.
  static let variableBits = 14
  static let firstFree = 15

  /// The registers of CTF 2's roles; timestamps at the begin of packets set the clock.
  static let roles: [(FieldRoles, Int)] = [
    (.magic, magic), (.streamClassID, streamID), (.streamID, streamInstanceID), (.timestamp, timestampBegin),
    (.packetEnd, timestampEnd), (.contentLength, contentSize), (.totalLength, packetSize),
    (.discarded, eventsDiscarded), (.sequenceNumber, packetSequenceNumber), (.eventClassID, eventID),
  ]

  static let packetHeader: [String: Int] = [
    "magic": magic, "stream_id": streamID, "stream_instance_id": streamInstanceID,
  ]
  static let packetContext: [String: Int] = [
    "timestamp_begin": timestampBegin, "timestamp_end": timestampEnd, "content_size": contentSize,
    "packet_size": packetSize, "events_discarded": eventsDiscarded, "packet_seq_num": packetSequenceNumber,
    "cpu_id": cpu,
  ]
}

/// Where fields live while a packet is read (CTF 1.8, section 7.3.2), outermost first.
enum DynamicScope: Int, CaseIterable {
  case packetHeader, packetContext, eventHeader, streamEventContext, eventContext, payload

  var path: [String] {
    switch self {
    case .packetHeader: ["trace", "packet", "header"]
    case .packetContext: ["stream", "packet", "context"]
    case .eventHeader: ["stream", "event", "header"]
    case .streamEventContext: ["stream", "event", "context"]
    case .eventContext: ["event", "context"]
    case .payload: ["event", "fields"]
    }
  }
}
