import FuzzTargets
import TestSupport
import Testing

/// The fuzzer's target of virtio devices with inputs of chance, for runs under sanitizers that a fuzzer cannot use, such as the
/// thread sanitizer.
@Suite("Steps of chance of a hostile guest and another vCPU", .serialized)
struct VirtioStepTests {
  /// Steps that make sense more often than bytes of chance would.
  private func input(_ random: inout SeededGenerator) -> [UInt8] {
    var bytes = [UInt8.random(in: 0...3, using: &random)]
    // All four are set up: what comes is more than what is refused.
    for device: UInt8 in 0..<4 {
      bytes +=
        [3, device, 0, .random(in: 0...6, using: &random), 0, 0, 0, 0] + [UInt8](repeating: 0xff, count: 8)
    }
    for _ in 0..<Int.random(in: 4...60, using: &random) {
      bytes += [.random(in: 0...9, using: &random), .random(in: 0...3, using: &random)]
      bytes += [.random(in: 0...3, using: &random), .random(in: 0...7, using: &random)]
      bytes += (0..<12).map { _ in Bool.random(using: &random) ? 0 : .random(in: 0...255, using: &random) }
    }
    return bytes
  }

  @Test("break what they break, and nothing else", arguments: 0..<8 as Range<UInt64>)
  func steps(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for number in 0..<40 {
      let input = input(&random)
      #expect(FuzzTarget.virtio.run(input) == nil, "input \(number) of seed \(seed)")
    }
  }
}
