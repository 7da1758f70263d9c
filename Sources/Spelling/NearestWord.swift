/// What a user may have meant by a word that is not known.
package enum NearestWord {
  /// `; did you mean 'x'?`, or nothing where no word is near.
  package static func sentence(for word: String, among words: [String]) -> String {
    nearest(to: word, among: words).map { "; did you mean '\($0)'?" } ?? ""
  }

  /// The word that is nearest by letters that are missing, too many, wrong or swapped: one for each three letters at most. Of equally
  /// near ones the first; longer ones than ``longest`` are not looked at.
  package static func nearest(to word: String, among words: [String]) -> String? {
    let limit = max(1, word.count / 3)
    let letters = Array(word.lowercased().prefix(longest))
    var best: (word: String, distance: Int)?
    for candidate in words where abs(candidate.count - word.count) <= limit && candidate.count <= longest {
      let distance = distance(letters, Array(candidate.lowercased()))
      if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.word
  }

  /// Letters of a word: words come from command lines and from traces.
  private static let longest = 64

  /// The optimal string alignment distance.
  private static func distance(_ left: [Character], _ right: [Character]) -> Int {
    var rows = [Array(0...right.count)]
    for (index, letter) in left.enumerated() {
      var row = [index + 1]
      for (place, other) in right.enumerated() {
        var least = min(rows[index][place + 1], row[place]) + 1
        least = min(least, rows[index][place] + (letter == other ? 0 : 1))
        if index > 0, place > 0, letter == right[place - 1], left[index - 1] == other {
          least = min(least, rows[index - 1][place - 1] + 1)
        }
        row.append(least)
      }
      rows.append(row)
    }
    return rows[left.count][right.count]
  }
}
