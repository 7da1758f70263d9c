import GuestPrograms
import Testing

@Suite struct ParameterBlockTests {
  @Test func layoutIsTheContract() throws {
    let (program, arguments) = try GuestProgram.parse("port-io,iterations=0x01020304,size=2,spacing=0x506")
    let machine = GuestMachine(vcpus: 3, interruptController: .split, tscKilohertz: 0x0a0b_0c0d)
    let block = try program.parameterBlock(arguments, on: machine)
    #expect(
      block == [
        0x31, 0x45, 0x58, 0x4e, 3, 0, 0, 0, 4, 3, 2, 1, 0, 0, 0, 0,
        6, 5, 0, 0, 4, 0, 0, 0, 0x0d, 0x0c, 0x0b, 0x0a, 2, 0, 1, 0,
        // No device, and of what is asked of one only the size, which is this guest's, too.
        0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
      ])
  }

  @Test func moreVcpusThanQueuesAreRefused() throws {
    let (program, arguments) = try GuestProgram.parse("port-io")
    let error = #expect(throws: GuestError.self) {
      try program.parameterBlock(arguments, on: GuestMachine(vcpus: 17))
    }
    #expect(error?.description.contains("--cpus 16") == true)
  }
}

@Suite struct GuestReportTests {
  @Test("The number behind a failure is told with what it is the number of, for each guest")
  func details() throws {
    var bytes = [UInt8](repeating: 0, count: GuestReport.byteCount)
    bytes.replaceSubrange(0..<4, with: Array("ERPT".utf8))
    var report = try bytes.withUnsafeBytes { try GuestReport(decoding: $0) }
    for (failure, device, detail, words): (GuestReport.Failure, VirtioKind?, UInt64, String?) in [
      (.wrongValue, .disk, 0, "sector 0"), (.status, .disk, 2048, "sector 2048"),
      (.diskTooSmall, .disk, 8, "it has 8 sectors"), (.completion, .disk, 7, "request 7"),
      (.completion, .entropy, 0, nil), (.completion, .console, 1, "request 1"),
      (.wrongValue, .network, 12, "packet 12"), (.status, .network, 60, "60 bytes"),
      (.wrongValue, .console, 99, "word 99"), (.wrongValue, .entropy, 5, "word 5"),
      (.wrongValue, .entropy, 1 << 63, "bits 0x8000000000000000, the same in all words"),
      (.features, .disk, 1 << 12, "VIRTIO_BLK_F_MQ"),
      (
        .features, .network, 1 << 32 | 1 << 28 | 0x61,
        "VIRTIO_NET_F_MAC, VIRTIO_F_INDIRECT_DESC, VIRTIO_F_VERSION_1, 0x41"
      ),
      (.features, .entropy, 1 << 63, "0x8000000000000000"), (.features, nil, 2, "2"),
      (.queues, .disk, 2, "the device has 2"), (.queues, .disk, 0, "the device has 0"),
      (.entries, .entropy, 16, "it has 16"), (.ports, .console, 1, "the device has 1"),
      (.device, .console, 1, "port 1"), (.device, .disk, 0, nil),
      (.device, .network, 0, nil), (.peer, .console, 1, nil), (.interrupt, nil, 0, nil),
      (.wrongValue, nil, 3, "3"),
    ] {
      report.failureCode = failure.rawValue
      report.detail = detail
      #expect(report.detailText(device) == words)
    }
  }

  @Test func layoutIsTheContract() throws {
    var bytes = [UInt8](repeating: 0, count: 96)
    bytes.replaceSubrange(0..<8, with: [0x45, 0x52, 0x50, 0x54, 2, 0, 0, 0])
    for field in 1..<12 { bytes[8 * field] = UInt8(field) }
    let report = try bytes.withUnsafeBytes { try GuestReport(decoding: $0) }
    #expect(report.failure == .completion)
    #expect(
      [
        report.iterations, report.kicks, report.completions, report.interrupts, report.marks,
        report.portAccesses, report.memoryAccesses, report.diskRequests.reads, report.diskRequests.writes,
        report.diskRequests.flushes, report.detail,
      ] == Array(1...11))
  }

  @Test("A failure is told in words, with what it is about; port 0 is one, too")
  func failures() throws {
    func text(_ code: UInt8, _ detail: UInt8) throws -> String? {
      var bytes = [UInt8](repeating: 0, count: 96)
      bytes.replaceSubrange(0..<5, with: [0x45, 0x52, 0x50, 0x54, code])
      bytes[88] = detail
      return try bytes.withUnsafeBytes { try GuestReport(decoding: $0) }.failureText(.console)
    }
    #expect(try text(0, 0) == nil)
    #expect(try text(9, 0) == "the peer of port 0 left")
    #expect(try text(9, 1) == "the peer of port 1 left")
    #expect(try text(2, 7) == "completion lost or counted twice (request 7)")
    #expect(try text(3, 0) == "interrupt missing")
    #expect(try text(99, 0) == "code 99")
  }

  @Test func missingReportIsNotAReport() {
    let bytes = [UInt8](repeating: 0, count: 96)
    #expect(throws: GuestError.self) { try bytes.withUnsafeBytes { try GuestReport(decoding: $0) } }
    #expect(throws: GuestError.self) {
      try bytes.prefix(95).withUnsafeBytes { try GuestReport(decoding: $0) }
    }
  }
}
