/// What carries out a disk's requests: behind it is a file, and some way to read and write it.
package protocol BlockBackend: AnyObject, Sendable {
  /// 512-byte sectors.
  var sectors: UInt64 { get }
  /// Whether writing is refused.
  var isReadOnly: Bool { get }

  /// Carries a request out, or begins to.
  func submit(_ job: BlockJob) -> Submission

  /// Takes what was completed since the last time.
  func takeCompleted(into jobs: inout [BlockJob])

  /// Has the device's loop collect, also where nothing was completed.
  func wake()

  /// Returns when nothing is being carried out; what was completed meanwhile is still to be taken.
  func settle()
}

/// What became of a request that was handed to a backend.
package enum Submission: Sendable {
  /// It will be among the completed ones.
  case submitted
  /// It is done: the job says how it went.
  case executed
}
