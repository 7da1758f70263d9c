/// Recognises event headers that need no interpreter by what their plan does with the bits.
///
/// The plan of a header is gone through once, the way that the most frequent ids lead, to learn which bits are the id
/// and which are the time. What the metadata calls the fields, in which order it names labels and options, and whether
/// it is of CTF 1.8 or CTF 2, makes no difference: only the steps count, and they are what the interpreter would do.
struct HeaderLayout {
  /// A little-endian unsigned integer of the header.
  struct Field: Equatable {
    let place: Place
    /// Bits.
    let size: Int
  }

  /// Bits from the header's begin; behind padding of no constant size, from the padding's end.
  struct Place: Equatable {
    var isBehindPadding = false
    var offset = 0
  }

  /// Where the padding begins that ends at a multiple of `alignment` bits.
  struct Padding: Equatable {
    let begin: Int
    let alignment: Int
  }

  private(set) var id: Field?
  private(set) var time: Field?
  private(set) var end = Place()
  private(set) var padding: Padding?
  /// Ids from 0 up to this one have this layout.
  private(set) var largestID = UInt64.max

  private static let maximumSteps = 64

  /// Follows the steps of a header's plan; nil where they do something else than reading an id and a time.
  init?(_ steps: [Step], _ ranges: [VariantRange], _ fields: [FieldLoad]) {
    var registers: [UInt16: Field] = [:]
    var run = Place()
    var loaded: Field?
    // What chose the options: it has to be the id, as `largestID` bounds it.
    var selector: Field?
    var place = 0
    for _ in 0..<Self.maximumSteps {
      guard steps.indices.contains(place) else { return nil }
      let step = steps[place]
      place += 1
      switch step.kind {
      case .end:
        id = registers[UInt16(Register.eventID)]
        if let selector, selector != id { return nil }
        return
      case .run:
        run = end
        end.offset += Int(step.offset)
      case .fields:
        let field = fields[Int(step.offset) + Int(step.operand) - 1]
        loaded = field.sign == 0 ? Self.field(run, Int(field.offset) * 8, field.mask.nonzeroBitCount) : nil
      case .bitsLittle: loaded = Self.field(run, Int(step.offset), Int(step.size))
      case .keep: registers[step.slot] = loaded
      case .set: registers[step.slot] = nil
      case .clock:
        guard time == nil, let loaded, loaded.size == Int(step.size) else { return nil }
        time = loaded
      case .variant:
        guard step.size == 0, let tag = registers[step.slot], selector == nil || selector == tag,
          let target = choose(ranges[Int(step.offset)..<Int(step.offset) + Int(step.operand)])
        else { return nil }
        selector = tag
        place = Int(target)
      case .jump: place = Int(step.offset)
      case .align:
        guard padding == nil else { return nil }
        padding = Padding(begin: end.offset, alignment: Int(clamping: step.operand))
        end = Place(isBehindPadding: true)
      default: return nil
      }
    }
    return nil
  }

  private static func field(_ run: Place, _ offset: Int, _ size: Int) -> Field {
    Field(place: Place(isBehindPadding: run.isBehindPadding, offset: run.offset + offset), size: size)
  }

  /// The step that id 0 and those after it lead to.
  private mutating func choose(_ ranges: ArraySlice<VariantRange>) -> UInt32? {
    var target: UInt32?
    var next: UInt64 = 0
    for _ in 0..<Self.maximumSteps {
      // The first range that has the id counts; one before it may have some of the ids that follow.
      guard let place = ranges.firstIndex(where: { $0.low <= next && next <= $0.high }),
        target == nil || target == ranges[place].target
      else { break }
      target = ranges[place].target
      let earlier = ranges[..<place].lazy.map(\.low).filter { $0 > next }.min() ?? UInt64.max
      let last = min(ranges[place].high, earlier - 1)
      guard last < UInt64.max - 1 else { return target }
      next = last + 1
    }
    if next > 0 { largestID = min(largestID, next - 1) }
    return target
  }
}

extension EventHeaderPlan.Shape {
  /// The shape of a header that begins with a byte.
  init(_ layout: HeaderLayout?) {
    self = .general
    guard let layout, let id = layout.id, let time = layout.time, id.place == .init() else { return }
    let timeEnd = HeaderLayout.Place(
      isBehindPadding: time.place.isBehindPadding, offset: time.place.offset + time.size)
    guard timeEnd == layout.end else { return }
    switch (id.size, time.size) {
    case (5, 27) where time.place.offset == 5 && layout.padding == nil && layout.largestID >= 30:
      self = .compact
    case (16, 32) where layout.largestID >= 65534:
      if let padding = layout.padding {
        guard padding.begin == 16, padding.alignment > 8, time.place == .init(isBehindPadding: true) else {
          return
        }
        self = .padded(alignment: padding.alignment)
      } else if time.place.offset % 8 == 0, time.place.offset >= 16 {
        self = .large(offset: time.place.offset / 8)
      }
    default: break
    }
  }
}
