import Reporting

/// A drawing as a part of a page: without scripts, coloured by the page's style sheet, and told in words to those who do not
/// see it.
///
/// Texts are escaped here. Classes and paths are the program's own.
struct SVGDrawing {
  enum Anchor: String { case start, middle, end }

  private let width: Double
  private let height: Double
  private let title: String
  private let description: String
  private var body = ""

  /// - Parameters:
  ///   - title: What it shows, in a few words.
  ///   - description: What is to be seen, with the numbers that matter.
  init(width: Double, height: Double, title: String, description: String) {
    self.width = width
    self.height = height
    self.title = title
    self.description = description
  }

  /// - Parameter tip: What the pointer tells.
  mutating func rect(
    _ kind: String, x: Double, y: Double, width: Double, height: Double, rounded: Double = 0,
    tip: String? = nil
  ) {
    let corner = rounded > 0 ? " rx=\"\(Self.number(rounded))\"" : ""
    add(
      "rect",
      "class=\"\(kind)\" x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" width=\"\(Self.number(width))\" "
        + "height=\"\(Self.number(height))\"\(corner)", tip)
  }

  mutating func line(
    _ kind: String, _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, tip: String? = nil
  ) {
    add(
      "line",
      "class=\"\(kind)\" x1=\"\(Self.number(x1))\" y1=\"\(Self.number(y1))\" x2=\"\(Self.number(x2))\" "
        + "y2=\"\(Self.number(y2))\"", tip)
  }

  mutating func circle(_ kind: String, x: Double, y: Double, radius: Double, tip: String? = nil) {
    add(
      "circle",
      "class=\"\(kind)\" cx=\"\(Self.number(x))\" cy=\"\(Self.number(y))\" r=\"\(Self.number(radius))\"", tip)
  }

  /// Straight lines from point to point.
  mutating func polyline(_ kind: String, _ points: [(x: Double, y: Double)], tip: String? = nil) {
    let places = points.map { "\(Self.number($0.x)),\(Self.number($0.y))" }.joined(separator: " ")
    add("polyline", "class=\"\(kind)\" points=\"\(places)\"", tip)
  }

  /// - Parameter path: In SVG's own words.
  mutating func path(_ kind: String, _ path: String) { add("path", "class=\"\(kind)\" d=\"\(path)\"", nil) }

  mutating func text(
    _ text: String, x: Double, y: Double, _ kind: String = "", anchor: Anchor = .start, tip: String? = nil
  ) {
    let classes = kind.isEmpty ? "" : " class=\"\(kind)\""
    let place = anchor == .start ? "" : " text-anchor=\"\(anchor.rawValue)\""
    body += "<text\(classes) x=\"\(Self.number(x))\" y=\"\(Self.number(y))\"\(place)>"
    body += HTMLText.escaped(text) + Self.title(tip) + "</text>\n"
  }

  private mutating func add(_ element: String, _ attributes: String, _ tip: String?) {
    body += "<\(element) \(attributes)"
    body += tip == nil ? " />\n" : ">\(Self.title(tip))</\(element)>\n"
  }

  private static func title(_ tip: String?) -> String {
    tip.map { "<title>\(HTMLText.escaped($0))</title>" } ?? ""
  }

  /// To a hundredth of a pixel.
  static func number(_ value: Double) -> String {
    var text = HTMLText.number(value)
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text == "-0" ? "0" : text
  }

  /// About how wide a text is in pixels, at the charts' size.
  static func width(of text: String) -> Double { Double(text.count) * 6.65 }

  /// The element.
  var html: String {
    let size = "\(Self.number(width))"
    return "<svg class=\"chart\" role=\"img\" width=\"\(size)\" height=\"\(Self.number(height))\" "
      + "viewBox=\"0 0 \(size) \(Self.number(height))\">\n"
      + "<title>\(HTMLText.escaped(title))</title>\n<desc>\(HTMLText.escaped(description))</desc>\n"
      + body + "</svg>\n"
  }
}
