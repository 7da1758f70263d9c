import ArgumentParser
import GuestPrograms
import Platform
import Spelling

/// An option's argument as QEMU has them: `key=value` between commas, in any order and each key once; with some options
/// one word without a key comes first, such as a device's driver. A comma in a value is written twice.
///
/// Whoever takes one says which keys there are (`allow`), then asks for values. All messages repeat what was given.
struct KeyedArgument: Sendable {
  /// The word that comes first; empty where the option has none.
  let first: String
  /// What was given, with the option, for messages.
  let text: String
  private var values: [String: [String]] = [:]
  private var keys: [String] = []

  /// Cuts an argument into its words.
  ///
  /// - Parameters:
  ///   - option: with its dashes.
  ///   - first: what comes first without a key, for messages (`a driver`); nil where nothing does.
  ///   - repeatable: keys that may be given several times.
  init(_ argument: String, of option: String, first: String? = nil, repeatable: Set<String> = []) throws {
    text = "\(option) \(argument)"
    var words = KeyedArgument.split(argument)
    self.first = first == nil ? "" : words.removeFirst()
    if let first, self.first.isEmpty { throw failure("begin with \(first)") }
    for word in words {
      guard let equals = word.firstIndex(of: "="), equals > word.startIndex else {
        throw failure("\"\(word)\" is no key=value (a comma in a value is written twice)")
      }
      let (key, value) = (String(word[..<equals]), String(word[word.index(after: equals)...]))
      guard !value.isEmpty else { throw failure("\(key)= has no value") }
      guard values[key] == nil || repeatable.contains(key) else { throw failure("\(key) is given twice") }
      values[key, default: []].append(value)
      keys.append(key)
    }
  }

  /// Words between single commas, at least one.
  private static func split(_ argument: String) -> [String] {
    var words = [""]
    var rest = argument[...]
    while let character = rest.popFirst() {
      if character != "," {
        words[words.count - 1].append(character)
      } else if rest.first == "," {
        rest.removeFirst()
        words[words.count - 1].append(",")
      } else {
        words.append("")
      }
    }
    return words
  }

  /// A message about this argument.
  func failure(_ what: String) -> ValidationError { ValidationError("\(text): \(what)") }

  /// What is wrong with an option's value, where the message is of this kind: `--drive X: what`, without the parser's words
  /// around it that repeat the value: `The value 'X' is invalid for '--drive <key=value…>': --drive X: what`.
  static func mistake(in message: String) -> String? {
    let begin = "The value '"
    guard message.hasPrefix(begin) else { return nil }
    let rest = message.dropFirst(begin.count)
    // A value may have these words in it.
    for infix in rest.ranges(of: "' is invalid for '") {
      let value = rest[..<infix.lowerBound]
      let behind = rest[infix.upperBound...]
      let option = behind.prefix { $0 != " " && $0 != "'" }
      guard let end = behind.firstRange(of: ">': ") else { continue }
      let what = behind[end.upperBound...]
      if what.hasPrefix("\(option) \(value): ") { return String(what) }
    }
    return nil
  }

  /// Refuses every key that is not among these, with the nearest one.
  func allow(_ known: [String]) throws {
    for key in keys where !known.contains(key) {
      let meant = NearestWord.sentence(for: key, among: known)
      throw failure("unknown key '\(key)'" + (meant.isEmpty ? KeyedArgument.sentence(known) : meant))
    }
  }

  /// The message for a word that is none of those that there are, with the nearest one.
  func unknown(_ what: String, _ word: String, among known: [String]) -> ValidationError {
    let meant = NearestWord.sentence(for: word, among: known)
    return failure("unknown \(what) '\(word)'" + (meant.isEmpty ? KeyedArgument.sentence(known) : meant))
  }

  private static func sentence(_ known: [String]) -> String {
    "; there \(known.count == 1 ? "is" : "are") \(known.joined(separator: ", "))"
  }

  // MARK: Values. Nil where the key is not there.

  /// Whether a key is there.
  func has(_ key: String) -> Bool { values[key] != nil }

  /// A value as it was given, not empty.
  func string(_ key: String) -> String? { values[key]?.first }

  /// All values of a key that may be given several times, in their order.
  func strings(_ key: String) -> [String] { values[key] ?? [] }

  /// The value of a key that has to be there.
  ///
  /// - Parameter purpose: what it says: `the file with its sectors`.
  func required(_ key: String, _ purpose: String) throws -> String {
    guard let value = string(key) else { throw failure("\(key)= is missing: \(purpose)") }
    return value
  }

  /// A name by which other options refer to this one: as in QEMU a letter, then letters, digits, `-`, `.` and `_`.
  func identifier(_ key: String = "id") throws -> String? {
    guard let value = string(key) else { return nil }
    func isLetter(_ character: Character) -> Bool { character.isASCII && character.isLetter }
    guard let first = value.first, isLetter(first),
      value.allSatisfy({ isLetter($0) || $0.isASCII && $0.isNumber || "-._".contains($0) })
    else { throw failure("\(key)=\(value): give a letter, then letters, digits, '-', '.' or '_'") }
    return value
  }

  /// A decimal number within limits.
  func number(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
    guard let value = string(key) else { return nil }
    guard value.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(value), range.contains(number)
    else { throw failure("\(key)=\(value): give \(range.lowerBound) to \(range.upperBound)") }
    return number
  }

  /// A span of time within limits, nanoseconds.
  func time(_ key: String, in range: ClosedRange<UInt64>) throws -> UInt64? {
    guard let value = string(key) else { return nil }
    guard let time = TimeText.nanoseconds(value), range.contains(time) else {
      let limits = "\(TimeText.seconds(range.lowerBound)) to \(TimeText.seconds(range.upperBound))"
      throw failure("\(key)=\(value): give a time of \(limits), such as 100us")
    }
    return time
  }

  /// `on` or `off`.
  func isOn(_ key: String) throws -> Bool? {
    let value: Switch? = try choice(key)
    return value.map { $0 == .on }
  }

  /// One of a few words.
  func choice<Choice: RawRepresentable<String> & CaseIterable>(_ key: String) throws -> Choice? {
    guard let value = string(key) else { return nil }
    if let choice = Choice(rawValue: value) { return choice }
    let known = Choice.allCases.map(\.rawValue)
    throw failure(
      "\(key)=\(value): give \(known.joined(separator: " or "))"
        + NearestWord.sentence(for: value, among: known))
  }
}
