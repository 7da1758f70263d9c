import Glibc
import Platform
import TestSupport
import Testing

@testable import Machine

@Suite("What a guest may touch", .needsEngine)
struct AccessTests {
  @Test("What nobody has reads as all ones and is counted by address")
  func nobody() throws {
    let summary = try TestGuest.nobody.run()
    #expect(summary.outcome == .poweredOff)
    #expect(
      summary.unclaimed == [
        // Three reads, a write, and the eight elements of a string instruction.
        UnclaimedAccess(isPort: true, address: 0x1234, count: 12),
        UnclaimedAccess(isPort: true, address: 0x596, count: 1),
      ])
    #expect(summary.unclaimedElsewhere == 0)
  }

  /// 32 768 ports and 70 000 addresses, and six accesses more at two of them.
  @Test("A guest that scans all there is costs a table of fixed size, and every access is counted")
  func scan() throws {
    let summary = try TestGuest.scan.run { $0.timeLimit = 60_000_000_000 }
    #expect(summary.outcome == .poweredOff)
    #expect(summary.unclaimed.count <= 256)
    let counted = summary.unclaimed.reduce(0) { $0 + $1.count }
    #expect(counted + summary.unclaimedElsewhere == 32_768 + 70_000 + 6)
    // The first comer has its slot: the first port is told with its exact count.
    #expect(summary.unclaimed.first == UnclaimedAccess(isPort: true, address: 0x3000, count: 4))
    for (left, right) in zip(summary.unclaimed, summary.unclaimed.dropFirst()) {
      #expect(left.count >= right.count)
    }
  }

  @Test("Counting by address agrees with a dictionary, with and without overflow")
  func table() {
    for addresses in [20, 5000] as [UInt64] {
      var tables = [UnclaimedAccesses(), UnclaimedAccesses()]
      var reference: [String: UInt64] = [:]
      for index in 0..<20_000 as Range<UInt64> {
        let address = (index * index) % addresses * 0x1001
        let isPort = index % 3 == 0
        tables[Int(index % 2)].count(isPort: isPort, address: address)
        reference["\(isPort) \(address)", default: 0] += 1
      }
      let merged = UnclaimedAccesses.merge(tables)
      #expect(merged.accesses.reduce(0) { $0 + $1.count } + merged.elsewhere == 20_000)
      for access in merged.accesses {
        let exact = reference["\(access.isPort) \(access.address)"] ?? 0
        #expect(access.count <= exact)
        if addresses == 20 { #expect(access.count == exact) }
      }
      if addresses == 20 { #expect(merged.elsewhere == 0) }
    }
  }

  @Test("Queues that do not exist are exits, counted by the device", arguments: [true, false])
  func wrongQueues(ioeventfd: Bool) throws {
    #expect(try TestGuest.wrongQueues.run { $0.ioeventfd = ioeventfd }.outcome == .debugExit(value: 4))
  }

  /// Sparse memory: what the guest does not touch costs nothing.
  @Test("RAM beyond 3 GiB is found at 4 GiB, and between them is nothing")
  func hole() throws {
    let summary = try TestGuest.hole.run { $0.memory = 7 << 29 }
    #expect(summary.outcome == .poweredOff)
    let addresses = summary.unclaimed.map(\.address).sorted()
    let places: [UInt64] = [0xc000_0000, 0xcfff_fff8, 0x1_2000_0000]
    // A translator's accesses of eight bytes are two.
    #expect(addresses == (HostEngine.hasKVM ? places : places.flatMap { [$0, $0 + 4] }))
    #expect(summary.unclaimed.allSatisfy { $0.count == 2 })
    // With 2 GiB there is nothing at 3 GiB - 8.
    #expect(try TestGuest.hole.run { $0.memory = 2 << 30 }.outcome == .debugExit(value: 1))
  }

  @Test("Threads have names and run where they were pinned")
  func threads() throws {
    let machine = try TestGuest.spin.machine {
      $0.vcpus = 2
      $0.ioThreads = 2
      $0.pins = ["vcpu1": 0, "io0": 0]
    }
    let control = machine.control
    let expected = ["vcpu0", "vcpu1", "io0", "io1"]
    let found = FoundThreads()
    let (vcpus, loops) = (machine.vcpus, machine.loops)
    let watcher = try DedicatedThread(name: "watcher") {
      // Other tests of this process have such threads as well; ours are told apart by the ids that they noted.
      usleep(100_000)
      for (name, id) in zip(expected, vcpus.map(\.thread.number) + loops.map(\.thread.number)) {
        let status = TextFile.read("/proc/self/task/\(id)/status") ?? ""
        let fields = Dictionary(
          status.split(separator: "\n").compactMap { line -> (String, String)? in
            let parts = line.split(separator: "\t", maxSplits: 1)
            return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
          }, uniquingKeysWith: { $1 })
        found.add(name, fields["Name:"] ?? "", fields["Cpus_allowed_list:"] ?? "")
      }
      control.end(.quit)
    }
    _ = try machine.run()
    watcher.join()
    for name in expected { #expect(found.names[name] == name) }
    #expect(found.cpus["vcpu1"] == "0")
    #expect(found.cpus["io0"] == "0")
    if ProcessorSet.count > 1 {
      #expect(found.cpus["vcpu0"] != "0")
      #expect(found.cpus["io1"] != "0")
    }
  }
}

/// What a watching thread found; read after it has ended.
private final class FoundThreads: @unchecked Sendable {
  private(set) var names: [String: String] = [:]
  private(set) var cpus: [String: String] = [:]
  func add(_ key: String, _ name: String, _ cpus: String) {
    names[key] = name
    self.cpus[key] = cpus
  }
}
