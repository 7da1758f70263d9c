import CTF

/// The state dump.
extension UnsafeMutablePointer where Pointee == AnalysisState {
  @inline(never)
  func describe(_ event: EventTag, _ row: UnsafePointer<UInt64>, _ run: EventRun) {
    func text(_ word: UInt64, limit: Int = Limits.nameBytes) -> String {
      String(decoding: run.string(word).prefix(limit), as: UTF8.self)
    }
    switch event {
    case .vmInfo:
      let event = VmInfoEvent(row: row)
      pointee.totals.addProcess(event.pid, run: pointee.run(of: run.stream))
      pointee.dump.add(
        MachineInfo(
          version: text(event.version), guest: text(event.guest), kvm: text(event.kvm),
          kernel: text(event.kernel),
          configuration: text(event.configuration, limit: Limits.configurationBytes), pid: event.pid,
          ramBytes: event.ramBytes, tscKHz: event.tscKhz, vcpus: event.vcpus, loops: event.loops))
    case .vcpuInfo:
      let event = VcpuInfoEvent(row: row)
      let id = Int(event.vcpu & 0xffff)
      guard id < Limits.vcpus, pointee.dump.vcpus[id] == nil else { return }
      pointee.dump.vcpus[id] = VcpuInfo(
        tid: event.tid, name: text(event.name), cpu: event.cpu,
        tscOffset: event.tscOffsetKnown == 0 ? nil : event.tscOffset)
    case .loopInfo:
      let event = LoopInfoEvent(row: row)
      let id = Int(event.loop & 0xffff)
      guard id < Limits.loops, pointee.dump.loops[id] == nil else { return }
      pointee.dump.loops[id] = LoopInfo(
        tid: event.tid, name: text(event.name), cpu: event.cpu, pollBudget: event.pollBudget)
    case .deviceInfo:
      let event = DeviceInfoEvent(row: row)
      pointee.dump.add(
        DeviceRange(
          device: event.device, name: text(event.name), isMemoryMapped: event.space == 1, base: event.base,
          length: event.length, line: event.line, lock: event.lock))
    case .ioeventfdInfo:
      let event = IoeventfdInfoEvent(row: row)
      pointee.dump.add(
        KickInfo(
          device: event.device, queue: event.queue, loop: event.loop, isMemoryMapped: event.space == 1,
          address: event.address, size: event.size, value: event.matched == 0 ? nil : event.value))
    case .kvmCounterInfo:
      let event = KvmCounterInfoEvent(row: row)
      guard event.scope <= 1, event.counter < UInt64(Limits.counters) else { return }
      pointee.dump.add(
        CounterInfo(
          name: text(event.name), kind: CounterInfo.Kind(rawValue: Int(clamping: event.type)),
          unit: Int(clamping: event.unit),
          base: Int(clamping: event.base), exponent: Int(clamping: event.exponent),
          size: Int(clamping: event.size),
          bucketSize: event.bucketSize),
        as: CounterName(isVcpu: event.scope == 1, counter: Int(clamping: event.counter)))
    case .emissionInfo:
      let event = EmissionInfoEvent(row: row)
      pointee.dump.add(
        EmissionCost(
          rounds: event.rounds, events: event.events, fastest: event.fastest, median: event.median))
    default: break
    }
  }
}
