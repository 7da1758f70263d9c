import ArgumentParser
import Dump
import Reporting

/// How metadata is read that the specification does not allow.
struct StrictnessOption: ParsableArguments {
  @Flag(
    help: ArgumentHelp(
      "Refuse metadata that breaks the specification also where it can mean only one thing, which is read with a "
        + "warning otherwise."))
  var strict = false
}

extension BigIntegers: ExpressibleByArgument {}

/// How JSON has large integers.
struct BigIntegersOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "In JSON, integers beyond ±(2^53 - 1), as timestamps are: text, as many readers would round numbers; or number.",
      valueName: "text|number"))
  var bigIntegers = BigIntegers.text
}
