/// Which events, and which of their payload fields, a consumer wants, by name.
///
/// Names that the trace does not know are no error: they are listed by ``MergedRows`` once resolved.
public struct FieldSelection: Sendable {
  struct Event: Sendable {
    let name: String
    let tag: UInt16
    let fields: [String]
  }

  private(set) var events: [Event] = []
  private(set) var countsOthers = false

  /// Selects nothing.
  public init() {}

  /// Delivers every event called `name` as a row with this tag and the payload fields `fields`, in this order, from
  /// word ``Row/firstField`` on.
  ///
  /// - Parameters:
  ///   - name: Full name as in the metadata, for LTTng `provider:event`.
  ///   - tag: Any number but ``Row/gapTag``. Selecting the same name again replaces the earlier selection.
  ///   - fields: Names of integers, enumerations, floating-point numbers (bits of a `Double`), strings and text
  ///     arrays directly in the event's payload, at most 1000. A field the event lacks, or one of another kind, reads
  ///     as 0 and is listed in ``MergedRows/missing``.
  public mutating func select(event name: String, tag: UInt16, fields: [String]) {
    precondition(tag != Row.gapTag, "tag \(tag) is reserved for gaps")
    precondition(fields.count <= 1000, "more than 1000 fields selected")
    events.removeAll { $0.name == name }
    events.append(Event(name: name, tag: tag, fields: fields))
  }

  /// Counts events that are not selected in ``MergedRows/otherEvents`` rather than ignoring them.
  public mutating func countOthers() {
    countsOthers = true
  }
}
