/// What an analysis state is when it is a file: a signature, a version, a length, a checksum, and the state.
package enum StateFile {
  /// Not text in any encoding; a transfer that changes line ends or cuts the eighth bit shows.
  static let signature: [UInt8] = [0x89, 0x45, 0x58, 0x53, 0x54, 0x0d, 0x0a, 0x1a]
  /// The version that this program writes, and the only one that it reads: what a state means depends on every bound in
  /// ``Limits``.
  package static let version: UInt8 = 11
  /// More bytes no state has.
  package static let largest = 1 << 30
  /// Machines whose recordings one state holds.
  package static let mostMachines = Limits.machines
  /// Bytes before the state itself.
  package static let headerSize = signature.count + 1 + 8 + 8

  /// Whether a file that begins like this is a state.
  package static func isState(_ bytes: some Sequence<UInt8>) -> Bool {
    Array(bytes.prefix(signature.count)) == signature
  }

  /// The bytes of a state.
  package static func bytes(of recordings: [SavedRecording]) throws(StateError) -> [UInt8] {
    var coder = StateCoder()
    _ = try coder.count(recordings.count, limit: Limits.machines, "a list of machines")
    for var recording in recordings { try recording.write(&coder) }
    let body = coder.bytes
    return signature + [version] + bytes(UInt64(body.count)) + bytes(checksum(body)) + body
  }

  /// The recordings of a state: one, or those of several machines.
  package static func read(_ bytes: [UInt8]) throws(StateError) -> [SavedRecording] {
    guard isState(bytes) else { throw StateError("it is no state of exeunt-analyze") }
    guard bytes.count >= headerSize else { throw StateError("it is cut: it has only \(bytes.count) bytes") }
    let version = bytes[signature.count]
    guard version == Self.version else {
      throw StateError(
        version > Self.version
          ? "it was written by a newer exeunt-analyze (version \(version); this one reads \(Self.version))"
          : "it was written by an older exeunt-analyze (version \(version)); make it anew from the recording")
    }
    let length = number(bytes, at: signature.count + 1)
    let known = bytes.count - headerSize
    guard length == UInt64(known) else {
      throw StateError(
        length > UInt64(known)
          ? "it is cut: \(known) of \(length) bytes are there"
          : "there are \(UInt64(known) - length) bytes behind it")
    }
    let body = Array(bytes[headerSize...])
    guard number(bytes, at: signature.count + 9) == checksum(body) else {
      throw StateError("it is damaged: its checksum is wrong")
    }
    return try read(body: body)
  }

  /// Reads what comes behind the checksum.
  package static func read(body: [UInt8]) throws(StateError) -> [SavedRecording] {
    var coder = StateCoder(reading: body)
    let count = try coder.count(0, limit: Limits.machines, "a list of machines")
    guard count > 0 else { throw StateError("there is nothing in it") }
    var recordings: [SavedRecording] = []
    for _ in 0..<count { recordings.append(try SavedRecording(reading: &coder)) }
    guard coder.isAtEnd else { throw coder.mistake("there is more than the state") }
    guard count == 1 || Set(recordings.map(\.label)).count == count else {
      throw coder.mistake("two machines of one name")
    }
    return recordings
  }

  /// FNV-1a of 64 bits: against accidents, not against intent.
  static func checksum(_ bytes: [UInt8]) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }

  private static func bytes(_ number: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
  }

  private static func number(_ bytes: [UInt8], at place: Int) -> UInt64 {
    (0..<8).reduce(0) { $0 | UInt64(bytes[place + $1]) << UInt64($1 * 8) }
  }
}
