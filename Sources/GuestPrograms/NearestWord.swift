/// What a user may have meant by a word that is not known.
package enum NearestWord {
  /// `; did you mean 'x'?`, or nothing where no word is near.
  package static func sentence(for word: String, among words: [String]) -> String {
    nearest(to: word, among: words).map { "; did you mean '\($0)'?" } ?? ""
  }

  /// The word that is nearest by letters that are missing, too many, wrong or swapped: one for each three letters at most.
  package static func nearest(to word: String, among words: [String]) -> String? {
    let limit = max(1, word.count / 3)
    let near = words.map {
      ($0, distance(Array(word.lowercased().prefix(64)), Array($0.lowercased().prefix(64))))
    }
    return near.filter { $0.1 <= limit }.min { $0.1 < $1.1 }?.0
  }

  /// The optimal string alignment distance.
  static func distance(_ left: [Character], _ right: [Character]) -> Int {
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
