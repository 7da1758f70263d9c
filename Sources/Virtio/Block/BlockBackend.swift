import Platform

/// What carries out a disk's requests: behind it is a file, and some way to read and write it.
///
/// Each queue has a channel of its own, on which its completions arrive. All calls for one channel come one at a time, except
/// for `end`, and for `settle`, during which none comes for any.
package protocol BlockBackend: AnyObject, Sendable {
  /// 512-byte sectors.
  var sectors: UInt64 { get }
  /// Whether writing is refused.
  var isReadOnly: Bool { get }
  /// What is read and written at once below the file, bytes: 512 or more. Ranges without data are of whole ones.
  var blockSize: Int { get }
  /// What reads and writes have to be aligned to; nil where they may be anywhere.
  var alignment: DirectAlignment? { get }

  /// Starts threads, where it has any.
  ///
  /// - Parameter name: the disk's.
  func start(name: String) throws(Errno)

  /// Carries out what was submitted, then ends.
  func end()

  /// Takes a request, whose queue says which channel it belongs to. It is under way from the next `endBatch` on, if not
  /// before, and is completed once.
  func submit(_ job: BlockJob)

  /// There is nothing more to be submitted for now.
  ///
  /// - Parameter jobs: are added those that are complete already.
  func endBatch(queue: Int, into jobs: inout [BlockJob])

  /// Takes what was completed on a channel since the last time, whose arrival is over with this.
  func takeCompleted(queue: Int, into jobs: inout [BlockJob])

  /// What can be read while there is something to be taken from a channel; open as long as this is there.
  func arrival(queue: Int) -> CInt

  /// Has a channel's loop look at it, also where nothing was completed.
  func wake(queue: Int)

  /// Returns when nothing is being carried out; what was completed meanwhile is still to be taken.
  func settle()
}

/// How a disk's requests are carried out: QEMU's `aio`.
package enum BlockMethod: String, Sendable, Codable, CaseIterable {
  /// By the kernel, to which they are handed in batches: io_uring(7).
  case ring = "io_uring"
  /// By threads of this process.
  case threads
}
