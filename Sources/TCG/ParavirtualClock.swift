import GuestRAM
import Platform

/// KVM's clock for its guests (Linux, Documentation/virt/kvm/x86/msr.rst, and cpuid.rst): how the guest's time stamp counter counts nanoseconds, in
/// guest memory. A kernel that knows it need not measure the counter by an interval timer, which a translator makes slow and wrong.
struct ParavirtualClock: Sendable {
  /// MSR_KVM_WALL_CLOCK_NEW and MSR_KVM_SYSTEM_TIME_NEW: where the guest wants them.
  static let wallClock: UInt32 = 0x4b56_4d00
  static let systemTime: UInt32 = 0x4b56_4d01

  /// "KVMKVMKVM", as EBX, ECX and EDX of leaf 0x40000000 have it, and the leaf of features: the two registers, and that all vCPUs' counters are
  /// the same (KVM_FEATURE_CLOCKSOURCE2, KVM_FEATURE_CLOCKSOURCE_STABLE_BIT).
  static let signature: (UInt32, UInt32, UInt32) = (0x4b4d_564b, 0x564b_4d56, 0x4d)
  static let features: UInt32 = 1 << 3 | 1 << 24

  /// Time of CLOCK_MONOTONIC that is the clock's 0, in nanoseconds.
  let began: UInt64

  /// How ticks become nanoseconds: (ticks · 2^shift · multiplier) / 2^32.
  struct Scale: Equatable {
    var multiplier: UInt32
    var shift: Int8

    /// - Parameter kHz: ticks in a millisecond, 1 or more.
    init(kHz: UInt32) {
      // Nanoseconds a tick are numerator / denominator; the multiplier gets all of its 32 bits.
      var numerator: UInt64 = 1_000_000
      var denominator = UInt64(max(kHz, 1))
      var shift: Int8 = 0
      while numerator >= denominator {
        denominator <<= 1
        shift += 1
      }
      while numerator << 1 < denominator {
        numerator <<= 1
        shift -= 1
      }
      // Below 2^32, as the numerator is below the denominator.
      multiplier = UInt32(truncatingIfNeeded: (numerator << 32) / denominator)
      self.shift = shift
    }
  }

  /// Answers a guest that has said where it wants one of the two. Where there is no RAM nothing is written.
  ///
  /// - Parameters:
  ///   - index: the register.
  ///   - value: what was written to it: the address; bit 0 of the system time's says whether it is wanted.
  func publish(_ index: UInt32, _ value: UInt64, kHz: UInt32, to memory: GuestMemory) {
    let place = GuestAddress(value & ~3)
    let now = Clock.correlate()
    let elapsed = now.monotonic > began ? now.monotonic - began : 0
    // A version that is even says that nobody is writing.
    let version: UInt32 = 2
    if index == Self.wallClock {
      let begin = now.realtime > elapsed ? now.realtime - elapsed : 0
      let (seconds, rest) = begin.quotientAndRemainder(dividingBy: 1_000_000_000)
      write([UInt64(version) | seconds << 32, rest], to: memory, at: place, bytes: 12)
    } else if value & 1 != 0 {
      let scale = Scale(kHz: kHz)
      let stable: UInt64 = 1
      let last =
        UInt64(scale.multiplier) | UInt64(UInt8(bitPattern: scale.shift)) << 32 | stable << 40
      write([UInt64(version), now.timeStampCounter, elapsed, last], to: memory, at: place, bytes: 32)
    }
  }

  private func write(_ words: [UInt64], to memory: GuestMemory, at place: GuestAddress, bytes: UInt64) {
    for offset in stride(from: UInt64(0), to: bytes, by: 4) {
      let word = words[Int(offset / 8)] >> (offset % 8 * 8)
      let (address, isBeyond) = place.value.addingReportingOverflow(offset)
      guard !isBeyond,
        (try? memory.write(UInt32(truncatingIfNeeded: word), at: GuestAddress(address), .little)) != nil
      else { return }
    }
  }
}
