/// Values without references in memory that does not move: found without counting references to an array.
///
/// Whoever makes a table gives its memory back; copies are the same table, and are used no longer than that.
@safe
struct PlainTable<Element: BitwiseCopyable> {
  private let first: UnsafeMutablePointer<Element>
  let count: Int

  init(_ elements: [Element]) {
    count = elements.count
    unsafe first = .allocate(capacity: max(1, elements.count))
    unsafe first.initialize(from: elements, count: elements.count)
  }

  /// - Parameter index: Is checked.
  @inline(__always)
  subscript(index: Int) -> Element {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "no such element")
    return unsafe first[index]
  }

  /// Where an element is, for loops that need little of it at a time.
  ///
  /// - Parameter index: The caller has compared it with the count.
  @inline(__always) @unsafe
  func pointer(_ index: Int) -> UnsafePointer<Element> { unsafe UnsafePointer(first + index) }

  /// Gives the memory back: nobody may use the table or a copy of it any more.
  @unsafe
  func deallocate() { unsafe first.deallocate() }
}
