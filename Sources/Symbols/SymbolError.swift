/// Why symbols cannot be had from a file: without its name.
package struct SymbolError: Error, Equatable, CustomStringConvertible {
  /// What is wrong, and what to do where something can be done.
  package let description: String

  package init(_ description: String) { self.description = description }
}
