import Analysis
import Reporting
import Reports
import Symbols

/// Everything that the analyzer's commands do with a state file.
enum StateTarget {
  /// - Parameter input: A state file; what comes before the state itself does not matter, as a wrong checksum says nothing.
  static func run(_ input: [UInt8]) -> String? {
    let recordings: [SavedRecording]
    do throws(StateError) {
      recordings = try StateFile.read(body: Array(input.dropFirst(StateFile.headerSize)))
    } catch {
      return complaint(error)
    }
    do throws(StateError) {
      let bytes = try StateFile.bytes(of: recordings)
      guard try StateFile.bytes(of: StateFile.read(bytes)) == bytes else {
        return "a state that is read and written is another one"
      }
      return try explain(recordings)
    } catch {
      return complaint(error)
    }
  }

  private static func complaint(_ error: StateError) -> String? {
    let isLine = !error.description.isEmpty && !error.description.contains("\n")
    return isLine ? nil : "an error that is no line: \(error)"
  }

  private static func explain(_ recordings: [SavedRecording]) throws(StateError) -> String? {
    if let complaint = render(try Reporter(recordings)) { return complaint }
    let first = recordings[0]
    var twin = first
    // As if it went on with itself, and beside itself.
    do throws(StateError) {
      try twin.append(first)
      if let complaint = render(try Reporter([twin])) { return complaint }
    } catch {
      if let complaint = complaint(error) { return complaint }
    }
    twin = first
    twin.label = first.label + "2"
    return render(try Reporter([first, twin]))
  }

  /// A function below and one above what is canonical, so that some pointers are in one.
  private static let places: ExitPlaces = {
    let text = "1000 T low\n2000 D data\nffffffff80000000 T high\n"
    let table = try? SymbolFile.read(Array(text.utf8))
    return ExitPlaces(symbols: table.map { GuestSymbols($0, path: "System.map") })
  }()

  private static func render(_ reporter: Reporter) -> String? {
    let summary = reporter.summary()
    var reports = [
      summary, reporter.exits(by: .address), reporter.exits(by: .vcpu), reporter.paths(), reporter.check(),
      Report.comparing(summary, with: summary),
    ]
    if reporter.hasInstructions {
      reports += [
        reporter.exits(by: .symbol), reporter.exits(by: .symbol, places: places),
        reporter.exits(by: .addressRange),
        reporter.exits(by: .addressRange, places: ExitPlaces(rangeSize: .max)),
      ]
    }
    for report in reports {
      if TextRenderer.render(report).isEmpty { return "an empty report of \(report.command)" }
      do {
        _ = try report.json()
      } catch {
        return "the report of \(report.command) cannot be written as JSON: \(error)"
      }
    }
    return nil
  }
}
