import InertText
import Reporting

/// What the script of a page has to know of a run before it decodes anything: names, tracks, and where their chunks are.
enum TimelineHeader {
  /// - Parameter window: What the page has of the run, ns since its first event.
  static func json(
    _ number: Int, _ collector: TimelineCollector, span: Int64, _ window: Range<Int64>
  ) -> String {
    let keys = collector.keys.all.map { "[\(text($0.label)),\(text($0.look.rawValue)),\($0.hue)]" }
    let sites = collector.keys.sites.map { site in
      let address = site.isRaw ? "false" : site.address.map { text("0x" + String($0, radix: 16)) } ?? "null"
      return "[\(site.key),\(address),\(number53(site.size)),\(number53(site.count))]"
    }
    let tracks = collector.tracks.sorted { $0.key < $1.key }.map { rank, track in
      let levels = track.places.map { places in
        "[" + places.map { "\($0.offset),\($0.length)" }.joined(separator: ",") + "]"
      }
      let isOfDevice = track.kind == .requests || track.kind == .interrupts
      let device = isOfDevice && rank.id != .max ? rank.id : -1
      return "{\"kind\":\(text(track.kind.rawValue)),\"name\":\(text(track.name)),"
        + "\"thread\":\(track.thread ?? -1),\"device\":\(device),\"lanes\":\(track.lanes.count),"
        + "\"count\":\(track.count),\"levels\":[\(levels.joined(separator: ","))]}"
    }
    let budget = collector.budget
    return "{\"run\":\(number),\"span\":\(span),\"window\":[\(window.lowerBound),\(window.upperBound)],"
      + "\"leftOut\":[\(budget.leftOut),\(budget.leftOut > 0 ? budget.leftOutFrom : 0)],"
      + "\"guestRun\":\(text(collector.keys.guestRun)),"
      + "\"branching\":\(TimelineTrack.branching),\"chunk\":\(TimelineTrack.chunk),"
      + "\"threads\":[\(collector.threads.map(text).joined(separator: ","))],"
      + "\"keys\":[\(keys.joined(separator: ","))],\"sites\":[\(sites.joined(separator: ","))],"
      + "\"tracks\":[\(tracks.joined(separator: ",\n"))]}"
  }

  /// A number that scripts have exactly, or the largest such.
  private static func number53(_ value: UInt64) -> UInt64 { min(value, 1 << 53) }

  /// A string of JSON that may stand in a script element of a page, which is XML as well. What is no letter or sign of a name
  /// is shown as U+FFFD, as everywhere on pages.
  static func text(_ value: String) -> String {
    var result = "\""
    for scalar in InertText.replaced(value).unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\" + String(scalar)
      case "<", ">", "&", "'": result += "\\u00" + String(scalar.value, radix: 16)
      case "\u{202a}"..."\u{202e}", "\u{2066}"..."\u{2069}", "\u{fffe}", "\u{ffff}": result += "\u{fffd}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
