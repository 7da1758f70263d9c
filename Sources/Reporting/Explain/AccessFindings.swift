import Reports

/// Findings about accesses to registers, each of which is an exit of its own.
extension Findings {
  /// Time spent on accesses to one device's registers.
  static func smallAccesses(_ run: ExplainedRun) -> [FindingReport] {
    run.registers.compactMap { accesses in
      guard let device = accesses.device, let cost = accesses.usualCost else { return nil }
      guard
        var found = run.vcpuFinding(
          "small_accesses", device, cost,
          title: { "\($0) on accesses to registers of \(device): \(words(accesses.exits))" })
      else { return nil }
      describe(&found, accesses)
      found.advice = coalescing(device, run) + registerAdvice(device, run)
      found.estimate = estimate(
        cost, "the guest does the same work without these accesses, and does not wait for what they do")
      found.more = "exits --by address --device \(Text.shellWord(device))"
      return found
    }
  }

  /// Accesses at addresses that no device claims.
  static func unclaimedAccesses(_ run: ExplainedRun) -> [FindingReport] {
    var found: [FindingReport] = []
    var rest: [ExplainedRun.Accesses] = []
    for accesses in run.unclaimed {
      if let finding = unclaimed(accesses, run) { found.append(finding) } else { rest.append(accesses) }
    }
    return found + [scan(rest, run)].compactMap { $0 }
  }

  private static func unclaimed(_ accesses: ExplainedRun.Accesses, _ run: ExplainedRun) -> FindingReport? {
    guard let cost = accesses.usualCost, let address = accesses.exits.address else { return nil }
    let isPort = accesses.exits.reason == "io"
    let place = (isPort ? "port" : "address") + " 0x" + String(address, radix: 16)
    guard
      var found = run.vcpuFinding(
        "unclaimed_accesses", place, cost,
        title: { "\($0) on accesses to \(place), which no device claims: \(words(accesses.exits))" })
    else { return nil }
    describe(&found, accesses)
    found.advice = unclaimedAdvice(isPort ? address : nil)
    found.estimate = estimate(cost, "the guest leaves these accesses out, and nothing takes their place")
    found.more =
      "exits --by address --address 0x\(String(address, radix: 16)) --reason \(isPort ? "io" : "mmio")"
    return found
  }

  /// Many addresses of which none costs much: a guest that looks for devices.
  private static func scan(_ rest: [ExplainedRun.Accesses], _ run: ExplainedRun) -> FindingReport? {
    guard rest.count > 1 else { return nil }
    // Costs of kinds of exits add up. All of the waiting is taken off each, so what is left is still a lower bound.
    func sum(_ part: (ExitCostReport) -> Int64) -> Int64 {
      rest.reduce(0) { $0 &+ ($1.usualCost.map(part) ?? 0) }
    }
    let cost = ExitCostReport(atLeast: sum(\.atLeast), likely: sum(\.likely), atMost: sum(\.atMost))
    let exits = rest.reduce(0) { $0 &+ $1.exits.count }
    let places = "\(rest.count) addresses"
    guard
      var finding = run.vcpuFinding(
        "unclaimed_accesses", places, cost,
        title: { "\($0) on accesses to \(places) that no device claims: \(Text.number(exits, "exit"))" })
    else { return nil }
    finding.numbers = [.count("exits", exits), .count("addresses", UInt64(rest.count))]
    finding.parts = parts(rest.flatMap(\.parts))
    setCallers(&finding, Caller.sum(rest.map(\.callers)))
    finding.advice = unclaimedAdvice(nil)
    finding.estimate = estimate(cost, "the guest leaves these accesses out, and nothing takes their place")
    finding.more = "exits --by address --device unclaimed"
    return finding
  }

  /// How many exits, and how long each.
  static func words(_ exits: ExitReport) -> String {
    Text.number(exits.count, "exit") + (exits.cost?.average.map { ", \(Text.duration($0)) each" } ?? "")
      + (exits.handling.count > 0 ? ", handled in \(Text.duration(exits.handling.p50)) (p50)" : "")
  }

  /// Devices whose registers KVM can keep writes to.
  private static let coalescing: Set<String> = ["scratch0", "rtc", "fw-cfg"]

  private static func coalescing(_ device: String, _ run: ExplainedRun) -> [String] {
    // A translator keeps none.
    guard coalescing.contains(device), run.configuration["coalescedIO"] == "off",
      run.configuration["engine"] != "tcg"
    else { return [] }
    return ["have KVM keep its writes until the next exit: --coalesced-io on"]
  }

  private static func registerAdvice(_ device: String, _ run: ExplainedRun) -> [String] {
    // What is left of exits are reads, which carry out the writes that were kept before them.
    if coalescing.contains(device), run.configuration["coalescedIO"] == "on" {
      return [
        "writes are kept already (--coalesced-io on), and each read is an exit that carries them out: make fewer reads"
      ]
    }
    if device.hasPrefix("serial") {
      return [
        "a virtio console takes a whole buffer with one kick: --device virtio-serial-device --chardev "
          + "file,id=c,path=FILE --device virtconsole,chardev=c, and for Linux console=hvc0 in --append",
        "print less: for Linux quiet in --append",
      ]
    }
    if device == "pm-timer" {
      return ["let the guest read its time stamp counter instead: for Linux clocksource=tsc in --append"]
    }
    return [
      "each access is an exit of its own: make fewer of them, or larger ones, or let the device work through memory, as virtio's "
        + "queues do"
    ]
  }

  private static func unclaimedAdvice(_ port: UInt64?) -> [String] {
    if port == 0x80 || port == 0xed {
      return [
        "this port is written to lose time, which no device of this machine needs: for Linux io_delay=none in --append"
      ]
    }
    return [
      "find out what the guest looks for there, and have it stop: by leaving the driver out, or by a parameter of its"
    ]
  }
}
