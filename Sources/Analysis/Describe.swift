import CTF

/// The rare events: marks, KVM's counters and the state dump.
extension UnsafeMutablePointer where Pointee == Core {
  @inline(never)
  func mark(_ timestamp: Int64, _ location: UInt64, _ field: UnsafePointer<UInt64>) {
    let mark = GuestMark(
      exemplar: Exemplar(timestamp: timestamp, location: location), vcpu: Int(field[0] & 0xffff),
      value: UInt32(truncatingIfNeeded: field[2]), counts: pointee.counts)
    pointee.markCount &+= 1
    pointee.lastMark = mark
    if pointee.marks.count < Limits.marks { pointee.marks.append(mark) }
  }

  @inline(never)
  func statistics(_ timestamp: Int64, _ field: UnsafePointer<UInt64>) {
    let isVcpu = field[0] == 1
    let id = Int(field[1] & 0xffff)
    if field[2] == StatisticsMoment.end { pointee.hasEnd = true }
    var counts = pointee.counts
    if isVcpu {
      guard let thread = vcpu(field[1]) else { return }
      counts = ExitCounts()
      counts.exits = thread.pointee.exitTotals.exits
      counts.io = thread.pointee.reasons[Int(ExitReason.io)]
      counts.mmio = thread.pointee.reasons[Int(ExitReason.mmio)]
      counts.hlt = thread.pointee.reasons[Int(ExitReason.hlt)]
    } else if id > 15 {
      return
    }
    let values = KvmCounter.allCases.map { field[4 + $0.rawValue] }
    let sample = KvmSample(
      timestamp: timestamp, known: UInt32(truncatingIfNeeded: field[3]), values: values, counts: counts)
    let scope = KvmScope(isVcpu: isVcpu, id: id)
    if var samples = pointee.samples[scope] {
      samples.count += 1
      samples.last = sample
      pointee.samples[scope] = samples
    } else {
      pointee.samples[scope] = KvmSamples(count: 1, first: sample, last: sample)
    }
  }

  @inline(never)
  func describe(_ event: EventTag, _ field: UnsafePointer<UInt64>, _ run: EventRun) {
    func text(_ word: UInt64, limit: Int = Limits.nameBytes) -> String {
      String(decoding: run.string(word).prefix(limit), as: UTF8.self)
    }
    switch event {
    case .vmInfo:
      pointee.totals.addProcess(UInt32(truncatingIfNeeded: field[5]), run: pointee.run(of: run.stream))
      pointee.dump.add(
        MachineInfo(
          version: text(field[0]), guest: text(field[1]), kvm: text(field[2]), kernel: text(field[3]),
          configuration: text(field[4], limit: Limits.configurationBytes),
          pid: UInt32(truncatingIfNeeded: field[5]), ramBytes: field[6],
          tscKHz: UInt32(truncatingIfNeeded: field[7]), vcpus: UInt16(truncatingIfNeeded: field[8]),
          loops: UInt16(truncatingIfNeeded: field[9])))
    case .vcpuInfo:
      let id = Int(field[0] & 0xffff)
      guard id < Limits.vcpus, pointee.dump.vcpus[id] == nil else { return }
      pointee.dump.vcpus[id] = VcpuInfo(
        tid: UInt32(truncatingIfNeeded: field[1]), name: text(field[2]),
        cpu: Int32(truncatingIfNeeded: field[3]),
        tscOffset: field[5] == 0 ? nil : Int64(bitPattern: field[4]))
    case .loopInfo:
      let id = Int(field[0] & 0xffff)
      guard id < Limits.loops, pointee.dump.loops[id] == nil else { return }
      pointee.dump.loops[id] = LoopInfo(
        tid: UInt32(truncatingIfNeeded: field[1]), name: text(field[2]),
        cpu: Int32(truncatingIfNeeded: field[3]), pollBudget: UInt32(truncatingIfNeeded: field[4]))
    case .deviceInfo:
      pointee.dump.add(
        DeviceRange(
          device: UInt16(truncatingIfNeeded: field[0]), name: text(field[1]), isMemoryMapped: field[2] == 1,
          base: field[3], length: field[4], line: Int32(truncatingIfNeeded: field[5]),
          lock: UInt16(truncatingIfNeeded: field[6])))
    case .ioeventfdInfo:
      pointee.dump.add(
        KickInfo(
          device: UInt16(truncatingIfNeeded: field[0]), queue: UInt16(truncatingIfNeeded: field[1]),
          loop: UInt16(truncatingIfNeeded: field[2]), isMemoryMapped: field[3] == 1, address: field[4],
          size: UInt8(truncatingIfNeeded: field[5]), value: field[6] == 0 ? nil : field[7]))
    case .kvmCounterInfo:
      guard field[0] <= 1, field[1] < UInt64(Limits.counters) else { return }
      pointee.dump.add(
        CounterInfo(
          name: text(field[2]), kind: CounterInfo.Kind(rawValue: Int(field[3] & 0xff)),
          unit: Int(field[4] & 0xff), base: Int(field[5] & 0xff),
          exponent: Int(Int16(truncatingIfNeeded: field[6])), size: Int(field[7] & 0xffff),
          bucketSize: UInt32(truncatingIfNeeded: field[8])),
        as: CounterName(isVcpu: field[0] == 1, counter: Int(field[1])))
    case .clockSync:
      pointee.clockSyncs &+= 1
      synchronize()
    default: break
    }
  }
}

/// `stats_moment` of the catalogue.
enum StatisticsMoment {
  static let start: UInt64 = 0
  static let end: UInt64 = 2
}
