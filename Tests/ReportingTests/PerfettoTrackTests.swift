import Testing

@testable import Analysis
@testable import Export

/// Where requests that overlap are in a trace for Perfetto, and how its bytes are.
@Suite("Tracks and packets of Perfetto's traces")
struct PerfettoTrackTests {
  @Test("requests on one track do not overlap, and there are no more tracks than overlap at a time")
  func lanes() {
    var random = Generator(state: 7)
    for _ in 0..<50 {
      var requests = (0..<200).map { id -> (begin: Int64, end: Int64) in
        let begin = Int64.random(in: 0..<1000, using: &random)
        return (begin, begin + Int64.random(in: 0..<60, using: &random))
      }
      // As they come: by their ends.
      requests.sort { ($0.end, $0.begin) < ($1.end, $1.begin) }
      var packets = PerfettoPackets()
      var tracks = PerfettoTracks(1, StateDump(), pid: nil, pids: [])
      var ends: [UInt64: Int64] = [:]
      for (begin, end) in requests {
        let request = ModelRequest(
          device: 3, queue: 1, id: 0, kind: 0, bytes: 0, thread: nil, begin: begin + 500, end: end + 500)
        let track = tracks.request(request, begin, "disk0", &packets)
        #expect(begin >= ends[track] ?? .min)
        ends[track] = end
      }
      let most =
        requests.map { one in
          requests.count { $0.begin <= one.begin && one.begin < max($0.end, $0.begin + 1) }
        }.max() ?? 0
      #expect(ends.count <= most, "\(ends.count) tracks for \(most)")
    }
  }

  @Test("numbers and lengths are those of the format")
  func encoding() {
    var buffer = ProtobufBuffer()
    buffer.unsigned(1, 150)
    buffer.signed(2, -1)
    buffer.fixed64(3, 0x0102)
    buffer.text(16, "ab")
    let message = buffer.begin(4)
    buffer.unsigned(1, 1)
    buffer.end(message)
    #expect(
      buffer.bytes == [0x08, 0x96, 0x01] + [0x10] + Array(repeating: 0xff, count: 9) + [0x01]
        + [0x19, 2, 1, 0, 0, 0, 0, 0, 0] + [0x82, 0x01, 2, 0x61, 0x62] + [
          0x22, 0x82, 0x80, 0x80, 0x00, 0x08, 1,
        ])
  }
}
