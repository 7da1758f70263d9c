import Foundation
import Glibc
import Platform
import TestSupport
import Testing

@testable import Machine

/// What a process that makes machine after machine keeps of them.
@Suite("Machines that are done with", .needsEngine)
struct ReleaseTests {
  /// Machines with all that may refer to each other, and one that is made and never run.
  private static let variants: [@Sendable (inout MachineConfiguration) -> Void] = [
    { _ in },
    { $0.threads = .single },
    { $0.interruptController = .split },
    { $0.interruptController = .none },
    {
      $0.vcpus = 2
      $0.ioThreads = 2
      $0.wait = .ring
      $0.coalescedIO = true
    },
    {
      $0.disks = [.scratch(bytes: 1 << 20), .scratch(bytes: 1 << 20)]
      $0.disks[1].method = .threads
    },
    { $0.networks = [.init(.user(.init()), address: [0x52, 0x54, 0, 0x12, 0x34, 0x56])] },
    {
      $0.entropy = true
      $0.ports = [.init(.port), .init(.port), .init(.terminal), .init(.null, isConsole: true)]
    },
    {
      $0.serial = .peer(.terminal)
      $0.debugConsole = MachineConfiguration.Serial.none
      $0.timeLimit = 60_000_000_000
    },
  ]

  /// Makes a machine, has its guest mark something and end the run, and forgets it.
  private static func make(
    _ change: (inout MachineConfiguration) -> Void, runs: Bool = true, engine: MachineConfiguration.EngineKind
  ) throws {
    // mov $1, %eax; mov $0x402, %dx; out %eax, %dx; mov $42, %al; out %al, $0xf4; hlt
    let code: [UInt8] = [0x66, 0xb8, 1, 0, 0, 0, 0xba, 2, 4, 0x66, 0xef, 0xb0, 42, 0xe6, 0xf4, 0xf4]
    var configuration = MachineConfiguration()
    configuration.engine = engine
    configuration.serial = .none
    change(&configuration)
    // The translator keeps no writes.
    if engine == .tcg { configuration.coalescedIO = false }
    let machine = try Machine(configuration) { _ throws(MachineError) in try configuration.flatPlan(code) }
    if runs { _ = try machine.run() }
  }

  private static var descriptors: [String] {
    (Directory.names(in: "/proc/self/fd") ?? []).map { name in
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)")) ?? name
    }
  }

  @Test("A hundred machines leave as many descriptors, threads and mappings as one does")
  func descriptors() async {
    // In a process of its own, where no other test opens anything.
    await #expect(processExitsWith: .success) {
      // What the process opens once, and keeps.
      let engines = HostEngine.all.compactMap(MachineConfiguration.EngineKind.init)
      for change in Self.variants {
        for engine in engines { try Self.make(change, engine: engine) }
      }
      let before = Self.descriptors
      for variant in 0..<100 {
        try Self.make(
          Self.variants[variant % Self.variants.count], runs: variant % 5 != 4,
          engine: engines[variant / Self.variants.count % engines.count])
      }
      let after = Self.descriptors
      #expect(before.count == after.count, "\(before.sorted()) and then \(after.sorted())")
      #expect(Directory.names(in: "/proc/self/task")?.count ?? 0 < 16)
      #expect(
        (TextFile.read("/proc/self/maps", limit: 1 << 20) ?? "").components(separatedBy: "guest-ram").count
          == 1)
    }
  }
}
