/// The streams in the order of their next events: O(log n) for each step, whatever the number of streams.
struct MergeHeap {
  struct Head {
    var timestamp: Int64
    var stream: Int

    /// Earlier first; of one timestamp the stream with the smaller number.
    @inline(__always)
    static func < (a: Head, b: Head) -> Bool {
      a.timestamp < b.timestamp || (a.timestamp == b.timestamp && a.stream < b.stream)
    }
  }

  private var heads: [Head] = []

  @inline(__always) var top: Head? { heads.first }

  /// The earliest head but the top.
  @inline(__always) var second: Head? {
    switch heads.count {
    case 0, 1: nil
    case 2: heads[1]
    default: heads[1] < heads[2] ? heads[1] : heads[2]
    }
  }

  mutating func insert(_ head: Head) {
    heads.append(head)
    var child = heads.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heads[child] < heads[parent] else { return }
      heads.swapAt(child, parent)
      child = parent
    }
  }

  mutating func removeTop() {
    let last = heads.removeLast()
    if !heads.isEmpty { replaceTop(last) }
  }

  mutating func replaceTop(_ head: Head) {
    // `place` and `child` are those of heads: of the top, and then of what has been compared with their number.
    unsafe heads.withUnsafeMutableBufferPointer { heads in
      var place = 0
      while true {
        var child = 2 * place + 1
        guard child < heads.count else { break }
        if unsafe child + 1 < heads.count && heads[child + 1] < heads[child] { child += 1 }
        guard unsafe heads[child] < head else { break }
        unsafe heads[place] = heads[child]
        place = child
      }
      unsafe heads[place] = head
    }
  }
}
