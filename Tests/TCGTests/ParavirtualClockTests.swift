import Testing

@testable import TCG

@Suite("KVM's clock, as the translator has it")
struct ParavirtualClockTests {
  /// Linux's `pvclock_scale_delta`.
  private func nanoseconds(_ ticks: UInt64, _ scale: ParavirtualClock.Scale) -> UInt64 {
    let shifted = scale.shift < 0 ? ticks >> UInt64(-scale.shift) : ticks << UInt64(scale.shift)
    let product = shifted.multipliedFullWidth(by: UInt64(scale.multiplier))
    return product.high << 32 | product.low >> 32
  }

  @Test(
    "an hour of ticks at any frequency is an hour, within a part in 2^30",
    arguments: [1, 999, 1000, 1001, 32_768, 999_999, 1_000_000, 1_000_001, 2_445_428, 5_000_000, UInt32.max])
  func scale(kHz: UInt32) {
    let scale = ParavirtualClock.Scale(kHz: kHz)
    let hour: UInt64 = 3_600_000
    let expected = Double(hour) * 1e6
    let found = Double(nanoseconds(hour * UInt64(kHz), scale))
    #expect(abs(found / expected - 1) < 1 / Double(1 << 30), "\(scale)")
    // All 32 bits are used.
    #expect(scale.multiplier >> 31 == 1, "\(scale)")
  }
}
