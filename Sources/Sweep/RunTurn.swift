import Foundation
import Glibc
import Platform

/// Programs that run at the same time.
enum RunTurn {
  /// How each ended.
  typealias Outcome = Result<Subprocess.Outcome, Errno>

  /// Starts all of them and waits for all.
  ///
  /// - Parameters:
  ///   - commands: Arguments of the monitor, and the processors that it may use; none: all.
  ///   - timeout: ms for each.
  ///   - isHopeless: Asked some four times a second, on several threads.
  static func run(
    _ program: String, _ commands: [(arguments: [String], cpus: [Int])], timeout: Int,
    isHopeless: @escaping @Sendable () -> Bool
  ) -> [Outcome] {
    let found = Found(commands.count)
    @Sendable func one(_ place: Int, _ arguments: [String], _ cpus: [Int]) {
      do throws(Errno) {
        let outcome = try Subprocess.run(
          ProcessArguments.executable, RunLauncher.arguments(program, arguments, cpus: cpus),
          timeout: timeout, isHopeless: isHopeless)
        found.set(place, .success(outcome))
      } catch {
        found.set(place, .failure(error))
      }
    }
    // The thread that starts a run has to outlive it: its end is what the run is told of.
    var threads: [DedicatedThread] = []
    for (place, command) in commands.enumerated().dropFirst() {
      do throws(Errno) {
        threads.append(
          try DedicatedThread(name: "run\(place)") { one(place, command.arguments, command.cpus) })
      } catch {
        found.set(place, .failure(error))
      }
    }
    if let first = commands.first { one(0, first.arguments, first.cpus) }
    for thread in threads { thread.join() }
    return found.all
  }

  /// What threads found.
  private final class Found: @unchecked Sendable {
    private let lock = Lock()
    private var outcomes: [Outcome?]

    init(_ count: Int) { outcomes = Array(repeating: nil, count: count) }

    func set(_ place: Int, _ outcome: Outcome) { lock.withLock { outcomes[place] = outcome } }

    var all: [Outcome] { lock.withLock { outcomes.map { $0 ?? .failure(Errno(rawValue: ECANCELED)) } } }
  }
}
