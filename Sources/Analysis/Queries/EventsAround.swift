import CTF

/// Reads the events nearest to a moment.
package enum EventsAround {
  /// Events that can be asked for, on each side of the moment.
  package static let maximumEvents = 1024

  /// The events of exeunt on both sides of a moment, in time order, and how many more there are in the window.
  ///
  /// - Parameters:
  ///   - window: Where to look, ns since the clock's origin.
  ///   - center: The moment; events of this instant come after it.
  ///   - before: How many events before it.
  ///   - after: How many events from it on.
  package static func read(
    _ trace: Trace, window: Range<Int64>, center: Int64, before: Int, after: Int
  ) -> (events: [ChainEvent], more: UInt64) {
    let (most, least) = (min(max(0, before), maximumEvents), min(max(0, after), maximumEvents))
    var rows = MergedRows(trace, selection: EventTag.selection(), window: window)
    // The last ones before the moment, as a ring.
    var earlier: [ChainEvent] = []
    var next = 0
    var later: [ChainEvent] = []
    var more: UInt64 = 0
    while let run = rows.nextRun() {
      for index in 0..<run.count {
        let row = run.base + index * run.stride
        guard let tag = EventTag(tag: Row.tag(row)) else { continue }
        let isEarlier = Row.timestamp(row) < center
        if isEarlier ? most == 0 : later.count >= least {
          more &+= 1
          continue
        }
        let event = ChainEvent(tag, row: row)
        if !isEarlier {
          later.append(event)
        } else if earlier.count < most {
          earlier.append(event)
        } else {
          earlier[next] = event
          next = (next + 1) % most
          more &+= 1
        }
      }
    }
    return (Array(earlier[next...]) + Array(earlier[..<next]) + later, more)
  }
}
