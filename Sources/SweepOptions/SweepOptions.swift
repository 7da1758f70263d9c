import ArgumentParser

/// What `exeunt sweep` is given. Both programs read it: the monitor, which has it in its help, and the one that it executes for it.
package struct SweepOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp("The experiment.", valueName: "file"), completion: .file(extensions: ["yaml", "yml"]))
  package var experiment: String

  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "Where plan and runs are kept. (default: the experiment's name, without its end)",
      valueName: "directory"),
    completion: .directory)
  package var output: String?

  @Flag(help: "Print the plan and run nothing.")
  package var plan = false

  @Option(
    help: ArgumentHelp("What decides the order of a new sweep. (default: chance)", valueName: "n"))
  package var seed: UInt64?

  @Option(
    help: ArgumentHelp(
      "Add blocks until the interval of each effect on a metric is that narrow: 'handling.p50 ±1%'.",
      valueName: "metric ±n%"))
  package var until: String?

  @Option(help: ArgumentHelp("The most blocks that --until makes. (default: 100)", valueName: "n"))
  package var mostPairs: Int?
  package static let defaultMostPairs = 100

  package init() {}

  package static let abstract = "Run guests on several configurations in turns, and record each run."
  package static let discussion = """
    An experiment is a YAML file with guests, options that all runs have, and factors that are varied; \
    docs/thread-configurations.md has the form. Every configuration runs once in each block, in an order that chance \
    decides. What was interrupted goes on where it was by the same command. The exit status is 0 when all runs are there, 1 \
    when a run failed or the disk is full, 2 for a mistaken experiment, 128 + n for signal n.

    EXAMPLES:
      exeunt sweep analysis/experiments/ioeventfd.yaml
      exeunt sweep --plan experiment.yaml
      exeunt sweep -o results experiment.yaml
      exeunt sweep --until 'kick_to_interrupt.p50 ±2%' experiment.yaml
    """
}
