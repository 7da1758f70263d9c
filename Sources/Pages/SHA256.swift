/// SHA-256 (FIPS 180-4): by it a page's policy names the one script that it allows.
enum SHA256 {
  /// The digest of some bytes, 32 bytes long.
  static func digest(_ bytes: [UInt8]) -> [UInt8] {
    var state = initial
    var padded = bytes + [0x80]
    padded += Array(repeating: 0, count: (120 - padded.count % 64) % 64)
    padded += (0..<8).map { UInt8(truncatingIfNeeded: (UInt64(bytes.count) << 3) >> UInt64(56 - 8 * $0)) }
    var schedule = [UInt32](repeating: 0, count: 64)
    for block in stride(from: 0, to: padded.count, by: 64) {
      for word in 0..<16 {
        schedule[word] = (0..<4).reduce(0) { $0 << 8 | UInt32(padded[block + 4 * word + $1]) }
      }
      for word in 16..<64 {
        let (early, late) = (schedule[word - 15], schedule[word - 2])
        schedule[word] =
          schedule[word - 16] &+ schedule[word - 7] &+ (right(early, 7) ^ right(early, 18) ^ early >> 3)
          &+ (right(late, 17) ^ right(late, 19) ^ late >> 10)
      }
      compress(&state, schedule)
    }
    return state.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * $0)) } }
  }

  private static func compress(_ state: inout [UInt32], _ schedule: [UInt32]) {
    var (a, b, c, d) = (state[0], state[1], state[2], state[3])
    var (e, f, g, h) = (state[4], state[5], state[6], state[7])
    for round in 0..<64 {
      let choice = (e & f) ^ (~e & g)
      let first =
        h &+ (right(e, 6) ^ right(e, 11) ^ right(e, 25)) &+ choice &+ constants[round] &+ schedule[round]
      let majority = (a & b) ^ (a & c) ^ (b & c)
      let second = (right(a, 2) ^ right(a, 13) ^ right(a, 22)) &+ majority
      (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
    }
    for (place, word) in [a, b, c, d, e, f, g, h].enumerated() { state[place] &+= word }
  }

  private static func right(_ word: UInt32, _ count: UInt32) -> UInt32 {
    word >> count | word << (32 - count)
  }

  /// The first prime numbers, of which FIPS 180-4 takes its constants.
  private static let primes: [UInt64] = {
    var primes: [UInt64] = []
    var number: UInt64 = 2
    while primes.count < 64 {
      if primes.allSatisfy({ number % $0 != 0 }) { primes.append(number) }
      number += 1
    }
    return primes
  }()

  /// The first 32 bits of a root's fraction.
  ///
  /// - Parameter isAtMost: Whether a number of 2^-32 is not above the root.
  private static func fraction(_ isAtMost: (UInt64) -> Bool) -> UInt32 {
    // Square roots of the first 8 primes are below 5, cube roots of the first 64 below 7.
    var root: UInt64 = 0
    for bit in (0..<35).reversed() where isAtMost(root | 1 << UInt64(bit)) { root |= 1 << UInt64(bit) }
    return UInt32(truncatingIfNeeded: root)
  }

  /// Of the square roots of the first 8 primes (section 5.3.3).
  private static let initial: [UInt32] = primes.prefix(8).map { prime in
    fraction { UInt128($0) * UInt128($0) <= UInt128(prime) << 64 }
  }

  /// Of the cube roots of the first 64 primes (section 4.2.2).
  private static let constants: [UInt32] = primes.map { prime in
    fraction { UInt128($0) * UInt128($0) * UInt128($0) <= UInt128(prime) << 96 }
  }
}
