import Foundation
import Testing

/// Reads a timeline of a page as the page's script does, which is written anew here.
struct TimelineReader {
  struct Header: Decodable {
    struct Track: Decodable {
      let kind, name: String
      let thread, device, lanes, count: Int
      let levels: [[Int]]
    }

    let run, branching, chunk: Int
    let span: Int64
    let window, leftOut: [Int64]
    let threads: [String]
    let tracks: [Track]
    /// Labels of keys.
    let labels: [String]
    /// The key of each site.
    let siteKeys: [Int]

    private enum Key: CodingKey {
      case run, branching, chunk, span, window, leftOut, threads, tracks, keys, sites
    }
    private enum Item: Decodable {
      case number(Int)
      case other(String?)

      init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let number = try? value.decode(Int.self) {
          self = .number(number)
        } else {
          self = .other(try? value.decode(String.self))
        }
      }
    }

    init(from decoder: any Decoder) throws {
      let all = try decoder.container(keyedBy: Key.self)
      func get<Value: Decodable>(_ key: Key) throws -> Value { try all.decode(Value.self, forKey: key) }
      (run, branching, chunk, span) = (try get(.run), try get(.branching), try get(.chunk), try get(.span))
      (window, leftOut, threads, tracks) = (
        try get(.window), try get(.leftOut), try get(.threads), try get(.tracks)
      )
      let keys: [[Item]] = try get(.keys)
      labels = keys.map { if case .other(let label?) = $0[0] { label } else { "" } }
      let sites: [[Item]] = try get(.sites)
      siteKeys = sites.map { if case .number(let key) = $0[0] { key } else { -1 } }
    }
  }

  struct Thing: Equatable {
    var begin: Int64
    /// nil: there is none.
    var duration: Int64?
    var key: Int
    /// Other columns.
    var extras: [UInt64]
  }

  struct Group: Equatable {
    var begin: Int64
    var end: Int64
    var count: UInt64
    var longest: Int64
    /// By key.
    var shares: [Int: Int64]
  }

  let header: Header
  private let data: [UInt8]

  init(_ html: String) throws {
    func element(_ name: String) throws -> Substring {
      let begin = try #require(html.range(of: "class=\"\(name)\">"))
      let end = try #require(html.range(of: "</script>", range: begin.upperBound..<html.endIndex))
      return html[begin.upperBound..<end.lowerBound]
    }
    header = try JSONDecoder().decode(Header.self, from: Data(try element("timeline-header").utf8))
    data = Array(try element("timeline-data").utf8)
  }

  /// Entries of a level.
  func count(_ track: Header.Track, _ level: Int) -> Int {
    (0..<level).reduce(track.count) { count, _ in (count + header.branching - 1) / header.branching }
  }

  /// The columns of a chunk; nil: the page does not have it.
  private func columns(_ track: Header.Track, _ level: Int, _ place: Int) throws -> (
    columns: [[UInt64]], count: Int
  )? {
    let (offset, length) = (track.levels[level][2 * place], track.levels[level][2 * place + 1])
    guard length > 0 else { return nil }
    let text = data[offset..<offset + (length + 2) / 3 * 4]
    let bytes = [UInt8](try #require(Data(base64Encoded: Data(text))))
    #expect(bytes.count == length)
    let count = min(header.chunk, count(track, level) - place * header.chunk)
    var at = 0
    func number() -> UInt64 {
      var (value, shift): (UInt64, UInt64) = (0, 0)
      while true {
        let byte = bytes[at]
        at += 1
        value |= UInt64(byte & 127) << shift
        shift += 7
        if byte < 128 { return value }
      }
    }
    var columns: [[UInt64]] = []
    while at < bytes.count {
      let length = Int(number())
      let end = at + length
      var column: [UInt64] = []
      while at < end { column.append(number()) }
      columns.append(column)
    }
    return (columns, count)
  }

  /// A column without any number has zeros.
  private func number(_ column: [UInt64], _ index: Int) -> UInt64 { column.isEmpty ? 0 : column[index] }

  static func signed(_ value: UInt64) -> Int64 { Int64(bitPattern: value >> 1) ^ -Int64(value & 1) }

  private func begins(_ column: [UInt64], _ count: Int) -> [Int64] {
    var latest: Int64 = 0
    return (0..<count).map {
      latest += Self.signed(number(column, $0))
      return latest
    }
  }

  /// Things of a track; nil in place of what the page does not have.
  func things(_ track: Header.Track) throws -> [Thing?] {
    var things: [Thing?] = []
    for place in 0..<track.levels[0].count / 2 {
      guard let (columns, count) = try columns(track, 0, place) else {
        things += Array(repeating: nil, count: min(header.chunk, track.count - place * header.chunk))
        continue
      }
      let begins = begins(columns[0], count)
      for index in 0..<count {
        let (duration, key) = (number(columns[1], index), Int(number(columns[2], index)))
        things.append(
          Thing(
            begin: begins[index], duration: duration == 0 ? nil : Int64(duration) - 1,
            key: track.kind == "exits" ? header.siteKeys[key] : key,
            extras: columns[3...].map { number($0, index) }))
      }
    }
    return things
  }

  /// Groups of a level from 1 on; nil in place of what the page does not have.
  func groups(_ track: Header.Track, _ level: Int) throws -> [Group?] {
    var groups: [Group?] = []
    let all = count(track, level)
    for place in 0..<track.levels[level].count / 2 {
      guard let (columns, count) = try columns(track, level, place) else {
        groups += Array(repeating: nil, count: min(header.chunk, all - place * header.chunk))
        continue
      }
      let begins = begins(columns[0], count)
      var share = 0
      for index in 0..<count {
        var shares: [Int: Int64] = [:]
        for _ in 0..<number(columns[4], index) {
          shares[Int(number(columns[5], share)), default: 0] += Int64(number(columns[6], share))
          share += 1
        }
        groups.append(
          Group(
            begin: begins[index], end: begins[index] + Int64(number(columns[1], index)),
            count: number(columns[2], index), longest: Int64(number(columns[3], index)), shares: shares))
      }
    }
    return groups
  }
}
